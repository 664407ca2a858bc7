//! A fake of the host.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use plugin_sdk_abi::head::HeadView;
use plugin_sdk_abi::{Failure, Request, log_level, service};
use serde_json::json;

use super::http::{Answers, no_plugins, no_world};
use super::metrics::Metrics;
use super::store::{Store, refuse};
use super::topics::Topics;
use super::{LogLine, SentRequest};
use crate::{Body, Bytes, Response};

/// The maximum nesting of calls, as in the host.
const MAX_DEPTH: u32 = 8;

pub(super) struct Host {
    pub(super) id: String,
    pub(super) permissions: BTreeSet<String>,
    pub(super) level: u8,
    pub(super) secrets: BTreeMap<String, Bytes>,
    pub(super) world: Answers,
    pub(super) plugins: Answers,
    pub(super) store: Store,
    pub(super) topics: Topics,
    pub(super) metrics: Metrics,
    seen: Mutex<Seen>,
}

/// The recorded actions of the plugin.
#[derive(Default)]
struct Seen {
    logs: Vec<LogLine>,
    fetched: Vec<SentRequest>,
    called: Vec<SentRequest>,
    /// Panics of the test's closures.
    panics: Vec<String>,
}

impl Host {
    pub(super) fn new(id: String, permissions: BTreeSet<String>) -> Host {
        Host {
            id,
            permissions,
            level: log_level::TRACE,
            secrets: BTreeMap::new(),
            world: Box::new(no_world),
            plugins: Box::new(no_plugins),
            store: Store::default(),
            topics: Topics::default(),
            metrics: Metrics::default(),
            seen: Mutex::default(),
        }
    }

    fn seen<T>(&self, f: impl FnOnce(&mut Seen) -> T) -> T {
        f(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn log(&self, line: LogLine) {
        self.seen(|seen| seen.logs.push(line));
    }

    pub(super) fn logs(&self) -> Vec<LogLine> {
        self.seen(|seen| seen.logs.clone())
    }

    pub(super) fn fetched(&self) -> Vec<SentRequest> {
        self.seen(|seen| seen.fetched.clone())
    }

    pub(super) fn called(&self) -> Vec<SentRequest> {
        self.seen(|seen| seen.called.clone())
    }

    /// Stores the panic of a closure, which the plugin received as a failure.
    pub(super) fn note_panic(&self, failure: &Failure) {
        self.seen(|seen| seen.panics.push(format!("{}: {}", failure.location, failure.message)));
    }

    /// Fails the test if one of its closures has panicked.
    pub(super) fn report_panics(&self) {
        let panics = self.seen(|seen| std::mem::take(&mut seen.panics));
        if let ([first, ..], false) = (&*panics, std::thread::panicking()) {
            panic!("a closure that answers the plugin panicked at {first}");
        }
    }

    /// The message that names the missing permission.
    pub(super) fn denial(&self, permission: &str) -> Option<String> {
        (!self.permissions.contains(permission)).then(|| {
            format!(
                "the plugin uses {permission}, which its plugin.yaml does not list; add `{permission}` under \
                 `permissions`"
            )
        })
    }

    /// Answers a request of the plugin.
    pub(super) async fn answer(&self, request: Request) -> Result<Response, Failure> {
        let head = HeadView::read(&request.head).map_err(|error| Failure::failed(&error.to_string()))?;
        let body = Body::from_abi(request.body, request.stream.into_option());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let param = |name: &str| head.params.get(name.as_bytes()).map(text);
        let mut headers = HeaderMap::new();
        for (name, value) in head.headers.iter() {
            let bad = || Failure::failed(&format!("`{}` is not a header", text(name)));
            let name = HeaderName::from_bytes(name).map_err(|_| bad())?;
            headers.append(name, HeaderValue::from_bytes(value).map_err(|_| bad())?);
        }
        let method = Method::from_bytes(head.method.as_bytes()).map_err(|error| Failure::failed(&error.to_string()))?;
        if let Some(permission) = permission(head.handler, &method)
            && let Some(detail) = self.denial(permission)
        {
            return Ok(refuse(StatusCode::FORBIDDEN, "permission_denied", &detail));
        }
        let body = body.collect(usize::MAX).await.map_err(|error| Failure::failed(&error.to_string()))?;
        let asked = || SentRequest {
            method: method.clone(),
            url: head.query.map_or_else(|| head.path.to_owned(), |query| format!("{}?{query}", head.path)),
            headers: headers.clone(),
            body: body.clone(),
            request_id: head.request_id.to_owned(),
            traceparent: head.context.get(b"traceparent").map(text),
        };
        Ok(match head.handler {
            service::KV => self.store.answer(&method, param, &headers, body),
            service::EVENTS => self.events(&method, &param("topic").unwrap_or_default(), &body),
            service::FETCH => {
                let asked = asked();
                self.seen(|seen| seen.fetched.push(asked.clone()));
                (self.world)(&asked)
            }
            service::CALL => {
                let depth = head.context.get(b"depth").map(text).and_then(|depth| depth.parse::<u32>().ok());
                if depth.is_some_and(|depth| depth >= MAX_DEPTH) {
                    let detail = format!("plugins call one another more than {MAX_DEPTH} deep");
                    return Ok(refuse(StatusCode::LOOP_DETECTED, "call_loop", &detail));
                }
                let asked = asked();
                self.seen(|seen| seen.called.push(asked.clone()));
                (self.plugins)(&asked)
            }
            service::SECRETS => {
                let name = param("name").unwrap_or_default();
                match self.secrets.get(&name) {
                    Some(secret) => Response::new(StatusCode::OK, secret.clone()),
                    None => {
                        let detail = format!("the test has no secret `{name}`: add it with `Builder::secret`");
                        refuse(StatusCode::NOT_FOUND, "secret_not_found", &detail)
                    }
                }
            }
            other => refuse(StatusCode::NOT_FOUND, "service_not_found", &format!("there is no service {other}")),
        })
    }

    fn events(&self, method: &Method, topic: &str, body: &[u8]) -> Response {
        if method == Method::GET {
            return Response::new(StatusCode::OK, self.topics.subscribe(topic));
        }
        match serde_json::from_slice(body) {
            Ok(data) => {
                let n_told = self.topics.publish(&self.id, &format!("{}/{topic}", self.id), data, true);
                Response::json(StatusCode::OK, &json!({ "subscribers": n_told }))
            }
            Err(error) => {
                refuse(StatusCode::BAD_REQUEST, "events_bad_data", &format!("the event is not JSON: {error}"))
            }
        }
    }
}

/// Returns the permission that a request needs.
fn permission(service: u32, method: &Method) -> Option<&'static str> {
    Some(match (service, method.as_str()) {
        (service::KV, "GET") => "kv.read",
        (service::KV, _) => "kv.write",
        (service::EVENTS, "GET") => "events.subscribe",
        (service::EVENTS, _) => "events.publish",
        (service::FETCH, _) => "http.fetch",
        (service::CALL, _) => "plugins.call",
        (service::SECRETS, _) => "secrets.read",
        _ => return None,
    })
}
