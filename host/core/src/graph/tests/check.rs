//! Checks of installations, changes and removals.

use expect_test::{Expect, expect};

use super::{graph, node};
use crate::graph::Refusal;

/// The refusal of a candidate, given the installed plugins.
fn check(installed: &str, candidate: &str, expected: Expect) {
    expected.assert_eq(&says(graph(installed).check(&node(candidate))));
}

fn fits(installed: &str, candidate: &str) {
    all_fit(installed, &[candidate]);
}

fn together(installed: &str, candidates: &[&str], expected: Expect) {
    let candidates: Vec<_> = candidates.iter().map(|line| node(line)).collect();
    expected.assert_eq(&says(graph(installed).check_together(&candidates)));
}

fn all_fit(installed: &str, candidates: &[&str]) {
    together(installed, candidates, expect!["ok"]);
}

/// Each problem with its word and what would help.
fn says(result: Result<(), Refusal>) -> String {
    let Err(refusal) = result else { return "ok".to_owned() };
    let lines: Vec<_> = refusal.problems().iter().map(|problem| format!("{}: {problem}", problem.code())).collect();
    lines.join("\n")
}

#[test]
fn a_dependency_must_be_installed_in_a_matching_version() {
    fits("", "shop");
    fits("store", "shop: needs store");
    fits("store 1.4.2", "shop: needs store >=1, <2");
    check(
        "",
        "shop: needs store",
        expect!["dependency_missing: `shop` needs `store`, which is not installed; hint: install `store`"],
    );
    check(
        "",
        "shop: needs store >=1, <2",
        expect![
            "dependency_missing: `shop` needs `store` >=1, <2, which is not installed; hint: install `store` >=1, <2"
        ],
    );
    check(
        "store 0.9.0",
        "shop: needs store >=1, <2",
        expect![
            "dependency_version: `shop` needs `store` >=1, <2, but 0.9.0 is installed; hint: install `store` >=1, <2"
        ],
    );
    check(
        "store 2.0.0",
        "shop: needs store >=1, <2",
        expect![
            "dependency_version: `shop` needs `store` >=1, <2, but 2.0.0 is installed; hint: install `store` >=1, <2"
        ],
    );
    check(
        "Store",
        "shop: needs store",
        expect!["dependency_missing: `shop` needs `store`, which is not installed; hint: install `store`"],
    );
    // A pre-release is as good as its release, and build metadata is no part of it.
    fits("store 1.0.0-rc.1", "shop: needs store >=1, <2");
    check(
        "store 2.0.0-rc.1+b5",
        "shop: needs store >=1, <2",
        expect![
            "dependency_version: `shop` needs `store` >=1, <2, but 2.0.0-rc.1+b5 is installed; hint: install `store` >=1, <2"
        ],
    );
    fits("store 1.0.0+build.7", "shop: needs store =1.0.0");
    // Of the plugin itself only the new version counts.
    fits("shop: needs gone", "shop");
    check(
        "shop\nstore",
        "shop: needs store; needs bank ^2",
        expect!["dependency_missing: `shop` needs `bank` ^2, which is not installed; hint: install `bank` ^2"],
    );
}

