//! `completions`: scripts generated from the definition of the command line, which ask the host for ids.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, Command, CommandFactory as _, ValueEnum};
use clap_complete::Shell as Known;

use super::Cli;
use crate::config::Environment;
use host_client::{Failure, output};

/// `completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell [default with --install: the shell in SHELL]
    #[arg(value_enum, required_unless_present = "install")]
    shell: Option<Shell>,
    /// Write the script to the shell's folder for completions of this user
    #[arg(long)]
    install: bool,
}

/// A shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// The kind of ids of an argument, as an argument of `complete`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ids {
    Plugins,
    Jobs,
}

/// Prints or installs the completion script.
///
/// # Errors
/// The shell is unknown, or the file cannot be written.
pub(crate) fn completions(args: &Completions, environment: &Environment) -> Result<(), Failure> {
    let Some(shell) = args.shell.or_else(|| Shell::from_str(environment.shell()?, true).ok()) else {
        let failure = Failure::usage("the shell is unknown").because("SHELL is not bash, zsh or fish");
        return Err(failure.fix("name the shell: `plugin-host completions --install bash`"));
    };
    let script = shell.script();
    if !args.install {
        output::raw(script.trim_end().as_bytes());
        return Ok(());
    }
    let Some(path) = shell.file(environment) else {
        return Err(Failure::usage("the user's folders are unknown").fix("set HOME to an absolute path"));
    };
    let failed = |error: std::io::Error| Failure::from_error(format!("failed to write `{}`", path.display()), &error);
    std::fs::create_dir_all(path.parent().unwrap_or(&path)).map_err(failed)?;
    host_store::atomic::write(&path, script.as_bytes(), 0o644).map_err(failed)?;
    output::line(&path.display().to_string());
    output::error_line(&format!("\nnext: {}", shell.next()));
    Ok(())
}

impl Shell {
    /// Returns the file for the completions of this user.
    fn file(self, environment: &Environment) -> Option<PathBuf> {
        Some(match self {
            Shell::Bash => environment.shared_data_folder()?.join("bash-completion/completions/plugin-host"),
            Shell::Zsh => environment.home()?.join(".zfunc/_plugin-host"),
            Shell::Fish => environment.shared_configuration_folder()?.join("fish/completions/plugin-host.fish"),
        })
    }

    fn next(self) -> &'static str {
        match self {
            Shell::Bash => "start a new shell; the package bash-completion must be installed",
            Shell::Zsh => {
                "put `fpath+=~/.zfunc` before `autoload -Uz compinit && compinit` in ~/.zshrc, start a new shell"
            }
            Shell::Fish => "start a new shell",
        }
    }

    fn script(self) -> String {
        let known = match self {
            Shell::Bash => Known::Bash,
            Shell::Zsh => Known::Zsh,
            Shell::Fish => Known::Fish,
        };
        let all = Cli::command();
        // Hidden commands are only run by the host and by completion scripts.
        let shown = all.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
        let mut command = Command::new("plugin-host").version(env!("CARGO_PKG_VERSION")).subcommands(shown);
        command = command.args(all.get_arguments());
        let with_ids = with_ids(&command);
        let mut script = vec![];
        clap_complete::generate(known, &mut command, "plugin-host", &mut script);
        let script = String::from_utf8_lossy(&script).into_owned();
        match self {
            Shell::Bash => script + &bash(&with_ids),
            Shell::Zsh => zsh(&script),
            Shell::Fish => script + &fish(&with_ids),
        }
    }
}

/// Returns the commands that take an id as their next argument, such as `show` or `job cancel`.
fn with_ids(command: &Command) -> Vec<(String, Ids)> {
    let mut found = vec![];
    for command in command.get_subcommands() {
        let name = command.get_name();
        let takes_id = |command: &Command| command.get_positionals().any(|argument| argument.get_id() == "id");
        let ids = if name == "job" { Ids::Jobs } else { Ids::Plugins };
        // Tokens have ids, too, which are seldom typed.
        if takes_id(command) && name != "token" {
            found.push((name.to_owned(), ids));
        }
        if name == "job" {
            let below = command.get_subcommands().filter(|command| takes_id(command));
            found.extend(below.map(|below| (format!("{name} {}", below.get_name()), ids)));
        }
    }
    found
}

impl Ids {
    fn as_str(self) -> &'static str {
        match self {
            Ids::Plugins => "plugins",
            Ids::Jobs => "jobs",
        }
    }
}

/// The generated function, followed by the ids if the word to complete is the one after the command.
fn bash(with_ids: &[(String, Ids)]) -> String {
    let mut cases = String::new();
    for (command, ids) in with_ids {
        let _ = writeln!(cases, "        \"{command}\") ids={} ;;", ids.as_str());
    }
    format!(
        r#"
_plugin_host_with_ids() {{
    _plugin__host "$@"
    local id ids="" current="${{COMP_WORDS[COMP_CWORD]}}"
    case "${{COMP_WORDS[*]:1:COMP_CWORD-1}}" in
{cases}    esac
    if [[ -n "$ids" && "$current" != -* ]]; then
        while IFS= read -r id; do
            [[ "$id" == "$current"* ]] && COMPREPLY+=("$id")
        done < <(plugin-host complete "$ids" 2>/dev/null)
    fi
}}
complete -F _plugin_host_with_ids -o bashdefault -o default plugin-host
"#
    )
}

/// The generated script, with a function for the arguments that are ids.
fn zsh(script: &str) -> String {
    const FUNCTION: &str = r#"
_plugin_host_ids() {
    local -a ids
    ids=(${(f)"$(plugin-host complete $1 2>/dev/null)"})
    (( $#ids )) && compadd -a ids
}
"#;
    let mut text = String::new();
    for line in script.lines() {
        let is_id = line.starts_with("':id -- ") || line.starts_with("'::id -- ");
        let ids = match line {
            line if !is_id || line.contains("token") => None,
            line if line.contains("job") => Some(Ids::Jobs),
            _ => Some(Ids::Plugins),
        };
        match ids {
            Some(ids) => text += &line.replace(":_default'", &format!(": _plugin_host_ids {}'", ids.as_str())),
            None => text += line,
        }
        text.push('\n');
        if line == "autoload -U is-at-least" {
            text += FUNCTION;
        }
    }
    text
}

fn fish(with_ids: &[(String, Ids)]) -> String {
    let mut lines = String::new();
    for (command, ids) in with_ids {
        let condition = match command.split_once(' ') {
            Some((command, below)) => {
                format!("__fish_plugin_host_using_subcommand {command}; and __fish_seen_subcommand_from {below}")
            }
            None => format!("__fish_plugin_host_using_subcommand {command}"),
        };
        let ids = ids.as_str();
        let _ = writeln!(
            lines,
            "complete -c plugin-host -n \"{condition}\" -f -a \"(plugin-host complete {ids} 2>/dev/null)\""
        );
    }
    lines
}
