//! Shell completions and manual pages.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::host::{TestHost, program};

fn printed(args: &[&str]) -> String {
    let output = program().args(args).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Returns whether a program is installed. A test without it says what is skipped.
fn is_installed(name: &str) -> bool {
    let is_installed = Command::new(name).arg("--version").stdin(Stdio::null()).output().is_ok();
    if !is_installed {
        eprintln!("skipped: the checks with {name}, because it is not installed");
    }
    is_installed
}

/// Asserts that a program accepts these arguments, if it is installed.
fn accepts(name: &str, args: &[&str]) {
    if is_installed(name) {
        let output = Command::new(name).args(args).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && said.is_empty(), "{name} {args:?}: {said}");
    }
}

#[test]
fn shells_can_read_their_completions() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let script = printed(&["completions", shell]);
        for word in ["serve", "reload", "completions", "allowed-host"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
        assert!(!script.contains("try-library"), "{shell}");
        let path = folder.path().join(shell);
        std::fs::write(&path, script).unwrap();
        // All three shells have this flag.
        accepts(shell, &["-n", path.to_str().unwrap()]);
    }
    assert_eq!(program().args(["completions", "tcsh"]).output().unwrap().status.code(), Some(2));
}

/// Prints the completions of the line `$2` by bash, one per line. `$1` is the folder with the scripts.
const BASH: &str = r#"
source "$1/plugin-host"
read -ra COMP_WORDS <<<"$2"
[[ "$2" == *' ' ]] && COMP_WORDS+=('')
COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$2 COMP_POINT=${#2}
_plugin_host_with_ids plugin-host "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\n' "${COMPREPLY[@]}"
"#;

/// The same by fish. A description follows a completion after a tab.
const FISH: &str = r#"
source "$argv[1]/plugin-host.fish"
complete -C "$argv[2]" | string replace -r '\t.*' ''
true
"#;

/// The same by zsh, which completes only on a terminal. Each completion is printed between angle brackets.
const ZSH: &str = r#"
zmodload zsh/zpty || exit 9
zpty shell zsh -f -i
zpty -w shell "PS1= PROMPT_EOL_MARK=; fpath=($1 \$fpath); autoload -Uz compinit && compinit -u -D
compadd() {
  builtin compadd \"\$@\"
  local code=\$?
  [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]] && return code
  typeset -a hits
  builtin compadd -A hits \"\$@\"
  print -rl -- '<'\${^hits}'>'
  return code
}
complete-and-tell() {
  zle complete-word
  print DONE-\$((1+1))
}
zle -N complete-and-tell
bindkey '^I' complete-and-tell
print READY-\$((1+1))"
zpty -r shell out '*READY-2*' || exit 9
# The terminal keeps what is written before the line editor reads it.
zpty -w -n shell "$2"$'\t'
zpty -r shell out '*DONE-2*' || exit 9
print -r -- "$out"
zpty -d shell
"#;

/// Returns the completions of a line by a real shell.
async fn completed(host: &TestHost, url: &str, scripts: &Path, shell: &'static str, line: &str) -> Vec<String> {
    let mut command = Command::new(shell);
    match shell {
        "bash" => command.args(["--norc", "-c", BASH, shell]),
        "zsh" => command.args(["-f", "-c", ZSH, shell]),
        _ => command.args(["--no-config", "-c", FISH]),
    };
    command.arg(scripts).arg(line).current_dir(scripts).env("HOME", scripts).env("TERM", "xterm");
    let folder = Path::new(program().get_program()).parent().unwrap().display().to_string();
    command.env("PATH", format!("{folder}:{}", std::env::var("PATH").unwrap()));
    command.env("PLUGIN_HOST_URL", url).env("PLUGIN_DIR", host.plugin_dir());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(output.stderr.is_empty() && output.status.success(), "{shell} {line}: {output:?}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let words: Vec<_> = match shell {
        "zsh" => text.split('<').skip(1).filter_map(|rest| rest.split_once('>')).map(|(hit, _)| hit).collect(),
        _ => text.lines().collect(),
    };
    words.into_iter().map(|word| word.trim().to_owned()).collect()
}

async fn ids_and_commands_are_completed_by(shell: &'static str) {
    if !is_installed(shell) {
        return;
    }
    let host = TestHost::start().await;
    host.load("hello").await;
    let job = host.get("/api/jobs").await.json()["jobs"][0]["id"].as_str().unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let name = match shell {
        "bash" => "plugin-host",
        "zsh" => "_plugin-host",
        _ => "plugin-host.fish",
    };
    std::fs::write(folder.path().join(name), printed(&["completions", shell])).unwrap();
    let address = format!("http://{}", host.address);
    let completed = async |line: &str| completed(&host, &address, folder.path(), shell, line).await;
    for line in ["plugin-host show ", "plugin-host reload ", "plugin-host unload he", "plugin-host revisions "] {
        assert!(completed(line).await.contains(&"hello".to_owned()), "{shell}: {line}");
    }
    let of_job = completed("plugin-host job ").await;
    for word in ["cancel", "retry", &job] {
        assert!(of_job.contains(&word.to_owned()), "{shell}: {word} is not in {of_job:?}");
    }
    for line in ["plugin-host job cancel ", "plugin-host job retry "] {
        let words = completed(line).await;
        assert!(words.contains(&job) && !words.contains(&"cancel".to_owned()), "{shell}: {line}: {words:?}");
    }
    assert!(completed("plugin-host sh").await.contains(&"show".to_owned()), "{shell}");
    assert!(completed("plugin-host token ").await.contains(&"revoke".to_owned()), "{shell}");
    assert!(completed("plugin-host serve --allowed-h").await.contains(&"--allowed-host".to_owned()), "{shell}");
    for line in ["plugin-host list ", "plugin-host show hello ", "plugin-host show zz"] {
        assert!(!completed(line).await.contains(&"hello".to_owned()), "{shell}: {line}");
    }
    // Without a host, nothing is added and nothing is said.
    let without = self::completed(&host, "http://127.0.0.1:1", folder.path(), shell, "plugin-host show ").await;
    assert!(!without.contains(&"hello".to_owned()), "{shell}: {without:?}");
}

