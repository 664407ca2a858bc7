//! Files that arguments, variables and settings name: pipes, devices, folders, large files and files that are not text.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use crate::host::{TestHost, eventually, program};

/// Creates files that are not small regular text files, and returns their names with the reason for the refusal.
fn odd_files(folder: &Path) -> Vec<(&'static str, &'static str)> {
    let (read, write) = (rustix::fs::Mode::RUSR, rustix::fs::Mode::WUSR);
    rustix::fs::mkfifoat(rustix::fs::CWD, folder.join("pipe"), read | write).unwrap();
    std::os::unix::fs::symlink("/dev/zero", folder.join("device")).unwrap();
    std::fs::create_dir(folder.join("folder")).unwrap();
    // It takes no space on disk.
    File::create(folder.join("large")).unwrap().set_len(10 << 30).unwrap();
    std::fs::write(folder.join("latin"), b"version: \xe9\n").unwrap();
    vec![
        ("pipe", "it is a pipe; it must be a regular file"),
        ("device", "it is a device; it must be a regular file"),
        ("folder", "it is a folder; it must be a regular file"),
        ("large", "it has 10.0 GiB; it must be a regular file"),
        ("latin", "is not valid UTF-8; it must be a text file"),
        ("missing", "No such file or directory"),
    ]
}

/// Asserts that a command is refused with a message that names the file and the reason.
async fn is_refused(mut command: Command, file: &str, reason: &str) {
    let mut child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    eventually(&format!("{command:?} ends"), async || child.try_wait().unwrap().is_some()).await;
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(matches!(output.status.code(), Some(1 | 2)), "{command:?}: {message}");
    assert!(message.contains(&format!("{file}`")) && message.contains(reason), "{command:?}: {message}");
}

#[tokio::test]
async fn files_that_a_client_cannot_use_are_refused_with_the_reason() {
    let host = TestHost::start().await;
    host.load("hello").await;
    let folder = tempfile::tempdir().unwrap();
    let of = |words: &[&str]| {
        let mut command = program();
        command.args(words).current_dir(folder.path());
        command
    };
    let here = |words: &[&str]| {
        let mut command = of(words);
        command.args(["--url", &format!("http://{}", host.address), "--plugin-dir"]).arg(host.plugin_dir());
        command
    };
    for (name, reason) in odd_files(folder.path()) {
        let is_text = name != "latin";
        is_refused(of(&["config", "show", "--config", name]), name, reason).await;
        is_refused(of(&["serve", "--config", name]), name, reason).await;
        is_refused(of(&["list", "--config", name]), name, reason).await;
        // A URL makes the file unnecessary, but a file that is named is read.
        is_refused(here(&["list", "--config", name]), name, reason).await;
        is_refused(here(&["plan", "-f", name]), name, reason).await;
        is_refused(here(&["apply", "--yes", "-f", name]), name, reason).await;
        is_refused(here(&["configure", "hello", "--file", name]), name, reason).await;
        if is_text {
            is_refused(of(&["list", "--url", "https://127.0.0.1:1", "--token", "x", "--ca", name]), name, reason).await;
            is_refused(of(&["explain", name]), name, reason).await;
        }
        let plugins = folder.path().join(format!("of-{name}"));
        std::fs::create_dir(&plugins).unwrap();
        if name != "missing" {
            std::os::unix::fs::symlink(folder.path().join(name), plugins.join("operator.token")).unwrap();
        }
        is_refused(of(&["list", "--plugin-dir", plugins.to_str().unwrap()]), "operator.token", reason).await;
    }
}
