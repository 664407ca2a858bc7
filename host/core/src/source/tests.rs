//! Tables of sources and refusals.

use super::{GitUrl, MAX_TEXT_BYTES, Source, SourceError};

fn kind(text: &str) -> String {
    match text.parse::<Source>() {
        Ok(source) => format!(
            "{source} {}",
            match source {
                Source::Git { .. } => "git",
                Source::Folder(_) => "folder",
                Source::Archive(_) => "archive",
                Source::Library(_) => "library",
                Source::Upload(_) => "upload",
                Source::Inside { .. } => "inside",
            }
        ),
        Err(error) => error.code().to_owned(),
    }
}

#[test]
fn the_kind_of_a_source_is_recognised_by_its_text() {
    assert_eq!(kind("https://github.com/acme/hello"), "https://github.com/acme/hello git");
    assert_eq!(kind("https://GitHub.com/acme/hello.git/"), "https://github.com/acme/hello git");
    assert_eq!(kind("https://github.com/acme/hello@v1.2.0"), "https://github.com/acme/hello@v1.2.0 git");
    assert_eq!(kind("https://github.com/acme/hello@feature/x"), "https://github.com/acme/hello@feature/x git");
    let tags = "https://github.com/acme/hello@v1.2.0#tags=hello-v{version}";
    assert_eq!(kind(tags), format!("{tags} git"));
    let inside = "https://github.com/acme/hello@v1#path=plugins/a&tags=a-v{version}";
    assert_eq!(kind(inside), format!("{inside} inside"));
    assert_eq!(kind("/srv/repository#path=plugins/a"), "/srv/repository#path=plugins/a inside");
    assert_eq!(kind("a.zip#path=plugins/a"), "a.zip#path=plugins/a inside");
    assert_eq!(kind("a.so#path=plugins/a"), "source_path");
    assert_eq!(kind("a#path=../b"), "source_path");
    assert_eq!(kind("https://github.com/acme/hello#path=/etc"), "source_path");
    assert_eq!(kind("examples/hello"), "examples/hello folder");
    assert_eq!(kind("local:/srv/hello"), "/srv/hello folder");
    assert_eq!(kind("a/hello.ZIP"), "a/hello.ZIP archive");
    assert_eq!(kind("a/libhello.so"), "a/libhello.so library");
}

#[test]
fn the_text_of_a_source_and_of_an_address_is_checked_alike() {
    let longest = "x".repeat(MAX_TEXT_BYTES);
    let too_long = format!("{longest}x");
    for (text, message) in [
        ("", "the source is empty"),
        (&*too_long, "the source is longer than 4096 bytes"),
        ("github.com/acme/he\tllo", "the path contains a control character"),
    ] {
        assert_eq!(text.parse::<Source>().unwrap_err().to_string(), message);
        assert_eq!(GitUrl::from_repository_address(text).unwrap_err().to_string(), message);
    }
    assert!(longest.parse::<Source>().is_ok());
    assert_ne!(GitUrl::from_repository_address(&longest), Err(SourceError::TooLong));
}

#[test]
fn addresses_other_than_plain_https_are_refused() {
    for (text, code) in [
        ("", "source_malformed"),
        ("local:", "source_malformed"),
        ("a\nb", "source_malformed"),
        ("http://github.com/a/b", "source_scheme"),
        ("ssh://github.com/a/b", "source_scheme"),
        ("git@github.com:a/b", "source_scheme"),
        ("file:///etc", "source_scheme"),
        ("ext::sh -c id", "source_scheme"),
        ("https://user:secret@github.com/a/b", "source_url"),
        ("https://github.com/a/b?x=1", "source_url"),
        ("https://github.com/a/b#main", "source_url"),
        ("https://127.0.0.1/a/b", "source_url"),
        ("https://[::1]/a/b", "source_url"),
        ("https://github.com/a", "source_url"),
        ("https://github.com/a/b/c", "source_url"),
        ("https://github.com/a/--upload-pack=x", "source_url"),
        ("https://github.com/a/%2e%2e", "source_url"),
        ("https://github.com/a/b@--upload-pack=x", "source_revision"),
        ("https://github.com/a/b@x y", "source_revision"),
        ("https://github.com/a/b@v1@v2", "source_revision"),
        ("https://github.com/a/b@a..b", "source_revision"),
        ("https://github.com/a/b@", "source_revision"),
        ("github.com/a/b@#path=x", "source_revision"),
        ("https://github.com/a/b#tags=v1", "source_tag_pattern"),
        ("https://github.com/a/b#tag=v{version}", "source_url"),
    ] {
        assert_eq!(kind(text), code, "{text}");
    }
}

