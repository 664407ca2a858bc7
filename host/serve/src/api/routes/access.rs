//! Login, tokens, users and the audit log.

use axum::extract::DefaultBodyLimit;
use host_api as api;
use host_core::Role::Admin;

use super::{DELETE, GET, PATCH, POST};
use crate::api::{audit, login, session, tokens, users};
use crate::guard::table::{RequiredAccess, RouteRow, RouteTable};

/// Largest body of a login, which needs no token: a name and a password with every character escaped.
const MAX_LOGIN_BYTES: usize = 16 * 1024;

pub(super) fn add(t: &mut RouteTable) {
    let login = RouteRow { method: POST, path: "/login", access: RequiredAccess::Public, action: "login" };
    t.route(login, login::login, |route| route.layer(DefaultBodyLimit::max(MAX_LOGIN_BYTES)))
        .summary("Logs a user in with a password and creates a session.")
        .body::<api::LoginRequest>()
        .response::<api::Login>(200)
        .errors(&[401, 403, 429, 503, 507]);
    t.any_token("logout", POST, "/api/logout", login::logout)
        .summary("Ends the session to which the token of the request belongs.")
        .empty_response(204)
        .errors(&[409, 503, 507]);
    let sign_in =
        RouteRow { method: POST, path: "/api/session", access: RequiredAccess::Public, action: "session_create" };
    t.route(sign_in, session::sign_in, |route| route.layer(DefaultBodyLimit::max(MAX_LOGIN_BYTES)))
        .summary("Signs a browser in with a password or a token, and sets a cookie that scripts cannot read.")
        .body::<api::SessionRequest>()
        .response::<api::Me>(200)
        .response_header(200, "Set-Cookie", "The cookie. It counts only with the header `X-Plugin-Host-Console`.")
        .errors(&[401, 403, 429, 503, 507]);
    t.public("session_get", GET, "/api/session", session::get)
        .summary("Returns the caller; null if nobody is signed in.")
        .response::<api::BrowserSession>(200)
        .errors(&[429]);
    t.any_token("session_remove", DELETE, "/api/session", session::sign_out)
        .summary("Signs a browser out: removes the cookie and ends a session that was created with a password.")
        .empty_response(204)
        .errors(&[503, 507]);
    t.any_token("me", GET, "/api/me", login::me).summary("Returns the caller and its rights.").response::<api::Me>(200);
    t.role(Admin, "token_list", GET, "/api/tokens", tokens::list)
        .summary("Lists all tokens, without their secrets.")
        .response::<api::TokenList>(200);
    t.role(Admin, "token_create", POST, "/api/tokens", tokens::create)
        .summary("Creates a token. The secret is returned only once.")
        .body::<api::NewToken>()
        .response::<api::CreatedToken>(201)
        .errors(&[409, 422, 503, 507]);
    t.role(Admin, "token_revoke", DELETE, "/api/tokens/{token}", tokens::revoke)
        .summary("Revokes a token immediately.")
        .path_parameter("token", "The token's `id`, as listed by `GET /api/tokens`.")
        .empty_response(204)
        .errors(&[404, 409, 503, 507]);
    t.role(Admin, "user_list", GET, "/api/users", users::list)
        .summary("Lists all users.")
        .response::<api::UserList>(200);
    t.role(Admin, "user_create", POST, "/api/users", users::create)
        .summary("Creates a user.")
        .body::<api::NewUser>()
        .response::<api::User>(201)
        .errors(&[409, 422, 503, 507]);
    t.role(Admin, "user_get", GET, "/api/users/{name}", users::get)
        .summary("Returns a user.")
        .path_parameter("name", "The user's name.")
        .response::<api::User>(200)
        .errors(&[404]);
    t.role(Admin, "user_change", PATCH, "/api/users/{name}", users::change)
        .summary("Changes a user and ends its sessions.")
        .path_parameter("name", "The user's name.")
        .body::<api::UserChange>()
        .response::<api::User>(200)
        .errors(&[404, 409, 422, 503, 507]);
    t.role(Admin, "user_remove", DELETE, "/api/users/{name}", users::remove)
        .summary("Deletes a user and ends its sessions.")
        .path_parameter("name", "The user's name.")
        .empty_response(204)
        .errors(&[404, 409, 503, 507]);
    t.role(Admin, "audit_list", GET, "/api/audit", audit::list)
        .summary("Lists entries of the audit log.")
        .query::<audit::AuditQuery>()
        .response::<api::AuditPage>(200);
    t.role(Admin, "audit_verify", GET, "/api/audit/verify", audit::verify)
        .summary("Verifies the hash chain of the audit log.")
        .query::<audit::AuditVerifyQuery>()
        .response::<api::AuditReport>(200);
}
