//! The access decision for plugin endpoints with `auth`.

use crate::access::{Principal, Role};
use crate::manifest::Auth;

/// The reason for refusing a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant names its fields")]
pub enum Denied {
    /// The endpoint requires an authenticated caller.
    #[error("the endpoint requires a token")]
    Nobody,
    /// The principal has grants only for other plugins.
    #[error("the token has no rights for this plugin")]
    Plugin,
    /// The principal has none of the roles.
    #[error("the endpoint requires role {}", roles.join(" or "))]
    Role { roles: Vec<String> },
    /// The principal lacks a permission.
    #[error("the endpoint requires the permission `{permission}`")]
    Permission {
        /// The first missing one.
        permission: String,
    },
    /// The principal lacks a scope.
    #[error("the endpoint requires the scope `{scope}`")]
    Scope {
        /// The first missing one.
        scope: String,
    },
}

/// Decides whether a principal, or an unknown caller, may call an endpoint of `plugin`.
///
/// One of the roles is enough, and each role includes the ones below it; all permissions and scopes are required.
/// Admins, of the host or through a grant for this plugin, have every permission and scope, and every role. Roles other
/// than `viewer`, `operator` and `admin` cannot be granted, so only admins have them.
///
/// # Errors
/// [`Denied`]: the first missing right.
pub fn decide(auth: &Auth, principal: Option<&Principal>, plugin: &str) -> Result<(), Denied> {
    if !auth.required {
        return Ok(());
    }
    let principal = principal.ok_or(Denied::Nobody)?;
    let role = principal.role_for(Some(plugin));
    if role.is_none() && !principal.rights.grants.is_empty() {
        return Err(Denied::Plugin);
    }
    if role == Some(Role::Admin) {
        return Ok(());
    }
    let has = |asked: &String| asked.parse().is_ok_and(|asked: Role| role >= Some(asked));
    if !auth.roles.is_empty() && !auth.roles.iter().any(has) {
        return Err(Denied::Role { roles: auth.roles.clone() });
    }
    let rights = &principal.rights;
    let missing = auth.permissions.iter().find(|asked| !rights.permissions.contains(asked.as_str()));
    if let Some(permission) = missing.cloned() {
        return Err(Denied::Permission { permission });
    }
    match auth.scopes.iter().find(|asked| !rights.scopes.contains(asked.as_str())).cloned() {
        Some(scope) => Err(Denied::Scope { scope }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::access::Rights;

    /// Such as `operator`, `hello=viewer`, `+orders.read` (a permission) and `#cats` (a scope).
    fn somebody(text: &str) -> Principal {
        let mut rights = Rights::default();
        for part in text.split_whitespace() {
            match (part.split_once('='), part.strip_prefix('+'), part.strip_prefix('#')) {
                (Some((plugin, role)), ..) => {
                    rights.grants.insert(plugin.parse().unwrap(), role.parse().unwrap());
                }
                (_, Some(word), _) => drop(rights.permissions.insert(word.parse().unwrap())),
                (.., Some(word)) => drop(rights.scopes.insert(word.parse().unwrap())),
                _ => rights.role = Some(part.parse().unwrap()),
            }
        }
        Principal { name: "somebody".to_owned(), rights }
    }

    /// Such as `required`, `operator` (a role), `+orders.read`, `#cats`.
    fn asks(text: &str) -> Auth {
        let words =
            |sign: char| text.split_whitespace().filter_map(move |part| part.strip_prefix(sign)).map(str::to_owned);
        let roles = text.split_whitespace().filter(|part| !part.starts_with(['+', '#']) && *part != "required");
        let roles = roles.map(str::to_owned).collect();
        let (permissions, scopes) = (words('+').collect(), words('#').collect());
        Auth { required: !text.is_empty(), roles, permissions, scopes }
    }

    fn check(auth: &str, callers: &[&str], expected: Expect) {
        let mut shown = String::new();
        for text in callers {
            let caller = Some(somebody(text)).filter(|_| *text != "nobody");
            let said = decide(&asks(auth), caller.as_ref(), "hello")
                .map_or_else(|denied| denied.to_string(), |()| "ok".to_owned());
            shown += &format!("{text}: {said}\n");
        }
        expected.assert_eq(&shown);
    }

    #[test]
    fn callers_are_admitted_by_role_permission_and_scope() {
        let all = ["viewer", "operator", "admin", "hello=operator", "other=admin", "+p #s"];
        check(
            "",
            &["other=admin", "+p"],
            expect![[r#"
            other=admin: ok
            +p: ok
        "#]],
        );
        check(
            "required",
            &all,
            expect![[r#"
                viewer: ok
                operator: ok
                admin: ok
                hello=operator: ok
                other=admin: the token has no rights for this plugin
                +p #s: ok
            "#]],
        );
        check(
            "operator",
            &all,
            expect![[r#"
                viewer: the endpoint requires role operator
                operator: ok
                admin: ok
                hello=operator: ok
                other=admin: the token has no rights for this plugin
                +p #s: the endpoint requires role operator
            "#]],
        );
        check(
            "admin",
            &all,
            expect![[r#"
                viewer: the endpoint requires role admin
                operator: the endpoint requires role admin
                admin: ok
                hello=operator: the endpoint requires role admin
                other=admin: the token has no rights for this plugin
                +p #s: the endpoint requires role admin
            "#]],
        );
        check(
            "viewer operator",
            &all,
            expect![[r#"
                viewer: ok
                operator: ok
                admin: ok
                hello=operator: ok
                other=admin: the token has no rights for this plugin
                +p #s: the endpoint requires role viewer or operator
            "#]],
        );
        check(
            "auditor",
            &["viewer", "operator", "admin", "hello=admin", "+auditor"],
            expect![[r#"
            viewer: the endpoint requires role auditor
            operator: the endpoint requires role auditor
            admin: ok
            hello=admin: ok
            +auditor: the endpoint requires role auditor
        "#]],
        );
        check(
            "auditor viewer",
            &["viewer", "+p"],
            expect![[r#"
            viewer: ok
            +p: the endpoint requires role auditor or viewer
        "#]],
        );
        check(
            "+p +q",
            &["operator +p", "operator +p +q", "+q +p", "admin", "hello=admin", "other=admin +p +q"],
            expect![[r#"
                operator +p: the endpoint requires the permission `q`
                operator +p +q: ok
                +q +p: ok
                admin: ok
                hello=admin: ok
                other=admin +p +q: the token has no rights for this plugin
            "#]],
        );
        check(
            "#s",
            &["operator", "viewer #s", "#s", "viewer +s"],
            expect![[r#"
            operator: the endpoint requires the scope `s`
            viewer #s: ok
            #s: ok
            viewer +s: the endpoint requires the scope `s`
        "#]],
        );
        check(
            "operator +p #s",
            &["operator +p #s", "viewer +p #s", "hello=operator +p #s", "operator +p", "admin"],
            expect![[r#"
                operator +p #s: ok
                viewer +p #s: the endpoint requires role operator
                hello=operator +p #s: ok
                operator +p: the endpoint requires the scope `s`
                admin: ok
            "#]],
        );
    }
}
