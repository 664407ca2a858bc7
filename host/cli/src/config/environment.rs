//! The environment, read once. Nothing else in the program asks for a variable.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::table::SETTINGS;

/// The variables that cargo and all it starts may see. Proxies and certificates, so that crates can be downloaded;
/// rustup's, so that the right toolchain is found; compilers, for the C code in some crates.
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

/// Where the token of a client may stand.
const TOKEN: &str = "PLUGIN_HOST_TOKEN";
/// Where a client may find the host's address.
const URL: &str = "PLUGIN_HOST_URL";

/// The authorities that a client trusts.
const CA: &str = "PLUGIN_HOST_CA";
/// What a service manager says to those that it starts.
const SERVICE_MANAGER: [&str; 3] = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];

/// Where the user's own folders are, and which libraries the dynamic linker finds.
const DATA: &str = "XDG_DATA_HOME";
const CACHE: &str = "XDG_CACHE_HOME";
const LIBRARIES: &str = "LD_LIBRARY_PATH";

/// Where a test says at which instant the host ends. Only a program that is built for tests asks.
const FAIL: &str = "PLUGIN_HOST_FAIL";

/// The variables that mean something to this program; one that is set to nothing counts as not set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    variables: BTreeMap<&'static str, String>,
    /// Settings with a value that is not text.
    pub(crate) unreadable: Vec<&'static str>,
}

impl Environment {
    /// Reads what this process was started with.
    pub(crate) fn read() -> Environment {
        let mut environment = Environment::default();
        let settings = SETTINGS.iter().filter_map(|setting| setting.variable);
        for name in settings
            .clone()
            .chain([TOKEN, URL, CA, DATA, CACHE, LIBRARIES, FAIL])
            .chain(SERVICE_MANAGER)
            .chain(PASSED_TO_BUILDS.iter().copied())
        {
            #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
            let value = std::env::var(name);
            match value {
                Ok(value) if !value.is_empty() => {
                    environment.variables.insert(name, value);
                }
                Err(std::env::VarError::NotUnicode(_)) if settings.clone().any(|setting| setting == name) => {
                    environment.unreadable.push(name);
                }
                _ => {}
            }
        }
        environment
    }

    /// The variable of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// The token of a client.
    pub(crate) fn token(&self) -> Option<&str> {
        self.get(TOKEN)
    }

    /// The host that a client asks.
    pub(crate) fn url(&self) -> Option<&str> {
        self.get(URL)
    }

    /// The file with the authorities that a client trusts.
    pub(crate) fn authorities(&self) -> Option<&Path> {
        self.get(CA).map(Path::new)
    }

    /// The file in which a test says at which instant the host ends.
    pub(crate) fn fail_points(&self) -> Option<PathBuf> {
        self.get(FAIL).map(PathBuf::from)
    }

    /// What cargo and all it starts may see.
    pub(crate) fn for_builds(&self) -> Vec<(String, String)> {
        let passed = PASSED_TO_BUILDS.iter().filter_map(|name| Some((name.to_string(), self.get(name)?.to_owned())));
        passed.collect()
    }

    /// The folder for what authors keep; `None` when nobody says whose it is.
    pub(crate) fn data_folder(&self) -> Option<PathBuf> {
        self.folder_of_the_user(DATA, ".local/share")
    }

    /// The folder for what may be deleted.
    pub(crate) fn cache_folder(&self) -> Option<PathBuf> {
        self.folder_of_the_user(CACHE, ".cache")
    }

    fn folder_of_the_user(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        // Paths that are not absolute do not count, says the convention of these variables.
        let given = self.get(variable).map(PathBuf::from).filter(|path| path.is_absolute());
        let folder = given.or_else(|| Some(Path::new(self.get("HOME")?).join(below_home)))?;
        folder.is_absolute().then(|| folder.join("plugin-host"))
    }

    /// What a child that opens a library sees.
    pub(crate) fn for_libraries(&self) -> Vec<(String, String)> {
        let passed = ["PATH", "HOME", LIBRARIES].into_iter();
        passed.filter_map(|name| Some((name.to_owned(), self.get(name)?.to_owned()))).collect()
    }

    /// An environment for tests.
    #[cfg(test)]
    pub(crate) fn of(variables: &[(&'static str, &str)]) -> Environment {
        let variables = variables.iter().map(|(name, value)| (*name, value.to_string())).collect();
        Environment { variables, unreadable: vec![] }
    }
}
