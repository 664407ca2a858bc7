//! Arguments of `token` and `user`.

use clap::{Args, Subcommand};
use host_core::access::{Name, Word};
use host_core::{PluginId, Role};

use super::{EXIT_CODES, HostArgs};

/// Commands about tokens.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Create a token and print it once; the host stores only its digest
    #[command(after_help = EXIT_CODES)]
    Create(Box<CreateToken>),
    /// List all tokens, including user sessions
    #[command(after_help = EXIT_CODES)]
    List(HostArgs),
    /// Revoke a token immediately
    #[command(after_help = EXIT_CODES)]
    Revoke(TokenArgs),
}

/// Commands about users.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Create a user; asks for the password, or reads it from standard input
    #[command(after_help = EXIT_CODES)]
    Add(Box<AddUser>),
    /// List all users
    #[command(after_help = EXIT_CODES)]
    List(HostArgs),
    /// Change a user and end all sessions of the user
    #[command(after_help = EXIT_CODES)]
    Set(Box<SetUser>),
    /// Delete a user and end all sessions of the user
    #[command(after_help = EXIT_CODES)]
    Remove(UserArgs),
}

/// Grants, permissions and scopes of a token or user.
#[derive(Debug, Default, Args)]
pub struct RightsArgs {
    /// Role for a single plugin; may be repeated
    #[arg(long, value_name = "PLUGIN=ROLE", value_parser = grant)]
    pub(crate) grant: Vec<(PluginId, Role)>,
    /// Permission that plugin endpoints can require; may be repeated
    #[arg(long, value_name = "WORD")]
    pub(crate) permission: Vec<Word>,
    /// Scope that plugin endpoints can require; may be repeated
    #[arg(long, value_name = "WORD")]
    pub(crate) scope: Vec<Word>,
}

/// `token create`.
#[derive(Debug, Args)]
pub struct CreateToken {
    /// Name shown in revisions, jobs and the audit log
    pub(crate) name: Name,
    /// Role for the whole host: viewer, operator or admin [default: no role]
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: Option<Role>,
    #[command(flatten)]
    pub(crate) rights: RightsArgs,
    /// Lifetime, such as 90d, 12h or 30m [default: valid until revoked]
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub(crate) expires: Option<u64>,
    #[command(flatten)]
    pub(crate) client: HostArgs,
}

/// `token revoke`.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// Id of the token, as listed by `token list`
    #[arg(value_parser = id)]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) client: HostArgs,
}

/// `user add`.
#[derive(Debug, Args)]
pub struct AddUser {
    /// Name of the user
    pub(crate) name: Name,
    /// Role for the whole host: viewer, operator or admin [default: no role]
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: Option<Role>,
    #[command(flatten)]
    pub(crate) rights: RightsArgs,
    #[command(flatten)]
    pub(crate) client: HostArgs,
}

/// `user set`.
#[derive(Debug, Args)]
pub struct SetUser {
    /// Name of the user
    pub(crate) name: Name,
    /// Role for the whole host: viewer, operator, admin or none
    #[arg(long, value_name = "ROLE", value_parser = role_or_none)]
    pub(crate) role: Option<String>,
    #[command(flatten)]
    pub(crate) rights: RightsArgs,
    /// Remove all grants, permissions and scopes that this command does not list
    #[arg(long)]
    pub(crate) only: bool,
    /// Ask for a new password, or read it from standard input
    #[arg(long)]
    pub(crate) password: bool,
    /// Forbid the user to log in
    #[arg(long, conflicts_with = "enable")]
    pub(crate) disable: bool,
    /// Allow the user to log in again
    #[arg(long)]
    pub(crate) enable: bool,
    #[command(flatten)]
    pub(crate) client: HostArgs,
}

/// Commands about one user.
#[derive(Debug, Args)]
pub struct UserArgs {
    /// Name of the user
    pub(crate) name: Name,
    #[command(flatten)]
    pub(crate) client: HostArgs,
}

