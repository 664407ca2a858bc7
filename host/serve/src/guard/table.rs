//! The route table: the method, path, required access and action of each route.
//!
//! The router is built only from the table. A route without a row does not exist, and the required access of a row is
//! checked before its handler runs.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::handler::Handler;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use axum::{Extension, Router};
use host_core::Role;
use http::Method;

use crate::access::audit_context::{self, AuditContext, ClientAddress};
use crate::access::caller;
use crate::access::caller::refused_for;
use crate::connection::cors;
use crate::guard::doc::RouteDoc;
use crate::guard::idempotency;
use crate::guard::inputs::KnownInputs;
use crate::state::AppState;
use crate::wire::input;
use crate::wire::problem::ApiError;

/// The access that a route requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequiredAccess {
    /// None.
    Public,
    /// Any valid token. The handler decides what the caller may see or do.
    AnyToken,
    /// A role. For a path with a plugin id, the role for that plugin is sufficient.
    Role(Role),
}

/// A route.
#[derive(Debug)]
pub(crate) struct RouteRow {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) access: RequiredAccess,
    /// The name of the action, for the audit log and metrics, such as `plugin_load`.
    pub(crate) action: &'static str,
}

impl RouteRow {
    /// Returns whether the path contains a plugin id.
    pub(crate) fn has_plugin_id(&self) -> bool {
        self.path.starts_with("/api/plugins/{id}")
    }

    /// Returns whether the route can change something. `local_build`, which older clients send as GET, runs a compiler.
    pub(crate) fn is_mutating(&self) -> bool {
        !matches!(self.method, Method::GET | Method::HEAD) || self.action == "local_build"
    }
}

/// Collects routes.
pub(crate) struct RouteTable {
    app: AppState,
    router: Router<AppState>,
    rows: Vec<Arc<RouteRow>>,
    /// The documentation of each row.
    docs: Vec<RouteDoc>,
}

impl RouteTable {
    pub(crate) fn new(app: AppState) -> RouteTable {
        RouteTable { app, router: Router::new(), rows: vec![], docs: vec![] }
    }

    /// Adds a route that requires a role, and returns its documentation to be filled in.
    pub(crate) fn role<H, T>(
        &mut self,
        role: Role,
        action: &'static str,
        method: Method,
        path: &'static str,
        handler: H,
    ) -> &mut RouteDoc
    where
        H: Handler<T, AppState>,
        T: 'static,
    {
        self.route(RouteRow { method, path, access: RequiredAccess::Role(role), action }, handler, |route| route)
    }

    /// Adds a route that requires any valid token.
    pub(crate) fn any_token<H, T>(
        &mut self,
        action: &'static str,
        method: Method,
        path: &'static str,
        handler: H,
    ) -> &mut RouteDoc
    where
        H: Handler<T, AppState>,
        T: 'static,
    {
        self.route(RouteRow { method, path, access: RequiredAccess::AnyToken, action }, handler, |route| route)
    }

    /// Adds a public route.
    pub(crate) fn public<H, T>(
        &mut self,
        action: &'static str,
        method: Method,
        path: &'static str,
        handler: H,
    ) -> &mut RouteDoc
    where
        H: Handler<T, AppState>,
        T: 'static,
    {
        self.route(RouteRow { method, path, access: RequiredAccess::Public, action }, handler, |route| route)
    }

    /// Adds a route with additional layers.
    pub(crate) fn route<H, T>(
        &mut self,
        row: RouteRow,
        handler: H,
        with: impl FnOnce(MethodRouter<AppState>) -> MethodRouter<AppState>,
    ) -> &mut RouteDoc
    where
        H: Handler<T, AppState>,
        T: 'static,
    {
        let row = Arc::new(row);
        // Every method of the table has a filter.
        if let Ok(filter) = MethodFilter::try_from(row.method.clone()) {
            let guard = Guard { app: self.app.clone(), row: row.clone() };
            let route = with(on(filter, handler)).route_layer(from_fn_with_state(guard, guarded));
            self.router = std::mem::take(&mut self.router).route(row.path, route);
        }
        self.rows.push(row);
        self.docs.push(RouteDoc::default());
        self.docs.last_mut().expect("one has been pushed just now")
    }

    /// Returns each row with its documentation.
    pub(crate) fn documented_rows(&self) -> impl Iterator<Item = (&RouteRow, &RouteDoc)> {
        self.rows.iter().map(|row| &**row).zip(&self.docs)
    }

    /// Returns the router and the rows.
    pub(crate) fn finish(self) -> (Router<AppState>, Vec<Arc<RouteRow>>) {
        let known = KnownInputs::new(self.rows.iter().map(|row| row.action).zip(&self.docs));
        (self.router.layer(Extension(known)), self.rows)
    }
}

