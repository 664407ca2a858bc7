//! `ping`: a health check for process supervisors.

use http::StatusCode;
use serde_json::Value;

use crate::args::Ping;
use crate::client::Client;
use crate::config::ClientConfig;
use crate::failure::Failure;
use crate::output;

/// Checks that the host is ready, or with `--live` only that it responds. Needs no token.
///
/// # Errors
/// The host is not ready or does not respond.
pub(super) async fn ping(args: &Ping, config: &ClientConfig) -> Result<(), Failure> {
    let client = Client::without_token(&args.client, config)?;
    let path = if args.live { "/health/live" } else { "/health/ready" };
    let (status, body) = client.health(path).await?;
    let answer = serde_json::from_slice::<Value>(&body).ok();
    match answer.as_ref().and_then(|answer| answer["status"].as_str()) {
        Some(_) if status.is_success() && args.client.format.is_data() => output::data(&body),
        Some(word) if status.is_success() => output::line(word),
        Some(word) if status == StatusCode::SERVICE_UNAVAILABLE => {
            return Err(Failure::failed(format!("the host at {} is not ready: {word}", client.url())));
        }
        _ => return Err(client.not_a_host(status, &body)),
    }
    Ok(())
}
