//! Names that other programs have for the commands and options of this one.

use std::ffi::OsString;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Error};
use host_core::spelling::suggestion;

/// Words of other programs, and the arguments of this one.
const SYNONYMS: &[(&[&str], &str)] = &[
    (&["install", "add", "deploy"], "load"),
    (&["remove", "rm", "uninstall", "delete"], "unload"),
    (&["ls", "ps", "plugins"], "list"),
    (&["status", "info", "inspect", "describe"], "show"),
    (&["run", "daemon"], "serve"),
    (&["upgrade"], "update"),
    (&["search"], "available"),
    (&["build", "test", "lint"], "check"),
    (&["create"], "new"),
    (&["history"], "revisions"),
    (&["login"], "token create"),
    (&["version"], "--version"),
];

/// Words of other programs for the commands of a group.
const NESTED_SYNONYMS: &[(&[&str], &str)] = &[
    (&["ls", "all"], "list"),
    (&["get", "view", "status"], "show"),
    (&["status", "stats", "show", "ls"], "info"),
    (&["clean", "purge", "prune"], "clear"),
    (&["delete", "rm"], "remove"),
    (&["delete", "rm", "remove"], "revoke"),
    (&["check"], "verify"),
    (&["new", "add"], "create"),
    (&["new", "create"], "add"),
];

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
    (&["--quiet", "--assume-yes"], &["yes"]),
    (&["--api-key", "--auth", "--password"], &["token"]),
    (&["--purge", "--keep"], &["keep-data"]),
    (&["--watch", "--tail"], &["follow"]),
    (&["--env", "--config-value", "--configuration"], &["set"]),
    (&["--dir", "--folder", "--subdir", "--directory"], &["path"]),
    (&["--count", "--max", "--lines"], &["limit"]),
];

/// The most options of a command that a tip lists.
const MAX_LISTED: usize = 12;

/// Completes the error of an unknown command or option with what this program has for it.
pub(super) fn with_meant_command(mut error: Error, arguments: &[OsString], command: &Command) -> Error {
    if let (ErrorKind::InvalidSubcommand, (parent, name)) = (error.kind(), used(command, arguments))
        && !std::ptr::eq(parent, command)
    {
        return with_meant_nested_command(error, parent, &name);
    }
    let word = arguments.iter().skip(1).find(|argument| !argument.as_encoded_bytes().starts_with(b"-"));
    let word = word.and_then(|word| word.to_str()).unwrap_or_default();
    let is_word =
        matches!(error.get(ContextKind::InvalidSubcommand), Some(ContextValue::String(found)) if found == word);
    let meant = SYNONYMS.iter().find(|(words, _)| words.contains(&word)).map(|(_, meant)| meant);
    if let (ErrorKind::InvalidSubcommand, true, Some(meant)) = (error.kind(), is_word, meant) {
        // Similar words have another meaning.
        error.remove(ContextKind::SuggestedSubcommand);
        let tip = StyledStr::from(format!("did you mean `plugin-host {meant}`?"));
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
    }
    if error.kind() == ErrorKind::InvalidSubcommand && meant.is_none() {
        let known: Vec<_> = command.get_subcommands().map(Command::get_name).collect();
        if let Some(nearest) = suggestion(word, &known) {
            error.insert(ContextKind::SuggestedSubcommand, ContextValue::String(nearest.to_owned()));
        }
    }
    if error.kind() == ErrorKind::UnknownArgument
        && let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg)
        && option.starts_with('-')
        && error.get(ContextKind::SuggestedArg).is_none()
    {
        // clap advises to pass the option as a value, which nobody means.
        let (used, name) = used(command, arguments);
        let meant = meant_option(option, used, &name, is_before_command(option, used, arguments, command));
        error.remove(ContextKind::Suggested);
        if let Some(meant) = meant {
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(meant)]));
        }
    }
    if let (ErrorKind::InvalidValue, Some(ContextValue::String(option)), Some(ContextValue::String(value))) =
        (error.kind(), error.get(ContextKind::InvalidArg), error.get(ContextKind::InvalidValue))
        && option.starts_with("--output ")
        && value.contains(['.', '/'])
    {
        let value = host_core::shown(value, 80);
        let tip = match word {
            "export" => format!("write to a file with `--file {value}`"),
            _ => format!("`--output` selects the format; write to a file with `> {value}`"),
        };
        error.remove(ContextKind::SuggestedValue);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(tip)]));
    }
    if let (ErrorKind::UnknownArgument, "plan" | "apply", Some(ContextValue::String(file))) =
        (error.kind(), word, error.get(ContextKind::InvalidArg))
        && !file.starts_with('-')
    {
        let tip = StyledStr::from(format!("did you mean `plugin-host {word} --file {}`?", host_core::shown(file, 80)));
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
    }
    error
}

