//! `init`.

use expect_test::expect;
use tempfile::TempDir;

use super::{check, run};

#[test]
fn init_writes_files_that_a_host_accepts_and_overwrites_nothing() {
    let folder = TempDir::new().unwrap();
    check(
        folder.path(),
        &["init"],
        expect![[r#"
            exit 0
            --- stdout
            host.toml
            plugins.yaml
            --- stderr

            next:
              edit host.toml and plugins.yaml
              plugin-host serve                    # run the host
              plugin-host apply -f plugins.yaml    # in another terminal, in this folder
        "#]],
    );
    let shown = run(folder.path(), &["config", "show", "--origin"]);
    assert!(shown.starts_with("exit 0") && !shown.contains("file host.toml"), "{shown}");
    std::fs::remove_file(folder.path().join("host.toml")).unwrap();
    check(
        folder.path(),
        &["init"],
        expect![[r#"
            exit 1
            --- stdout
            --- stderr
            error: `plugins.yaml` exists
              `init` does not overwrite files, and has written nothing

            fix: move existing files away, or name another folder: `plugin-host init DIR`
        "#]],
    );
    assert!(!folder.path().join("host.toml").exists(), "nothing is written");
    check(
        folder.path(),
        &["init", "new/my host"],
        expect![[r#"
            exit 0
            --- stdout
            new/my host/host.toml
            new/my host/plugins.yaml
            --- stderr

            next:
              cd 'new/my host'
              edit host.toml and plugins.yaml
              plugin-host serve                    # run the host
              plugin-host apply -f plugins.yaml    # in another terminal, in this folder
        "#]],
    );
    check(
        folder.path(),
        &["init", "/proc/none"],
        expect![[r#"
            exit 1
            --- stdout
            --- stderr
            error: failed to create the folder `/proc/none`
              No such file or directory (os error 2)

            fix: name a folder that you may write: `plugin-host init DIR`
        "#]],
    );
    check(
        folder.path(),
        &["init", "/proc/self"],
        expect![[r#"
            exit 1
            --- stdout
            --- stderr
            error: failed to write `/proc/self/host.toml`
              No such file or directory (os error 2)

            fix: name a folder that you may write: `plugin-host init DIR`
        "#]],
    );
}
