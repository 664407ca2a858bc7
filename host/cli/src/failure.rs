//! Why the program ends with something else than 0, and how it is told.

use std::error::Error;
use std::fmt;

use bytes::Bytes;

use crate::output::text::printable;

/// Why the program ends with something else than 0.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// What the program returns.
    pub(crate) exit: Exit,
    /// What failed.
    pub(crate) message: String,
    /// Why: causes, or each thing that is wrong.
    pub(crate) details: Vec<String>,
    /// What the compiler wrote, where it was that.
    pub(crate) compiler: Option<String>,
    /// What to do.
    pub(crate) fix: Option<String>,
    /// The host's answer, for those who asked for it as it is.
    pub(crate) answer: Option<Bytes>,
}

/// What the program returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The host refused or failed.
    Failed = 1,
    /// The words or the configuration are wrong.
    Usage = 2,
    /// No host can be reached.
    Unreachable = 3,
    /// All went well, and whoever asked wants to know that there is something to change. Nothing is printed.
    Changes = 10,
}

impl Failure {
    /// A failure of the host or of what it was asked.
    pub(crate) fn failed(message: impl Into<String>) -> Failure {
        let message = message.into();
        Failure { exit: Exit::Failed, message, details: vec![], compiler: None, fix: None, answer: None }
    }

    /// Wrong words or configuration.
    pub(crate) fn usage(message: impl Into<String>) -> Failure {
        Failure { exit: Exit::Usage, ..Failure::failed(message) }
    }

    /// No host.
    pub(crate) fn unreachable(message: impl Into<String>) -> Failure {
        Failure { exit: Exit::Unreachable, ..Failure::failed(message) }
    }

    /// A failure with its causes. What stands behind `hint: ` in them becomes the fix.
    pub(crate) fn of(message: impl Into<String>, error: &(dyn Error + 'static)) -> Failure {
        let mut failure = Failure::failed(message);
        let mut next = Some(error);
        while let Some(error) = next {
            let line = error.to_string();
            next = error.source();
            match line.split_once("; hint: ") {
                Some((what, hint)) => {
                    failure.details.push(what.to_owned());
                    failure.fix.get_or_insert_with(|| hint.to_owned());
                }
                // Some errors say what their cause says.
                None if failure.details.last().is_some_and(|last| last.ends_with(&line)) => {}
                None => failure.details.push(line),
            }
        }
        failure
    }

    /// What a host refused: the whole chain, each problem of plugin.yaml, what the compiler wrote, the fix.
    pub(crate) fn refused(message: impl Into<String>, error: &host_run::Error) -> Failure {
        let mut failure = Failure::of(message, error);
        match error {
            host_run::Error::Manifest { problems } => {
                failure.details = vec!["plugin.yaml is refused:".to_owned()];
                failure.details.extend(problems.iter().map(|problem| format!("  {problem}")));
            }
            host_run::Error::Build(build) => failure.compiler = build.compiler_output().map(str::to_owned),
            _ => {}
        }
        if let Some(fix) = error.fix() {
            failure.fix = Some(fix);
        }
        failure
    }

    /// Adds a cause.
    pub(crate) fn because(mut self, detail: impl Into<String>) -> Failure {
        self.details.push(detail.into());
        self
    }

    /// Adds what to do.
    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Failure {
        self.fix = Some(fix.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", printable(&self.message))?;
        for line in self.details.iter().flat_map(|detail| detail.lines()) {
            write!(f, "\n  {}", printable(line))?;
        }
        if let Some(compiler) = &self.compiler {
            f.write_str("\n")?;
            for line in compiler.lines() {
                write!(f, "\n{}", format!("  {}", printable(line)).trim_end())?;
            }
        }
        match &self.fix {
            Some(fix) => write!(f, "\n\nfix: {}", printable(fix)),
            None => Ok(()),
        }
    }
}
