//! Filters for events.

use std::str::FromStr;

use super::{Event, EventKind};
use crate::PluginId;

/// A filter for events; the default accepts all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Only events of this plugin.
    pub plugin: Option<PluginId>,
    /// Only events of these kinds.
    pub kinds: Kinds,
}

/// Kinds of events; an empty list accepts all.
///
/// Parses a list such as `job.ended,health.*`: names of kinds, or prefixes of names up to a dot, with or without `.*`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kinds(Vec<&'static str>);

/// The error for a list with a word that is not a kind of event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not a kind of event; hint: use some of {}", EventKind::NAMES.join(", "))]
pub struct KindsError {
    /// The text, cut to 80 characters.
    pub found: String,
}

impl EventFilter {
    /// Returns whether the filter accepts an event.
    pub fn takes(&self, event: &Event) -> bool {
        (self.plugin.is_none() || self.plugin == event.plugin) && self.kinds.takes(&event.kind)
    }
}

impl Kinds {
    /// The names of the kinds; empty for all.
    pub fn names(&self) -> &[&'static str] {
        &self.0
    }

    /// Returns whether the list contains a kind.
    pub fn takes(&self, kind: &EventKind) -> bool {
        self.0.is_empty() || self.0.contains(&kind.name())
    }
}

impl FromStr for Kinds {
    type Err = KindsError;

    fn from_str(list: &str) -> Result<Kinds, KindsError> {
        let mut kinds = vec![];
        for part in list.split(',').map(str::trim) {
            let stem = part.strip_suffix(".*").unwrap_or(part);
            let is_meant =
                |name: &str| name == part || name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('.'));
            let before = kinds.len();
            kinds.extend(EventKind::NAMES.iter().filter(|name| is_meant(name)));
            if kinds.len() == before {
                return Err(KindsError { found: crate::shown(part, 80) });
            }
        }
        kinds.sort_unstable();
        kinds.dedup();
        Ok(Kinds(kinds))
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_list_contains_kinds_and_prefixes_of_kinds() {
        let read = |list: &str| match list.parse::<Kinds>() {
            Ok(kinds) => format!("{list}: {}\n", kinds.names().join(" ")),
            Err(error) => format!("{list}: {}\n", error.to_string().split(';').next().unwrap()),
        };
        let lists = [
            "job.ended",
            "health",
            "health.*",
            "circuit.*, plugin.quarantined,circuit.opened",
            "plugin.quarantine",
            "heal",
            "*",
            "",
            "job.ended,",
            "job.step.*",
            "a\nb",
        ];
        expect![[r#"
            job.ended: job.ended
            health: health.changed
            health.*: health.changed
            circuit.*, plugin.quarantined,circuit.opened: circuit.closed circuit.opened plugin.quarantined
            plugin.quarantine: `plugin.quarantine` is not a kind of event
            heal: `heal` is not a kind of event
            *: `*` is not a kind of event
            : `` is not a kind of event
            job.ended,: `` is not a kind of event
            job.step.*: `job.step.*` is not a kind of event
            a
            b: `a\nb` is not a kind of event
        "#]]
        .assert_eq(&lists.map(read).concat());
    }

    #[test]
    fn a_filter_accepts_events_that_match_all_its_fields() {
        let one: PluginId = "one".parse().unwrap();
        let event = |plugin: Option<&PluginId>| Event {
            seq: 1,
            at_unix_ms: 0,
            plugin: plugin.cloned(),
            job: None,
            kind: EventKind::HostStopping,
        };
        let all = EventFilter::default();
        assert!(all.takes(&event(None)) && all.takes(&event(Some(&one))));
        let of_one = EventFilter { plugin: Some(one.clone()), kinds: "host".parse().unwrap() };
        assert!(of_one.takes(&event(Some(&one))) && !of_one.takes(&event(None)));
        let of_another_kind = EventFilter { plugin: Some(one.clone()), kinds: "job".parse().unwrap() };
        assert!(!of_another_kind.takes(&event(Some(&one))));
    }
}
