//! Planned changes, their order, and refused files.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use expect_test::{Expect, expect};
use serde_json::{Map, Value, json};

use crate::manifest::Mode;
use crate::plugin_set::{At, FetchedSource, InstalledPlugin, PlannedChange, PluginPlan, PluginSet, compare, read};
use crate::{Desired, Digest, Goal, Manifest, Pick, PluginId, Source, Trust};

/// A plugin in a few words: `shop 1.2.0 running; needs store ^1; after log; not old; may kv.read`.
fn manifest(words: &str) -> Manifest {
    let (head, clauses) = words.split_once("; ").unwrap_or((words, ""));
    let mut head = head.split(' ');
    let (id, version) = (head.next().unwrap(), head.next().unwrap_or("1.0.0"));
    let mut text =
        format!("id: {id}\nname: N\nversion: {version}\nendpoints: [{{path: /, method: GET, handler: r}}]\n");
    for (key, verb) in [("dependencies", "needs"), ("run_after", "after"), ("conflicts", "not"), ("permissions", "may")]
    {
        let of_verb = clauses.split("; ").filter_map(|clause| clause.strip_prefix(verb)?.strip_prefix(' '));
        let items = of_verb.map(|rest| match rest.split_once(' ') {
            Some((id, version)) => format!("{{id: {id}, version: '{version}'}}"),
            None => rest.to_owned(),
        });
        writeln!(text, "{key}: [{}]", items.collect::<Vec<_>>().join(", ")).unwrap();
    }
    Manifest::check(text.as_bytes(), Mode::Normal).unwrap().manifest
}

fn goal(word: Option<&str>) -> Goal {
    let goals = [Goal::Running, Goal::Stopped, Goal::Disabled, Goal::Installed, Goal::Absent { keep_data: true }];
    goals.into_iter().find(|goal| goal.as_str() == word.unwrap_or("running")).unwrap()
}

fn source(manifest: &Manifest) -> Source {
    Source::Folder(format!("/srv/{}", manifest.id).into())
}

fn artifact(manifest: &Manifest) -> Digest {
    Digest::compute(format!("{} {}", manifest.id, manifest.version).as_bytes())
}

fn present(words: &str) -> InstalledPlugin {
    let manifest = manifest(words);
    let current = Pick {
        version: manifest.version.clone(),
        source: source(&manifest),
        trust: Trust::Http,
        commit: None,
        reference: None,
        tag: None,
        artifact: artifact(&manifest),
        loaded_unix_ms: 1,
    };
    let goal = goal(words.split(';').next().unwrap().split(' ').nth(2));
    let desired = Desired::new(&manifest, goal, current);
    InstalledPlugin { desired, manifest: Some(manifest), configuration: Map::new(), secrets: vec![] }
}

/// An entry of the file, with what its source holds.
fn found(words: &str) -> FetchedSource {
    let manifest = manifest(words);
    FetchedSource {
        source: source(&manifest),
        commit: None,
        artifact: Some(artifact(&manifest)),
        configuration: None,
        secrets: vec![],
        manifest,
    }
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

/// A file that lists plugins; a plugin marked with `-` is installed but not listed.
fn file(prune: bool, listed: &str) -> (PluginSet, BTreeMap<usize, FetchedSource>) {
    let found: BTreeMap<_, _> = lines(listed).map(found).enumerate().collect();
    let mut text = format!("version: 1\nprune: {prune}\nplugins:\n");
    for (line, found) in lines(listed).zip(found.values()) {
        let goal = line.split(';').next().unwrap().split(' ').nth(2).unwrap_or("running");
        writeln!(text, "  - {{source: {}, goal: {goal}}}", found.source).unwrap();
    }
    if found.is_empty() {
        text = format!("version: 1\nprune: {prune}\nplugins: []\n");
    }
    (read(text.as_bytes()).unwrap(), found)
}

fn check(installed: &str, prune: bool, listed: &str, expected: Expect) {
    let installed: Vec<_> = lines(installed).map(present).collect();
    let (file, found) = file(prune, listed);
    expected.assert_eq(&says(&file, &installed, &found));
}

fn says(file: &PluginSet, installed: &[InstalledPlugin], found: &BTreeMap<usize, FetchedSource>) -> String {
    match compare(file, installed, found) {
        Ok(plan) => plan.steps.iter().map(|step| format!("{}\n", shown(step))).collect(),
        Err(refused) => {
            assert!(!refused.is_empty());
            refused.iter().map(|refused| format!("{} {:?}: {refused}\n", refused.code(), refused.entry())).collect()
        }
    }
}

fn shown(step: &PluginPlan) -> String {
    let at = |at: &At| {
        format!("{} {}{}", at.version, at.source, at.commit.iter().map(|c| format!(" {c}")).collect::<String>())
    };
    let change = |change: &PlannedChange| match change {
        PlannedChange::Install(to) => format!("install {}", at(to)),
        PlannedChange::Replace { from, to } => format!("replace {} by {}", at(from), at(to)),
        PlannedChange::Configure(changes) => format!(
            "configure {}",
            changes
                .iter()
                .map(|change| {
                    let value =
                        |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), ToString::to_string);
                    format!("{} {}->{}", change.pointer, value(&change.before), value(&change.after))
                })
                .collect::<Vec<_>>()
                .join(", ")
        ),
        PlannedChange::Goal { from, to } => format!("{}->{}", from.map_or("nothing", Goal::as_str), to.as_str()),
        PlannedChange::UpdatePolicy => "update policy".to_owned(),
        PlannedChange::Unload(from) => format!("unload {}", at(from)),
    };
    let changes = match step.changes.as_slice() {
        [] => "nothing".to_owned(),
        changes => changes.iter().map(change).collect::<Vec<_>>().join("; "),
    };
    let mut text = format!("{}: {changes}", step.id);
    if !step.new_permissions.is_empty() {
        write!(text, "; may {}", step.new_permissions.join(" ")).unwrap();
    }
    if !step.affected.is_empty() {
        let affected = step.affected.iter().map(PluginId::as_str).collect::<Vec<_>>();
        write!(text, "; affects {}", affected.join(" ")).unwrap();
    }
    text
}

