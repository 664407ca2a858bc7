//! `token` and `user`.

use std::collections::BTreeMap;
use std::io::{BufRead as _, IsTerminal as _, Write as _};

use host_api::{CreatedToken, NewToken, NewUser, Rights, TokenList, User, UserChange, UserList};
use http::Method;

use crate::args::{self, RightsArgs, TokenCommand, UserCommand};
use crate::client::{ApiRequest, ApiResponse, Client};
use crate::failure::Failure;
use crate::output::{self, Table, text};

/// Maximum length of a password.
const MAX_PASSWORD_BYTES: u64 = 4_096;

pub(super) async fn token(client: &Client, args: TokenCommand) -> Result<(), Failure> {
    match args {
        TokenCommand::Create(args) => create(client, *args).await,
        TokenCommand::List(args) => {
            let reply = client.request(ApiRequest::get("/api/tokens")).await?;
            show(&args, &reply, |list: TokenList| tokens(&list))
        }
        TokenCommand::Revoke(args) => {
            client.request(ApiRequest::new(Method::DELETE, format!("/api/tokens/{}", args.id))).await?;
            output::error_line(&format!("token {} is revoked", args.id));
            Ok(())
        }
    }
}

async fn create(client: &Client, args: args::CreateToken) -> Result<(), Failure> {
    let args::CreateToken { name, role, rights, expires, client: of_client } = args;
    let Rights { grants, permissions, scopes, .. } = shape(&rights);
    let role = role.map(|role| role.to_string());
    let new = NewToken { name: name.to_string(), role, grants, permissions, scopes, expires_seconds: expires };
    let reply = client.request(ApiRequest::post("/api/tokens").json(&new)).await?;
    let CreatedToken { token, made, warnings } = reply.read()?;
    let is_data = of_client.format.is_data();
    let printed = if is_data { output::try_data(&reply.body) } else { output::try_line(&token) };
    // Also if the reader closed the pipe: nobody has the token now.
    printed.map_err(|error| {
        Failure::from_error(format!("token {} was created, but could not be printed", made.id), &error)
            .fix(format!("run `plugin-host token revoke {}`, and create another token", made.id))
    })?;
    if !is_data {
        warn(&warnings);
        let text = format!("created token {} with the name `{name}`; store it now, it cannot be shown again", made.id);
        output::error_line(&text);
    }
    Ok(())
}

pub(super) async fn user(client: &Client, args: UserCommand) -> Result<(), Failure> {
    match args {
        UserCommand::Add(args) => {
            let args::AddUser { name, role, rights, client: of_client } = *args;
            let Rights { grants, permissions, scopes, .. } = shape(&rights);
            let role = role.map(|role| role.to_string());
            let username = name.to_string();
            let new = NewUser { username, password: password()?, role, grants, permissions, scopes };
            let reply = client.request(ApiRequest::post("/api/users").json(&new)).await?;
            print_outcome(&of_client, &reply, &format!("user `{name}` is created"))
        }
        UserCommand::List(args) => {
            let reply = client.request(ApiRequest::get("/api/users")).await?;
            show(&args, &reply, |list: UserList| users(&list.users))
        }
        UserCommand::Set(args) => {
            let change = change(&args)?;
            let reply = client.request(ApiRequest::new(Method::PATCH, route(&args.name)).json(&change)).await?;
            print_outcome(
                &args.client,
                &reply,
                &format!("user `{}` is changed; the user's sessions have ended", args.name),
            )
        }
        UserCommand::Remove(args) => {
            client.request(ApiRequest::new(Method::DELETE, route(&args.name))).await?;
            output::error_line(&format!("user `{}` is deleted; the user's sessions have ended", args.name));
            Ok(())
        }
    }
}

/// Returns the path of a user. A user name needs no escaping in a path.
fn route(name: &host_core::access::Name) -> String {
    format!("/api/users/{name}")
}

fn change(args: &args::SetUser) -> Result<UserChange, Failure> {
    let Rights { grants, permissions, scopes, .. } = shape(&args.rights);
    let says_something = args.only || args.password || args.disable || args.enable || args.role.is_some();
    if !says_something && grants.is_empty() && permissions.is_empty() && scopes.is_empty() {
        let failure = Failure::usage(format!("no change is given for user `{}`", args.name));
        return Err(failure.fix("see `plugin-host user set --help`"));
    }
    Ok(UserChange {
        password: if args.password { Some(password()?) } else { None },
        role: args.role.clone(),
        grants: Some(grants).filter(|grants| args.only || !grants.is_empty()),
        permissions: Some(permissions).filter(|permissions| args.only || !permissions.is_empty()),
        scopes: Some(scopes).filter(|scopes| args.only || !scopes.is_empty()),
        disabled: match (args.disable, args.enable) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        },
    })
}

fn shape(args: &RightsArgs) -> Rights {
    let grants = args.grant.iter().map(|(plugin, role)| (plugin.to_string(), role.to_string()));
    Rights {
        role: None,
        grants: grants.collect::<BTreeMap<_, _>>(),
        permissions: args.permission.iter().map(ToString::to_string).collect(),
        scopes: args.scope.iter().map(ToString::to_string).collect(),
    }
}

