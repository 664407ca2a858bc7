//! Errors of loading an artifact and of calling a running plugin.

use std::fmt;
use std::time::Duration;

use host_core::{Digest, Span, visible_line};
use plugin_sdk_abi::{Failure, failure_kind};

use crate::ledger;

/// The reason why an artifact did not become a running instance.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant names its fields")]
pub enum Error {
    /// The library could not be read, copied or opened.
    #[error("failed to {action} the library")]
    Io {
        action: &'static str,
        #[source]
        source: std::io::Error,
    },
    /// The bytes changed after they were checked.
    #[error("the library's digest is `{found}`, expected `{expected}`")]
    Digest {
        expected: Digest,
        /// The digest of the bytes.
        found: Digest,
    },
    /// The file is not a 64-bit shared library.
    #[error("the file is not a 64-bit shared library: {reason}")]
    NotALibrary { reason: String, fix: &'static str },
    /// The file is a shared library but not a plugin.
    #[error("the library has no plugin header ({missing})")]
    NotAPlugin { missing: String },
    /// The library was built for another processor.
    #[error("the library is built for {found}, this host is {expected}")]
    OtherMachine { expected: &'static str, found: String },
    /// The library was built with an ABI that is too old for this host.
    #[error("the plugin is built with SDK {sdk} (ABI {abi}), this host supports ABI {host}")]
    SdkTooOld {
        /// The plugin's SDK.
        sdk: String,
        /// The plugin's ABI.
        abi: String,
        /// The host's ABI.
        host: String,
    },
    /// The library was built with an ABI that is too new for this host.
    #[error("the plugin is built with SDK {sdk} (ABI {abi}), this host supports ABI {host}")]
    SdkTooNew {
        /// The plugin's SDK.
        sdk: String,
        /// The plugin's ABI.
        abi: String,
        /// The host's ABI.
        host: String,
    },
    /// The library was built with `panic = "abort"`, so a panic would end the host.
    #[error("the plugin is built with panic = \"abort\": a panic in it would stop the whole host")]
    PanicAbort,
    /// The library requires an executable stack, which would make the host's stack executable, too.
    #[error("the library requires an executable stack")]
    ExecutableStack,
    /// The process has reached its limit of open libraries.
    #[error("the host has reached its limit of {opened} open libraries")]
    TooManyOpened { opened: usize },
    /// Another library may need more pthread keys than the process has left.
    #[error("plugins use {found} of at most {} pthread keys", ledger::MAX_KEYS)]
    TooManyKeys { found: usize },
    /// The dynamic linker refused the library.
    #[error("the dynamic linker refused the library: {reason}")]
    Linker { reason: String },
    /// The trial process crashed.
    #[error("the plugin ended the trial process {during}: the child {how}{}", quoted(last_line.as_deref()))]
    TrialCrashed {
        during: &'static str,
        how: String,
        /// The last line that the process wrote to standard error.
        last_line: Option<String>,
    },
    /// The library did not finish in the trial process.
    #[error(
        "the plugin hung in the trial process {during}, for longer than {}{}",
        Span::new(*.after),
        quoted(last_line.as_deref())
    )]
    TrialTimedOut {
        during: &'static str,
        after: Duration,
        /// The last line that the process wrote to standard error.
        last_line: Option<String>,
    },
    /// The trial process failed; the library is not at fault.
    #[error("the host could not try the library in a child process: {reason}")]
    TrialFailed { reason: String },
    /// The trial process found no space on the disk.
    #[error("the host could not try the library in a child process: the disk is full")]
    TrialFull,
    /// The types at the boundary differ.
    #[error("the ABI types of the plugin and the host differ {difference}")]
    LayoutDiffers {
        difference: String,
        /// The whole report, for the build log.
        report: String,
    },
    /// The header or the constructor of the library is broken.
    #[error("the plugin header is broken: {reason}")]
    BrokenHeader { reason: String },
    /// plugin.yaml and the code declare different routes.
    #[error("plugin.yaml and the code disagree: {}", differences.join("; "))]
    CodeDiffers {
        /// One sentence per difference.
        differences: Vec<String>,
    },
    /// The plugin rejects its configuration.
    #[error("the plugin rejected the configuration: {reason}")]
    ConfigurationRefused { reason: String },
    /// The plugin's start returned an error.
    #[error("the plugin did not start: {message}")]
    StartFailed { message: String },
    /// The plugin's start panicked.
    #[error("the plugin panicked while starting: {0}")]
    StartPanicked(Panicked),
    /// The plugin's start took too long.
    #[error("the plugin did not start within {}", Span::new(*.after))]
    StartTimedOut { after: Duration },
}

