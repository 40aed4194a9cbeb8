//! The way into and out of the sandbox: the canonical ABI of the component model, for the one world that a plugin has.
//!
//! Written by hand, because a call is entered and left once for a record that came alone. Three entries are the fewest
//! there can be: the two lists of a call are copied into blocks that the gateway asks for ([`cabi_realloc`]), and
//! the call itself. What a call answers stays where it is until the next one: a plugin that exports a function which
//! frees it (`cabi_post_…`) is entered once more. The first block that the gateway asks for is how a plugin learns that
//! there is a next one. The answer must go before that block is handed out: the allocator without a standard library
//! takes memory back from its end, so an answer between two calls' lists would keep all of it in use.
//!
//! The layouts are those of "Canonical ABI" in the component model's specification: a list or a string is an address
//! and a length of 32 bits each, a record its fields in order, and what does not fit into one value is answered by
//! its address.

use alloc::{
    alloc::{alloc, dealloc, handle_alloc_error, realloc},
    string::String,
    vec::Vec,
};
use core::{
    alloc::Layout,
    cell::{Cell, RefCell, RefMut},
    mem, ptr, slice,
};

use crate::{Columns, Format, Text, format, text::SLACK};

/// What tells the linker which world the plugin is for: `plugin.wit` as `wit-component` encodes it. A test compares
/// the two.
pub const WORLD: &[u8; include_bytes!("world.bin").len()] = include_bytes!("world.bin");

/// Calls of up to so many records are answered in columns that are kept. Those of more ask for memory each time, which
/// so many records make up for: to keep columns for the 4,096 that a call of the gateway may have would take 87 KiB more
/// for each instance, and save four allocations in a call.
const KEPT_RECORDS: usize = 1024;

/// A format that the exports of a component work on. Each plugin has one, in a `static`.
pub struct Instance<F>(RefCell<State<F>>);

// SAFETY: the target has no threads, so no reference ever reaches another one. (Tests make one for each thread.)
unsafe impl<F> Sync for Instance<F> {}

struct State<F> {
    format: Option<F>,
    /// The answer to a call of up to [`KEPT_RECORDS`] records.
    columns: Columns,
    outcome: [List; 4],
}

/// The last answer, unless it lies in columns that are kept. It is no part of `State`, because [`cabi_realloc`] frees it,
/// which knows of no format.
struct LastAnswer {
    /// Whether the others hold memory.
    holds: Cell<bool>,
    /// To a call of more than [`KEPT_RECORDS`] records.
    large: RefCell<Columns>,
    /// To the other exports.
    told: RefCell<Told>,
}

// SAFETY: as for `Instance`.
#[cfg(target_arch = "wasm32")]
unsafe impl Sync for LastAnswer {}

/// What the other exports answered last.
struct Told {
    text: String,
    result: Answer,
    info: [List; 5],
    rejects: Vec<Named>,
    settings: Vec<[List; 3]>,
}

/// `result<_, string>`, and `result<string, string>`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Answer {
    is_error: u8,
    text: List,
}

/// `tuple<u8, string>`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Named {
    code: u8,
    name: List,
}

/// A list or a string, as the gateway reads it.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct List {
    start: *const u8,
    length: usize,
}

/// The sizes that the canonical ABI gives these types.
#[cfg(target_arch = "wasm32")]
const _: () = assert!(size_of::<List>() == 8 && size_of::<Answer>() == 12 && size_of::<Named>() == 12);

/// A list that the gateway has copied into a block of [`cabi_realloc`], which is given back with it.
pub struct Input<T> {
    start: *mut T,
    length: usize,
}

// === impl Instance ===

impl<F: Format> Instance<F> {
    /// An instance that is not set up yet.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a static needs a constant, which `default` is not")]
    pub const fn new() -> Self {
        Self(RefCell::new(State { format: None, columns: Columns::EMPTY, outcome: [List::EMPTY; 4] }))
    }

    /// `describe`: the address of an `info`.
    pub fn describe(&self) -> *const u8 {
        let told = &mut *tell();
        let rejects = F::REJECTS.iter();
        told.rejects = rejects.map(|(code, name)| Named { code: *code, name: List::text(name) }).collect();
        let settings = F::SETTINGS.iter();
        told.settings =
            settings.map(|setting| [setting.name, setting.meaning, setting.default].map(List::text)).collect();
        let [name, version, about] = [F::NAME, F::VERSION, F::ABOUT].map(List::text);
        told.info = [name, version, about, List::of(&told.rejects), List::of(&told.settings)];
        told.info.as_ptr().cast()
    }

