//! Opens or starts a library in a child of this program: a crash or a hang costs the child.
//!
//! The child says where it is, and in the end how it went, in lines of its standard output; what else it writes is the
//! library's.

mod child;
mod services;

use std::path::PathBuf;
use std::time::Duration;

use host_load::Error;
use host_process::{Command, Error as ProcessError, Exit, Stream};
use host_run::{Attempt, Depth, Tried, TryOut, Trying};
use host_store::atomic;
use serde::{Deserialize, Serialize};

pub(crate) use child::try_library;

/// What stands before each line of the child's own: the library may write lines too.
const MARK: &str = "plugin-host-trial: ";
/// The files that the child finds in its folder.
const MANIFEST: &str = "plugin.yaml";
const CONFIGURATION: &str = "configuration.json";
/// How long the stop hook may take in a process that ends in any case.
const STOP: Duration = Duration::from_secs(1);
/// How long the child may take besides what it waits for the library.
const EXTRA: Duration = Duration::from_secs(5);
/// More is no sentence any more.
const MAX_CHARS: usize = 300;

/// Starts libraries in children of this program.
#[derive(Clone, Debug)]
pub(crate) struct Children {
    /// What they see of the environment.
    environment: Vec<(String, String)>,
}

/// A line of the child's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    /// What it does from here on.
    At(Stage),
    /// All went well.
    Passed,
    /// Something said no.
    Refused(String),
    /// The library did not come back in time.
    TimedOut,
    /// There was no room on the disk to begin.
    NoRoom,
}

/// What is done with a library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    Open,
    Validate,
    Start,
    Probe,
}

/// What was heard of a child so far.
#[derive(Debug, Default)]
struct Heard {
    stage: Option<Stage>,
    /// How it went, in the child's own words.
    ended: Option<Said>,
    /// The last line on standard error.
    last: Option<String>,
}

impl Children {
    /// Children that see this of the environment.
    pub(crate) fn new(environment: Vec<(String, String)>) -> Children {
        Children { environment }
    }

    async fn run(&self, attempt: Attempt<'_>) -> Result<Tried, Error> {
        for (name, bytes) in
            [(MANIFEST, attempt.manifest_text.to_vec()), (CONFIGURATION, configuration(attempt.configuration))]
        {
            let path: PathBuf = attempt.folder.join(name);
            let written = tokio::task::spawn_blocking(move || atomic::write(&path, &bytes, 0o600)).await;
            let written = written.map_err(std::io::Error::other).and_then(|written| written);
            written.map_err(|error| match host_store::is_full(&error) {
                true => Error::TrialFull,
                false => Error::TrialFailed { reason: format!("`{name}` could not be written for it: {error}") },
            })?;
        }
        let mut heard = Heard::default();
        let exit = self.command(&attempt).run(|line| heard.line(line.stream, line.text, attempt.say)).await;
        heard.verdict(exit, attempt.timeout)
    }

    fn command(&self, attempt: &Attempt<'_>) -> Command {
        let stage = attempt.timeout;
        let all = stage * 3 + attempt.manifest.health.timeout + STOP + EXTRA;
        // The very program that runs now, even when another one has taken its name meanwhile.
        let mut command = Command::new("/proc/self/exe", attempt.folder, all)
            // The child says where it is. One that stopped itself, or lost the thread that counts, is not heard of again.
            .silence_timeout(stage.max(attempt.manifest.health.timeout) + EXTRA)
            .arg("try-library")
            .args(["--scratch".into(), attempt.folder.as_os_str().to_owned()])
            .args(["--timeout-ms".to_owned(), stage.as_millis().to_string()]);
        for (name, value) in &self.environment {
            command = command.env(name, value);
        }
        if attempt.depth == Depth::Open {
            command = command.arg("--open-only");
        }
        command.arg("--").arg(attempt.library)
    }
}

impl TryOut for Children {
    fn try_out<'a>(&'a self, attempt: Attempt<'a>) -> Trying<'a> {
        Box::pin(self.run(attempt))
    }
}

fn configuration(configuration: &serde_json::Map<String, serde_json::Value>) -> Vec<u8> {
    serde_json::to_vec(configuration).expect("JSON always has a text")
}

// === impl Heard ===

impl Heard {
    /// Takes a line; one that is the library's is handed on.
    fn line(&mut self, stream: Stream, text: String, say: &(dyn Fn(&str) + Send + Sync)) {
        let own = text.split_once(MARK).filter(|_| stream == Stream::Stdout);
        match own.and_then(|(before, said)| Some((before, serde_json::from_str::<Said>(said).ok()?))) {
            Some((before, said)) => {
                if !before.trim().is_empty() {
                    say(&format!("child: {before}"));
                }
                match said {
                    Said::At(stage) => self.stage = Some(stage),
                    said => self.ended = Some(said),
                }
            }
            None if text.trim().is_empty() => {}
            None => {
                say(&format!("child: {text}"));
                // What Rust says after each panic says nothing of this one.
                if stream == Stream::Stderr && !text.starts_with("note: run with `RUST_BACKTRACE=1`") {
                    self.last = Some(short(&text));
                }
            }
        }
    }

