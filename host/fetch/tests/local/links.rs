//! Symbolic links and `source_roots`: a source contains only its own files, and a client reads only allowed folders.

use std::fs::{self, File};
use std::os::unix::fs::symlink;

use host_core::Source;
use host_fetch::{Config, Trust};

use super::store::{names, place};

#[test]
fn links_are_followed_to_files_of_the_folder_and_others_are_left_out_with_a_warning() {
    let place = place();
    let source = place.write(&["plugin.yaml", "LICENSE", "doc/a.md", ".git/config", ".cargo/config"]);
    let outside = place.folder.path().join("outside");
    File::create(&outside).unwrap();
    let absolute = source.join("LICENSE").display().to_string();
    let outside = outside.display().to_string();
    for (link, target) in [
        ("doc/LICENSE", "../LICENSE"),
        ("again", "doc/LICENSE"),
        ("folder", "doc"),
        ("through", "folder/a.md"),
        ("absolute", absolute.as_str()),
        ("outside", outside.as_str()),
        ("up", "../outside"),
        ("circle", "circle"),
        ("gone", "absent"),
        ("git", ".git/config"),
        ("build", ".cargo/config"),
    ] {
        symlink(target, source.join(link)).unwrap();
    }
    let fetched = place.fetch(&Source::Folder(source), Trust::CommandLine, &Config::default()).unwrap();
    assert_eq!(names(&fetched.tree), "LICENSE again doc/LICENSE doc/a.md plugin.yaml through");
    assert_eq!(fetched.tree.read(&"again".parse().unwrap(), 9).unwrap(), b"LICENSE");
    let [_, links] = &fetched.warnings[..] else { panic!("{:?}", fetched.warnings) };
    assert!(links.contains("`build -> .cargo/config`, `circle -> circle`"), "{links}");
    assert!(links.contains("3 more, because a link is followed only to a file of the source"), "{links}");
}

#[test]
fn over_http_sources_must_lie_below_the_roots() {
    let place = place();
    let source = place.write(&["plugin.yaml", "libx.so", "x.zip"]);
    let outside = place.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    File::create(outside.join("plugin.yaml")).unwrap();
    File::create(outside.join("libx.so")).unwrap();
    symlink(&outside, source.join("door")).unwrap();
    let config = Config { source_roots: vec![source.clone()], ..Config::default() };
    let code = |text: String, config: &Config| match place.fetch(&text.parse().unwrap(), Trust::Http, config) {
        Ok(_) => "fetched",
        Err(error) => error.code(),
    };
    let path = |name: &str| source.join(name).display().to_string();
    fs::create_dir(source.join("plugin")).unwrap();
    File::create(source.join("plugin/plugin.yaml")).unwrap();
    for (text, expected) in [
        (path("plugin"), "fetched"),
        (path("libx.so"), "fetched"),
        (path("x.zip"), "fetch_zip_no_end"),
        (path("absent"), "fetch_nothing_there"),
        (path("door"), "fetch_outside_roots"),
        (path("door/libx.so"), "fetch_outside_roots"),
        (path("../outside"), "fetch_outside_roots"),
        (path("../absent"), "fetch_outside_roots"),
        ("/etc/absent".to_owned(), "fetch_outside_roots"),
        ("/etc".to_owned(), "fetch_outside_roots"),
    ] {
        assert_eq!(code(text.clone(), &config), expected, "{text}");
        // Without roots, no path at all.
        assert_eq!(code(text, &Config::default()), "fetch_outside_roots");
    }
    let missing = |name: &str| place.fetch(&path(name).parse().unwrap(), Trust::Http, &config).unwrap_err().to_string();
    assert!(missing("lix.so").contains("libx.so`"), "{}", missing("lix.so"));
    assert!(!missing("door/lix.so").contains("libx.so"), "a name outside of the roots: {}", missing("door/lix.so"));
    assert!(place.tree(&source.join("door")).is_ok(), "the command line may follow a link to a source");
}
