//! Runs a trial: opens a library in a child process, and also validates, starts, probes, stops and drops its plugin
//! there if required, so that a crash or hang does not affect the host.
//!
//! The child reports its current stage and its result as marked lines on standard output. All other output belongs to
//! the library.

mod child;
mod services;

use std::path::PathBuf;
use std::time::Duration;

use host_core::{Size, visible_line};
use host_load::Error;
use host_process::{Command, Error as ProcessError, Exit, Stream};
use host_run::{TrialAttempt, TrialDepth, TrialFuture, TrialOutcome, TrialRunner};
use host_store::atomic;
use serde::{Deserialize, Serialize};

pub use child::try_library;

/// The prefix of the child's reports, since the library may also write lines.
const MARK: &str = "plugin-host-trial: ";
/// The files in the child's working folder.
const MANIFEST: &str = "plugin.yaml";
const CONFIGURATION: &str = "configuration.json";
/// Time limit of the stop hook, and of the drop of the plugin. A plugin that needs longer is not refused.
const STOP: Duration = Duration::from_secs(5);
/// Time limit of the child in addition to the time limits of the library.
const EXTRA: Duration = Duration::from_secs(5);
/// Maximum length of a quoted line.
const MAX_CHARS: usize = 300;

/// Runs trials in child processes.
#[derive(Clone, Debug)]
pub struct Children {
    /// The environment variables of the child.
    environment: Vec<(String, String)>,
}

/// A report of the child.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ChildReport {
    /// The stage that starts now.
    At(Stage),
    /// The trial succeeded.
    Passed,
    /// The library or a hook failed.
    Refused(String),
    /// A stage exceeded its time limit.
    TimedOut,
    /// The disk is full.
    NoRoom,
}

/// A stage of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    Open,
    Validate,
    Start,
    Probe,
    Stop,
    Drop,
}

/// The output of a child so far.
#[derive(Debug, Default)]
struct ChildOutput {
    stage: Option<Stage>,
    /// The result reported by the child.
    result: Option<ChildReport>,
    /// The last line on standard error.
    last_line: Option<String>,
}

impl Children {
    /// Creates a trial runner with the environment variables for its child processes.
    pub fn new(environment: Vec<(String, String)>) -> Children {
        Children { environment }
    }

    async fn run(&self, attempt: TrialAttempt<'_>) -> Result<TrialOutcome, Error> {
        for (name, bytes) in
            [(MANIFEST, attempt.manifest_text.to_vec()), (CONFIGURATION, configuration(attempt.configuration))]
        {
            let path: PathBuf = attempt.folder.join(name);
            let written = tokio::task::spawn_blocking(move || atomic::write(&path, &bytes, 0o600)).await;
            let written = written.map_err(std::io::Error::other).and_then(|written| written);
            written.map_err(|error| {
                if host_store::is_full(&error) {
                    Error::TrialFull
                } else {
                    Error::TrialFailed { reason: format!("failed to write `{name}` for the child process: {error}") }
                }
            })?;
        }
        let mut output = ChildOutput::default();
        let exit = self.command(&attempt).run(|line| output.line(line.stream, line.text, attempt.on_line)).await;
        output.verdict(exit, attempt.timeout)
    }

    fn command(&self, attempt: &TrialAttempt<'_>) -> Command {
        let stage = attempt.timeout;
        let all = stage * 3 + attempt.manifest.health.timeout + STOP * 2 + EXTRA;
        // The running program, even if its file was replaced since it started.
        let mut command = Command::new("/proc/self/exe", attempt.folder, all)
            // The child reports each stage. If the library stops the process or its threads, no further report arrives.
            .silence_timeout(stage.max(attempt.manifest.health.timeout).max(STOP) + EXTRA)
            .arg("try-library")
            .args(["--scratch".into(), attempt.folder.as_os_str().to_owned()])
            .args(["--timeout-ms".to_owned(), stage.as_millis().to_string()]);
        for (name, value) in &self.environment {
            command = command.env(name, value);
        }
        if attempt.depth == TrialDepth::Open {
            command = command.arg("--open-only");
        }
        command.arg("--").arg(attempt.library)
    }
}

impl TrialRunner for Children {
    fn try_out<'a>(&'a self, attempt: TrialAttempt<'a>) -> TrialFuture<'a> {
        Box::pin(self.run(attempt))
    }
}

fn configuration(configuration: &serde_json::Map<String, serde_json::Value>) -> Vec<u8> {
    serde_json::to_vec(configuration).expect("JSON always has a text")
}

// === impl ChildOutput ===

impl ChildOutput {
    /// Processes a line: a report of the child, or output of the library, which is passed to `on_line`.
    fn line(&mut self, stream: Stream, text: String, on_line: &(dyn Fn(&str) + Send + Sync)) {
        let own = text.split_once(MARK).filter(|_| stream == Stream::Stdout);
        match own.and_then(|(before, json)| Some((before, serde_json::from_str::<ChildReport>(json).ok()?))) {
            Some((before, report)) => {
                if !before.trim().is_empty() {
                    on_line(&format!("child: {}", visible_line(before)));
                }
                match report {
                    ChildReport::At(stage) => self.stage = Some(stage),
                    report => self.result = Some(report),
                }
            }
            None if text.trim().is_empty() => {}
            None => {
                let text = visible_line(&text);
                on_line(&format!("child: {text}"));
                // Rust prints this note after every panic, so it does not explain the crash.
                if stream == Stream::Stderr && !text.starts_with("note: run with `RUST_BACKTRACE=1`") {
                    self.last_line = Some(short(&text));
                }
            }
        }
    }

