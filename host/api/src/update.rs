//! Newer versions, update policies, and the update requests of older clients.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{OperationResult, Problem};

/// Response of `GET /api/plugins/:id/updates`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Updates {
    /// The plugin's id.
    pub id: String,
    /// The plugin's source.
    pub source: String,
    /// The update policy.
    pub update_policy: UpdatePolicy,
    /// Result of the last update check; null if there was none.
    pub report: Option<UpdateReport>,
}

/// The update policy of a plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpdatePolicy {
    /// Which versions are allowed: `patch`, `minor`, `major`, `manual` or `pinned`.
    pub policy: String,
    /// True if allowed updates are installed automatically.
    pub automatic: bool,
    /// Time between two update checks, in seconds.
    pub interval_seconds: u64,
    /// Versions that are never installed by an update.
    pub blocked: Vec<String>,
}

/// Request body of `PUT /api/plugins/:id/update-policy`, which replaces the update policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdatePolicyRequest {
    /// Which versions are allowed: `patch`, `minor`, `major`, `manual` or `pinned`.
    pub policy: String,
    /// Installs allowed updates automatically; false when absent.
    #[serde(default)]
    pub automatic: bool,
    /// Time between two update checks in seconds, from 60 to 2592000; 3600 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_seconds: Option<u64>,
    /// All versions that updates must not install; when absent, the blocked versions are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<Vec<String>>,
    /// The pattern of the release tags, such as `hello-v{version}`; an empty text removes it, and when absent, it is
    /// kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag_pattern: Option<String>,
}

/// Request body of `POST /api/plugins/:id/update`, which may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateRequest {
    /// A version, tag, branch or commit. When absent or `latest`, the newest version that the policy allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// Result of an update check, relative to the version that was installed at that time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpdateReport {
    /// Time of the check.
    pub checked_at_unix_ms: u64,
    /// The version that was installed.
    pub installed: String,
    /// The commit that was installed.
    pub commit: Option<String>,
    /// The newest version that is not blocked, whether or not the policy allows it; null if it is installed or the
    /// plugin is pinned.
    pub newest: Option<Update>,
    /// The newest version that the policy allows; null if it is installed.
    pub allowed: Option<Update>,
    /// Newer versions that are blocked, are pre-releases, or are not allowed by the policy; newest first.
    pub held_back: Vec<HeldBack>,
    /// The reason why the check failed.
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

/// A newer version that is not installed by updates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeldBack {
    /// The version.
    pub version: String,
    /// `blocked`, `pre_release` or `policy`.
    pub reason: String,
    /// The reason in one sentence.
    pub message: String,
}

/// The reason why an update check failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpdateFailure {
    /// The error code.
    pub code: String,
    /// The error message.
    pub message: String,
    /// How to fix the problem.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// Request body of `POST /api/plugins/github/install`, for older clients.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GithubInstall {
    /// The git repository, on GitHub or elsewhere, with or without `https://` and `.git`.
    pub repo_url: String,
    /// Installs new versions automatically; false when absent.
    #[serde(default)]
    pub auto_update: bool,
    /// Time between two update checks; one hour when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_interval: Option<IntervalText>,
}

/// A duration as older clients send it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged, expecting = "a duration such as \"1h30m\", or a whole number of seconds")]
pub enum IntervalText {
    /// A number of seconds.
    Seconds(u64),
    /// A Go duration, for example `1h30m`.
    Text(String),
}

/// Response of `POST /api/plugins/github/install`, for older clients.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GithubInstalled {
    /// The result of the operation.
    #[serde(flatten)]
    pub asked: OperationResult,
    /// The git repository.
    pub repo_url: String,
    /// Always `github`.
    pub r#type: String,
    /// True if new versions are installed automatically.
    pub auto_update: bool,
    /// Time between two update checks, for example `1h`. It may differ from the requested value.
    pub update_interval: String,
}

/// Request body of `POST /api/plugins/github/update`, for older clients.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GithubUpdate {
    /// The git repository, as in [`GithubInstall`].
    pub repo_url: String,
    /// Rebuilds the newest version even if it is installed; false when absent.
    #[serde(default)]
    pub force: bool,
}

/// Response of `POST /api/plugins/github/update`, for older clients.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GithubUpdated {
    /// The result in one sentence.
    pub message: String,
    /// The git repository.
    pub repo_url: String,
    /// The plugins of that repository.
    pub plugins: Vec<GithubUpdatedPlugin>,
}

/// Result of updating one plugin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GithubUpdatedPlugin {
    /// The plugin's id.
    pub id: String,
    /// True if another version or commit serves now.
    pub updated: bool,
    /// The version that served before.
    pub from: String,
    /// The version that serves now.
    pub to: String,
    /// The job that ran the update; null if there was nothing to do.
    pub job: Option<String>,
    /// The reason why the update failed; null if it did not fail.
    pub problem: Option<Problem>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn requests_of_older_clients_are_parsed() {
        let read = |body| serde_json::from_value::<GithubInstall>(body).map_err(|error| error.to_string());
        let url = "https://github.com/acme/hello";
        let asked =
            |auto_update, update_interval| Ok(GithubInstall { repo_url: url.to_owned(), auto_update, update_interval });
        let text = |text: &str| Some(IntervalText::Text(text.to_owned()));
        assert_eq!(read(json!({"repoUrl": url})), asked(false, None));
        let hourly = json!({"repoUrl": url, "autoUpdate": true, "updateInterval": "1h"});
        assert_eq!(read(hourly), asked(true, text("1h")));
        assert_eq!(read(json!({"repoUrl": url, "updateInterval": 90})), asked(false, Some(IntervalText::Seconds(90))));
        assert_eq!(read(json!({"repoUrl": url, "updateInterval": null})), asked(false, None));
        for body in [
            json!({}),
            json!({"repoUrl": 1}),
            json!({"repoUrl": url, "autoUpdate": "yes"}),
            json!({"repoUrl": url, "tag": "v1"}),
        ] {
            assert!(read(body).is_err());
        }
        let error = read(json!({"repoUrl": url, "updateInterval": -1})).unwrap_err();
        assert!(error.contains("a duration such as \"1h30m\""), "{error}");
    }

    #[test]
    fn responses_have_the_fields_that_older_clients_read() {
        let answer = GithubInstalled {
            asked: OperationResult { message: "done".to_owned(), ..OperationResult::default() },
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
    fn an_update_policy_with_unknown_fields_is_rejected() {
        let read = |body| serde_json::from_value::<UpdatePolicyRequest>(body).map_err(|error| error.to_string());
        let policy = read(json!({"policy": "minor"})).unwrap();
        assert_eq!((policy.automatic, policy.interval_seconds, policy.blocked), (false, None, None));
        assert!(read(json!({"automatic": true})).unwrap_err().contains("policy"));
        let error = read(json!({"policy": "minor", "interval": 60})).unwrap_err();
        assert!(error.contains("`interval`") && error.contains("`interval_seconds`"), "{error}");
    }
}
