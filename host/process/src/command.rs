//! The command to run a program.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::{Instant, sleep_until};

use crate::error::Error;
use crate::group::Group;
use crate::guard::Guard;
use crate::lines::{Line, Lines, Stream};

/// How long a run keeps reading output after the program has ended. Only a process that left the group can hold a pipe
/// open longer.
const READ_ON: Duration = Duration::from_secs(2);

/// The longest time limit. Longer limits are reduced to it, since adding them to an instant could overflow.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A program to run: path, working folder, arguments, environment and limits.
///
/// The environment is empty until [`Command::env`] adds to it. `Debug` shows the names of the variables, never
/// their values.
#[must_use = "a command does nothing until it is run"]
#[derive(Clone)]
pub struct Command {
    program: PathBuf,
    folder: PathBuf,
    timeout: Duration,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    silence_timeout: Option<Duration>,
    max_output_bytes: u64,
    max_line_bytes: usize,
}

/// The exit of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// The exit code; `None` if a signal ended the program.
    pub code: Option<i32>,
    /// The signal that ended the program.
    pub signal: Option<i32>,
}

impl Command {
    /// Creates a command that runs `program` in `folder` for at most `timeout`. `program` is a path, or a name that is
    /// looked up in the `PATH` given to the command.
    pub fn new(program: impl Into<PathBuf>, folder: impl Into<PathBuf>, timeout: Duration) -> Command {
        Command {
            program: program.into(),
            folder: folder.into(),
            timeout: timeout.min(LONGEST),
            args: Vec::new(),
            env: Vec::new(),
            silence_timeout: None,
            max_output_bytes: 64 * 1024 * 1024,
            max_line_bytes: 16 * 1024,
        }
    }