#[test]
fn error_messages_never_contain_a_password() {
    let error = "https://user:hunter2@github.com/a/b".parse::<Source>().unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
    for text in ["https://user:hunter2@github.com/a/b", "user:hunter2@github.com/a/b", "ssh://u:hunter2@h/a/b"] {
        let error = GitUrl::from_repository_address(text).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn repository_addresses_are_accepted_in_the_forms_that_people_copy() {
    let mut table = String::new();
    for text in [
        "https://github.com/acme/hello",
        "https://github.com/acme/hello.git",
        "https://github.com/acme/hello/",
        "https://github.com/acme/hello.git/",
        "HTTPS://GitHub.com/Acme/Hello",
        " https://github.com/acme/hello\n",
        "github.com/acme/hello",
        "github.com/acme/hello.git",
        "github.com/acme/hello/",
        "git.example.org/acme/hello",
        "",
        "acme/hello",
        "hello",
        "./acme/hello",
        "http://github.com/acme/hello",
        "git://github.com/acme/hello",
        "git@github.com:acme/hello.git",
        "github.com:8443/acme/hello",
        "github.com:acme/hello",
        "https://github.com/acme/hello/tree/main",
        "https://github.com/acme/hello@v1.0.0",
        "https://github.com/acme/hello?tab=readme",
        "https://github.com/acme",
        "127.0.0.1/acme/hello",
        "github.com/acme/he\tllo",
        "github.com\\acme\\hello",
        "github.com/../hello",
        "https://gitlab.example.org/group/sub/hello.git",
        "git.example.org:8443/~user/hello",
    ] {
        let read = match GitUrl::from_repository_address(text) {
            Ok(url) => url.to_string(),
            Err(error) => format!("{}: {error}", error.code()),
        };
        table += &format!("{text:?}: {read}\n");
    }
    expect_test::expect![[r#"
        "https://github.com/acme/hello": https://github.com/acme/hello
        "https://github.com/acme/hello.git": https://github.com/acme/hello
        "https://github.com/acme/hello/": https://github.com/acme/hello
        "https://github.com/acme/hello.git/": https://github.com/acme/hello
        "HTTPS://GitHub.com/Acme/Hello": https://github.com/Acme/Hello
        " https://github.com/acme/hello\n": https://github.com/acme/hello
        "github.com/acme/hello": https://github.com/acme/hello
        "github.com/acme/hello.git": https://github.com/acme/hello
        "github.com/acme/hello/": https://github.com/acme/hello
        "git.example.org/acme/hello": https://git.example.org/acme/hello
        "": source_malformed: the source is empty
        "acme/hello": source_url: `acme/hello` is not a repository address: it contains no host name; write https://host/owner/name
        "hello": source_url: `hello` is not a repository address: it contains no host name; write https://host/owner/name
        "./acme/hello": source_url: `./acme/hello` is not a repository address: it contains no host name; write https://host/owner/name
        "http://github.com/acme/hello": source_scheme: scheme `http` is not supported; did you mean `https://github.com/acme/hello`?
        "git://github.com/acme/hello": source_scheme: scheme `git` is not supported; did you mean `https://github.com/acme/hello`?
        "git@github.com:acme/hello.git": source_scheme: scheme `ssh` is not supported; did you mean `https://github.com/acme/hello`?
        "github.com:8443/acme/hello": https://github.com:8443/acme/hello
        "github.com:acme/hello": source_url: `https://github.com…` is not a repository address: it is not a valid URL
        "https://github.com/acme/hello/tree/main": source_url: `https://github.com/acme/hello/tree/main` is not the address of a repository; did you mean `https://github.com/acme/hello`?
        "https://github.com/acme/hello@v1.0.0": source_url: `https://github.com/acme/hello@v1.0.0` is not a repository address: its path may have up to 20 parts of A-Z, a-z, 0-9, `.`, `_`, `-` and `~`
        "https://github.com/acme/hello?tab=readme": source_url: `https://github.com/acme/hello…` is not the address of a repository; did you mean `https://github.com/acme/hello`?
        "https://github.com/acme": source_url: `https://github.com/acme` is not a repository address: its path is not /owner/name
        "127.0.0.1/acme/hello": source_url: `https://127.0.0.1/acme/hello` is not a repository address: its host is an IP address, not a name
        "github.com/acme/he\tllo": source_malformed: the path contains a control character
        "github.com\\acme\\hello": https://github.com/acme/hello
        "github.com/../hello": source_url: `https://github.com/../hello` is not a repository address: its path is not /owner/name
        "https://gitlab.example.org/group/sub/hello.git": https://gitlab.example.org/group/sub/hello.git
        "git.example.org:8443/~user/hello": https://git.example.org:8443/~user/hello
    "#]].assert_eq(&table);
    let read = |text: &str| GitUrl::from_repository_address(text).unwrap();
    assert!(read("github.com/Acme/hello.git").is_same_repository(&read("https://github.com/acme/Hello/")));
    assert!(!read("github.com/acme/hello").is_same_repository(&read("github.com/acme/hello2")));
}
