//! The tables of the starts.

use super::{Set, Start};
use crate::host::{Counts, Ending};
use crate::stats::{median, range, slope};

/// Milliseconds that a start may take: without a plugin, and for each.
const PROMISE: (f64, f64) = (2000.0, 50.0);

/// All of them; `library` is the size of the plugins' library in bytes.
pub(super) fn tables(sets: &[Set], all: &[Vec<Start>], library: u64) {
    let starts = all.iter().map(Vec::len).min().unwrap_or(0) / 2;
    println!(
        "{starts} starts after each kind of end, in turn; all plugins have the same library of {} kB, each as an artifact of \
         its own. What serves is asked every 2 ms.\n",
        library / 1024
    );
    println!(
        "| plugins | the end before | listens, ms | the first serves, ms | all serve, ms: median (range) | wanted, ms | CPU \
         time of the host, ms | cores that others kept busy |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (set, starts) in sets.iter().zip(all) {
        for (ending, name) in [(Ending::Orderly, "orderly"), (Ending::Killed, "`kill -9`")] {
            let of = |value: fn(&Start) -> f64| {
                starts.iter().filter(|start| start.after == ending).map(value).collect::<Vec<_>>()
            };
            let first = if set.ids.is_empty() { "–".to_owned() } else { whole(&of(|start| start.first)) };
            println!(
                "| {} | {name} | {} | {first} | {} | {:.0} | {:.0} | {:.2} |",
                set.title(),
                whole(&of(|start| start.listening)),
                spread(&of(|start| start.all)),
                PROMISE.0 + PROMISE.1 * set.ids.len() as f64,
                median(&of(|start| start.busy * 1e3)),
                median(&of(|start| start.others)),
            );
        }
    }
    memory(sets, all);
}

fn memory(sets: &[Set], all: &[Vec<Start>]) {
    println!("\n| plugins | RSS, MB | of it anonymous | of it copies of libraries | threads | open files |");
    println!("|---|---|---|---|---|---|");
    for (set, starts) in sets.iter().zip(all) {
        let of =
            |value: fn(&Counts) -> f64| median(&starts.iter().map(|start| value(&start.counts)).collect::<Vec<_>>());
        println!(
            "| {} | {:.1} | {:.1} | {:.1} | {:.0} | {:.0} |",
            set.title(),
            of(|counts| counts.rss) / 1024.0,
            of(|counts| counts.anonymous) / 1024.0,
            of(|counts| counts.shared) / 1024.0,
            of(|counts| counts.threads),
            of(|counts| counts.files),
        );
    }
    // A line for each round, so that the spread shows.
    let plain: Vec<_> = sets.iter().zip(all).filter(|(set, _)| set.chain == 0 && !set.cold).collect();
    let rounds = plain.iter().map(|(_, starts)| starts.len()).min().unwrap_or(0);
    let each = |value: fn(&Counts) -> f64| {
        let point =
            |(set, starts): &(&Set, &Vec<Start>), round: usize| (set.ids.len() as f64, value(&starts[round].counts));
        let points = |round| plain.iter().map(|of| point(of, round)).collect::<Vec<_>>();
        (0..rounds).filter_map(|round| slope(&points(round))).collect::<Vec<_>>()
    };
    println!("\n| of one plugin, as the slope of the plain sets: median (range) | |");
    println!("|---|---|");
    println!("| RSS, kB | {} |", spread(&each(|counts| counts.rss)));
    println!("| its anonymous part, kB | {} |", spread(&each(|counts| counts.anonymous)));
    println!("| its copy of the library, as far as it was touched, kB | {} |", spread(&each(|counts| counts.shared)));
    println!("| threads | {:.2} |", median(&each(|counts| counts.threads)));
    println!("| open files | {:.2} |", median(&each(|counts| counts.files)));
}

impl Set {
    fn title(&self) -> String {
        let plugins = self.ids.len();
        match (self.chain, self.cold) {
            (0, false) => format!("{plugins}"),
            (0, true) => format!("{plugins}, files not in memory"),
            (chain, _) => format!("{plugins}, {chain} in a chain"),
        }
    }
}

fn whole(values: &[f64]) -> String {
    format!("{:.0}", median(values))
}

/// The median and the range.
pub(super) fn spread(values: &[f64]) -> String {
    let (least, most) = range(values);
    format!("{:.0} ({least:.0}-{most:.0})", median(values))
}
