//! Prebuilt libraries: the library, its manifest and its schema.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::symlink;

use super::store::{names, place};

#[test]
fn a_library_is_copied_with_the_manifest_beside_it() {
    let place = place();
    let source = place.write(&["libhello.so", "other.txt"]);
    let library = source.join("libhello.so");
    place.refused(&library, "fetch_no_manifest", "libhello.so");
    place.write(&["plugin.yml"]);
    assert_eq!(names(&place.tree(&library).unwrap()), "libhello.so plugin.yml");

    let link = source.join("link.so");
    symlink("/etc/passwd", &link).unwrap();
    let error = place.tree(&link).unwrap_err();
    assert_eq!(error.code(), "fetch_not_a_file");
    assert!(error.to_string().contains("is a symbolic link, not a regular file; hint: name the file that"), "{error}");
    assert_eq!(place.tree(&source.join("absent.so")).unwrap_err().code(), "fetch_nothing_there");
    fs::remove_file(source.join("plugin.yml")).unwrap();
    symlink("/etc/passwd", source.join("plugin.yaml")).unwrap();
    assert_eq!(place.tree(&library).unwrap_err().code(), "fetch_not_a_file");
}

#[test]
fn a_library_is_copied_with_the_schema_named_in_its_manifest() {
    let place = place();
    let source = place.write(&["libhello.so", "schemas/config.json", "other.json"]);
    let library = source.join("libhello.so");
    let with_schema = |schema: &str| {
        let manifest = format!(
            "id: hello\nname: A\nversion: 1.0.0\ndescription: d\nauthor: a\nconfiguration_schema: {schema}\n\
             endpoints:\n  - {{path: /hello, method: GET, handler: Hello}}\n"
        );
        fs::remove_file(source.join("plugin.yaml")).ok();
        File::create(source.join("plugin.yaml")).unwrap().write_all(manifest.as_bytes()).unwrap();
        let tree = place.tree(&library).map_err(|error| error.code())?;
        assert_eq!(tree.manifest_text().unwrap(), manifest.as_bytes());
        Ok::<_, &str>(names(&tree))
    };
    symlink("/etc", source.join("link")).unwrap();
    symlink("/etc/passwd", source.join("passwd.json")).unwrap();
    for (schema, expected) in [
        ("schemas/config.json", Ok("libhello.so plugin.yaml schemas/config.json")),
        ("schemas/absent.json", Ok("libhello.so plugin.yaml")),
        ("other.json/config.json", Ok("libhello.so plugin.yaml")),
        ("../source/other.json", Ok("libhello.so plugin.yaml")),
        ("plugin.yaml", Ok("libhello.so plugin.yaml")),
        ("libhello.so", Ok("libhello.so plugin.yaml")),
        ("link/passwd", Ok("libhello.so plugin.yaml")),
        ("passwd.json", Err("fetch_not_a_file")),
        ("schemas", Err("fetch_not_a_file")),
    ] {
        assert_eq!(with_schema(schema).as_deref(), expected.as_ref().copied(), "{schema}");
    }
}
