//! Addresses as people type and copy them: without `https://`, for ssh, and of the web pages of a repository.

use url::Url;

use crate::Revision;

/// The hosts whose web pages and short names are known.
const KNOWN: [(&str, &str); 4] =
    [("github", "github.com"), ("gitlab", "gitlab.com"), ("bitbucket", "bitbucket.org"), ("codeberg", "codeberg.org")];

/// The first part of a path behind `/owner/name` that belongs to a web page, on any host.
const PAGES: [&str; 10] = ["tree", "blob", "raw", "src", "commit", "commits", "releases", "issues", "pull", "wiki"];

/// The ends of file names that are not taken for the names of repositories.
const FILES: [&str; 14] =
    [".so", ".zip", ".gz", ".tgz", ".tar", ".xz", ".bz2", ".zst", ".7z", ".rar", ".yaml", ".yml", ".toml", ".wasm"];

/// Keys of a query or fragment that name a revision in other programs.
const REVISION_KEYS: [&str; 7] = ["ref", "rev", "revision", "branch", "tag", "commit", "version"];

/// Returns whether a host is known: it has `/owner/name` addresses, accepts them with and without `.git`, and ignores
/// their case.
pub(super) fn is_known(host: &str) -> bool {
    KNOWN.iter().any(|(_, known)| *known == host)
}

/// Reads a source that is neither an https address nor a path; `None` for any other text.
pub(super) fn typed(text: &str) -> Option<String> {
    let (short, rest) = text.split_once(':').unwrap_or(("", text));
    let known = KNOWN.iter().find(|(name, _)| *name == short);
    if let Some((_, host)) = known.filter(|_| !rest.starts_with('/')) {
        return Some(format!("https://{host}/{rest}"));
    }
    let host = text.split(['/', '?', '#']).next().unwrap_or_default();
    // The folder of this name is written `./github.com/…`.
    is_known(&host.to_ascii_lowercase()).then(|| format!("https://{text}"))
}

/// The https address of `ssh://git@host/path`, `git@host:path`, `host:path`, `git://…`, `http://…` or `https:/…`.
pub(super) fn with_https(text: &str) -> Option<String> {
    let (host, path) = match text.split_once("://") {
        Some((_, rest)) => rest.split_once('/')?,
        None => match text.split_once(':')? {
            ("https" | "http", rest) => rest.trim_start_matches('/').split_once('/')?,
            ("gh", path) => ("github.com", path),
            (host, path) if host.contains(['@', '.']) => (host, path),
            _ => return None,
        },
    };
    let host = host.rsplit('@').next().unwrap_or_default();
    // The port belongs to the other scheme.
    let host = host.split(':').next().unwrap_or_default();
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let is_plain = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '~' | '/'))
    };
    (host.contains('.') && is_plain(host) && is_plain(path)).then(|| format!("https://{host}/{path}"))
}

/// A path that looks like an address without `https://`: `owner/name`, or a host name followed by two parts.
pub fn address_like(path: &str) -> Option<String> {
    if let Some(meant) = inner_address(path) {
        return Some(meant);
    }
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let parts: Vec<_> = path.trim_end_matches('/').split('/').collect();
    let is_word = |part: &&str| {
        !part.is_empty()
            && !part.starts_with(['.', '-'])
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '~' | '@'))
    };
    if !parts.iter().all(is_word) || FILES.iter().any(|end| path.ends_with(end)) {
        return None;
    }
    match &*parts {
        // `~/name` is a path that no shell has expanded.
        [owner, _] if !owner.starts_with(['~', '@']) && !is_known(owner) => {
            Some(format!("https://github.com/{}", parts.join("/")))
        }
        [host, _, _, ..] if host.contains('.') && !host.contains('@') => Some(format!("https://{}", parts.join("/"))),
        _ => None,
    }
}

/// The address in a text that was pasted with more than the address: quotes, angle brackets or a command.
fn inner_address(text: &str) -> Option<String> {
    let address = match text.strip_prefix("https//").or_else(|| text.strip_prefix("http//")) {
        Some(rest) => format!("https://{rest}"),
        None => {
            let address = &text[text.find("https://")?..];
            address.split(|c: char| c.is_whitespace() || "'\"<>()`,".contains(c)).next()?.to_owned()
        }
    };
    matches!(address.parse(), Ok(super::Source::Git { .. })).then_some(address)
}

