//! Tests of the checks of a Cargo.toml.

use super::*;

const HEAD: &str = "[package]\nname = \"x\"\n[lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n";

fn check(files: &[(&str, &str)]) -> String {
    check_in("", files)
}

fn check_in(base: &str, files: &[(&str, &str)]) -> String {
    let read = |path: &str| {
        let file = files.iter().find(|(name, _)| *name == path);
        file.map(|(_, text)| Ok(text.as_bytes().to_vec()))
    };
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    match check_files(&read, &names, base, &Version::new(0, 1, 3)) {
        Ok(package) if package.has_workspace && package.root != base => {
            format!("{} in the workspace `{}`", package.name, package.root)
        }
        Ok(package) if package.has_workspace => format!("{} in a workspace", package.name),
        Ok(package) => package.name,
        Err(error) => format!("{}: {error}", error.code()),
    }
}

fn check_root(rest: &str) -> String {
    check(&[("Cargo.toml", &format!("{HEAD}{rest}"))])
}

#[test]
fn a_package_in_a_folder_belongs_to_the_workspace_above_it() {
    let plugin = ("plugins/a/Cargo.toml", HEAD);
    let in_a = |files: &[(&str, &str)]| check_in("plugins/a", &[&[plugin], files].concat());
    assert_eq!(in_a(&[]), "x");
    assert_eq!(in_a(&[("Cargo.toml", "[package]\nname = \"y\"\n")]), "x");
    assert_eq!(in_a(&[("Cargo.toml", "[workspace]\nmembers = [\"plugins/*\"]")]), "x in the workspace ``");
    assert_eq!(in_a(&[("plugins/Cargo.toml", "[workspace]")]), "x in the workspace `plugins`");
    assert_eq!(in_a(&[("Cargo.toml", "[workspace]\nexclude = [\"plugins\"]")]), "x");
    let shared = "[workspace.dependencies]\nplugin-sdk = \"9\"\n";
    assert!(in_a(&[("Cargo.toml", shared)]).starts_with("build_sdk_version: "));
    let outside = "[workspace]\n[workspace.dependencies]\ny = { path = \"../y\" }\n";
    assert!(in_a(&[("Cargo.toml", outside)]).starts_with("build_path_outside: "));
    assert_eq!(in_a(&[("Cargo.toml", "[workspace]"), ("common/Cargo.toml", "[package]")]), "x in the workspace ``");
}

#[test]
fn a_plugin_is_one_package_that_makes_a_cdylib() {
    assert_eq!(check_root(""), "x");
    assert_eq!(check_root("[workspace]"), "x in a workspace");
    for (text, start) in [
        ("[workspace]\nmembers = [\"a\"]", "build_cargo_toml: `Cargo.toml`: it has no `package.name`"),
        ("name =", "build_cargo_toml: `Cargo.toml` line 1: string values must be quoted"),
        (
            "[package]\nname = \"x\"\n\n[lib",
            "build_cargo_toml: `Cargo.toml` line 4: unclosed table, expected `]`; hint: correct",
        ),
        (
            "[package]\nname = \"x\"\nname = \"y\"",
            "build_cargo_toml: `Cargo.toml` line 3: duplicate key; hint: correct",
        ),
        ("[package]\nname = \"x\"", "build_not_cdylib: the crate does not build a `cdylib`; hint: write `crate-type"),
        ("[package]\nname = \"x\"\n[lib]\ncrate-type = [\"dylib\"]", "build_not_cdylib"),
    ] {
        let found = check(&[("Cargo.toml", text)]);
        assert!(found.starts_with(start), "{found}");
    }
}

#[test]
fn a_workspace_without_a_package_names_the_folders_of_its_plugins() {
    let workspace = ("Cargo.toml", "[workspace]\nmembers = [\"a\", \"b\"]");
    let of = |rest: &[(&str, &str)]| check(&[&[workspace], rest].concat());
    let found = of(&[("a/Cargo.toml", ""), ("a/plugin.yaml", ""), ("b/Cargo.toml", "")]);
    assert!(found.ends_with("; hint: `a/` has a plugin.yaml: `load` with --path a"), "{found}");
    let found = of(&[("a/plugin.yaml", ""), ("b/plugin.yml", "")]);
    assert!(found.ends_with("; hint: `a`, `b` have a plugin.yaml: `load` with --path a"), "{found}");
    let found = of(&[("a/Cargo.toml", ""), ("b/Cargo.toml", "")]);
    assert!(found.contains("that is the plugin (`a`, `b`), and `load` with --path FOLDER"), "{found}");
    assert!(of(&[]).ends_with("hint: write `name = \"…\"` under `[package]`"), "{}", of(&[]));
}

