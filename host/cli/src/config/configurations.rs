//! The sections `[configuration.<plugin-id>]` of `host.toml`: what the file sets for each plugin.

use std::collections::BTreeMap;

use host_core::PluginId;
use host_core::configuration::{MASK, looks_secret};
use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The key that the sections stand in.
pub(crate) const KEY: &str = "configuration";

const WHERE: &str = "what is set for a plugin stands in `[configuration.<plugin-id>]`";

/// The sections, by plugin.
pub(crate) type Configurations = BTreeMap<PluginId, Section>;

/// What the file sets for one plugin.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Section {
    /// As JSON, which is what plugins get.
    pub(crate) values: Map<String, Value>,
    /// The line of the file that it begins at.
    pub(crate) line: usize,
}

impl Section {
    /// The values as they may be shown: a key that sounds like a secret has its value hidden, at every depth.
    pub(crate) fn shown(&self) -> Value {
        let mut shown = Value::Object(self.values.clone());
        hide(&mut shown);
        shown
    }
}

/// Is told the offset of what is wrong, and why.
type Refuse<'r> = &'r mut dyn FnMut(usize, String);

/// Reads all sections. `line_at` tells the line of an offset.
pub(super) fn read(
    found: &Spanned<DeValue<'_>>,
    line_at: impl Fn(usize) -> usize,
    refuse: Refuse<'_>,
) -> Configurations {
    let mut sections = Configurations::new();
    let DeValue::Table(plugins) = found.get_ref() else {
        refuse(found.span().start, format!("`{KEY}` is no section; {WHERE}"));
        return sections;
    };
    for (at, name, section) in in_order(plugins) {
        let place = format!("{KEY}.{}", name.escape_debug());
        match (name.parse::<PluginId>(), section.get_ref()) {
            (Err(error), _) => refuse(at, format!("`{place}` names no plugin: {error}")),
            (Ok(plugin), DeValue::Table(section)) => {
                let values = object(&place, section, refuse);
                sections.insert(plugin, Section { values, line: line_at(at) });
            }
            // Its value may be a secret, too.
            (Ok(_), _) => refuse(at, format!("`{place}` is no section; {WHERE}")),
        }
    }
    sections
}

fn object(place: &str, table: &DeTable<'_>, refuse: Refuse<'_>) -> Map<String, Value> {
    let mut values = Map::new();
    for (_, key, value) in in_order(table) {
        let place = format!("{place}.{}", key.escape_debug());
        values.insert(key.to_owned(), json(&place, value, refuse));
    }
    values
}

/// A value as JSON. What has no form there is refused, and not repeated, because it may be a secret; null stands for it,
/// which nobody gets to see: a file is taken whole or not at all.
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
            Err(_) => "a number that is too large",
        },
        DeValue::Float(number) => match number.as_str().parse().ok().and_then(serde_json::Number::from_f64) {
            Some(number) => return Value::Number(number),
            None => "no finite number",
        },
        DeValue::Datetime(_) => "a date or time",
    };
    refuse(found.span().start, format!("`{place}` is {what}, which has no form in JSON; write a text"));
    Value::Null
}

/// The entries of a table in the order of the file, each with the offset of its key.
fn in_order<'t, 'i>(table: &'t DeTable<'i>) -> Vec<(usize, &'t str, &'t Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> = table.iter().map(|(key, value)| (key.span().start, &**key.get_ref(), value)).collect();
    entries.sort_by_key(|(at, ..)| *at);
    entries
}

fn hide(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                if looks_secret(key) && !value.is_null() { *value = MASK.into() } else { hide(value) }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(hide),
        _ => {}
    }
}