/// The source that is meant by an address with a query or fragment: one of both names a revision, as in other programs,
/// or they belong to a web page.
pub(super) fn meant_by_query(url: &Url) -> Option<String> {
    let mut plain = url.clone();
    plain.set_query(None);
    plain.set_fragment(None);
    if !url.path().trim_matches('/').contains('/') {
        return None;
    }
    let named = url.query_pairs().find(|(key, _)| REVISION_KEYS.contains(&&**key)).map(|(_, value)| value.into_owned());
    match named.or_else(|| revision_in_fragment(url.fragment()?)).filter(|name| name.parse::<Revision>().is_ok()) {
        Some(revision) => Some(format!("{plain}@{revision}")),
        None => is_known(url.host_str()?).then(|| plain.to_string()),
    }
}

/// The revision in `#branch=main`, `#v1.0.0`, `#main` or `#<commit>`. Other fragments are sections of a web page.
pub(super) fn revision_in_fragment(fragment: &str) -> Option<String> {
    if let Some((key, value)) = fragment.split_once('=') {
        return REVISION_KEYS.contains(&key).then(|| value.to_owned());
    }
    let starts_with_number = fragment.strip_prefix('v').unwrap_or(fragment).starts_with(|c: char| c.is_ascii_digit());
    let is_branch = ["main", "master", "trunk", "develop", "dev"].contains(&fragment);
    let is_commit = fragment.len() >= 7 && fragment.chars().all(|c| c.is_ascii_hexdigit());
    (starts_with_number || is_branch || is_commit).then(|| fragment.to_owned())
}

/// The repository, revision and folder of a web page, as the text of a source: `https://host/owner/name@rev#path=…`.
/// The part after `/tree/` is read as the revision, since a branch `main` excludes branches such as `main/x`.
pub(super) fn page(authority: &str, path: &str) -> Option<String> {
    let host = authority.split(':').next().unwrap_or_default();
    let parts: Vec<_> = path.split('/').collect();
    let (repository, page) = match parts.iter().position(|part| *part == "-") {
        // GitLab has nested groups and marks its pages on any host.
        Some(at) if at >= 2 => (parts[..at].join("/"), &parts[at + 1..]),
        _ if is_known(host) && parts.len() > 2 => (parts[..2].join("/"), &parts[2..]),
        _ => return None,
    };
    let at = |revision: &str| Some(format!("https://{authority}/{repository}@{revision}"));
    let below = |revision: &str, rest: &[&str]| {
        let folder = match rest.split_last() {
            Some((&("plugin.yaml" | "plugin.yml" | "Cargo.toml" | "README.md"), folder)) => folder,
            _ => rest,
        };
        let path = if folder.is_empty() { String::new() } else { format!("#path={}", folder.join("/")) };
        Some(format!("https://{authority}/{repository}@{revision}{path}"))
    };
    match page {
        ["tree", revision] | ["tags" | "commits", revision] | ["releases", "tag", revision] => at(revision),
        ["releases", revision] if *revision != "latest" && *revision != "new" => at(revision),
        ["releases"] | ["releases", "latest"] | ["tags" | "branches"] => {
            Some(format!("https://{authority}/{repository}"))
        }
        ["commit", revision] => at(revision),
        ["src", "branch" | "tag" | "commit", revision, rest @ ..] => below(revision, rest),
        ["src", revision, rest @ ..] if host == "bitbucket.org" => below(revision, rest),
        ["tree", revision, rest @ ..] => below(revision, rest),
        ["blob", revision, rest @ .., "plugin.yaml" | "plugin.yml" | "Cargo.toml" | "README.md"] => {
            below(revision, rest)
        }
        _ => None,
    }
}

