//! Tables of the planner: one line per plugin, and the planned steps.

use expect_test::{Expect, expect};

use super::*;

/// Reads `id goal [setup] [after=a,b] | [serves setup] [busy] [unhealthy] [tried] [retry=N] [hopeless] [quarantined]`.
fn entry(line: &str) -> (PluginId, Entry) {
    let (wanted, actual) = line.split_once('|').unwrap_or((line, ""));
    let mut words = wanted.split_whitespace();
    let id = words.next().unwrap().parse().unwrap();
    let goal = match words.next().unwrap() {
        "-" => None,
        "installed" => Some(Goal::Installed),
        "running" => Some(Goal::Running),
        "stopped" => Some(Goal::Stopped),
        "disabled" => Some(Goal::Disabled),
        "absent" => Some(Goal::Absent { keep_data: false }),
        "absent-keep" => Some(Goal::Absent { keep_data: true }),
        other => panic!("{other}"),
    };
    let mut setup = Digest::compute(b"A");
    let mut after = vec![];
    for word in words {
        match word.strip_prefix("after=") {
            Some(ids) => after = ids.split(',').map(|id| id.parse().unwrap()).collect(),
            None => setup = Digest::compute(word.as_bytes()),
        }
    }
    let mut words = actual.split_whitespace();
    let (mut actual, mut is_quarantined) = (Actual::default(), false);
    while let Some(word) = words.next() {
        match word {
            "serves" => actual.serves = Some(Digest::compute(words.next().unwrap().as_bytes())),
            "busy" => actual.is_busy = true,
            "unhealthy" => actual.is_unhealthy = true,
            "tried" => actual.attempts.was_tried = true,
            "hopeless" => actual.attempts.is_hopeless = true,
            "quarantined" => is_quarantined = true,
            word => actual.attempts.retry_at_ms = Some(word.strip_prefix("retry=").unwrap().parse().unwrap()),
        }
    }
    (id, Entry { wanted: goal.map(|goal| Wanted { goal, setup, is_quarantined, after }), actual })
}

/// Plans at 100 ms, three steps at most.
#[track_caller]
fn check(lines: &str, expected: Expect) {
    let world = lines.lines().map(str::trim).filter(|line| !line.is_empty()).map(entry).collect();
    let plan = plan(&world, 100, 3);
    let mut text = plan.steps.iter().map(|(id, step)| format!("{id}: {step:?}\n")).collect::<String>();
    if let Some(at) = plan.wake_at_ms {
        text += &format!("wake at {at}\n");
    }
    expected.assert_eq(&text);
}

#[test]
fn a_plugin_in_its_desired_state_is_not_changed() {
    check(
        "aaa running | serves A tried
         bbb disabled |
         ccc stopped |
         ddd installed |
         eee - |
         fff running | serves A tried retry=5000",
        expect![""],
    );
}

#[test]
fn the_desired_state_is_reached() {
    check("aaa running |", expect!["aaa: Start\n"]);
    check("aaa running B | serves A", expect!["aaa: Replace\n"]);
    check("aaa disabled | serves A", expect!["aaa: Stop\n"]);
    check("aaa stopped | serves A", expect!["aaa: Stop\n"]);
    check("aaa installed | serves A", expect!["aaa: Stop\n"]);
    check("aaa absent | serves A", expect!["aaa: Remove { keep_data: false }\n"]);
    check("aaa absent-keep |", expect!["aaa: Remove { keep_data: true }\n"]);
}

#[test]
fn a_plugin_with_a_running_operation_gets_no_further_step() {
    check("aaa running | busy", expect![""]);
    check("aaa absent | busy serves A", expect![""]);
    check("aaa running B | serves A busy", expect![""]);
}

#[test]
fn an_unhealthy_plugin_is_replaced_when_its_delay_is_over() {
    check("aaa running | serves A unhealthy retry=200", expect!["wake at 200\n"]);
    check("aaa running | serves A unhealthy retry=100", expect!["aaa: Replace\n"]);
    check("aaa running | serves A unhealthy", expect!["aaa: Replace\n"]);
    check("aaa disabled | serves A unhealthy retry=200", expect!["aaa: Stop\n"]);
}

