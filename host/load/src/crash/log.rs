//! The file of crashes: one JSON object per line. The handlers append crashes, and [`CrashLog::forget`] appends the
//! plugins whose crashes no longer count. It is rewritten when a host starts.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::handler;

/// The number of crashes that are kept.
const MAX_CRASHES: usize = 64;

/// A crash of an earlier host process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crash {
    /// The plugin's id, `#`, and the number of the generation; `None` if no code of a plugin was running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    library: Option<String>,
    /// The occasion; `None` if the host had not called the plugin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    activity: Option<String>,
    cause: String,
    /// The time, in milliseconds since the Unix epoch.
    pub at_unix_ms: u64,
    /// Whether a host has read it at its start before.
    #[serde(default)]
    is_read: bool,
    /// Whether it no longer counts against its plugin.
    #[serde(default)]
    is_forgotten: bool,
}

/// A line of the file.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Crash(Crash),
    Forgotten { forgotten: String },
}

/// The crashes of earlier host processes, and the file to which a crash of this process is written.
#[derive(Debug)]
pub struct CrashLog {
    file: File,
    crashes: Vec<Crash>,
}

impl CrashLog {
    /// Reads the file at `path`, which need not exist. Lines that cannot be read are logged and removed.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn open(path: &Path) -> io::Result<CrashLog> {
        let text = match std::fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read?,
        };
        let crashes = read(&text);
        let new = path.with_extension("new");
        let options = || {
            let mut options = OpenOptions::new();
            options.create(true).mode(0o600);
            options
        };
        let mut file = options().write(true).truncate(true).open(&new)?;
        for crash in &crashes {
            let mut line = serde_json::to_vec(&Crash { is_read: true, ..crash.clone() })?;
            line.push(b'\n');
            file.write_all(&line)?;
        }
        file.sync_all()?;
        std::fs::rename(&new, path)?;
        let file = options().append(true).open(path)?;
        Ok(CrashLog { file, crashes })
    }

    /// Installs the handlers, which record a crash of this process. Call it once, before the first library is opened.
    ///
    /// # Errors
    /// The system refuses a handler.
    pub fn watch(&self) -> io::Result<()> {
        // A copy that is never closed: handlers may run at any time.
        let file = self.file.try_clone()?;
        handler::install(file.as_raw_fd())?;
        std::mem::forget(file);
        Ok(())
    }

    /// The crashes, oldest first.
    pub fn crashes(&self) -> &[Crash] {
        &self.crashes
    }

    /// Records that the crashes of a plugin no longer count, for the hosts that start later.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn forget(&self, plugin: &str) -> io::Result<()> {
        let mut line = serde_json::json!({ "forgotten": plugin }).to_string();
        line.push('\n');
        (&self.file).write_all(line.as_bytes())
    }
}

/// Reads the newest crashes of a file.
fn read(text: &[u8]) -> Vec<Crash> {
    let mut crashes: Vec<Crash> = vec![];
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice(line) {
            Ok(Line::Crash(crash)) => crashes.push(crash),
            Ok(Line::Forgotten { forgotten }) => crashes
                .iter_mut()
                .filter(|crash| crash.plugin() == Some(&forgotten))
                .for_each(|crash| crash.is_forgotten = true),
            Err(_) => tracing::warn!("a line of the file of crashes cannot be read and is removed"),
        }
    }
    crashes.drain(..crashes.len().saturating_sub(MAX_CRASHES));
    crashes
}

impl Crash {
    /// The plugin; `None` if no code of a plugin was running.
    pub fn plugin(&self) -> Option<&str> {
        Some(self.library.as_deref()?.split('#').next().unwrap_or_default())
    }

    /// The number of the plugin's generation.
    pub fn generation(&self) -> Option<u64> {
        self.library.as_deref()?.split_once('#')?.1.parse().ok()
    }

    /// The occasion on which its code ran: `open`, `start`, `hook`, `call`, `release` or `thread`; `None` if the host
    /// had not called it.
    pub fn activity(&self) -> Option<&str> {
        self.activity.as_deref()
    }

    /// The cause: the name of a signal, `stack_overflow`, or `exit`.
    pub fn cause(&self) -> &str {
        &self.cause
    }

    /// Whether no host has started since.
    pub fn is_new(&self) -> bool {
        !self.is_read
    }

    /// Whether it counts against its plugin.
    pub fn counts(&self) -> bool {
        !self.is_forgotten
    }

    /// One sentence for people, without the plugin's id.
    pub fn message(&self) -> String {
        match self.library {
            Some(_) => host_core::crash_message(self.generation(), self.activity(), &self.cause),
            None => format!("the host crashed outside of plugins: {}", host_core::crash_cause(&self.cause)),
        }
    }
}

#[cfg(test)]
mod tests;