#[derive(Clone)]
struct Guard {
    app: AppState,
    row: Arc<RouteRow>,
}

/// The action of a route, attached to the response for logs and metrics.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ActionName(pub(crate) &'static str);

/// Authenticates and authorizes a request. A mutating request is recorded in the audit log before and after it runs,
/// and continues when its client disconnects.
async fn guarded(
    State(guard): State<Guard>,
    parameters: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
    next: Next,
) -> Response {
    let action = ActionName(guard.row.action);
    let mut response = pass(guard, parameters, request, next).await;
    response.extensions_mut().insert(action);
    response
}

async fn pass(
    guard: Guard,
    parameters: Result<RawPathParams, RawPathParamsRejection>,
    mut request: Request,
    next: Next,
) -> Response {
    let Ok(parameters) = parameters else { return input::not_text().into_response() };
    // The first parameter is the object; further parameters are parts of it.
    let object = parameters.iter().next().map(|(_, value)| value).unwrap_or_default();
    let is_dry_run = match (request.extensions().get::<KnownInputs>(), request.uri().query()) {
        (Some(known), Some(query)) => known.is_dry_run(guard.row.action, query),
        _ => false,
    };
    // The audit log must not show a check as a change.
    let action: Cow<'_, str> =
        if is_dry_run { format!("{}_dry_run", guard.row.action).into() } else { guard.row.action.into() };
    let mut audit = AuditContext::from_request(&action, object, request.extensions());
    let plugin = parameters.iter().find(|(name, _)| *name == "id").map(|(_, id)| id);
    let plugin = plugin.filter(|_| guard.row.has_plugin_id());
    let host = guard.app.host.clone();
    if let Err(refused) = guard.check(&mut request, plugin, &mut audit) {
        guard.app.host.front_metrics().auth_failed(refused_for(refused.status));
        audit.refused(&host, &guard.app.access, &refused).await;
        return refused.into_response();
    }
    if guard.row.is_mutating()
        && let Some(known) = request.extensions().get::<KnownInputs>().cloned()
    {
        if let Err(refused) = known.check_condition(guard.row.action, request.headers()) {
            audit.refused(&host, &guard.app.access, &refused).await;
            return refused.into_response();
        }
        request = match known.without_body(guard.row.action, request).await {
            Ok(request) => request,
            Err(refused) => {
                audit.refused(&host, &guard.app.access, &refused).await;
                return refused.into_response();
            }
        };
    }
    request.extensions_mut().insert(audit.clone());
    if !guard.row.is_mutating() {
        return next.run(request).await;
    }
    // A public route (login) is recorded by its handler, once the user is known.
    let is_told = guard.row.access != RequiredAccess::Public;
    let tasks = guard.app.tasks.clone();
    let ran = tasks.spawn(async move {
        let asked = if is_told { audit.asked(&host).await } else { Ok(0) };
        let asked = match asked {
            Ok(asked) => asked,
            Err(refused) => return refused.into_response(),
        };
        let response = match request.extensions().get().cloned() {
            Some(caller) => idempotency::answer(&guard.app, guard.row.action, &caller, request, next).await,
            None => next.run(request).await,
        };
        if is_told {
            let told = audit.end(asked, &response);
            audit_context::write(&host, vec![told]).await;
        }
        response
    });
    ran.await.unwrap_or_else(|_| ApiError::from(host_run::Error::Panicked).into_response())
}

impl Guard {
    /// Checks the origin, the required access and the names of the query parameters, and stores the caller in the
    /// request.
    fn check(&self, request: &mut Request, plugin: Option<&str>, audit: &mut AuditContext) -> Result<(), ApiError> {
        if self.row.is_mutating() && self.app.rules.load().cors.is_foreign(request.headers()) {
            return Err(cors::foreign("changes", request.headers()));
        }
        if self.row.access == RequiredAccess::Public {
            // Probes and browsers add parameters of their own.
            return Ok(());
        }
        let address = ClientAddress::in_request(request.extensions());
        let caller = self.app.access.caller(request.headers(), None, || address.0)?;
        audit.by(&caller);
        if let RequiredAccess::Role(role) = self.row.access
            && !caller.principal.may(role, plugin)
        {
            return Err(caller::forbidden(role, plugin));
        }
        request.extensions_mut().insert(caller);
        match (request.extensions().get::<KnownInputs>(), request.uri().query()) {
            (Some(known), Some(query)) => known.check(self.row.action, query),
            _ => Ok(()),
        }
    }
}