#[test]
fn paths_stay_inside_the_plugin() {
    for inside in [
        "[dependencies]\na = { path = \"crates/a\" }",
        "[dependencies]\na = { path = \"./x/../crates/a/\" }",
        "[dependencies]\na = \"1\"\nb = { workspace = true }",
    ] {
        assert_eq!(check_root(inside), "x", "{inside}");
    }
    for (outside, key) in [
        ("[dependencies]\na = { path = \"../a\" }", "dependencies.a.path"),
        ("[dependencies.a]\npath = \"/srv/a\"", "dependencies.a.path"),
        ("[dependencies]\na.path = \"b/../../a\"", "dependencies.a.path"),
        ("[build-dependencies]\na = { path = \"..\" }", "build-dependencies.a.path"),
        ("[dev-dependencies]\na = { path = \"..\" }", "dev-dependencies.a.path"),
        ("[target.'cfg(unix)'.dependencies]\na = { path = \"..\" }", "target.cfg(unix).dependencies.a.path"),
        ("[workspace.dependencies]\na = { path = \"..\" }", "workspace.dependencies.a.path"),
        ("[patch.crates-io]\na = { path = \"..\" }", "patch.crates-io.a.path"),
        ("[replace]\n\"a:1.0.0\" = { path = \"..\" }", "replace.a:1.0.0.path"),
    ] {
        let found = check_root(outside);
        assert!(found.starts_with(&format!("build_path_outside: `Cargo.toml`: `{key}` is `")), "{found}");
    }
    let package = "[package]\nname = \"x\"\nworkspace = \"..\"\n[lib]\ncrate-type = [\"cdylib\"]";
    assert!(check(&[("Cargo.toml", package)]).starts_with("build_path_outside"));
}

#[test]
fn every_manifest_that_cargo_reads_is_checked_and_no_other() {
    let out = "[dependencies]\nz = { path = \"../../z\" }";
    let with = |dependency: &str| format!("{HEAD}{dependency}");
    let named = with("[dependencies]\na = { path = \"a\" }");
    assert!(check(&[("Cargo.toml", &named), ("a/Cargo.toml", out)]).contains("`a/Cargo.toml`: `dependencies.z.path`"));
    assert_eq!(check(&[("Cargo.toml", HEAD), ("tests/data/Cargo.toml", "../../../x = [")]), "x");
    assert_eq!(check(&[("Cargo.toml", HEAD), ("a/Cargo.toml", out)]), "x");
    let workspace = with("[workspace]\nmembers = [\"*\"]");
    assert!(check(&[("Cargo.toml", &workspace), ("a/Cargo.toml", out)]).starts_with("build_path_outside"));
    let circle = "[dependencies]\nx = { path = \"..\" }";
    assert_eq!(check(&[("Cargo.toml", &named), ("a/Cargo.toml", circle)]), "x");
}

#[test]
fn the_sdk_must_be_the_one_the_host_carries() {
    for good in ["\"0.1\"", "\"*\"", "{ version = \">=0.1, <1\" }", "{ path = \"sdk\" }", "{ workspace = true }"] {
        assert_eq!(check_root(&format!("[dependencies]\nplugin-sdk = {good}")), "x", "{good}");
    }
    for bad in [
        "[dependencies]\nplugin-sdk = \"0.2\"",
        "[dependencies]\nsdk = { package = \"plugin-sdk\", version = \"=0.1.2\" }",
        "[workspace.dependencies]\nplugin-sdk = \"1\"",
    ] {
        let found = check_root(bad);
        assert!(found.starts_with("build_sdk_version") && found.contains("plugin-sdk = \"0.1\""), "{found}");
    }
}

#[test]
fn an_sdk_with_the_name_of_its_crate_is_named() {
    for wrong in [
        "[dependencies]\nplugin_sdk = \"0.1\"",
        "[dev-dependencies.plugin_sdk]\nversion = \"0.1\"",
        "[dependencies]\nsdk = { package = \"plugin_sdk\", version = \"1\" }",
        "[workspace.dependencies]\nplugin_sdk = \"*\"",
    ] {
        let found = check_root(wrong);
        let expected =
            "build_cargo_toml: `Cargo.toml`: there is no package `plugin_sdk`; hint: write `plugin-sdk = \"0.1\"`";
        assert!(found.starts_with(expected), "{found}");
    }
    for right in [
        "[dependencies]\nplugin_sdk = { package = \"plugin-sdk\", version = \"0.1\" }",
        "[dependencies]\nplugin_sdk = { path = \"mine\" }",
    ] {
        assert_eq!(check_root(right), "x", "{right}");
    }
}

#[test]
fn a_profile_that_differs_from_that_of_the_host_is_noted() {
    use host_core::manifest::Profile::{Dev, Release};
    let profiles = |text: &str| Profiles::read(&text.parse().unwrap());
    let note = |text: &str| profiles(text).note(Release, Release).unwrap_or_default();
    for same in [
        "",
        "[profile.release]\nopt-level = 3\ndebug = false\nlto = false\nstrip = \"none\"\npanic = \"abort\"\nincremental = true",
        "[profile.dev]\nlto = true",
        "[profile.release.package.small]\nopt-level = \"s\"",
    ] {
        assert_eq!(note(same), "", "{same}");
    }
    let note_of =
        note("[profile.release]\nstrip = true\nlto = \"fat\"\n[profile.release.package.\"*\"]\nopt-level = 1");
    assert!(
        note_of.starts_with("note: `[profile.release]` in Cargo.toml sets `strip`, `lto`, `package.\"*\"`"),
        "{note_of}"
    );
    assert!(profiles("[profile.dev]\nopt-level = 1").note(Dev, Dev).is_some());
    let dev = profiles("").note(Dev, Release).unwrap();
    assert!(dev.starts_with("note: `build.profile` in plugin.yaml is `dev`, so cargo does not reuse"), "{dev}");
}
