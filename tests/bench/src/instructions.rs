//! Instructions and heap allocations of a request, counted by callgrind. Both hardly depend on what else the machine
//! does, unlike time.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::Result;
use crate::http::Connection;

/// Before counting, so that what happens once is over.
const WARM_UP: u32 = 500;
const REQUESTS: u32 = 2000;
const HELLO: &str = "/api/plugin-endpoints/hello/hello";
/// A path that neither server knows.
const UNKNOWN: &str = "/api/plugin-endpoints/none/hello";

/// A server that runs under callgrind.
struct Server<'a> {
    name: &'a str,
    address: String,
    pid: &'a str,
    /// The file that callgrind writes to; its dumps have the same name with a number.
    profile: &'a str,
    /// Number of dumps.
    dumps: u32,
}

/// What one request takes.
struct Counts {
    instructions: f64,
    allocations: f64,
}

/// Counts for each server and path, and prints a table. A server is `name=port:pid:profile`; the last but one is what
/// the others are compared with.
pub fn run(servers: &[&str]) -> Result<()> {
    println!("| request | server | instructions | ÷ axum, same headers | allocations |");
    println!("|---|---|---|---|---|");
    let mut servers = servers.iter().map(|text| Server::parse(text)).collect::<Result<Vec<_>>>()?;
    for (path, status, title) in [(HELLO, 200, "hello"), (UNKNOWN, 404, "refused: 404")] {
        let counts = servers.iter_mut().map(|server| server.count(path, status)).collect::<Result<Vec<_>>>()?;
        let plain = servers.iter().position(|server| server.name == "axum, same headers");
        let plain = plain.and_then(|at| counts.get(at)).ok_or("no server to compare with")?.instructions;
        for (server, Counts { instructions, allocations }) in servers.iter().zip(&counts) {
            let ratio = instructions / plain;
            println!("| {title} | {} | {instructions:.0} | {ratio:.2} | {allocations:.1} |", server.name);
        }
    }
    Ok(())
}

impl<'a> Server<'a> {
    fn parse(text: &'a str) -> Result<Server<'a>> {
        let parts = text.split_once('=').and_then(|(name, rest)| {
            let (port, rest) = rest.split_once(':')?;
            let (pid, profile) = rest.split_once(':')?;
            Some((name, port, pid, profile))
        });
        let (name, port, pid, profile) = parts.ok_or_else(|| format!("not name=port:pid:profile: {text}"))?;
        Ok(Server { name, address: format!("127.0.0.1:{port}"), pid, profile, dumps: 0 })
    }

    /// Counts what requests for `path` take, one after the other on one connection.
    fn count(&mut self, path: &str, status: u16) -> Result<Counts> {
        self.send(path, status, WARM_UP)?;
        self.control(&["-i", "on"])?;
        self.control(&["-z"])?;
        self.send(path, status, REQUESTS)?;
        self.control(&["-d"])?;
        self.control(&["-i", "off"])?;
        self.dumps += 1;
        let file = PathBuf::from(format!("{}.{}", self.profile, self.dumps));
        let (instructions, allocations) = read(&fs::read_to_string(file)?)?;
        let each = |n: u64| n as f64 / f64::from(REQUESTS);
        Ok(Counts { instructions: each(instructions), allocations: each(allocations) })
    }

    fn send(&self, path: &str, status: u16, n: u32) -> Result<()> {
        let mut connection = Connection::open(&self.address, None)?;
        for _ in 0..n {
            let found = connection.get(path)?.status;
            if found != status {
                return Err(format!("{}: {path} is answered with {found}", self.name).into());
            }
        }
        Ok(())
    }

    fn control(&self, arguments: &[&str]) -> Result<()> {
        #[expect(clippy::disallowed_methods, reason = "a tool for measuring has no configuration of its own")]
        let output = Command::new("callgrind_control").args(arguments).arg(self.pid).output()?;
        if !output.status.success() {
            return Err(format!("callgrind_control: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok(())
    }
}

/// Reads a profile: all instructions, and the calls of `malloc` and of the functions that allocate like it.
fn read(profile: &str) -> Result<(u64, u64)> {
    let total =
        profile.lines().find_map(|line| line.strip_prefix("totals: ").or_else(|| line.strip_prefix("summary: ")));
    let total = total.and_then(|number| number.trim().parse().ok()).ok_or("a profile without a total")?;
    let allocators = ["malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc"];
    let mut ids = vec![];
    let mut is_allocator = false;
    let mut calls = 0;
    for line in profile.lines() {
        // A name stands behind its number where it is used first.
        let function = line.strip_prefix("fn=").or_else(|| line.strip_prefix("cfn="));
        if let Some(function) = function {
            let (id, name) = function.split_once(' ').map_or((function, None), |(id, name)| (id, Some(name)));
            if name.is_some_and(|name| allocators.contains(&name)) {
                ids.push(id);
            }
            is_allocator = line.starts_with("cfn=") && ids.contains(&id);
        } else if let Some(number) = line.strip_prefix("calls=")
            && is_allocator
        {
            let number = number.split(' ').next().unwrap_or_default();
            calls += number.parse::<u64>().map_err(|_| "a profile with unreadable calls")?;
        }
    }
    Ok((total, calls))
}
