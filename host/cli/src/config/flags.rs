//! The flags of the settings, generated from the table of settings.

use std::collections::BTreeMap;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use super::setting_type::SettingType;
use super::table::SETTINGS;
use super::value::SettingValue;

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
pub(super) fn value(setting_type: SettingType, texts: &[String]) -> Option<SettingValue> {
    if setting_type.is_list() {
        let parts: Vec<_> = texts.iter().map(String::as_str).collect();
        return setting_type.read_list(&parts);
    }
    match texts {
        [text] => setting_type.read(text),
        _ => None,
    }
}

impl Args for Flags {
    fn augment_args(mut command: Command) -> Command {
        for setting in SETTINGS {
            let mut help = format!("{}\n[host.toml: {}]", setting.about, setting.key);
            let words = setting.setting_type.words();
            if !words.is_empty() {
                help += &format!(" [one of: {}]", words.join(", "));
            }
            help += &format!(" [env: {}]", setting.variables().collect::<Vec<_>>().join(", "));
            if !setting.default.is_empty() {
                help += &format!(" [default: {}]", setting.default);
            }
            let arg = Arg::new(setting.key).long(setting.flag).help(help).help_heading("Settings");
            command = command.arg(match setting.setting_type {
                SettingType::Switch => arg
                    .num_args(0..=1)
                    .require_equals(true)
                    .default_missing_value("true")
                    .value_name(value_name(setting.setting_type)),
                // `-5MB` is refused for its value, and not as an option `-5`.
                number if number.is_number() => arg.allow_hyphen_values(true).value_name(value_name(number)),
                list if list.is_list() => arg.action(ArgAction::Append).value_name(value_name(list)),
                other => arg.value_name(value_name(other)),
            });
        }
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        Flags::augment_args(command)
    }
}

fn value_name(setting_type: SettingType) -> &'static str {
    match setting_type {
        SettingType::Path | SettingType::Paths | SettingType::File => "PATH",
        SettingType::Program => "PROGRAM",
        SettingType::Mode | SettingType::LogFormat => "WORD",
        SettingType::Switch => "BOOL",
        SettingType::Sources => "SOURCE",
        SettingType::Origins => "ORIGIN",
        SettingType::Repositories => "PATTERN",
        SettingType::Mirrors => "PREFIX=BASE",
        SettingType::Hosts | SettingType::HostNames => "HOST",
        SettingType::Networks => "NETWORK",
        SettingType::Secrets => "PLUGIN/NAME=PLACE",
        SettingType::Address => "ADDRESS",
        SettingType::Number { .. } => "NUMBER",
        SettingType::Bytes { .. } => "BYTES",
        SettingType::Filter => "FILTER",
        SettingType::Url => "URL",
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
