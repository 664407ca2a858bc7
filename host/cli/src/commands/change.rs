//! `enable`, `disable` and `unload`.

use host_api::Asked;
use host_core::PluginId;
use http::Method;

use super::route;
use crate::client::{Ask, Client};
use crate::failure::Failure;
use crate::output;
use crate::screen::Screen;

/// Asks for a change that is made at once.
pub(super) async fn change(
    client: &Client,
    method: Method,
    id: &PluginId,
    verb: &str,
    as_json: bool,
    screen: &Screen,
) -> Result<(), Failure> {
    // It waits for its turn when another operation works on the plugin.
    let spinner = screen.spinner(&format!("waiting for `{id}`"), false);
    let reply = client.ask(Ask::new(method, route(id, verb))).await?;
    drop(spinner);
    if as_json {
        output::raw(&reply.body);
        return Ok(());
    }
    let asked: Asked = reply.read()?;
    output::line(&output::text::printable(&asked.message));
    Ok(())
}