#[test]
fn a_dependency_must_be_enabled_while_its_dependant_is() {
    check(
        "-store",
        "shop: needs store",
        expect!["dependency_disabled: `shop` needs `store`, which is disabled; hint: enable `store`"],
    );
    fits("-store", "-shop: needs store");
    check(
        "-store 0.9.0",
        "shop: needs store >=1",
        expect![[r#"
            dependency_version: `shop` needs `store` >=1, but 0.9.0 is installed; hint: install `store` >=1
            dependency_disabled: `shop` needs `store`, which is disabled; hint: enable `store`"#]],
    );
    check(
        "-store 0.9.0",
        "-shop: needs store >=1",
        expect!["dependency_version: `shop` needs `store` >=1, but 0.9.0 is installed; hint: install `store` >=1"],
    );
    check(
        "",
        "-shop: needs store",
        expect!["dependency_missing: `shop` needs `store`, which is not installed; hint: install `store`"],
    );
    fits("-store", "shop: may use store; after store");
}

#[test]
fn optional_dependencies_and_run_after_refuse_nothing() {
    fits("", "shop: may use store >=1; after log");
    fits("store 0.9.0\n-log", "shop: may use store >=1; after log");
    fits("shop: may use store <2", "store 2.0.0");
    fits("shop: may use store; after store", "-store");
}

#[test]
fn cycles_are_refused_and_reported_with_each_step() {
    check(
        "store: needs shop",
        "shop: needs store",
        expect![
            "dependency_cycle: plugins wait for each other: shop → store → shop (`shop` needs `store`, `store` needs `shop`); hint: remove `store` from the plugin.yaml of `shop`, or break the cycle at another plugin"
        ],
    );
    check(
        "bbb: needs ccc\nccc: needs aaa",
        "aaa: needs bbb",
        expect![
            "dependency_cycle: plugins wait for each other: aaa → bbb → ccc → aaa (`aaa` needs `bbb`, `bbb` needs `ccc`, `ccc` needs `aaa`); hint: remove `bbb` from the plugin.yaml of `aaa`, or break the cycle at another plugin"
        ],
    );
    check(
        "bbb: after ccc\nccc: may use aaa",
        "aaa: needs bbb",
        expect![
            "dependency_cycle: plugins wait for each other: aaa → bbb → ccc → aaa (`aaa` needs `bbb`, `bbb` runs after `ccc`, `ccc` may use `aaa`); hint: remove `bbb` from the plugin.yaml of `aaa`, or break the cycle at another plugin"
        ],
    );
    check(
        "bbb: after aaa",
        "aaa: after bbb",
        expect![
            "dependency_cycle: plugins wait for each other: aaa → bbb → aaa (`aaa` runs after `bbb`, `bbb` runs after `aaa`); hint: remove `bbb` from the plugin.yaml of `aaa`, or break the cycle at another plugin"
        ],
    );
    check(
        "",
        "aaa: needs aaa",
        expect![
            "dependency_cycle: plugins wait for each other: aaa → aaa (`aaa` needs `aaa`); hint: remove `aaa` from the plugin.yaml of `aaa`"
        ],
    );
    // Each edge of the candidate that is part of a cycle is reported with its shortest cycle.
    check(
        "bbb: needs aaa\nccc: needs bbb; needs aaa\nddd",
        "aaa: needs bbb; after ccc; needs ddd",
        expect![[r#"
        dependency_cycle: plugins wait for each other: aaa → bbb → aaa (`aaa` needs `bbb`, `bbb` needs `aaa`); hint: remove `bbb` from the plugin.yaml of `aaa`, or break the cycle at another plugin
        dependency_cycle: plugins wait for each other: aaa → ccc → aaa (`aaa` runs after `ccc`, `ccc` needs `aaa`); hint: remove `ccc` from the plugin.yaml of `aaa`, or break the cycle at another plugin"#]],
    );
    // A disabled plugin is enabled one day.
    check(
        "-bbb: needs aaa",
        "aaa: needs bbb",
        expect![[r#"
        dependency_cycle: plugins wait for each other: aaa → bbb → aaa (`aaa` needs `bbb`, `bbb` needs `aaa`); hint: remove `bbb` from the plugin.yaml of `aaa`, or break the cycle at another plugin
        dependency_disabled: `aaa` needs `bbb`, which is disabled; hint: enable `bbb`"#]],
    );
    // A cycle without the candidate is not reported, even if the candidate depends on a plugin of the cycle.
    fits("bbb: needs ccc\nccc: needs bbb", "aaa: needs bbb");
    // A new version may break the cycle.
    fits("aaa: needs bbb\nbbb: needs aaa", "aaa");
    // A plugin that is not installed is not part of a cycle.
    fits("bbb: after aaa", "aaa: after ccc");
}

#[test]
fn conflicts_hold_in_both_directions() {
    check(
        "old-shop",
        "shop: not old-shop",
        expect!["dependency_conflict: `shop` conflicts with `old-shop`; hint: unload `old-shop`"],
    );
    check(
        "old-shop: not shop",
        "shop",
        expect!["dependency_conflict: `old-shop` conflicts with `shop`; hint: unload `old-shop`"],
    );
    check(
        "old-shop: not shop >=2",
        "shop 2.1.0: not old-shop",
        expect![[r#"
            dependency_conflict: `shop` conflicts with `old-shop`; hint: unload `old-shop`
            dependency_conflict: `old-shop` conflicts with `shop` >=2, and `shop` is 2.1.0; hint: unload `old-shop`, or install a version of `shop` outside of >=2"#]],
    );
    fits("", "shop: not old-shop");
    check(
        "old-shop 1.9.0",
        "shop: not old-shop <2",
        expect![
            "dependency_conflict: `shop` conflicts with `old-shop` <2, and `old-shop` is 1.9.0; hint: unload `old-shop`, or install a version of `old-shop` outside of <2"
        ],
    );
    fits("old-shop 2.0.0", "shop: not old-shop <2");
    check(
        "old-shop 1.9.0-beta",
        "shop: not old-shop <2",
        expect![
            "dependency_conflict: `shop` conflicts with `old-shop` <2, and `old-shop` is 1.9.0-beta; hint: unload `old-shop`, or install a version of `old-shop` outside of <2"
        ],
    );
    fits("old-shop: not shop >=2", "shop 1.0.0");
    // Being disabled is no way around it: one day both would be enabled.
    check(
        "-old-shop",
        "-shop: not old-shop",
        expect!["dependency_conflict: `shop` conflicts with `old-shop`; hint: unload `old-shop`"],
    );
    // Two others that do not go together are not the candidate's fault.
    fits("aaa: not bbb\nbbb", "ccc: needs aaa");
    check(
        "shop: not old-shop\nold-shop",
        "old-shop 2.0.0",
        expect!["dependency_conflict: `shop` conflicts with `old-shop`; hint: unload `shop`"],
    );
}

#[test]
fn a_version_that_does_not_meet_the_requirement_of_a_dependant_is_refused() {
    let installed =
        "store 1.4.0\nshop: needs store >=1, <2\ntill: needs store ^1.3\nlog: needs store\n-cron: needs store =1.4.0";
    fits(installed, "store 1.4.0");
    check(
        installed,
        "store 1.5.0",
        expect![
            "dependency_dependants: `store` 1.5.0 does not meet the requirement of `cron` (=1.4.0); hint: install a version of `store` that meets =1.4.0, or update or unload `cron` first"
        ],
    );
    check(
        installed,
        "store 1.2.0",
        expect![
            "dependency_dependants: `store` 1.2.0 does not meet the requirement of `cron` (=1.4.0), `till` (^1.3); hint: install a version of `store` that meets =1.4.0 and ^1.3, or update or unload `cron`, `till` first"
        ],
    );
    check(
        installed,
        "store 2.0.0",
        expect![
            "dependency_dependants: `store` 2.0.0 does not meet the requirement of `cron` (=1.4.0), `shop` (>=1, <2), `till` (^1.3); hint: install a version of `store` that meets =1.4.0 and >=1, <2 and ^1.3, or update or unload `cron`, `shop`, `till` first"
        ],
    );
    check(
        "shop: needs store >=1, <2",
        "store 2.0.0",
        expect![
            "dependency_dependants: `store` 2.0.0 does not meet the requirement of `shop` (>=1, <2); hint: install a version of `store` that meets >=1, <2, or update or unload `shop` first"
        ],
    );
    check(
        "store 1.4.0\nshop: needs store <2\nnight: needs shop",
        "store 2.0.0",
        expect![
            "dependency_dependants: `store` 2.0.0 does not meet the requirement of `shop` (<2); hint: install a version of `store` that meets <2, or update or unload `shop` first"
        ],
    );
}

#[test]
fn an_enabled_dependency_is_not_replaced_by_a_disabled_plugin() {
    let installed = "store\nshop: needs store\nnight: needs shop\n-cron: needs store";
    check(
        installed,
        "-store",
        expect![
            "dependency_dependants: `store` cannot be disabled: `night`, `shop` need it; hint: disable `night`, `shop` first, or set `cascade`"
        ],
    );
    fits("-store\nshop: needs store", "-store 1.1.0");
    fits("shop: needs store", "-store");
}

#[test]
fn all_problems_are_reported_at_once() {
    check(
        "store 0.9.0: after shop\n-bank\nold-shop 1.0.0\nrival: not shop\ntill: needs shop ^1\nshop 1.0.0",
        "shop 2.0.0: needs store >=1, <2; needs bank; needs ledger ^3; may use disks; not old-shop",
        expect![[r#"
            dependency_cycle: plugins wait for each other: shop → store → shop (`shop` needs `store`, `store` runs after `shop`); hint: remove `store` from the plugin.yaml of `shop`, or break the cycle at another plugin
            dependency_version: `shop` needs `store` >=1, <2, but 0.9.0 is installed; hint: install `store` >=1, <2
            dependency_disabled: `shop` needs `bank`, which is disabled; hint: enable `bank`
            dependency_missing: `shop` needs `ledger` ^3, which is not installed; hint: install `ledger` ^3
            dependency_conflict: `shop` conflicts with `old-shop`; hint: unload `old-shop`
            dependency_conflict: `rival` conflicts with `shop`; hint: unload `rival`
            dependency_dependants: `shop` 2.0.0 does not meet the requirement of `till` (^1); hint: install a version of `shop` that meets ^1, or update or unload `till` first"#]],
    );
    let refused =
        graph("-bank 0.9.0").check(&node("shop: needs bank ^1; needs ledger ^1; needs clock ^1")).unwrap_err();
    assert_eq!((refused.code(), refused.problems().len()), ("dependency_version", 4));
    expect!["`shop` needs `bank` ^1, but 0.9.0 is installed; `shop` needs `bank`, which is disabled; `shop` needs `ledger` ^1, which is not installed; `shop` needs `clock` ^1, which is not installed; hint: install `bank` ^1; enable `bank`; install `ledger` ^1; install `clock` ^1"].assert_eq(&refused.to_string());
}

#[test]
fn plugins_that_require_each_others_new_version_are_checked_together() {
    let installed = "store 1.0.0\nshop 1.0.0: needs store ^1";
    check(
        installed,
        "store 2.0.0",
        expect![
            "dependency_dependants: `store` 2.0.0 does not meet the requirement of `shop` (^1); hint: install a version of `store` that meets ^1, or update or unload `shop` first"
        ],
    );
    check(
        installed,
        "shop 2.0.0: needs store ^2",
        expect!["dependency_version: `shop` needs `store` ^2, but 1.0.0 is installed; hint: install `store` ^2"],
    );
    all_fit(installed, &["store 2.0.0", "shop 2.0.0: needs store ^2"]);
    together(
        "",
        &["shop: needs store", "store: needs disk"],
        expect!["dependency_missing: `store` needs `disk`, which is not installed; hint: install `disk`"],
    );
    together(
        "",
        &["aaa: needs bbb", "bbb: needs aaa"],
        expect![
            "dependency_cycle: plugins wait for each other: aaa → bbb → aaa (`aaa` needs `bbb`, `bbb` needs `aaa`); hint: remove `bbb` from the plugin.yaml of `aaa`, or break the cycle at another plugin"
        ],
    );
    together(
        "",
        &["aaa: not bbb", "bbb: not aaa"],
        expect![[r#"
        dependency_conflict: `aaa` conflicts with `bbb`; hint: unload `bbb`
        dependency_conflict: `bbb` conflicts with `aaa`; hint: unload `aaa`"#]],
    );
    all_fit("store\nshop: needs store", &["-store", "-shop: needs store"]);
    all_fit("store", &[]);
}

#[test]
fn a_plugin_with_dependants_is_neither_removed_nor_disabled() {
    let installed =
        "store\nshop: needs store >=1\nnight: needs shop\n-cron: needs store\nlog: after store; may use store";
    let check = |id: &str, only_enabled, expected: Expect| {
        expected.assert_eq(&says(graph(installed).check_removal(&id.parse().unwrap(), only_enabled)));
    };
    check(
        "store",
        true,
        expect![
            "dependency_dependants: `store` cannot be disabled: `night`, `shop` need it; hint: disable `night`, `shop` first, or set `cascade`"
        ],
    );
    check(
        "store",
        false,
        expect![
            "dependency_dependants: `store` cannot be unloaded: `night`, `shop`, `cron` need it; hint: unload `night`, `shop`, `cron` first, or set `cascade`"
        ],
    );
    check("night", false, expect!["ok"]);
    check("cron", true, expect!["ok"]);
    check("nothing", false, expect!["ok"]);
}
