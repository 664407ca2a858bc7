//! The help of the program: all commands under headings.

use std::fmt::Write as _;

use clap::{Arg, ArgAction, Command};

/// The headings and their commands, in the order of the help.
const HEADINGS: &[(&str, &[&str])] = &[
    (
        "Plugins",
        &[
            "load",
            "list",
            "show",
            "logs",
            "configure",
            "reload",
            "stop",
            "start",
            "restart",
            "disable",
            "enable",
            "unload",
            "graph",
        ],
    ),
    (
        "Sources and updates",
        &["available", "validate", "updates", "update", "update-policy", "pin", "unpin", "block", "unblock"],
    ),
    ("History", &["revisions", "diff", "restore", "rollback"]),
    ("All plugins in one file", &["plan", "apply", "export"]),
    ("Jobs and events", &["jobs", "job", "events", "audit"]),
    ("Host", &["serve", "init", "ping", "config", "cache", "rescan"]),
    ("Access", &["token", "user"]),
    ("Writing plugins", &["new", "dev", "check", "pack", "explain", "sdk"]),
    ("Shell", &["completions", "man", "help"]),
];

/// Completes the definition of the command line: its help has the commands under headings.
pub(super) fn command(command: Command) -> Command {
    let commands = commands(&command);
    let heading = command.get_styles().get_header();
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{commands}\n{heading}Options:{heading:#}\n{{options}}{{after-help}}"
    );
    with_negative_numbers(command.help_template(template))
}

/// Lets all options accept negative numbers, so that `--port -1` is refused for its value and not as an option `-1`.
fn with_negative_numbers(command: Command) -> Command {
    let takes_values = |arg: &Arg| matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
    let command = command.mut_args(|arg| if takes_values(&arg) { arg.allow_negative_numbers(true) } else { arg });
    command.mut_subcommands(with_negative_numbers)
}

/// Lists the commands under their headings.
fn commands(command: &Command) -> String {
    let styles = command.get_styles();
    let (heading, literal) = (styles.get_header(), styles.get_literal());
    let mut text = String::new();
    for (title, names) in HEADINGS {
        let _ = writeln!(text, "{heading}{title}:{heading:#}");
        for name in *names {
            let about = match command.find_subcommand(name).and_then(Command::get_about) {
                Some(about) => about.to_string(),
                None => "Print this help, or the help of a command".to_owned(),
            };
            let space = " ".repeat(WIDTH - name.len());
            let _ = writeln!(text, "  {literal}{name}{literal:#}{space}  {about}");
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// The length of the longest name of a command.
const WIDTH: usize = "update-policy".len();

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Cli;

    #[test]
    fn every_command_is_listed_under_one_heading() {
        let command = Cli::command();
        let all = command.get_subcommands().filter(|command| !command.is_hide_set()).map(Command::get_name);
        let all: BTreeSet<_> = all.chain(["help"]).collect();
        let listed: Vec<_> = HEADINGS.iter().flat_map(|(_, names)| *names).copied().collect();
        assert_eq!(listed.iter().copied().collect::<BTreeSet<_>>(), all);
        assert_eq!(listed.len(), all.len(), "a command is listed twice");
    }

    #[test]
    fn the_list_of_commands_fits_80_columns() {
        let text = anstream::adapter::strip_str(&commands(&Cli::command())).to_string();
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}
