//! A key-value store in memory, with versions.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::header::{ETAG, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, Method, StatusCode};
use serde_json::json;

use crate::{Bytes, Error, IntoResponse as _, Response};

/// The maximum number of keys that are listed at once.
const PAGE: usize = 1000;

#[derive(Default)]
pub(super) struct Store(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    /// The version of the newest entry.
    version: u64,
    entries: BTreeMap<String, (u64, Bytes)>,
}

impl Store {
    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, key: &str) -> Option<Bytes> {
        self.lock().entries.get(key).map(|(_, value)| value.clone())
    }

    pub(super) fn keys(&self) -> Vec<String> {
        self.lock().entries.keys().cloned().collect()
    }

    pub(super) fn put(&self, key: &str, value: Bytes) -> u64 {
        let mut entries = self.lock();
        entries.put(key, value)
    }

    /// Answers a request as the host does.
    pub(super) fn answer(
        &self,
        method: &Method,
        param: impl Fn(&str) -> Option<String>,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Response {
        let Some(key) = param("key") else {
            let limit = param("limit").and_then(|limit| limit.parse().ok()).unwrap_or(PAGE);
            return self.list(&param("prefix").unwrap_or_default(), param("after").as_deref(), limit.min(PAGE));
        };
        if key.is_empty() {
            return refuse(StatusCode::BAD_REQUEST, "kv_bad_key", "a key must not be empty");
        }
        let mut entries = self.lock();
        let found = entries.entries.get(&key).map(|(version, value)| (*version, value.clone()));
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let expected = text(IF_MATCH).map(|etag| etag.trim_matches('"').parse::<u64>().ok());
        let is_changed = expected.is_some_and(|expected| found.as_ref().map(|(version, _)| *version) != expected);
        let is_there = text(IF_NONE_MATCH) == Some("*") && found.is_some();
        match (method.as_str(), found) {
            ("GET", Some((version, value))) => tagged(StatusCode::OK, version, value),
            ("PUT" | "DELETE", _) if is_changed || is_there => {
                let detail = format!("key `{key}` has another version, or exists already, so it was not changed");
                refuse(StatusCode::PRECONDITION_FAILED, "kv_changed", &detail)
            }
            ("PUT", _) => tagged(StatusCode::NO_CONTENT, entries.put(&key, body), Bytes::new()),
            ("DELETE", Some(_)) => {
                entries.entries.remove(&key);
                StatusCode::NO_CONTENT.into_response()
            }
            ("GET" | "DELETE", None) => {
                refuse(StatusCode::NOT_FOUND, "kv_not_found", &format!("the key-value store has no key `{key}`"))
            }
            _ => refuse(StatusCode::METHOD_NOT_ALLOWED, "kv_method", "the store accepts GET, PUT and DELETE"),
        }
    }

    fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Response {
        let entries = self.lock();
        let mut matching = entries
            .entries
            .iter()
            .filter(|(key, _)| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after));
        let keys: Vec<_> = matching
            .by_ref()
            .take(limit)
            .map(|(key, (version, value))| json!({ "key": key, "version": version, "bytes": value.len() }))
            .collect();
        Response::json(StatusCode::OK, &json!({ "keys": keys, "more": matching.next().is_some() }))
    }
}

impl Entries {
    fn put(&mut self, key: &str, value: Bytes) -> u64 {
        self.version += 1;
        self.entries.insert(key.to_owned(), (self.version, value));
        self.version
    }
}

fn tagged(status: StatusCode, version: u64, body: Bytes) -> Response {
    let etag = HeaderValue::try_from(format!("\"{version}\"")).expect("digits are header text");
    Response::new(status, body).with_header(ETAG, etag)
}

pub(super) fn refuse(status: StatusCode, code: &'static str, detail: &str) -> Response {
    Error::new(status, code).with_detail(detail).into_response()
}
