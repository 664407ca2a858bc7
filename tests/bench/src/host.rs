//! A host as a process of this program's own: started, asked, and ended in either way.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::http::Connection;
use crate::{Result, process};

/// Much longer than a host takes to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program and the folder that holds the data of its hosts, each in a folder of its own.
#[derive(Clone)]
pub struct Program {
    pub path: String,
    pub work: PathBuf,
}

/// A host that runs. Killed when it is dropped.
pub struct Host {
    child: Child,
    address: String,
    token: String,
    /// When the program was started.
    pub started: Instant,
    /// Milliseconds from then until it said that it listens.
    pub listening: f64,
}

/// How a host ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It is told to stop.
    Orderly,
    /// `kill -9`.
    Killed,
}

impl Program {
    /// Starts a host with the data folders of that name; returns as soon as it listens.
    pub fn start(&self, name: &str) -> Result<Host> {
        self.start_with(name, None)
    }

    /// The same with a limit of open files, unless it is that of this program.
    pub fn start_with(&self, name: &str, files: Option<u32>) -> Result<Host> {
        let folder = self.work.join(name);
        fs::create_dir_all(&folder)?;
        let (plugins, cache) = (folder.join("plugins"), folder.join("cache"));
        let log = File::options().create(true).append(true).open(folder.join("log"))?;
        #[expect(clippy::disallowed_methods, reason = "a tool for measuring has no rooms of its own")]
        let mut command = match files {
            None => Command::new(&self.path),
            Some(files) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!(r#"ulimit -n {files} && exec "$0" "$@""#), &self.path]);
                shell
            }
        };
        // Nothing is built here, and without a cargo nothing is compiled ahead either.
        command.args(["serve", "--port", "0", "--cargo", "/bin/false", "--log-filter", "warn"]);
        command.arg("--plugin-dir").arg(&plugins).arg("--cache-dir").arg(&cache).arg("--source-root").arg(&self.work);
        command.env_remove("RUST_LOG").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let started = Instant::now();
        let mut child = command.spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("a host without output")?);
        let mut line = String::new();
        lines.read_line(&mut line)?;
        let listening = started.elapsed().as_secs_f64() * 1e3;
        let address = line.trim().strip_prefix("listening on http://").map(str::to_owned);
        // What else it says is read, so that it never waits for a reader.
        std::thread::spawn(move || io::copy(&mut lines, &mut io::sink()));
        let mut host = Host { child, address: String::new(), token: String::new(), started, listening };
        host.address =
            address.ok_or_else(|| format!("the host did not start: see {}", folder.join("log").display()))?;
        host.token = fs::read_to_string(plugins.join("operator.token"))?.trim().to_owned();
        Ok(host)
    }

    /// Puts copies of a plugin with these ids into a folder for each; `more` is what their plugin.yaml says besides.
    pub fn copies(&self, plugin: &Path, library: &Path, ids: &[String], more: impl Fn(usize) -> String) -> Result<()> {
        let yaml = fs::read_to_string(plugin.join("plugin.yaml"))?;
        let rest = yaml.lines().filter(|line| !line.starts_with("id:")).collect::<Vec<_>>().join("\n");
        for (number, id) in ids.iter().enumerate() {
            let folder = self.copy(id);
            fs::create_dir_all(&folder)?;
            #[expect(clippy::disallowed_methods, reason = "a tool for measuring has no rooms of its own")]
            fs::write(folder.join("plugin.yaml"), format!("id: {id}\n{rest}\n{}", more(number)))?;
            fs::copy(library, folder.join("library.so"))?;
        }
        Ok(())
    }

    fn copy(&self, id: &str) -> PathBuf {
        self.work.join("copies").join(id)
    }

    /// Has a host take in the copies with these ids.
    pub fn load(&self, host: &Host, ids: &[String]) -> Result<()> {
        let mut connection = host.connect()?;
        for id in ids {
            let body = json!({ "source": self.copy(id) }).to_string();
            connection.send("POST", "/api/plugins/load", &body)?.json()?;
        }
        Ok(())
    }
}

impl Host {
    /// Where it listens, as `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The initial admin token.
    pub fn token(&self) -> &str {
        &self.token
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A connection of the operator's.
    pub fn connect(&self) -> io::Result<Connection> {
        Connection::open(&self.address, Some(&self.token))
    }

    /// What the process has, once that is the same for a moment.
    pub fn settled(&self) -> Result<Counts> {
        let until = Instant::now() + Duration::from_secs(15);
        let mut last = Counts::of(self.pid())?;
        loop {
            std::thread::sleep(Duration::from_millis(200));
            let now = Counts::of(self.pid())?;
            if (now.files, now.threads, now.rss) == (last.files, last.threads, last.rss) || Instant::now() > until {
                return Ok(now);
            }
            last = now;
        }
    }

    /// Sends it the signal of an ending. It has not been waited for, so the number is still its own.
    pub fn signal(&self, ending: Ending) -> Result<()> {
        let signal = match ending {
            Ending::Orderly => Signal::TERM,
            Ending::Killed => Signal::KILL,
        };
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }

    /// Ends it and waits for its end.
    pub fn end(mut self, ending: Ending) -> Result<()> {
        self.signal(ending)?;
        let until = Instant::now() + PATIENCE;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > until {
                return Err("the host does not end".into());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a process has; memory in kB.
#[derive(Clone, Copy)]
pub struct Counts {
    pub rss: f64,
    /// The part of it that is no file's.
    pub anonymous: f64,
    /// The part of it that is files in memory, such as the copies of libraries.
    pub shared: f64,
    pub files: f64,
    pub threads: f64,
}

impl Counts {
    pub fn of(pid: u32) -> io::Result<Counts> {
        let status = format!("{pid}/status");
        Ok(Counts {
            rss: process::kilobytes(&status, "VmRSS")?,
            anonymous: process::kilobytes(&status, "RssAnon")?,
            shared: process::kilobytes(&status, "RssShmem")?,
            files: process::open_files(pid)? as f64,
            threads: process::threads(pid)? as f64,
        })
    }
}
