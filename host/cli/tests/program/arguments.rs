//! Help, and arguments that are refused.

use expect_test::expect;
use tempfile::TempDir;

use super::{check, run};

#[test]
fn the_commands_are_listed_under_headings() {
    let folder = TempDir::new().unwrap();
    for words in [&["--help"][..], &["help"]] {
        let help = run(folder.path(), words);
        let place = |text: &str| help.find(text).unwrap_or_else(|| panic!("no `{text}` in {help}"));
        assert!(place("\nPlugins:\n") < place("\n  load  ") && place("\n  load  ") < place("\nHost:\n"), "{help}");
        assert!(place("\nWriting plugins:\n") < place("\n  new  "), "{help}");
    }
}

#[test]
fn values_that_start_with_a_minus_are_refused_for_their_value() {
    let folder = TempDir::new().unwrap();
    for value in ["-1", "-5MB"] {
        let refused = run(folder.path(), &["serve", "--max-upload-bytes", value]);
        let reason = format!("flag `--max-upload-bytes` is `{value}`, expected a size from 1 KiB to 4 GiB");
        assert!(refused.starts_with("exit 2") && refused.contains(&reason), "{refused}");
    }
}

#[test]
fn prove_options_are_refused_without_prove() {
    let folder = TempDir::new().unwrap();
    check(
        folder.path(),
        &["reload", "hello", "--reloads", "2"],
        expect![[r#"
        exit 2
        --- stdout
        --- stderr
        error: the following required arguments were not provided:
          --prove

        Usage: plugin-host reload --prove --reloads <N> <ID>

        For more information, try '--help'.
    "#]],
    );
    check(
        folder.path(),
        &["reload", "hello", "--prove", "--path", "hello"],
        expect![[r#"
        exit 2
        --- stdout
        --- stderr
        error: invalid value 'hello' for '--path <PATH>': a path starts with `/`

        For more information, try '--help'.
    "#]],
    );
}
