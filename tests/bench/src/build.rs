//! What a clean build of a plugin costs, and which crates cost it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde::Deserialize;

use crate::stats::{median, range};
use crate::{Result, process};

/// How many crates the table of the most expensive has.
const SHOWN: usize = 10;

/// A crate: its name and version.
type Crate = (String, String);

/// Runs a command and appends a line to `file`: seconds until its end, CPU seconds, and busy cores besides it.
pub fn timed(file: &str, command: &[&str]) -> Result<()> {
    let [program, arguments @ ..] = command else { return Err("a command is needed".into()) };
    let (started, busy, machine) = (Instant::now(), process::of_ended_children()?, process::of_machine()?);
    #[expect(clippy::disallowed_methods, reason = "a tool for measuring has no rooms of its own")]
    let mut child = Command::new(program);
    let status = child.args(arguments).stdout(Stdio::null()).status()?;
    let wall = started.elapsed().as_secs_f64();
    let cpu = process::of_ended_children()?.since(busy).total();
    let others = (process::of_machine()? - machine - cpu) / wall;
    if !status.success() {
        return Err(format!("`{program}`: {status}").into());
    }
    let mut file = fs::OpenOptions::new().create(true).append(true).open(file)?;
    Ok(writeln!(file, "{wall} {cpu} {others}")?)
}

/// The builds of one plugin with one set of features.
struct Variant<'a> {
    name: &'a str,
    /// Seconds, CPU seconds and busy cores of others, of each build.
    times: [Vec<f64>; 3],
    /// Seconds that cargo worked at a crate, its build script included, in each build.
    crates: BTreeMap<Crate, Vec<f64>>,
}

/// Prints tables. A variant is `name=folder`; the folder holds `times`, and cargo's report of each build as `.html`.
pub fn print(variants: &[&str]) -> Result<()> {
    let variants = variants.iter().map(|text| variant(text)).collect::<Result<Vec<_>>>()?;
    let first = variants.first().ok_or("a variant is needed")?;
    let others: Vec<f64> = variants.iter().flat_map(|variant| variant.times[2].clone()).collect();
    println!(
        "{} clean builds of each, in turn; others kept {:.2} cores busy (median; {:.2} at most).\n",
        first.times[0].len(),
        median(&others),
        range(&others).1
    );
    println!("| features of plugin-sdk | crates | s, median (range) | CPU s, median (range) |");
    println!("|---|---|---|---|");
    for Variant { name, times: [wall, cpu, _], crates } in &variants {
        let show = |values: &[f64]| format!("{:.1} ({:.1}-{:.1})", median(values), range(values).0, range(values).1);
        println!("| {name} | {} | {} | {} |", crates.len(), show(wall), show(cpu));
    }

    let mut dearest: Vec<(&Crate, f64)> = first.crates.iter().map(|(key, times)| (key, median(times))).collect();
    dearest.sort_by(|a, b| b.1.total_cmp(&a.1));
    let all: f64 = dearest.iter().map(|(_, seconds)| seconds).sum();
    let names: Vec<&str> = variants.iter().map(|variant| variant.name).collect();
    println!("\n| crate, its build script included | s, {} |", names.join(" | s, "));
    println!("|---|{}", "---|".repeat(variants.len()));
    for (key, _) in dearest.iter().take(SHOWN) {
        let of =
            |variant: &Variant<'_>| variant.crates.get(*key).map_or("–".to_owned(), |s| format!("{:.2}", median(s)));
        let cells: Vec<String> = variants.iter().map(of).collect();
        println!("| {} {} | {} |", key.0, key.1, cells.join(" | "));
    }
    let shown: f64 = dearest.iter().take(SHOWN).map(|(_, seconds)| seconds).sum();
    println!("\nThese {SHOWN} are {:.0} % of the {all:.1} s of all crates, {}.", shown / all * 100.0, first.name);
    Ok(())
}

fn variant<'a>(text: &'a str) -> Result<Variant<'a>> {
    let (name, folder) = text.split_once('=').ok_or("a variant is name=folder")?;
    let mut variant = Variant { name, times: Default::default(), crates: BTreeMap::new() };
    for line in fs::read_to_string(Path::new(folder).join("times"))?.lines() {
        for (column, value) in variant.times.iter_mut().zip(line.split(' ')) {
            column.push(value.parse()?);
        }
    }
    let mut sets = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "html") {
            continue;
        }
        let crates = read(&fs::read_to_string(&path)?).ok_or_else(|| format!("no units in {}", path.display()))?;
        sets.insert(crates.keys().cloned().collect::<Vec<_>>());
        for (key, seconds) in crates {
            variant.crates.entry(key).or_default().push(seconds);
        }
    }
    match sets.len() {
        1 => Ok(variant),
        n => Err(format!("{folder} has reports of {n} sets of crates, not of one").into()),
    }
}

/// One thing that cargo worked at: a crate, its build script, or a run of that.
#[derive(Deserialize)]
struct Unit {
    name: String,
    version: String,
    duration: f64,
}

/// Seconds of each crate in a report of `cargo build --timings`, which holds them as JSON.
fn read(html: &str) -> Option<BTreeMap<Crate, f64>> {
    let (_, from) = html.split_once("const UNIT_DATA = ")?;
    let units: Vec<Unit> = serde_json::Deserializer::from_str(from).into_iter().next()?.ok()?;
    let mut crates = BTreeMap::new();
    for Unit { name, version, duration } in units {
        *crates.entry((name, version)).or_default() += duration;
    }
    Some(crates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_of_cargo_is_read() {
        let html = r#"<script>const UNIT_DATA = [
            {"i": 1, "name": "quote", "version": "1.0.1", "mode": "todo", "duration": 0.25, "sections": null},
            {"i": 2, "name": "quote", "version": "1.0.1", "mode": "run-custom-build", "duration": 0.5},
            {"i": 3, "name": "syn", "version": "2.0.0", "mode": "todo", "duration": 2.0}];
            const CONCURRENCY_DATA = []; for (const unit of UNIT_DATA) {}</script>"#;
        let key = |name: &str, version: &str| (name.to_owned(), version.to_owned());
        assert_eq!(read(html).unwrap(), BTreeMap::from([(key("quote", "1.0.1"), 0.75), (key("syn", "2.0.0"), 2.0)]));
        assert_eq!(read("<html></html>"), None);
    }
}
