//! Tips for unknown options: what this program has for the options of others.

use std::ffi::OsString;

use clap::{Arg, Command};

/// Options of other programs that name a version, which is a part of the source here.
const REVISION_OPTIONS: &[&str] =
    &["-b", "--branch", "-t", "--tag", "--ref", "--rev", "--revision", "--commit", "--version"];

/// Long options of other programs, and those of this one. Only options of the used command are named.
const OPTION_SYNONYMS: &[(&[&str], &[&str])] = &[
    (&["--listen", "--address", "--addr", "--bind"], &["host", "port"]),
    (&["--server", "--endpoint", "--address", "--host"], &["url"]),
    (&["--force", "--overwrite"], &["replace", "yes", "cascade"]),
    (&["--data-dir", "--state-dir", "--home"], &["plugin-dir"]),
    (&["--format", "--out"], &["output"]),
    (&["--assume-yes"], &["yes"]),
    (&["--api-key", "--auth"], &["token"]),
    (&["--keep"], &["keep-data"]),
    (&["--watch", "--tail"], &["follow"]),
    (&["--env", "--config-value", "--configuration"], &["set"]),
    (&["--dir", "--folder", "--subdir", "--directory"], &["path"]),
    (&["--count", "--max", "--lines"], &["limit"]),
];

/// The most options of a command that a tip lists.
const MAX_LISTED: usize = 12;

/// Returns whether an option of the named command is written before that command.
pub(super) fn is_before_command(option: &str, named: &Command, arguments: &[OsString], command: &Command) -> bool {
    let mut its_options = named.get_arguments().flat_map(|argument| {
        let short = argument.get_short().map(|letter| format!("-{letter}"));
        short.into_iter().chain(argument.get_long().map(|name| format!("--{name}")))
    });
    let is_command =
        |argument: &&OsString| argument.to_str().is_some_and(|word| command.find_subcommand(word).is_some());
    let mut before = arguments.iter().take_while(|argument| !is_command(argument));
    its_options.any(|its| its == option) && before.any(|argument| argument.to_string_lossy().starts_with(option))
}

/// Returns whether an unknown option is the name that other programs have for something of the command.
pub(super) fn has_other_name_for(option: &str, command: &Command) -> bool {
    (command.get_name() == "load" && REVISION_OPTIONS.contains(&option)) || !synonyms(option, command).is_empty()
}

/// The options of a command that have the name `option` in other programs.
fn synonyms<'c>(option: &str, command: &'c Command) -> Vec<&'c str> {
    let is_synonym = |meant: &&str| {
        OPTION_SYNONYMS.iter().any(|(words, options)| words.contains(&option) && options.contains(meant))
    };
    command
        .get_arguments()
        .filter(|argument| !argument.is_hide_set())
        .filter_map(Arg::get_long)
        .filter(is_synonym)
        .collect()
}

/// A tip about the option of a command that is meant by an unknown one.
pub(super) fn meant_option(option: &str, command: &Command, name: &str, is_before: bool) -> String {
    if is_before {
        return format!("write the options of a command after it: `{name} {option} …`");
    }
    if command.get_name() == "load" && REVISION_OPTIONS.contains(&option) {
        return "name the branch, tag or commit after the source: `SOURCE@NAME`".to_owned();
    }
    let all = || command.get_arguments().filter(|argument| !argument.is_hide_set());
    // The options under this heading are the same in all commands.
    let own = all().filter(|argument| argument.get_help_heading() != Some("Host")).filter_map(Arg::get_long);
    let own: Vec<_> = own.filter(|own| !["color", "help"].contains(own)).collect();
    if let Some(letter) = option.strip_prefix('-').filter(|letter| letter.len() == 1) {
        let meant: Vec<_> = own.iter().copied().filter(|own| own.starts_with(letter)).collect();
        match &*meant {
            [] => {}
            [meant] => return format!("did you mean `--{meant}`?"),
            _ => return format!("options with this letter: {}", listed(&meant, ", ")),
        }
    }
    let meant = synonyms(option, command);
    match (&*meant, own.len()) {
        ([_, ..], _) => format!("did you mean {}?", listed(&meant, " or ")),
        ([], 1..=MAX_LISTED) => format!("the options are {}; see `{name} --help`", listed(&own, ", ")),
        _ => format!("`{name} --help` lists the options"),
    }
}

fn listed(options: &[&str], between: &str) -> String {
    options.iter().map(|option| format!("`--{option}`")).collect::<Vec<_>>().join(between)
}

/// A tip about a value of `--output` that is the name of a file.
pub(super) fn meant_file(value: &str, command: &Command) -> Option<String> {
    let shown = host_core::shown(value, 80);
    let tip = if command.get_name() == "export" {
        format!("write to a file with `--file {shown}`")
    } else {
        format!("`--output` selects the format; write to a file with `> {shown}`")
    };
    value.contains(['.', '/']).then_some(tip)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Cli;

    #[test]
    fn the_meant_options_exist() {
        let command = Cli::command();
        let commands =
            command.get_subcommands().flat_map(|command| std::iter::once(command).chain(command.get_subcommands()));
        let known: Vec<_> = commands.flat_map(Command::get_arguments).filter_map(Arg::get_long).collect();
        for meant in OPTION_SYNONYMS.iter().flat_map(|(_, meant)| *meant) {
            assert!(known.contains(meant), "{meant}");
        }
    }
}
