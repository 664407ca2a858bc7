//! The end of a generation: drained, stopped, let go.

use std::sync::Arc;
use std::time::{Duration, Instant};

use host_load::Hook;

use crate::generation::{Generation, GenerationPhase};

/// How long calls that were cut may take to notice.
const CUT_GRACE: Duration = Duration::from_secs(5);

/// Marks a generation that was just taken out of the roster: it takes no more calls and no more probes.
pub(crate) fn begin(generation: &Generation) {
    generation.enter(GenerationPhase::Draining);
    generation.in_flight.close();
    generation.replaced.cancel();
    generation.services.end();
}

/// Ends a generation for which [`begin`] was called: waits for its calls, at most `drain_timeout`, cuts the rest, runs
/// `last` if its code has it, and its stop hook. The instance is dropped with the last byte that holds it; the library stays
/// mapped.
pub(crate) async fn retire(
    generation: Arc<Generation>,
    drain_timeout: Duration,
    stop_timeout: Duration,
    last: Option<Hook>,
) {
    let (id, number) = (generation.id.clone(), generation.number);
    let started = Instant::now();
    // The hook may end what the calls wait for, so it runs while they drain.
    let on_unload = generation.run_hook(&Hook::OnUnload, stop_timeout);
    let drained = tokio::time::timeout(drain_timeout, generation.in_flight.none());
    let ((), drained) = tokio::join!(on_unload, drained);
    if drained.is_err() {
        let left = generation.in_flight.count();
        tracing::warn!(plugin.id = %id, generation = number, left, "generation {number} of `{id}` cuts {left} calls");
        generation.note("warn", &format!("cut {left} calls after {} s of draining", drain_timeout.as_secs()));
        generation.cut.cancel();
        generation.streams.cut();
        if tokio::time::timeout(CUT_GRACE, generation.in_flight.none()).await.is_err() {
            // A call that is polled notices at once: these block the threads that poll them, and nothing ends that.
            let left = generation.in_flight.count();
            tracing::error!(plugin.id = %id, generation = number, left, "{left} calls of `{id}` block host threads");
            generation.note("error", &format!("{left} calls block host threads; the generation can't be stopped"));
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
    generation.enter(GenerationPhase::Retired);
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::info!(plugin.id = %id, generation = number, duration_ms, "generation {number} of `{id}` has ended");
}
