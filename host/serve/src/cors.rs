//! Which other origins' pages may read answers. None unless configured.

use http::header::{self, HeaderMap, HeaderValue};

/// Methods and headers that a page may use.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, DELETE, PATCH, OPTIONS");
const HEADERS: HeaderValue = HeaderValue::from_static("Content-Type, Authorization, If-Match, Idempotency-Key, Prefer");
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");
const EXPOSED: HeaderValue = HeaderValue::from_static("X-Request-Id, Location, ETag, Retry-After");

/// The allow-list.
#[derive(Debug, Default)]
pub(crate) struct Cors {
    any: bool,
    origins: Vec<HeaderValue>,
}

impl Cors {
    pub(crate) fn new(origins: &[String]) -> Cors {
        let values = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
        Cors { any: origins.iter().any(|origin| origin == "*"), origins: values.collect() }
    }

    /// What to answer to the origin of a request; `None` when it is not listed.
    pub(crate) fn allowed(&self, request: &HeaderMap) -> Option<HeaderValue> {
        if !self.any && self.origins.is_empty() {
            return None;
        }
        let origin = request.get(header::ORIGIN)?;
        (self.any || self.origins.contains(origin)).then(|| origin.clone())
    }

    /// Sets the headers of an answer to an allowed origin.
    pub(crate) fn apply(&self, origin: Option<HeaderValue>, preflight: bool, answer: &mut HeaderMap) {
        if !self.any && self.origins.is_empty() {
            return;
        }
        // The answer depends on the origin even where this one is not allowed.
        answer.append(header::VARY, HeaderValue::from_static("Origin"));
        let Some(origin) = origin else { return };
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if preflight {
            answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
            answer.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        } else {
            answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}
