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

use crate::caller::{self, Caller};
use crate::doc::Doc;
use crate::input;
use crate::problem::Refused;
use crate::routes::Front;

/// What a route needs of who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing: anybody may.
    Nothing,
    /// A role; of a path with a plugin's id, a role for that plugin is enough.
    Role(Role),
}

/// One route.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) need: Need,
    /// What it does, in words of this API: `plugin_load`.
    pub(crate) action: &'static str,
}

impl Row {
    /// The parameter of the path that is a plugin's id.
    fn has_plugin(&self) -> bool {
        self.path.starts_with("/api/plugins/{id}")
    }
}

/// The routes, as they are added.
pub(crate) struct Table {
    front: Front,
    router: Router<Front>,
    rows: Vec<Arc<Row>>,
    /// What is said of each row.
    docs: Vec<Doc>,
}

impl Table {
    pub(crate) fn new(front: Front) -> Table {
        Table { front, router: Router::new(), rows: vec![], docs: vec![] }
    }

    /// Adds a route for those who have at least this role; what is said of it is chained behind. A test names rows of which
    /// nothing is said.
    pub(crate) fn add<H, T>(
        &mut self,
        role: Role,
        action: &'static str,
        method: Method,
        path: &'static str,
        handler: H,
    ) -> &mut Doc
    where
        H: Handler<T, Front>,
        T: 'static,
    {
        self.route(Row { method, path, need: Need::Role(role), action }, handler, |route| route)
    }

    /// Adds a route for anybody.
    pub(crate) fn open<H, T>(
        &mut self,
        action: &'static str,
        method: Method,
        path: &'static str,
        handler: H,
    ) -> &mut Doc
    where
        H: Handler<T, Front>,
        T: 'static,
    {
        self.route(Row { method, path, need: Need::Nothing, action }, handler, |route| route)
    }

    /// Adds a route to which something is done before it is guarded.
    pub(crate) fn route<H, T>(
        &mut self,
        row: Row,
        handler: H,
        with: impl FnOnce(MethodRouter<Front>) -> MethodRouter<Front>,
    ) -> &mut Doc
    where
        H: Handler<T, Front>,
        T: 'static,
    {
        let row = Arc::new(row);
        // Every method of the table has a filter.
        if let Ok(filter) = MethodFilter::try_from(row.method.clone()) {
            let guard = Guard { front: self.front.clone(), row: row.clone() };
            let route = with(on(filter, handler)).route_layer(from_fn_with_state(guard, guarded));
            self.router = std::mem::take(&mut self.router).route(row.path, route);
        }
        self.rows.push(row);
        self.docs.push(Doc::default());
        self.docs.last_mut().expect("one has been pushed just now")
    }

    /// Each row, with what is said of it.
    pub(crate) fn said(&self) -> impl Iterator<Item = (&Row, &Doc)> {
        self.rows.iter().map(|row| &**row).zip(&self.docs)
    }

    /// The router, and what it is made of.
    pub(crate) fn finish(self) -> (Router<Front>, Vec<Arc<Row>>) {
        (self.router, self.rows)
    }
}

#[derive(Clone)]
struct Guard {
    front: Front,
    row: Arc<Row>,
}

/// Asks who is there, and lets the handler know.
async fn guarded(
    State(guard): State<Guard>,
    parameters: Result<RawPathParams, RawPathParamsRejection>,
    mut request: Request,
    next: Next,
) -> Response {
    tracing::trace!(action = guard.row.action, "a route is asked");
    let Ok(parameters) = parameters else { return input::not_text().into_response() };
    let plugin = parameters.iter().find(|(name, _)| *name == "id").map(|(_, id)| id);
    match guard.check(&request, plugin.filter(|_| guard.row.has_plugin())) {
        Ok(Some(caller)) => {
            request.extensions_mut().insert(caller);
        }
        Ok(None) => {}
        Err(refused) => return refused.into_response(),
    }
    next.run(request).await
}

impl Guard {
    fn check(&self, request: &Request, plugin: Option<&str>) -> Result<Option<Caller>, Refused> {
        let Need::Role(role) = self.row.need else { return Ok(None) };
        let caller = Caller::of(&self.front, request.headers())?;
        if caller.principal.may(role, plugin) {
            return Ok(Some(caller));
        }
        Err(caller::forbidden(role, plugin))
    }
}
