//! The table of routes: for each its method, path, who may use it, and what it is called.
//!
//! The router is made of it, and nothing else is: a route that has no row does not exist, and one that has a row asks
//! who is there before its handler sees anything.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::handler::Handler;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use host_core::Role;
use http::Method;

use crate::access::audit_context::{self, AuditContext, ClientAddress};
use crate::access::caller;
use crate::access::caller::refused_for;
use crate::connection::cors;
use crate::guard::doc::RouteDoc;
use crate::guard::idempotency;
use crate::state::AppState;
use crate::wire::input;
use crate::wire::problem::ApiError;

/// What a route needs of who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequiredAccess {
    /// Nothing: anybody may.
    Public,
    /// A valid token; what of it may be seen or done is for the handler to say.
    AnyToken,
    /// A role; of a path with a plugin's id, a role for that plugin is enough.
    Role(Role),
}

/// One route.
#[derive(Debug)]
pub(crate) struct RouteRow {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) access: RequiredAccess,
    /// What it does, in words of this API: `plugin_load`.
    pub(crate) action: &'static str,
}

impl RouteRow {
    /// The parameter of the path that is a plugin's id.
    pub(crate) fn has_plugin_id(&self) -> bool {
        self.path.starts_with("/api/plugins/{id}")
    }

    /// Whether it may change something.
    pub(crate) fn is_mutating(&self) -> bool {
        !matches!(self.method, Method::GET | Method::HEAD)
    }
}

/// The routes, as they are added.
pub(crate) struct RouteTable {
    app: AppState,
    router: Router<AppState>,
    rows: Vec<Arc<RouteRow>>,
    /// What is said of each row.
    docs: Vec<RouteDoc>,
}

impl RouteTable {
    pub(crate) fn new(app: AppState) -> RouteTable {
        RouteTable { app, router: Router::new(), rows: vec![], docs: vec![] }
    }

    /// Adds a route for those who have at least this role; what is said of it is chained behind. A test names rows of which
    /// nothing is said.
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

    /// Adds a route for everybody whom the host knows.
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

    /// Adds a route for anybody.
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

    /// Adds a route to which something is done before it is guarded.
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

    /// Each row, with what is said of it.
    pub(crate) fn documented_rows(&self) -> impl Iterator<Item = (&RouteRow, &RouteDoc)> {
        self.rows.iter().map(|row| &**row).zip(&self.docs)
    }

    /// The router, and what it is made of.
    pub(crate) fn finish(self) -> (Router<AppState>, Vec<Arc<RouteRow>>) {
        (self.router, self.rows)
    }
}

#[derive(Clone)]
struct Guard {
    app: AppState,
    row: Arc<RouteRow>,
}

/// What was asked, riding in the answer to where it is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ActionName(pub(crate) &'static str);

/// Asks who is there, and lets the handler know. What changes something is told to the audit log before and after, and goes
/// on when its client is gone.
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
    // The first is what it is about; others are a part of that.
    let object = parameters.iter().next().map(|(_, value)| value).unwrap_or_default();
    let mut audit = AuditContext::from_request(guard.row.action, object, request.extensions());
    let plugin = parameters.iter().find(|(name, _)| *name == "id").map(|(_, id)| id);
    let plugin = plugin.filter(|_| guard.row.has_plugin_id());
    let host = guard.app.host.clone();
    if let Err(refused) = guard.check(&mut request, plugin, &mut audit) {
        guard.app.host.front_metrics().auth_failed(refused_for(refused.status));
        audit.refused(&host, &guard.app.access, &refused).await;
        return refused.into_response();
    }
    request.extensions_mut().insert(audit.clone());
    if !guard.row.is_mutating() {
        return next.run(request).await;
    }
    // A stranger's request is told by its handler, once it knows who asks.
    let is_told = guard.row.access != RequiredAccess::Public;
    let tasks = guard.app.tasks.clone();
    let ran = tasks.spawn(async move {
        let asked = match is_told {
            true => audit.asked(&host).await,
            false => Ok(0),
        };
        let asked = match asked {
            Ok(asked) => asked,
            Err(refused) => return refused.into_response(),
        };
        let response = match request.extensions().get().cloned() {
            Some(caller) => idempotency::answer(&guard.app, &guard.row, &caller, request, next).await,
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
    /// Lets a request pass, with who sends it.
    fn check(&self, request: &mut Request, plugin: Option<&str>, audit: &mut AuditContext) -> Result<(), ApiError> {
        if self.row.is_mutating() && self.app.rules.load().cors.is_foreign(request.headers()) {
            return Err(cors::foreign());
        }
        if self.row.access == RequiredAccess::Public {
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
        Ok(())
    }
}
