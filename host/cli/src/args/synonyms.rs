//! Tips for unknown commands, options and values: what this program has for them.

use std::ffi::OsString;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Error};
use host_core::spelling::suggestion;

use super::options;

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

/// Completes the error of an unknown command, option or value with a tip about what is meant.
pub(super) fn with_tip(mut error: Error, arguments: &[OsString], command: &Command) -> Error {
    let (used, name) = used(command, arguments);
    if error.kind() == ErrorKind::ArgumentConflict && used.get_name() == "job" {
        return word_before_job(error, used, &name, arguments);
    }
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.as_str(),
        _ => "",
    };
    let unknown = text(ContextKind::InvalidArg);
    let tip = match error.kind() {
        ErrorKind::InvalidSubcommand => Some(meant_command(text(ContextKind::InvalidSubcommand), used, &name)),
        ErrorKind::UnknownArgument if unknown.starts_with('-') => {
            let is_before = options::is_before_command(unknown, used, arguments, command);
            // A similar option that clap has found is meant more likely than one of the list.
            let is_answered =
                error.get(ContextKind::SuggestedArg).is_some() && !options::has_other_name_for(unknown, used);
            (!is_answered).then(|| options::meant_option(unknown, used, &name, is_before))
        }
        ErrorKind::UnknownArgument if ["plan", "apply"].contains(&used.get_name()) => {
            Some(format!("did you mean `{name} --file {}`?", host_core::shown(unknown, 80)))
        }
        ErrorKind::InvalidValue if unknown.starts_with("--output ") => {
            options::meant_file(text(ContextKind::InvalidValue), used)
        }
        _ => None,
    };
    let Some(tip) = tip else { return error };
    // clap's own tips name similar words with another meaning, or advise to pass an option as a value.
    for kind in [
        ContextKind::Suggested,
        ContextKind::SuggestedArg,
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedValue,
    ] {
        error.remove(kind);
    }
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(tip)]));
    error
}

/// The error of `job WORD JOB`, which clap reports as if JOB were the name of a command.
fn word_before_job(error: Error, used: &Command, name: &str, arguments: &[OsString]) -> Error {
    let words = arguments.iter().filter_map(|argument| argument.to_str()).skip_while(|word| *word != "job").skip(1);
    let mut words = words.filter(|word| !word.starts_with('-'));
    let (Some(word), Some(job)) = (words.next(), words.next()) else { return error };
    let job = host_core::shown(job, 60);
    let meant = match word {
        "log" | "logs" | "output" => Some(format!("{name} {job} --log")),
        "follow" | "watch" | "wait" | "tail" | "attach" => Some(format!("{name} {job} --follow")),
        "show" | "get" | "view" | "status" | "info" | "inspect" | "describe" => Some(format!("{name} {job}")),
        "stop" | "kill" | "abort" | "rm" | "remove" | "delete" => Some(format!("{name} cancel {job}")),
        "rerun" | "restart" | "run" => Some(format!("{name} retry {job}")),
        _ => None,
    };
    let tip = meant.map_or_else(|| meant_command(word, used, name), |meant| format!("did you mean `{meant}`?"));
    let mut error = Error::new(ErrorKind::InvalidSubcommand).with_cmd(used);
    error.insert(ContextKind::InvalidSubcommand, ContextValue::String(host_core::shown(word, 60)));
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(tip)]));
    error
}

/// A tip about the command of a group, or of this program, that is meant by an unknown word.
fn meant_command(word: &str, group: &Command, name: &str) -> String {
    let known: Vec<_> = group.get_subcommands().map(Command::get_name).collect();
    let is_nested = name.contains(' ');
    let synonyms = if is_nested { NESTED_SYNONYMS } else { SYNONYMS };
    let meant = synonyms.iter().filter(|(words, _)| words.contains(&word)).map(|(_, meant)| *meant);
    // The commands of a group are a part of the list.
    let meant = meant.into_iter().find(|meant| !is_nested || known.contains(meant));
    match meant.or_else(|| suggestion(word, &known)) {
        Some(meant) => format!("did you mean `{name} {meant}`?"),
        None => format!("`{name} --help` lists the commands"),
    }
}

/// The command of this program that the arguments name, and its name, such as `plugin-host token create`.
fn used<'c>(command: &'c Command, arguments: &[OsString]) -> (&'c Command, String) {
    let words = arguments.iter().skip(1).filter_map(|argument| argument.to_str());
    // `help` names the command that it is about.
    let words = words.filter(|word| !word.starts_with('-') && *word != "help");
    words.fold((command, command.get_name().to_owned()), |(command, name), word| match command.find_subcommand(word) {
        Some(found) => (found, format!("{name} {word}")),
        None => (command, name),
    })
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
        let text = with_tip(error, &arguments, &command).to_string();
        let tips =
            text.lines().filter_map(|line| line.trim().strip_prefix("tip: ").or(line.trim().strip_prefix("tip:")));
        tips.collect::<Vec<_>>().join("|")
    }

    #[test]
    fn each_unknown_word_has_one_tip() {
        for (line, expected) in [
            ("plugin-host install", "did you mean `plugin-host load`?"),
            ("plugin-host relaod", "did you mean `plugin-host reload`?"),
            ("plugin-host logs hello -f", "did you mean `--follow`?"),
            ("plugin-host load x --branch main", "name the branch, tag or commit after the source: `SOURCE@NAME`"),
            ("plugin-host load x -b main", "name the branch, tag or commit after the source: `SOURCE@NAME`"),
            ("plugin-host list --running", "the options are `--output`, `--json`; see `plugin-host list --help`"),
            ("plugin-host -x list", "the options are `--output`, `--json`; see `plugin-host list --help`"),
            ("plugin-host serve --listen 0.0.0.0:80", "did you mean `--host` or `--port`?"),
            ("plugin-host serve --data-dir x", "did you mean `--plugin-dir`?"),
            ("plugin-host load x --tag v1", "name the branch, tag or commit after the source: `SOURCE@NAME`"),
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
            ("plugin-host job log j1", "did you mean `plugin-host job j1 --log`?"),
            ("plugin-host job follow j1 --json", "did you mean `plugin-host job j1 --follow`?"),
            ("plugin-host job kill j1", "did you mean `plugin-host job cancel j1`?"),
            ("plugin-host job retyr j1", "did you mean `plugin-host job retry`?"),
            ("plugin-host help lod", "did you mean `plugin-host load`?"),
            ("plugin-host help token ls", "did you mean `plugin-host token list`?"),
            (
                "plugin-host unload x --quiet",
                "the options are `--output`, `--json`, `--reason`, `--on-conflict`, `--keep-data`, `--cascade`, `--yes`; see `plugin-host unload --help`",
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
        let nested: Vec<_> =
            command.get_subcommands().flat_map(Command::get_subcommands).map(Command::get_name).collect();
        for (_, meant) in NESTED_SYNONYMS {
            assert!(nested.contains(meant), "{meant}");
        }
        for (words, meant) in SYNONYMS {
            let found = meant.split(' ').try_fold(&command, |command, name| command.find_subcommand(name));
            assert!(found.is_some() || *meant == "--version", "{meant}");
            assert!(words.iter().all(|word| command.find_subcommand(word).is_none()), "{words:?}");
        }
    }
}
