//! The schedule of checks for updates.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use host_core::PluginId;
use host_core::update::{UpdateLevel, first_check, next_check};

use crate::model::Watched;

/// The next check of each plugin. Times are milliseconds since the Unix epoch, passed by the caller.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    seed: u64,
    n_drawn: u64,
    plugins: HashMap<PluginId, Planned>,
}

#[derive(Debug)]
struct Planned {
    watched: Watched,
    last_ms: Option<u64>,
    failures: u32,
    /// `None` while a check runs, unless the plugin has changed since its start.
    due_ms: Option<u64>,
    is_running: bool,
}

impl Schedule {
    pub(super) fn new(seed: u64) -> Schedule {
        Schedule { seed, ..Schedule::default() }
    }

    /// Adopts the watched plugins. New plugins, and plugins with a changed source or policy, are checked soon.
    pub(super) fn follow(&mut self, watched: Vec<Watched>, now_ms: u64) {
        let mut before = std::mem::take(&mut self.plugins);
        for watched in watched {
            let is_asked = watched.source.is_git();
            if !is_asked || watched.policy.level() == UpdateLevel::Pinned {
                continue;
            }
            let interval = watched.policy.interval().duration();
            let seed = self.draw(&watched.id);
            let soon = first_check(now_ms, interval, seed);
            let planned = match before.remove(&watched.id) {
                Some(planned) if is_other(&planned.watched, &watched) => {
                    Planned { due_ms: Some(soon), failures: 0, watched, ..planned }
                }
                Some(planned) if planned.watched.policy.interval() != watched.policy.interval() => {
                    let due_ms = planned.due_ms.map(|_| after(planned.last_ms, interval, planned.failures, seed, soon));
                    Planned { due_ms, watched, ..planned }
                }
                Some(planned) => Planned { watched, ..planned },
                None => {
                    // After the clock was set back, the last check seems to be in the future; it must not delay the
                    // next one.
                    let last_ms = watched.last_check_unix_ms.map(|last| last.min(now_ms));
                    let due_ms = Some(after(last_ms, interval, 0, seed, soon));
                    Planned { watched, last_ms, failures: 0, due_ms, is_running: false }
                }
            };
            self.plugins.insert(planned.watched.id.clone(), planned);
        }
    }

    /// The plugin that is due for the longest time; it counts as being checked from now on.
    pub(super) fn take_due(&mut self, now_ms: u64) -> Option<Watched> {
        let waiting = self.plugins.values_mut().filter(|planned| !planned.is_running);
        let due = waiting.filter(|planned| planned.due_ms.is_some_and(|due| due <= now_ms));
        let planned = due.min_by_key(|planned| planned.due_ms)?;
        planned.is_running = true;
        planned.due_ms = None;
        Some(planned.watched.clone())
    }

    /// The time at which the next plugin is due that is not being checked.
    pub(super) fn next_due_ms(&self) -> Option<u64> {
        self.plugins.values().filter(|planned| !planned.is_running).filter_map(|planned| planned.due_ms).min()
    }

    /// Records the end of a check and plans the next one.
    pub(super) fn ended(&mut self, id: &PluginId, failed: bool, now_ms: u64) {
        let seed = self.draw(id);
        let Some(planned) = self.plugins.get_mut(id) else { return };
        planned.is_running = false;
        planned.last_ms = Some(now_ms);
        planned.failures = if failed { planned.failures.saturating_add(1) } else { 0 };
        let interval = planned.watched.policy.interval().duration();
        planned.due_ms.get_or_insert_with(|| next_check(now_ms, interval, planned.failures, seed));
    }

    /// A pseudo-random number that differs between plugins and between checks.
    fn draw(&mut self, id: &PluginId) -> u64 {
        self.n_drawn += 1;
        let mut hasher = DefaultHasher::new();
        (self.seed, self.n_drawn, id.as_str()).hash(&mut hasher);
        hasher.finish()
    }
}

/// Returns whether a check of `now` could have another result than a check of `before`, apart from the installed
/// version: its change does not need a check, and a plugin that alternates between two versions must not be checked
/// more often.
fn is_other(before: &Watched, now: &Watched) -> bool {
    let policy = |watched: &Watched| (watched.policy.level(), watched.policy.automatic());
    before.source != now.source || policy(before) != policy(now) || before.blocked != now.blocked
}