    /// `configure`: the address of a `result<_, string>`.
    pub fn configure(&self, settings: &Input<[List; 2]>) -> *const u8 {
        // SAFETY: the gateway wrote the strings of this call into blocks of `cabi_realloc` and names them here only.
        let owned = |list: &List| unsafe { list.take_text() };
        let settings: Vec<_> = settings.elements().iter().map(|[name, value]| (owned(name), owned(value))).collect();
        let answer = self.0.borrow_mut().set_up(&settings);
        tell_words(answer.map(|()| String::new()))
    }

    /// `extract`: the address of an `outcome`.
    pub fn extract(&self, data: &Input<u8>, bounds: &Input<u32>, received: i64) -> *const u8 {
        let state = &mut *self.0.borrow_mut();
        state.be_ready();
        let mut large;
        let columns = if bounds.length <= 2 * KEPT_RECORDS {
            state.columns.clear();
            &mut state.columns
        } else {
            large = last_answer().large(bounds.length / 2);
            &mut *large
        };
        if let (Some(format), Some(text)) = (&mut state.format, Text::new(data.with_slack())) {
            format::run(format, text, (bounds.elements(), received), columns);
        }
        state.outcome =
            [List::of(&columns.status), List::of(&columns.v4), List::of(&columns.v6), List::of(&columns.times)];
        end_call();
        state.outcome.as_ptr().cast()
    }

    /// `explain`: the address of a `result<string, string>`.
    pub fn explain(&self, record: &Input<u8>, received: i64) -> *const u8 {
        let state = &mut *self.0.borrow_mut();
        state.be_ready();
        let words = state.format.as_mut().map(|format| format.explain(record.elements(), received));
        tell_words(words.unwrap_or_else(|| Err(String::new())))
    }
}

// === impl State ===

impl<F: Format> State<F> {
    /// Sets the format up, and keeps the memory that took for good.
    fn set_up(&mut self, settings: &[(String, String)]) -> Result<(), String> {
        self.format = Some(F::configure(settings)?);
        if self.columns.status.capacity() == 0 {
            self.columns = kept_columns();
        }
        #[cfg(all(target_arch = "wasm32", not(feature = "std")))]
        crate::bare::seal();
        Ok(())
    }

    /// The gateway always configures; another host may not, and the defaults serve it.
    #[inline]
    fn be_ready(&mut self) {
        if self.format.is_none() {
            let _ = self.set_up(&[]);
        }
    }
}

/// Room for whatever a call of so many records answers. It is no part of `State`, and neither is what follows: so it is
/// compiled once, here, and not in the author's crate again.
fn kept_columns() -> Columns {
    let mut columns = Columns::with_capacity(KEPT_RECORDS);
    columns.v6.reserve(2 * KEPT_RECORDS);
    columns
}

// === impl LastAnswer ===

impl LastAnswer {
    const fn none() -> Self {
        Self { holds: Cell::new(false), large: RefCell::new(Columns::EMPTY), told: RefCell::new(Told::NOTHING) }
    }

    /// Gives back the memory of the answer, which was read when the call after it began.
    #[inline]
    fn forget(&self) {
        if self.holds.get() {
            self.give_back();
        }
    }

    /// Empty columns for an answer.
    fn large(&self, records: usize) -> RefMut<'_, Columns> {
        self.holds.set(true);
        let mut large = self.large.borrow_mut();
        // What was there holds nothing: when this call began, it was given back.
        mem::forget(mem::replace(&mut *large, Columns::with_capacity(records)));
        large
    }

    #[inline(never)]
    fn give_back(&self) {
        self.holds.set(false);
        *self.large.borrow_mut() = Columns::EMPTY;
        let told = &mut *self.told.borrow_mut();
        told.text = String::new();
        told.rejects = Vec::new();
        told.settings = Vec::new();
    }
}

/// The component's.
#[cfg(target_arch = "wasm32")]
#[inline]
fn last_answer() -> &'static LastAnswer {
    static LAST_ANSWER: LastAnswer = LastAnswer::none();
    &LAST_ANSWER
}

/// A test runs in a thread beside others, each of which plays a component of its own.
#[cfg(not(target_arch = "wasm32"))]
fn last_answer() -> &'static LastAnswer {
    std::thread_local!(static LAST_ANSWER: &'static LastAnswer = alloc::boxed::Box::leak(LastAnswer::none().into()));
    LAST_ANSWER.with(|last| *last)
}

/// Where to put an answer that is not an outcome.
#[inline(never)]
fn tell() -> RefMut<'static, Told> {
    let last = last_answer();
    // A call without lists has asked for no block, so the answer before is still there.
    last.forget();
    last.holds.set(true);
    end_call();
    last.told.borrow_mut()
}

