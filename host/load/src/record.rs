//! The record of a library: guards, remaining items, and whether it is mapped.
#![expect(unsafe_code, reason = "asks a plugin how much heap it holds")]

mod watch;
mod words;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use plugin_sdk_abi::PluginRootRef;
use tokio::runtime::Handle as Runtime;
use tokio::sync::watch::Sender;

use crate::host_target::HostTarget;
use crate::kind::GuardKind;
use crate::ledger::{self, Names, Slot};
pub use watch::Watch;
use words::{in_brackets, on_threads, some};

/// A library that is not unmapped this long after it was retired is called kept.
const KEPT_AFTER: Duration = Duration::from_secs(1);

/// Every library that is mapped.
static RECORDS: Mutex<Vec<Arc<Record>>> = Mutex::new(Vec::new());

/// A mapped library, or a library that was mapped.
pub(crate) struct Record {
    label: String,
    slot: &'static Slot,
    mapped_bytes: usize,
    /// The reason this library can never be unloaded; `None` if it can.
    unload_blocked: Option<String>,
    /// The runtime that unloads it.
    pub(crate) runtime: Runtime,
    /// The number of guards by kind.
    guards: [AtomicUsize; GuardKind::ALL.len()],
    /// The object behind its host handle.
    pub(crate) host_target: HostTarget,
    /// Its root, while it is mapped.
    root: Mutex<Option<PluginRootRef>>,
    left_bytes: OnceLock<u64>,
    /// The time of its retirement; unset while it is in use.
    retired: OnceLock<Instant>,
    /// Whether no guard is left on it: its plugin was dropped.
    released: Sender<bool>,
    /// Set when it is being closed: its slot in the ledger may then belong to another library.
    closing: OnceLock<()>,
    /// The time at which it was seen to be unmapped.
    unmapped_at: OnceLock<Instant>,
    end: Sender<End>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Mapped,
    Unmapped,
    Never,
}

/// The phase of a library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LibraryPhase {
    /// In use by a generation.
    InUse,
    /// Retired, waiting until nothing of it is left.
    Quiescing,
    /// Quiescing for more than a second, or permanently: [`Watch::held_by`] returns the reasons.
    Kept,
    /// Removed from memory.
    Unmapped,
}

/// The number of mapped libraries.
pub fn mapped_libraries() -> usize {
    all().len()
}

/// The libraries that are kept: the plugin's id, `#`, and the number of the generation.
pub fn kept_libraries() -> Vec<String> {
    let kept = |record: &&Arc<Record>| record.phase() == LibraryPhase::Kept;
    all().iter().filter(kept).map(|record| record.label.clone()).collect()
}

fn all() -> MutexGuard<'static, Vec<Arc<Record>>> {
    RECORDS.lock()
}

impl Record {
    pub(crate) fn new(
        label: String,
        slot: &'static Slot,
        mapped_bytes: usize,
        unload_blocked: Option<String>,
        runtime: Runtime,
    ) -> Arc<Record> {
        let record = Arc::new(Record {
            label,
            slot,
            mapped_bytes,
            unload_blocked,
            runtime,
            guards: Default::default(),
            host_target: HostTarget::default(),
            root: Mutex::default(),
            left_bytes: OnceLock::new(),
            retired: OnceLock::new(),
            released: Sender::new(false),
            closing: OnceLock::new(),
            unmapped_at: OnceLock::new(),
            end: Sender::new(End::Mapped),
        });
        all().push(record.clone());
        record
    }

    /// The number of mapped libraries that can never be unloaded.
    pub(crate) fn n_unload_blocked() -> usize {
        all().iter().filter(|record| record.unload_blocked.is_some()).count()
    }

    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    pub(crate) fn slot(&self) -> &'static Slot {
        self.slot
    }

    pub(crate) fn unload_blocked(&self) -> Option<&str> {
        self.unload_blocked.as_deref()
    }

    pub(crate) fn read_memory_with(&self, root: PluginRootRef) {
        *self.root() = Some(root);
    }

    fn root(&self) -> MutexGuard<'_, Option<PluginRootRef>> {
        self.root.lock()
    }

    pub(crate) fn count(&self, kind: GuardKind) -> &AtomicUsize {
        &self.guards[kind as usize]
    }

    pub(crate) fn retire(&self) {
        self.retired.get_or_init(Instant::now);
    }

    /// Records that no guard is left.
    pub(crate) fn released(&self) {
        self.retire();
        self.released.send_replace(true);
    }

    /// Records that the library will never be unmapped.
    pub(crate) fn mark_never_unmapped(&self) {
        self.end.send_replace(End::Never);
    }

    pub(crate) fn unmapped(&self) {
        let _ = self.unmapped_at.set(Instant::now());
        all().retain(|other| !std::ptr::eq(&raw const **other, self));
        self.end.send_replace(End::Unmapped);
    }

    fn phase(&self) -> LibraryPhase {
        let Some(retired) = self.retired.get() else { return LibraryPhase::InUse };
        match *self.end.borrow() {
            End::Unmapped => LibraryPhase::Unmapped,
            End::Never => LibraryPhase::Kept,
            End::Mapped if retired.elapsed() >= KEPT_AFTER => LibraryPhase::Kept,
            End::Mapped => LibraryPhase::Quiescing,
        }
    }

    pub(crate) fn held_by(&self) -> Vec<String> {
        if *self.end.borrow() == End::Unmapped {
            return vec![];
        }
        if let Some(reason) = &self.unload_blocked {
            return vec![reason.clone()];
        }
        if self.closing.get().is_some() {
            return vec!["the dynamic linker has not unmapped it".to_owned()];
        }
        let mut reasons = vec![];
        let (n_threads, n_thread_locals) = self.slot.left();
        let Names { threads, thread_locals, n_on_own_threads } = ledger::names_of(self.slot);
        let n_thread_locals = n_thread_locals.saturating_sub(n_on_own_threads as u64);
        if n_threads > 0 {
            reasons.push(format!("{}{}", some(n_threads, "thread", "threads"), in_brackets(&threads)));
        }
        // While it is guarded, thread-locals are normal.
        if n_thread_locals > 0 && *self.released.borrow() {
            let text = some(n_thread_locals, "thread-local", "thread-locals");
            reasons.push(format!("{text}{}", on_threads(&thread_locals)));
        }
        for kind in GuardKind::ALL {
            let held = self.count(kind).load(Ordering::Relaxed) as u64;
            if held > 0 {
                let (one, many) = kind.words();
                reasons.push(some(held, one, many));
            }
        }
        if reasons.is_empty() {
            let reason = if *self.released.borrow() { "it is about to be closed" } else { "the host still uses it" };
            reasons.push(reason.to_owned());
        }
        reasons
    }

    /// Returns the heap memory of the plugin, if the plugin counts it. Runs code of the library, which the caller keeps
    /// mapped.
    pub(crate) fn live_bytes_now(&self) -> Option<u64> {
        let memory = (*self.root())?.memory()?;
        // SAFETY: the root passed the layout check, and the caller keeps its library mapped.
        let memory = unsafe { memory() };
        (memory.counted != 0).then_some(memory.live_bytes)
    }

    /// Records the heap memory that the plugin leaves behind. Called when the library is about to be closed.
    pub(crate) fn begins_to_close(&self) {
        let _ = self.closing.set(());
        let bytes = self.live_bytes_now();
        *self.root() = None;
        if let Some(bytes) = bytes {
            let _ = self.left_bytes.set(bytes);
        }
    }
}
