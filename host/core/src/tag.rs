//! The versions that the tags of a repository name.
//!
//! A tag names a version if it is `[prefix][v]MAJOR.MINOR[.PATCH]`, with an optional pre-release and build as in
//! semver. The prefix is empty or ends with `/`, `-` or `_`; a missing third number is 0. One number alone, such as
//! `v1`, is not a version, because such tags move. Tags with the same prefix are the releases of one product, and a
//! plugin follows the tags of one prefix.

mod pattern;

use semver::Version;

use crate::TreePath;

pub use pattern::{TagPattern, TagPatternError};

/// The maximum number of tags that an error suggests.
const MAX_NEAR: usize = 5;

/// The tags that are releases of one plugin.
#[derive(Clone, Copy, Debug, Default)]
pub struct TagRule<'r> {
    /// The operator's pattern; `None` chooses the tags by their prefix.
    pub pattern: Option<&'r TagPattern>,
    /// The folder of the plugin in its repository.
    pub path: Option<&'r TreePath>,
}

/// A tag with the version that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionTag<'t> {
    /// The tag.
    pub tag: &'t str,
    /// The version.
    pub version: Version,
    /// The part before the version, without the `v`.
    pub prefix: &'t str,
    /// The number of written numbers of the version: 2 or 3.
    numbers: usize,
}

/// Several prefixes or tags, if the rule selects none of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ambiguous(pub Vec<String>);

