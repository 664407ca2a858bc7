//! Names that other programs have for the commands of this one.

use std::ffi::OsString;

use clap::Error;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

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

/// Completes the error of an unknown command with the command of this program that does it.
pub(super) fn with_meant_command(mut error: Error, arguments: &[OsString]) -> Error {
    let word = arguments.iter().skip(1).find(|argument| !argument.as_encoded_bytes().starts_with(b"-"));
    let word = word.and_then(|word| word.to_str()).unwrap_or_default();
    let is_word =
        matches!(error.get(ContextKind::InvalidSubcommand), Some(ContextValue::String(found)) if found == word);
    let meant = SYNONYMS.iter().find(|(words, _)| words.contains(&word)).map(|(_, meant)| meant);
    if let (ErrorKind::InvalidSubcommand, true, Some(meant)) = (error.kind(), is_word, meant) {
        // Similar words have another meaning.
        error.insert(ContextKind::SuggestedSubcommand, ContextValue::None);
        let tip = StyledStr::from(format!("did you mean `plugin-host {meant}`?"));
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Cli;

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
