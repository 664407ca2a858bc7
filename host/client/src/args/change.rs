//! Arguments of the commands that change a plugin.

use clap::{Args, ValueEnum};
use url::form_urlencoded::Serializer;

use super::PluginArgs;

/// Reason and conflict handling of a change.
#[derive(Debug, Default, Args)]
pub struct ChangeOptions {
    /// Reason for the change; stored with the revision
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Handling of another operation that is running on the plugin [default: queue]
    #[arg(long, value_name = "HOW")]
    pub(crate) on_conflict: Option<OnConflict>,
}

/// How to handle a running operation on the same plugin.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum OnConflict {
    /// Wait for the running operation
    Queue,
    /// Cancel the running and all waiting operations of the plugin
    Replace,
    /// Refuse this operation
    Reject,
}

/// Commands that change one plugin.
#[derive(Debug, Args)]
pub struct ChangeArgs {
    #[command(flatten)]
    pub(crate) plugin: PluginArgs,
    #[command(flatten)]
    pub(crate) options: ChangeOptions,
}

/// `disable`.
#[derive(Debug, Args)]
pub struct Disable {
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    /// First disable the enabled plugins that depend on it
    #[arg(long)]
    pub(crate) cascade: bool,
}

/// `unload`.
#[derive(Debug, Args)]
pub struct Unload {
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    /// Keep the plugin's configuration and its data in the key-value store for a later installation
    #[arg(long)]
    pub(crate) keep_data: bool,
    /// First unload the plugins that depend on it
    #[arg(long)]
    pub(crate) cascade: bool,
    /// Do not ask for confirmation on a terminal
    #[arg(long, short)]
    pub(crate) yes: bool,
}

impl OnConflict {
    /// Returns the value of the query parameter.
    fn as_str(self) -> &'static str {
        match self {
            OnConflict::Queue => "queue",
            OnConflict::Replace => "replace",
            OnConflict::Reject => "reject",
        }
    }
}

impl ChangeOptions {
    /// Returns the path with these conditions and the enabled switches as query parameters.
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
        let query = query.finish();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ClientCommand, command};
    use super::*;

    fn unload(args: &[&str]) -> Result<Unload, clap::Error> {
        let ClientCommand::Unload(unload) = command(&[&["unload", "hello"], args].concat())? else {
            panic!("not unload")
        };
        Ok(unload)
    }

    #[test]
    fn change_options_become_query_parameters() {
        let path = |args: &[&str]| {
            let args = unload(args).unwrap();
            let switches = [("keep_data", args.keep_data), ("cascade", args.cascade)];
            args.change.options.path("/x", &switches)
        };
        assert_eq!(path(&[]), "/x");
        assert_eq!(path(&["--cascade"]), "/x?cascade=true");
        assert_eq!(
            path(&["--keep-data", "--reason", "a & b=ü", "--on-conflict", "reject"]),
            "/x?keep_data=true&reason=a+%26+b%3D%C3%BC&on_conflict=reject"
        );
        let refused = unload(&["--on-conflict", "wait"]).unwrap_err().to_string();
        assert!(refused.contains("[possible values: queue, replace, reject]"), "{refused}");
    }
}
