//! The end of a generation: drained, stopped, unmapped.

use std::sync::Arc;
use std::time::{Duration, Instant};

use host_call::{Generation, GenerationPhase, Life, LogLines};
use host_core::event::EventKind;
use host_core::{PluginId, Span};
use host_load::{Hook, LibraryPhase};
use tokio::task::JoinHandle;

use crate::state::Host;

/// How long cancelled calls may take to end.
const CANCEL_GRACE: Duration = Duration::from_secs(5);
/// The maximum number of reasons in an event about a library that stays in memory.
const MAX_REASONS: usize = 16;

/// Marks a generation that was removed from the roster: it accepts no more calls and no more probes.
fn begin(generation: &Generation) {
    generation.enter(GenerationPhase::Draining);
    generation.life.set_replaced();
    generation.in_flight.close();
    generation.replaced.cancel();
    generation.services.end();
    let number = generation.number;
    let in_flight = generation.in_flight.count() as u64;
    let draining = EventKind::GenerationDraining { generation: number, in_flight };
    generation.events.publish(&generation.id, draining);
}

/// Ends a generation after [`begin`]: waits for its calls for at most `drain_timeout`, cancels the others, and runs the
/// hook `last`, if the plugin has it, and the stop hook. The instance is dropped with the last part of a response that
/// uses it; [`follow_library`] reports the unmapping.
async fn drain_and_stop(
    generation: &Arc<Generation>,
    drain_timeout: Duration,
    stop_timeout: Duration,
    last: Option<Hook>,
) {
    let id = generation.id.clone();
    let number = generation.number;
    let started = Instant::now();
    let mut cancelled = 0;
    // The hook may end what the calls wait for, so it runs during the drain.
    let on_unload = generation.run_hook(&Hook::OnUnload, stop_timeout);
    let drained = tokio::time::timeout(drain_timeout, generation.in_flight.none());
    let ((), drained) = tokio::join!(on_unload, drained);
    if drained.is_err() {
        let left = generation.in_flight.count();
        cancelled = left as u64;
        tracing::warn!(
            plugin.id = %id,
            generation = number,
            left,
            "generation {number} of `{id}`: {left} calls were cancelled at the end of the drain timeout"
        );
        generation.note("warn", &format!("cancelled {left} calls after {} of draining", Span::new(drain_timeout)));
        generation.cancel_calls();
        if tokio::time::timeout(CANCEL_GRACE, generation.in_flight.none()).await.is_err() {
            // A call that is polled notices that at once. The remaining calls block their worker threads, and
            // nothing can end them.
            let left = generation.in_flight.count();
            tracing::error!(
                plugin.id = %id,
                generation = number,
                left,
                "generation {number} of `{id}` cannot be stopped: {left} cancelled calls still block host threads"
            );
            generation.note(
                "error",
                &format!("the generation cannot be stopped: {left} cancelled calls still block host threads"),
            );
            generation.in_flight.none().await;
        }
    }
    generation.enter(GenerationPhase::Stopping);
    if let Some(last) = last {
        generation.run_hook(&last, stop_timeout).await;
    }
    if let Err(error) = generation.instance.stop(stop_timeout).await {
        tracing::warn!(plugin.id = %id, generation = number, "the stop hook of `{id}` failed: {error}");
        generation.note("warn", &format!("stop: {error}"));
    }
    generation.services.close();
    generation.life.watch.retire();
    generation.enter(GenerationPhase::Quiescing);
    let took = started.elapsed();
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    generation.events.publish(&id, EventKind::GenerationEnded { generation: number, took, cancelled });
    tracing::info!(plugin.id = %id, generation = number, duration_ms, "generation {number} of `{id}` has ended");
}

/// Reports the fate of the library of an ended generation: unmapped, or kept in memory and why.
async fn follow_library(host: &Host, id: &PluginId, life: &Life, log: &LogLines) {
    let number = life.number;
    let note = |level, text: String| log.push(level, Some(number), &text);
    let publish = |kind| host.0.events.publish(Some(id), None, kind);
    let was_kept = life.watch.settled().await == LibraryPhase::Kept;
    if was_kept {
        let held_by = life.watch.held_by();
        let reasons = held_by.iter().take(MAX_REASONS).map(|reason| reason.as_str().into()).collect();
        publish(EventKind::GenerationKept { generation: number, held_by: reasons });
        let held_by = held_by.join("; ");
        tracing::warn!(plugin.id = %id, generation = number, "generation {number} of `{id}` stays in memory: {held_by}");
        note("warn", format!("generation {number} has ended and stays in memory: {held_by}"));
        if !life.watch.unmapped().await {
            return;
        }
    }
    let Some(after) = life.unmapped_after() else { return };
    let left_bytes = life.watch.left_bytes();
    host.0.metrics.unmapped(id.as_str(), after, left_bytes);
    publish(EventKind::GenerationUnmapped { generation: number, after, left_bytes });
    let span = Span::new(after);
    tracing::info!(plugin.id = %id, generation = number, "generation {number} of `{id}` is unmapped, {span} after it was replaced");
    if was_kept {
        note("info", format!("generation {number} is unmapped, {span} after it was replaced"));
    }
}

impl Host {
    /// Ends a generation that was removed from the roster, in the background.
    pub(crate) fn retire(&self, generation: Arc<Generation>, drain_timeout: Duration) {
        drop(self.retire_with(generation, drain_timeout, None));
    }

    /// Ends a generation in the background, with a hook that runs before the stop hook. The returned task ends with the
    /// generation.
    pub(crate) fn retire_with(
        &self,
        generation: Arc<Generation>,
        drain_timeout: Duration,
        last: Option<Hook>,
    ) -> JoinHandle<()> {
        begin(&generation);
        let host = self.clone();
        self.0.tasks.spawn(async move {
            drain_and_stop(&generation, drain_timeout, host.config().stop_timeout, last).await;
            let id = generation.id.clone();
            let life = generation.life.clone();
            let log = generation.log().clone();
            if let Some(plugin) = host.0.plugins.get(&id).map(|entry| entry.value().clone()) {
                plugin.state().end(&generation);
            }
            // The library is unmapped when its last holder drops it; the code below does not hold it. A host that stops
            // does not wait for the unmapping.
            drop(generation);
            let tasks = host.0.tasks.clone();
            let stopping = host.0.stopping.clone();
            tasks.spawn(async move {
                tokio::select! {
                    () = follow_library(&host, &id, &life, &log) => {}
                    () = stopping.cancelled() => {}
                }
            });
        })
    }
}
