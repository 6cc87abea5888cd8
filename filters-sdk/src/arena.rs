//! The allocator that makes a fresh instance for every request cheap: a static arena, so that no
//! ordinary request calls `memory.grow` and the bytes a pool slot must reset stay few. Blocks are
//! bumped off one after the other and all freed at once when the last one goes. What does not fit
//! goes to a real allocator, which grows the memory.

#![expect(unsafe_code, reason = "an allocator hands out raw memory")]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use dlmalloc::Dlmalloc;

/// With a stack of 16 KiB and the data of an ordinary filter this fits two pages.
const ARENA_BYTES: usize = 48 << 10;

#[global_allocator]
static ARENA: Arena = Arena(UnsafeCell::new(State { floor: 0, offset: 0, live: 0, overflow: Dlmalloc::new() }));

/// Apart from the state, so that all of it is zero: it takes no room in the component's data.
static BLOCKS: Blocks = Blocks(UnsafeCell::new([0; ARENA_BYTES]));

struct Arena(UnsafeCell<State>);

#[repr(align(16))]
struct Blocks(UnsafeCell<[u8; ARENA_BYTES]>);

// SAFETY: a component instance runs on one thread; no method below calls out while it holds the state.
unsafe impl Sync for Arena {}
// SAFETY: as above; only the addresses of the blocks are handed out.
unsafe impl Sync for Blocks {}

struct State {
    /// Blocks below are kept for the life of the instance.
    floor: usize,
    /// Where the next block goes.
    offset: usize,
    /// Blocks between `floor` and `offset` that are not freed yet.
    live: usize,
    overflow: Dlmalloc,
}

impl State {
    fn base(&self) -> usize {
        BLOCKS.0.get().addr()
    }

    /// The offset of a block, if it is one of the arena's.
    fn offset_of(&self, block: *mut u8) -> Option<usize> {
        let offset = block.addr().wrapping_sub(self.base());
        (offset < ARENA_BYTES).then_some(offset)
    }

    fn bump(&mut self, layout: Layout) -> Option<*mut u8> {
        let base = self.base();
        let padding = (base + self.offset).wrapping_neg() & (layout.align() - 1);
        let start = self.offset + padding;
        // Both are below 2^31, so their sum does not wrap.
        let end = start.checked_add(layout.size()).filter(|end| *end <= ARENA_BYTES)?;
        self.offset = end;
        self.live += 1;
        Some(BLOCKS.0.get().cast::<u8>().wrapping_add(start))
    }

    fn release(&mut self, offset: usize, size: usize) {
        if offset < self.floor {
            return;
        }
        self.live = self.live.saturating_sub(1);
        if self.live == 0 {
            self.offset = self.floor;
        } else if offset + size == self.offset {
            self.offset = offset;
        }
    }

    /// Changes the size of the last block where it is.
    fn resize_last(&mut self, offset: usize, size: usize, size_new: usize) -> bool {
        let last = offset >= self.floor && offset + size == self.offset;
        let fits = last && size_new <= ARENA_BYTES - offset;
        if fits {
            self.offset = offset + size_new;
        }
        fits
    }
}

// SAFETY: every block is either a range of the arena no other live block overlaps (the offset only
// falls over freed blocks) or one of the overflow allocator, told apart by address.
unsafe impl GlobalAlloc for Arena {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: one thread, and no reference to the state outlives a method.
        let state = unsafe { &mut *self.0.get() };
        match state.bump(layout) {
            Some(block) => block,
            // SAFETY: the caller promises a layout of at least one byte.
            None => unsafe { state.overflow.malloc(layout.size(), layout.align()) },
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as in `alloc`.
        let state = unsafe { &mut *self.0.get() };
        match state.offset_of(block) {
            Some(offset) => state.release(offset, layout.size()),
            // SAFETY: what is not the arena's is the overflow allocator's.
            None => unsafe { state.overflow.free(block, layout.size(), layout.align()) },
        }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size_new: usize) -> *mut u8 {
        // SAFETY: as in `alloc`; the reference is not used after the calls of `self` below.
        let state = unsafe { &mut *self.0.get() };
        let Some(offset) = state.offset_of(block) else {
            // SAFETY: what is not the arena's is the overflow allocator's.
            return unsafe { state.overflow.realloc(block, layout.size(), layout.align(), size_new) };
        };
        if state.resize_last(offset, layout.size(), size_new) {
            return block;
        }
        // SAFETY: the size is the caller's promise; the blocks do not overlap.
        unsafe {
            let moved = self.alloc(Layout::from_size_align_unchecked(size_new, layout.align()));
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(block, layout.size().min(size_new));
                self.dealloc(block, layout);
            }
            moved
        }
    }
}

/// Keeps every block that is allocated now for the life of the instance: what an instance starts
/// with would otherwise hold the arena from ever being empty.
pub(crate) fn keep() {
    // SAFETY: as in `alloc`.
    let state = unsafe { &mut *ARENA.0.get() };
    state.floor = state.offset;
    state.live = 0;
}
