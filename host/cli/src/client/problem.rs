//! What a host answers when it refuses, told in this program's way.

use host_api::{Part, Problem};

use crate::failure::Failure;

/// Where a problem carries what the compiler wrote.
const COMPILER: &str = "cargo";

/// A problem as a failure: what failed, each thing that is wrong, what to do.
pub(crate) fn failure(problem: &Problem) -> Failure {
    let errors: Vec<_> = problem.errors.iter().filter(|error| error.pointer != COMPILER).collect();
    let listed = errors.iter().map(|error| error.message.as_str()).collect::<Vec<_>>().join("; ");
    // The one line for logs lists what follows here line by line.
    let message = problem.detail.strip_suffix(&listed).unwrap_or(&problem.detail).trim_end_matches([':', ' ']);
    let mut details = errors.iter().map(|error| error.message.clone()).collect::<Vec<_>>();
    details.extend(problem.parts.iter().map(part));
    let mut failure = match (message, details.as_slice()) {
        ("", [only]) => Failure::failed(only),
        ("", _) => Failure { details, ..Failure::failed(&problem.title) },
        (message, _) => Failure { details, ..Failure::failed(message) },
    };
    failure.compiler = problem.errors.iter().find(|error| error.pointer == COMPILER).map(|error| error.message.clone());
    failure.fix = problem.fix.as_deref().map(in_words);
    failure
}

/// What to do, as it is typed here and not as it is asked for over HTTP.
fn in_words(fix: &str) -> String {
    const FLAGS: [(&str, &str); 2] = [
        ("or ask for `cascade`", "or add `--cascade`"),
        ("or ask with `on_conflict=queue` or `replace`", "or add `--on-conflict queue` or `replace`"),
    ];
    FLAGS.iter().fold(fix.to_owned(), |fix, (asked, typed)| fix.replace(asked, typed))
}

/// What became of one of several things.
fn part(part: &Part) -> String {
    let why = part.problem.iter().map(|problem| format!(": {}", problem.detail)).collect::<String>();
    format!("{}: {} of {}{why}", part.state, part.operation, part.subject)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use host_api::FieldError;

    use super::*;

    fn check(detail: &str, errors: &[(&str, &str)], fix: Option<&str>, expected: Expect) {
        let error = |(pointer, message): &(&str, &str)| FieldError {
            pointer: pointer.to_string(),
            message: message.to_string(),
        };
        let errors = errors.iter().map(error).collect();
        let problem = Problem { detail: detail.to_owned(), errors, fix: fix.map(str::to_owned), ..Problem::default() };
        expected.assert_eq(&failure(&problem).to_string());
    }

    #[test]
    fn a_refusal_says_what_failed_why_and_what_to_do() {
        check(
            "no plugin `x` is installed",
            &[],
            Some("`plugin-host list` shows what is installed"),
            expect![[r#"
            error: no plugin `x` is installed

            fix: `plugin-host list` shows what is installed"#]],
        );
        check(
            "plugin.yaml is refused: plugin.yaml:1: a; plugin.yaml:2: b",
            &[("id", "plugin.yaml:1: a"), ("version", "plugin.yaml:2: b")],
            None,
            expect![[r#"
                error: plugin.yaml is refused
                  plugin.yaml:1: a
                  plugin.yaml:2: b"#]],
        );
        check(
            "failed to fetch the source: repository `a/b/c` is not allowed",
            &[],
            Some("add it to `allowed_repositories`"),
            expect![[r#"
                error: failed to fetch the source: repository `a/b/c` is not allowed

                fix: add it to `allowed_repositories`"#]],
        );
        check(
            "`db` cannot be disabled: `a`, `b` need it",
            &[("dependency_dependants", "`db` cannot be disabled: `a`, `b` need it")],
            Some("disable `a`, `b` first, or ask for `cascade`"),
            expect![[r#"
                error: `db` cannot be disabled: `a`, `b` need it

                fix: disable `a`, `b` first, or add `--cascade`"#]],
        );
        check(
            "failed to build the plugin: the plugin does not compile: expected `;`",
            &[("cargo", "error: expected `;`\n --> src/lib.rs:1:1")],
            None,
            expect![[r#"
                error: failed to build the plugin: the plugin does not compile: expected `;`

                  error: expected `;`
                   --> src/lib.rs:1:1"#]],
        );
    }
}
