//! Runs wrk and reads what it prints.

use std::io::{self, Write as _};
use std::process::{Command, Output, Stdio};

/// What wrk saw.
#[derive(Clone, Debug)]
pub struct Run {
    /// Answers.
    pub requests: f64,
    /// Answers a second.
    pub rate: f64,
    /// The median latency in microseconds.
    pub p50: f64,
    /// The 99th percentile of the latency in microseconds.
    pub p99: f64,
    /// The largest latency in microseconds.
    pub max: f64,
    /// Answers with a status other than 2xx or 3xx, and connections that broke.
    pub failed: u64,
}

/// Longer than anything that is measured.
const A_DAY: &str = "86400s";

/// Two threads, as many connections, so many seconds. Requests are GETs, or POSTs of `json` when there is some.
pub fn run(url: &str, json: Option<&str>, connections: u32, seconds: u32) -> io::Result<Run> {
    // wrk removes nothing; the file lives until it has ended.
    let script = json.map(script).transpose()?;
    let mut wrk = command(connections, &format!("{seconds}s"));
    if let Some(script) = &script {
        wrk.arg("-s").arg(script.path());
    }
    read_output(&wrk.arg(url).output()?)
}

/// The same with GETs that send a header along, if there is one.
pub fn run_with_header(url: &str, header: Option<&str>, connections: u32, seconds: u32) -> io::Result<Run> {
    let mut wrk = command(connections, &format!("{seconds}s"));
    if let Some(header) = header {
        wrk.args(["-H", header]);
    }
    read_output(&wrk.arg(url).output()?)
}

/// The same with GETs, for as long as `work` takes.
pub fn run_during<T>(url: &str, connections: u32, work: impl FnOnce() -> T) -> io::Result<(Run, T)> {
    let wrk = command(connections, A_DAY).arg(url).stdout(Stdio::piped()).spawn()?;
    let done = work();
    // It has not been waited for, so the number is still its own. wrk ends by printing what it saw.
    #[expect(clippy::disallowed_methods, reason = "a tool for measuring has no rooms of its own")]
    let status = Command::new("kill").args(["-INT", &wrk.id().to_string()]).status()?;
    let output = wrk.wait_with_output()?;
    if !status.success() {
        return Err(io::Error::other("wrk ended before it was told to"));
    }
    Ok((read_output(&output)?, done))
}

fn command(connections: u32, duration: &str) -> Command {
    #[expect(clippy::disallowed_methods, reason = "a tool for measuring has no rooms of its own")]
    let mut wrk = Command::new("wrk");
    wrk.args(["-t2", "--latency", &format!("-c{connections}"), "-d", duration]).stderr(Stdio::inherit());
    wrk
}

fn read_output(output: &Output) -> io::Result<Run> {
    let text = String::from_utf8_lossy(&output.stdout);
    read(&text).filter(|_| output.status.success()).ok_or_else(|| io::Error::other(format!("wrk said: {text}")))
}

/// Says what each request is. Without functions in it, wrk writes the request once and calls no Lua while it measures.
fn script(json: &str) -> io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::NamedTempFile::new()?;
    writeln!(file, "wrk.method = 'POST'\nwrk.body = [[{json}]]\nwrk.headers['Content-Type'] = 'application/json'")?;
    Ok(file)
}

fn read(text: &str) -> Option<Run> {
    let after = |key: &str| text.lines().find_map(|line| line.trim().strip_prefix(key)).map(str::trim);
    let failed = after("Non-2xx or 3xx responses:").map_or(Some(0), |n| n.parse::<u64>().ok())?;
    // connect 0, read 0, write 0, timeout 0
    let broken = after("Socket errors:").map_or(Some(0), |line| {
        line.split(',').map(|part| part.split_whitespace().nth(1)?.parse::<u64>().ok()).sum::<Option<u64>>()
    })?;
    let requests = text.lines().find(|line| line.contains(" requests in "))?;
    Some(Run {
        requests: requests.split_whitespace().next()?.parse().ok()?,
        rate: after("Requests/sec:")?.parse().ok()?,
        p50: microseconds(after("50%")?)?,
        p99: microseconds(after("99%")?)?,
        max: microseconds(after("Latency  ")?.split_whitespace().nth(2)?)?,
        failed: failed + broken,
    })
}

/// `226.00us`, `1.05ms`, `2.1s`
fn microseconds(text: &str) -> Option<f64> {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[number.len()..] {
        "us" => 1.0,
        "ms" => 1e3,
        "s" => 1e6,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_of_wrk_is_parsed() {
        let text = "Running 5s test @ http://127.0.0.1:1/\n  2 threads and 32 connections\n  Thread Stats   Avg      \
                    Stdev     Max   +/- Stdev\n    Latency   262.11us  124.02us   4.50ms   91.77%\n    Req/Sec    \
                    60.36k     2.81k   65.06k    72.55%\n  Latency Distribution\n     50%  241.00us\n     75%  \
                    303.00us\n     90%  371.00us\n     99%    1.05ms\n  612636 requests in 5.10s, 91.73MB read\n  \
                    Socket errors: connect 1, read 2, write 0, timeout 3\n  Non-2xx or 3xx responses: \
                    4\nRequests/sec: 120130.45\nTransfer/sec:     17.99MB\n";
        let run = read(text).unwrap();
        assert_eq!((run.requests, run.rate, run.p50, run.p99, run.max), (612636.0, 120130.45, 241.0, 1050.0, 4500.0));
        assert_eq!(run.failed, 10);
    }
}