/// Completes the error of an unknown command of a group, such as `token ls`.
fn with_meant_nested_command(mut error: Error, group: &Command, name: &str) -> Error {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else { return error };
    let known: Vec<_> = group.get_subcommands().map(Command::get_name).collect();
    let synonyms = NESTED_SYNONYMS.iter().filter(|(words, _)| words.contains(&word.as_str()));
    let synonym = synonyms.map(|(_, meant)| *meant).find(|meant| known.contains(meant));
    let tip = match synonym.or_else(|| suggestion(word, &known)) {
        Some(meant) => format!("did you mean `{name} {meant}`?"),
        None => format!("`{name} --help` lists the commands"),
    };
    error.remove(ContextKind::SuggestedSubcommand);
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(tip)]));
    error
}

/// The command of this program that the arguments name, and its name, such as `plugin-host token create`.
fn used<'c>(command: &'c Command, arguments: &[OsString]) -> (&'c Command, String) {
    let words = arguments.iter().skip(1).filter_map(|argument| argument.to_str()).filter(|word| !word.starts_with('-'));
    words.fold((command, command.get_name().to_owned()), |(command, name), word| match command.find_subcommand(word) {
        Some(found) => (found, format!("{name} {word}")),
        None => (command, name),
    })
}

/// Returns whether an option of the named command is written before that command.
fn is_before_command(option: &str, named: &Command, arguments: &[OsString], command: &Command) -> bool {
    let mut its_options = named.get_arguments().flat_map(|argument| {
        let short = argument.get_short().map(|letter| format!("-{letter}"));
        short.into_iter().chain(argument.get_long().map(|name| format!("--{name}")))
    });
    let is_command =
        |argument: &&OsString| argument.to_str().is_some_and(|word| command.find_subcommand(word).is_some());
    let mut before = arguments.iter().take_while(|argument| !is_command(argument));
    its_options.any(|its| its == option) && before.any(|argument| argument.to_string_lossy().starts_with(option))
}

/// A sentence about the options of a command that may be meant by an unknown one.
fn meant_option(option: &str, command: &Command, name: &str, is_before: bool) -> Option<String> {
    if is_before {
        return Some(format!("write the options of a command after it: `{name} {option} …`"));
    }
    if command.get_name() == "load" && REVISION_OPTIONS.contains(&option) {
        return Some("name the branch, tag or commit after the source: `SOURCE@NAME`".to_owned());
    }
    let options = || command.get_arguments().filter(|argument| !argument.is_hide_set());
    let named = |is_meant: &dyn Fn(&str) -> bool| -> Vec<String> {
        let names = options().filter_map(|argument| argument.get_long());
        names.filter(|name| is_meant(name)).map(|name| format!("`--{name}`")).collect()
    };
    let synonyms =
        |name: &str| OPTION_SYNONYMS.iter().any(|(words, meant)| words.contains(&option) && meant.contains(&name));
    let letter = option.strip_prefix('-').filter(|letter| letter.len() == 1);
    let meant = match letter {
        // The options of the connection are the same in all commands, and rarely meant.
        Some(letter) => named(&|name| name.starts_with(letter) && !["token", "color", "ca"].contains(&name)),
        None => named(&synonyms),
    };
    match &*meant {
        [] => Some(listed_options(command, name)),
        [meant] => Some(format!("did you mean {meant}?")),
        [first, second] if letter.is_none() => Some(format!("did you mean {first} or {second}?")),
        _ if letter.is_none() => Some(format!("did you mean one of {}?", meant.join(", "))),
        _ => Some(format!("options with this letter: {}", meant.join(", "))),
    }
}

