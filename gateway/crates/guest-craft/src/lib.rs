//! Guest components that no toolchain would emit, for tests: what the languages that plugins are written in cannot say,
//! said in WebAssembly's own text format. Guests that Rust can express are in `tests/guests`.
//!
//! All begin with a plugin that rejects every record as malformed; a [`Craft`] says what is different.

use std::fmt::Write;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The plugin interface, as it is.
const INTERFACE: &str = include_str!("../../../../wit/0.1.0/plugin.wit");

/// What a crafted guest does; each part is text.
pub struct Craft {
    /// The interface it claims to have been built for.
    interface: String,
    /// The world of the interface that it is built for.
    world: &'static str,
    /// The version of the interface.
    version: &'static str,
    /// More fields of the core module.
    fields: String,
    /// The first instructions of `describe`.
    describe: &'static str,
    /// The first instructions of `extract`; its parameters are `$data $data_len $starts $records $ends $ends_len`.
    extract: &'static str,
}

// === impl Craft ===

impl Default for Craft {
    fn default() -> Self {
        Self {
            interface: INTERFACE.to_owned(),
            world: "plugin",
            version: "0.1.0",
            fields: String::new(),
            describe: "",
            extract: "",
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
        let encoder = ComponentEncoder::default().validate(true).module(&module).expect("has metadata");
        let mut encoder = encoder;
        encoder.encode().expect("the module has what the world asks for")
    }

    /// A core module with a bump allocator that starts anew after each call. Below 1024 lie the results, each where its
    /// function says; what they point to is text at 1024.
    fn module(&self) -> String {
        let Self { version, fields, describe, extract, .. } = self;
        let extractor = format!("tallygate:plugin/extractor@{version}");
        format!(
            r#"(module
  (memory (export "memory") 2)
  (global $free (mut i32) (i32.const 2048))
  (data (i32.const 1024) "crafted0.1.0")
  ;; info: name, version, about, rejects
  (data (i32.const 16) "\00\04\00\00\07\00\00\00\07\04\00\00\05\00\00\00\00\04\00\00\07\00\00\00\08\00\00\00\00\00\00\00")
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
  (func (export "{extractor}#describe") (result i32)
    {describe}
    (i32.const 16))
  (func (export "{extractor}#configure") (param i32 i32) (result i32) (i32.const 128))
  (func (export "{extractor}#extract")
    (param $data i32) (param $data_len i32) (param $starts i32) (param $records i32) (param $ends i32)
    (param $ends_len i32) (result i32)
    (i32.store (i32.const 64) (call $realloc (i32.const 0) (i32.const 0) (i32.const 1) (local.get $records)))
    (i32.store (i32.const 68) (local.get $records))
    (memory.fill (i32.load (i32.const 64)) (i32.const 16) (local.get $records))
    (global.set $free (i32.const 2048))
    {extract}
    (i32.const 64))
  (func (export "{extractor}#explain") (param i32 i32) (result i32)
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
    Craft { fields, ..Craft::default() }.component()
}