impl Error {
    /// The stable error code for clients, metrics and tests.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Io { .. } => "load_io",
            Error::Digest { .. } => "load_digest",
            Error::NotALibrary { .. } => "load_not_a_library",
            Error::NotAPlugin { .. } => "load_not_a_plugin",
            Error::OtherMachine { .. } => "load_other_machine",
            Error::SdkTooOld { .. } => "load_sdk_too_old",
            Error::SdkTooNew { .. } => "load_sdk_too_new",
            Error::PanicAbort => "load_panic_abort",
            Error::ExecutableStack => "load_executable_stack",
            Error::TooManyOpened { .. } => "load_too_many_opened",
            Error::TooManyKeys { .. } => "load_too_many_keys",
            Error::Linker { .. } => "load_linker",
            Error::TrialCrashed { .. } => "load_trial_crashed",
            Error::TrialTimedOut { .. } => "load_trial_timed_out",
            Error::TrialFailed { .. } => "load_trial_failed",
            Error::TrialFull => "load_trial_full",
            Error::LayoutDiffers { .. } => "load_layout_differs",
            Error::BrokenHeader { .. } => "load_broken_header",
            Error::CodeDiffers { .. } => "load_code_differs",
            Error::ConfigurationRefused { .. } => "load_configuration_refused",
            Error::StartFailed { .. } => "load_start_failed",
            Error::StartPanicked(_) => "load_start_panicked",
            Error::StartTimedOut { .. } => "load_start_timed_out",
        }
    }

    /// Returns the fix, if there is one.
    pub fn fix(&self) -> Option<String> {
        let text = match self {
            Error::Io { .. } => return None,
            Error::NotALibrary { fix, .. } => fix,
            Error::Digest { .. } => "the artifact changed on disk; load the source again",
            Error::NotAPlugin { .. } => {
                "add `plugin-sdk = \"0.1\"` to Cargo.toml, end the crate with `plugin_sdk::export!(YourPlugin);` and set \
                 `crate-type = [\"cdylib\"]`"
            }
            Error::OtherMachine { .. } => {
                "build the plugin for this host, or load its source so that the host builds it"
            }
            Error::SdkTooOld { .. } => "rebuild the plugin with the SDK of this host; loading its source does so",
            Error::SdkTooNew { .. } => "update the host, or rebuild the plugin with the SDK of this host",
            Error::PanicAbort => "remove `panic = \"abort\"` from the profile and build again",
            Error::ExecutableStack => "link the plugin with `-z noexecstack`",
            Error::TooManyOpened { .. } => "restart the host; running plugins keep serving until then",
            Error::TooManyKeys { .. } => {
                "unload plugins that are not needed; `plugin-host show ID` names what keeps ended generations, and with \
                 them their keys, in memory"
            }
            Error::Linker { .. } => "install what the message names, or build the plugin on a machine like this one",
            Error::TrialCrashed { .. } => {
                "none of its code ran in the host; look for code that ends a process (`abort`, `exit`, C code, endless \
                 recursion): in constructors and statics if the library was being opened, otherwise in the named hook"
            }
            Error::TrialTimedOut { .. } => {
                "none of its code ran in the host; move long work out of the start, or raise `start_timeout_seconds` of the \
                 host"
            }
            Error::TrialFailed { .. } => "fix what the message names; running plugins keep serving",
            Error::TrialFull => "free some space and retry; nothing was changed",
            Error::LayoutDiffers { .. } => {
                "the plugin uses a patched or mixed SDK; run `cargo update -p plugin-sdk` and build again"
            }
            Error::BrokenHeader { .. } => "build the plugin again with the SDK of this host",
            Error::CodeDiffers { .. } => "make plugin.yaml and the route attributes name the same routes",
            Error::ConfigurationRefused { .. } => "fix what the message names, in plugin.yaml or in the request",
            Error::StartFailed { message } if is_second_logger(message) => REMOVE_LOGGER,
            Error::StartPanicked(panicked) if is_second_logger(&panicked.message) => REMOVE_LOGGER,
            Error::StartFailed { .. } => {
                "fix what the message names; the log of the job has the lines that the plugin logged"
            }
            Error::StartPanicked(_) => "fix the line named in the message",
            Error::StartTimedOut { .. } => {
                "move long work to a thread that the start does not wait for, or raise `start_timeout_seconds` of the host"
            }
        };
        Some(text.to_owned())
    }
}

