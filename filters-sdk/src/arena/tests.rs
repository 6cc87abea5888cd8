//! The arena against a model: blocks never overlap, keep their bytes, and come back.

#![expect(unsafe_code, reason = "calls an allocator")]

use super::{ARENA_BYTES, Arena, Place};
use core::alloc::{GlobalAlloc, Layout};
use std::alloc::System;
use std::cell::RefCell;

thread_local! {
    static BLOCKS: RefCell<Box<[u128]>> = RefCell::new(vec![0; ARENA_BYTES / 16].into_boxed_slice());
}

/// An arena for each thread, so for each test.
struct OfThread;

impl Place for OfThread {
    type Overflow = System;
    const OVERFLOW: System = System;

    fn blocks() -> *mut u8 {
        BLOCKS.with_borrow_mut(|blocks| blocks.as_mut_ptr().cast())
    }
}

/// A live block, filled with one byte.
struct Block {
    start: *mut u8,
    layout: Layout,
    fill: u8,
}

impl Block {
    fn new(arena: &Arena<OfThread>, size: usize, align: usize, fill: u8) -> Self {
        let layout = Layout::from_size_align(size, align).expect("a layout");
        let start = unsafe { arena.alloc(layout) };
        assert!(!start.is_null() && start.addr().is_multiple_of(align));
        unsafe { start.write_bytes(fill, size) };
        Self { start, layout, fill }
    }

    fn check(&self, size: usize) {
        let bytes = unsafe { core::slice::from_raw_parts(self.start, size) };
        assert!(bytes.iter().all(|byte| *byte == self.fill), "a block lost its bytes");
    }

    fn resize(&mut self, arena: &Arena<OfThread>, size: usize) {
        self.start = unsafe { arena.realloc(self.start, self.layout, size) };
        self.check(size.min(self.layout.size()));
        unsafe { self.start.write_bytes(self.fill, size) };
        self.layout = Layout::from_size_align(size, self.layout.align()).expect("a layout");
    }

    fn free(self, arena: &Arena<OfThread>) {
        self.check(self.layout.size());
        unsafe { arena.dealloc(self.start, self.layout) };
    }
}

/// A repeatable sequence (xorshift64).
fn next(state: &mut u64, below: usize) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state % below as u64) as usize
}

#[test]
fn any_sequence_keeps_every_block_whole() {
    for seed in 1..=200 {
        let arena = Arena::<OfThread>::new();
        let (mut state, mut blocks) = (0x9E37_79B9_7F4A_7C15 ^ seed, Vec::new());
        for step in 0..500 {
            match next(&mut state, 4) {
                0 | 1 => {
                    let (size, align) = (1 + next(&mut state, 900), 1 << next(&mut state, 7));
                    blocks.push(Block::new(&arena, size, align, step as u8));
                }
                2 if !blocks.is_empty() => {
                    let index = next(&mut state, blocks.len());
                    let size = 1 + next(&mut state, 2_000);
                    blocks[index].resize(&arena, size);
                }
                _ if !blocks.is_empty() => blocks.swap_remove(next(&mut state, blocks.len())).free(&arena),
                _ => {}
            }
        }
        blocks.into_iter().for_each(|block| block.free(&arena));
        assert_eq!(arena.cursor().next, 0, "seed {seed}: empty again");
    }
}

#[test]
fn the_last_block_grows_where_it_is() {
    let arena = Arena::<OfThread>::new();
    let mut block = Block::new(&arena, 10, 1, 7);
    let start = block.start;
    block.resize(&arena, 40_000);
    assert_eq!(block.start, start);
    block.resize(&arena, ARENA_BYTES + 1);
    assert_ne!(block.start, start, "what does not fit goes elsewhere");
    assert_eq!(arena.cursor().next, 0);
    block.free(&arena);
}

#[test]
fn what_is_kept_stays_and_the_rest_comes_back() {
    let arena = Arena::<OfThread>::new();
    let kept = Block::new(&arena, 100, 8, 1);
    arena.keep();
    let floor = arena.cursor().floor;
    for round in 0..10_000_usize {
        let block = Block::new(&arena, 1 + round % 3_000, 8, 2);
        assert!(Arena::<OfThread>::offset_of(block.start).is_some(), "round {round} fits the arena");
        block.free(&arena);
    }
    assert_eq!(arena.cursor().next, floor);
    kept.check(100);
    // Freed all the same: nothing happens to the others.
    let block = Block::new(&arena, 10, 1, 3);
    kept.free(&arena);
    block.check(10);
    assert_eq!(arena.cursor().live, 1);
}

#[test]
fn impossible_sizes_are_not_served() {
    let arena = Arena::<OfThread>::new();
    let layout = Layout::from_size_align(isize::MAX as usize - 63, 64).expect("a layout");
    assert!(unsafe { arena.alloc(layout) }.is_null());
    assert_eq!(arena.cursor().live, 0);
}
