//! From what clients send to rules for updates, and from what the host found to what is shown.

use std::collections::BTreeSet;
use std::time::Duration;

use host_api as api;
use host_api::FieldError;
use host_core::update::{self, UpdateError, UpdateInterval, UpdatePolicy, UpdateRule};
use host_core::{GitUrl, Source};
use host_run::{Update, UpdateReport};
use http::StatusCode;
use semver::Version;

use crate::error::of_operation;
use crate::problem::Refused;

/// What an operator wants for one plugin, and the versions that are never taken, where they are named.
///
/// # Errors
/// All that is wrong with it.
pub(super) fn rule_asked(asked: &api::UpdateRuleRequest) -> Result<(UpdateRule, Option<BTreeSet<Version>>), Refused> {
    let mut wrong = vec![];
    let policy = kept("policy", asked.policy.parse(), &mut wrong);
    let interval = match asked.interval_seconds {
        None => Some(UpdateInterval::default()),
        Some(seconds) => kept("interval_seconds", UpdateInterval::new(Duration::from_secs(seconds)), &mut wrong),
    };
    let blocked = asked.blocked.as_ref();
    let blocked = blocked.map(|blocked| update::blocked_versions(blocked.iter().map(String::as_str))).transpose();
    let blocked = kept("blocked", blocked, &mut wrong);
    let rule = policy.zip(interval).and_then(|(policy, interval)| {
        kept("automatic", UpdateRule::new(policy, asked.automatic, interval), &mut wrong)
    });
    rule.zip(blocked).ok_or_else(|| refused(wrong))
}

/// One version that is to be blocked, or no longer.
///
/// # Errors
/// It is none.
pub(super) fn version_asked(text: &str) -> Result<Version, Refused> {
    let versions = update::blocked_versions([text]).map_err(|error| refused(vec![("version", error)]))?;
    versions
        .into_iter()
        .next()
        .ok_or_else(|| Refused::new(StatusCode::BAD_REQUEST, "update_version", "the version in the path is empty"))
}

/// The repository that an older client wants to install, and how it is to be kept up to date: with versions that are
/// compatible, which is what it may mean by its one switch.
///
/// # Errors
/// No repository, or no length of time. One that is too short or too long becomes the nearest that is not: that client
/// knows no bounds, and is told what is in use.
pub(super) fn github_asked(asked: &api::GithubInstall) -> Result<(GitUrl, UpdateRule), Refused> {
    let url = repository(&asked.repo_url)?;
    let interval = match &asked.update_interval {
        None => Ok(UpdateInterval::default()),
        Some(api::IntervalText::Seconds(seconds)) => Ok(UpdateInterval::nearest(Duration::from_secs(*seconds))),
        Some(api::IntervalText::Text(text)) if text.is_empty() => Ok(UpdateInterval::default()),
        Some(api::IntervalText::Text(text)) => update::parse_duration(text).map(UpdateInterval::nearest),
    };
    let rule = interval.and_then(|interval| UpdateRule::new(UpdatePolicy::Minor, asked.auto_update, interval));
    rule.map(|rule| (url, rule)).map_err(|error| refused(vec![("updateInterval", error)]))
}

/// The repository that an older client names.
///
/// # Errors
/// Why the text is none.
pub(super) fn repository(text: &str) -> Result<GitUrl, Refused> {
    GitUrl::from_repository_address(text).map_err(|error| of_operation(&error.into()))
}

/// What an older client is told of its installation.
pub(super) fn github_installed(asked: api::Asked, url: &GitUrl, rule: &UpdateRule) -> api::GithubInstalled {
    api::GithubInstalled {
        asked,
        repo_url: url.to_string(),
        r#type: "github".to_owned(),
        auto_update: rule.automatic(),
        update_interval: rule.interval().to_string(),
    }
}

/// What is known of a plugin's newer versions.
pub(super) fn updates(
    id: &str,
    source: &Source,
    rule: &UpdateRule,
    blocked: &BTreeSet<Version>,
    found: Option<&UpdateReport>,
) -> api::Updates {
    let rule = self::rule(rule, blocked);
    api::Updates { id: id.to_owned(), source: source.to_string(), rule, report: found.map(report) }
}

pub(crate) fn rule(rule: &UpdateRule, blocked: &BTreeSet<Version>) -> api::UpdateRule {
    api::UpdateRule {
        policy: rule.policy().to_string(),
        automatic: rule.automatic(),
        interval_seconds: rule.interval().duration().as_secs(),
        blocked: blocked.iter().map(ToString::to_string).collect(),
    }
}

