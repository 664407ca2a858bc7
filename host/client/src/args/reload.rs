//! Arguments of `reload`.

use clap::Args;
use host_core::{PluginId, whole_number};

use super::{ChangeOptions, HostArgs};

/// `reload`.
#[derive(Debug, Args)]
pub struct Reload {
    /// The plugin's id
    pub(crate) id: PluginId,
    /// Show the complete cargo output
    #[arg(long)]
    pub(crate) verbose: bool,
    /// Reload the plugin repeatedly while requests are sent, and report the result of each request and generation;
    /// exits with 0 only if no request failed and every replaced generation was removed from memory
    #[arg(long)]
    pub(crate) prove: bool,
    #[command(flatten)]
    pub(crate) how: Prove,
    #[command(flatten)]
    pub(crate) options: ChangeOptions,
    #[command(flatten)]
    pub(crate) client: HostArgs,
}

/// Options of `reload --prove`.
#[derive(Debug, Args)]
pub struct Prove {
    /// Endpoint to request with GET, such as `/hello` [default: the plugin's first GET endpoint without parameters]
    #[arg(long, value_name = "PATH", value_parser = path, requires = "prove", help_heading = "With --prove")]
    pub(crate) path: Option<String>,
    /// Number of reloads
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = |text: &str| whole_number::<u32>(text, 1..=100_000),
          requires = "prove", help_heading = "With --prove")]
    pub(crate) reloads: u32,
    /// Number of connections; each sends one request after the other
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = |text: &str| whole_number::<usize>(text, 1..=1_000),
          requires = "prove", help_heading = "With --prove")]
    pub(crate) connections: usize,
}

/// Parses the path of an endpoint, with an optional query.
fn path(text: &str) -> Result<String, String> {
    if !text.starts_with('/') {
        return Err("a path starts with `/`".to_owned());
    }
    let path = text.parse::<http::uri::PathAndQuery>().map_err(|error| error.to_string())?;
    Ok(path.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::{ClientCommand, command};
    use super::*;

    fn reload(args: &[&str]) -> Result<Reload, clap::Error> {
        let ClientCommand::Reload(reload) = command(&[&["reload", "hello"], args].concat())? else {
            panic!("not reload")
        };
        Ok(reload)
    }

    #[test]
    fn prove_options_require_prove() {
        let plain = reload(&[]).unwrap();
        assert_eq!((plain.prove, plain.how.reloads, plain.how.connections), (false, 20, 8));
        let proving = reload(&["--prove", "--path", "/a?b=c", "--reloads", "3", "--connections", "2"]).unwrap();
        assert_eq!(proving.how.path.as_deref(), Some("/a?b=c"));
        assert_eq!((proving.prove, proving.how.reloads, proving.how.connections), (true, 3, 2));
        for args in [
            &["--path", "/a"][..],
            &["--reloads", "3"],
            &["--connections", "3"],
            &["--prove", "--path", "a"],
            &["--prove", "--path", "/a b"],
            &["--prove", "--reloads", "0"],
            &["--prove", "--connections", "0"],
            &["--prove", "--connections", "1001"],
        ] {
            assert!(reload(args).is_err(), "{args:?}");
        }
    }
}