#[test]
fn a_failed_start_is_retried_after_its_delay_and_the_earliest_delay_is_returned() {
    check(
        "aaa running | tried retry=900
         bbb running | tried retry=300
         ccc running | tried retry=100",
        expect![[r#"
            ccc: Start
            wake at 300
        "#]],
    );
}

#[test]
fn a_quarantined_plugin_does_not_serve() {
    check("aaa running | tried retry=200 hopeless", expect!["aaa: Quarantine\n"]);
    check("aaa running | serves A unhealthy retry=200 hopeless", expect!["aaa: Quarantine\n"]);
    check("aaa disabled | hopeless", expect![""]);
    check("aaa running | hopeless quarantined serves A", expect!["aaa: Stop\n"]);
    check("aaa running | quarantined", expect![""]);
    check("aaa running | quarantined serves A", expect!["aaa: Stop\n"]);
    check("aaa absent | quarantined", expect!["aaa: Remove { keep_data: false }\n"]);
}

#[test]
fn a_plugin_waits_until_the_plugins_before_it_were_tried() {
    check(
        "aaa running after=bbb |
         bbb running after=ccc |
         ccc running |",
        expect!["ccc: Start\n"],
    );
    check(
        "aaa running after=bbb |
         bbb running | busy",
        expect![""],
    );
    // Whether it serves or has failed: one plugin's failure holds up no other.
    check(
        "aaa running after=bbb |
         bbb running | tried retry=500",
        expect![[r#"
            aaa: Start
            wake at 500
        "#]],
    );
    for before in ["disabled |", "stopped |", "running | quarantined", "running | serves A tried"] {
        check(&format!("aaa running after=bbb |\nbbb {before}"), expect!["aaa: Start\n"]);
    }
    check("aaa running after=zzz |", expect!["aaa: Start\n"]);
}

#[test]
fn plugins_in_a_cycle_are_still_started() {
    check(
        "aaa running after=bbb |
         bbb running after=aaa |
         ccc running after=bbb |",
        expect![[r#"
            aaa: Start
            bbb: Start
        "#]],
    );
}

#[test]
fn the_number_of_steps_of_a_plan_is_limited() {
    check(
        "aaa running |
         bbb disabled | serves A
         ccc running |
         ddd running |",
        expect![[r#"
            aaa: Start
            bbb: Stop
            ccc: Start
        "#]],
    );
}

#[test]
fn a_failed_removal_is_delayed_but_a_stop_is_not() {
    check(
        "aaa absent | serves A tried retry=200
         bbb disabled | serves A tried retry=200",
        expect![[r#"
            bbb: Stop
            wake at 200
        "#]],
    );
}

#[test]
fn delays_double_and_too_many_failures_within_the_window_are_reported() {
    let patience = Patience { first_wait_ms: 10, max_wait_ms: 60, quarantine_after: 4, window_ms: 1000 };
    let mut attempts = Attempts::default();
    let mut told = String::new();
    for now_ms in [0, 100, 200, 1_050, 1_060, 1_070] {
        attempts.failed(now_ms, &patience);
        let too_many = attempts.is_hopeless;
        told += &format!("{now_ms}: again after {}, {too_many}\n", attempts.retry_at_ms.unwrap() - now_ms);
    }
    expect![[r#"
        0: again after 10, false
        100: again after 20, false
        200: again after 40, false
        1050: again after 60, false
        1060: again after 60, true
        1070: again after 60, true
    "#]]
    .assert_eq(&told);
    attempts.started();
    attempts.is_well();
    attempts.failed(1_080, &patience);
    assert!(attempts.is_hopeless, "what fails again and again is not well");
    assert_eq!(attempts.retry_at_ms, Some(1_090));
    attempts.forget();
    attempts.failed(1_090, &patience);
    assert!(attempts.was_tried && !attempts.is_hopeless);
}