/// Reads a password: from the terminal without echo, or one line of standard input.
fn password() -> Result<String, Failure> {
    let stdin = std::io::stdin();
    let failed = |error: &std::io::Error| Failure::from_error("failed to read the password", error);
    if !stdin.is_terminal() {
        return line().map_err(|error| failed(&error));
    }
    let unseen = HiddenInput::begin().map_err(|error| failed(&error.into()))?;
    let ask = |text: &str| {
        let _ = write!(std::io::stderr(), "{text}: ");
        let read = line();
        output::error_line("");
        read.map_err(|error| failed(&error))
    };
    let first = ask("password")?;
    let again = ask("repeat password")?;
    drop(unseen);
    if first == again {
        Ok(first)
    } else {
        Err(Failure::usage("the two passwords differ").fix("type the same password twice"))
    }
}

fn line() -> std::io::Result<String> {
    let mut line = String::new();
    let mut limited = std::io::Read::take(std::io::stdin().lock(), MAX_PASSWORD_BYTES);
    limited.read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Disables the echo of the terminal until it is dropped.
struct HiddenInput(rustix::termios::Termios);

impl HiddenInput {
    fn begin() -> rustix::io::Result<HiddenInput> {
        let before = rustix::termios::tcgetattr(std::io::stdin())?;
        let mut silent = before.clone();
        silent.local_modes.remove(rustix::termios::LocalModes::ECHO);
        rustix::termios::tcsetattr(std::io::stdin(), rustix::termios::OptionalActions::Flush, &silent)?;
        Ok(HiddenInput(before))
    }
}

impl Drop for HiddenInput {
    fn drop(&mut self) {
        // A terminal that is closed needs no echo.
        let _ = rustix::termios::tcsetattr(std::io::stdin(), rustix::termios::OptionalActions::Now, &self.0);
    }
}

// === output ===

fn show<T: serde::de::DeserializeOwned>(
    args: &args::HostArgs,
    reply: &ApiResponse,
    table: impl FnOnce(T) -> Table,
) -> Result<(), Failure> {
    if args.format.is_data() {
        output::data(&reply.body)
    } else {
        output::table(&table(reply.read()?))
    }
    Ok(())
}

fn print_outcome(args: &args::HostArgs, reply: &ApiResponse, text: &str) -> Result<(), Failure> {
    if args.format.is_data() {
        output::data(&reply.body)
    } else {
        warn(&reply.read::<User>()?.warnings);
        output::error_line(text)
    }
    Ok(())
}

fn warn(warnings: &[String]) {
    warnings.iter().for_each(|warning| output::error_line(&format!("warning: {warning}")));
}

fn tokens(list: &TokenList) -> Table {
    let mut table =
        Table::with_head(["ID", "NAME", "STATE", "RIGHTS", "EXPIRES (UTC)", "LAST USED (UTC)", "CREATED BY"]);
    table = table.only_wide(&["CREATED BY"]).flexible(&["RIGHTS"]);
    for token in &list.tokens {
        table.row([
            &token.id,
            &token.name,
            &token.state,
            &rights_text(&token.rights),
            &date(token.expires_unix_ms),
            &moment(token.last_used_unix_ms),
            &token.created_by,
        ]);
    }
    table
}

fn users(list: &[User]) -> Table {
    let mut table = Table::with_head(["NAME", "STATE", "RIGHTS", "SESSIONS", "CHANGED (UTC)"]).flexible(&["RIGHTS"]);
    for user in list {
        let state = if user.disabled { "disabled" } else { "enabled" };
        let sessions = user.sessions.to_string();
        let changed = moment(Some(user.changed_unix_ms));
        table.row([&user.username, state, &rights_text(&user.rights), &sessions, &changed]);
    }
    table
}

/// Formats role, grants, permissions and scopes in one line.
fn rights_text(rights: &Rights) -> String {
    let grants = rights.grants.iter().map(|(plugin, role)| format!("{plugin}={role}"));
    let permissions = rights.permissions.iter().map(|word| format!("permission:{word}"));
    let scopes = rights.scopes.iter().map(|word| format!("scope:{word}"));
    let parts: Vec<_> = rights.role.iter().cloned().chain(grants).chain(permissions).chain(scopes).collect();
    if parts.is_empty() { "-".to_owned() } else { parts.join(" ") }
}

/// Formats the day of a time that may be years away; the option `--output wide` adds the time of day.
fn date(unix_ms: Option<u64>) -> String {
    unix_ms.map_or("-".to_owned(), text::date)
}

fn moment(unix_ms: Option<u64>) -> String {
    let Some(unix_ms) = unix_ms else { return "-".to_owned() };
    text::moment(unix_ms)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn each_token_is_a_table_row() {
        let rights = Rights {
            grants: BTreeMap::from([("hello".to_owned(), "viewer".to_owned())]),
            scopes: vec!["cats".to_owned()],
            ..Rights::default()
        };
        let token = host_api::Token {
            id: "0123abcd".to_owned(),
            name: "ci".to_owned(),
            rights,
            user: None,
            created_by: "operator".to_owned(),
            created_unix_ms: 0,
            expires_unix_ms: Some(951_782_400_123),
            last_used_unix_ms: None,
            revoked_unix_ms: None,
            state: "valid".to_owned(),
        };
        let other = host_api::Token {
            rights: Rights { role: Some("admin".to_owned()), ..Rights::default() },
            expires_unix_ms: None,
            last_used_unix_ms: Some(0),
            state: "revoked".to_owned(),
            ..token.clone()
        };
        expect![[r#"
            ID        NAME  STATE    RIGHTS                   EXPIRES (UTC)  LAST USED (UTC)  CREATED BY
            0123abcd  ci    valid    hello=viewer scope:cats  2000-02-29     -                operator
            0123abcd  ci    revoked  admin                    -              01-01 00:00      operator"#]]
        .assert_eq(&tokens(&TokenList { tokens: vec![token, other] }).to_string());
    }
}
