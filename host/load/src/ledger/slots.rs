//! A table of address ranges to find the library of an address, read without locks or allocations.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use super::counts::{CLOSED, CountKind, Counts};
use super::label::{Label, MAX_LABEL};
use super::linker;

/// The maximum number of libraries that are open at once.
pub(crate) const MAX_LIBRARIES: usize = 1 << 14;

/// The unit in which libraries are mapped; larger units are multiples of it.
const PAGE: usize = 4096;
/// The number of bits for the page count of a library; addresses have at most 48 bits.
const LENGTH_BITS: u32 = 28;

/// The address range of each slot's library in one word: the number of its first page and the number of pages; 0 if
/// unknown or free. Apart from the slots, so that the search of each new key, thread and thread-local reads little
/// memory.
static PAGES: [AtomicU64; MAX_LIBRARIES] = [const { AtomicU64::new(0) }; MAX_LIBRARIES];
static SLOTS: [Slot; MAX_LIBRARIES] = [const { Slot::new() }; MAX_LIBRARIES];
/// The number of slots that were ever used.
static USED: AtomicUsize = AtomicUsize::new(0);
/// Libraries whose constructors may be running, before their range is known.
static OPENING: AtomicUsize = AtomicUsize::new(0);
/// Held while a slot is taken or released.
static TAKEN: Mutex<()> = Mutex::new(());

/// One open library.
#[derive(Debug)]
pub(crate) struct Slot {
    /// The number in the name under which the library was opened; 0 when the slot is free.
    number: AtomicU64,
    is_opening: AtomicBool,
    is_retired: AtomicBool,
    counts: Counts,
    label: Label,
    /// Notified when the counts have dropped to zero.
    pub(crate) cleared: Notify,
}

impl Slot {
    const fn new() -> Slot {
        Slot {
            number: AtomicU64::new(0),
            is_opening: AtomicBool::new(false),
            is_retired: AtomicBool::new(false),
            counts: Counts(AtomicU64::new(CLOSED)),
            label: Label::new(),
            cleared: Notify::const_new(),
        }
    }

    /// The index, which identifies the slot in tables of atomics.
    pub(super) fn index(&'static self) -> usize {
        (std::ptr::from_ref(self).addr() - SLOTS.as_ptr().addr()) / size_of::<Slot>()
    }

    pub(super) fn at(index: usize) -> &'static Slot {
        &SLOTS[index]
    }

    /// The label of its library, followed by zeros.
    pub(super) fn label(&self) -> [u8; MAX_LABEL] {
        self.label.bytes()
    }

    #[must_use]
    pub(super) fn enter(&self, kind: CountKind) -> bool {
        self.counts.enter(kind)
    }

    pub(super) fn leave(&self, kind: CountKind) {
        if self.counts.leave(kind) {
            self.cleared.notify_one();
        }
    }

    /// Runs `f`, which may run code of the library; `None` if it is closed.
    pub(crate) fn visit<T>(&self, f: impl FnOnce() -> T) -> Option<T> {
        struct Visit<'a>(&'a Slot);
        impl Drop for Visit<'_> {
            fn drop(&mut self) {
                self.0.leave(CountKind::Visit);
            }
        }
        let visit = self.enter(CountKind::Visit).then(|| Visit(self))?;
        let value = f();
        drop(visit);
        Some(value)
    }

    pub(crate) fn is_retired(&self) -> bool {
        self.is_retired.load(Ordering::Acquire)
    }

    /// Lets the destructors of the library run at safe points from now on. The host must have no guard on the library.
    pub(crate) fn retire(&self) {
        self.is_retired.store(true, Ordering::Release);
    }

    /// Threads and thread-locals that are left.
    pub(crate) fn left(&self) -> (u64, u64) {
        self.counts.left()
    }

    /// Returns whether the slot is closed for new entries.
    pub(super) fn is_closed(&self) -> bool {
        self.counts.0.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Closes the counts, if nothing is left: no code of the library runs any more.
    #[must_use]
    pub(crate) fn close(&self) -> bool {
        self.counts.close()
    }

    /// Records the address range of the opened library.
    pub(crate) fn opened(&'static self, range: &Range<usize>) {
        self.set_range(range);
        if self.is_opening.swap(false, Ordering::AcqRel) {
            OPENING.fetch_sub(1, Ordering::Release);
        }
    }

    fn set_range(&'static self, range: &Range<usize>) {
        let (start, end) = (range.start / PAGE, range.end.div_ceil(PAGE));
        PAGES[self.index()].store((start as u64) << LENGTH_BITS | (end - start) as u64, Ordering::Release);
    }

    /// Releases the slot after the linker has closed its library.
    pub(crate) fn free(&'static self) {
        let _taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        self.opened(&(0..0));
        self.is_retired.store(false, Ordering::Release);
        self.number.store(0, Ordering::Release);
    }
}

