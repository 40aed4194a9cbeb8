//! What a long life takes, with the allocator of a component without a standard library: memory must not rise.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::{Cell, RefCell},
};

use super::*;
use crate::arena::Arena;

/// What all tests allocate from: the system, or an arena where a test says so for its own thread.
struct Switch;

#[global_allocator]
static SWITCH: Switch = Switch;

const ROOM: usize = 32 << 20;

std::thread_local! {
    static IN_PLAY: Cell<bool> = const { Cell::new(false) };
    /// The arena of this thread, and where its memory ends.
    static ARENA: RefCell<Option<(Arena, usize)>> = const { RefCell::new(None) };
}

// SAFETY: a block lies in the memory of its thread's arena, which hands out disjoint ranges, or is the system's.
unsafe impl GlobalAlloc for Switch {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !IN_PLAY.get() {
            // SAFETY: the caller vouches for the layout.
            return unsafe { System.alloc(layout) };
        }
        with_arena(|arena, end| {
            let start = arena.take(layout.size(), layout.align()).filter(|_| arena.top() <= end);
            start.map_or(ptr::null_mut(), ptr::with_exposed_provenance_mut)
        })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if is_of_arena(block) {
            return with_arena(|arena, _| arena.give_back(block.addr()));
        }
        // SAFETY: the block is the system's.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if is_of_arena(block) && with_arena(|arena, end| arena.resize(block.addr(), size) && arena.top() <= end) {
            return block;
        }
        // SAFETY: the caller vouches for both sizes, and that the alignment is one.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: as above.
        let moved = unsafe { self.alloc(wanted) };
        assert!(!moved.is_null(), "the test's arena is large enough");
        // SAFETY: both blocks are that long, and a new one lies apart.
        unsafe { ptr::copy_nonoverlapping(block, moved, layout.size().min(size)) };
        // SAFETY: the caller gives the old block up.
        unsafe { self.dealloc(block, layout) };
        moved
    }
}

fn with_arena<R>(work: impl FnOnce(&mut Arena, usize) -> R) -> R {
    ARENA.with_borrow_mut(|arena| {
        let (arena, end) = arena.as_mut().expect("the test has begun");
        work(arena, *end)
    })
}

fn is_of_arena(block: *mut u8) -> bool {
    ARENA.with_borrow(|arena| arena.as_ref().is_some_and(|(_, end)| (*end - ROOM..*end).contains(&block.addr())))
}

/// A component whose memory is an arena.
struct Component {
    instance: Instance<Numbers>,
}

impl Component {
    /// Set up, as the gateway does it. What that took is kept for good.
    fn new() -> Self {
        // Not given back: what lies in it may live for as long as the thread.
        let memory = vec![0u128; ROOM / 16].leak().as_mut_ptr().expose_provenance();
        ARENA.set(Some((Arena::new(memory), memory + ROOM)));
        let instance = Instance::new();
        // Where it lies belongs to the component, but not to its allocator.
        last_answer();
        Self::play(|| {
            value::<[List; 5]>(instance.describe());
            let Answer { is_error, .. } = value(instance.configure(&pass(&[] as &[[List; 2]])));
            assert_eq!(is_error, 0);
        });
        with_arena(|arena, _| arena.seal());
        Self { instance }
    }

    /// Does what a component does, in its own memory.
    fn play<R>(work: impl FnOnce() -> R) -> R {
        IN_PLAY.set(true);
        let answer = work();
        IN_PLAY.set(false);
        answer
    }

    fn extract(&self, count: usize) {
        let (data, bounds) = (vec![b'7'; count], (0..count as u32).flat_map(|at| [at, at + 1]).collect::<Vec<_>>());
        let outcome = Self::play(|| value::<[List; 4]>(self.instance.extract(&pass(&data), &pass(&bounds), 99)));
        assert_eq!(elements::<u8>(outcome[0]), vec![0; count]);
        assert_eq!(elements::<u32>(outcome[1]), vec![7; count]);
        assert_eq!(elements::<i64>(outcome[3]), vec![99; count]);
    }

    fn explain(&self, count: usize) {
        let record = vec![b'7'; count];
        let Answer { text: words, .. } = Self::play(|| value(self.instance.explain(&pass(&record), 5)));
        assert_eq!(text(words), if count == 0 { String::new() } else { std::format!("{count} at 5") });
    }

    fn describe(&self) {
        let [name, ..] = Self::play(|| value::<[List; 5]>(self.instance.describe()));
        assert_eq!(text(name), "numbers");
    }

    fn refuse(&self) {
        let Answer { text: words, .. } =
            Self::play(|| value(self.instance.configure(&pass(&[["plus", "x"].map(pass_text)]))));
        assert_eq!(text(words), "no number");
    }
}

/// How far the memory reaches after each round of calls, which must be as far as after the first.
fn check(round: impl Fn(&Component)) {
    let component = Component::new();
    let mut reached = Vec::new();
    for _ in 0..50 {
        round(&component);
        reached.push(with_arena(|arena, _| arena.top()));
    }
    // The next component of this thread has another arena.
    last_answer().forget();
    assert_eq!(reached, vec![reached[0]; 50]);
}

#[test]
fn calls_of_many_records_use_the_same_memory() {
    check(|component| component.extract(3000));
    check(|component| component.extract(4096));
}

#[test]
fn calls_of_mixed_sizes_use_the_same_memory() {
    check(|component| {
        for count in [3000, 1, 1025, 0, 4096, 20, 1024, 1500] {
            component.extract(count);
        }
    });
}

#[test]
fn other_calls_use_the_same_memory() {
    check(|component| component.explain(300));
    check(Component::describe);
    check(Component::refuse);
    check(|component| {
        component.extract(3000);
        for bytes in [9, 300, 0, 0, 1] {
            component.explain(bytes);
        }
        component.extract(1);
        component.describe();
        component.describe();
        component.refuse();
        component.extract(2000);
    });
}
