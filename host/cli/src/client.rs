//! The configuration of client commands: environment, and the settings of the host on this machine.

use host_client::args::HostArgs;
use host_client::{ClientConfig, Failure, LocalHost};

use crate::config::{self, Environment, Flags};

/// Reads the configuration of a client command.
///
/// # Errors
/// The settings are invalid, and the URL of the host is not given otherwise.
pub(crate) fn config(args: &HostArgs, environment: &Environment) -> Result<ClientConfig, Failure> {
    if let Some(name) = environment.unreadable_of_client() {
        return Err(Failure::usage(format!("the environment variable `{name}` is not UTF-8")).fix("set it to a text"));
    }
    let flags = Flags::default().with("plugin_dir", args.plugin_dir.as_deref());
    let named = args.config.as_deref();
    let has_url = args.url.is_some() || environment.url().is_some();
    let settings = match config::read(&flags, environment, named) {
        // With an explicit URL, a broken configuration file in this folder and variables that are meant for other
        // programs do not matter. A file that --config names is still read.
        Err(_) if has_url => match named {
            Some(_) => config::read(&flags, &Environment::default(), named)?,
            None => {
                let without_file = config::read_without_file(&flags, environment);
                without_file.or_else(|_| config::read_without_file(&flags, &Environment::default()))?
            }
        },
        settings => settings?,
    };
    Ok(ClientConfig {
        url: environment.url().map(str::to_owned),
        token: environment.token().map(str::to_owned),
        authorities: environment.authorities().map(Into::into),
        local: LocalHost {
            url: settings.url(),
            address: settings.address(),
            certificate: settings.tls().map(|files| files.certificate),
            plugin_dir: settings.plugin_dir(),
        },
    })
}
