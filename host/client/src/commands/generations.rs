//! The table of a plugin's generations.

use host_api::Generation;

use crate::output::Table;
use crate::output::text::{bytes, duration, printable};

/// Creates a table with one row per generation. Unknown values are `-`.
pub(super) fn table(generations: &[Generation]) -> Table {
    let mut table = Table::with_head([
        "GENERATION",
        "VERSION",
        "PHASE",
        "IN FLIGHT",
        "REQUESTS",
        "UNMAPPED AFTER",
        "MAPPED",
        "HEAP",
    ]);
    table = table.only_wide(&["MAPPED"]);
    for generation in generations {
        let after = generation.unmapped_after_ms.map_or_else(|| "-".to_owned(), duration);
        let mapped = match generation.mapped_bytes {
            0 => "-".to_owned(),
            n_bytes => bytes(n_bytes as u64),
        };
        table.row([
            &generation.number.to_string(),
            &generation.version,
            &generation.phase,
            &generation.in_flight.to_string(),
            &generation.requests.to_string(),
            &after,
            &mapped,
            &heap(generation),
        ]);
    }
    table
}

fn heap(generation: &Generation) -> String {
    match (generation.live_bytes, generation.left_bytes) {
        // Of an unmapped generation, the heap is what it left behind.
        (_, Some(left)) => bytes(left),
        (Some(live), None) => bytes(live),
        (None, None) => "-".to_owned(),
    }
}

/// Describes why ended generations are still in memory, one paragraph per generation.
pub(super) fn held<'a>(generations: impl IntoIterator<Item = &'a Generation>) -> Vec<String> {
    let generations = generations.into_iter().filter(|generation| !generation.held_by.is_empty());
    generations.map(held_by).collect()
}

fn held_by(generation: &Generation) -> String {
    let state =
        if generation.phase == "kept" { "cannot be unloaded because of" } else { "is unloaded when these have ended:" };
    let mut text = format!("generation {} {state}", generation.number);
    for reason in &generation.held_by {
        text.push_str("\n  ");
        text.push_str(&printable(reason));
    }
    text
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn each_generation_is_a_table_row_with_reasons_below() {
        let generation = |number, phase: &str, held_by: &[&str]| Generation {
            number,
            version: "1.10.2".to_owned(),
            phase: phase.to_owned(),
            requests: number * 100_000,
            held_by: held_by.iter().map(|reason| (*reason).to_owned()).collect(),
            ..Generation::default()
        };
        let all = [
            Generation { unmapped_after_ms: Some(1.64), left_bytes: Some(312), ..generation(7, "unmapped", &[]) },
            Generation {
                mapped_bytes: 1_230_000,
                live_bytes: Some(56_000),
                ..generation(8, "kept", &["2 threads (`kafka-bg`, `kafka-poll`)", "4 response chunks"])
            },
            Generation { mapped_bytes: 1_230_000, ..generation(9, "quiescing", &["1 waker"]) },
            Generation {
                mapped_bytes: 1_230_000,
                in_flight: 12,
                live_bytes: Some(1 << 20),
                ..generation(10, "running", &[])
            },
        ];
        let shown = table(&all).to_string();
        assert!(shown.lines().all(|line| line.len() <= 100), "{shown}");
        expect![[r#"
            GENERATION  VERSION  PHASE      IN FLIGHT  REQUESTS  UNMAPPED AFTER  MAPPED   HEAP
            7           1.10.2   unmapped   0          700000    1.6 ms          -        312 bytes
            8           1.10.2   kept       0          800000    -               1.2 MiB  54.7 KiB
            9           1.10.2   quiescing  0          900000    -               1.2 MiB  -
            10          1.10.2   running    12         1000000   -               1.2 MiB  1.0 MiB"#]]
        .assert_eq(&shown);
        expect![[r#"
            generation 8 cannot be unloaded because of
              2 threads (`kafka-bg`, `kafka-poll`)
              4 response chunks
            generation 9 is unloaded when these have ended:
              1 waker"#]]
        .assert_eq(&held(&all).join("\n"));
    }
}