impl<'t> VersionTag<'t> {
    /// Reads a tag by the rule above.
    pub fn new(tag: &'t str) -> Option<VersionTag<'t>> {
        let starts = tag.char_indices().filter(|(at, _)| *at == 0 || tag[..*at].ends_with(['/', '-', '_']));
        starts.map(|(at, _)| at).find_map(|at| {
            let (version, numbers) = read_version(&tag[at..])?;
            Some(VersionTag { tag, version, prefix: &tag[..at], numbers })
        })
    }
}

/// Reads `[v]MAJOR.MINOR[.PATCH][-pre][+build]`, and returns the version and its number of numbers.
fn read_version(text: &str) -> Option<(Version, usize)> {
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let (numbers, rest) = text.split_at(end);
    match numbers.split('.').count() {
        2 => Some((Version::parse(&format!("{numbers}.0{rest}")).ok()?, 2)),
        3 => Some((Version::parse(text).ok()?, 3)),
        _ => None,
    }
}

impl TagRule<'_> {
    /// Reads a tag by the pattern, or by the general rule if there is no pattern.
    pub fn read<'t>(&self, tag: &'t str) -> Option<VersionTag<'t>> {
        let Some(pattern) = self.pattern else { return VersionTag::new(tag) };
        let (version, numbers) = read_version(pattern.version_in(tag)?)?;
        Some(VersionTag { tag, version, prefix: "", numbers })
    }

    /// Returns the releases of the plugin among the tags, the oldest version first. The prefix of `like` is preferred.
    ///
    /// Without a pattern, the tags of one prefix count: of `like`; else of the folder of the plugin or its last part;
    /// else the empty prefix; else the only prefix that there is. Of two tags for one version, the tag with all three
    /// numbers comes last.
    ///
    /// # Errors
    /// The prefixes, if there are several and none of them is selected.
    pub fn releases<'t>(
        &self,
        tags: impl Iterator<Item = &'t str>,
        like: Option<&str>,
    ) -> Result<Vec<VersionTag<'t>>, Ambiguous> {
        let mut found: Vec<_> = tags.filter_map(|tag| self.read(tag)).collect();
        if let Some(prefix) = self.prefix(&found, like)? {
            found.retain(|tag| tag.prefix == prefix);
        }
        found.sort_by(|a, b| (&a.version, a.numbers).cmp(&(&b.version, b.numbers)));
        Ok(found)
    }

    /// The tag of the version `asked`, which is written with or without a `v`. A text with two numbers means only tags
    /// with two numbers, since it may also be meant as the beginning of a version.
    ///
    /// # Errors
    /// The tags, if several name the version and the rule selects none of their prefixes.
    pub fn named<'t>(
        &self,
        tags: impl Iterator<Item = &'t str>,
        asked: &str,
        like: Option<&str>,
    ) -> Result<Option<VersionTag<'t>>, Ambiguous> {
        let Some((version, numbers)) = read_version(asked) else { return Ok(None) };
        let is_meant = |tag: &VersionTag<'_>| tag.version == version && (numbers == 3 || tag.numbers == 2);
        let mut found: Vec<_> = tags.filter_map(|tag| self.read(tag)).filter(is_meant).collect();
        let prefix =
            self.prefix(&found, like).map_err(|_| Ambiguous(found.iter().map(|tag| tag.tag.to_owned()).collect()))?;
        found.retain(|tag| Some(tag.prefix) == prefix);
        Ok(found.into_iter().max_by_key(|tag| tag.numbers))
    }

    /// The tags that are nearest to the version or tag `asked`, the newest first.
    pub fn near<'t>(&self, tags: impl Iterator<Item = &'t str>, asked: &str) -> Vec<&'t str> {
        let asked = asked.trim_start_matches(['v', 'V']);
        let mut numbers = asked.split(['.', '-', '+']).map_while(|part| part.parse::<u64>().ok());
        let Some(major) = numbers.next() else { return vec![] };
        let minor = numbers.next();
        let mut found: Vec<_> = tags.filter_map(|tag| self.read(tag)).collect();
        found.sort_by(|a, b| b.version.cmp(&a.version));
        let has = |tag: &&VersionTag<'_>, minor: Option<u64>| {
            tag.version.major == major && minor.is_none_or(|minor| tag.version.minor == minor)
        };
        let nearest = if found.iter().any(|tag| has(&tag, minor)) { minor } else { None };
        found.iter().filter(|tag| has(tag, nearest)).map(|tag| tag.tag).take(MAX_NEAR).collect()
    }

    /// The prefix that counts; `None` if there are no tags.
    fn prefix<'t>(&self, found: &[VersionTag<'t>], like: Option<&str>) -> Result<Option<&'t str>, Ambiguous> {
        let mut prefixes: Vec<&'t str> = found.iter().map(|tag| tag.prefix).collect();
        prefixes.sort_unstable();
        prefixes.dedup();
        let like = like.and_then(|tag| self.read(tag)).map(|tag| tag.prefix.to_owned()).filter(|p| !p.is_empty());
        let whole = self.path.map(TreePath::as_str);
        let last = whole.and_then(|path| path.rsplit('/').next());
        let is_of = |prefix: &str, name: Option<&str>| {
            name.is_some_and(|name| prefix.strip_suffix(['/', '-', '_']) == Some(name))
        };
        let selected = prefixes
            .iter()
            .find(|prefix| like.as_deref() == Some(**prefix))
            .or_else(|| prefixes.iter().find(|prefix| is_of(prefix, whole)))
            .or_else(|| prefixes.iter().find(|prefix| is_of(prefix, last)))
            .or_else(|| prefixes.iter().find(|prefix| prefix.is_empty()));
        match (selected, &*prefixes) {
            (Some(prefix), _) | (None, [prefix]) => Ok(Some(prefix)),
            (None, []) => Ok(None),
            _ => Err(Ambiguous(prefixes.into_iter().map(str::to_owned).collect())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAGS: [&str; 10] = [
        "v1.0.0",
        "release/1.3.0",
        "x-v1.2.0",
        "plugin/v1.1.0",
        "1.4",
        "v1.5",
        "v2",
        "nightly",
        "2024-01-02",
        "v1.0.1-rc.1",
    ];

    #[test]
    fn a_tag_is_a_prefix_and_a_version() {
        let mut table = String::new();
        for tag in
            TAGS.into_iter().chain(["a-1-v0.1.0", "V1.2.3", "x1.2.3", "1.2.3.4", "v1.02.0", "a_v1.0-rc.1+b", "ü/1.0.0"])
        {
            let read = VersionTag::new(tag);
            let read = read.map_or("-".to_owned(), |tag| format!("{:?} {}", tag.prefix, tag.version));
            table += &format!("{tag}: {read}\n");
        }
        expect_test::expect![[r#"
            v1.0.0: "" 1.0.0
            release/1.3.0: "release/" 1.3.0
            x-v1.2.0: "x-" 1.2.0
            plugin/v1.1.0: "plugin/" 1.1.0
            1.4: "" 1.4.0
            v1.5: "" 1.5.0
            v2: -
            nightly: -
            2024-01-02: -
            v1.0.1-rc.1: "" 1.0.1-rc.1
            a-1-v0.1.0: "a-1-" 0.1.0
            V1.2.3: "" 1.2.3
            x1.2.3: -
            1.2.3.4: -
            v1.02.0: -
            a_v1.0-rc.1+b: "a_" 1.0.0-rc.1+b
            ü/1.0.0: "ü/" 1.0.0
        "#]]
        .assert_eq(&table);
    }

    #[test]
    fn a_version_finds_its_tag_whatever_its_prefix() {
        let rule = TagRule::default();
        let named = |asked: &str| match rule.named(TAGS.into_iter().chain(["y-v3.0.0", "z-v3.0.0"]), asked, None) {
            Ok(found) => found.map_or("-".to_owned(), |tag| tag.tag.to_owned()),
            Err(Ambiguous(tags)) => format!("one of {}", tags.join(" ")),
        };
        for (asked, expected) in [
            ("1.0.0", "v1.0.0"),
            ("v1.0.0", "v1.0.0"),
            ("1.1.0", "plugin/v1.1.0"),
            ("1.2.0", "x-v1.2.0"),
            ("1.3.0", "release/1.3.0"),
            ("1.4.0", "1.4"),
            ("v1.4", "1.4"),
            ("1.5", "v1.5"),
            ("1.0", "-"),
            ("2.0.0", "-"),
            ("3.0.0", "one of y-v3.0.0 z-v3.0.0"),
            ("nightly", "-"),
        ] {
            assert_eq!(named(asked), expected, "{asked}");
        }
        let like = rule.named(["y-v3.0.0", "z-v3.0.0"].into_iter(), "3.0.0", Some("z-v2.0.0"));
        assert_eq!(like.unwrap().unwrap().tag, "z-v3.0.0");
        let both = rule.named(["v1.2.0", "v1.2"].into_iter(), "1.2.0", None);
        assert_eq!(both.unwrap().unwrap().tag, "v1.2.0");
        assert_eq!(rule.near(TAGS.into_iter(), "1.0"), ["v1.0.1-rc.1", "v1.0.0"]);
        assert_eq!(rule.near(TAGS.into_iter(), "v1.9.9").first(), Some(&"v1.5"));
        assert!(rule.near(TAGS.into_iter(), "main").is_empty());
    }

    #[test]
    fn the_releases_are_the_tags_of_one_prefix() {
        let path: TreePath = "plugins/b".parse().unwrap();
        let pattern: TagPattern = "build{version}".parse().unwrap();
        let pattern = TagRule { pattern: Some(&pattern), path: None };
        let in_folder = TagRule { pattern: None, path: Some(&path) };
        let any = TagRule::default();
        for (rule, tags, like, expected) in [
            (any, "v1.0.0 x-v9.0.0 1.4", None, "v1.0.0 1.4"),
            (any, "x-v1.0.0 x-v0.9.0", None, "x-v0.9.0 x-v1.0.0"),
            (any, "x-v1.0.0 y-v2.0.0", None, "which of x- y-"),
            (any, "x-v1.0.0 y-v2.0.0 v3.0.0", Some("y-v1.0.0"), "y-v2.0.0"),
            (any, "x-v1.0.0 v3.0.0", Some("gone-v1.0.0"), "v3.0.0"),
            (any, "nightly v2", None, ""),
            (in_folder, "v3.0.0 a-v1.0.0 b-v1.0.0 plugins/b/v1.1.0", None, "plugins/b/v1.1.0"),
            (in_folder, "v3.0.0 a-v1.0.0 b-v1.0.0", None, "b-v1.0.0"),
            (in_folder, "v3.0.0 a-v1.0.0", None, "v3.0.0"),
            (pattern, "build1.0.0 build1.2 v3.0.0", None, "build1.0.0 build1.2"),
        ] {
            let found = match rule.releases(tags.split_whitespace(), like) {
                Ok(found) => found.iter().map(|tag| tag.tag).collect::<Vec<_>>().join(" "),
                Err(Ambiguous(prefixes)) => format!("which of {}", prefixes.join(" ")),
            };
            assert_eq!(found, expected, "{tags} {like:?}");
        }
    }
}
