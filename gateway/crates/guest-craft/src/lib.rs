//! Guest components that no toolchain would emit, for tests: what the languages that plugins are written in cannot say,
//! said in WebAssembly's own text format. Guests that Rust can express are in `tests/guests`.
//!
//! All begin with a plugin that rejects every record as malformed; a [`Craft`] says what is different.

use std::fmt::Write;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The plugin interface, as it is.
const INTERFACE: &str = include_str!("../../../../wit/1.0.0/plugin.wit");

/// What a crafted guest does; each part is text.
pub struct Craft {
    /// The interface it claims to have been built for.
    interface: String,
    /// The world of the interface that it is built for.
    world: &'static str,
    /// The version of the interface.
    version: &'static str,
    /// What the core module imports.
    imports: &'static str,
    /// Pages of 64 KiB of memory that it has from the start.
    pages: u32,
    /// More fields of the core module.
    fields: String,
    /// The last instructions of `extract`; its parameters are `$data $data_len $bounds $bounds_len $received`, and `$records` is
    /// how many there are.
    extract: String,
}

// === impl Craft ===

impl Default for Craft {
    fn default() -> Self {
        Self {
            interface: INTERFACE.to_owned(),
            world: "plugin",
            version: "1.0.0",
            imports: "",
            pages: 2,
            fields: String::new(),
            extract: String::new(),
        }
    }
}

impl Craft {
    /// The component.
    ///
    /// # Panics
    /// When the parts do not fit together: a mistake in this crate.
    #[must_use]
    pub fn component(&self) -> Vec<u8> {
        let mut module = wat::parse_str(self.module()).expect("the text is a module");
        let mut resolve = Resolve::default();
        let package = resolve.push_str("plugin.wit", &self.interface).expect("the interface is valid");
        let world = resolve.select_world(&[package], Some(self.world)).expect("the interface has the world");
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("has no metadata yet");
        let mut encoder = ComponentEncoder::default().validate(true).module(&module).expect("has metadata");
        encoder.encode().expect("the module has what the world asks for")
    }

    /// A core module with a bump allocator that starts anew after each call. Below 1024 lie the results, each where its
    /// function says; what they point to is text at 1024.
    fn module(&self) -> String {
        let Self { version, imports, pages, fields, extract, .. } = self;
        let extractor = format!("tallygate:plugin/extractor@{version}");
        format!(
            r#"(module
  {imports}
  (memory (export "memory") {pages})
  (global $free (mut i32) (i32.const 2048))
  (data (i32.const 1024) "crafted1.0.0")
  ;; info: name, version, about, rejects, settings
  (data (i32.const 16) "\00\04\00\00\07\00\00\00\07\04\00\00\05\00\00\00\00\04\00\00\07\00\00\00\08\00\00\00\00\00\00\00\08\00\00\00\00\00\00\00")
  ;; outcome: status, v4, v6, times
  (data (i32.const 64) "\00\00\00\00\00\00\00\00\08\00\00\00\00\00\00\00\08\00\00\00\00\00\00\00\08\00\00\00\00\00\00\00")
  ;; result<string, string>: an error
  (data (i32.const 160) "\01\00\00\00\00\04\00\00\07\00\00\00")
  (func $realloc (export "cabi_realloc") (param i32 i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and
      (i32.sub (i32.add (global.get $free) (local.get $align)) (i32.const 1))
      (i32.sub (i32.const 0) (local.get $align))))
    (global.set $free (i32.add (local.get $at) (local.get $size)))
    (loop $more
      (if (i32.gt_u (global.get $free) (i32.mul (memory.size) (i32.const 65536)))
        (then
          (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))
          (br $more))))
    (local.get $at))
  (func (export "{extractor}#describe") (result i32) (i32.const 16))
  (func (export "{extractor}#configure") (param i32 i32) (result i32) (i32.const 128))
  (func (export "{extractor}#extract")
    (param $data i32) (param $data_len i32) (param $bounds i32) (param $bounds_len i32) (param $received i64)
    (result i32) (local $records i32)
    (local.set $records (i32.shr_u (local.get $bounds_len) (i32.const 1)))
    (i32.store (i32.const 64) (call $realloc (i32.const 0) (i32.const 0) (i32.const 1) (local.get $records)))
    (i32.store (i32.const 68) (local.get $records))
    (memory.fill (i32.load (i32.const 64)) (i32.const 16) (local.get $records))
    (global.set $free (i32.const 2048))
    {extract}
    (i32.const 64))
  (func (export "{extractor}#explain") (param i32 i32 i64) (result i32)
    (global.set $free (i32.const 2048))
    (i32.const 160))
  {fields}
)"#
        )
    }
}

/// A guest that does no harm: it rejects every record as malformed.
#[must_use]
pub fn harmless() -> Vec<u8> {
    Craft::default().component()
}

/// A harmless guest with so many functions besides its own, each of some size.
#[must_use]
pub fn with_functions(count: usize) -> Vec<u8> {
    let mut fields = String::new();
    for at in 0..count {
        write!(fields, "(func (param i32) (result i32) (local.get 0)").expect("writing to a string cannot fail");
        for step in 0..16 {
            write!(fields, "(i32.mul (i32.const {at})) (i32.add (local.get 0)) (i32.rotl (i32.const {step}))")
                .expect("writing to a string cannot fail");
        }
        fields.push_str(")\n");
    }
    with_fields(fields)
}

/// A harmless guest of at least so many bytes.
#[must_use]
pub fn of_size(bytes: usize) -> Vec<u8> {
    // A custom section has a name, and content that nobody reads.
    let content = [b"\x07padding".to_vec(), vec![0; bytes]].concat();
    with_section(0, &content)
}

