//! The probation of a version that replaced another: a failing version is rolled back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use host_call::Generation;
use host_core::probation::verdict;

use crate::model::Operation;
use crate::state::{Host, Input};

/// The interval at which the responses of a new version are judged.
const LOOK: Duration = Duration::from_secs(1);

impl Host {
    /// Judges a generation on probation until the probation ends or the generation is replaced. A bad verdict submits a
    /// rollback.
    pub(crate) async fn judge(&self, generation: Arc<Generation>) {
        let rules = self.config().probation;
        let mut looks = tokio::time::interval(LOOK);
        while generation.is_on_probation() {
            tokio::select! {
                biased;
                () = generation.replaced.cancelled() => return,
                () = generation.health.probed() => {}
                _ = looks.tick() => {}
            }
            let report = generation.health_report();
            let requests = generation.life.requests.load(Ordering::Relaxed);
            let errors = generation.life.errors.load(Ordering::Relaxed);
            let verdict = verdict(&rules, report.health, report.problem.as_deref(), requests, errors);
            let Some(because) = verdict else { continue };
            let id = generation.id.to_string();
            tracing::error!(
                plugin.id = id,
                generation = generation.number,
                "plugin `{id}` is rolled back to the previous version: {because}"
            );
            generation.note("error", &format!("rolled back to the previous version: {because}"));
            let operation = Operation::Rollback { id, to: None, because: Some(because) };
            self.0.reconcile.send(Input::Submit(Box::new(operation)));
            return;
        }
    }
}
