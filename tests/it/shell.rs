//! Shell completions and manual pages.

use std::process::{Command, Stdio};

use crate::host::{TestHost, program};

fn printed(args: &[&str]) -> String {
    let output = program().args(args).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Returns whether a program accepts these arguments; `None` if it is not installed.
fn run(name: &str, args: &[&str]) -> Option<bool> {
    let output = Command::new(name).args(args).stdin(Stdio::null()).output().ok()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{name} {args:?}: {said}");
    Some(true)
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
        // zsh and fish have the same flag.
        run(shell, &["-n", path.to_str().unwrap()]);
    }
    assert_eq!(program().args(["completions", "tcsh"]).output().unwrap().status.code(), Some(2));
}

#[tokio::test]
async fn ids_of_plugins_and_jobs_are_completed() {
    let host = TestHost::start().await;
    host.load("hello").await;
    let job = host.get("/api/jobs").await.json()["jobs"][0]["id"].as_str().unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script");
    std::fs::write(&script, printed(&["completions", "bash"])).unwrap();
    let address = format!("http://{}", host.address);
    let program = program().get_program().to_owned();
    let completed = async |words: &str, url: &str| {
        let line = format!(
            "source {}; COMP_WORDS=(plugin-host {words} ''); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _plugin_host_with_ids plugin-host '' x; echo \"${{COMPREPLY[@]}}\"",
            script.display()
        );
        let mut bash = Command::new("bash");
        bash.args(["--norc", "-c", &line]).current_dir(folder.path());
        let path = std::path::Path::new(&program).parent().unwrap().display().to_string();
        bash.env("PATH", format!("{path}:{}", std::env::var("PATH").unwrap()));
        bash.env("PLUGIN_HOST_URL", url).env("PLUGIN_DIR", host.plugin_dir());
        let output = tokio::task::spawn_blocking(move || bash.output().unwrap()).await.unwrap();
        assert!(output.stderr.is_empty(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let words = |text: String| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    for command in ["show", "reload", "unload", "revisions"] {
        assert!(words(completed(command, &address).await).contains(&"hello".to_owned()), "{command}");
    }
    for command in ["job", "job cancel"] {
        assert!(words(completed(command, &address).await).contains(&job), "{command}");
    }
    assert!(!words(completed("list", &address).await).contains(&"hello".to_owned()));
    // Without a host, nothing is added and nothing is said.
    assert!(!words(completed("show", "http://127.0.0.1:1").await).contains(&"hello".to_owned()));
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
fn there_is_a_manual_page_for_each_command() {
    assert!(printed(&["man"]).contains(".TH plugin-host 1"));
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man/man1");
    printed(&["man", pages.to_str().unwrap()]);
    for name in ["plugin-host", "plugin-host-serve", "plugin-host-config-show", "plugin-host-job-cancel"] {
        let page = pages.join(format!("{name}.1"));
        assert!(std::fs::read_to_string(&page).unwrap().contains(".SH NAME"), "{name}");
        run("mandoc", &["-T", "lint", "-W", "error", page.to_str().unwrap()]);
        run("man", &["--warnings", "-l", page.to_str().unwrap()]);
    }
    assert!(!pages.join("plugin-host-try-library.1").exists() && !pages.join("plugin-host-help.1").exists());
}