/// The repository of a web page that is not read as a source, with the revision that the page shows.
pub(super) fn repository_of_page(host: &str, path: &str) -> Option<String> {
    let parts: Vec<_> = path.split('/').collect();
    let end = match parts.iter().position(|part| *part == "-") {
        Some(at) if at >= 2 => at,
        _ if parts.contains(&"") => return None,
        _ if is_known(host) && parts.len() > 2 && (host != "gitlab.com" || PAGES.contains(&parts[2])) => 2,
        _ if parts.len() > 3 && PAGES.contains(&parts[2]) => 2,
        _ => return None,
    };
    let revision = match parts[end..].strip_prefix(&["-"]).unwrap_or(&parts[end..]) {
        ["blob" | "raw" | "tree", revision, _, ..] => Some(*revision),
        ["archive", "refs", "tags" | "heads", file] | ["archive", file] => {
            [".zip", ".tar.gz"].iter().find_map(|end| file.strip_suffix(end))
        }
        ["archive", revision, _] => Some(*revision),
        _ => None,
    };
    let revision = revision.filter(|revision| revision.parse::<Revision>().is_ok());
    let at = revision.map(|revision| format!("@{revision}")).unwrap_or_default();
    Some(format!("https://{host}/{}{at}", parts[..end].join("/")))
}

#[cfg(test)]
mod tests {
    use super::super::Source;
    use super::*;

