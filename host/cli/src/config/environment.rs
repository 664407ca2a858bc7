//! The environment variables, read once at the start. No other code reads them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use host_core::spelling::suggestion;

use super::table::{SETTINGS, Setting};

/// The variables passed to cargo and its child processes: proxies and certificates to download crates, rustup's
/// variables to select the toolchain, and compilers for crates with C code.
const PASSED_TO_BUILDS: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "TZ",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "RUSTUP_AUTO_INSTALL",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CARGO_HTTP_CAINFO",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "CC",
    "CXX",
    "AR",
    "RUSTFLAGS",
];

/// The variables passed to a `token_command`: programs like `gh` find their settings and the user's keyring by them.
const PASSED_TO_TOKEN_COMMANDS: &[&str] =
    &["PATH", "HOME", "USER", "LOGNAME", "LANG", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"];

/// The API token of a client.
const TOKEN: &str = "PLUGIN_HOST_TOKEN";
/// The URL of the host.
const URL: &str = "PLUGIN_HOST_URL";

/// The file with the certificate authorities that a client trusts.
const CA: &str = "PLUGIN_HOST_CA";
/// The variables set by a service manager.
const SERVICE_MANAGER: [&str; 3] = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];

/// The user's folders and the search path of the dynamic linker.
const DATA: &str = "XDG_DATA_HOME";
const CACHE: &str = "XDG_CACHE_HOME";
const LIBRARIES: &str = "LD_LIBRARY_PATH";
const CONFIGURATION: &str = "XDG_CONFIG_HOME";

/// The path of the user's shell.
const SHELL: &str = "SHELL";

/// The variables that select colours.
const COLORS: [&str; 4] = ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TERM"];

/// The file that names the fail point at which a test ends the host; read by test builds only.
const FAIL: &str = "PLUGIN_HOST_FAIL";

/// The variables that this program uses. An empty variable counts as not set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    variables: BTreeMap<&'static str, String>,
    /// Variables of settings and of clients with a value that is not valid UTF-8.
    pub(crate) unreadable: Vec<&'static str>,
    /// Variables that this program does not read, each with the variable that is probably meant.
    pub(super) misspelled: Vec<(String, &'static str)>,
}

/// Returns the variable of this program that is probably meant by a misspelled one. Kubernetes sets variables such as
/// `PLUGIN_HOST_SERVICE_HOST` if there is a service `plugin-host`; they are not similar enough to be reported.
fn meant(name: &str, own: &[&'static str]) -> Option<&'static str> {
    if !name.starts_with("PLUGIN") || own.contains(&name) {
        return None;
    }
    suggestion(name, own)
}

impl Environment {
    /// Reads the environment of this process.
    pub(crate) fn read() -> Environment {
        let mut environment = Environment::default();
        let settings: Vec<_> = SETTINGS.iter().flat_map(Setting::variables).collect();
        let own: Vec<_> = settings.iter().copied().chain([TOKEN, URL, CA, FAIL]).collect();
        for name in settings
            .iter()
            .copied()
            .chain([TOKEN, URL, CA, DATA, CACHE, CONFIGURATION, LIBRARIES, SHELL, FAIL])
            .chain(SERVICE_MANAGER)
            .chain(COLORS)
            .chain(PASSED_TO_BUILDS.iter().copied())
            .chain(PASSED_TO_TOKEN_COMMANDS.iter().copied())
        {
            #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
            let value = std::env::var(name);
            match value {
                Ok(value) if !value.is_empty() => {
                    environment.variables.insert(name, value);
                }
                Err(std::env::VarError::NotUnicode(_)) if own.contains(&name) => {
                    environment.unreadable.push(name);
                }
                _ => {}
            }
        }
        let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        environment.misspelled =
            names.filter_map(|name| Some((meant(&name, &own)?, name))).map(|(meant, name)| (name, meant)).collect();
        environment.misspelled.sort();
        environment
    }

    /// Returns the name of the first client variable with a value that is not valid UTF-8.
    pub(crate) fn unreadable_of_client(&self) -> Option<&'static str> {
        self.unreadable.iter().copied().find(|name| [TOKEN, URL, CA].contains(name))
    }

    /// Returns the value of a variable.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// Returns the API token of a client.
    pub(crate) fn token(&self) -> Option<&str> {
        self.get(TOKEN)
    }

    /// Returns the URL of the host.
    pub(crate) fn url(&self) -> Option<&str> {
        self.get(URL)
    }

    /// Returns the file with the certificate authorities that a client trusts.
    pub(crate) fn authorities(&self) -> Option<&Path> {
        self.get(CA).map(Path::new)
    }

    /// Returns the file that names the fail point at which a test ends the host.
    pub(crate) fn fail_points(&self) -> Option<PathBuf> {
        self.get(FAIL).map(PathBuf::from)
    }

    /// Returns the variables for cargo and its child processes.
    pub(crate) fn for_builds(&self) -> Vec<(String, String)> {
        let passed = PASSED_TO_BUILDS.iter().filter_map(|name| Some((name.to_string(), self.get(name)?.to_owned())));
        passed.collect()
    }

    /// Returns the folder for the author's data; `None` without HOME and XDG_DATA_HOME.
    pub(crate) fn data_folder(&self) -> Option<PathBuf> {
        self.folder_of_the_user(DATA, ".local/share")
    }

    /// Returns the folder for data that can be deleted; `None` without HOME and XDG_CACHE_HOME.
    pub(crate) fn cache_folder(&self) -> Option<PathBuf> {
        self.folder_of_the_user(CACHE, ".cache")
    }

    /// Returns the name of the user's shell, such as `bash`.
    pub(crate) fn shell(&self) -> Option<&str> {
        self.get(SHELL)?.rsplit('/').next()
    }

    /// Returns the folder for data of all programs.
    pub(crate) fn shared_data_folder(&self) -> Option<PathBuf> {
        self.data_folder()?.parent().map(Path::to_owned)
    }

    /// Returns the folder for configuration of all programs.
    pub(crate) fn shared_configuration_folder(&self) -> Option<PathBuf> {
        self.folder_of_the_user(CONFIGURATION, ".config")?.parent().map(Path::to_owned)
    }

    /// Returns the user's home folder.
    pub(crate) fn home(&self) -> Option<PathBuf> {
        self.get("HOME").map(PathBuf::from).filter(|path| path.is_absolute())
    }

    fn folder_of_the_user(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        // The XDG specification ignores relative paths.
        let given = self.get(variable).map(PathBuf::from).filter(|path| path.is_absolute());
        let folder = given.or_else(|| Some(Path::new(self.get("HOME")?).join(below_home)))?;
        folder.is_absolute().then(|| folder.join("plugin-host"))
    }

    /// Returns the variables for a child process that opens a library.
    pub(crate) fn for_libraries(&self) -> Vec<(String, String)> {
        let passed = ["PATH", "HOME", LIBRARIES].into_iter();
        passed.filter_map(|name| Some((name.to_owned(), self.get(name)?.to_owned()))).collect()
    }

    /// Returns the variables for a `token_command`.
    pub(crate) fn for_token_commands(&self) -> Vec<(String, String)> {
        let passed = PASSED_TO_TOKEN_COMMANDS.iter();
        passed.filter_map(|&name| Some((name.to_owned(), self.get(name)?.to_owned()))).collect()
    }

    /// Creates an environment for tests.
    #[cfg(test)]
    pub(crate) fn from_pairs(variables: &[(&'static str, &str)]) -> Environment {
        let variables = variables.iter().map(|(name, value)| (*name, value.to_string())).collect();
        Environment { variables, ..Environment::default() }
    }
}