/// A sentence that lists the command's own options, or names the help if there are many.
fn listed_options(command: &Command, name: &str) -> String {
    // The options under this heading are the same in all commands.
    let is_own = |argument: &&clap::Arg| !argument.is_hide_set() && argument.get_help_heading() != Some("Host");
    let own = command.get_arguments().filter(is_own);
    let own = own.filter_map(|argument| argument.get_long()).filter(|name| !["color", "help"].contains(name));
    let own: Vec<_> = own.map(|name| format!("`--{name}`")).collect();
    if own.is_empty() || own.len() > MAX_LISTED {
        return format!("`{name} --help` lists the options");
    }
    format!("the options are {}; see `{name} --help`", own.join(", "))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Cli;

    /// The tips for a command line.
    fn tips(line: &str) -> String {
        let mut command = Cli::command();
        let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let error = command.try_get_matches_from_mut(&arguments).unwrap_err();
        let text = with_meant_command(error, &arguments, &command).to_string();
        let tips =
            text.lines().filter_map(|line| line.trim().strip_prefix("tip: ").or(line.trim().strip_prefix("tip:")));
        tips.collect::<Vec<_>>().join("|")
    }

    #[test]
    fn each_unknown_word_has_one_tip() {
        for (line, expected) in [
            ("plugin-host install", "did you mean `plugin-host load`?"),
            ("plugin-host relaod", "a similar subcommand exists: 'reload'"),
            ("plugin-host logs hello -f", "did you mean `--follow`?"),
            ("plugin-host load x --branch main", "name the branch, tag or commit after the source: `SOURCE@NAME`"),
            ("plugin-host load x -b main", "name the branch, tag or commit after the source: `SOURCE@NAME`"),
            ("plugin-host list --running", "the options are `--output`, `--json`; see `plugin-host list --help`"),
            ("plugin-host -x list", "the options are `--output`, `--json`; see `plugin-host list --help`"),
            ("plugin-host serve --listen 0.0.0.0:80", "did you mean `--host` or `--port`?"),
            ("plugin-host serve --verbose", "`plugin-host serve --help` lists the options"),
            ("plugin-host load x --force", "did you mean `--replace`?"),
            (
                "plugin-host logs x -t",
                "the options are `--follow`, `--level`, `--output`, `--json`; see `plugin-host logs --help`",
            ),
            (
                "plugin-host token list --all",
                "the options are `--output`, `--json`; see `plugin-host token list --help`",
            ),
            ("plugin-host token ls", "did you mean `plugin-host token list`?"),
            ("plugin-host cache clean", "did you mean `plugin-host cache clear`?"),
            ("plugin-host audit check", "did you mean `plugin-host audit verify`?"),
            ("plugin-host user delete zoe", "did you mean `plugin-host user remove`?"),
            ("plugin-host config frobnicate", "`plugin-host config --help` lists the commands"),
            ("plugin-host list --host 10.0.0.1", "did you mean `--url`?"),
            ("plugin-host export -o x.yaml", "write to a file with `--file x.yaml`"),
            ("plugin-host list -o list.json", "`--output` selects the format; write to a file with `> list.json`"),
            ("plugin-host -o json list", "write the options of a command after it: `plugin-host list -o …`"),
            ("plugin-host logs hello --folow", "a similar argument exists: '--follow'"),
            ("plugin-host plan plugins.yaml", "did you mean `plugin-host plan --file plugins.yaml`?"),
        ] {
            assert_eq!(tips(line), expected, "{line}");
        }
        assert!(tips("plugin-host serve -p 4005").contains("`--port`"));
    }

    #[test]
    fn the_meant_commands_exist_and_the_other_words_do_not() {
        let command = Cli::command();
        for (words, meant) in SYNONYMS {
            let found = meant.split(' ').try_fold(&command, |command, name| command.find_subcommand(name));
            assert!(found.is_some() || *meant == "--version", "{meant}");
            assert!(words.iter().all(|word| command.find_subcommand(word).is_none()), "{words:?}");
        }
    }
}
