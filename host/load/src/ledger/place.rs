//! The plugin that each thread runs, so that a crash can be attributed to it.

use std::cell::Cell;
use std::marker::PhantomData;

use super::label::MAX_LABEL;
use super::slots::{Slot, find_mapped};

thread_local! {
    /// The [`Place`] of this thread; 0 outside of plugins. A plain value without a destructor, because a signal handler
    /// reads it.
    static PLACE: Cell<u32> = const { Cell::new(0) };
}

/// The occasion on which code of a plugin runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Activity {
    /// The library is opened and described.
    Open,
    Start,
    Hook,
    /// A call, or the body of its response.
    Call,
    /// The plugin is dropped.
    Release,
    /// A thread of its own.
    Thread,
}

impl Activity {
    pub(crate) const ALL: [Activity; 6] =
        [Activity::Open, Activity::Start, Activity::Hook, Activity::Call, Activity::Release, Activity::Thread];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Activity::Open => "open",
            Activity::Start => "start",
            Activity::Hook => "hook",
            Activity::Call => "call",
            Activity::Release => "release",
            Activity::Thread => "thread",
        }
    }
}

/// A library and an activity: the index of its slot + 1, and above it the number of the activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(u32);

/// The thread is in a [`Place`] until this is dropped.
pub(crate) struct Entered {
    before: u32,
    /// It belongs to one thread.
    _thread: PhantomData<*const ()>,
}

impl Slot {
    pub(crate) fn place(&'static self, activity: Activity) -> Place {
        Place((activity as u32) << 16 | (self.index() + 1) as u32)
    }
}

impl Place {
    /// Marks this thread as running code of the library, until the result is dropped. Costs about a nanosecond.
    #[inline]
    #[must_use]
    pub(crate) fn enter(self) -> Entered {
        Entered { before: PLACE.replace(self.0), _thread: PhantomData }
    }

    /// Marks this thread for the rest of its life.
    pub(super) fn stay(self) {
        PLACE.set(self.0);
    }

    fn current() -> Option<(&'static Slot, Activity)> {
        let place = PLACE.get();
        let index = (place & 0xFFFF).checked_sub(1)?;
        Some((Slot::at(index as usize), *Activity::ALL.get((place >> 16) as usize)?))
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        PLACE.set(self.before);
    }
}

/// The plugin that a crash is attributed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Culprit {
    /// The label of its library, followed by zeros.
    pub(crate) label: [u8; MAX_LABEL],
    /// The occasion, if the host knows it.
    pub(crate) activity: Option<Activity>,
}

/// The plugin that this thread runs. The library that contains `address`, the instruction that failed, precedes the
/// library that the host has called. May be called in a signal handler.
pub(crate) fn culprit(address: Option<usize>) -> Option<Culprit> {
    let called = Place::current();
    let slot = address.and_then(find_mapped).or(called.map(|(slot, _)| slot))?;
    let activity = called.filter(|(called, _)| std::ptr::eq(*called, slot)).map(|(_, activity)| activity);
    Some(Culprit { label: slot.label(), activity })
}

#[cfg(test)]
mod tests {
    use super::super::slots::open_slot;
    use super::*;

    #[test]
    fn the_failed_instruction_precedes_the_library_that_was_called() {
        // Pages of the kernel's half, where no library is mapped.
        let address = |page: usize| (1 << 47) - (page << 12);
        let [a, b] = [(u64::MAX - 11, "a#1"), (u64::MAX - 12, "b#2")].map(|(n, label)| open_slot(n, label).unwrap());
        a.opened(&(address(9)..address(8)));
        b.opened(&(address(7)..address(6)));
        let found = |address: Option<usize>| {
            let Culprit { label, activity } = culprit(address)?;
            let label = String::from_utf8(label.split(|byte| *byte == 0).next()?.to_vec()).unwrap();
            Some((label, activity))
        };
        let is = |label: &str, activity: Option<Activity>| Some((label.to_owned(), activity));
        assert_eq!(found(None), None);
        assert_eq!(found(Some(address(9))), is("a#1", None));
        let in_call = a.place(Activity::Call).enter();
        assert_eq!(found(Some(address(2))), is("a#1", Some(Activity::Call)));
        assert_eq!(found(Some(address(9))), is("a#1", Some(Activity::Call)));
        assert_eq!(found(Some(address(7))), is("b#2", None));
        let in_hook = b.place(Activity::Hook).enter();
        assert_eq!(found(None), is("b#2", Some(Activity::Hook)));
        drop(in_hook);
        assert_eq!(found(None), is("a#1", Some(Activity::Call)));
        drop(in_call);
        assert_eq!(found(None), None);
        assert!(a.close() && b.close());
        a.free();
        b.free();
    }
}
