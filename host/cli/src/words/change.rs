//! The words of commands that change a plugin.

use clap::Args;
use host_run::OnConflict;
use url::form_urlencoded::Serializer;

use super::OfPlugin;

/// Under which conditions a change is asked for.
#[derive(Debug, Default, Args)]
pub(crate) struct Conditions {
    /// Why, in your own words: kept with what is asked for
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// When something else works on the plugin: `queue` behind it, `replace` it, or `reject` this [default: queue]
    #[arg(long, value_name = "WORD")]
    pub(crate) on_conflict: Option<OnConflict>,
}

/// Commands that change one plugin.
#[derive(Debug, Args)]
pub(crate) struct Change {
    #[command(flatten)]
    pub(crate) plugin: OfPlugin,
    #[command(flatten)]
    pub(crate) conditions: Conditions,
}

/// `disable`.
#[derive(Debug, Args)]
pub(crate) struct Disable {
    #[command(flatten)]
    pub(crate) change: Change,
    /// Disable the enabled plugins that need it first
    #[arg(long)]
    pub(crate) cascade: bool,
}

/// `unload`.
#[derive(Debug, Args)]
pub(crate) struct Unload {
    #[command(flatten)]
    pub(crate) change: Change,
    /// Keep what the host keeps for the plugin, for the day it is installed again
    #[arg(long)]
    pub(crate) keep_data: bool,
    /// Unload the plugins that need it first
    #[arg(long)]
    pub(crate) cascade: bool,
}

impl Conditions {
    /// A path with these conditions, and with switches that are on.
    pub(crate) fn path(&self, path: &str, switches: &[(&str, bool)]) -> String {
        let mut query = Serializer::new(String::new());
        for (name, _) in switches.iter().filter(|(_, is_on)| *is_on) {
            query.append_pair(name, "true");
        }
        if let Some(reason) = &self.reason {
            query.append_pair("reason", reason);
        }
        if let Some(on_conflict) = self.on_conflict {
            query.append_pair("on_conflict", on_conflict.as_str());
        }
        match query.finish() {
            query if query.is_empty() => path.to_owned(),
            query => format!("{path}?{query}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::{Word, Words};
    use super::*;

    fn unload(words: &[&str]) -> Result<Unload, clap::Error> {
        let words = Words::try_parse_from([&["plugin-host", "unload", "hello"], words].concat())?;
        let Word::Unload(unload) = words.word else { panic!("not unload") };
        Ok(unload)
    }

    #[test]
    fn conditions_become_a_query() {
        let path = |words: &[&str]| {
            let words = unload(words).unwrap();
            let switches = [("keep_data", words.keep_data), ("cascade", words.cascade)];
            words.change.conditions.path("/x", &switches)
        };
        assert_eq!(path(&[]), "/x");
        assert_eq!(path(&["--cascade"]), "/x?cascade=true");
        assert_eq!(
            path(&["--keep-data", "--reason", "a & b=ü", "--on-conflict", "reject"]),
            "/x?keep_data=true&reason=a+%26+b%3D%C3%BC&on_conflict=reject"
        );
        let refused = unload(&["--on-conflict", "wait"]).unwrap_err().to_string();
        assert!(refused.contains("expected `queue`, `replace` or `reject`"), "{refused}");
    }
}
