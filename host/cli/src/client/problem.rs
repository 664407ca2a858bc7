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
    let mut failure = Failure::failed(message);
    if message.is_empty() {
        failure.message = problem.title.clone();
    }
    failure.details = errors.iter().map(|error| error.message.clone()).collect();
    failure.details.extend(problem.parts.iter().map(part));
    failure.compiler = problem.errors.iter().find(|error| error.pointer == COMPILER).map(|error| error.message.clone());
    failure.fix = problem.fix.clone();
    failure
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
