//! Reads update policies and versions from requests.

use std::collections::BTreeSet;
use std::time::Duration;

use host_api as api;
use host_api::FieldError;
use host_core::SourceError;
use host_core::tag::TagPattern;
use host_core::update::{self, UpdateError, UpdateInterval, UpdatePolicy};
use http::StatusCode;
use semver::Version;

use crate::wire::problem::ApiError;

/// Parses an update policy, and the blocked versions if the request lists them.
///
/// # Errors
/// All problems of the request.
pub(crate) fn parse(asked: &api::UpdatePolicyRequest) -> Result<(UpdatePolicy, Option<BTreeSet<Version>>), ApiError> {
    let mut wrong = vec![];
    let level = kept("policy", asked.policy.parse(), &mut wrong);
    let interval = match asked.interval_seconds {
        None => Some(UpdateInterval::default()),
        Some(seconds) => kept("interval_seconds", UpdateInterval::new(Duration::from_secs(seconds)), &mut wrong),
    };
    let blocked = asked.blocked.as_ref();
    let blocked = blocked.map(|blocked| update::blocked_versions(blocked.iter().map(String::as_str))).transpose();
    let blocked = kept("blocked", blocked, &mut wrong);
    let policy = level.zip(interval).and_then(|(level, interval)| {
        kept("automatic", UpdatePolicy::new(level, asked.automatic, interval), &mut wrong)
    });
    policy.zip(blocked).ok_or_else(|| refused(wrong))
}

/// Parses a new pattern of release tags. An empty text removes the pattern.
///
/// # Errors
/// The text is not a pattern.
pub(crate) fn tags_asked(asked: Option<&str>) -> Result<Option<Option<TagPattern>>, ApiError> {
    let read = |text: &str| text.parse().map_err(|error| host_run::Error::from(SourceError::Tags(error)));
    let tags = asked.map(|text| if text.is_empty() { Ok(None) } else { read(text).map(Some) });
    tags.transpose().map_err(|error| ApiError::from(&error))
}

/// Parses a version to block or unblock.
///
/// # Errors
/// The text is not a version.
pub(crate) fn version_asked(text: &str) -> Result<Version, ApiError> {
    let versions = update::blocked_versions([text]).map_err(|error| refused(vec![("version", error)]))?;
    versions
        .into_iter()
        .next()
        .ok_or_else(|| ApiError::new(StatusCode::BAD_REQUEST, "update_version", "the version in the path is empty"))
}

/// Returns the parsed value, or adds the error to `wrong`.
fn kept<T>(
    field: &'static str,
    read: Result<T, UpdateError>,
    wrong: &mut Vec<(&'static str, UpdateError)>,
) -> Option<T> {
    read.map_err(|error| wrong.push((field, error))).ok()
}

pub(crate) fn refused(wrong: Vec<(&'static str, UpdateError)>) -> ApiError {
    let code = wrong.first().map_or("body_does_not_fit", |(_, error)| error.code());
    let texts: Vec<_> = wrong.iter().map(|(field, error)| (*field, error.to_string())).collect();
    let split = |text: &str| {
        let (what, todo) = text.split_once("; hint: ").unwrap_or((text, ""));
        (what.to_owned(), todo.to_owned())
    };
    let (what, todo): (Vec<_>, Vec<_>) = texts.iter().map(|(_, text)| split(text)).unzip();
    let mut refused = ApiError::new(StatusCode::BAD_REQUEST, code, what.join("; ")).fix(todo.join("; "));
    let errors = texts.into_iter().map(|(field, message)| FieldError { pointer: field.to_owned(), message });
    refused.errors = errors.collect();
    refused
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::wire::view;

    fn asked(body: serde_json::Value) -> Result<String, ApiError> {
        let (policy, blocked) = parse(&serde_json::from_value(body).unwrap())?;
        Ok(serde_json::to_string(&view::policy(&policy, &blocked.unwrap_or_default())).unwrap())
    }

    #[test]
    fn an_update_policy_is_parsed_and_shown() {
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
    fn all_problems_of_an_update_policy_are_reported_at_once() {
        let body = json!({"policy": "newest", "interval_seconds": 5, "blocked": ["1.2"]});
        let refused = asked(body).unwrap_err();
        let fields: Vec<_> = refused.errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!((refused.status.as_u16(), &*refused.code), (400, "update_policy"));
        assert_eq!(fields, ["policy", "interval_seconds", "blocked"]);
        assert_eq!(
            refused.detail,
            "`newest` is not an update policy; an interval of 5s is not allowed for update checks; `1.2` is not a version"
        );
        let refused = asked(json!({"policy": "pinned", "automatic": true})).unwrap_err();
        assert_eq!((&*refused.code, refused.errors[0].pointer.as_str()), ("update_never_automatic", "automatic"));
    }
}
