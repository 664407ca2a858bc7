//! The arguments of `load`.

use std::path::Path;

use clap::Args;
use host_core::tag::TagPattern;
use host_core::{Source, TreePath, address_like};

use super::key_path::KeyValue;
use super::{ChangeOptions, HostArgs};

/// `load`.
#[derive(Debug, Args)]
pub struct Load {
    /// An https git URL, a folder, a `.zip` or `.so` file, or `index:ID` as listed by `available`; a local `.zip` and a
    /// folder that the host may not read are uploaded
    #[arg(value_parser = loadable)]
    pub(crate) source: Loadable,
    /// Version, tag, branch or commit of a git URL [default: the newest release, else the default branch]
    #[arg(long, value_name = "REV")]
    pub(crate) version: Option<String>,
    /// Form of the tags that are releases of the plugin, such as `hello-v{version}`; needed only if the host cannot
    /// tell which tags of the repository belong to the plugin
    #[arg(long, value_name = "PATTERN")]
    pub(crate) tag_pattern: Option<TagPattern>,
    /// Folder of the plugin in a repository, folder or archive [default: its root]
    #[arg(long, value_name = "FOLDER", value_parser = TreePath::of_folder)]
    pub(crate) path: Option<TreePath>,
    /// Set a key of the plugin's configuration to a JSON value or a text; `a.b` is the key `b` of the object `a`; may
    /// be repeated. The keys of all `--set` options replace the configuration that `configure` has stored
    #[arg(long, value_name = "KEY=JSON")]
    pub(crate) set: Vec<KeyValue>,
    /// Install the plugin without enabling it; if it is already running, the new version replaces it and runs
    #[arg(long)]
    pub(crate) no_start: bool,
    /// Replace a plugin with the same id that was installed from another source
    #[arg(long)]
    pub(crate) replace: bool,
    /// Show the complete cargo output
    #[arg(long)]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) options: ChangeOptions,
    #[command(flatten)]
    pub(crate) client: HostArgs,
}

/// A source, or an entry of an index.
#[derive(Clone, Debug)]
pub enum Loadable {
    /// A source.
    Source(Source),
    /// An entry of an index, as typed: `index:ID` or `index:ID@VERSION`.
    Listed(String),
}

pub(super) fn loadable(text: &str) -> Result<Loadable, String> {
    match text.strip_prefix("index:") {
        Some(_) => Ok(Loadable::Listed(text.to_owned())),
        None => parse_source(text).map(Loadable::Source),
    }
}

/// Parses a source. The path of a missing folder that looks like an address is refused with the address.
///
/// # Errors
/// The text is not a source, or may be meant as another source.
pub fn parse_source(text: &str) -> Result<Source, String> {
    let source: Source = text.parse().map_err(|error: host_core::SourceError| error.to_string())?;
    match &source {
        Source::Folder(path) if !path.exists() => {
            if let Some((folder, revision)) = text.rsplit_once('@').filter(|(folder, _)| Path::new(folder).exists()) {
                return Err(format!(
                    "a folder has no versions; leave `@{revision}` out, or name the repository of `{folder}`"
                ));
            }
            // A path whose first folder exists, or that is a broken link, is mistyped.
            let first = text.split('/').next().unwrap_or_default();
            match address_like(text).filter(|_| !Path::new(first).exists() && path.symlink_metadata().is_err()) {
                Some(meant) => Err(format!("this folder does not exist; did you mean `{meant}`?")),
                None => Ok(source),
            }
        }
        Source::Git { .. } if !text.contains(':') && Path::new(text).exists() => {
            Err(format!("this is a folder and an address; write `./{text}` or `https://{text}`"))
        }
        _ => Ok(source),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ClientCommand, command};
    use super::*;

    #[test]
    fn a_url_without_a_scheme_is_not_read_as_a_folder() {
        assert_eq!(parse_source("github.com/acme/hello").unwrap().to_string(), "https://github.com/acme/hello");
        for (text, meant) in [
            ("acme/hello", "https://github.com/acme/hello"),
            ("git.example.org/acme/hello", "https://git.example.org/acme/hello"),
            ("git@github.com:acme/hello.git", "https://github.com/acme/hello"),
        ] {
            assert!(parse_source(text).unwrap_err().contains(&format!("did you mean `{meant}`?")), "{text}");
        }
        for text in [
            "acme/hello.tar.gz",
            "@acme/hello",
            "src/argz",
            "./examples/hello",
            "../a/b",
            "/srv/a.b/c",
            "https://github.com/acme/hello",
            "src",
        ] {
            assert!(parse_source(text).is_ok(), "{text}");
        }
        assert!(parse_source("ftp://x").is_err());
        assert!(parse_source("src@v1.0.0").unwrap_err().contains("leave `@v1.0.0` out"));
    }

    #[test]
    fn load_version_selects_the_plugin_version() {
        let command = command(&["load", "https://github.com/a/b", "--version", "v1"]).unwrap();
        let ClientCommand::Load(load) = command else { panic!("not load") };
        assert_eq!(load.version.as_deref(), Some("v1"));
    }
}
