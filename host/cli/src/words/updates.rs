//! The words of `updates`, `update`, `update-policy`, `block` and `unblock`.

use clap::Args;
use host_core::PluginId;
use host_core::update::{UpdateInterval, UpdatePolicy, blocked_versions};

use super::{Change, Client};

/// `updates`.
#[derive(Debug, Args)]
pub(crate) struct Updates {
    /// Only those of this plugin
    pub(crate) id: Option<PluginId>,
    /// Ask the repositories now
    #[arg(long)]
    pub(crate) check: bool,
    #[command(flatten)]
    pub(crate) client: Client,
}

/// `update`.
#[derive(Debug, Args)]
pub(crate) struct Update {
    #[command(flatten)]
    pub(crate) change: Change,
    /// The version, tag, branch or commit to take [default: the newest that the plugin's policy allows]
    #[arg(long, value_name = "REV")]
    pub(crate) version: Option<String>,
    /// Show all that cargo says
    #[arg(long)]
    pub(crate) verbose: bool,
}

/// `update-policy`.
#[derive(Debug, Args)]
pub(crate) struct SetPolicy {
    #[command(flatten)]
    pub(crate) change: Change,
    /// How far an update may go: `patch`, `minor` or `major`; `manual` takes none by itself, `pinned` none at all
    pub(crate) policy: UpdatePolicy,
    /// Take what the policy allows as soon as it is found
    #[arg(long, conflicts_with = "manual_only")]
    pub(crate) automatic: bool,
    /// Only take what is asked for with `update`
    #[arg(long)]
    pub(crate) manual_only: bool,
    /// How often to look, such as `30m` or `24h` [default: as before, an hour at first]
    #[arg(long, value_name = "TIME")]
    pub(crate) interval: Option<UpdateInterval>,
}

/// `block` and `unblock`.
#[derive(Debug, Args)]
pub(crate) struct Block {
    #[command(flatten)]
    pub(crate) change: Change,
    /// The version
    #[arg(value_parser = version)]
    pub(crate) version: String,
}

/// Reads a version, which needs no escapes in an address.
fn version(text: &str) -> Result<String, String> {
    let versions = blocked_versions([text]).map_err(|error| error.to_string())?;
    versions.first().map(ToString::to_string).ok_or_else(|| "it is empty".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::{Word, Words};

    fn read(words: &[&str]) -> Result<Word, clap::Error> {
        Words::try_parse_from([&["plugin-host"], words].concat()).map(|words| words.word)
    }

    #[test]
    fn a_policy_is_read_with_how_it_is_followed() {
        let Word::UpdatePolicy(words) =
            read(&["update-policy", "hello", "patch", "--automatic", "--interval", "1h30m"]).unwrap()
        else {
            panic!("not update-policy")
        };
        assert_eq!((words.policy.as_str(), words.automatic, words.manual_only), ("patch", true, false));
        assert_eq!(words.interval.unwrap().to_string(), "1h30m");
        for words in [&["newest"][..], &["patch", "--automatic", "--manual-only"], &["patch", "--interval", "1s"]] {
            assert!(read(&[&["update-policy", "hello"], words].concat()).is_err(), "{words:?}");
        }
    }

    #[test]
    fn a_version_to_block_is_a_whole_one() {
        let Word::Block(words) = read(&["block", "hello", "v1.2.0"]).unwrap() else { panic!("not block") };
        assert_eq!(words.version, "1.2.0");
        assert!(read(&["block", "hello", "1.2"]).unwrap_err().to_string().contains("all three numbers"));
    }
}
