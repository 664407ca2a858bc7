//! LiveSettings of settings while the host runs, over the API or by reloading the file: check, store and apply.

use std::sync::{Mutex, MutexGuard, PoisonError};

use host_run::Host;
use host_serve::{Ask, Changed, Control, SettingView, SettingsRefused};
use host_store::Store;
use serde_json::{Map, Value};

use super::timing::{Timing, applies_immediately, timing_of};
use super::table::find;
use super::{Environment, Inputs, Origin, ResolvedSetting, Configs, Settings};
use crate::logs::Filter;
use host_client::Failure;

/// The settings of a running host.
pub(crate) struct LiveSettings {
    environment: Environment,
    /// The settings at the start of the host.
    started: Settings,
    store: Store,
    host: Host,
    control: Control,
    filter: Filter,
    now: Mutex<Current>,
}

/// The result of reloading the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReloadReport {
    /// The keys with new values that apply now.
    pub(crate) changed: Vec<String>,
    /// The keys with new values that apply after a restart.
    pub(crate) after_restart: Vec<String>,
}

/// The changes so far and the settings that result from them.
struct Current {
    given: Inputs,
    changed: Map<String, Value>,
    settings: Settings,
}

impl LiveSettings {
    /// Creates the settings of a host that was started with `settings`.
    pub(crate) fn new(
        given: Inputs,
        environment: &Environment,
        changed: Map<String, Value>,
        settings: Settings,
        store: Store,
        (host, control, filter): (Host, Control, Filter),
    ) -> LiveSettings {
        let now = Mutex::new(Current { given, changed, settings: settings.clone() });
        LiveSettings { environment: environment.clone(), started: settings, store, host, control, filter, now }
    }

    /// Reads the configuration again and applies the settings that take effect immediately: all of them or none.
    ///
    /// # Errors
    /// All invalid settings, together; or the certificate or its key cannot be used.
    pub(crate) fn reload(&self) -> Result<ReloadReport, Failure> {
        let mut now = self.now();
        let given = now.given.again()?;
        let settings = given.resolve(&now.changed)?;
        let (before, used) =
            (self.started.with_immediate_changes(&now.settings), self.started.with_immediate_changes(&settings));
        // A renewed certificate has the same path, so it is loaded even if no setting differs.
        if let Some(files) = used.tls() {
            self.control
                .set_tls(&files)
                .map_err(|error| Failure::of("failed to load the TLS certificate or key", &error))?;
        }
        self.apply(&used);
        let mut after_restart = used.differences(&settings);
        after_restart.extend(self.started.differences_of_plugins(&settings));
        let read = ReloadReport { changed: before.differences(&used), after_restart };
        (now.given, now.settings) = (given, settings);
        Ok(read)
    }

    /// Applies settings.
    fn apply(&self, used: &Settings) {
        let rooms = Configs::new(used, &self.environment);
        self.host.set_config(rooms.run);
        self.control.set_rules(rooms.serve.rules);
        if let Err(reason) = self.filter.set(used.log_filter()) {
            tracing::warn!("the log filter was not changed: {reason}");
        }
    }

    fn now(&self) -> MutexGuard<'_, Current> {
        // It is replaced whole or not at all.
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn views(&self, now: &Settings) -> Vec<SettingView> {
        let view = |(started, now): (&ResolvedSetting, &ResolvedSetting)| {
            let change = timing_of(now.key());
            let used = if applies_immediately(now.key()) { now } else { started };
            let is_pending = used.value != now.value;
            SettingView {
                key: now.key(),
                value: used.value.to_json(),
                origin: used.origin.to_string(),
                pending: is_pending.then(|| now.value.to_json()),
                fixed: change == Timing::Never,
            }
        };
        self.started.iter().zip(now.iter()).map(view).collect()
    }

    /// Merges requested changes into the changes so far.
    fn asked(
        &self,
        now: &Current,
        asked: Map<String, Value>,
        done: &mut Changed,
    ) -> Result<Map<String, Value>, SettingsRefused> {
        let (mut changed, mut refused) = (now.changed.clone(), vec![]);
        for (key, value) in asked {
            let Some(setting) = find(&key) else {
                let shown: String = key.chars().filter(|c| !c.is_control()).take(60).collect();
                done.warnings.push(format!("unknown setting `{shown}`: ignored"));
                continue;
            };
            let reason = match (timing_of(&key), &now.settings.get(setting.key).origin) {
                (Timing::Never, _) => {
                    Some("can only be set on the command line, in the environment or in host.toml".to_owned())
                }
                (_, origin @ (Origin::Flag(_) | Origin::Environment(_))) => {
                    Some(format!("is set by {origin}, which takes precedence over a change"))
                }
                _ if value.is_null() => {
                    changed.remove(&key);
                    None
                }
                _ => match setting.setting_type.read_json(&value) {
                    Some(value) => {
                        changed.insert(key.clone(), value.to_json());
                        None
                    }
                    None => Some(format!("has an invalid value, expected {}", setting.setting_type.allowed())),
                },
            };
            if let Some(reason) = reason {
                refused.push((key.clone(), format!("`{key}` {reason}")));
            }
        }
        if refused.is_empty() { Ok(changed) } else { Err(SettingsRefused::Values(refused)) }
    }
}

impl host_serve::Settings for LiveSettings {
    fn settings(&self) -> Vec<SettingView> {
        self.views(&self.now().settings)
    }

    fn change(&self, ask: Ask<'_>, actor: &str) -> Result<Changed, SettingsRefused> {
        let mut now = self.now();
        let before = self.views(&now.settings);
        let mut done = Changed::default();
        let changed = self.asked(&now, ask(&before)?, &mut done)?;
        let settings = now.given.resolve(&changed).map_err(|failure| {
            SettingsRefused::Values(failure.details.into_iter().map(|detail| (String::new(), detail)).collect())
        })?;
        let other =
            |(before, after): (&ResolvedSetting, &ResolvedSetting)| (before.value != after.value).then(|| after.key().to_owned());
        done.changed = now.settings.iter().zip(settings.iter()).filter_map(other).collect();
        if changed == now.changed {
            return Ok(done);
        }
        // Stored before it is applied, so that a setting in use is never lost by a restart.
        self.store.put_settings(&changed).map_err(|error| SettingsRefused::Failed(error.into()))?;
        self.apply(&self.started.with_immediate_changes(&settings));
        (now.changed, now.settings) = (changed, settings);
        tracing::info!(actor, "settings were changed: {}", done.changed.join(", "));
        Ok(done)
    }
}
