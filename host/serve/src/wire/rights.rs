//! Rights of tokens and users, as requests and responses hold them.

use std::collections::BTreeMap;

use host_api as api;
use host_api::FieldError;
use host_core::Role;
use host_core::access::{Name, Rights};
use http::StatusCode;

use crate::wire::problem::ApiError;

/// Maximum number of grants, of permissions and of scopes of one token or user.
const MAX_WORDS: usize = 100;

/// Describes each grant for a plugin that is not installed.
pub(crate) fn grants_without_plugin(host: &host_run::Host, rights: &Rights) -> Vec<String> {
    let missing = rights.grants.iter().filter(|(id, _)| host.plugin(id.as_str()).is_none());
    missing
        .map(|(id, role)| format!("no plugin `{id}` is installed; the grant `{id}={role}` applies when it is"))
        .collect()
}

pub(crate) fn shown(rights: &Rights) -> api::Rights {
    api::Rights {
        role: rights.role.map(|role| role.to_string()),
        grants: rights.grants.iter().map(|(plugin, role)| (plugin.to_string(), role.to_string())).collect(),
        permissions: rights.permissions.iter().map(ToString::to_string).collect(),
        scopes: rights.scopes.iter().map(ToString::to_string).collect(),
    }
}

/// Rights, as a request contains them.
pub(crate) struct RightsRequest<'a> {
    pub(crate) role: Option<&'a str>,
    pub(crate) grants: &'a BTreeMap<String, String>,
    pub(crate) permissions: &'a [String],
    pub(crate) scopes: &'a [String],
}

impl RightsRequest<'_> {
    /// Parses the rights and collects all errors.
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

/// Parses a name; an error is added to `errors`.
pub(crate) fn name(pointer: &str, text: &str, errors: &mut Vec<FieldError>) -> Option<Name> {
    text.parse().map_err(|error: host_core::access::NameError| errors.push(field(pointer, error))).ok()
}

pub(crate) fn field(pointer: &str, message: impl ToString) -> FieldError {
    FieldError { pointer: pointer.to_owned(), message: message.to_string() }
}

/// The 422 error that lists all problems.
pub(crate) fn refused(what: &str, errors: Vec<FieldError>) -> ApiError {
    let list = errors.iter().map(|error| match error.pointer.as_str() {
        "" => error.message.clone(),
        pointer => format!("`{pointer}`: {}", error.message),
    });
    let detail = format!("{what} is invalid: {}", list.collect::<Vec<_>>().join("; "));
    ApiError { errors, ..ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "access_refused", detail) }
}
