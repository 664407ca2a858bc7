//! What the audit log is told of a request: that it was asked, before anything is done, and what became of it.
//!
//! Neither bodies nor queries get here, so no secret does.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use axum::extract::FromRequestParts;
use axum::response::Response;
use host_core::audit::{AuditRecord, Outcome};
use host_run::{Host, Job};
use http::request::Parts;
use http::{Extensions, StatusCode};
use parking_lot::{Mutex, MutexGuard};

use crate::access::caller::Caller;
use crate::access::{Access, now_unix_ms};
use crate::wire::problem::ApiError;
use crate::wire::request_id::RequestId;

/// The address of a client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

impl ClientAddress {
    /// The address in `192.0.2.1:80` or `[2001:db8::1]:80`.
    pub(crate) fn from_peer(peer: &str) -> ClientAddress {
        let address = peer.parse::<SocketAddr>().map(|peer| peer.ip());
        ClientAddress(address.unwrap_or(Ipv4Addr::UNSPECIFIED.into()).to_canonical())
    }

    /// The address that came with a request.
    pub(crate) fn in_request(extensions: &Extensions) -> ClientAddress {
        extensions.get().copied().unwrap_or(ClientAddress(Ipv4Addr::UNSPECIFIED.into()))
    }
}

/// A request, as the audit log tells of it.
#[derive(Clone, Debug)]
pub(crate) struct AuditContext {
    entry: AuditRecord,
    subject: AuditSubject,
}

/// What a handler found out about what it does: for the entry that says what became of it.
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

    /// Of a management request.
    pub(crate) fn from_request(action: &str, object: &str, extensions: &Extensions) -> AuditContext {
        let request = extensions.get::<RequestId>().map(RequestId::as_str).unwrap_or_default();
        AuditContext::new(action, object, ClientAddress::in_request(extensions), request)
    }

    /// Somebody known asks.
    pub(crate) fn by(&mut self, caller: &Caller) {
        self.entry.actor = caller.principal.name.clone();
        self.entry.token = caller.token.to_string();
    }

    /// The same before there is a token.
    pub(crate) fn by_name(&mut self, actor: String) {
        self.entry.actor = actor;
    }

    /// There is a token now.
    pub(crate) fn by_token(&mut self, id: &str) {
        self.entry.token = id.to_owned();
    }

    pub(crate) fn subject(&self) -> AuditSubject {
        self.subject.clone()
    }

    /// Writes that it is asked; gives the entry's number.
    ///
    /// # Errors
    /// It could not be written: then nothing may be done.
    pub(crate) async fn asked(&self, host: &Host) -> Result<u64, ApiError> {
        let entry = AuditRecord { at_unix_ms: now_unix_ms(), ..self.entry.clone() };
        let written = host.note_audit(vec![entry]).await?;
        Ok(written.first().copied().unwrap_or_default())
    }

    /// What became of it.
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
        if entry.object.is_empty() {
            entry.object = found.object;
        }
        entry
    }

    /// Tells that it is refused: at once, or summed up with others of the same client.
    pub(crate) async fn refused(&self, host: &Host, access: &Access, refused: &ApiError) {
        let (status, code) = (refused.status.as_u16(), refused.code.to_string());
        let entry =
            AuditRecord { at_unix_ms: now_unix_ms(), outcome: Outcome::Refused, status, code, ..self.entry.clone() };
        let due = match entry.actor.is_empty() {
            true => access.anonymous_refusals.note(entry.address.clone(), entry, Instant::now()),
            false => {
                let key = format!("{} {} {}", entry.token, entry.action, entry.code);
                access.known_refusals.note(key, entry, Instant::now())
            }
        };
        write(host, due.into_iter().collect()).await;
    }
}

/// Writes the refusals whose minute is over, or all.
pub(crate) async fn write_refusals(host: &Host, access: &Access, all: bool) {
    let now = Instant::now();
    write(host, [access.anonymous_refusals.due(now, all), access.known_refusals.due(now, all)].concat()).await;
}

/// Writes what has happened already. What can't be written is logged.
pub(crate) async fn write(host: &Host, entries: Vec<AuditRecord>) {
    if entries.is_empty() {
        return;
    }
    let actions = entries.iter().map(|entry| entry.action.as_str()).collect::<Vec<_>>().join(", ");
    if let Err(error) = host.note_audit(entries).await {
        tracing::error!("failed to write the outcome of {actions} to the audit log: {error}");
    }
}

// === impl AuditSubject ===

impl AuditSubject {
    /// The job that does it.
    pub(crate) fn job(&self, job: &Job) {
        let view = job.view();
        let mut found = self.lock();
        found.job = view.id;
        // A load learns on its way which plugin it is of.
        match view.plugin {
            Some(plugin) => found.object = plugin,
            None if found.object.is_empty() => found.object = view.subject,
            None => {}
        }
    }

    /// What it is about.
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
