//! The interface to the settings of the host.

use serde_json::{Map, Value};

/// What a host uses as its settings, and how it takes others. Everything here may block.
pub trait Settings: Send + Sync {
    /// The settings as they are used, in the order in which they are shown.
    fn settings(&self) -> Vec<SettingView>;

    /// Changes those that `ask` names when it sees the settings as they are; null takes back what was changed before. All are changed
    /// or none, and nobody else changes any meanwhile.
    ///
    /// # Errors
    /// [`SettingsRefused`], those of `ask` among them.
    fn change(&self, ask: Ask<'_>, actor: &str) -> Result<Changed, SettingsRefused>;
}

/// Says what is to be changed of the settings as they are.
pub type Ask<'a> = &'a mut dyn FnMut(&[SettingView]) -> Result<Map<String, Value>, SettingsRefused>;

/// One setting as it is used.
#[derive(Clone, Debug, PartialEq)]
pub struct SettingView {
    /// Its key.
    pub key: &'static str,
    /// What the host uses.
    pub value: Value,
    /// Where that was given.
    pub origin: String,
    /// What it will use from its next start, when that is something else.
    pub pending: Option<Value>,
    /// Whether it can't be changed while the host runs, nor for its next start.
    pub fixed: bool,
}

/// What a change came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// The settings that are other ones now, or will be.
    pub changed: Vec<String>,
    /// What had no effect, and why.
    pub warnings: Vec<String>,
}

/// Why nothing was changed.
#[derive(Debug)]
pub enum SettingsRefused {
    /// The settings are not those that the change was made from.
    Stale,
    /// Each key that can't be what was asked, and why.
    Values(Vec<(String, String)>),
    /// It could not be kept or put to use.
    Failed(host_run::Error),
}
