//! Newer versions: what is known of them, what the operator wants, and the requests of older clients.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Asked, Problem};

/// `GET /api/plugins/:id/updates`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Updates {
    /// The plugin.
    pub id: String,
    /// Where it comes from.
    pub source: String,
    /// What the operator wants.
    pub rule: UpdateRule,
    /// What the newest look found; null when there was none yet.
    pub report: Option<UpdateReport>,
}

/// What the operator wants for one plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpdateRule {
    /// `patch`, `minor`, `major`, `manual` or `pinned`.
    pub policy: String,
    /// Whether an update that the policy allows is taken without being asked for.
    pub automatic: bool,
    /// How often updates are looked for.
    pub interval_seconds: u64,
    /// Versions that are never taken.
    pub blocked: Vec<String>,
}

/// The body of `PUT /api/plugins/:id/update-policy`: replaces the rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateRuleRequest {
    /// `patch`, `minor`, `major`, `manual` or `pinned`.
    pub policy: String,
    /// Whether an update that the policy allows is taken without being asked for; no when absent.
    #[serde(default)]
    pub automatic: bool,
    /// How often updates are looked for, from 60 to 2592000; 3600 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_seconds: Option<u64>,
    /// Versions that are never taken, all of them; when absent, those that are blocked stay so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<Vec<String>>,
}

/// The body of `POST /api/plugins/:id/update`, which may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateRequest {
    /// A version, tag, branch or commit; without it, or with `latest`, the newest that the rule allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// What a look found. It speaks of what was installed at that moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpdateReport {
    /// When.
    pub checked_at_unix_ms: u64,
    /// The version that was installed.
    pub installed: String,
    /// The commit that was installed.
    pub commit: Option<String>,
    /// The newest that there is, whether or not the rule allows it; null when that is installed.
    pub newest: Option<Update>,
    /// The newest that the rule allows; null when that is installed.
    pub allowed: Option<Update>,
    /// Which newer versions are not taken, and why; newest first.
    pub held_back: Vec<HeldBack>,
    /// Why nothing is known, when the source could not be asked.
    pub error: Option<UpdateFailure>,
}

/// A newer version, or a newer commit of a branch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Update {
    /// The version; null for a branch.
    pub version: Option<String>,
    /// The tag or branch to load, or `latest`.
    pub revision: String,
    /// The commit.
    pub commit: String,
}

/// A newer version that is not taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeldBack {
    /// The version.
    pub version: String,
    /// `blocked`, `pre_release` or `policy`.
    pub reason: String,
    /// The same as a sentence.
    pub message: String,
}

/// Why a source could not be asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpdateFailure {
    /// A stable word.
    pub code: String,
    /// What failed and why.
    pub message: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// The body of `POST /api/plugins/github/install`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GithubInstall {
    /// The repository, on GitHub or elsewhere, with or without `https://` and `.git`.
    pub repo_url: String,
    /// Whether new versions are taken by themselves; no when absent.
    #[serde(default)]
    pub auto_update: bool,
    /// How often they are looked for; an hour when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_interval: Option<IntervalText>,
}

/// A length of time as older clients send it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged, expecting = "a length of time such as \"1h30m\", or a whole number of seconds")]
pub enum IntervalText {
    /// A number of seconds.
    Seconds(u64),
    /// For example `1h30m`.
    Text(String),
}

/// The answer to `POST /api/plugins/github/install`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GithubInstalled {
    /// What was done, with its `message`.
    #[serde(flatten)]
    pub asked: Asked,
    /// The repository.
    pub repo_url: String,
    /// Always `github`.
    pub r#type: String,
    /// Whether new versions are taken by themselves.
    pub auto_update: bool,
    /// How often they are looked for, for example `1h`: what is in use, which need not be what was sent.
    pub update_interval: String,
}

/// The body of `POST /api/plugins/github/update`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GithubUpdate {
    /// The repository, as in [`GithubInstall`].
    pub repo_url: String,
    /// Whether what is newest is fetched and built again even if it is installed; no when absent.
    #[serde(default)]
    pub force: bool,
}

/// The answer to `POST /api/plugins/github/update`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GithubUpdated {
    /// One sentence.
    pub message: String,
    /// The repository.
    pub repo_url: String,
    /// Each plugin of that repository.
    pub plugins: Vec<GithubUpdatedPlugin>,
}

/// What became of one plugin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GithubUpdatedPlugin {
    /// The plugin.
    pub id: String,
    /// Whether another version or commit serves now.
    pub updated: bool,
    /// The version that served before.
    pub from: String,
    /// The version that serves now.
    pub to: String,
    /// The job that did it; null when there was nothing to do.
    pub job: Option<String>,
    /// Why it failed, if it did.
    pub problem: Option<Problem>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn older_clients_are_understood() {
        let read = |body| serde_json::from_value::<GithubInstall>(body).map_err(|error| error.to_string());
        let url = "https://github.com/acme/hello";
        let asked =
            |auto_update, update_interval| Ok(GithubInstall { repo_url: url.to_owned(), auto_update, update_interval });
        let text = |text: &str| Some(IntervalText::Text(text.to_owned()));
        assert_eq!(read(json!({"repoUrl": url})), asked(false, None));
        assert_eq!(
            read(json!({"repoUrl": url, "autoUpdate": true, "updateInterval": "1h", "extra": 1})),
            asked(true, text("1h"))
        );
        assert_eq!(read(json!({"repoUrl": url, "updateInterval": 90})), asked(false, Some(IntervalText::Seconds(90))));
        assert_eq!(read(json!({"repoUrl": url, "updateInterval": null})), asked(false, None));
        for body in [json!({}), json!({"repoUrl": 1}), json!({"repoUrl": url, "autoUpdate": "yes"})] {
            assert!(read(body).is_err());
        }
        let error = read(json!({"repoUrl": url, "updateInterval": -1})).unwrap_err();
        assert!(error.contains("a length of time such as \"1h30m\""), "{error}");
    }

    #[test]
    fn older_clients_find_what_they_look_for() {
        let answer = GithubInstalled {
            asked: Asked { message: "done".to_owned(), ..Asked::default() },
            repo_url: "https://github.com/acme/hello".to_owned(),
            r#type: "github".to_owned(),
            auto_update: true,
            update_interval: "1h".to_owned(),
        };
        let answer = serde_json::to_value(answer).unwrap();
        for (field, value) in [
            ("message", json!("done")),
            ("repoUrl", json!("https://github.com/acme/hello")),
            ("type", json!("github")),
            ("autoUpdate", json!(true)),
            ("updateInterval", json!("1h")),
        ] {
            assert_eq!(answer[field], value, "{field}");
        }
    }

    #[test]
    fn a_rule_is_replaced_whole_and_a_slip_in_it_is_refused() {
        let read = |body| serde_json::from_value::<UpdateRuleRequest>(body).map_err(|error| error.to_string());
        let rule = read(json!({"policy": "minor"})).unwrap();
        assert_eq!((rule.automatic, rule.interval_seconds, rule.blocked), (false, None, None));
        assert!(read(json!({"automatic": true})).unwrap_err().contains("policy"));
        let error = read(json!({"policy": "minor", "interval": 60})).unwrap_err();
        assert!(error.contains("`interval`") && error.contains("`interval_seconds`"), "{error}");
    }
}
