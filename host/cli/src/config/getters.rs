//! Typed access to settings by key. The table of settings defines the type of each key, and a test reads every key.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use host_core::Source;
use host_core::manifest::{AllowedHost, Mode};
use host_fetch::Mirror;
use host_serve::Network;

use super::Settings;
use super::value::{LogFormat, Parsed, Secret, SettingValue};

impl Settings {
    pub(super) fn text(&self, key: &str) -> &str {
        let SettingValue::Text(text) = self.value(key) else { mistyped(key) };
        text
    }

    pub(super) fn path(&self, key: &str) -> &Path {
        let SettingValue::Path(path) = self.value(key) else { mistyped(key) };
        path
    }

    /// Returns the path of a file, if it is set.
    pub(super) fn file(&self, key: &str) -> Option<&Path> {
        Some(self.path(key)).filter(|path| !path.as_os_str().is_empty())
    }

    pub(super) fn number(&self, key: &str) -> u64 {
        let SettingValue::Number(number) = self.value(key) else { mistyped(key) };
        *number
    }

    pub(super) fn count(&self, key: &str) -> usize {
        usize::try_from(self.number(key)).unwrap_or(usize::MAX)
    }

    pub(super) fn small(&self, key: &str) -> u32 {
        u32::try_from(self.number(key)).unwrap_or(u32::MAX)
    }

    pub(super) fn seconds(&self, key: &str) -> Duration {
        Duration::from_secs(self.number(key))
    }

    pub(super) fn switch(&self, key: &str) -> bool {
        let SettingValue::Switch(switch) = self.value(key) else { mistyped(key) };
        *switch
    }

    pub(super) fn mode(&self, key: &str) -> Mode {
        let SettingValue::Mode(mode) = self.value(key) else { mistyped(key) };
        *mode
    }

    pub(super) fn log_format(&self, key: &str) -> LogFormat {
        let SettingValue::LogFormat(format) = self.value(key) else { mistyped(key) };
        *format
    }

    pub(super) fn ip(&self, key: &str) -> IpAddr {
        let SettingValue::Address(address) = self.value(key) else { mistyped(key) };
        *address
    }

    pub(super) fn paths(&self, key: &str) -> &[PathBuf] {
        let SettingValue::Paths(paths) = self.value(key) else { mistyped(key) };
        paths
    }

    pub(super) fn texts(&self, key: &str) -> &[String] {
        let SettingValue::Texts(texts) = self.value(key) else { mistyped(key) };
        texts
    }

    pub(super) fn mirrors(&self, key: &str) -> &[Mirror] {
        let SettingValue::Mirrors(mirrors) = self.value(key) else { mistyped(key) };
        mirrors
    }

    pub(super) fn sources(&self, key: &str) -> Vec<Source> {
        let SettingValue::Sources(sources) = self.value(key) else { mistyped(key) };
        values(sources)
    }

    pub(super) fn hosts(&self, key: &str) -> Vec<AllowedHost> {
        let SettingValue::Hosts(hosts) = self.value(key) else { mistyped(key) };
        values(hosts)
    }

    pub(super) fn networks(&self, key: &str) -> Vec<Network> {
        let SettingValue::Networks(networks) = self.value(key) else { mistyped(key) };
        values(networks)
    }

    pub(super) fn secrets(&self, key: &str) -> Vec<Secret> {
        let SettingValue::Secrets(secrets) = self.value(key) else { mistyped(key) };
        values(secrets)
    }

    fn value(&self, key: &str) -> &SettingValue {
        &self.get(key).value
    }
}

fn values<T: Clone>(parsed: &[Parsed<T>]) -> Vec<T> {
    parsed.iter().map(|parsed| parsed.value.clone()).collect()
}

/// The code reads a setting with another type than the table defines.
fn mistyped(key: &str) -> ! {
    unreachable!("the table of settings gives `{key}` another type")
}
