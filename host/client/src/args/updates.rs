//! Arguments of `updates`, `update`, `update-policy`, `block` and `unblock`.

use clap::Args;
use host_core::PluginId;
use host_core::update::{UpdateInterval, UpdateLevel, blocked_versions};

use super::{ChangeArgs, HostArgs};

/// `updates`.
#[derive(Debug, Args)]
pub struct Updates {
    /// Only updates of this plugin
    pub(crate) id: Option<PluginId>,
    /// Query the repositories now instead of showing the result of the last check
    #[arg(long)]
    pub(crate) check: bool,
    #[command(flatten)]
    pub(crate) client: HostArgs,
}

/// `update`.
#[derive(Debug, Args)]
pub struct Update {
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    /// Version, tag, branch or commit to update to [default: the newest version that the plugin's policy allows]
    #[arg(long, value_name = "REV")]
    pub(crate) version: Option<String>,
    /// Show the complete cargo output
    #[arg(long)]
    pub(crate) verbose: bool,
}

/// `update-policy`.
#[derive(Debug, Args)]
pub struct SetPolicy {
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    /// Largest version step of `update` and of automatic updates: `patch`, `minor` or `major`; with `manual`, `update`
    /// installs the newest version, and nothing is installed automatically; with `pinned`, only `update --version`
    /// installs another version
    pub(crate) policy: UpdateLevel,
    /// Install allowed updates as soon as they are found
    #[arg(long, conflicts_with = "manual_only")]
    pub(crate) automatic: bool,
    /// Turn automatic updates off; the policy still limits which version `update` selects
    #[arg(long)]
    pub(crate) manual_only: bool,
    /// How often to check for updates, such as `30m` or `24h` [default: unchanged; initially one hour]
    #[arg(long, value_name = "TIME")]
    pub(crate) interval: Option<UpdateInterval>,
    /// Form of the tags that are releases of the plugin, such as `hello-v{version}`; an empty text removes the pattern
    /// [default: unchanged]
    #[arg(long, value_name = "PATTERN")]
    pub(crate) tag_pattern: Option<String>,
}

/// `block` and `unblock`.
#[derive(Debug, Args)]
pub struct Block {
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    /// Version, such as 1.2.0
    #[arg(value_parser = version)]
    pub(crate) version: String,
}

/// Parses a version. A valid version needs no escaping in a URL.
fn version(text: &str) -> Result<String, String> {
    let versions = blocked_versions([text]).map_err(|error| error.to_string())?;
    versions.first().map(ToString::to_string).ok_or_else(|| "the version is empty".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::{ClientCommand, command};

    fn read(args: &[&str]) -> Result<ClientCommand, clap::Error> {
        command(args)
    }

    #[test]
    fn update_policy_options_are_parsed_and_validated() {
        let ClientCommand::UpdatePolicy(args) =
            read(&["update-policy", "hello", "patch", "--automatic", "--interval", "1h30m"]).unwrap()
        else {
            panic!("not update-policy")
        };
        assert_eq!((args.policy.as_str(), args.automatic, args.manual_only), ("patch", true, false));
        assert_eq!(args.interval.unwrap().to_string(), "1h30m");
        for args in [&["newest"][..], &["patch", "--automatic", "--manual-only"], &["patch", "--interval", "1s"]] {
            assert!(read(&[&["update-policy", "hello"], args].concat()).is_err(), "{args:?}");
        }
    }

    #[test]
    fn block_requires_a_complete_version() {
        let ClientCommand::Block(args) = read(&["block", "hello", "v1.2.0"]).unwrap() else { panic!("not block") };
        assert_eq!(args.version, "1.2.0");
        assert!(read(&["block", "hello", "1.2"]).unwrap_err().to_string().contains("all three numbers"));
    }
}