/// Returns whether a range of [`PAGES`] contains an address.
fn contains(pages: &AtomicU64, address: usize) -> bool {
    let pages = pages.load(Ordering::Acquire);
    let (start, length) = (pages >> LENGTH_BITS, pages & ((1 << LENGTH_BITS) - 1));
    ((address / PAGE) as u64).wrapping_sub(start) < length
}

/// Takes a slot for the library with this label, which is about to be opened under a name with this number; `None` if
/// all are taken.
pub(crate) fn open_slot(number: u64, label: &str) -> Option<&'static Slot> {
    linker::prepare();
    let _taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    let index = SLOTS.iter().position(|slot| slot.number.load(Ordering::Relaxed) == 0)?;
    let slot = &SLOTS[index];
    PAGES[index].store(0, Ordering::Relaxed);
    slot.number.store(number, Ordering::Release);
    slot.label.set(label);
    slot.counts.open();
    slot.is_opening.store(true, Ordering::Release);
    USED.fetch_max(index + 1, Ordering::AcqRel);
    OPENING.fetch_add(1, Ordering::AcqRel);
    Some(slot)
}

/// Returns the library that contains `address`, if the ledger has it.
pub(super) fn find(address: usize) -> Option<&'static Slot> {
    let n_used = USED.load(Ordering::Acquire);
    let containing = || {
        let found = PAGES[..n_used].iter().enumerate().filter(|(_, pages)| contains(pages, address));
        found.map(|(index, _)| &SLOTS[index])
    };
    let there = containing().find(|slot| !slot.is_closed());
    // A library that is being closed comes last: the linker may have reused its addresses for another one.
    there.or_else(|| find_opening(&SLOTS[..n_used], address)).or_else(|| containing().next())
}

/// Returns the library whose known range contains `address`. May be called in a signal handler.
pub(super) fn find_mapped(address: usize) -> Option<&'static Slot> {
    let n_used = USED.load(Ordering::Acquire);
    PAGES[..n_used].iter().position(|pages| contains(pages, address)).map(|index| &SLOTS[index])
}

/// Finds a library that is being opened: the linker has mapped it, runs a constructor and has not returned yet.
fn find_opening(used: &'static [Slot], address: usize) -> Option<&'static Slot> {
    if OPENING.load(Ordering::Acquire) == 0 {
        return None;
    }
    let (number, range) = linker::object_at(address)?;
    let is_meant =
        |slot: &&Slot| slot.number.load(Ordering::Acquire) == number && slot.is_opening.load(Ordering::Acquire);
    let slot = used.iter().find(is_meant)?;
    slot.set_range(&range);
    Some(slot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_belongs_to_its_library_until_the_slot_is_released() {
        // The first pages of memory, where nothing is ever mapped.
        let page = |number: usize| number * PAGE;
        let (first, second) = (open_slot(u64::MAX - 1, "x#1").unwrap(), open_slot(u64::MAX - 2, "x#2").unwrap());
        assert!(find(page(1)).is_none());
        first.opened(&(page(1)..page(3)));
        second.opened(&(page(3)..page(3) + 1));
        let found = |address: usize| find(address).map(Slot::index);
        let (of_first, of_second) = (Some(first.index()), Some(second.index()));
        assert_eq!(
            [page(1) - 1, page(1), page(3) - 1, page(3), page(4)].map(found),
            [None, of_first, of_first, of_second, None]
        );
        assert!(first.close());
        first.free();
        assert_eq!([page(1), page(3)].map(found), [None, of_second]);
        let third = open_slot(u64::MAX - 3, "x#3").unwrap();
        third.opened(&(page(1)..page(3)));
        assert_eq!(found(page(1)), Some(third.index()));
        assert!(second.close() && third.close());
        second.free();
        third.free();
    }
}
