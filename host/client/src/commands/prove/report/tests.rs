use std::time::Duration;

use expect_test::expect;

use super::*;

fn generation(number: u64, phase: &str, requests: u64) -> Generation {
    Generation {
        number,
        version: "1.0.0".to_owned(),
        phase: phase.to_owned(),
        requests,
        unmapped_after_ms: (phase == "unmapped").then_some(number as f64 * 1.5),
        ..Generation::default()
    }
}

fn tally(n_answered: u64, failures: &[(&str, u64, u32)]) -> Tally {
    let mut tally = Tally { n_answered, longest_pause: Duration::from_micros(12_345), ..Tally::default() };
    (0..n_answered).for_each(|number| tally.latencies.add(Duration::from_micros(100 + number)));
    for (what, count, round) in failures {
        tally.n_failed += count;
        tally.failures.push(FailureKind { what: (*what).to_owned(), count: *count, round: *round });
    }
    tally
}

/// The report of three reloads; generation 4 served before.
fn report(tally: &Tally, generations: Vec<Generation>) -> ProofReport {
    let mut seen = Observations::new(vec![generation(4, "running", 1_000)]);
    (4..7).for_each(|number| seen.replaced(number));
    seen.look(generations);
    let mut report = ProofReport {
        plugin: "hello".to_owned(),
        version: "1.0.0".to_owned(),
        path: "/hello".to_owned(),
        status: 200,
        connections: 8,
        duration_ms: 1_234.0,
        reloads: Reloads { asked: 3, done: 3 },
        requests: Requests::new(tally, 1, &seen),
        generations: seen.parts().map(Served::new).collect(),
        failures: first_failures(tally),
        latency: Latency::new(tally),
        unmapped: Unmapped::new(&seen),
        libraries_mapped: Mapped { before: Some(1), after: Some(1) },
        proven: false,
        reason: None,
    };
    report.reason = report.objections();
    report.proven = report.reason.is_none();
    report
}

#[test]
fn a_successful_proof_reports_all_numbers() {
    let unmapped = |number| generation(number, "unmapped", 200);
    let all = vec![generation(4, "unmapped", 1_101), unmapped(5), unmapped(6), generation(7, "running", 300)];
    let report = report(&tally(800, &[]), all);
    assert_eq!((report.proven, &report.reason), (true, &None));
    expect![[r#"
        GENERATION  VERSION  PHASE     REQUESTS  UNMAPPED AFTER
        4           1.0.0    unmapped  101       6 ms
        5           1.0.0    unmapped  200       7.5 ms
        6           1.0.0    unmapped  200       9 ms
        7           1.0.0    running   300       -

        plugin         hello 1.0.0
        endpoint       GET /hello, status 200
        reloads        3 in 1.2 s
        requests       801 answered on 8 connections, 0 failed
        counted        801 by the generations: all answered requests
        latency        median 500 us, p99 893 us
        longest pause  12 ms between two responses on one connection
        unmapped       3 of 3 replaced generations, median 7.5 ms after the replacement, maximum 9 ms
        mapped         1 before, 1 after: libraries of all plugins"#]]
    .assert_eq(&report.to_string());
}

#[test]
fn the_reasons_of_a_failed_proof_are_one_line() {
    let held_by = vec!["1 thread (`kafka-poll`)".to_owned(), "1 response chunk".to_owned()];
    let kept = Generation { held_by, ..generation(4, "kept", 1_101) };
    let draining = Generation { in_flight: 2, ..generation(6, "draining", 200) };
    let all = vec![kept, generation(5, "unmapped", 200), draining, generation(7, "running", 300)];
    let failures = [("answered 503 instead of 200", 3, 2), ("no answer: connection closed", 1, 4)];
    let report = report(&tally(700, &failures), all);
    expect!["4 of 705 requests failed: answered 503 instead of 200, first during reload 2; 2 of 3 replaced generations not unmapped: generation 4 is kept by 1 thread (`kafka-poll`), 1 response chunk"].assert_eq(report.reason.as_deref().unwrap_or_default());
    expect![[r#"
        GENERATION  VERSION  PHASE     REQUESTS  UNMAPPED AFTER
        4           1.0.0    kept      101       -
        5           1.0.0    unmapped  200       7.5 ms
        6           1.0.0    draining  200       -
        7           1.0.0    running   300       -

        generation 4 cannot be unloaded because of
          1 thread (`kafka-poll`)
          1 response chunk

        failed requests
          3 x answered 503 instead of 200, first during reload 2
          1 x no answer: connection closed, first after the last reload

        plugin         hello 1.0.0
        endpoint       GET /hello, status 200
        reloads        3 in 1.2 s
        requests       701 answered on 8 connections, 4 failed
        counted        801 by the generations: includes 96 requests of other clients
        latency        median 451 us, p99 795 us
        longest pause  12 ms between two responses on one connection
        unmapped       1 of 3 replaced generations, median 7.5 ms after the replacement, maximum 7.5 ms
        mapped         1 before, 1 after: libraries of all plugins"#]]
    .assert_eq(&report.to_string());
}

#[test]
fn uncounted_responses_fail_the_proof() {
    let all = (4..7).map(|number| generation(number, "unmapped", 1_000)).chain([generation(7, "running", 5)]);
    let report = report(&tally(2_100, &[]), all.collect());
    expect!["no generation counted 96 of 2101 answered requests"]
        .assert_eq(report.reason.as_deref().unwrap_or_default());
}