#[test]
fn a_matching_plugin_is_not_changed() {
    check("", false, "", expect![""]);
    check(
        "abc",
        true,
        "abc",
        expect![[r#"
        abc: nothing
    "#]],
    );
    check(
        "abc\nother",
        false,
        "abc",
        expect![[r#"
        abc: nothing
    "#]],
    );
}

#[test]
fn installations_changes_and_removals_are_planned() {
    check(
        "same\nold-one 1.0.0; may kv.read\nresting 1.0.0 stopped\nunwanted",
        true,
        "same\nold-one 1.1.0; may kv.read; may kv.write\nresting\nnew-one 1.0.0 installed; may kv.read",
        expect![[r#"
            new-one: install 1.0.0 /srv/new-one; nothing->installed; may kv.read
            old-one: replace 1.0.0 /srv/old-one by 1.1.0 /srv/old-one; may kv.write
            resting: stopped->running
            same: nothing
            unwanted: unload 1.0.0 /srv/unwanted
        "#]],
    );
}

#[test]
fn dependencies_are_installed_first_and_removed_last() {
    // Each new version is incompatible with the old version of the other plugin.
    check(
        "store\nshop; needs store ^1\nlog",
        false,
        "shop 2.0.0; needs store ^2; needs log\nstore 2.0.0\nlog",
        expect![[r#"
            log: nothing
            store: replace 1.0.0 /srv/store by 2.0.0 /srv/store; affects shop
            shop: replace 1.0.0 /srv/shop by 2.0.0 /srv/shop
        "#]],
    );
    check(
        "store\nshop; needs store\nmall; needs shop",
        true,
        "",
        expect![[r#"
        mall: unload 1.0.0 /srv/mall
        shop: unload 1.0.0 /srv/shop; affects mall
        store: unload 1.0.0 /srv/store; affects mall shop
    "#]],
    );
    check(
        "store\nshop; needs store",
        false,
        "store 1.0.0 disabled\nshop 1.0.0 disabled; needs store",
        expect![[r#"
            shop: running->disabled
            store: running->disabled
        "#]],
    );
    check(
        "store 1.0.0 disabled\nshop 1.0.0 disabled; needs store",
        false,
        "shop; needs store\nstore",
        expect![[r#"
            store: disabled->running
            shop: disabled->running
        "#]],
    );
}

#[test]
fn removals_precede_conflicting_installations_and_otherwise_follow() {
    check(
        "old-shop\nstore",
        true,
        "shop; not old-shop",
        expect![[r#"
        old-shop: unload 1.0.0 /srv/old-shop
        shop: install 1.0.0 /srv/shop; nothing->running
        store: unload 1.0.0 /srv/store
    "#]],
    );
}

#[test]
fn a_plan_that_the_graph_refuses_is_refused_as_a_whole() {
    check(
        "store\nshop; needs store ^1\nmall; needs store",
        true,
        "shop; needs store ^1\nmall 1.1.0; needs store; needs gone ^3\nbank; needs vault\nvault; needs bank",
        expect![[r#"
            dependency_dependants None: `store` cannot be unloaded: `shop` needs it; hint: unload `shop` first, or set `cascade`
            dependency_cycle None: plugins wait for each other: bank → vault → bank (`bank` needs `vault`, `vault` needs `bank`); hint: remove `vault` from the plugin.yaml of `bank`, or break the cycle at another plugin
            dependency_missing None: `mall` needs `store`, which is not installed; hint: install `store`
            dependency_missing None: `mall` needs `gone` ^3, which is not installed; hint: install `gone` ^3
        "#]],
    );
    check(
        "store\nshop; needs store ^1",
        false,
        "store 2.0.0 disabled",
        expect![[r#"
            dependency_dependants None: `store` 2.0.0 does not meet the requirement of `shop` (^1); hint: install a version of `store` that meets ^1, or update or unload `shop` first
            dependency_dependants None: `store` cannot be disabled: `shop` needs it; hint: disable `shop` first, or set `cascade`
        "#]],
    );
}

#[test]
fn entries_whose_source_does_not_match_are_refused() {
    let installed = [present("gone-soon 1.0.0 absent")];
    let text = format!(
        "version: 1\nplugins:\n  - {{source: /srv/a, id: abc}}\n  - {{source: /srv/b, id: xyz}}\n  - {{source: /srv/c}}\n  \
         - {{source: /srv/d}}\n  - {{source: /srv/e, id: locked, artifact: '{}'}}\n",
        Digest::compute(b"other")
    );
    let found = ["abc", "other", "abc", "gone-soon", "locked"].map(found).into_iter().enumerate().collect();
    expect![[r#"
        plan_other_plugin Some(1): the source contains plugin `other`, not `xyz`; hint: change `id` or `source`
        plan_twice Some(2): the source contains plugin `abc`, which is already listed as `plugins[0]`; hint: keep one of them
        plan_leaving Some(3): `gone-soon` is being unloaded; hint: plan again after it is unloaded
        plan_other_artifact Some(4): `locked` is locked to artifact d9298a10d1b0, but the build produced c1b6f76c8d13; hint: remove `artifact`, or use the toolchain that built the locked artifact
    "#]].assert_eq(&says(&read(text.as_bytes()).unwrap(), &installed, &found));
}

#[test]
fn another_source_commit_or_build_replaces_the_installed_version() {
    let installed = [present("abc")];
    let (file, found) = file(false, "abc");
    let with = |change: &dyn Fn(&mut FetchedSource)| {
        let mut found = found.clone();
        change(found.get_mut(&0).unwrap());
        says(&file, &installed, &found)
    };
    expect![[r#"
        abc: replace 1.0.0 /srv/abc by 1.0.0 /srv/elsewhere
        abc: replace 1.0.0 /srv/abc by 1.0.0 /srv/abc c1
        abc: replace 1.0.0 /srv/abc by 1.0.0 /srv/abc
        abc: replace 1.0.0 /srv/abc by 1.0.0 /srv/abc
    "#]]
    .assert_eq(
        &[
            with(&|found| found.source = Source::Folder("/srv/elsewhere".into())),
            with(&|found| found.commit = Some("c1".to_owned())),
            with(&|found| found.artifact = None),
            with(&|found| found.artifact = Some(Digest::compute(b"x"))),
        ]
        .concat(),
    );
}

#[test]
fn configuration_changes_are_shown_without_secrets() {
    let map = |value: Value| value.as_object().cloned().unwrap();
    let (before, after) = (
        map(json!({"greeting": "Hi", "password": "old", "key": "same", "gone": 1})),
        map(json!({"greeting": "Ho", "password": "new", "key": "same", "token": "t"})),
    );
    let secrets = |names: &[&str]| names.iter().map(|name| format!("/{name}")).collect::<Vec<_>>();
    let installed =
        [InstalledPlugin { configuration: before, secrets: secrets(&["password", "key"]), ..present("abc") }];
    let (mut file, mut found) = file(false, "abc\nnew-one");
    for found in found.values_mut() {
        *found = FetchedSource {
            configuration: Some(after.clone()),
            secrets: secrets(&["password", "key", "token"]),
            ..found.clone()
        };
    }
    file.plugins[0].update = Some(
        "patch"
            .parse()
            .map(|policy| crate::update::UpdatePolicy::new(policy, false, Default::default()).unwrap())
            .unwrap(),
    );
    file.plugins[1].blocked = Some(["1.2.0".parse().unwrap()].into());
    expect![[r#"
        abc: configure /gone 1->nothing, /greeting "Hi"->"Ho", /password "********"->"********", /token nothing->"********"; update policy
        new-one: install 1.0.0 /srv/new-one; configure /greeting nothing->"Ho", /key nothing->"********", /password nothing->"********", /token nothing->"********"; nothing->running; update policy
    "#]].assert_eq(&says(&file, &installed, &found));
    file.plugins[0].update = Some(Default::default());
    file.plugins[0].blocked = Some([].into());
    found.get_mut(&0).unwrap().configuration = Some(installed[0].configuration.clone());
    found.remove(&1);
    expect![[r#"
        abc: nothing
    "#]]
    .assert_eq(&says(&file, &installed, &found));
}