    /// What it comes to. How the process ended does not count once it has said how it went.
    fn verdict(self, exit: Result<Exit, ProcessError>, timeout: Duration) -> Result<Tried, Error> {
        let Heard { stage, ended, last: said } = self;
        let timed_out =
            |during, said| Err(Error::TrialTimedOut { during: Stage::during(during), after: timeout, said });
        match (ended, stage, exit) {
            (Some(Said::Passed), ..) => Ok(Tried::Passed),
            (Some(Said::Refused(reason)), ..) => Ok(Tried::Refused { reason }),
            (Some(Said::TimedOut), Some(stage), _) => timed_out(stage, said),
            (Some(Said::NoRoom), ..) => Err(Error::TrialFull),
            (_, Some(stage), Err(ProcessError::TimedOut { .. } | ProcessError::Silent { .. })) => {
                timed_out(stage, said)
            }
            (_, Some(stage), Ok(exit)) => Err(Error::TrialCrashed { during: stage.during(), how: how(exit), said }),
            (_, Some(stage), Err(ProcessError::OutputTooLarge { max_bytes, .. })) => {
                let how = format!("was killed because it wrote more than {max_bytes} bytes");
                Err(Error::TrialCrashed { during: stage.during(), how, said })
            }
            (_, None, Ok(exit)) => {
                let said = said.map(|said| format!("; its last line was `{said}`")).unwrap_or_default();
                Err(Error::TrialFailed { reason: format!("the child {exit} before it opened the library{said}") })
            }
            (_, _, Err(error)) => {
                let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
                Err(Error::TrialFailed { reason: format!("{error}{}", source.unwrap_or_default()) })
            }
        }
    }
}

impl Stage {
    /// The end of a sentence about what went wrong.
    fn during(self) -> &'static str {
        match self {
            Stage::Open => "while it was opened",
            Stage::Validate => "in its `validate` hook",
            Stage::Start => "while it started",
            Stage::Probe => "in its first health probe",
        }
    }
}

/// How a process ended, with the name of a signal that faulty code is ended by.
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

    fn heard(lines: &[(Stream, &str)]) -> Heard {
        let mut heard = Heard::default();
        for (stream, text) in lines {
            heard.line(*stream, (*text).to_owned(), &|_| {});
        }
        heard
    }

    #[test]
    fn what_a_child_comes_to() {
        use Stream::{Stderr, Stdout};
        let at = |stage: &str| format!(r#"{MARK}{{"at":"{stage}"}}"#);
        let (open, start) = (at("open"), at("start"));
        let passed = format!("a line without its end{MARK}\"passed\"");
        let aborted = || ended(None, Some(6));
        let code = |lines: &[(Stream, &str)], exit| match heard(lines).verdict(exit, SECOND) {
            Ok(tried) => format!("{tried:?}"),
            Err(error) => format!("{}: {error}", error.code()),
        };
        assert_eq!(code(&[(Stdout, &open), (Stdout, &passed)], aborted()), "Passed");
        assert_eq!(
            code(&[(Stdout, &open), (Stdout, &start), (Stderr, "bad"), (Stderr, "")], aborted()),
            "load_trial_crashed: the plugin ended the child process that tried it while it started: the child was ended by \
             signal 6 (SIGABRT); its last line was `bad`"
        );
        // One that ends by itself has not come back either.
        assert!(code(&[(Stdout, &open)], ended(Some(0), None)).starts_with("load_trial_crashed: "));
        assert!(code(&[(Stdout, &open), (Stderr, &passed)], aborted()).starts_with("load_trial_crashed: "));
        assert!(code(&[(Stderr, "no room")], ended(Some(1), None)).starts_with("load_trial_failed: "));
        let no_room = format!("{MARK}\"no_room\"");
        assert!(code(&[(Stdout, &no_room)], ended(Some(1), None)).starts_with("load_trial_full: "));
        let timed_out = ProcessError::TimedOut { program: "x".into(), timeout: SECOND };
        assert!(code(&[(Stdout, &open)], Err(timed_out)).starts_with("load_trial_timed_out: "));
    }

    #[test]
    fn lines_of_the_library_are_handed_on() {
        let lines = std::sync::Mutex::new(vec![]);
        let mut heard = Heard::default();
        for text in ["hello", "", &format!("end{MARK}\"passed\""), &format!("{MARK}no JSON")] {
            heard.line(Stream::Stdout, text.to_owned(), &|line| lines.lock().unwrap().push(line.to_owned()));
        }
        assert_eq!(*lines.lock().unwrap(), ["child: hello", "child: end", &format!("child: {MARK}no JSON")]);
        assert_eq!(heard.ended, Some(Said::Passed));
    }
}
