//! `config show`.

use crate::config::{self, Environment, Settings};
use crate::failure::Failure;
use crate::output::{self, Table};
use crate::words::ShowConfig;

/// Prints all settings.
///
/// # Errors
/// All that is wrong in them.
pub(crate) fn show_config(words: &ShowConfig, environment: &Environment) -> Result<(), Failure> {
    let settings = config::read(&words.flags, environment, words.config.as_deref())?;
    match words.json {
        true => output::raw(json(&settings, words.origin).to_string().as_bytes()),
        false => output::line(&table(&settings, words.origin).to_string()),
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
    table
}

fn json(settings: &Settings, with_origin: bool) -> serde_json::Value {
    let entry = |setting: &config::Resolved| {
        let value = setting.value.to_json();
        match with_origin {
            true => serde_json::json!({ "value": value, "origin": setting.origin.to_string() }),
            false => value,
        }
    };
    settings.iter().map(|setting| (setting.key().to_owned(), entry(setting))).collect::<serde_json::Map<_, _>>().into()
}