    /// Adds an argument.
    pub fn arg(mut self, arg: impl Into<OsString>) -> Command {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Command {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Adds an environment variable. A later value replaces an earlier one.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Command {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Kills the program if it writes nothing for this long. Not limited by default.
    pub fn silence_timeout(mut self, timeout: Duration) -> Command {
        self.silence_timeout = Some(timeout.min(LONGEST));
        self
    }

    /// Kills the program if both streams together exceed this size. The default is 64 MiB.
    pub fn max_output_bytes(mut self, max_bytes: u64) -> Command {
        self.max_output_bytes = max_bytes;
        self
    }

    /// Truncates lines after this many bytes. The default is 16 KiB.
    pub fn max_line_bytes(mut self, max_bytes: usize) -> Command {
        self.max_line_bytes = max_bytes;
        self
    }

    /// Runs the program to its end and passes each line of output to `on_line` as it is written.
    ///
    /// When it returns, every process of the program's group has ended.
    ///
    /// # Errors
    /// The program cannot be started, exceeds a time limit, or writes too much. A program that fails by itself is not
    /// an error: see [`Exit`].
    ///
    /// # Cancel safety
    /// Dropping the future kills the program's process group.
    pub async fn run(self, mut on_line: impl FnMut(Line)) -> Result<Exit, Error> {
        let started = Instant::now();
        let mut group = self.start()?;
        tracing::debug!(command = ?self, "started `{}`", self.program.display());
        let failed = |step, source| Error::Failed { program: self.program.clone(), step, source };

        let mut stdout = group.child().stdout.take();
        let mut stderr = group.child().stderr.take();
        let mut out_lines = Lines::new(Stream::Stdout, self.max_line_bytes);
        let mut err_lines = Lines::new(Stream::Stderr, self.max_line_bytes);
        let mut out_bytes = [0; 8 * 1024];
        let mut err_bytes = [0; 8 * 1024];
        let mut n_bytes: u64 = 0;
        let mut heard = started;
        let mut ended = None;

        while ended.is_none() || stdout.is_some() || stderr.is_some() {
            let (read, lines, bytes) = tokio::select! {
                biased;
                () = sleep_until(started + self.timeout), if ended.is_none() => {
                    return Err(Error::TimedOut { program: self.program.clone(), timeout: self.timeout });
                }
                timeout = silent(heard, self.silence_timeout), if ended.is_none() => {
                    return Err(Error::Silent { program: self.program.clone(), timeout });
                }
                () = sleep_until(ended.unwrap_or(started) + READ_ON), if ended.is_some() => break,
                result = group.child_ended(), if ended.is_none() => {
                    result.map_err(|error| failed("wait for", error))?;
                    group.kill();
                    ended = Some(Instant::now());
                    continue;
                }
                read = read(&mut stdout, &mut out_bytes) => (read, &mut out_lines, &out_bytes),
                read = read(&mut stderr, &mut err_bytes) => (read, &mut err_lines, &err_bytes),
            };
            let n_read = read.map_err(|error| failed("read from", error))?;
            n_bytes += n_read as u64;
            if n_bytes > self.max_output_bytes {
                return Err(Error::OutputTooLarge { program: self.program.clone(), max_bytes: self.max_output_bytes });
            }
            heard = Instant::now();
            lines.push(&bytes[..n_read], &mut on_line);
        }
        out_lines.finish(&mut on_line);
        err_lines.finish(&mut on_line);
        let exit = Exit::from(group.reap().await.map_err(|error| failed("wait for", error))?);
        tracing::debug!(
            ?exit,
            duration_ms = started.elapsed().as_millis() as u64,
            "`{}` {exit}",
            self.program.display()
        );
        Ok(exit)
    }

    #[expect(clippy::disallowed_methods, reason = "only this crate starts programs")]
    fn start(&self) -> Result<Group, Error> {
        let failed = |step, source| Error::Failed { program: self.program.clone(), step, source };
        // The system returns the same error code for a missing folder and a missing program.
        if !self.folder.is_dir() {
            let reason = format!("the working folder `{}` does not exist", self.folder.display());
            return Err(failed("start", io::Error::new(io::ErrorKind::NotFound, reason)));
        }
        // Started first, so that a killed host never leaves the program behind.
        let guard = Guard::start().map_err(|error| failed("watch", error))?;
        let group = guard.as_ref().map_or(0, |guard| guard.id().as_raw_nonzero().get());
        let child = tokio::process::Command::new(&self.program)
            .args(&self.args)
            .current_dir(&self.folder)
            .env_clear()
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(group)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => Error::NotFound { program: self.program.clone() },
                _ => failed("start", error),
            })?;
        Group::new(child, guard).map_err(|error| failed("watch", error))
    }
}

/// Reads once from a pipe and closes it at its end. Never returns for a closed pipe.
async fn read(pipe: &mut Option<impl AsyncRead + Unpin>, bytes: &mut [u8]) -> io::Result<usize> {
    let Some(open) = pipe else { return std::future::pending().await };
    let n_read = open.read(bytes).await?;
    if n_read == 0 {
        *pipe = None;
    }
    Ok(n_read)
}

/// Returns the timeout once it has elapsed since `heard`.
async fn silent(heard: Instant, timeout: Option<Duration>) -> Duration {
    let Some(timeout) = timeout else { return std::future::pending().await };
    sleep_until(heard + timeout).await;
    timeout
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.env.iter().map(|(name, _)| name).collect();
        f.debug_struct("Command")
            .field("program", &self.program)
            .field("args", &self.args)
            .field("folder", &self.folder)
            .field("env", &names)
            .field("timeout", &self.timeout)
            .field("silence_timeout", &self.silence_timeout)
            .finish_non_exhaustive()
    }
}

// === impl Exit ===

impl Exit {
    /// Returns whether the exit code is 0.
    pub fn is_success(&self) -> bool {
        self.code == Some(0)
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Exit {
        Exit { code: status.code(), signal: status.signal() }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => write!(f, "ended with code {code}"),
            (None, Some(signal)) => write!(f, "was ended by signal {signal}"),
            (None, None) => f.write_str("ended"),
        }
    }
}