/// The fix for a plugin that installs a logger of its own.
const REMOVE_LOGGER: &str = "the SDK already logs to the host; remove the call that installs another logger, such as \
                             `tracing_subscriber::fmt::init()` or `env_logger::init()`";

/// Returns whether a failed start was caused by the installation of a second `tracing` subscriber or `log` logger. The
/// texts are those of the error types of these crates, which every installing crate passes on.
fn is_second_logger(message: &str) -> bool {
    let texts = [
        "SetGlobalDefaultError",
        "a global default trace dispatcher has already been set",
        "SetLoggerError",
        "attempted to set a logger after the logging system was already initialized",
    ];
    texts.iter().any(|text| message.contains(text))
}

/// A panic, as recorded by the panic hook in the plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panicked {
    /// The message of the panic.
    pub message: String,
    /// `file:line`; empty when unknown.
    pub location: String,
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.location.as_str() {
            "" => f.write_str(&self.message),
            location => write!(f, "{} at {location}", self.message),
        }
    }
}

/// The reason why a call of a running plugin returned no response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant names its fields")]
pub enum CallError {
    /// The plugin panicked.
    #[error("the plugin panicked: {0}")]
    Panicked(Panicked),
    /// The plugin returned an error.
    #[error("{0}")]
    Failed(String),
    /// The plugin's response is invalid: a bad status or header.
    #[error("the plugin's response is invalid: {0}")]
    Invalid(String),
    /// The deadline passed.
    #[error("the plugin did not respond within {}", Span::new(*.after))]
    TimedOut { after: Duration },
}

impl From<Failure> for CallError {
    /// Copies a failure of the boundary into the host's memory.
    fn from(failure: Failure) -> CallError {
        let text = |text: &str| visible_line(&text.chars().take(4096).collect::<String>()).into_owned();
        match failure.kind {
            failure_kind::PANICKED => {
                CallError::Panicked(Panicked { message: text(&failure.message), location: text(&failure.location) })
            }
            _ => CallError::Failed(text(&failure.message)),
        }
    }
}

/// Quotes the last line of a process, to complete an error message.
fn quoted(last_line: Option<&str>) -> String {
    last_line.map(|line| format!("; its last line was `{line}`")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_that_installs_a_second_logger_is_told_to_remove_it() {
        for (message, is_told) in [
            (
                "Unable to install global subscriber: SetGlobalDefaultError(\"a global default trace dispatcher…\")",
                true,
            ),
            ("a global default trace dispatcher has already been set", true),
            ("env_logger::init should not be called after logger initialized: SetLoggerError(())", true),
            ("attempted to set a logger after the logging system was already initialized", true),
            ("no logger is configured", false),
        ] {
            let failed = Error::StartFailed { message: message.to_owned() };
            let panicked =
                Error::StartPanicked(Panicked { message: message.to_owned(), location: "src/lib.rs:11".to_owned() });
            for error in [failed, panicked] {
                assert_eq!(error.fix().unwrap().contains("the SDK already logs"), is_told, "{message}");
            }
        }
    }
}