    #[test]
    fn a_source_is_read_as_people_type_it() {
        let mut table = String::new();
        for text in [
            "github.com/acme/hello",
            "GitHub.com/acme/hello.git@v1.0.0",
            "github:acme/hello",
            "gitlab:group/sub/hello@main",
            "HTTPS://github.com/acme/hello",
            "git@github.com:acme/hello.git",
            "ssh://git@git.example.org:2222/acme/hello.git",
            "git://github.com/acme/hello",
            "http://github.com/acme/hello/",
            "https:/github.com/acme/hello",
            "github.com:acme/hello",
            "gh:acme/hello",
            "https://github.com/acme//hello",
            "https://github.com/acme/hello#path=./plugins/a/",
            "https://github.com/acme/hello/tree/v1.0.0",
            "https://github.com/acme/hello/tree/main/plugins/a",
            "https://github.com/acme/hello/blob/main/plugins/a/plugin.yaml",
            "https://github.com/acme/hello/blob/main/README.md",
            "https://github.com/acme/hello/blob/main/src/lib.rs",
            "https://github.com/acme/hello/archive/refs/tags/v1.zip",
            "https://gitlab.example.org/group/hello/-/archive/v1/hello-v1.zip",
            "https://github.com/acme/hello/releases/tag/v1.0.0",
            "https://github.com/acme/hello/releases/latest",
            "https://github.com/acme/hello/commit/0123456789012345678901234567890123456789",
            "https://github.com/acme/hello/issues/7",
            "https://github.com/acme/hello?tab=readme-ov-file",
            "https://github.com/acme/hello#readme",
            "https://github.com/acme/hello#main",
            "https://git.example.org/acme/hello.git#v1.2.0",
            "https://git.example.org/acme/hello?ref=feature/x",
            "https://git.example.org/acme/hello?branch=main#readme",
            "https://git.example.org/acme/hello?ref=%0a",
            "https://gitlab.com/group/sub/hello",
            "https://gitlab.example.org/group/sub/hello/-/tree/main",
            "https://gitlab.example.org/group/hello/-/issues",
            "https://codeberg.org/acme/hello/src/branch/main",
            "https://bitbucket.org/acme/hello/src/main/",
            "https://git.example.org/acme/hello/src/branch/main",
            "https://git.example.org:8443/scm/acme/hello.git@v1",
            "https://git.example.org/~user/hello",
            "https://git.example.org/hello.git",
            "https://git.example.org/acme/he llo",
            "https://example.org/downloads/plugin.zip",
            "https://raw.example.org/acme/hello/main/plugin.yaml",
            "https://git.example.org/acme/hello.zip.git",
            "acme/hello",
            "github.com",
            "github.com?x=1",
            "github.com/acme",
            "github.com/acme/hello?tab=readme-ov-file",
            "https://github.com?x=1",
            "./github.com",
        ] {
            let read = match text.parse::<Source>() {
                Ok(source) => format!("{} {source}", if source.is_git() { "git" } else { "path" }),
                Err(error) => format!("{}: {error}", error.code()),
            };
            table += &format!("{text}: {read}\n");
        }
        expect_test::expect![[r#"
            github.com/acme/hello: git https://github.com/acme/hello
            GitHub.com/acme/hello.git@v1.0.0: git https://github.com/acme/hello@v1.0.0
            github:acme/hello: git https://github.com/acme/hello
            gitlab:group/sub/hello@main: git https://gitlab.com/group/sub/hello@main
            HTTPS://github.com/acme/hello: git https://github.com/acme/hello
            git@github.com:acme/hello.git: source_scheme: scheme `ssh` is not supported; did you mean `https://github.com/acme/hello`?
            ssh://git@git.example.org:2222/acme/hello.git: source_scheme: scheme `ssh` is not supported; did you mean `https://git.example.org/acme/hello`?
            git://github.com/acme/hello: source_scheme: scheme `git` is not supported; did you mean `https://github.com/acme/hello`?
            http://github.com/acme/hello/: source_scheme: scheme `http` is not supported; did you mean `https://github.com/acme/hello`?
            https:/github.com/acme/hello: source_url: `https:/github.com/acme/hello` is not the address of a repository; did you mean `https://github.com/acme/hello`?
            github.com:acme/hello: source_scheme: scheme `github.com` is not supported; did you mean `https://github.com/acme/hello`?
            gh:acme/hello: source_scheme: scheme `gh` is not supported; did you mean `https://github.com/acme/hello`?
            https://github.com/acme//hello: source_url: `https://github.com/acme//hello` is not a repository address: its path may have up to 20 parts of A-Z, a-z, 0-9, `.`, `_`, `-` and `~`
            https://github.com/acme/hello#path=./plugins/a/: git https://github.com/acme/hello#path=plugins/a
            https://github.com/acme/hello/tree/v1.0.0: git https://github.com/acme/hello@v1.0.0
            https://github.com/acme/hello/tree/main/plugins/a: git https://github.com/acme/hello@main#path=plugins/a
            https://github.com/acme/hello/blob/main/plugins/a/plugin.yaml: git https://github.com/acme/hello@main#path=plugins/a
            https://github.com/acme/hello/blob/main/README.md: git https://github.com/acme/hello@main
            https://github.com/acme/hello/blob/main/src/lib.rs: source_url: `https://github.com/acme/hello/blob/main/src/lib.rs` is not the address of a repository; did you mean `https://github.com/acme/hello@main`?
            https://github.com/acme/hello/archive/refs/tags/v1.zip: source_url: `https://github.com/acme/hello/archive/refs/tags/v1.zip` is not the address of a repository; did you mean `https://github.com/acme/hello@v1`?
            https://gitlab.example.org/group/hello/-/archive/v1/hello-v1.zip: source_url: `https://gitlab.example.org/group/hello/-/archive/v1/hello-v1.zip` is not the address of a repository; did you mean `https://gitlab.example.org/group/hello@v1`?
            https://github.com/acme/hello/releases/tag/v1.0.0: git https://github.com/acme/hello@v1.0.0
            https://github.com/acme/hello/releases/latest: git https://github.com/acme/hello
            https://github.com/acme/hello/commit/0123456789012345678901234567890123456789: git https://github.com/acme/hello@0123456789012345678901234567890123456789
            https://github.com/acme/hello/issues/7: source_url: `https://github.com/acme/hello/issues/7` is not the address of a repository; did you mean `https://github.com/acme/hello`?
            https://github.com/acme/hello?tab=readme-ov-file: source_url: `https://github.com/acme/hello…` is not the address of a repository; did you mean `https://github.com/acme/hello`?
            https://github.com/acme/hello#readme: source_url: `https://github.com/acme/hello…` is not the address of a repository; did you mean `https://github.com/acme/hello`?
            https://github.com/acme/hello#main: source_url: `https://github.com/acme/hello…` is not the address of a repository; did you mean `https://github.com/acme/hello@main`?
            https://git.example.org/acme/hello.git#v1.2.0: source_url: `https://git.example.org/acme/hello.git…` is not the address of a repository; did you mean `https://git.example.org/acme/hello.git@v1.2.0`?
            https://git.example.org/acme/hello?ref=feature/x: source_url: `https://git.example.org/acme/hello…` is not the address of a repository; did you mean `https://git.example.org/acme/hello@feature/x`?
            https://git.example.org/acme/hello?branch=main#readme: source_url: `https://git.example.org/acme/hello…` is not the address of a repository; did you mean `https://git.example.org/acme/hello@main`?
            https://git.example.org/acme/hello?ref=%0a: source_url: `https://git.example.org/acme/hello…` is not a repository address: it has a query or fragment
            https://gitlab.com/group/sub/hello: git https://gitlab.com/group/sub/hello
            https://gitlab.example.org/group/sub/hello/-/tree/main: git https://gitlab.example.org/group/sub/hello@main
            https://gitlab.example.org/group/hello/-/issues: source_url: `https://gitlab.example.org/group/hello/-/issues` is not the address of a repository; did you mean `https://gitlab.example.org/group/hello`?
            https://codeberg.org/acme/hello/src/branch/main: git https://codeberg.org/acme/hello@main
            https://bitbucket.org/acme/hello/src/main/: git https://bitbucket.org/acme/hello@main
            https://git.example.org/acme/hello/src/branch/main: source_url: `https://git.example.org/acme/hello/src/branch/main` is not the address of a repository; did you mean `https://git.example.org/acme/hello`?
            https://git.example.org:8443/scm/acme/hello.git@v1: git https://git.example.org:8443/scm/acme/hello.git@v1
            https://git.example.org/~user/hello: git https://git.example.org/~user/hello
            https://git.example.org/hello.git: git https://git.example.org/hello.git
            https://git.example.org/acme/he llo: source_url: `https://git.example.org/acme/he llo` is not a repository address: its path may have up to 20 parts of A-Z, a-z, 0-9, `.`, `_`, `-` and `~`
            https://example.org/downloads/plugin.zip: source_url: `https://example.org/downloads/plugin.zip` is not a repository address: it names a file, not a repository; download the file and load it from disk
            https://raw.example.org/acme/hello/main/plugin.yaml: source_url: `https://raw.example.org/acme/hello/main/plugin.yaml` is not a repository address: it names a file, not a repository; download the file and load it from disk
            https://git.example.org/acme/hello.zip.git: git https://git.example.org/acme/hello.zip.git
            acme/hello: path acme/hello
            github.com: source_url: `https://github.com` is not a repository address: its path is not /owner/name
            github.com?x=1: source_url: `https://github.com…` is not a repository address: it has a query or fragment
            github.com/acme: source_url: `https://github.com/acme` is not a repository address: its path is not /owner/name
            github.com/acme/hello?tab=readme-ov-file: source_url: `https://github.com/acme/hello…` is not the address of a repository; did you mean `https://github.com/acme/hello`?
            https://github.com?x=1: source_url: `https://github.com…` is not a repository address: it has a query or fragment
            ./github.com: path ./github.com
        "#]].assert_eq(&table);
    }

    #[test]
    fn a_path_that_looks_like_an_address_is_recognised() {
        for (path, expected) in [
            ("acme/hello", Some("https://github.com/acme/hello")),
            ("acme/hello@v1", Some("https://github.com/acme/hello@v1")),
            ("git.example.org/acme/hello", Some("https://git.example.org/acme/hello")),
            ("acme/hello?tab=readme#top", Some("https://github.com/acme/hello")),
            ("git.example.org/acme/hello?x=1", Some("https://git.example.org/acme/hello")),
            ("<https://github.com/acme/hello>", Some("https://github.com/acme/hello")),
            ("'https://github.com/acme/hello'", Some("https://github.com/acme/hello")),
            ("git clone https://github.com/acme/hello.git", Some("https://github.com/acme/hello.git")),
            ("https//github.com/acme/hello", Some("https://github.com/acme/hello")),
            ("hello", None),
            ("~/hello", None),
            ("./acme/hello", None),
            ("/srv/hello", None),
            ("a/b/c", None),
            ("a/b.zip", None),
        ] {
            assert_eq!(address_like(path).as_deref(), expected, "{path}");
        }
    }
}
