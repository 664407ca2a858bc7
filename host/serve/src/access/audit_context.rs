//! The audit context of a request: an entry before the action, and one with its outcome.
//!
//! Neither bodies nor queries are recorded, so the audit log contains no secrets.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use axum::extract::FromRequestParts;
use axum::response::Response;
use host_call::now_unix_ms;
use host_core::audit::{AuditRecord, Outcome};
use host_run::{Host, Job};
use http::request::Parts;
use http::{Extensions, StatusCode};
use parking_lot::{Mutex, MutexGuard};

use crate::access::Access;
use crate::access::caller::Caller;
use crate::wire::problem::ApiError;
use crate::wire::request_id::RequestId;

/// The IP address of a client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

impl ClientAddress {
    /// Parses `192.0.2.1:80` or `[2001:db8::1]:80`.
    pub(crate) fn from_peer(peer: &str) -> ClientAddress {
        let address = peer.parse::<SocketAddr>().map(|peer| peer.ip());
        ClientAddress(address.unwrap_or(Ipv4Addr::UNSPECIFIED.into()).to_canonical())
    }

    /// Returns the address stored in a request's extensions.
    pub(crate) fn in_request(extensions: &Extensions) -> ClientAddress {
        extensions.get().copied().unwrap_or(ClientAddress(Ipv4Addr::UNSPECIFIED.into()))
    }
}

/// The audit context of a request.
#[derive(Clone, Debug)]
pub(crate) struct AuditContext {
    entry: AuditRecord,
    subject: AuditSubject,
}

/// The object, digest and job that a handler determines while it runs, for the entry with the outcome.
#[derive(Clone, Debug, Default)]
pub(crate) struct AuditSubject(Arc<Mutex<SubjectFields>>);

#[derive(Clone, Debug, Default)]
struct SubjectFields {
    object: String,
    digest: String,
    job: String,
}

impl AuditContext {
    pub(crate) fn new(action: &str, object: &str, address: ClientAddress, request: &str) -> AuditContext {
        let entry = AuditRecord {
            action: action.to_owned(),
            object: object.to_owned(),
            address: address.0.to_string(),
            request: request.to_owned(),
            times: 1,
            ..AuditRecord::default()
        };
        AuditContext { entry, subject: AuditSubject::default() }
    }

    /// Creates the context of a management request.
    pub(crate) fn from_request(action: &str, object: &str, extensions: &Extensions) -> AuditContext {
        let request = extensions.get::<RequestId>().map(RequestId::as_str).unwrap_or_default();
        AuditContext::new(action, object, ClientAddress::in_request(extensions), request)
    }

    /// Sets the caller.
    pub(crate) fn by(&mut self, caller: &Caller) {
        self.entry.actor = caller.principal.name.clone();
        self.entry.token = caller.token.to_string();
    }

    /// Sets the caller's name before there is a token.
    pub(crate) fn by_name(&mut self, actor: String) {
        self.entry.actor = actor;
    }

    /// Sets the token id.
    pub(crate) fn by_token(&mut self, id: &str) {
        self.entry.token = id.to_owned();
    }

    pub(crate) fn subject(&self) -> AuditSubject {
        self.subject.clone()
    }

    /// Records the request and returns the entry's sequence number.
    ///
    /// # Errors
    /// The entry could not be written; the action must not be run.
    pub(crate) async fn asked(&self, host: &Host) -> Result<u64, ApiError> {
        let entry = AuditRecord { at_unix_ms: now_unix_ms(), ..self.entry.clone() };
        let written = host.note_audit(vec![entry]).await?;
        Ok(written.first().copied().unwrap_or_default())
    }

    /// Builds the entry with the outcome of the request.
    pub(crate) fn end(&self, asked: u64, response: &Response) -> AuditRecord {
        let status = response.status();
        let outcome = match status {
            StatusCode::ACCEPTED => Outcome::Accepted,
            status if status.as_u16() < 400 => Outcome::Done,
            _ => Outcome::Failed,
        };
        let found = self.subject.found();
        let code = response.extensions().get::<ApiError>().map(|refused| refused.code.to_string()).unwrap_or_default();
        let mut entry = AuditRecord {
            at_unix_ms: now_unix_ms(),
            digest: found.digest,
            outcome,
            status: status.as_u16(),
            code,
            job: found.job,
            of: asked,
            ..self.entry.clone()
        };
        if !found.object.is_empty() {
            entry.object = found.object;
        }
        entry
    }

    /// Records that the request was rejected: immediately, or summarized with other rejections of the same client.
    pub(crate) async fn refused(&self, host: &Host, access: &Access, refused: &ApiError) {
        let status = refused.status.as_u16();
        let code = refused.code.to_string();
        let entry =
            AuditRecord { at_unix_ms: now_unix_ms(), outcome: Outcome::Refused, status, code, ..self.entry.clone() };
        let due = if entry.actor.is_empty() {
            access.anonymous_refusals.note(entry.address.clone(), entry, Instant::now())
        } else {
            let key = format!("{} {} {}", entry.token, entry.action, entry.code);
            access.known_refusals.note(key, entry, Instant::now())
        };
        write(host, due.into_iter().collect()).await;
    }
}

/// Writes the summaries that are due, or all.
pub(crate) async fn write_refusals(host: &Host, access: &Access, all: bool) {
    let now = Instant::now();
    write(host, [access.anonymous_refusals.due(now, all), access.known_refusals.due(now, all)].concat()).await;
}

/// Writes entries about something that has already happened. Failures are logged.
pub(crate) async fn write(host: &Host, entries: Vec<AuditRecord>) {
    if entries.is_empty() {
        return;
    }
    let actions = entries.iter().map(|entry| entry.action.as_str()).collect::<Vec<_>>().join(", ");
    if let Err(error) = host.note_audit(entries).await {
        tracing::error!("failed to write the outcome of {actions} to the audit log: {error}");
    }
}

impl AuditSubject {
    /// Sets the job that runs the action.
    pub(crate) fn job(&self, job: &Job) {
        let view = job.view();
        let mut found = self.lock();
        found.job = view.id;
        // A load determines the plugin only while it runs.
        match view.plugin {
            Some(plugin) => found.object = plugin,
            None if found.object.is_empty() => found.object = view.subject,
            None => {}
        }
    }

    /// Sets the object of the action.
    pub(crate) fn object(&self, object: impl Into<String>) {
        self.lock().object = object.into();
    }

    fn found(&self) -> SubjectFields {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, SubjectFields> {
        self.0.lock()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for AuditSubject {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<AuditSubject, Self::Rejection> {
        Ok(parts.extensions.get::<AuditContext>().map(AuditContext::subject).unwrap_or_default())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for AuditContext {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<AuditContext, Self::Rejection> {
        Ok(parts.extensions.get().cloned().unwrap_or_else(|| AuditContext::from_request("", "", &parts.extensions)))
    }
}
