//! `config running`, `config set` and `config unset`.

use host_api::SystemConfiguration;
use http::Method;
use serde_json::Value;

use crate::args::RunningConfig;
use crate::client::{ApiRequest, Client};
use crate::failure::Failure;
use crate::output::text::printable;
use crate::output::{self, Table, text};

const CONFIGURATION: &str = "/api/plugins/system/configuration";

/// Shows the settings in force in a running host.
pub(super) async fn running(client: &Client, args: &RunningConfig) -> Result<(), Failure> {
    let reply = client.request(ApiRequest::get(CONFIGURATION)).await?;
    if args.client.format.is_data() {
        output::data(&reply.body);
        return Ok(());
    }
    let SystemConfiguration { settings, sections, origins, pending, .. } = reply.read()?;
    let mut table = Table::with_head(["KEY", "VALUE", "AT THE NEXT START", "ORIGIN"]);
    let origin = |key: &str| if args.origin { origins.get(key).map_or("-", String::as_str) } else { "" };
    for (key, value) in &settings {
        let next = pending.get(key).map_or_else(|| "-".to_owned(), |value| text::setting(key, value));
        table.row([key, &text::setting(key, value), &next, origin(key)]);
    }
    for (key, value) in &sections {
        table.row([key, &value.to_string(), "-", origin(key)]);
    }
    output::table(&table);
    Ok(())
}

/// Changes a setting of a running host; null undoes a change.
pub(super) async fn set(client: &Client, key: &str, value: Value, as_json: bool) -> Result<(), Failure> {
    let body = Value::Object([(key.to_owned(), value)].into_iter().collect());
    let reply = client.request(ApiRequest::new(Method::PUT, CONFIGURATION).json(&body)).await?;
    let now: SystemConfiguration = reply.read()?;
    if as_json {
        output::data(&reply.body);
    }
    if now.changed.is_empty() && !now.warnings.is_empty() {
        let failure = Failure { details: now.warnings, ..Failure::failed("no setting was changed") };
        return Err(failure.fix("run `plugin-host config running` to list the settings"));
    }
    if !as_json {
        output::line(&printable(&now.message));
    }
    now.warnings.iter().for_each(|warning| output::error_line(&format!("warning: {}", printable(warning))));
    Ok(())
}
