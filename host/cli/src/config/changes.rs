//! Settings that are changed while the host runs: checked, kept beside the state, and put to use.

use std::sync::{Mutex, MutexGuard, PoisonError};

use host_run::Host;
use host_serve::{Ask, Changed, SettingView, SettingsRefused};
use host_store::Store;
use serde_json::{Map, Value};

use super::changing::{Change, change_of};
use super::table::find;
use super::{Environment, Given, Origin, Resolved, Rooms, Settings};

/// The settings of a host that runs.
pub(crate) struct Changes {
    given: Given,
    environment: Environment,
    /// What it was started with.
    started: Settings,
    store: Store,
    host: Host,
    now: Mutex<Now>,
}

/// What was changed, and what follows from it.
struct Now {
    changed: Map<String, Value>,
    settings: Settings,
}

impl Changes {
    /// Of a host that was started with these settings.
    pub(crate) fn new(
        given: Given,
        environment: &Environment,
        changed: Map<String, Value>,
        settings: Settings,
        store: Store,
        host: Host,
    ) -> Changes {
        let now = Mutex::new(Now { changed, settings: settings.clone() });
        Changes { given, environment: environment.clone(), started: settings, store, host, now }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        // It is replaced whole or not at all.
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn views(&self, now: &Settings) -> Vec<SettingView> {
        let view = |(started, now): (&Resolved, &Resolved)| {
            let change = change_of(now.key());
            let used = if change == Change::Now { now } else { started };
            let is_pending = used.value != now.value;
            SettingView {
                key: now.key(),
                value: used.value.to_json(),
                origin: used.origin.to_string(),
                pending: is_pending.then(|| now.value.to_json()),
                fixed: change == Change::Never,
            }
        };
        self.started.iter().zip(now.iter()).map(view).collect()
    }

    /// The settings that count at once as they are now, the others as the host was started with them.
    fn in_use(&self, now: &Settings) -> Settings {
        let mut used = self.started.clone();
        for (used, now) in used.settings.iter_mut().zip(now.iter()) {
            if change_of(now.key()) == Change::Now {
                *used = now.clone();
            }
        }
        used
    }

    /// What is changed when this is asked.
    fn asked(
        &self,
        now: &Now,
        asked: Map<String, Value>,
        done: &mut Changed,
    ) -> Result<Map<String, Value>, SettingsRefused> {
        let (mut changed, mut refused) = (now.changed.clone(), vec![]);
        for (key, value) in asked {
            let Some(setting) = find(&key) else {
                let shown: String = key.chars().filter(|c| !c.is_control()).take(60).collect();
                done.warnings.push(format!("`{shown}` is no setting of this host; it had no effect"));
                continue;
            };
            let reason = match (change_of(&key), &now.settings.get(setting.key).origin) {
                (Change::Never, _) => {
                    Some("is set by who starts the host: on its command line or in host.toml".to_owned())
                }
                (_, origin @ (Origin::Flag(_) | Origin::Environment(_))) => {
                    Some(format!("is given by {origin}, which counts more than a change"))
                }
                _ if value.is_null() => {
                    changed.remove(&key);
                    None
                }
                _ => match setting.kind.read_json(&value) {
                    Some(value) => {
                        changed.insert(key.clone(), value.to_json());
                        None
                    }
                    None => Some(format!("does not take that, allowed is {}", setting.kind.allowed())),
                },
            };
            if let Some(reason) = reason {
                refused.push((key.clone(), format!("`{key}` {reason}")));
            }
        }
        if refused.is_empty() { Ok(changed) } else { Err(SettingsRefused::Values(refused)) }
    }
}

impl host_serve::Settings for Changes {
    fn settings(&self) -> Vec<SettingView> {
        self.views(&self.now().settings)
    }

    fn change(&self, ask: Ask<'_>, actor: &str) -> Result<Changed, SettingsRefused> {
        let mut now = self.now();
        let before = self.views(&now.settings);
        let mut done = Changed::default();
        let changed = self.asked(&now, ask(&before)?, &mut done)?;
        let settings = self.given.resolve(&changed).map_err(|failure| {
            SettingsRefused::Values(failure.details.into_iter().map(|detail| (String::new(), detail)).collect())
        })?;
        let other =
            |(before, after): (&Resolved, &Resolved)| (before.value != after.value).then(|| after.key().to_owned());
        done.changed = now.settings.iter().zip(settings.iter()).filter_map(other).collect();
        if changed == now.changed {
            return Ok(done);
        }
        // Kept first: what counts now counts after a restart too.
        self.store.put_settings(&changed).map_err(|error| SettingsRefused::Failed(error.into()))?;
        let rooms = Rooms::of(&self.in_use(&settings), &self.environment);
        if let Err(error) = self.host.set_config(rooms.run) {
            let _ = self.store.put_settings(&now.changed);
            return Err(SettingsRefused::Failed(error));
        }
        *now = Now { changed, settings };
        tracing::info!(actor, "settings were changed: {}", done.changed.join(", "));
        Ok(done)
    }
}