/// Traps before anything is asked of it.
#[must_use]
pub fn trapping_at_start() -> Vec<u8> {
    with_fields("(func $start unreachable) (start $start)")
}

/// Calls itself without end before anything is asked of it.
#[must_use]
pub fn recursing_at_start() -> Vec<u8> {
    with_fields("(func $start (call $start)) (start $start)")
}

/// Computes for ever before anything is asked of it.
#[must_use]
pub fn spinning_at_start() -> Vec<u8> {
    with_fields("(func $start (loop $again (br $again))) (start $start)")
}

/// Asks for a table of so many entries from the start.
#[must_use]
pub fn with_table(entries: u32) -> Vec<u8> {
    with_fields(format!("(table {entries} funcref)"))
}

/// Asks for so many pages of 64 KiB of memory in its first call, while it is started.
#[must_use]
pub fn taking_memory_at_start(pages: u32) -> Vec<u8> {
    with_fields(format!(
        "(func $start (if (i32.eq (memory.grow (i32.const {pages})) (i32.const -1)) (then unreachable))) (start $start)"
    ))
}

/// Asks for so many pages of 64 KiB of memory from the start.
#[must_use]
pub fn with_memory(pages: u32) -> Vec<u8> {
    Craft { pages, ..Craft::default() }.component()
}

/// Lets a table grow when it is given data, until it may not, and traps then.
#[must_use]
pub fn growing_a_table() -> Vec<u8> {
    let extract = "(if (local.get $data_len) (then
          (loop $more (br_if $more (i32.ne (i32.const -1) (table.grow $bomb (ref.null func) (i32.const 1000)))))
          unreachable))";
    Craft { fields: "(table $bomb 0 funcref)".to_owned(), extract: extract.to_owned(), ..Craft::default() }.component()
}

/// Says of its first column that it is so many bytes long, where there is no memory for that.
#[must_use]
pub fn claiming(bytes: u32) -> Vec<u8> {
    let extract = format!("(if (local.get $data_len) (then (i32.store (i32.const 68) (i32.const {bytes}))))");
    Craft { extract, ..Craft::default() }.component()
}

/// Has the memory and answers any data with so many pages of 64 KiB of status bytes.
#[must_use]
pub fn answering_with(pages: u32) -> Vec<u8> {
    let extract = format!(
        "(if (local.get $data_len) (then
          (drop (memory.grow (i32.const {pages})))
          (i32.store (i32.const 64) (i32.const 2048))
          (i32.store (i32.const 68) (i32.mul (i32.const {pages}) (i32.const 65536)))))"
    );
    Craft { extract, ..Craft::default() }.component()
}

/// Imports what no gateway offers: an interface called `clock`.
#[must_use]
pub fn importing_a_clock() -> Vec<u8> {
    let interface = INTERFACE.replace("import log;", "import log; import clock: interface { now: func() -> u64; }");
    let imports = r#"(import "clock" "now" (func (result i64)))"#;
    Craft { interface, imports, ..Craft::default() }.component()
}

/// Was built for an interface of another version.
#[must_use]
pub fn of_another_version() -> Vec<u8> {
    let interface = INTERFACE.replace("@1.0.0;", "@2.0.0;");
    Craft { interface, version: "2.0.0", ..Craft::default() }.component()
}

/// Exports another interface beside the extractor, as plugins of later versions may.
#[must_use]
pub fn exporting_more() -> Vec<u8> {
    let more = "export extractor; export more: interface { names: func() -> u32; }";
    let interface = INTERFACE.replace("export extractor;", more);
    let fields = r#"(func (export "more#names") (result i32) (i32.const 7))"#.to_owned();
    Craft { interface, fields, ..Craft::default() }.component()
}

/// Was built for another world: it exports no extractor.
#[must_use]
pub fn of_another_world() -> Vec<u8> {
    let interface = format!("{INTERFACE}\nworld other {{ export run: func(); }}");
    let fields = r#"(func (export "run"))"#.to_owned();
    Craft { interface, world: "other", fields, ..Craft::default() }.component()
}

/// Calls itself an extractor of the version that is served, but its `explain` takes something else.
#[must_use]
pub fn of_wrong_types() -> Vec<u8> {
    let interface = INTERFACE.replace("func(%record: list<u8>, received: s64)", "func(%record: string, received: s64)");
    Craft { interface, ..Craft::default() }.component()
}

/// Is instantiated, as a core module, so many times more than it needs to be.
#[must_use]
pub fn with_instances(count: u32) -> Vec<u8> {
    // Each instance: an instantiation, of the first module, with no arguments.
    let instances = [leb128(count).to_vec(), [0, 0, 0].repeat(count as usize)].concat();
    with_section(2, &instances)
}

/// A harmless guest with one more section of the component.
fn with_section(number: u8, content: &[u8]) -> Vec<u8> {
    let mut component = harmless();
    component.push(number);
    component.extend(leb128(u32::try_from(content.len()).expect("fits a section")));
    component.extend_from_slice(content);
    component
}

/// A number as binary WebAssembly has it, of full width.
fn leb128(number: u32) -> [u8; 5] {
    let mut bytes = [0x80; 5];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte |= (number >> (7 * at)) as u8 & 0x7f;
    }
    bytes[4] &= 0x7f;
    bytes
}

fn with_fields(fields: impl Into<String>) -> Vec<u8> {
    Craft { fields: fields.into(), ..Craft::default() }.component()
}
