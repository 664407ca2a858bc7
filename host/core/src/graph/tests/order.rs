//! The start order and the stop order.

use expect_test::{Expect, expect};

use super::{graph, ids};

fn order(lines: &str, expected: Expect) {
    let said = match graph(lines).order() {
        Ok(order) => ids(&order),
        Err(cycle) => cycle.to_string(),
    };
    expected.assert_eq(&said);
}

#[test]
fn dependencies_start_before_their_dependants() {
    order("", expect![""]);
    order("ccc\naaa\nbbb", expect!["aaa bbb ccc"]);
    order("aaa: needs bbb\nbbb: needs ccc\nccc", expect!["ccc bbb aaa"]);
    order("aaa: may use bbb\nbbb: after ccc\nccc", expect!["ccc bbb aaa"]);
    // Plugins that are not installed and conflicts have no effect on the order.
    order("aaa: needs zzz; may use yyy; after xxx; not bbb\nbbb", expect!["aaa bbb"]);
    // Unmet version requirements and disabled plugins have no effect either.
    order("aaa: needs bbb >=2; may use ccc >=2\n-bbb\nccc", expect!["bbb ccc aaa"]);
    // Among all plugins that could be next, the first by id is used.
    order("aaa: needs mmm\nbbb: needs zzz\nmmm\nzzz", expect!["mmm aaa zzz bbb"]);
    order("aaa: needs ddd\nbbb\nccc: needs aaa\nddd\neee: after bbb", expect!["bbb ddd aaa ccc eee"]);
    // Two reasons for one edge are one edge.
    order("aaa: needs bbb; after bbb\nbbb", expect!["bbb aaa"]);
    // Of two with one id the later counts.
    order("aaa: needs bbb\nbbb\naaa", expect!["aaa bbb"]);
}

#[test]
fn plugins_in_a_cycle_have_no_order() {
    order(
        "aaa: needs bbb\nbbb: needs ccc\nccc: needs aaa\nddd",
        expect![
            "plugins wait for each other: aaa → bbb → ccc → aaa (`aaa` needs `bbb`, `bbb` needs `ccc`, `ccc` needs `aaa`); hint: remove `bbb` from the plugin.yaml of `aaa`, or break the cycle at another plugin"
        ],
    );
    order(
        "aaa: needs bbb\nbbb: after ccc\nccc: may use aaa",
        expect![
            "plugins wait for each other: aaa → bbb → ccc → aaa (`aaa` needs `bbb`, `bbb` runs after `ccc`, `ccc` may use `aaa`); hint: remove `bbb` from the plugin.yaml of `aaa`, or break the cycle at another plugin"
        ],
    );
    order(
        "aaa: after bbb\nbbb: after aaa",
        expect![
            "plugins wait for each other: aaa → bbb → aaa (`aaa` runs after `bbb`, `bbb` runs after `aaa`); hint: remove `bbb` from the plugin.yaml of `aaa`, or break the cycle at another plugin"
        ],
    );
    order(
        "aaa: needs aaa",
        expect![
            "plugins wait for each other: aaa → aaa (`aaa` needs `aaa`); hint: remove `aaa` from the plugin.yaml of `aaa`"
        ],
    );
    // The shortest cycle is reported. Plugins that only wait for it are not part of it.
    order(
        "aaa: needs bbb\nbbb: needs ccc; needs zzz\nccc: needs ddd\nddd: needs bbb\nzzz: needs bbb",
        expect![
            "plugins wait for each other: bbb → zzz → bbb (`bbb` needs `zzz`, `zzz` needs `bbb`); hint: remove `zzz` from the plugin.yaml of `bbb`, or break the cycle at another plugin"
        ],
    );
    // The strictest of several reasons is reported.
    order(
        "aaa: after bbb; needs bbb\nbbb: after aaa; may use aaa",
        expect![
            "plugins wait for each other: aaa → bbb → aaa (`aaa` needs `bbb`, `bbb` may use `aaa`); hint: remove `bbb` from the plugin.yaml of `aaa`, or break the cycle at another plugin"
        ],
    );
}

#[test]
fn dependants_stop_before_their_dependencies() {
    let lines = "
        app: needs shop; needs store
        -cron: needs store
        log
        night: needs cron
        shop: needs store
        stats: may use store; after shop
        store: after log";
    let check = |id: &str, only_enabled, expected: Expect| {
        expected.assert_eq(&ids(&graph(lines).dependants(&id.parse().unwrap(), only_enabled)));
    };
    check("store", false, expect!["app shop night cron"]);
    check("store", true, expect!["app shop"]);
    check("shop", false, expect!["app"]);
    check("cron", true, expect!["night"]);
    check("log", false, expect![""]);
    check("app", false, expect![""]);
    check("nothing", false, expect![""]);
}

#[test]
fn dependants_that_wait_for_each_other_stop_in_that_order() {
    let check = |lines: &str, expected: Expect| {
        expected.assert_eq(&ids(&graph(lines).dependants(&"base".parse().unwrap(), true)));
    };
    check("base\naaa: needs base; after bbb\nbbb: needs base", expect!["aaa bbb"]);
    check("base\naaa: needs base\nbbb: needs base; after aaa", expect!["bbb aaa"]);
    // Each plugin is listed once even if the plugins are in a cycle.
    check("base: needs ccc\naaa: needs base\nbbb: needs aaa; needs ccc\nccc: needs bbb", expect!["ccc bbb aaa"]);
}

#[test]
fn a_plugin_waits_for_the_plugins_it_names() {
    let lines = "app: needs store; may use disks >=2; after log; after gone; not other\nstore: needs disk\n-disks\nlog\ndisk\nother";
    let check = |id: &str, expected: Expect| expected.assert_eq(&ids(&graph(lines).needs(&id.parse().unwrap())));
    check("app", expect!["disks log store"]);
    check("store", expect!["disk"]);
    check("disk", expect![""]);
    check("nothing", expect![""]);
}
