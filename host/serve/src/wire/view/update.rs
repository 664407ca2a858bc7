//! Update policies and newer versions.

use std::collections::BTreeSet;

use host_api as api;
use host_core::Source;
use host_core::update::UpdatePolicy;
use host_run::{Update, UpdateReport};
use semver::Version;

/// The update policy of a plugin and the result of its last update check.
pub(crate) fn updates(
    id: &str,
    source: &Source,
    policy: &UpdatePolicy,
    blocked: &BTreeSet<Version>,
    found: Option<&UpdateReport>,
) -> api::Updates {
    let update_policy = self::policy(policy, blocked);
    api::Updates { id: id.to_owned(), source: source.to_string(), update_policy, report: found.map(report) }
}

pub(crate) fn policy(policy: &UpdatePolicy, blocked: &BTreeSet<Version>) -> api::UpdatePolicy {
    api::UpdatePolicy {
        policy: policy.level().to_string(),
        automatic: policy.automatic(),
        interval_seconds: policy.interval().duration().as_secs(),
        blocked: blocked.iter().map(ToString::to_string).collect(),
    }
}

fn report(report: &UpdateReport) -> api::UpdateReport {
    let held_back = report.held_back.iter().map(|(version, reason)| api::HeldBack {
        version: version.to_string(),
        reason: reason.as_str().to_owned(),
        message: reason.sentence(),
    });
    let failure = report.error.as_ref().map(|error| api::UpdateFailure {
        code: error.code.to_owned(),
        message: error.message.clone(),
        fix: error.fix.clone(),
    });
    api::UpdateReport {
        checked_at_unix_ms: report.checked_at_unix_ms,
        installed: report.installed.to_string(),
        commit: report.commit.clone(),
        newest: report.newest.as_ref().map(newer),
        allowed: report.allowed.as_ref().map(newer),
        held_back: held_back.collect(),
        error: failure,
    }
}

pub(crate) fn newer(update: &Update) -> api::Update {
    api::Update {
        version: update.version.as_ref().map(ToString::to_string),
        revision: update.revision.to_string(),
        commit: update.commit.clone(),
    }
}

#[cfg(test)]
mod tests {
    use host_core::update::{Reason, UpdateLevel};
    use serde_json::json;

    use super::*;

    #[test]
    fn an_update_report_is_shown_completely() {
        let report = UpdateReport {
            checked_at_unix_ms: 7,
            installed: "1.0.0".parse().unwrap(),
            commit: None,
            newest: Some(Update {
                version: Some("2.0.0".parse().unwrap()),
                revision: "v2.0.0".parse().unwrap(),
                commit: "c2".to_owned(),
            }),
            allowed: None,
            held_back: vec![("2.0.0".parse().unwrap(), Reason::Policy(UpdateLevel::Patch))],
            error: None,
        };
        let source = "https://github.com/acme/hello".parse().unwrap();
        let shown = updates("hello", &source, &UpdatePolicy::default(), &BTreeSet::new(), Some(&report));
        assert_eq!(
            serde_json::to_value(shown).unwrap(),
            json!({
                "id": "hello",
                "source": "https://github.com/acme/hello",
                "update_policy": {"policy": "minor", "automatic": false, "interval_seconds": 3600, "blocked": []},
                "report": {
                    "checked_at_unix_ms": 7,
                    "installed": "1.0.0",
                    "commit": null,
                    "newest": {"version": "2.0.0", "revision": "v2.0.0", "commit": "c2"},
                    "allowed": null,
                    "held_back": [{"version": "2.0.0", "reason": "policy", "message": "the policy is `patch`"}],
                    "error": null
                }
            })
        );
    }
}
