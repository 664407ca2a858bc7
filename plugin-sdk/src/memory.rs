//! The feature `memory`: an allocator that counts the memory of the plugin's library for the host.
//!
//! Like every `cdylib`, the library has an allocator of its own. This allocator passes each request to the system's
//! allocator and counts the bytes, from the first allocation of the library to the last, whether or not a plugin runs.
//! Counting costs one atomic addition per allocation and one per release. Blocks below 64 KiB are counted in one of 16
//! counters (stripes), which threads rarely share.
//!
//! The figures are exact while no other thread allocates. While others do, the 16 counters are read one after the
//! other, and the sum can be off by up to 128 KiB per counter. Blocks of 64 KiB and more are counted in one place and
//! add no error.
//!
//! The counters are not thread-locals: a thread-local with a destructor would keep the library in memory, and without a
//! destructor the counts of a thread would be lost when it ends.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use plugin_sdk_abi::Memory;

/// The number of counters, over which threads are distributed.
const N_STRIPES: usize = 16;

/// The number of bytes after which a stripe is added to the total and the peak is updated. Larger blocks are added to
/// the total at once. The peak can miss a brief rise that is smaller than this on each stripe. With a smaller value,
/// the peak would miss less, but more blocks would be counted in the total, which costs several times as much.
const MAX_IN_STRIPE: u64 = 64 * 1024;

#[global_allocator]
static ALLOCATOR: Counting = Counting::new();

/// Returns the memory of the library.
pub(crate) fn memory() -> Memory {
    ALLOCATOR.memory()
}

/// The system's allocator with counters. A block counts with its requested size.
struct Counting {
    /// The total of large blocks and of the amounts transferred from the stripes.
    total: AtomicI64,
    /// The largest total so far.
    peak: AtomicU64,
    stripes: [Stripe; N_STRIPES],
}

/// Bytes allocated minus bytes freed through this stripe; negative if the freed blocks were counted in another stripe.
/// Two cache lines wide, because processors fetch cache lines in pairs.
#[repr(align(128))]
struct Stripe(AtomicI64);

impl Counting {
    const fn new() -> Counting {
        Counting {
            total: AtomicI64::new(0),
            peak: AtomicU64::new(0),
            stripes: [const { Stripe(AtomicI64::new(0)) }; N_STRIPES],
        }
    }

    /// Selects the stripe of this thread by the address of its stack. Any choice is correct.
    #[inline]
    fn stripe(&self) -> &AtomicI64 {
        let here = 0u8;
        let page = (&raw const here).addr() as u64 >> 16;
        // Stacks are at regular distances, which a multiplication by the golden ratio spreads.
        let spread = page.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 60;
        &self.stripes[spread as usize % N_STRIPES].0
    }

    #[inline]
    fn count(&self, change: i64) {
        // A large block is never counted in a stripe: if it were freed and allocated again during a read, the reader
        // could see it both in the total and in the stripe.
        if change.unsigned_abs() >= MAX_IN_STRIPE {
            return self.add(change);
        }
        let stripe = self.stripe();
        let now = stripe.fetch_add(change, Ordering::Relaxed).wrapping_add(change);
        if now.unsigned_abs() >= MAX_IN_STRIPE {
            // Removed before it is added, so that a reader does not see it in both.
            self.add(stripe.swap(0, Ordering::Relaxed));
        }
    }

    #[cold]
    fn add(&self, change: i64) {
        self.total.fetch_add(change, Ordering::Release);
        if change > 0 {
            self.peak(self.live());
        }
    }

    fn live(&self) -> u64 {
        let total = self.total.load(Ordering::Acquire);
        let live = self.stripes.iter().fold(total, |sum, stripe| sum.wrapping_add(stripe.0.load(Ordering::Relaxed)));
        // A concurrent transfer may be seen as removed from a stripe and not yet added.
        u64::try_from(live).unwrap_or(0)
    }

    fn memory(&self) -> Memory {
        let live_bytes = self.live();
        Memory { counted: 1, live_bytes, peak_bytes: self.peak(live_bytes) }
    }

    /// Returns the peak, given the number of live bytes.
    fn peak(&self, live: u64) -> u64 {
        let peak = self.peak.load(Ordering::Relaxed);
        // Reading is cheaper, and most of the time enough.
        if live <= peak { peak } else { self.peak.fetch_max(live, Ordering::Relaxed).max(live) }
    }
}

/// A size of a layout or of a block, which is at most `isize::MAX`.
#[inline]
const fn bytes(size: usize) -> i64 {
    size as i64
}

// SAFETY: every call is forwarded to `System` unchanged, and counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller guarantees the requirements of `System`, which are the same.
        let block = unsafe { System.alloc(layout) };
        if !block.is_null() {
            self.count(bytes(layout.size()));
        }
        block
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as for `alloc`.
        let block = unsafe { System.alloc_zeroed(layout) };
        if !block.is_null() {
            self.count(bytes(layout.size()));
        }
        block
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // Counted first, since another thread may get the memory as soon as it is released.
        self.count(-bytes(layout.size()));
        // SAFETY: as for `alloc`; the block came from `System`.
        unsafe { System.dealloc(block, layout) };
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as for `dealloc`.
        let new = unsafe { System.realloc(block, layout, new_size) };
        // If it fails, the old block stays.
        if !new.is_null() {
            self.count(bytes(new_size) - bytes(layout.size()));
        }
        new
    }
}

#[cfg(test)]
mod tests;
