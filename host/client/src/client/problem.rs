//! Converts problem documents of the host to failures of this program.

use host_api::{OperationPart, Problem};

use crate::failure::Failure;

/// The pointer of a problem's error that contains the compiler output.
const COMPILER: &str = "cargo";

/// Converts a problem to a failure: message, individual errors, fix.
pub(crate) fn failure(problem: &Problem) -> Failure {
    let errors: Vec<_> = problem.errors.iter().filter(|error| error.pointer != COMPILER).collect();
    // A hint that is the fix is shown once, as the fix.
    let without_fix = |message: &str| match message.split_once("; hint: ") {
        Some((message, hint)) if problem.fix.as_deref() == Some(hint) => message.to_owned(),
        _ => message.to_owned(),
    };
    let whole = errors.iter().map(|error| error.message.clone()).collect::<Vec<_>>();
    let mut details = whole.iter().map(|message| without_fix(message)).collect::<Vec<_>>();
    // The detail repeats the errors, which are shown line by line here.
    let repeated = [whole.join("; "), details.join("; ")];
    let message = repeated.iter().find_map(|listed| problem.detail.strip_suffix(listed.as_str()));
    let message = message.unwrap_or(&problem.detail).trim_end_matches([':', ' ']);
    details.extend(problem.parts.iter().map(part));
    let mut failure = match (message, details.as_slice()) {
        ("", [only]) => Failure::failed(only),
        ("", _) => Failure { details, ..Failure::failed(&problem.title) },
        (message, _) => Failure { details, ..Failure::failed(message) },
    };
    failure.compiler = problem.errors.iter().find(|error| error.pointer == COMPILER).map(|error| error.message.clone());
    // The message repeats the first line of the compiler's output, which is shown below it.
    if let Some(first) = failure.compiler.as_deref().and_then(|output| output.lines().find(|line| !line.is_empty())) {
        let without_label = first.strip_prefix("error: ").unwrap_or(first);
        let message = failure.message.strip_suffix(first).or_else(|| failure.message.strip_suffix(without_label));
        if let Some(message) = message {
            failure.message = message.trim_end_matches([':', ' ']).to_owned();
        }
    }
    failure.fix = problem.fix.as_deref().map(in_words);
    failure
}

/// Replaces API parameters in a fix by the flags of this program.
fn in_words(fix: &str) -> String {
    const FLAGS: [(&str, &str); 2] = [
        ("or set `cascade`", "or add `--cascade`"),
        (
            "or send `on_conflict=queue` or `on_conflict=replace`",
            "or add `--on-conflict queue` or `--on-conflict replace`",
        ),
    ];
    FLAGS.iter().fold(fix.to_owned(), |fix, (asked, typed)| fix.replace(asked, typed))
}

/// Describes the outcome of one part of a batch.
fn part(part: &OperationPart) -> String {
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
    fn a_problem_is_shown_with_message_errors_and_fix() {
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
            Some("disable `a`, `b` first, or set `cascade`"),
            expect![[r#"
                error: `db` cannot be disabled: `a`, `b` need it

                fix: disable `a`, `b` first, or add `--cascade`"#]],
        );
        check(
            "`hello` is busy",
            &[],
            Some("wait until it ends, or send `on_conflict=queue` or `on_conflict=replace`"),
            expect![[r#"
                error: `hello` is busy

                fix: wait until it ends, or add `--on-conflict queue` or `--on-conflict replace`"#]],
        );
        check(
            "the policy `manual` allows no automatic updates",
            &[("update.automatic", "the policy `manual` allows no automatic updates; hint: set it to false")],
            Some("set it to false"),
            expect![[r#"
                error: the policy `manual` allows no automatic updates

                fix: set it to false"#]],
        );
        check(
            "failed to build the plugin: the plugin does not compile: expected `;`",
            &[("cargo", "error: expected `;`\n --> src/lib.rs:1:1")],
            None,
            expect![[r#"
                error: failed to build the plugin: the plugin does not compile

                  error: expected `;`
                   --> src/lib.rs:1:1"#]],
        );
    }
}
