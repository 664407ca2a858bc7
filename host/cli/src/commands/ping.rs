//! `ping`: whether a host is there, for programs that watch over it.

use crate::client::{Ask, Client};
use crate::config::Environment;
use crate::failure::Failure;
use crate::output;
use crate::words::Ping;

/// Asks whether the host serves, or with `--live` only whether it answers. Needs no token.
///
/// # Errors
/// It is not ready, or does not answer.
pub(crate) async fn ping(words: &Ping, environment: &Environment) -> Result<(), Failure> {
    let client = Client::without_token(&words.client, environment)?;
    let path = if words.live { "/health/live" } else { "/health/ready" };
    let reply = client.ask(Ask::get(path)).await?;
    match words.client.json {
        true => output::raw(&reply.body),
        false => output::line(if words.live { "live" } else { "ready" }),
    }
    Ok(())
}
