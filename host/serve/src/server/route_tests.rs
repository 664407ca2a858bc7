//! Calls every route of the table with every kind of caller.

use std::sync::Arc;

use axum::body::Body;
use host_build::Builder;
use host_core::Role;
use host_core::access::Rights;
use host_core::audit::Outcome;
use host_run::{AuditFilter, Host};
use host_state::State;
use host_store::Store;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use tempfile::TempDir;

use crate::access::NewToken;
use crate::api::routes;
use crate::connection::registry::Connections;
use crate::guard::table::{RequiredAccess, RouteRow};
use crate::server::service::Service;
use crate::server::{Config, Listener, Server};
use crate::state::AppState;

struct RouteTestServer {
    app: AppState,
    service: Service,
    _folder: TempDir,
}

/// A caller.
struct Somebody {
    name: &'static str,
    token: Option<String>,
    /// `None` for an unauthenticated caller.
    rights: Option<Rights>,
}

impl RouteTestServer {
    async fn new() -> RouteTestServer {
        let folder = tempfile::tempdir().unwrap();
        let config = host_store::Config {
            plugin_dir: folder.path().join("plugins"),
            cache_dir: folder.path().join("cache"),
            limits: Default::default(),
        };
        let store = Store::open(config).unwrap();
        let environment = std::env::vars().filter(|(name, _)| name == "PATH" || name.starts_with("RUSTUP")).collect();
        let builder = host_build::Config { environment, ..Default::default() };
        let builder = Builder::new(store.clone(), builder).await.unwrap();
        let state = State::open(store.plugin_dir()).await.unwrap();
        let run = host_run::Config::new(semver::Version::new(0, 1, 0));
        let host = Host::new(run, store.clone(), state.clone(), builder).unwrap();
        let max = 1_000_000;
        let address = ([127, 0, 0, 1], 0).into();
        let config = Config { address, max_auth_failures: max, max_auth_failures_of_all: max, ..Config::default() };
        let listener = Listener::bind(address).await.unwrap();
        let server = Server::new(listener, host, &store, state, config).await.unwrap();
        server.ready().set();
        let app = server.app_state();
        RouteTestServer { service: Service::new(app.clone()), app, _folder: folder }
    }

    fn rows(&self) -> Vec<Arc<RouteRow>> {
        routes::table(self.app.clone()).finish().1
    }

    async fn somebody(&self, name: &'static str, role: Option<Role>, grant: Option<(&str, Role)>) -> Somebody {
        let grants = grant.map(|(plugin, role)| (plugin.parse().unwrap(), role)).into_iter().collect();
        let rights = Rights { role, grants, ..Rights::default() };
        let new = NewToken {
            name: name.parse().unwrap(),
            rights: rights.clone(),
            expires_unix_ms: None,
            created_by: "test".to_owned(),
        };
        let (token, _) = self.app.access.create_token(new).await.unwrap();
        Somebody { name, token: Some(token), rights: Some(rights) }
    }

    async fn everybody(&self) -> Vec<Somebody> {
        let stranger = format!("dph_0123abcd_{}", "0".repeat(64));
        vec![
            Somebody { name: "nobody", token: None, rights: None },
            Somebody { name: "stranger", token: Some(stranger), rights: None },
            self.somebody("viewer", Some(Role::Viewer), None).await,
            self.somebody("oper", Some(Role::Operator), None).await,
            self.somebody("admin", Some(Role::Admin), None).await,
            self.somebody("looks-at-it", None, Some(("hello", Role::Viewer))).await,
            self.somebody("works-on-it", None, Some(("hello", Role::Operator))).await,
            self.somebody("works-on-another", None, Some(("other", Role::Admin))).await,
        ]
    }

    /// Sends a request and returns the status and error code of the response.
    async fn ask(&self, row: &RouteRow, somebody: &Somebody, body: &str, origin: Option<&str>) -> (StatusCode, String) {
        let mut request = Request::builder().method(&row.method).uri(path(row)).header("host", "127.0.0.1:4000");
        if let Some(token) = &somebody.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let peer = "192.0.2.1:7".parse().unwrap();
        let registered = Arc::new(Connections::default()).add(peer, &self.app.rules).unwrap();
        let (mut parts, body) = request.into_parts();
        let response = self.service.answer(&mut parts, body, &registered.connection).await;
        let status = response.status();
        let headers = response.headers().clone();
        let is_problem = headers.get("content-type").is_some_and(|kind| kind == "application/problem+json");
        if !is_problem {
            // A stream would not end.
            return (status, String::new());
        }
        let body = response.into_body().collect().await.map_err(drop).unwrap().to_bytes();
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        (status, problem["code"].as_str().unwrap().to_owned())
    }
}

