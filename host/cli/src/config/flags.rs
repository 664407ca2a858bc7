//! The flags of the settings, generated from the table of settings.

use std::collections::BTreeMap;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use super::table::SETTINGS;
use super::value::{Kind, Value};

/// The flags on the command line, by the key of their setting.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flags(BTreeMap<&'static str, Vec<String>>);

impl Flags {
    /// Returns the values of a setting's flag.
    pub(super) fn get(&self, key: &str) -> Option<&[String]> {
        self.0.get(key).map(Vec::as_slice)
    }

    /// Adds a flag, if it has a value.
    pub(crate) fn with(mut self, key: &'static str, value: Option<&str>) -> Flags {
        self.0.extend(value.map(|value| (key, vec![value.to_owned()])));
        self
    }
}

/// Parses the values of a flag; `None` if they are invalid.
pub(super) fn value(kind: Kind, texts: &[String]) -> Option<Value> {
    match (kind.is_list(), texts) {
        (true, texts) => {
            let parts: Vec<_> = texts.iter().map(String::as_str).collect();
            kind.read_list(&parts)
        }
        (false, [text]) => kind.read(text),
        (false, _) => None,
    }
}

impl Args for Flags {
    fn augment_args(mut command: Command) -> Command {
        for setting in SETTINGS {
            let mut help = format!("{}\n[host.toml: {}]", setting.about, setting.key);
            if let Kind::Word(words) = setting.kind {
                help += &format!(" [one of: {}]", words.join(", "));
            }
            if let Some(variable) = setting.variable {
                help += &format!(" [env: {variable}]");
            }
            if !setting.default.is_empty() {
                help += &format!(" [default: {}]", setting.default);
            }
            let arg = Arg::new(setting.key).long(setting.flag).help(help).help_heading("Settings");
            command = command.arg(match setting.kind {
                Kind::Switch => arg
                    .num_args(0..=1)
                    .require_equals(true)
                    .default_missing_value("true")
                    .value_name(value_name(setting.kind)),
                kind if kind.is_list() => arg.action(ArgAction::Append).value_name(value_name(kind)),
                kind => arg.value_name(value_name(kind)),
            });
        }
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        Flags::augment_args(command)
    }
}

fn value_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Path | Kind::Paths | Kind::File => "PATH",
        Kind::Program => "PROGRAM",
        Kind::Word(_) => "WORD",
        Kind::Switch => "BOOL",
        Kind::Sources => "SOURCE",
        Kind::Origins => "ORIGIN",
        Kind::Repositories => "PATTERN",
        Kind::Mirrors => "PREFIX=BASE",
        Kind::Hosts | Kind::HostNames => "HOST",
        Kind::Networks => "NETWORK",
        Kind::Secrets => "PLUGIN/NAME=PLACE",
        Kind::Address => "ADDRESS",
        Kind::Number { .. } => "NUMBER",
        Kind::Bytes { .. } => "BYTES",
        Kind::Filter => "FILTER",
        Kind::Url => "URL",
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Flags, clap::Error> {
        let mut flags = Flags::default();
        for setting in SETTINGS {
            if let Ok(Some(values)) = matches.try_get_many::<String>(setting.key) {
                flags.0.insert(setting.key, values.cloned().collect());
            }
        }
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Flags::from_arg_matches(matches)?;
        Ok(())
    }
}
