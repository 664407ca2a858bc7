//! The sections `[configuration.<plugin-id>]` of `host.toml`: the configuration of plugins.

use std::collections::BTreeMap;

use host_core::PluginId;
use host_core::configuration::mask_by_name;
use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The key of the table that contains the sections.
pub(crate) const KEY: &str = "configuration";

const WHERE: &str = "use `[configuration.<plugin-id>]`";

/// The sections, by plugin.
pub(crate) type Configurations = BTreeMap<PluginId, Section>;

/// The configuration of one plugin.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Section {
    /// The values as JSON, the form that plugins receive.
    pub(crate) values: Map<String, Value>,
    /// The line in the file where the section starts.
    pub(crate) line: usize,
}

impl Section {
    /// Returns the values with secrets masked: the values of keys that look like secrets, at every depth.
    pub(crate) fn shown(&self) -> Value {
        mask_by_name(&self.values).into()
    }
}

/// Receives the offset of a problem and its description.
pub(super) type Refuse<'r> = &'r mut dyn FnMut(usize, String);

/// Reads all sections. `line_at` returns the line of an offset.
pub(super) fn read(
    found: &Spanned<DeValue<'_>>,
    line_at: impl Fn(usize) -> usize,
    refuse: Refuse<'_>,
) -> Configurations {
    let mut sections = Configurations::new();
    let DeValue::Table(plugins) = found.get_ref() else {
        refuse(found.span().start, format!("`{KEY}` is not a table; {WHERE}"));
        return sections;
    };
    for (at, name, section) in in_order(plugins) {
        let place = format!("{KEY}.{}", host_core::shown(name, 80));
        match (name.parse::<PluginId>(), section.get_ref()) {
            (Err(error), _) => refuse(at, format!("`{place}` is not a plugin id: {error}")),
            (Ok(plugin), DeValue::Table(section)) => {
                let values = object(&place, section, refuse);
                sections.insert(plugin, Section { values, line: line_at(at) });
            }
            // The value is not shown, because it may be a secret.
            (Ok(_), _) => refuse(at, format!("`{place}` is not a table; {WHERE}")),
        }
    }
    sections
}

fn object(place: &str, table: &DeTable<'_>, refuse: Refuse<'_>) -> Map<String, Value> {
    let mut values = Map::new();
    for (_, key, value) in in_order(table) {
        let place = format!("{place}.{}", host_core::shown(key, 80));
        values.insert(key.to_owned(), json(&place, value, refuse));
    }
    values
}

/// Converts a value to JSON. A value without a JSON form is reported, but not shown, because it may be a secret; null
/// takes its place and is never used, because an invalid file is refused as a whole.
fn json(place: &str, found: &Spanned<DeValue<'_>>, refuse: Refuse<'_>) -> Value {
    let what = match found.get_ref() {
        DeValue::String(text) => return Value::from(&**text),
        DeValue::Boolean(switch) => return Value::from(*switch),
        DeValue::Table(table) => return object(place, table, refuse).into(),
        DeValue::Array(list) => {
            let entries = list.iter().enumerate();
            return entries.map(|(n, entry)| json(&format!("{place}[{n}]"), entry, refuse)).collect();
        }
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => return Value::from(number),
            Err(_) => "an integer of more than 64 bits",
        },
        DeValue::Float(number) => match number.as_str().parse().ok().and_then(serde_json::Number::from_f64) {
            Some(number) => return Value::Number(number),
            None => "an infinite number or NaN",
        },
        DeValue::Datetime(_) => "a date or time",
    };
    refuse(found.span().start, format!("`{place}` is {what}, which a configuration cannot contain; use a string"));
    Value::Null
}

/// Returns the entries of a table in file order, each with the offset of its key.
pub(super) fn in_order<'t, 'i>(table: &'t DeTable<'i>) -> Vec<(usize, &'t str, &'t Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> = table.iter().map(|(key, value)| (key.span().start, &**key.get_ref(), value)).collect();
    entries.sort_by_key(|(at, ..)| *at);
    entries
}
