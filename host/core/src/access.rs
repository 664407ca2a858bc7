//! Roles, rights and principals.
//!
//! A [`Role`] includes the roles below it: an operator may read everything that a viewer may. [`Rights`] are a role for
//! the whole host, roles for single plugins, or both, together with the permissions and scopes that plugin endpoints
//! require. [`decide`] decides whether a caller is allowed to call an endpoint.

mod decide;
mod word;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use crate::PluginId;

pub use decide::{Denied, decide};
pub use word::{Name, NameError, Word, WordError};

/// A role. Ordered: each role includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// May read, but change nothing.
    Viewer,
    /// May load, configure, start, stop and remove plugins.
    Operator,
    /// May also manage tokens, users and the host itself.
    Admin,
}

impl Role {
    /// All roles, the weakest first.
    pub const ALL: [Role; 3] = [Role::Viewer, Role::Operator, Role::Admin];

    /// The name of the role.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The error for a text that is not a role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a role must be `viewer`, `operator` or `admin`")]
pub struct RoleError;

impl FromStr for Role {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Role, RoleError> {
        Role::ALL.into_iter().find(|role| role.as_str() == text).ok_or(RoleError)
    }
}

/// The rights of a principal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// The role for the whole host; `None` for principals with only grants, permissions or scopes.
    pub role: Option<Role>,
    /// The roles for single plugins. Without a host-wide role, the principal is known only to endpoints of these
    /// plugins.
    pub grants: BTreeMap<PluginId, Role>,
    /// The permissions, as required by endpoints.
    pub permissions: BTreeSet<Word>,
    /// The scopes, as required by endpoints.
    pub scopes: BTreeSet<Word>,
}

/// An authenticated caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The name in revisions, jobs and the audit log, and for the plugins that the principal calls.
    pub name: String,
    /// The rights of the principal.
    pub rights: Rights,
}

impl Principal {
    /// Creates a principal with a role for the whole host.
    pub fn with_role(name: impl Into<String>, role: Role) -> Principal {
        Principal { name: name.into(), rights: Rights { role: Some(role), ..Rights::default() } }
    }

    /// Returns the role for one plugin, or for operations that concern no single plugin.
    pub fn role_for(&self, plugin: Option<&str>) -> Option<Role> {
        let granted = plugin.and_then(|plugin| self.rights.grants.get(plugin)).copied();
        self.rights.role.max(granted)
    }

    /// Returns whether the principal has the needed role.
    pub fn may(&self, needed: Role, plugin: Option<&str>) -> bool {
        self.role_for(plugin).is_some_and(|role| role >= needed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_includes_the_weaker_roles() {
        for has in Role::ALL {
            for needed in Role::ALL {
                let principal = Principal::with_role("somebody", has);
                assert_eq!(principal.may(needed, None), has >= needed, "{has} {needed}");
                assert_eq!(principal.may(needed, Some("hello")), has >= needed, "{has} {needed}");
            }
        }
    }

    #[test]
    fn a_grant_applies_only_to_its_plugin() {
        let grants = BTreeMap::from([("hello".parse().unwrap(), Role::Operator)]);
        let rights = Rights { grants, ..Rights::default() };
        let granted = Principal { name: "somebody".to_owned(), rights: rights.clone() };
        assert_eq!(granted.role_for(Some("hello")), Some(Role::Operator));
        assert_eq!(granted.role_for(Some("other")), None);
        assert_eq!(granted.role_for(None), None);
        // The larger of both counts.
        let rights = Rights { role: Some(Role::Admin), ..rights };
        let admin = Principal { name: "somebody".to_owned(), rights };
        assert_eq!(admin.role_for(Some("hello")), Some(Role::Admin));
    }

    #[test]
    fn words_read_back() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        assert_eq!("root".parse::<Role>(), Err(RoleError));
    }
}
