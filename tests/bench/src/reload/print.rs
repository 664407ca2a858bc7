//! The tables of the reloads.

use super::defects::Row;
use super::watch::Seen;
use super::{CHECKERS, CONNECTIONS, Stretch};
use crate::stats::{median, percentile, range};

/// Those of the three stretches.
pub(super) fn tables(stretches: &[Stretch; 3]) {
    println!("`wrk -t2 -c{CONNECTIONS}` and {CHECKERS} checking connections at the same time.\n");
    println!(
        "| | reloads | wrk: requests | requests/s | p50 µs | p99 µs | max ms | failed | checked answers | failed | \
         wrong generation | cores that others kept busy |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    for Stretch { name, run, checked, seen, others } in stretches {
        println!(
            "| {name} | {} | {:.0} | {:.0} | {:.0} | {:.0} | {:.1} | {} | {} | {} | {} | {others:.2} |",
            seen.as_ref().map_or(0, |seen| seen.answered.len()),
            run.requests,
            run.rate,
            run.p50,
            run.p99,
            run.max / 1e3,
            run.failed,
            checked.requests,
            checked.failed,
            checked.wrong,
        );
    }
    for Stretch { name, checked, .. } in stretches {
        if let Some(problem) = &checked.first_problem {
            println!("\nFirst problem of `{name}`: {problem}.");
        }
    }
    let [before, with, after] = stretches;
    let ratio = |of: fn(&Stretch) -> f64| of(with) / ((of(before) + of(after)) / 2.0);
    println!("\n| with reloads ÷ mean of the two without | |");
    println!("|---|---|");
    println!("| requests/s | {:.2} |", ratio(|stretch| stretch.run.rate));
    println!("| p50 | {:.2} |", ratio(|stretch| stretch.run.p50));
    println!("| p99 | {:.2} |", ratio(|stretch| stretch.run.p99));
    if let Some(seen) = &with.seen {
        of_reloads(seen);
    }
}

fn of_reloads(seen: &Seen) {
    let Seen { before, after, .. } = seen;
    println!("\n| | before | after |");
    println!("|---|---|---|");
    println!("| libraries of the plugin mapped | {} | {} |", before.mapped, after.mapped);
    println!("| RSS, MB | {:.1} | {:.1} |", before.rss / 1024.0, after.rss / 1024.0);
    println!("| its anonymous part, MB | {:.1} | {:.1} |", before.anonymous / 1024.0, after.anonymous / 1024.0);
    println!("| open files | {} | {} |", before.files, after.files);
    println!("| threads | {} | {} |", before.threads, after.threads);

    println!("\n| of {} reloads | |", seen.answered.len());
    println!("|---|---|");
    println!("| reloads/s | {:.1} |", seen.per_second);
    println!("| time until its answer, ms: median, p99, worst | {} |", spread(&seen.answered));
    println!("| from the swap until the old one is unmapped, ms: median, p99, worst | {} |", spread(&seen.unmapped));
    println!("| of how many that is | {} |", seen.unmapped.len());
    println!("| RSS, kB a reload over the last half | {} |", slope(seen.rss_slope));
    println!("| its anonymous part, kB a reload over the last half | {} |", slope(seen.anonymous_slope));
}

/// The one of the plugins with defects.
pub(super) fn rows(rows: &[Row]) {
    println!(
        "| plugin | reloads | reloads/s | answers | failed | mapped at the end | unmapped, ms: median, p99, worst | of how \
         many | RSS before, MB | after | kB a reload over the last half | of it anonymous | files before | after | threads \
         before | after | left_bytes, median (range) |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    for Row { plugin, seen, calls } in rows {
        let Seen { before, after, .. } = seen;
        println!(
            "| {plugin} | {} | {:.1} | {} | {} | {} | {} | {} | {:.1} | {:.1} | {} | {} | {} | {} | {} | {} | {} |",
            seen.answered.len(),
            seen.per_second,
            calls.answers,
            calls.failed,
            after.mapped,
            spread(&seen.unmapped),
            seen.unmapped.len(),
            before.rss / 1024.0,
            after.rss / 1024.0,
            slope(seen.rss_slope),
            slope(seen.anonymous_slope),
            before.files,
            after.files,
            before.threads,
            after.threads,
            left(&seen.left),
        );
    }
    for Row { plugin, calls, .. } in rows {
        if let Some(problem) = &calls.first_problem {
            println!("\nFirst problem of `{plugin}`: {problem}.");
        }
    }
}

fn spread(values: &[f64]) -> String {
    if values.is_empty() {
        return "–".to_owned();
    }
    format!("{:.1}, {:.1}, {:.1}", median(values), percentile(values, 0.99), range(values).1)
}

fn slope(slope: Option<f64>) -> String {
    slope.map_or("–".to_owned(), |slope| format!("{slope:.2}"))
}

fn left(values: &[f64]) -> String {
    if values.is_empty() {
        return "–".to_owned();
    }
    let (least, most) = range(values);
    format!("{:.0} ({least:.0}-{most:.0})", median(values))
}
