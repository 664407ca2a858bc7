//! Failures of operations.

use host_client::Failure;

/// Creates a failure from an operation's error: its causes, each problem of plugin.yaml, the compiler output, the fix.
pub fn operation_failure(message: impl Into<String>, error: &host_run::Error) -> Failure {
    let mut failure = Failure::from_error(message, error);
    match error {
        host_run::Error::Manifest { problems } => {
            failure.details = vec!["plugin.yaml is invalid:".to_owned()];
            failure.details.extend(problems.iter().map(|problem| format!("  {problem}")));
        }
        host_run::Error::Build(build) => failure.compiler = build.compiler_output().map(str::to_owned),
        host_run::Error::BuildOfSource { source, notes } => {
            failure.compiler = source.compiler_output().map(str::to_owned);
            failure.details.extend(notes.iter().cloned());
        }
        _ => {}
    }
    if let Some(fix) = error.fix() {
        failure.fix = Some(fix);
    }
    failure
}