pub(crate) fn report(report: &UpdateReport) -> api::UpdateReport {
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

/// Keeps what was read, or notes what is wrong with the field.
fn kept<T>(
    field: &'static str,
    read: Result<T, UpdateError>,
    wrong: &mut Vec<(&'static str, UpdateError)>,
) -> Option<T> {
    read.map_err(|error| wrong.push((field, error))).ok()
}

fn refused(wrong: Vec<(&'static str, UpdateError)>) -> Refused {
    let code = wrong.first().map_or("body_does_not_fit", |(_, error)| error.code());
    let texts: Vec<_> = wrong.iter().map(|(field, error)| (*field, error.to_string())).collect();
    let split = |text: &str| {
        let (what, todo) = text.split_once("; hint: ").unwrap_or((text, ""));
        (what.to_owned(), todo.to_owned())
    };
    let (what, todo): (Vec<_>, Vec<_>) = texts.iter().map(|(_, text)| split(text)).unzip();
    let mut refused = Refused::new(StatusCode::BAD_REQUEST, code, what.join("; ")).fix(todo.join("; "));
    let errors = texts.into_iter().map(|(field, message)| FieldError { pointer: field.to_owned(), message });
    refused.errors = errors.collect();
    refused
}

#[cfg(test)]
mod tests {
    use host_core::update::Reason;
    use serde_json::json;

    use super::*;

    fn asked(body: serde_json::Value) -> Result<String, Refused> {
        let (rule, blocked) = rule_asked(&serde_json::from_value(body).unwrap())?;
        Ok(serde_json::to_string(&self::rule(&rule, &blocked.unwrap_or_default())).unwrap())
    }

    #[test]
    fn a_rule_is_read_and_shown() {
        assert_eq!(
            asked(json!({"policy": "patch"})).unwrap(),
            r#"{"policy":"patch","automatic":false,"interval_seconds":3600,"blocked":[]}"#
        );
        let whole =
            json!({"policy": "major", "automatic": true, "interval_seconds": 60, "blocked": ["v1.10.0", "1.9.0"]});
        assert_eq!(
            asked(whole).unwrap(),
            r#"{"policy":"major","automatic":true,"interval_seconds":60,"blocked":["1.9.0","1.10.0"]}"#
        );
    }

    #[test]
    fn all_that_is_wrong_with_a_rule_is_said_at_once() {
        let body = json!({"policy": "newest", "interval_seconds": 5, "blocked": ["1.2"]});
        let refused = asked(body).unwrap_err();
        let fields: Vec<_> = refused.errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!((refused.status.as_u16(), &*refused.code), (400, "update_policy"));
        assert_eq!(fields, ["policy", "interval_seconds", "blocked"]);
        assert_eq!(
            refused.detail,
            "`newest` is no update policy; updates are not looked for every 5s; `1.2` is not a version"
        );
        let refused = asked(json!({"policy": "pinned", "automatic": true})).unwrap_err();
        assert_eq!((&*refused.code, refused.errors[0].pointer.as_str()), ("update_never_automatic", "automatic"));
    }

    #[test]
    fn older_clients_get_a_rule_and_are_told_which() {
        let read = |body: serde_json::Value| match github_asked(&serde_json::from_value(body).unwrap()) {
            Ok((url, rule)) => {
                let shown = github_installed(api::Asked::default(), &url, &rule);
                format!("{} {} {} {}", shown.repo_url, rule.policy(), shown.auto_update, shown.update_interval)
            }
            Err(refused) => format!("{} {}", refused.status.as_u16(), refused.code),
        };
        for (body, expected) in [
            (json!({"repoUrl": "github.com/acme/hello.git"}), "https://github.com/acme/hello minor false 1h"),
            (
                json!({"repoUrl": "https://github.com/acme/hello/", "autoUpdate": true, "updateInterval": "1h30m"}),
                "https://github.com/acme/hello minor true 1h30m",
            ),
            (json!({"repoUrl": "github.com/a/b", "updateInterval": "30s"}), "https://github.com/a/b minor false 1m"),
            (json!({"repoUrl": "github.com/a/b", "updateInterval": 7200}), "https://github.com/a/b minor false 2h"),
            (json!({"repoUrl": "github.com/a/b", "updateInterval": ""}), "https://github.com/a/b minor false 1h"),
            (json!({"repoUrl": "github.com/a/b", "updateInterval": "soon"}), "400 update_duration"),
            (json!({"repoUrl": "a/b"}), "400 source_url"),
            (json!({"repoUrl": "http://github.com/a/b"}), "400 source_scheme"),
        ] {
            assert_eq!(read(body.clone()), expected, "{body}");
        }
    }

    #[test]
    fn what_was_found_is_shown_without_gaps() {
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
            held_back: vec![("2.0.0".parse().unwrap(), Reason::Policy(UpdatePolicy::Patch))],
            error: None,
        };
        let source = "https://github.com/acme/hello".parse().unwrap();
        let shown = updates("hello", &source, &UpdateRule::default(), &BTreeSet::new(), Some(&report));
        assert_eq!(
            serde_json::to_value(shown).unwrap(),
            json!({
                "id": "hello",
                "source": "https://github.com/acme/hello",
                "rule": {"policy": "minor", "automatic": false, "interval_seconds": 3600, "blocked": []},
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
