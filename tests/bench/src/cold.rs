//! The first build ever: the host with an empty build cache, and cargo with an empty target folder.

use std::fs;

use crate::Result;
use crate::stats::{median, range};

/// Reads pairs from a file, a line each: seconds of the host, seconds of cargo.
pub fn run(path: &str) -> Result<()> {
    let mut pairs: Vec<(f64, f64)> = vec![];
    for line in fs::read_to_string(path)?.lines() {
        let (host, cargo) = line.split_once(' ').ok_or_else(|| format!("not a pair: {line}"))?;
        pairs.push((host.parse()?, cargo.parse()?));
    }
    let column = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).collect::<Vec<_>>();
    println!("{} pairs.\n", pairs.len());
    println!("| | median (range) |");
    println!("|---|---|");
    for (name, values) in [
        ("host: from its start to the first 200 of the endpoint, s", column(|pair| pair.0)),
        ("`cargo build --release` of the same plugin, s", column(|pair| pair.1)),
        ("ratio in pairs", column(|pair| pair.0 / pair.1)),
    ] {
        let (least, most) = range(&values);
        println!("| {name} | {:.2} ({least:.2}-{most:.2}) |", median(&values));
    }
    Ok(())
}