#[tokio::test]
async fn bash_completes_plugins_jobs_and_commands() {
    ids_and_commands_are_completed_by("bash").await;
}

#[tokio::test]
async fn zsh_completes_plugins_jobs_and_commands() {
    ids_and_commands_are_completed_by("zsh").await;
}

#[tokio::test]
async fn fish_completes_plugins_jobs_and_commands() {
    ids_and_commands_are_completed_by("fish").await;
}

#[test]
fn completions_are_installed_for_the_user() {
    let home = tempfile::tempdir().unwrap();
    for (shell, file) in [
        ("bash", ".local/share/bash-completion/completions/plugin-host"),
        ("zsh", ".zfunc/_plugin-host"),
        ("fish", ".config/fish/completions/plugin-host.fish"),
    ] {
        let mut command = program();
        command.args(["completions", "--install"]).env("HOME", home.path()).env("SHELL", format!("/bin/{shell}"));
        let output = command.env_remove("XDG_DATA_HOME").env_remove("XDG_CONFIG_HOME").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let path = home.path().join(file);
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), path.to_str().unwrap());
        assert!(String::from_utf8_lossy(&output.stderr).contains("next: "), "{output:?}");
        assert_eq!(std::fs::read_to_string(&path).unwrap().trim_end(), printed(&["completions", shell]).trim_end());
    }
    let unknown = program().args(["completions", "--install"]).env("SHELL", "/bin/tcsh").output().unwrap();
    assert_eq!(unknown.status.code(), Some(2), "{unknown:?}");
}

#[test]
fn installed_completions_replace_only_scripts_of_this_program() {
    let home = tempfile::tempdir().unwrap();
    let install = |more: &[&str]| {
        let mut command = program();
        command.args(["completions", "zsh", "--install"]).args(more).env("HOME", home.path());
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let path = home.path().join(".zfunc/_plugin-host");
    assert_eq!(install(&[]).0, Some(0));
    std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + "# of another version\n").unwrap();
    assert_eq!(install(&[]).0, Some(0), "its own script is replaced");
    assert!(!std::fs::read_to_string(&path).unwrap().contains("of another version"));

    std::fs::write(&path, "#compdef plugin-host\n_plugin-host() { }\n").unwrap();
    let (code, message) = install(&[]);
    assert_eq!(code, Some(1), "{message}");
    for part in [
        "_plugin-host` is not replaced",
        "was not written by `plugin-host completions`",
        "completions zsh --install --force",
    ] {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "#compdef plugin-host\n_plugin-host() { }\n");
    // A link stays a link.
    let real = home.path().join("dotfiles");
    std::fs::rename(&path, &real).unwrap();
    std::os::unix::fs::symlink(&real, &path).unwrap();
    assert_eq!(install(&["--force"]).0, Some(0));
    assert!(path.is_symlink() && std::fs::read_to_string(&real).unwrap().contains("compadd"));
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert!(install(&[]).1.contains("it is a folder"), "{}", install(&[]).1);
    assert_eq!(program().args(["completions", "zsh", "--force"]).output().unwrap().status.code(), Some(2));
}

#[test]
fn there_is_a_manual_page_for_each_command() {
    assert!(printed(&["man"]).contains(".TH plugin-host 1"));
    assert!(printed(&["man", "load"]).contains(".TH plugin-host-load 1"));
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man/man1");
    printed(&["man", pages.to_str().unwrap()]);
    for name in ["plugin-host", "plugin-host-serve", "plugin-host-config-show", "plugin-host-job-cancel"] {
        let page = pages.join(format!("{name}.1"));
        assert!(std::fs::read_to_string(&page).unwrap().contains(".SH NAME"), "{name}");
        accepts("mandoc", &["-T", "lint", "-W", "error", page.to_str().unwrap()]);
        accepts("man", &["--warnings", "-l", page.to_str().unwrap()]);
    }
    assert!(!pages.join("plugin-host-try-library.1").exists() && !pages.join("plugin-host-help.1").exists());

    let mistyped = program().args(["man", "laod"]).current_dir(folder.path()).output().unwrap();
    assert_eq!(mistyped.status.code(), Some(2));
    let message = String::from_utf8(mistyped.stderr).unwrap();
    assert!(message.contains("there is no command and no folder `laod`"), "{message}");
    assert!(!folder.path().join("laod").exists());
}
