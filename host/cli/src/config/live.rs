//! Changes of settings while the host runs, over the API or by reloading the file: check, store and apply.

use host_client::Failure;
use host_core::configuration::MASK;
use host_run::Host;
use host_serve::{Changed, Control, RequestedChanges, RequestedSettings, SectionView, SettingView, SettingsRefused};
use host_store::Store;
use parking_lot::{Mutex, MutexGuard};
use serde_json::{Map, Value};

use super::file::unknown;
use super::table::find;
use super::timing::{Timing, applies_immediately, timing_of};
use super::{Configs, Environment, Inputs, Origin, ResolvedSetting, Settings};
use crate::logs::Filter;

/// The settings of a running host.
pub(crate) struct LiveSettings {
    environment: Environment,
    /// The settings at the start of the host.
    started: Settings,
    store: Store,
    running: Running,
    current: Mutex<Current>,
}

/// Handles to the parts of a running host that settings apply to.
pub(crate) struct Running {
    pub(crate) host: Host,
    pub(crate) control: Control,
    pub(crate) log_filter: Filter,
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
    inputs: Inputs,
    overrides: Map<String, Value>,
    settings: Settings,
}

impl LiveSettings {
    /// Creates the settings of a host that was started with `settings`.
    pub(crate) fn new(
        inputs: Inputs,
        environment: &Environment,
        overrides: Map<String, Value>,
        settings: Settings,
        store: Store,
        running: Running,
    ) -> LiveSettings {
        let current = Mutex::new(Current { inputs, overrides, settings: settings.clone() });
        LiveSettings { environment: environment.clone(), started: settings, store, running, current }
    }

    /// Reads the configuration again and applies the settings that take effect immediately: all of them or none.
    ///
    /// # Errors
    /// All invalid settings, together; or the certificate or its key cannot be used.
    pub(crate) fn reload(&self) -> Result<ReloadReport, Failure> {
        let mut current = self.current();
        let inputs = current.inputs.again()?;
        let settings = inputs.resolve(&current.overrides)?;
        let before = self.started.with_immediate_changes(&current.settings);
        let used = self.started.with_immediate_changes(&settings);
        // A renewed certificate has the same path, so it is loaded even if no setting differs.
        if let Some(files) = used.tls() {
            self.running
                .control
                .set_tls(&files)
                .map_err(|error| Failure::from_error("failed to load the TLS certificate or key", &error))?;
        }
        self.apply(&used);
        let mut after_restart = used.differences(&settings);
        after_restart.extend(self.started.differences_of_plugins(&settings));
        let read = ReloadReport { changed: before.differences(&used), after_restart };
        (current.inputs, current.settings) = (inputs, settings);
        Ok(read)
    }

    /// Applies settings.
    fn apply(&self, used: &Settings) {
        let configs = Configs::new(used, &self.environment);
        self.running.host.set_config(configs.run);
        self.running.control.set_rules(configs.serve.rules);
        if let Err(reason) = self.running.log_filter.set(used.log_filter()) {
            tracing::warn!("the log filter was not changed: {reason}");
        }
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock()
    }

    fn views(&self, now: &Settings) -> Vec<SettingView> {
        let view = |(started, now): (&ResolvedSetting, &ResolvedSetting)| {
            let used = if applies_immediately(now.key()) { now } else { started };
            let is_pending = used.value != now.value;
            SettingView {
                key: now.key(),
                value: used.value.to_json(),
                origin: used.origin.to_string(),
                pending: is_pending.then(|| now.value.to_json()),
                fixed: timing_of(now.key()) == Timing::Never,
            }
        };
        self.started.iter().zip(now.iter()).map(view).collect()
    }

    /// Merges requested changes into the changes so far.
    fn merge(
        &self,
        current: &Current,
        requested: RequestedSettings,
        done: &mut Changed,
    ) -> Result<Map<String, Value>, SettingsRefused> {
        let mut changed = current.overrides.clone();
        let mut refused = vec![];
        for (key, value) in requested.values {
            let Some(setting) = find(&key) else {
                let reason = unknown("setting", &key);
                if requested.ignores_unknown_keys {
                    done.warnings.push(format!("ignored the {reason}"));
                } else {
                    refused.push((key, reason));
                }
                continue;
            };
            let reason = match (timing_of(&key), &current.settings.get(setting.key).origin) {
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
                    None => {
                        let found = host_core::shown(&value.to_string(), 80);
                        Some(format!("is `{found}`, expected {}", setting.setting_type.allowed()))
                    }
                },
            };
            if let Some(reason) = reason {
                refused.push((key.clone(), format!("`{key}` {reason}")));
            }
        }
        if refused.is_empty() { Ok(changed) } else { Err(SettingsRefused::Values(refused)) }
    }
}

/// Masks the arguments of a `token_command`: nobody but the operator knows whether one of them is a secret.
fn mask_arguments(section: &mut Value) {
    let words = section.get_mut("token_command").and_then(Value::as_array_mut);
    words.into_iter().flatten().skip(1).for_each(|word| *word = MASK.into());
}

impl host_serve::Settings for LiveSettings {
    fn settings(&self) -> Vec<SettingView> {
        self.views(&self.current().settings)
    }

    fn sections(&self) -> Vec<SectionView> {
        let used = self.started.with_immediate_changes(&self.current().settings);
        let view = |(key, mut value, origin): (String, Value, Origin)| {
            mask_arguments(&mut value);
            SectionView { key, value, origin: origin.to_string() }
        };
        used.sections().map(view).collect()
    }

    fn change(&self, requested: RequestedChanges<'_>, actor: &str) -> Result<Changed, SettingsRefused> {
        let mut current = self.current();
        let before = self.views(&current.settings);
        let mut done = Changed::default();
        let changed = self.merge(&current, requested(&before)?, &mut done)?;
        let settings = current.inputs.resolve(&changed).map_err(|failure| {
            SettingsRefused::Values(failure.details.into_iter().map(|detail| (String::new(), detail)).collect())
        })?;
        let other = |(before, after): (&ResolvedSetting, &ResolvedSetting)| {
            (before.value != after.value).then(|| after.key().to_owned())
        };
        done.changed = current.settings.iter().zip(settings.iter()).filter_map(other).collect();
        if changed == current.overrides {
            return Ok(done);
        }
        // Stored before it is applied, so that a setting in use is never lost by a restart.
        self.store.put_settings(&changed).map_err(|error| SettingsRefused::Failed(error.into()))?;
        self.apply(&self.started.with_immediate_changes(&settings));
        (current.overrides, current.settings) = (changed, settings);
        tracing::info!(actor, "settings were changed: {}", done.changed.join(", "));
        Ok(done)
    }
}
