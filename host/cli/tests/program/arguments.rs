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
fn numbers_are_refused_with_their_range() {
    let folder = TempDir::new().unwrap();
    for (words, rule) in [
        (&["audit", "--limit", "-1"][..], "from 1 to 1000"),
        (&["jobs", "--limit", "0"], "from 1 to 200"),
        (&["reload", "hello", "--prove", "--connections", "many"], "from 1 to 1000"),
        (&["dev", "--port", "65536"], "from 0 to 65535"),
    ] {
        let refused = run(folder.path(), words);
        let message = format!("error: invalid value '{}' for '", words.last().unwrap());
        assert!(
            refused.contains(&message) && refused.contains(&format!("expected a whole number {rule}")),
            "{refused}"
        );
    }
    let refused = run(folder.path(), &["diff", "hello", "x"]);
    assert!(refused.contains("error: invalid value 'x' for '<N>': expected a whole number\n"), "{refused}");
}

#[test]
fn a_file_without_its_flag_is_refused_with_the_flag() {
    let folder = TempDir::new().unwrap();
    for command in ["plan", "apply"] {
        let refused = run(folder.path(), &[command, "plugins.yaml"]);
        let tip = format!("tip: did you mean `plugin-host {command} --file plugins.yaml`?");
        assert!(refused.starts_with("exit 2") && refused.contains(&tip), "{refused}");
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