/// One interval after the last check; soon, if there was none or the time has passed.
fn after(last_ms: Option<u64>, interval: Duration, failures: u32, seed: u64, soon_ms: u64) -> u64 {
    last_ms.map_or(soon_ms, |last| next_check(last, interval, failures, seed).max(soon_ms))
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeSet;

    use host_core::update::{UpdatePolicy, parse_duration};

    use super::*;

    /// A plugin of its own repository that is checked every `interval`.
    pub(in crate::upkeep::updates) fn watched(id: &str, interval: &str) -> Watched {
        let policy = format!("minor every {interval}");
        Watched {
            id: id.parse().unwrap(),
            source: format!("https://git.example.org/acme/{id}").parse().unwrap(),
            installed: "1.0.0".parse().unwrap(),
            commit: None,
            policy: self::policy(&policy),
            blocked: BTreeSet::new(),
            last_check_unix_ms: None,
        }
    }

    /// Reads a policy such as `minor every 1h`.
    fn policy(text: &str) -> UpdatePolicy {
        let (policy, interval) = text.split_once(" every ").unwrap();
        UpdatePolicy::new(policy.parse().unwrap(), false, interval.parse().unwrap()).unwrap()
    }

    fn ms(text: &str) -> u64 {
        u64::try_from(parse_duration(text).unwrap().as_millis()).unwrap()
    }

    const NOW: u64 = 1_800_000_000_000;

    /// The time until a plugin is due.
    fn due(schedule: &Schedule, id: &str) -> Option<u64> {
        let due = schedule.plugins.get(id)?.due_ms?;
        Some(due.checked_sub(NOW).expect("nothing is due before it is planned"))
    }

    fn followed(all: &[Watched]) -> Schedule {
        let mut schedule = Schedule::new(7);
        schedule.follow(all.to_vec(), NOW);
        schedule
    }

    #[test]
    fn new_plugins_are_checked_within_a_minute() {
        let many: Vec<_> = (0..100).map(|n| watched(&format!("plugin-{n}"), "1h")).collect();
        let schedule = followed(&many);
        let all: Vec<_> = many.iter().map(|watched| due(&schedule, watched.id.as_str()).unwrap()).collect();
        assert!(all.iter().all(|due| *due < ms("1m")), "{all:?}");
        assert!(all.iter().filter(|due| **due < ms("30s")).count() > 20, "{all:?}");
        assert!(all.iter().filter(|due| **due > ms("30s")).count() > 20, "{all:?}");
    }

    #[test]
    fn the_schedule_continues_after_a_restart() {
        let at = |last: Option<u64>| followed(&[Watched { last_check_unix_ms: last, ..watched("hello", "1h") }]);
        for (last, from, to) in [
            (None, 0, ms("1m")),
            (Some(NOW), ms("54m"), ms("66m")),
            (Some(NOW - ms("40m")), ms("14m"), ms("26m")),
            (Some(NOW - ms("2h")), 0, ms("1m")),
            (Some(0), 0, ms("1m")),
            // The clock was set back.
            (Some(NOW + ms("48h")), ms("54m"), ms("66m")),
        ] {
            let due = due(&at(last), "hello").unwrap();
            assert!((from..=to).contains(&due), "{last:?}: {due}");
        }
    }

    #[test]
    fn folders_and_pinned_plugins_are_not_checked() {
        let folder = Watched { source: "examples/hello".parse().unwrap(), ..watched("folder", "1h") };
        let pinned = Watched { policy: policy("pinned every 1h"), ..watched("pinned", "1h") };
        let manual = Watched { policy: policy("manual every 1h"), ..watched("manual", "1h") };
        let schedule = followed(&[folder, pinned, manual]);
        assert_eq!(schedule.plugins.keys().map(PluginId::as_str).collect::<Vec<_>>(), ["manual"]);
    }

    #[test]
    fn the_next_check_starts_an_interval_after_the_last_one() {
        let mut schedule = followed(&[watched("hello", "1h")]);
        assert_eq!(schedule.take_due(NOW - 1), None);
        let later = NOW + ms("1m");
        assert_eq!(schedule.next_due_ms(), Some(NOW + due(&schedule, "hello").unwrap()));
        assert_eq!(schedule.take_due(later).unwrap().id.as_str(), "hello");
        assert_eq!((schedule.take_due(later + ms("9h")), schedule.next_due_ms()), (None, None));
        for (failed, from, to) in
            [(false, "54m", "66m"), (true, "108m", "132m"), (true, "216m", "264m"), (false, "54m", "66m")]
        {
            schedule.ended(&"hello".parse().unwrap(), failed, NOW);
            let due = due(&schedule, "hello").unwrap();
            assert!((ms(from)..=ms(to)).contains(&due), "{failed}: {due}");
            assert!(schedule.take_due(NOW + due).is_some());
        }
    }

    #[test]
    fn a_changed_rule_is_checked_soon_and_a_changed_version_is_not() {
        let before = watched("hello", "1h");
        let soon = 0..=ms("1m");
        for (name, now, expected) in [
            ("nothing", before.clone(), ms("54m")..=ms("66m")),
            ("version", Watched { installed: "1.1.0".parse().unwrap(), ..before.clone() }, ms("54m")..=ms("66m")),
            ("commit", Watched { commit: Some("c2".to_owned()), ..before.clone() }, ms("54m")..=ms("66m")),
            ("interval", Watched { policy: policy("minor every 2h"), ..before.clone() }, ms("108m")..=ms("132m")),
            ("policy", Watched { policy: policy("major every 1h"), ..before.clone() }, soon.clone()),
            ("blocked", Watched { blocked: ["1.1.0".parse().unwrap()].into(), ..before.clone() }, soon.clone()),
            ("source", Watched { source: "https://git.example.org/a/b".parse().unwrap(), ..before.clone() }, soon),
        ] {
            let mut schedule = followed(std::slice::from_ref(&before));
            schedule.take_due(NOW + ms("1m")).unwrap();
            schedule.ended(&before.id, false, NOW);
            schedule.follow(vec![now.clone()], NOW);
            let found = due(&schedule, "hello").unwrap();
            assert!(expected.contains(&found), "{name}: {found}");

            // The same during a check: a check that started before the change does not count.
            let mut schedule = followed(std::slice::from_ref(&before));
            schedule.take_due(NOW + ms("1m")).unwrap();
            schedule.follow(vec![now], NOW);
            assert_eq!(schedule.take_due(NOW + ms("99h")), None, "{name}");
            schedule.ended(&before.id, false, NOW);
            let found = due(&schedule, "hello").unwrap();
            assert!(expected.contains(&found), "{name}, during a look: {found}");
        }
    }

    #[test]
    fn removed_plugins_are_not_scheduled() {
        let mut schedule = followed(&[watched("hello", "1h"), watched("other", "1h")]);
        schedule.take_due(NOW + ms("1m")).unwrap();
        schedule.follow(vec![], NOW);
        schedule.ended(&"hello".parse().unwrap(), false, NOW);
        schedule.ended(&"other".parse().unwrap(), true, NOW);
        assert_eq!(schedule.next_due_ms(), None);
    }
}
