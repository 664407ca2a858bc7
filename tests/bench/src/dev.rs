//! The time from saving a file to its answer, with `plugin-host dev`.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Result;
use crate::http::Connection;
use crate::stats::{median, range};

const PATH: &str = "/api/plugin-endpoints/edited/hello/Zoe";
/// What the template answers with, and what an edit changes.
const PLACE: &str = "{greeting}, {name}!";
/// How often the endpoint is asked, and the output looked at. A change is seen later by this much at most.
const POLL: Duration = Duration::from_millis(2);
/// Longer than any rebuild of one crate.
const PATIENCE: Duration = Duration::from_secs(120);

/// Times in milliseconds: from the write of the file to the answer, and as `dev` says.
#[derive(Default)]
struct Times {
    live: Vec<f64>,
    said: Vec<f64>,
    build: Vec<f64>,
    last_line: String,
}

/// Edits `library`, which `dev` serves at `address`, so many times. `log` is what `dev` prints.
pub fn run(address: &str, library: &str, log: &str, edits: &str) -> Result<()> {
    let edits: usize = edits.parse()?;
    let code = fs::read_to_string(library)?;
    if code.matches(PLACE).count() != 1 {
        return Err(format!("the template has `{PLACE}` not once; this measurement changes that text").into());
    }
    let mut host = Connection::open(address, None)?;
    let mut times = Times::default();
    // Edit 0 warms up.
    for edit in 0..=edits {
        let edited = code.replace(PLACE, &format!("{PLACE} Edit {edit}."));
        let expected = format!("Zoe! Edit {edit}.");
        let started = Instant::now();
        #[expect(clippy::disallowed_methods, reason = "a tool for measuring has no rooms of its own")]
        fs::write(library, edited)?;
        until(log, || Ok(String::from_utf8_lossy(&host.get(PATH)?.body).contains(&expected).then_some(())))?;
        let live = started.elapsed().as_secs_f64() * 1e3;
        // The line comes when the swap is done, which may be a little later than the answer.
        let line = until(log, || Ok(reloads(&fs::read_to_string(log)?).nth(edit).map(str::to_owned)))?;
        let (said, build) = read(&line).ok_or_else(|| format!("not understood: {line}"))?;
        if edit > 0 {
            times.live.push(live);
            times.said.push(said);
            times.build.push(build);
        }
        times.last_line = line;
        eprintln!("edit {edit} of {edits}: {live:.0} ms");
    }
    print(&times);
    Ok(())
}

/// Asks until there is a value; ends with what `dev` printed when it refuses an edit, or when nothing comes.
fn until<T>(log: &str, mut value: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let started = Instant::now();
    loop {
        if let Some(value) = value()? {
            return Ok(value);
        }
        let text = fs::read_to_string(log)?;
        if text.contains("not reloaded:") || started.elapsed() > PATIENCE {
            return Err(format!("an edit did not come through; dev said:\n{text}").into());
        }
        sleep(POLL);
    }
}

fn reloads(text: &str) -> impl Iterator<Item = &str> {
    // A line is read when it is whole.
    text.split_inclusive('\n').filter(|line| line.ends_with('\n') && line.starts_with("reloaded:")).map(str::trim_end)
}

/// Milliseconds of `reloaded: generation 3 in 330 ms (build 250 ms)`.
fn read(line: &str) -> Option<(f64, f64)> {
    let (_, times) = line.split_once(" in ")?;
    let (all, build) = times.split_once(" (build ")?;
    Some((milliseconds(all)?, milliseconds(build.strip_suffix(')')?)?))
}

/// `330 ms`, `1.2 s`
fn milliseconds(text: &str) -> Option<f64> {
    let (number, unit) = text.split_once(' ')?;
    let factor = match unit {
        "us" => 1e-3,
        "ms" => 1.0,
        "s" => 1e3,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor)
}

fn print(times: &Times) {
    let n = times.live.len();
    println!("{n} edits of one line; the first that warms up is not counted. Asked each {} ms.\n", POLL.as_millis());
    println!("| | ms, median (range) |");
    println!("|---|---|");
    for (name, values) in [
        ("from the write of the file to an answer with the new text", &times.live),
        ("as `dev` says", &times.said),
        ("of it the build, as `dev` says", &times.build),
    ] {
        let (least, most) = range(values);
        println!("| {name} | {:.0} ({least:.0}-{most:.0}) |", median(values));
    }
    println!("\nThe last line that `dev` printed: `{}`.", times.last_line);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_dev_prints_is_read() {
        assert_eq!(read("reloaded: generation 3 in 330 ms (build 250 ms)"), Some((330.0, 250.0)));
        assert_eq!(read("reloaded: generation 12 in 1.2 s (build 980 ms)"), Some((1200.0, 980.0)));
        assert_eq!(read("reloaded: generation 3 in 40 ms (already built)"), None);
    }
}
