//! The stored plans that may be applied.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use host_call::now_unix_ms;
use host_core::{Digest, PluginId};
use host_store::Tree;
use parking_lot::Mutex;

use crate::model::Target;

/// The lifetime of a plan.
const LIFETIME: Duration = Duration::from_secs(3600);
/// The maximum number of stored plans.
const MAX: usize = 32;

/// The stored plans, oldest first.
#[derive(Default)]
pub(crate) struct Plans(Mutex<VecDeque<KeptPlan>>);

/// A stored plan.
#[derive(Clone)]
pub(crate) struct KeptPlan {
    digest: Digest,
    made: Instant,
    /// The revision of every plugin that was installed.
    revisions: BTreeMap<PluginId, u64>,
    pub(crate) targets: Vec<Target>,
    /// Held so that sweeps do not remove the trees.
    _trees: Vec<Tree>,
}

impl Plans {
    /// Stores a plan. Returns its expiry, in milliseconds since the Unix epoch.
    pub(crate) fn keep(&self, plan: KeptPlan) -> u64 {
        let mut plans = self.0.lock();
        plans.retain(|other| other.digest != plan.digest && other.made.elapsed() < LIFETIME);
        if plans.len() == MAX {
            plans.pop_front();
        }
        plans.push_back(plan);
        now_unix_ms().saturating_add(LIFETIME.as_millis() as u64)
    }

    pub(crate) fn get(&self, digest: &Digest) -> Option<KeptPlan> {
        let mut plans = self.0.lock();
        plans.retain(|plan| plan.made.elapsed() < LIFETIME);
        plans.iter().find(|plan| plan.digest == *digest).cloned()
    }
}

impl KeptPlan {
    pub(crate) fn new(
        digest: Digest,
        revisions: BTreeMap<PluginId, u64>,
        targets: Vec<Target>,
        trees: Vec<Tree>,
    ) -> KeptPlan {
        KeptPlan { digest, made: Instant::now(), revisions, targets, _trees: trees }
    }

    /// The changes since the plan was made, in one sentence; `None` if there are none.
    pub(crate) fn difference(&self, now: &BTreeMap<PluginId, u64>) -> Option<String> {
        let gone =
            self.revisions.keys().filter(|id| !now.contains_key(*id)).map(|id| format!("plugin `{id}` was removed"));
        let others = now.iter().filter_map(|(id, revision)| match self.revisions.get(id) {
            None => Some(format!("plugin `{id}` was added")),
            Some(planned) if planned != revision => {
                Some(format!("plugin `{id}` is at revision {revision}, but was at {planned} when the plan was made"))
            }
            Some(_) => None,
        });
        let all: Vec<_> = gone.chain(others).collect();
        let n_more = all.len().saturating_sub(5);
        let more = if n_more == 0 { String::new() } else { format!(", and {n_more} more") };
        (!all.is_empty()).then(|| format!("{}{more}", all[..all.len().min(5)].join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(name: &str) -> KeptPlan {
        let revisions = [("abc", 1), ("xyz", 2)].map(|(id, revision)| (id.parse().unwrap(), revision)).into();
        KeptPlan::new(Digest::compute(name.as_bytes()), revisions, vec![], vec![])
    }

    #[test]
    fn the_newest_plans_are_stored_once_each() {
        let plans = Plans::default();
        for name in 0..=MAX {
            plans.keep(plan(&name.to_string()));
        }
        plans.keep(plan("3"));
        let is_kept = |name: &str| plans.get(&Digest::compute(name.as_bytes())).is_some();
        assert!(!is_kept("0") && is_kept("1") && is_kept("3") && is_kept(&MAX.to_string()));
        assert_eq!(plans.0.lock().len(), MAX);
        let old = KeptPlan { made: Instant::now() - LIFETIME, ..plan("old") };
        plans.keep(old);
        assert!(!is_kept("old") && is_kept("2"));
    }

    #[test]
    fn a_stale_plan_lists_the_changes() {
        let says = |now: &[(&str, u64)]| {
            plan("x").difference(&now.iter().map(|(id, revision)| (id.parse().unwrap(), *revision)).collect())
        };
        assert_eq!(says(&[("abc", 1), ("xyz", 2)]), None);
        let said = "plugin `abc` was removed, plugin `new-one` was added, \
                    plugin `xyz` is at revision 7, but was at 2 when the plan was made";
        assert_eq!(says(&[("new-one", 3), ("xyz", 7)]).as_deref(), Some(said));
    }
}