    /// Returns the result of the trial. The exit of the process only counts if the child reported no result.
    fn verdict(self, exit: Result<Exit, ProcessError>, timeout: Duration) -> Result<TrialOutcome, Error> {
        let ChildOutput { stage, result, last_line } = self;
        let timed_out =
            |stage: Stage, last_line| Err(Error::TrialTimedOut { during: stage.during(), after: timeout, last_line });
        match (result, stage, exit) {
            (Some(ChildReport::Passed), ..) => Ok(TrialOutcome::Passed),
            (Some(ChildReport::Refused(reason)), ..) => Ok(TrialOutcome::Refused { reason }),
            (Some(ChildReport::TimedOut), Some(stage), _) => timed_out(stage, last_line),
            (Some(ChildReport::NoRoom), ..) => Err(Error::TrialFull),
            (_, Some(stage), Err(ProcessError::TimedOut { .. } | ProcessError::Silent { .. })) => {
                timed_out(stage, last_line)
            }
            (_, Some(stage), Ok(exit)) => {
                Err(Error::TrialCrashed { during: stage.during(), how: how(exit), last_line })
            }
            (_, Some(stage), Err(ProcessError::OutputTooLarge { max_bytes, .. })) => {
                let how = format!("was killed because it wrote more than {}", Size::new(max_bytes));
                Err(Error::TrialCrashed { during: stage.during(), how, last_line })
            }
            (_, None, Ok(exit)) => {
                let quoted = last_line.map(|line| format!("; its last line was `{line}`")).unwrap_or_default();
                Err(Error::TrialFailed {
                    reason: format!("the child process {exit} before it opened the library{quoted}"),
                })
            }
            (_, _, Err(error)) => {
                let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
                Err(Error::TrialFailed { reason: format!("{error}{}", source.unwrap_or_default()) })
            }
        }
    }
}

impl Stage {
    /// Describes the stage, to complete an error message.
    fn during(self) -> &'static str {
        match self {
            Stage::Open => "while it was opened",
            Stage::Validate => "in its `validate` hook",
            Stage::Start => "while it started",
            Stage::Probe => "in its first health probe",
            Stage::Stop => "in its `stop` hook",
            Stage::Drop => "while it was dropped",
        }
    }
}

/// Describes how a process ended, with the name of a signal that is typical of faulty code.
fn how(exit: Exit) -> String {
    let name = match exit.signal {
        Some(4) => " (SIGILL)",
        Some(6) => " (SIGABRT)",
        Some(7) => " (SIGBUS)",
        Some(8) => " (SIGFPE)",
        Some(9) => " (SIGKILL)",
        Some(11) => " (SIGSEGV)",
        _ => "",
    };
    format!("{exit}{name}")
}

fn short(text: &str) -> String {
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn ended(code: Option<i32>, signal: Option<i32>) -> Result<Exit, ProcessError> {
        Ok(Exit { code, signal })
    }

    fn output(lines: &[(Stream, &str)]) -> ChildOutput {
        let mut output = ChildOutput::default();
        for (stream, text) in lines {
            output.line(*stream, (*text).to_owned(), &|_| {});
        }
        output
    }

    #[test]
    fn the_result_of_a_trial_depends_on_reports_and_exit() {
        use Stream::{Stderr, Stdout};
        let at = |stage: &str| format!(r#"{MARK}{{"at":"{stage}"}}"#);
        let open = at("open");
        let stop = at("stop");
        let start = at("start");
        let passed = format!("a line without its end{MARK}\"passed\"");
        let aborted = || ended(None, Some(6));
        let code = |lines: &[(Stream, &str)], exit| match output(lines).verdict(exit, SECOND) {
            Ok(tried) => format!("{tried:?}"),
            Err(error) => format!("{}: {error}", error.code()),
        };
        assert_eq!(code(&[(Stdout, &open), (Stdout, &passed)], aborted()), "Passed");
        assert_eq!(
            code(&[(Stdout, &open), (Stdout, &start), (Stderr, "bad"), (Stderr, "")], aborted()),
            "load_trial_crashed: the plugin ended the trial process while it started: the child was ended by \
             signal 6 (SIGABRT); its last line was `bad`"
        );
        assert!(
            code(&[(Stdout, &open), (Stdout, &stop)], aborted())
                .starts_with("load_trial_crashed: the plugin ended the trial process in its `stop` hook: ")
        );
        // A process that exits without a result counts as crashed.
        assert!(code(&[(Stdout, &open)], ended(Some(0), None)).starts_with("load_trial_crashed: "));
        assert!(code(&[(Stdout, &open), (Stderr, &passed)], aborted()).starts_with("load_trial_crashed: "));
        assert!(code(&[(Stderr, "no room")], ended(Some(1), None)).starts_with("load_trial_failed: "));
        let no_room = format!("{MARK}\"no_room\"");
        assert!(code(&[(Stdout, &no_room)], ended(Some(1), None)).starts_with("load_trial_full: "));
        let timed_out = ProcessError::TimedOut { program: "x".into(), timeout: SECOND };
        assert!(code(&[(Stdout, &open)], Err(timed_out)).starts_with("load_trial_timed_out: "));
    }

    #[test]
    fn output_of_the_library_is_passed_on() {
        let lines = std::sync::Mutex::new(vec![]);
        let mut output = ChildOutput::default();
        for text in ["hello", "", "\u{202e}x", &format!("end{MARK}\"passed\""), &format!("{MARK}no JSON")] {
            output.line(Stream::Stdout, text.to_owned(), &|line| lines.lock().unwrap().push(line.to_owned()));
        }
        let expected = ["child: hello", "child: \\u{202e}x", "child: end", &format!("child: {MARK}no JSON")];
        assert_eq!(*lines.lock().unwrap(), expected);
        assert_eq!(output.result, Some(ChildReport::Passed));
    }
}
