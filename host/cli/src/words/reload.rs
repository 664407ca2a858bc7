//! The words of `reload`.

use clap::Args;
use clap::builder::RangedU64ValueParser;
use host_core::PluginId;

use super::{Client, Conditions};

/// `reload`.
#[derive(Debug, Args)]
pub(crate) struct Reload {
    /// The plugin
    pub(crate) id: PluginId,
    /// Show all that cargo says
    #[arg(long)]
    pub(crate) verbose: bool,
    /// Reload again and again while requests run, and print what became of them and of each generation; exits with 0
    /// only when no request failed and every generation that was replaced is unmapped
    #[arg(long)]
    pub(crate) prove: bool,
    #[command(flatten)]
    pub(crate) how: Prove,
    #[command(flatten)]
    pub(crate) conditions: Conditions,
    #[command(flatten)]
    pub(crate) client: Client,
}

/// How `reload --prove` goes about it.
#[derive(Debug, Args)]
pub(crate) struct Prove {
    /// What to GET of the plugin meanwhile, such as `/hello` [default: its first GET endpoint without parameters]
    #[arg(long, value_name = "PATH", value_parser = path, requires = "prove", help_heading = "With --prove")]
    pub(crate) path: Option<String>,
    /// How often to reload
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = RangedU64ValueParser::<u32>::new().range(1..=100_000),
          requires = "prove", help_heading = "With --prove")]
    pub(crate) reloads: u32,
    /// How many connections ask, each one request after the other
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000),
          requires = "prove", help_heading = "With --prove")]
    pub(crate) connections: usize,
}

/// Reads the path of an endpoint, with a query if need be.
fn path(text: &str) -> Result<String, String> {
    if !text.starts_with('/') {
        return Err("it does not begin with `/`".to_owned());
    }
    let path = text.parse::<http::uri::PathAndQuery>().map_err(|error| error.to_string())?;
    Ok(path.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::{Word, Words};
    use super::*;

    fn reload(words: &[&str]) -> Result<Reload, clap::Error> {
        let words = Words::try_parse_from([&["plugin-host", "reload", "hello"], words].concat())?;
        let Word::Reload(reload) = words.word else { panic!("not reload") };
        Ok(reload)
    }

    #[test]
    fn how_to_prove_is_said_with_prove_only() {
        let plain = reload(&[]).unwrap();
        assert_eq!((plain.prove, plain.how.reloads, plain.how.connections), (false, 20, 8));
        let proving = reload(&["--prove", "--path", "/a?b=c", "--reloads", "3", "--connections", "2"]).unwrap();
        assert_eq!(proving.how.path.as_deref(), Some("/a?b=c"));
        assert_eq!((proving.prove, proving.how.reloads, proving.how.connections), (true, 3, 2));
        for words in [
            &["--path", "/a"][..],
            &["--reloads", "3"],
            &["--connections", "3"],
            &["--prove", "--path", "a"],
            &["--prove", "--path", "/a b"],
            &["--prove", "--reloads", "0"],
            &["--prove", "--connections", "0"],
            &["--prove", "--connections", "1001"],
        ] {
            assert!(reload(words).is_err(), "{words:?}");
        }
    }
}
