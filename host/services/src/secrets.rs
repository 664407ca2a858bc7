//! Secrets that an operator configures for one plugin.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use host_core::PluginId;
use host_load::{ServiceBody, ServiceRequest};
use http::{Response, StatusCode};

use crate::Error;
use crate::answer::whole;

/// The longest secret, in bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// The location of a secret. The host configuration holds the location, never the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A file of at most 64 KiB. It is read at each request, so that a changed secret needs no restart. One line feed
    /// at its end is removed.
    File(PathBuf),
    /// An environment variable of the host.
    Environment(String),
}

/// The locations of all secrets, by plugin and name.
#[derive(Clone, Debug, Default)]
pub struct Secrets(BTreeMap<(PluginId, String), SecretSource>);

impl Secrets {
    /// Creates the table. Each plugin can read the secrets under its own id.
    pub fn new(sources: BTreeMap<(PluginId, String), SecretSource>) -> Secrets {
        Secrets(sources)
    }

    /// Reads a secret from its location.
    ///
    /// # Errors
    /// [`Error::SecretNotFound`], [`Error::SecretUnreadable`].
    pub async fn read(&self, plugin: &PluginId, name: &str) -> Result<Vec<u8>, Error> {
        let not_found = || Error::SecretNotFound { name: host_core::shown(name, 100) };
        let source = self.0.get(&(plugin.clone(), name.to_owned())).ok_or_else(not_found)?.clone();
        // Reading a file may block.
        let read = tokio::task::spawn_blocking(move || read(source)).await;
        read.unwrap_or_else(|_| Err("the host is shutting down".to_owned()))
            .map_err(|reason| Error::SecretUnreadable { name: name.to_owned(), reason })
    }
}

fn read(source: SecretSource) -> Result<Vec<u8>, String> {
    match source {
        SecretSource::File(path) => {
            let failed = |error| format!("failed to read `{}`: {error}", path.display());
            let mut secret = host_file::read(&path, MAX_BYTES).map_err(failed)?;
            if secret.ends_with(b"\n") {
                secret.pop();
            }
            Ok(secret)
        }
        SecretSource::Environment(name) => match std::env::var_os(&name) {
            Some(secret) => Ok(secret.into_vec()),
            None => Err(format!("the host's environment has no variable `{name}`")),
        },
    }
}

/// Answers a request; its method was checked before.
pub(crate) async fn answer(
    secrets: &Secrets,
    plugin: &PluginId,
    request: ServiceRequest,
) -> Result<Response<ServiceBody>, Error> {
    let missing = || Error::Request { field: "parameter `name`", rule: "is required", found: "nothing".to_owned() };
    let name = request.param("name").ok_or_else(missing)?.to_owned();
    drop(request);
    Ok(whole(StatusCode::OK, secrets.read(plugin, &name).await?))
}