impl TokenCommand {
    /// Returns the options that select the host.
    pub(crate) fn client(&self) -> &HostArgs {
        match self {
            TokenCommand::Create(args) => &args.client,
            TokenCommand::List(client) => client,
            TokenCommand::Revoke(args) => &args.client,
        }
    }
}

impl UserCommand {
    /// Returns the options that select the host.
    pub(crate) fn client(&self) -> &HostArgs {
        match self {
            UserCommand::Add(args) => &args.client,
            UserCommand::List(client) => client,
            UserCommand::Set(args) => &args.client,
            UserCommand::Remove(args) => &args.client,
        }
    }
}

fn grant(text: &str) -> Result<(PluginId, Role), String> {
    let (plugin, role) = text.split_once('=').ok_or("expected `PLUGIN=ROLE`, but there is no `=`")?;
    let plugin = plugin.parse().map_err(|error: host_core::IdError| error.to_string())?;
    Ok((plugin, role.parse().map_err(|error: host_core::access::RoleError| error.to_string())?))
}

fn role_or_none(text: &str) -> Result<String, String> {
    match text.parse::<Role>() {
        Ok(role) => Ok(role.to_string()),
        Err(_) if text == "none" => Ok(text.to_owned()),
        Err(error) => Err(format!("{error}, or `none`")),
    }
}

/// Parses a token id. A valid id needs no escaping in a URL.
fn id(text: &str) -> Result<String, String> {
    let is_id = text.len() == 8 && text.bytes().all(|c| c.is_ascii_hexdigit());
    is_id.then(|| text.to_ascii_lowercase()).ok_or_else(|| "a token id has 8 hex digits".to_owned())
}

/// The longest lifetime of a token that a host accepts.
const MAX_SECONDS: u64 = 3_660 * 86_400;

/// Parses the lifetime of a token: a number and one of `s`, `m`, `h`, `d`.
fn seconds(text: &str) -> Result<u64, String> {
    let invalid =
        || format!("expected 1s to {}d: a number and one of `s`, `m`, `h`, `d`, such as `90d`", MAX_SECONDS / 86_400);
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(invalid)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(invalid()),
    };
    let number = number.bytes().all(|c| c.is_ascii_digit()).then(|| number.parse::<u64>().ok()).flatten();
    number
        .and_then(|number| number.checked_mul(unit))
        .filter(|seconds| (1..=MAX_SECONDS).contains(seconds))
        .ok_or_else(invalid)
}

#[cfg(test)]
mod tests {
    use super::super::command;
    use super::*;

    #[test]
    fn durations_are_parsed() {
        for (text, expected) in [("90d", Some(7_776_000)), ("12h", Some(43_200)), ("1m", Some(60)), ("5s", Some(5))] {
            assert_eq!(seconds(text).ok(), expected, "{text}");
        }
        for text in ["", "d", "90", "-1d", "0d", "3661d", "1.5h", "9d9", "1é", "99999999999999999999d"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn roles_grants_and_ids_are_validated() {
        let read = |args: &[&str]| command(args).map(drop);
        for args in [
            &["token", "create", "ci", "--role", "operator", "--expires", "90d"][..],
            &["token", "create", "ci", "--grant", "hello=viewer", "--grant", "cats=operator", "--scope", "a:b"],
            &["token", "revoke", "0123abcd"],
            &["user", "add", "zoe", "--role", "admin", "--permission", "orders.read"],
            &["user", "set", "zoe", "--role", "none", "--disable", "--only"],
        ] {
            assert!(read(args).is_ok(), "{args:?}");
        }
        for args in [
            &["token", "create"][..],
            &["token", "create", "operator"],
            &["token", "create", "ci", "--role", "root"],
            &["token", "create", "ci", "--grant", "hello"],
            &["token", "create", "ci", "--grant", "hello=root"],
            &["token", "create", "ci", "--scope", "a b"],
            &["token", "revoke", "../users"],
            &["user", "add", "zoe", "--password", "secret"],
            &["user", "set", "zoe", "--enable", "--disable"],
        ] {
            assert!(read(args).is_err(), "{args:?}");
        }
    }
}
