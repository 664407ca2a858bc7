//! Unloading: a library is closed when nothing of it is left in the process.
#![expect(unsafe_code, reason = "closes libraries")]

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::runtime::Handle as Runtime;

use crate::copy::{Open, is_mapped};
use crate::ledger::{self, safe_point};
use crate::own_thread::spawn_detached;
use crate::record::Record;

/// The initial interval of checks whether something is left; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
/// The longest interval of these checks.
const LAST_PAUSE: Duration = Duration::from_secs(1);
/// The time that a worker waits for the others in a round of visits.
const VISIT: Duration = Duration::from_micros(500);

/// Starts the unloading of a library without remaining guards.
pub(crate) fn start(record: Arc<Record>, open: Open) {
    record.released();
    if record.unload_blocked().is_some() {
        // Unloading is impossible: its memory and everything that it left behind stay in the process.
        record.mark_never_unmapped();
        return;
    }
    record.slot().retire();
    ledger::raise();
    // If the host ends in the meantime, the library stays mapped like everything else.
    record.runtime.clone().spawn(quiesce(record, open));
}

/// Waits until nothing of the library is left, then closes it.
async fn quiesce(record: Arc<Record>, open: Open) {
    let mut pause = FIRST_PAUSE;
    while !record.slot().close() {
        // Busy workers usually pass a safe point during this pause; idle workers are woken below.
        if tokio::time::timeout(pause, record.slot().cleared.notified()).await.is_err() {
            // Threads end by themselves; thread-locals of workers that sleep do not.
            if !ledger::names_of(record.slot()).thread_locals.is_empty() {
                ledger::raise();
                visit_workers(&Runtime::current());
            }
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }
    // Its last destructors run, and may block.
    spawn_detached("unmap", move || close(&record, open));
}

fn close(record: &Arc<Record>, open: Open) {
    record.begins_to_close();
    let slot = record.slot();
    ledger::delete_keys(slot);
    // SAFETY: no guard is left, so the host calls nothing of it; the ledger has seen its threads and thread-locals end,
    // and nothing enters a closed slot; its keys are deleted.
    let closed = unsafe { open.close() };
    // Its last destructors may have created keys or sent requests to the host.
    ledger::delete_keys(slot);
    record.host_target.end();
    slot.free();
    if let Err(reason) = closed {
        tracing::warn!(library = record.label(), "the dynamic linker did not close a library: {reason}");
    }
    if !still_mapped(record) {
        return record.unmapped();
    }
    // The linker releases some libraries only when it closes another one.
    let record = record.clone();
    record.runtime.clone().spawn(async move {
        while still_mapped(&record) {
            tokio::time::sleep(LAST_PAUSE).await;
        }
        record.unmapped();
    });
}

fn still_mapped(record: &Record) -> bool {
    // If the mappings cannot be read, the library counts as mapped.
    is_mapped(record.label()).unwrap_or(true)
}

/// Makes every worker of the runtime pass a safe point, idle ones included. The workers wait for one another briefly,
/// because a worker that is done would take the next task while another one keeps sleeping.
fn visit_workers(runtime: &Runtime) {
    struct Round {
        arrived: Mutex<usize>,
        all: Condvar,
    }
    let n_workers = runtime.metrics().num_workers();
    let round = Arc::new(Round { arrived: Mutex::new(0), all: Condvar::new() });
    for _ in 0..n_workers {
        let round = round.clone();
        runtime.spawn(async move {
            safe_point();
            let mut arrived = round.arrived.lock();
            *arrived += 1;
            if *arrived == n_workers {
                round.all.notify_all();
            } else {
                round.all.wait_while_for(&mut arrived, |arrived| *arrived < n_workers, VISIT);
            }
        });
    }
}
