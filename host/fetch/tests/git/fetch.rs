//! Fetching repositories: the trees that they become, and the refusals.

use std::fs;
use std::thread;

use host_core::Revision;
use host_core::tag::TagRule;
use host_fetch::{Config, Trust, fetch};

use super::git_server::Repository;
use super::{Place, manifest, names, place};

#[test]
fn a_repository_becomes_a_tree_of_its_newest_release() {
    let place = place();
    let old = place.repository.commit(&[("plugin.yaml", "1"), ("src/lib.rs", "x")]);
    place.repository.git(&["tag", "v1.9.0"]);
    let new = place.repository.commit(&[("plugin.yaml", "2")]);
    assert_eq!(place.fetch("v1.9.0").unwrap().commit, Some(old));
    place.repository.git(&["tag", "--annotate", "-m", "release", "v1.10.0"]);
    let newest = place.repository.commit(&[("plugin.yaml", "3")]);
    place.repository.git(&["tag", "v2.0.0-rc.1"]);

    let fetched = place.fetch("latest").unwrap();
    assert_eq!((fetched.commit.as_deref(), manifest(&fetched).as_str()), (Some(new.as_str()), "2"));
    assert_eq!(names(&fetched.tree), "plugin.yaml src/lib.rs");
    assert_eq!(place.fetch("main").unwrap().commit, Some(newest));
    assert_eq!(place.fetch_from("https://github.com/acme/hello").unwrap().tree.digest(), fetched.tree.digest());
}

#[test]
fn without_a_release_the_default_branch_is_the_newest() {
    let place = place();
    let main = place.repository.commit(&[("plugin.yaml", "1"), ("x", "")]);
    place.repository.git(&["checkout", "--quiet", "-b", "feature/x"]);
    let feature = place.repository.commit(&[("plugin.yaml", "2")]);
    place.repository.git(&["checkout", "--quiet", "main"]);
    assert_eq!(place.fetch("latest").unwrap().commit, Some(main));
    assert_eq!(place.fetch("feature/x").unwrap().commit, Some(feature));
}

#[test]
fn a_commit_is_fetched_by_its_id_if_a_branch_or_tag_leads_to_it() {
    let place = place();
    let first = place.repository.commit(&[("plugin.yaml", "1"), ("x", "")]);
    let second = place.repository.commit(&[("plugin.yaml", "2")]);
    place.repository.git(&["checkout", "--quiet", "-b", "side"]);
    let side = place.repository.commit(&[("plugin.yaml", "3")]);
    let beyond = place.repository.commit(&[("plugin.yaml", "4")]);
    for (id, text) in [(&first, "1"), (&second, "2"), (&side, "3"), (&beyond, "4")] {
        let fetched = place.fetch(id).unwrap();
        assert_eq!((fetched.commit.as_ref(), manifest(&fetched).as_str()), (Some(id), text));
    }

    // A commit that only a fork has: the server knows it, but no branch or tag leads to it.
    let other = place.server.repository("acme/fork");
    let foreign = other.commit(&[("plugin.yaml", "evil")]);
    place.repository.git(&["fetch", "--quiet", other.folder.to_str().unwrap(), "main"]);
    place.repository.git(&["update-ref", "refs/pull/1/head", &foreign]);
    let error = place.fetch(&foreign).unwrap_err();
    assert_eq!(error.code(), "fetch_no_revision");
    assert!(error.to_string().contains("not of a fork"), "{error}");
}

#[test]
fn only_the_newest_commit_of_a_branch_crosses_the_network() {
    let place = place();
    let noise = |seed: u64| -> String {
        let mut state = seed;
        (0..60_000)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                char::from(b'a' + (state >> 33) as u8 % 26)
            })
            .collect()
    };
    for seed in 1..=5 {
        place.repository.commit(&[("plugin.yaml", "x"), ("noise", &noise(seed))]);
    }
    let place = Place { config: Config { max_git_bytes: 100_000, ..place.config.clone() }, ..place };
    assert!(place.fetch("main").is_ok());
    let first = place.repository.git(&["rev-list", "--max-parents=0", "HEAD"]);
    let error = place.fetch(&first).unwrap_err();
    assert_eq!(error.code(), "fetch_git_too_large");
    assert!(error.to_string().contains("100 KB; hint: install a branch or tag"), "{error}");
}

