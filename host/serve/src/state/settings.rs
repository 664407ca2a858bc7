//! The interface to the settings of the host.

use serde_json::{Map, Value};

/// Reads and changes the settings of the host. All methods may block.
pub trait Settings: Send + Sync {
    /// Returns the settings in display order.
    fn settings(&self) -> Vec<SettingView>;

    /// Returns the sections of the configuration file that are in use, with secrets masked.
    fn sections(&self) -> Vec<SectionView>;

    /// Applies the changes that `requested` returns for the current settings. Null resets a setting to the value it has
    /// without changes over the API. Either all changes are applied or none, and no other change happens in between.
    ///
    /// # Errors
    /// [`SettingsRefused`], including the errors of `requested`.
    fn change(&self, requested: RequestedChanges<'_>, actor: &str) -> Result<Changed, SettingsRefused>;
}

/// Returns the requested changes for the current settings.
pub type RequestedChanges<'a> = &'a mut dyn FnMut(&[SettingView]) -> Result<RequestedSettings, SettingsRefused>;

/// New values of settings, by key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RequestedSettings {
    /// The values; null resets a setting.
    pub values: Map<String, Value>,
    /// Whether an unknown key is only warned about. Older clients send all settings back, with keys of their own.
    pub ignores_unknown_keys: bool,
}

/// The current state of a setting.
#[derive(Clone, Debug, PartialEq)]
pub struct SettingView {
    /// The key.
    pub key: &'static str,
    /// The value in use.
    pub value: Value,
    /// The origin of the value.
    pub origin: String,
    /// The value from the next start on, if it differs.
    pub pending: Option<Value>,
    /// True if the setting cannot be changed over the API.
    pub fixed: bool,
}

/// A section of the configuration file, for the repositories of a place or for a plugin.
#[derive(Clone, Debug, PartialEq)]
pub struct SectionView {
    /// The key, such as `git."github.com"`.
    pub key: String,
    /// The values, with secrets masked.
    pub value: Value,
    /// The file and line.
    pub origin: String,
}

/// The result of a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// The settings that have a new value, now or from the next start on.
    pub changed: Vec<String>,
    /// Parts of the request without effect, with the reason.
    pub warnings: Vec<String>,
}

/// The reason why no setting was changed.
#[derive(Debug)]
pub enum SettingsRefused {
    /// The settings changed since the client read them.
    Stale,
    /// The keys with invalid values, each with the reason.
    Values(Vec<(String, String)>),
    /// The change could not be stored or applied.
    Failed(host_run::Error),
}
