use std::sync::Barrier;
use std::sync::mpsc;
use std::thread;

use super::*;

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 16).unwrap()
}

/// A block of an allocator of the test's own.
struct Block<'a> {
    of: &'a Counting,
    address: *mut u8,
    size: usize,
}

// SAFETY: a block belongs to its holder.
unsafe impl Send for Block<'_> {}

impl<'a> Block<'a> {
    fn new(of: &'a Counting, size: usize) -> Block<'a> {
        // SAFETY: the size is not 0.
        let address = unsafe { of.alloc(layout(size)) };
        assert!(!address.is_null());
        Block { of, address, size }
    }

    fn zeroed(of: &'a Counting, size: usize) -> Block<'a> {
        // SAFETY: the size is not 0.
        let address = unsafe { of.alloc_zeroed(layout(size)) };
        // SAFETY: the block is there, and has bytes.
        assert_eq!(unsafe { address.read() }, 0);
        Block { of, address, size }
    }

    fn resize(&mut self, size: usize) {
        // SAFETY: the block is one of this allocator and size, and the new size is not 0.
        let address = unsafe { self.of.realloc(self.address, layout(self.size), size) };
        assert!(!address.is_null());
        (self.address, self.size) = (address, size);
    }
}

impl Drop for Block<'_> {
    fn drop(&mut self) {
        // SAFETY: the block is one of this allocator and size.
        unsafe { self.of.dealloc(self.address, layout(self.size)) }
    }
}

#[test]
fn live_memory_is_counted_exactly() {
    let counting = Counting::new();
    let live = || counting.memory().live_bytes;
    assert_eq!(counting.memory(), Memory { counted: 1, live_bytes: 0, peak_bytes: 0 });

    let first = Block::new(&counting, 100);
    let second = Block::zeroed(&counting, 1_000_000);
    assert_eq!(live(), 1_000_100);
    drop(first);
    assert_eq!(live(), 1_000_000);

    let mut third = Block::new(&counting, 1);
    for size in [7, 40_000, 39_999, 5, 3_000_000, 12] {
        third.resize(size);
        assert_eq!(live(), 1_000_000 + size as u64);
    }
    drop((second, third));
    assert_eq!(live(), 0);
}

#[test]
fn a_refused_block_does_not_count() {
    let counting = Counting::new();
    let mut block = Block::new(&counting, 64);
    let too_much = isize::MAX as usize - 64;
    // SAFETY: the size is not 0, and the layout is valid.
    assert!(unsafe { counting.alloc(layout(too_much)) }.is_null());
    // SAFETY: the block is one of this allocator and size.
    assert!(unsafe { counting.realloc(block.address, layout(64), too_much) }.is_null());
    assert_eq!(counting.memory().live_bytes, 64);
    block.resize(32);
    assert_eq!(counting.memory().live_bytes, 32);
}

#[test]
fn the_peak_is_what_was_held_at_once_and_stays() {
    let counting = Counting::new();
    for _ in 0..3 {
        let blocks = [Block::new(&counting, 600_000), Block::new(&counting, 400_000)];
        drop(blocks);
    }
    assert_eq!(counting.memory(), Memory { counted: 1, live_bytes: 0, peak_bytes: 1_000_000 });

    // Small blocks are only looked at now and then.
    let counting = Counting::new();
    let blocks: Vec<_> = (0..10_000).map(|_| Block::new(&counting, 100)).collect();
    drop(blocks);
    let peak = counting.memory().peak_bytes;
    assert!((1_000_000 - MAX_IN_STRIPE..=1_000_000).contains(&peak), "{peak}");

    // The reported live memory was really held.
    let counting = Counting::new();
    let block = Block::new(&counting, 10);
    assert_eq!(counting.memory().live_bytes, 10);
    drop(block);
    assert_eq!(counting.memory().peak_bytes, 10);
}

#[test]
fn threads_that_free_what_others_allocated_come_out_even() {
    let counting = Counting::new();
    let (n_threads, n_blocks) = (8, 2_000);
    let all_sent = Barrier::new(n_threads + 1);
    let may_free = Barrier::new(n_threads + 1);
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..n_threads).map(|_| mpsc::channel()).unzip();
    let mut expected = 0;
    for i in 0..n_blocks {
        expected += (i % 700 + 1) as u64 * n_threads as u64;
    }
    thread::scope(|scope| {
        for (at, receiver) in receivers.into_iter().enumerate() {
            let (counting, all_sent, may_free) = (&counting, &all_sent, &may_free);
            let next = senders[(at + 1) % n_threads].clone();
            scope.spawn(move || {
                for i in 0..n_blocks {
                    let mut block = Block::new(counting, 1);
                    block.resize(i % 700 + 1);
                    next.send(block).unwrap();
                }
                drop(next);
                all_sent.wait();
                may_free.wait();
                for _ in 0..n_blocks {
                    drop(receiver.recv().unwrap());
                }
            });
        }
        all_sent.wait();
        assert_eq!(counting.memory().live_bytes, expected);
        may_free.wait();
    });
    assert_eq!(counting.memory().live_bytes, 0);
    assert!(counting.memory().peak_bytes >= expected);
}

/// Reads the memory while another thread keeps 1 MB and allocates and frees a block of this size, and returns the
/// most that was read or reported as the peak.
fn most_read_beside_blocks_of(size: usize) -> u64 {
    let counting = Counting::new();
    let done = std::sync::atomic::AtomicBool::new(false);
    let mut most = 0;
    thread::scope(|scope| {
        scope.spawn(|| {
            let block = Block::new(&counting, 1_000_000);
            for _ in 0..20_000 {
                drop(Block::new(&counting, size));
            }
            drop(block);
            done.store(true, Ordering::Release);
        });
        while !done.load(Ordering::Acquire) {
            most = most.max(counting.memory().live_bytes);
        }
    });
    assert_eq!(counting.memory().live_bytes, 0);
    most.max(counting.memory().peak_bytes)
}

#[test]
fn large_blocks_are_never_counted_twice_by_a_concurrent_reader() {
    for size in [65_536, 100_000] {
        assert_eq!(most_read_beside_blocks_of(size), 1_000_000 + size as u64);
    }
}

#[test]
fn small_blocks_put_a_concurrent_reading_off_by_a_bounded_amount() {
    let most = most_read_beside_blocks_of(60_000);
    assert!((1_000_000..=1_060_000 + 2 * MAX_IN_STRIPE).contains(&most), "{most}");
}

#[test]
fn this_program_uses_the_counting_allocator() {
    let before = memory().live_bytes;
    let block = std::hint::black_box(vec![1u8; 64 << 20]);
    // Other tests allocate at the same time, but far less.
    assert!(memory().live_bytes > before + (32 << 20));
    assert!(memory().peak_bytes >= 64 << 20);
    drop(block);
}