#[test]
fn a_missing_revision_is_reported_with_the_available_ones() {
    let place = place();
    place.refused("latest", "fetch_empty_repository", "push a commit");
    place.repository.commit(&[("plugin.yaml", "1")]);
    place.repository.git(&["branch", "-m", "master"]);
    place.repository.git(&["symbolic-ref", "HEAD", "refs/heads/absent"]);
    place.refused("latest", "fetch_no_revision", "has the branches `master` and no tags; hint: name one of them after");
    let error = place.versions().unwrap().follow(&Revision::Latest, TagRule::default()).unwrap_err();
    assert_eq!(error.code(), "fetch_no_revision");
    place.repository.git(&["symbolic-ref", "HEAD", "refs/heads/master"]);
    place.repository.git(&["branch", "-m", "main"]);
    place.repository.git(&["tag", "v1.0.0"]);
    place.refused("v9", "fetch_no_revision", "the branches `main` and the tags `v1.0.0`");
    place.refused("0123456", "fetch_no_revision", "all 40 digits");
    let error = place.fetch_from("https://github.com/acme/absent").unwrap_err();
    assert_eq!(error.code(), "fetch_no_repository");
    assert!(error.to_string().contains("404"), "{error}");
}

#[test]
fn a_branch_name_that_is_not_utf8_does_not_disturb_a_fetch() {
    use std::os::unix::ffi::OsStrExt as _;
    let place = place();
    let id = place.repository.commit(&[("plugin.yaml", "1"), ("x", "")]);
    place.repository.commit(&[("plugin.yaml", "2")]);
    let branches = place.repository.folder.join(".git/refs/heads");
    for name in [&b"caf\xe9"[..], "é".as_bytes()] {
        fs::copy(branches.join("main"), branches.join(std::ffi::OsStr::from_bytes(name))).unwrap();
    }
    assert_eq!(place.code("main"), "fetched");
    assert_eq!(place.fetch(&id).unwrap().commit, Some(id));
}

#[test]
fn build_configuration_is_skipped_and_executables_stay_executable() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = place();
    place.repository.write(&[("run.sh", "#!/bin/sh")]);
    fs::set_permissions(place.repository.folder.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    let files = [("plugin.yaml", ""), (".cargo/config.toml", "x"), ("a/rust-toolchain", "x"), (".gitignore", "")];
    place.repository.commit(&files);
    let tree = place.fetch("main").unwrap().tree;
    assert_eq!(names(&tree), ".gitignore plugin.yaml run.sh");
    let programs: Vec<_> = tree.files().iter().filter(|file| file.executable).map(|file| file.path.as_str()).collect();
    assert_eq!(programs, ["run.sh"]);
}

#[test]
fn links_are_followed_to_files_of_the_commit_and_others_are_left_out_with_a_warning() {
    let place = place();
    place.repository.write(&[("plugin.yaml", "x"), ("LICENSE", "free"), ("doc/a.md", "a"), (".cargo/config", "x")]);
    for (link, target) in [
        ("doc/LICENSE", "../LICENSE"),
        ("again", "doc/LICENSE"),
        ("secret", "/etc/passwd"),
        ("up", "../../etc/passwd"),
        ("folder", "doc"),
        ("through", "folder/a.md"),
        ("circle", "circle"),
        ("gone", "absent"),
        ("build", ".cargo/config"),
    ] {
        std::os::unix::fs::symlink(target, place.repository.folder.join(link)).unwrap();
    }
    place.repository.commit(&[]);
    let fetched = place.fetch("main").unwrap();
    assert_eq!(names(&fetched.tree), "LICENSE again doc/LICENSE doc/a.md plugin.yaml");
    for link in ["again", "doc/LICENSE"] {
        assert_eq!(fetched.tree.read(&link.parse().unwrap(), 9).unwrap(), b"free");
    }
    let [_, links] = &fetched.warnings[..] else { panic!("{:?}", fetched.warnings) };
    let named = "left out of the source: `build -> .cargo/config`, `circle -> circle`, `folder -> doc`, \
                 `gone -> absent`, `secret -> /etc/passwd`, 2 more, because a link is followed only to a file";
    assert!(links.starts_with(named), "{links}");
}

#[test]
fn submodules_are_refused_by_name() {
    let place = place();
    let id = place.repository.commit(&[("plugin.yaml", "x")]);
    place.repository.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{id},sub/module")]);
    place.repository.git(&["commit", "--quiet", "-m", "submodule"]);
    place.refused("main", "fetch_submodule", "`sub/module`");
}

