//! The sections `[git."<host>"]` of `host.toml`: tokens and certificate authorities for private repositories.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use host_core::spelling::suggestion;
use host_fetch::{DEFAULT_GIT_USER, GitAccess, TokenSource, UrlPrefix};
use serde_json::{Value, json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::configurations::{Refuse, in_order};
use super::setting_type::is_path;
use super::value::is_bare_name;

/// The key of the table that contains the sections.
pub(crate) const KEY: &str = "git";

const KEYS: [&str; 7] = ["token_file", "token_env", "token_command", "user", "ca_file", "lfs", "lfs_hosts"];
const WHERE: &str = "use `[git.\"<host>\"]` or `[git.\"<host>/<owner>\"]`";

/// The sections, by prefix of the repositories.
pub(crate) type GitSections = BTreeMap<UrlPrefix, GitSection>;

/// The section of one prefix.
#[derive(Clone, Debug)]
pub(crate) struct GitSection {
    pub(crate) access: GitAccess,
    /// The line in the file where the section starts.
    pub(crate) line: usize,
}

impl PartialEq for GitSection {
    fn eq(&self, other: &GitSection) -> bool {
        self.access == other.access
    }
}

impl GitSection {
    /// Returns the values. None of them is a token.
    pub(crate) fn shown(&self) -> Value {
        let mut shown = json!({ "user": self.access.user });
        if let Some(path) = &self.access.ca_file {
            shown["ca_file"] = path.display().to_string().into();
        }
        if self.access.lfs {
            shown["lfs"] = true.into();
        }
        if !self.access.lfs_hosts.is_empty() {
            shown["lfs_hosts"] = self.access.lfs_hosts.iter().map(UrlPrefix::to_string).collect();
        }
        match &self.access.token {
            Some(TokenSource::File(path)) => shown["token_file"] = path.display().to_string().into(),
            Some(TokenSource::Environment(name)) => shown["token_env"] = name.as_str().into(),
            Some(TokenSource::Command { program, args, .. }) => {
                let program = program.display().to_string();
                shown["token_command"] = [&program].into_iter().chain(args).map(String::as_str).collect();
            }
            None => {}
        }
        shown
    }
}

/// Reads all sections. Relative paths start at `folder`. `line_at` returns the line of an offset.
pub(super) fn read(
    found: &Spanned<DeValue<'_>>,
    folder: &Path,
    line_at: impl Fn(usize) -> usize,
    refuse: Refuse<'_>,
) -> GitSections {
    let mut sections = GitSections::new();
    let DeValue::Table(prefixes) = found.get_ref() else {
        refuse(found.span().start, format!("`{KEY}` is not a table; {WHERE}"));
        return sections;
    };
    for (at, name, section) in in_order(prefixes) {
        let shown = format!("{KEY}.\"{}\"", host_core::shown(name, 80));
        match (name.parse::<UrlPrefix>(), section.get_ref()) {
            (Err(error), _) => refuse(at, format!("`{shown}` does not name repositories: {error}")),
            (Ok(_), value) if !matches!(value, DeValue::Table(_)) => {
                refuse(at, format!("`{shown}` is not a table; {WHERE}"));
            }
            (Ok(prefix), DeValue::Table(section)) => {
                let access = access(prefix.clone(), section, folder, &mut |offset, why| {
                    refuse(offset.unwrap_or(at), format!("`{shown}` {why}"));
                });
                // Servers such as GitHub ignore case, and a token applies whatever the case of an address is.
                let has_name = |known: &&UrlPrefix| known.to_string().eq_ignore_ascii_case(&prefix.to_string());
                if let Some(known) = sections.keys().find(has_name) {
                    refuse(
                        at,
                        format!("`{shown}` names the same repositories as `{KEY}.\"{known}\"`; keep one of them"),
                    );
                }
                sections.insert(prefix, GitSection { access, line: line_at(at) });
            }
            _ => unreachable!("the arm above has all other values"),
        }
    }
    sections
}

/// Reads one section. Values are never shown, because a token may be stored under the wrong key.
fn access(
    prefix: UrlPrefix,
    section: &DeTable<'_>,
    folder: &Path,
    refuse: &mut dyn FnMut(Option<usize>, String),
) -> GitAccess {
    let mut access = GitAccess {
        prefix,
        user: DEFAULT_GIT_USER.to_owned(),
        token: None,
        ca_file: None,
        lfs: false,
        lfs_hosts: vec![],
    };
    let mut n_tokens = 0;
    // The name of a host without quotes is several keys.
    let mut is_split = false;
    for (at, key, value) in in_order(section) {
        let is_plain = |text: &&str| !text.is_empty() && !text.chars().any(char::is_control);
        let text = value.get_ref().as_str().filter(is_plain);
        let path = text.filter(|text| is_path(text)).map(|text| folder.join(text));
        let mut invalid = |expected: &str| refuse(Some(at), format!("has a `{key}` that is not {expected}"));
        n_tokens += u32::from(key.starts_with("token_") && KEYS.contains(&key));
        match key {
            "token_file" => match path {
                Some(path) => access.token = Some(TokenSource::File(path)),
                None => invalid("a path; `~` and `$` are not expanded"),
            },
            "token_env" => match text.filter(|name| !name.contains('=')) {
                Some(name) => access.token = Some(TokenSource::Environment(name.to_owned())),
                None => invalid("the name of an environment variable"),
            },
            "token_command" => match command(value.get_ref(), folder) {
                Some(command) => access.token = Some(command),
                None => invalid("a list of a program and its arguments, such as `[\"gh\", \"auth\", \"token\"]`"),
            },
            "user" => match text.filter(|user| user.is_ascii() && !user.contains(':')) {
                Some(user) => user.clone_into(&mut access.user),
                None => invalid("a user name of ASCII characters without `:`"),
            },
            "ca_file" => match path {
                Some(path) => access.ca_file = Some(path),
                None => invalid("a path; `~` and `$` are not expanded"),
            },
            "lfs" => match value.get_ref() {
                DeValue::Boolean(lfs) => access.lfs = *lfs,
                _ => invalid("`true` or `false`"),
            },
            "lfs_hosts" => match prefixes(value.get_ref()) {
                Some(prefixes) => {
                    let mut seen = BTreeSet::new();
                    if let Some(twice) =
                        prefixes.iter().find(|prefix| !seen.insert(prefix.to_string().to_ascii_lowercase()))
                    {
                        refuse(Some(at), format!("has `{twice}` in `{key}` twice"));
                    }
                    access.lfs_hosts = prefixes;
                }
                None => invalid("a list of hosts, such as `[\"github-cloud.githubusercontent.com\"]`"),
            },
            "token" | "password" => refuse(
                Some(at),
                format!(
                    "has a `{key}`, which is not stored in host.toml; use `token_file`, `token_env` or `token_command`"
                ),
            ),
            _ if matches!(value.get_ref(), DeValue::Table(_)) => {
                let meant = host_core::shown(&format!("{}.{key}", access.prefix), 80);
                refuse(
                    Some(at),
                    format!(
                        "has a table `{}`; write the host in quotes: `[git.\"{meant}\"]`",
                        host_core::shown(key, 80)
                    ),
                );
                is_split = true;
            }
            _ => {
                let shown = host_core::shown(key, 80);
                let advice = suggestion(key, &KEYS).map_or_else(
                    || format!("it may have {}", KEYS.map(|key| format!("`{key}`")).join(", ")),
                    |known| format!("did you mean `{known}`?"),
                );
                refuse(Some(at), format!("has the unknown key `{shown}`; {advice}"));
            }
        }
    }
    if !access.lfs && !access.lfs_hosts.is_empty() {
        refuse(None, "has `lfs_hosts` without `lfs = true`".to_owned());
    }
    if n_tokens > 1 || n_tokens == 0 && access.ca_file.is_none() && !access.lfs && !is_split {
        let sources = "`token_file`, `token_env` and `token_command`";
        refuse(None, format!("has {n_tokens} sources of its token; set exactly one of {sources}"));
    }
    access
}

/// Reads a list of prefixes; `None` if the value is not such a list.
fn prefixes(value: &DeValue<'_>) -> Option<Vec<UrlPrefix>> {
    let DeValue::Array(words) = value else { return None };
    words.iter().map(|word| word.get_ref().as_str()?.parse().ok()).collect()
}

fn command(value: &DeValue<'_>, folder: &Path) -> Option<TokenSource> {
    let DeValue::Array(words) = value else { return None };
    let words: Option<Vec<_>> = words.iter().map(|word| word.get_ref().as_str()).collect();
    let words = words?;
    let (program, args) = words.split_first().filter(|(program, _)| !program.is_empty())?;
    if words.iter().any(|word| word.contains('\0')) {
        return None;
    }
    let program = PathBuf::from(program);
    let program = if is_bare_name(&program) { program } else { folder.join(program) };
    let args = args.iter().map(|&arg| arg.to_owned()).collect();
    Some(TokenSource::Command { program, args, environment: vec![] })
}
