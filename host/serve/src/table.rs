//! The table of routes: for each its method, path, who may use it, and what it is called.
//!
//! The router is made of it, and nothing else is: a route that has no row does not exist, and one that has a row asks
//! who is there before its handler sees anything.

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawPathParams, Request, State};
use axum::handler::Handler;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use host_core::Role;
use http::Method;

use crate::caller::{self, Caller, refused_for};
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
}

impl Table {
    pub(crate) fn new(front: Front) -> Table {
        Table { front, router: Router::new(), rows: vec![] }
    }

    /// Adds a route for those who have at least this role.
    pub(crate) fn add<H, T>(&mut self, role: Role, action: &'static str, method: Method, path: &'static str, handler: H)
    where
        H: Handler<T, Front>,
        T: 'static,
    {
        self.route(Row { method, path, need: Need::Role(role), action }, handler, |route| route);
    }

    /// Adds a route for anybody.
    pub(crate) fn open<H, T>(&mut self, action: &'static str, method: Method, path: &'static str, handler: H)
    where
        H: Handler<T, Front>,
        T: 'static,
    {
        self.route(Row { method, path, need: Need::Nothing, action }, handler, |route| route);
    }

    /// Adds a route to which something is done before it is guarded.
    pub(crate) fn route<H, T>(
        &mut self,
        row: Row,
        handler: H,
        with: impl FnOnce(MethodRouter<Front>) -> MethodRouter<Front>,
    ) where
        H: Handler<T, Front>,
        T: 'static,
    {
        let row = Arc::new(row);
        // Every method of the table has a filter.
        let Ok(filter) = MethodFilter::try_from(row.method.clone()) else { return };
        let guard = Guard { front: self.front.clone(), row: row.clone() };
        let route = with(on(filter, handler)).route_layer(from_fn_with_state(guard, guarded));
        self.router = std::mem::take(&mut self.router).route(row.path, route);
        self.rows.push(row);
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

/// What was asked, riding in the answer to where it is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Action(pub(crate) &'static str);

/// Asks who is there, and lets the handler know.
async fn guarded(State(guard): State<Guard>, parameters: RawPathParams, mut request: Request, next: Next) -> Response {
    tracing::trace!(action = guard.row.action, "a route is asked");
    let plugin = parameters.iter().find(|(name, _)| *name == "id").map(|(_, id)| id);
    let checked = guard.check(&request, plugin.filter(|_| guard.row.has_plugin()));
    let mut response = match checked {
        Ok(caller) => {
            caller.into_iter().for_each(|caller| drop(request.extensions_mut().insert(caller)));
            next.run(request).await
        }
        Err(refused) => {
            guard.front.host.front_metrics().auth_failed(refused_for(refused.status));
            refused.into_response()
        }
    };
    response.extensions_mut().insert(Action(guard.row.action));
    response
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