/// Makes a commit of tree objects that git itself would not make.
fn commit_of_tree(repository: &Repository, entries: &[u8]) {
    let file = repository.folder.join("object");
    let mut object = fs::File::create(&file).unwrap();
    std::io::Write::write_all(&mut object, entries).unwrap();
    let tree = repository.git(&["hash-object", "-t", "tree", "-w", "--literally", "object"]);
    fs::remove_file(file).unwrap();
    let commit = repository.git(&["commit-tree", "-m", "x", &tree]);
    repository.git(&["update-ref", "refs/heads/main", &commit]);
}

#[test]
fn tree_objects_that_git_would_not_make_are_refused() {
    let place = place();
    place.repository.commit(&[("plugin.yaml", "x")]);
    let blob = place.repository.git(&["rev-parse", "HEAD:plugin.yaml"]);
    let raw =
        |id: &str| -> Vec<u8> { (0..20).map(|at| u8::from_str_radix(&id[at * 2..at * 2 + 2], 16).unwrap()).collect() };
    let entry = |mode: &str, name: &[u8], id: &str| [mode.as_bytes(), b" ", name, b"\0", &raw(id)].concat();
    for (name, code) in [
        (&b".git"[..], "fetch_forbidden_name"),
        (b".GIT", "fetch_forbidden_name"),
        (b"..", "fetch_name"),
        (b"a/b", "fetched"),
        (b"a\\b", "fetch_name"),
        (b"a\xff", "fetch_name"),
        (b"a\n", "fetch_name"),
    ] {
        commit_of_tree(&place.repository, &entry("100644", name, &blob));
        let found = place.code("main");
        // libgit2 itself refuses some of them; what matters is that none becomes a file outside.
        assert!(found == code || found == "fetch_git", "{:?}: {found}", String::from_utf8_lossy(name));
    }
    commit_of_tree(&place.repository, &[entry("100644", b"A", &blob), entry("100644", b"a", &blob)].concat());
    assert_eq!(place.code("main"), "store_duplicate");
}

#[test]
fn folders_without_end_are_refused() {
    let place = place();
    place.repository.commit(&[("plugin.yaml", "x")]);
    // Each level holds the level below ten times: 10^12 folders in twelve objects.
    let empty = place.repository.git(&["hash-object", "-t", "tree", "-w", "/dev/null"]);
    let mut id = empty;
    for _ in 0..12 {
        let raw: Vec<u8> = (0..20).map(|at| u8::from_str_radix(&id[at * 2..at * 2 + 2], 16).unwrap()).collect();
        let entries: Vec<u8> = (b'a'..b'k').flat_map(|name| [&b"40000 "[..], &[name, 0], &raw].concat()).collect();
        commit_of_tree(&place.repository, &entries);
        id = place.repository.git(&["rev-parse", "main^{tree}"]);
    }
    assert_eq!(place.code("main"), "fetch_too_many_folders");
}

#[test]
fn the_limits_of_a_tree_hold_for_repositories() {
    let place = place();
    place.repository.commit(&[("plugin.yaml", "x"), ("large", &"x".repeat(100_001))]);
    assert_eq!(place.code("main"), "store_file_too_large");
    place.repository.git(&["rm", "--quiet", "large"]);
    let names: Vec<_> = (0..51).map(|i| format!("f{i}")).collect();
    place.repository.commit(&names.iter().map(|name| (name.as_str(), "")).collect::<Vec<_>>());
    assert_eq!(place.code("main"), "store_too_many_files");
}

#[test]
fn fetches_of_several_threads_do_not_meet() {
    let place = place();
    let ids: Vec<_> = (0..4)
        .map(|i| place.server.repository(&format!("acme/p{i}")).commit(&[("plugin.yaml", &i.to_string())]))
        .collect();
    thread::scope(|scope| {
        for (i, id) in ids.iter().enumerate() {
            let place = &place;
            scope.spawn(move || {
                let source = format!("https://github.com/acme/p{i}").parse().unwrap();
                let fetched = fetch(&place.store, &place.config, &source, Trust::Http, &place.cancelled).unwrap();
                assert_eq!((fetched.commit.as_ref(), manifest(&fetched)), (Some(id), i.to_string()));
            });
        }
    });
}
