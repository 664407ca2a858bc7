//! `config show`.

use crate::args::ShowConfig;
use crate::config::{self, Environment, Origin, Settings};
use host_client::Failure;
use host_client::output::{self, Table};

/// Prints all settings.
///
/// # Errors
/// All invalid settings, together.
pub(crate) fn show_config(args: &ShowConfig, environment: &Environment) -> Result<(), Failure> {
    let (_, _, settings) = config::read_with_changes(&args.flags, environment, args.config.as_deref())?;
    match args.json {
        true => output::raw(json(&settings, args.origin).to_string().as_bytes()),
        false => output::line(&table(&settings, args.origin).to_string()),
    }
    Ok(())
}

fn table(settings: &Settings, with_origin: bool) -> Table {
    let mut table = match with_origin {
        true => Table::with_head(["KEY", "VALUE", "ORIGIN"]),
        false => Table::with_head(["KEY", "VALUE"]),
    };
    for setting in settings.iter() {
        let (key, value) = (setting.key(), setting.value.to_string());
        match with_origin {
            true => table.row([key, &value, &setting.origin.to_string()]),
            false => table.row([key, &value]),
        }
    }
    for (key, value, origin) in settings.configurations() {
        match with_origin {
            true => table.row([&key, &value.to_string(), &origin.to_string()]),
            false => table.row([&key, &value.to_string()]),
        }
    }
    table
}

fn json(settings: &Settings, with_origin: bool) -> serde_json::Value {
    let entry = |key: String, value: serde_json::Value, origin: &Origin| match with_origin {
        true => (key, serde_json::json!({ "value": value, "origin": origin.to_string() })),
        false => (key, value),
    };
    let of_host = settings.iter().map(|setting| (setting.key().to_owned(), setting.value.to_json(), &setting.origin));
    let of_host = of_host.map(|(key, value, origin)| entry(key, value, origin));
    let of_plugins = settings.configurations().map(|(key, value, origin)| entry(key, value, &origin));
    of_host.chain(of_plugins).collect::<serde_json::Map<_, _>>().into()
}
