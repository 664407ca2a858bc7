//! Shell completions and manual pages.

use std::process::{Command, Stdio};

use crate::host::program;

fn printed(args: &[&str]) -> String {
    let output = program().args(args).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Whether a program accepts these arguments; `None` if it is not installed.
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