#[inline(never)]
fn tell_words(words: Result<String, String>) -> *const u8 {
    tell().answer(words)
}

/// What was printed in a call is told with it.
#[inline]
fn end_call() {
    #[cfg(all(target_arch = "wasm32", feature = "std"))]
    crate::stdio::finish();
}

// === impl Told ===

impl Told {
    const NOTHING: Self = Self {
        text: String::new(),
        result: Answer { is_error: 0, text: List::EMPTY },
        info: [List::EMPTY; 5],
        rejects: Vec::new(),
        settings: Vec::new(),
    };

    fn answer(&mut self, words: Result<String, String>) -> *const u8 {
        let is_error = u8::from(words.is_err());
        self.text = words.unwrap_or_else(|words| words);
        self.result = Answer { is_error, text: List::text(&self.text) };
        (&raw const self.result).cast()
    }
}

// === impl List ===

impl List {
    /// Aligned for every type, so that it may stand for an empty list of any.
    const EMPTY: Self = Self { start: ptr::without_provenance(16), length: 0 };

    fn of<T>(elements: &[T]) -> Self {
        Self { start: elements.as_ptr().cast(), length: elements.len() }
    }

    fn text(text: &str) -> Self {
        Self::of(text.as_bytes())
    }

    /// # Safety
    /// It must be a string that the gateway has passed in this call, and nothing else may refer to it.
    #[inline(never)]
    unsafe fn take_text(&self) -> String {
        // SAFETY: the caller vouches for it.
        let text = unsafe { Input::new(self.start.cast_mut(), self.length) };
        // The gateway passes nothing but UTF-8.
        String::from_utf8(text.elements().to_vec()).unwrap_or_default()
    }
}

// === impl Input ===

impl<T> Input<T> {
    /// Takes a list over.
    ///
    /// # Safety
    /// The list must be one that the gateway has passed in this call, and nothing else may refer to it.
    #[must_use]
    #[inline]
    pub unsafe fn new(start: *mut T, length: usize) -> Self {
        Self { start, length }
    }

    /// What is in the list.
    #[inline]
    fn elements(&self) -> &[T] {
        if self.length == 0 {
            return &[];
        }
        // SAFETY: the gateway has written that many elements, aligned, into a block that is this value's alone.
        unsafe { slice::from_raw_parts(self.start, self.length) }
    }
}

impl Input<u8> {
    /// The bytes of the list, and [`SLACK`] more, which are zeros.
    #[inline]
    fn with_slack(&self) -> &[u8] {
        if self.length == 0 {
            return &[0; SLACK];
        }
        // SAFETY: `cabi_realloc` makes every block that much longer than it is asked for.
        let slack = unsafe { self.start.add(self.length) };
        // SAFETY: see above; nothing else refers to the block.
        unsafe { slack.write_bytes(0, SLACK) };
        // SAFETY: the gateway has written the first bytes, the others were just written.
        unsafe { slice::from_raw_parts(self.start, self.length + SLACK) }
    }
}

impl<T> Drop for Input<T> {
    #[inline]
    fn drop(&mut self) {
        let bytes = self.length * size_of::<T>();
        if bytes > 0 {
            // SAFETY: the block was handed out with this layout, and is this value's alone.
            unsafe { dealloc(self.start.cast(), layout(bytes, align_of::<T>())) };
        }
    }
}

/// The layout of a block that holds a list of so many bytes. Behind it lie [`SLACK`] bytes: so records are read in wide
/// steps where the gateway has put them, up to the last one.
#[inline]
fn layout(bytes: usize, align: usize) -> Layout {
    // SAFETY: the component model only asks for alignments of its own types, which are powers of two, and the address
    // space ends before a size could overflow.
    unsafe { Layout::from_size_align_unchecked(bytes + SLACK, align) }
}

/// How the gateway asks for the memory of a call's lists.
///
/// # Safety
/// As for `realloc`; a block of no bytes asks for a new one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cabi_realloc(block: *mut u8, old: usize, align: usize, new: usize) -> *mut u8 {
    let layout = match (old, new) {
        // A list without elements has no block, only an aligned address that nobody reads.
        (0, 0) => return ptr::without_provenance_mut(align),
        (0, _) => self::layout(new, align),
        _ => self::layout(old, align),
    };
    let block = if old == 0 {
        // The gateway only asks for a block when a call begins. (No import answers with one.)
        last_answer().forget();
        // SAFETY: the size is not zero.
        unsafe { alloc(layout) }
    } else {
        // SAFETY: the caller vouches for the block and both sizes.
        unsafe { realloc(block, layout, new + SLACK) }
    };
    if block.is_null() {
        handle_alloc_error(layout);
    }
    block
}

#[cfg(test)]
mod tests;
