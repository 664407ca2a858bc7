//! Applying a plan.

use std::sync::Arc;

use host_core::Digest;
use host_core::event::EventKind;

use crate::jobs::Job;
use crate::model::{Error, Initiator, Operation, Target};
use crate::state::Host;

impl Host {
    /// Applies a plan as one job. If `atomic` is set, a failure undoes the earlier targets.
    ///
    /// # Errors
    /// [`Error::UnknownPlan`]; [`Error::PlanStale`] if the desired state has changed since the plan was made; those of
    /// [`Host::submit`].
    pub async fn apply(&self, plan: &str, atomic: bool, initiator: Initiator) -> Result<Arc<Job>, Error> {
        match self.held_plan(plan) {
            Ok((plan, targets)) => self.submit(Operation::Apply { plan, targets, atomic }, initiator).await,
            Err(error) => {
                let code = error.code().into();
                let chain = error.chain().into();
                let kind = EventKind::RequestRefused { operation: "apply".into(), code, error: chain };
                self.0.events.publish(None, None, kind);
                Err(error)
            }
        }
    }

    /// A stored plan that is not out of date.
    fn held_plan(&self, plan: &str) -> Result<(Digest, Vec<Target>), Error> {
        let unknown = || Error::UnknownPlan { plan: host_core::shown(plan, 80) };
        let digest = plan.parse().map_err(|_| unknown())?;
        let kept = self.0.plans.get(&digest).ok_or_else(unknown)?;
        let now = self.known()?.into_iter().map(|(id, known)| (id, known.revision)).collect();
        match kept.difference(&now) {
            Some(reason) => Err(Error::PlanStale { reason }),
            None => Ok((digest, kept.targets)),
        }
    }
}