fn path(row: &RouteRow) -> String {
    let parameters = [
        ("{id}", "hello"),
        ("{upload}", "upload_0"),
        ("{number}", "1"),
        ("{version}", "1.0.0"),
        ("{*key}", "bowl"),
        ("{token}", "00000000"),
        ("{name}", "zoe"),
    ];
    parameters.iter().fold(row.path.to_owned(), |path, (name, value)| path.replace(name, value))
}

fn may(row: &RouteRow, rights: &Rights) -> bool {
    match row.access {
        RequiredAccess::Public | RequiredAccess::AnyToken => true,
        RequiredAccess::Role(needed) => {
            let granted = rights.grants.get("hello").copied().filter(|_| row.has_plugin_id());
            rights.role.max(granted) >= Some(needed)
        }
    }
}

#[tokio::test]
async fn each_route_accepts_only_callers_with_its_required_access() {
    let server = RouteTestServer::new().await;
    let everybody = server.everybody().await;
    for row in server.rows() {
        for somebody in &everybody {
            let place = format!("{} {} asked by {}", row.method, row.path, somebody.name);
            let said = server.ask(&row, somebody, "", None).await;
            let refused = |code: &str| code.starts_with("auth_");
            match &somebody.rights {
                None if row.access != RequiredAccess::Public => {
                    assert_eq!(said, (StatusCode::UNAUTHORIZED, "auth_token".to_owned()), "{place}");
                }
                Some(rights) if !may(&row, rights) => {
                    assert_eq!(said, (StatusCode::FORBIDDEN, "auth_role".to_owned()), "{place}");
                }
                _ => {
                    assert!(!refused(&said.1) || said.1 == "auth_no_session", "{place}: {said:?}");
                    assert!(!said.0.is_server_error(), "{place}: {said:?}");
                    continue;
                }
            }
            // The body of a rejected request is not read.
            for body in ["{}", "\0", "{\"source\": \"/\"}"] {
                assert_eq!(server.ask(&row, somebody, body, None).await, said, "{place}: {body}");
            }
        }
    }
}

#[tokio::test]
async fn logins_are_the_only_public_routes_that_change_something() {
    let server = RouteTestServer::new().await;
    let rows = server.rows();
    let open =
        rows.iter().filter(|row| row.access == RequiredAccess::Public && row.is_mutating()).map(|row| row.action);
    assert_eq!(open.collect::<Vec<_>>(), ["login", "session_create"]);
    let mut actions: Vec<_> = rows.iter().map(|row| row.action).collect();
    actions.sort_unstable();
    let n_actions = actions.len();
    actions.dedup();
    assert_eq!(actions.len(), n_actions, "two routes have the same action");
    let admin = server.somebody("admin", Some(Role::Admin), None).await;
    for row in rows.iter().filter(|row| row.is_mutating()) {
        let said = server.ask(row, &admin, "{}", Some("https://evil.example")).await;
        assert_eq!(said, (StatusCode::FORBIDDEN, "auth_origin".to_owned()), "{}", row.action);
    }
}

#[tokio::test]
async fn changes_are_audited_before_and_after_and_rejections_once() {
    let server = RouteTestServer::new().await;
    let admin = server.somebody("admin", Some(Role::Admin), None).await;
    let viewer = server.somebody("viewer", Some(Role::Viewer), None).await;
    for row in server.rows().iter().filter(|row| row.access != RequiredAccess::Public) {
        let last = async || server.app.host.verify_audit(None).await.unwrap().head.seq;
        let before = last().await;
        let (status, code) = server.ask(row, &admin, "", None).await;
        let filter = AuditFilter { after: Some(before), action: Some(row.action.to_owned()), ..AuditFilter::default() };
        let told = server.app.host.audit(&filter, 10).await.unwrap();
        if !row.is_mutating() {
            assert_eq!(told, [], "{}", row.action);
            continue;
        }
        let [asked, ended] = &told[..] else { panic!("{}: {told:?}", row.action) };
        assert_eq!((asked.entry.outcome, ended.entry.of), (Outcome::Asked, asked.seq), "{}", row.action);
        assert_eq!((ended.entry.status, &ended.entry.code), (status.as_u16(), &code), "{}", row.action);
        let by = (asked.entry.actor.as_str(), asked.entry.address.as_str());
        assert_eq!(by, ("admin", "192.0.2.1"));
        assert!(!asked.entry.token.is_empty() && !asked.entry.request.is_empty());

        let before = last().await;
        if matches!(row.access, RequiredAccess::Role(role) if role > Role::Viewer) {
            server.ask(row, &viewer, "", None).await;
            let told = server.app.host.audit(&AuditFilter { after: Some(before), ..filter }, 10).await.unwrap();
            let told: Vec<_> = told.iter().map(|told| (told.entry.outcome, told.entry.code.as_str())).collect();
            assert_eq!(told, [(Outcome::Refused, "auth_role")], "{}", row.action);
        }
    }
}
