//! Failures of a command: message, causes, fix and exit code.

use std::error::Error;
use std::fmt;

use bytes::Bytes;

use crate::output::text::printable;

/// The failure of a command, printed to standard error.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// The message.
    pub message: String,
    /// The causes, or the individual problems.
    pub details: Vec<String>,
    /// The compiler output of a failed build.
    pub compiler: Option<String>,
    /// The suggested fix.
    pub fix: Option<String>,
    /// The host's response, unchanged, for `--json`.
    pub response: Option<Bytes>,
}

/// The exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The host refused the request, or the request failed.
    Failed = 1,
    /// Invalid arguments or configuration.
    Usage = 2,
    /// The host cannot be reached.
    Unreachable = 3,
    /// `plan --exit-code` found changes. Nothing is printed.
    Changes = 10,
}

impl Failure {
    /// Creates a failure with exit code 1.
    pub fn failed(message: impl Into<String>) -> Failure {
        let message = message.into();
        Failure { exit: Exit::Failed, message, details: vec![], compiler: None, fix: None, response: None }
    }

    /// Creates a failure for invalid arguments or configuration.
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure { exit: Exit::Usage, ..Failure::failed(message) }
    }

    /// Creates a failure for a host that cannot be reached.
    pub fn unreachable(message: impl Into<String>) -> Failure {
        Failure { exit: Exit::Unreachable, ..Failure::failed(message) }
    }

    /// Creates a failure from an error and its causes. Text after `; hint: ` in them becomes the fix.
    pub fn from_error(message: impl Into<String>, error: &(dyn Error + 'static)) -> Failure {
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
                // Some errors repeat the text of their cause.
                None if failure.details.last().is_some_and(|last| last.ends_with(&line)) => {}
                None => failure.details.push(line),
            }
        }
        failure
    }

    /// Returns the code of the problem that the host returned.
    pub(crate) fn code(&self) -> Option<String> {
        let problem: host_api::Problem = serde_json::from_slice(self.response.as_deref()?).ok()?;
        Some(problem.code)
    }

    /// Adds a cause.
    pub fn because(mut self, detail: impl Into<String>) -> Failure {
        self.details.push(detail.into());
        self
    }

    /// Sets the fix.
    pub fn fix(mut self, fix: impl Into<String>) -> Failure {
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
