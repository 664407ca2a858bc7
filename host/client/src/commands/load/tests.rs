use expect_test::expect;
use host_api::JobStep;

use super::*;
use crate::output::text::plain;

#[test]
fn a_receipt_shows_generations_requests_and_step_durations() {
    let step = |step: &str, duration_ms| JobStep { step: step.to_owned(), duration_ms };
    let mut asked = OperationResult {
        id: "hello".to_owned(),
        version: "1.0.0".to_owned(),
        source: "/srv/hello".to_owned(),
        generation: Some(1),
        cached: Some(false),
        steps: vec![step("fetch", 1.6), step("build", 12_340.0), step("swap", 0.01)],
        ..OperationResult::default()
    };
    expect![[r#"
        plugin      hello 1.0.0
        source      /srv/hello
        generation  1
        library     built
        steps       fetch 1.6 ms, build 12.3 s, swap 10 us"#]]
    .assert_eq(&plain(&receipt(&asked)));
    asked.generation_before = Some(1);
    asked.generation = Some(2);
    asked.cached = Some(true);
    asked.states = vec!["disabled".to_owned(), "enabled".to_owned()];
    let served =
        |generation, requests, errors, in_flight| GenerationRequests { generation, requests, errors, in_flight };
    asked.served = vec![served(1, 12, 1, 3), served(2, 0, 0, 0)];
    expect![[r#"
        plugin      hello 1.0.0
        source      /srv/hello
        generation  2, previously 1
        states      disabled, enabled
        library     from the build cache
        served      generation 1: 12 requests, 1 failed, 3 in flight; generation 2: 0 requests
        steps       fetch 1.6 ms, build 12.3 s, swap 10 us"#]]
    .assert_eq(&plain(&receipt(&asked)));
}
