//! Tokens: who has which, making and revoking them.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use host_api as api;
use host_api::FieldError;
use host_core::Role;
use host_core::access::{Name, Rights};
use http::StatusCode;

use crate::access::{Held, NewAccount, now_unix_ms};
use crate::caller::Caller;
use crate::input::{Id, Whole};
use crate::login::no_store;
use crate::problem::Refused;
use crate::routes::Front;
use crate::trail::Touched;

/// Ten years: whoever wants a token for longer wants one that does not expire.
const MAX_SECONDS: u64 = 10 * 366 * 24 * 60 * 60;
/// Grants, permissions and scopes of one token or user.
const MAX_WORDS: usize = 100;

pub(crate) async fn list(State(front): State<Front>) -> Response {
    let now_ms = now_unix_ms();
    let tokens = front.access.tokens().iter().map(|held| token(held, now_ms)).collect();
    no_store(Json(api::TokenList { tokens }).into_response())
}

pub(crate) async fn create(
    State(front): State<Front>,
    caller: Caller,
    touched: Touched,
    Whole(asked): Whole<api::NewToken>,
) -> Result<Response, Refused> {
    let mut errors = vec![];
    let name = name("name", &asked.name, &mut errors);
    let asked_rights = Asked {
        role: asked.role.as_deref(),
        grants: &asked.grants,
        permissions: &asked.permissions,
        scopes: &asked.scopes,
    };
    let rights = asked_rights.read(&mut errors);
    if asked.expires_seconds.is_some_and(|seconds| !(1..=MAX_SECONDS).contains(&seconds)) {
        errors.push(field("expires_seconds", format!("must be from 1 to {MAX_SECONDS}")));
    }
    if rights == Rights::default() && errors.is_empty() {
        errors.push(field("role", "a token needs at least one role, grant, permission or scope"));
    }
    let Some(name) = name.filter(|_| errors.is_empty()) else { return Err(refused("the token", errors)) };
    let expires_unix_ms = asked.expires_seconds.map(|seconds| now_unix_ms().saturating_add(seconds * 1_000));
    let new = NewAccount { name, rights, expires_unix_ms, created_by: caller.principal.name.clone() };
    let (text, held) = front.access.make_token(new).await?;
    touched.object(&*held.id);
    let made = api::TokenMade { token: text, made: token(&held, now_unix_ms()) };
    Ok(no_store((StatusCode::CREATED, Json(made)).into_response()))
}

pub(crate) async fn revoke(State(front): State<Front>, Id(id): Id) -> Result<StatusCode, Refused> {
    front.access.revoke(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

// === what is shown ===

fn token(held: &Held, now_ms: u64) -> api::Token {
    let record = &held.record;
    let state = match (record.revoked_unix_ms, held.is_expired(now_ms)) {
        (Some(_), _) => "revoked",
        (None, true) => "expired",
        (None, false) => "valid",
    };
    api::Token {
        id: record.id.clone(),
        name: record.name.clone(),
        rights: shown(&record.rights),
        user: record.login.as_ref().map(ToString::to_string),
        created_by: record.created_by.clone(),
        created_unix_ms: record.created_unix_ms,
        expires_unix_ms: record.expires_unix_ms,
        last_used_unix_ms: held.last_used_unix_ms(),
        revoked_unix_ms: record.revoked_unix_ms,
        state: state.to_owned(),
    }
}

pub(crate) fn shown(rights: &Rights) -> api::Rights {
    api::Rights {
        role: rights.role.map(|role| role.to_string()),
        grants: rights.grants.iter().map(|(plugin, role)| (plugin.to_string(), role.to_string())).collect(),
        permissions: rights.permissions.iter().map(ToString::to_string).collect(),
        scopes: rights.scopes.iter().map(ToString::to_string).collect(),
    }
}

// === what is asked ===

/// Rights as a client writes them.
pub(crate) struct Asked<'a> {
    pub(crate) role: Option<&'a str>,
    pub(crate) grants: &'a BTreeMap<String, String>,
    pub(crate) permissions: &'a [String],
    pub(crate) scopes: &'a [String],
}

impl Asked<'_> {
    /// Reads them, and notes all that is wrong.
    pub(crate) fn read(&self, errors: &mut Vec<FieldError>) -> Rights {
        let mut rights = Rights::default();
        match self.role.map(str::parse::<Role>).transpose() {
            Ok(role) => rights.role = role,
            Err(error) => errors.push(field("role", error)),
        }
        let n_words = self.grants.len().max(self.permissions.len()).max(self.scopes.len());
        if n_words > MAX_WORDS {
            errors.push(field(
                "",
                format!("at most {MAX_WORDS} grants, {MAX_WORDS} permissions and {MAX_WORDS} scopes are allowed"),
            ));
            return rights;
        }
        for (plugin, role) in self.grants {
            match (plugin.parse(), role.parse()) {
                (Ok(plugin), Ok(role)) => drop(rights.grants.insert(plugin, role)),
                (Err(error), _) => errors.push(field("grants", error)),
                (_, Err(error)) => errors.push(field("grants", error)),
            }
        }
        for (name, asked, words) in
            [("permissions", self.permissions, &mut rights.permissions), ("scopes", self.scopes, &mut rights.scopes)]
        {
            for word in asked {
                match word.parse() {
                    Ok(word) => drop(words.insert(word)),
                    Err(error) => errors.push(field(name, error)),
                }
            }
        }
        rights
    }
}

/// Reads a name, and notes what is wrong with it.
pub(crate) fn name(pointer: &str, text: &str, errors: &mut Vec<FieldError>) -> Option<Name> {
    text.parse().map_err(|error: host_core::access::NameError| errors.push(field(pointer, error))).ok()
}

pub(crate) fn field(pointer: &str, message: impl ToString) -> FieldError {
    FieldError { pointer: pointer.to_owned(), message: message.to_string() }
}

/// 422 with all that is wrong.
pub(crate) fn refused(what: &str, errors: Vec<FieldError>) -> Refused {
    let list = errors.iter().map(|error| match error.pointer.as_str() {
        "" => error.message.clone(),
        pointer => format!("`{pointer}`: {}", error.message),
    });
    let detail = format!("{what} is invalid: {}", list.collect::<Vec<_>>().join("; "));
    Refused { errors, ..Refused::new(StatusCode::UNPROCESSABLE_ENTITY, "access_refused", detail) }
}
