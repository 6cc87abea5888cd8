//! The allocator that makes a fresh instance for every request cheap: a static arena, so that no
//! ordinary request calls `memory.grow` and the bytes a pool slot must reset stay few. Blocks are
//! bumped off one after the other and all freed at once when the last one goes. What does not fit
//! goes to a real allocator, which grows the memory.

#![expect(unsafe_code, reason = "an allocator hands out raw memory")]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::marker::PhantomData;

/// With a stack of 16 KiB and the data of an ordinary filter this fits two pages.
const ARENA_BYTES: usize = 48 << 10;

/// Where the blocks of an arena lie, and who serves what does not fit.
pub(crate) trait Place {
    type Overflow: GlobalAlloc;
    const OVERFLOW: Self::Overflow;
    /// `ARENA_BYTES` that nobody else touches, always the same.
    fn blocks() -> *mut u8;
}

/// For one thread.
pub(crate) struct Arena<P>(UnsafeCell<Cursor>, PhantomData<P>);

// SAFETY: a component instance runs on one thread, as does each test with an arena of its own; no
// method below calls out while it holds the cursor.
unsafe impl<P> Sync for Arena<P> {}

/// Offsets into the blocks.
struct Cursor {
    /// Blocks below are kept for the life of the instance.
    floor: usize,
    /// Where the next block goes.
    next: usize,
    /// Blocks between `floor` and `next` that are not freed yet.
    live: usize,
}

impl Cursor {
    /// Room for one more block, if there is any. `base` is the address of the first one.
    fn bump(&mut self, base: usize, layout: Layout) -> Option<usize> {
        let padding = (base + self.next).wrapping_neg() & (layout.align() - 1);
        let start = self.next.checked_add(padding)?;
        let end = start.checked_add(layout.size()).filter(|end| *end <= ARENA_BYTES)?;
        self.next = end;
        self.live += 1;
        Some(start)
    }

    fn release(&mut self, start: usize, size: usize) {
        if start < self.floor {
            return;
        }
        self.live = self.live.saturating_sub(1);
        if self.live == 0 {
            self.next = self.floor;
        } else if start + size == self.next {
            self.next = start;
        }
    }

    /// Changes the size of the last block where it is.
    fn resize_last(&mut self, start: usize, size: usize, size_new: usize) -> bool {
        let last = start >= self.floor && start + size == self.next;
        let fits = last && size_new <= ARENA_BYTES - start;
        if fits {
            self.next = start + size_new;
        }
        fits
    }
}

impl<P: Place> Arena<P> {
    pub(crate) const fn new() -> Self {
        Self(UnsafeCell::new(Cursor { floor: 0, next: 0, live: 0 }), PhantomData)
    }

    #[expect(clippy::mut_from_ref, reason = "one thread, and no two at a time: see the callers")]
    fn cursor(&self) -> &mut Cursor {
        // SAFETY: no caller holds the result over a call of another method.
        unsafe { &mut *self.0.get() }
    }

    /// The offset of a block, if it is one of the arena's.
    fn offset_of(block: *mut u8) -> Option<usize> {
        let offset = block.addr().wrapping_sub(P::blocks().addr());
        (offset < ARENA_BYTES).then_some(offset)
    }

    /// Keeps every block that is allocated now for the life of the instance: what an instance starts
    /// with would otherwise hold the arena from ever being empty.
    pub(crate) fn keep(&self) {
        let cursor = self.cursor();
        cursor.floor = cursor.next;
        cursor.live = 0;
    }
}

// SAFETY: every block is either a range of the arena no other live block overlaps (the cursor only
// falls over freed blocks) or one of the overflow allocator, told apart by address.
unsafe impl<P: Place> GlobalAlloc for Arena<P> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.cursor().bump(P::blocks().addr(), layout) {
            Some(start) => P::blocks().wrapping_add(start),
            // SAFETY: the caller's promise, passed on.
            None => unsafe { P::OVERFLOW.alloc(layout) },
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match Self::offset_of(block) {
            Some(start) => self.cursor().release(start, layout.size()),
            // SAFETY: what is not the arena's is the overflow allocator's.
            None => unsafe { P::OVERFLOW.dealloc(block, layout) },
        }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size_new: usize) -> *mut u8 {
        let Some(start) = Self::offset_of(block) else {
            // SAFETY: what is not the arena's is the overflow allocator's.
            return unsafe { P::OVERFLOW.realloc(block, layout, size_new) };
        };
        if self.cursor().resize_last(start, layout.size(), size_new) {
            return block;
        }
        // SAFETY: the size is the caller's promise; the blocks do not overlap, as both are live.
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

#[cfg(target_arch = "wasm32")]
pub(crate) use instance::keep;

/// The allocator of a component instance.
#[cfg(target_arch = "wasm32")]
mod instance {
    use super::{ARENA_BYTES, Arena, Place};
    use core::cell::UnsafeCell;
    use dlmalloc::GlobalDlmalloc;

    #[global_allocator]
    static ARENA: Arena<Static> = Arena::new();

    /// Apart from the cursor, so that all of it is zero: it takes no room in the component's data.
    static BLOCKS: Blocks = Blocks(UnsafeCell::new([0; ARENA_BYTES]));

    #[repr(align(16))]
    struct Blocks(UnsafeCell<[u8; ARENA_BYTES]>);

    // SAFETY: only the address is used, by the one arena above.
    unsafe impl Sync for Blocks {}

    struct Static;

    impl Place for Static {
        type Overflow = GlobalDlmalloc;
        const OVERFLOW: GlobalDlmalloc = GlobalDlmalloc;

        fn blocks() -> *mut u8 {
            BLOCKS.0.get().cast()
        }
    }

    pub(crate) fn keep() {
        ARENA.keep();
    }
}

#[cfg(test)]
mod tests;
