//! `config show`.

use crate::args::ShowConfig;
use crate::config::{self, Environment, Origin, Settings};
use host_client::Failure;
use host_client::output::{self, Table, text};

/// Prints all settings.
///
/// # Errors
/// All invalid settings, together.
pub(crate) fn show_config(args: &ShowConfig, environment: &Environment) -> Result<(), Failure> {
    let (_, _, settings) = config::read_with_changes(&args.flags, environment, args.config.as_deref())?;
    args.format.select();
    settings.warnings().iter().for_each(|warning| output::error_line(&format!("warning: {warning}")));
    if args.format.is_data() {
        output::data(json(&settings, args.origin).to_string().as_bytes())
    } else {
        output::table(&table(&settings, args.origin))
    }
    Ok(())
}

fn table(settings: &Settings, with_origin: bool) -> Table {
    let mut table =
        if with_origin { Table::with_head(["KEY", "VALUE", "ORIGIN"]) } else { Table::with_head(["KEY", "VALUE"]) };
    for setting in settings.iter() {
        let key = setting.key();
        let value = match setting.value.to_json() {
            number @ serde_json::Value::Number(_) => text::setting(key, &number),
            _ => setting.value.to_string(),
        };
        if with_origin { table.row([key, &value, &setting.origin.to_string()]) } else { table.row([key, &value]) }
    }
    for (key, value, origin) in settings.sections() {
        if with_origin {
            table.row([&key, &value.to_string(), &origin.to_string()])
        } else {
            table.row([&key, &value.to_string()])
        }
    }
    table
}

fn json(settings: &Settings, with_origin: bool) -> serde_json::Value {
    let entry = |key: String, value: serde_json::Value, origin: &Origin| {
        if with_origin {
            (key, serde_json::json!({ "value": value, "origin": origin.to_string() }))
        } else {
            (key, value)
        }
    };
    let of_host = settings.iter().map(|setting| (setting.key().to_owned(), setting.value.to_json(), &setting.origin));
    let of_host = of_host.map(|(key, value, origin)| entry(key, value, origin));
    let sections = settings.sections().map(|(key, value, origin)| entry(key, value, &origin));
    of_host.chain(sections).collect::<serde_json::Map<_, _>>().into()
}
