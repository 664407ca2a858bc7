//! Parses the text of a source.

use std::path::PathBuf;
use std::str::FromStr;

use super::{GitUrl, Revision, Source, SourceError, check_text, web};
use crate::TreePath;
use crate::tag::TagPattern;

impl FromStr for Source {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Source, SourceError> {
        check_text(text)?;
        if let Some(address) = web::typed(text) {
            return address.parse();
        }
        let is_https = text.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"));
        if let Some(rest) = text.get(8..).filter(|_| is_https) {
            let (rest, fragment) = rest.split_once('#').map_or((rest, None), |(rest, after)| (rest, Some(after)));
            let Fragment { path: folder, tags } = match fragment {
                // The place in a web page.
                Some(place) if !place.contains('=') => {
                    let plain = format!("https://{rest}");
                    GitUrl::parse(&plain)?;
                    let revision = web::revision_in_fragment(place).filter(|_| !rest.contains('@'));
                    let meant = revision.map_or_else(|| plain.clone(), |revision| format!("{plain}@{revision}"));
                    return Err(SourceError::Page { url: crate::shown_address(text), meant });
                }
                fragment => fragment.map(Fragment::read).transpose()?.unwrap_or_default(),
            };
            // `@` after the last `/` of the address starts the revision; one before it would be a user.
            let (address, revision) = match rest.match_indices('@').find(|(at, _)| rest[..*at].contains('/')) {
                Some((at, _)) if rest[at + 1..].is_empty() => return Err(SourceError::NoRevision),
                Some((at, _)) => (&rest[..at], rest[at + 1..].parse()?),
                None => (rest, Revision::Latest),
            };
            let page = address.split_once('/').and_then(|(host, path)| web::page(host, path.trim_end_matches('/')));
            if let Some(page) = page.filter(|_| revision == Revision::Latest) {
                let source = page.parse::<Source>()?;
                let source = source.with_tags(tags).unwrap_or(source);
                return folder.map_or(Ok(source.clone()), |folder| source.inside(folder));
            }
            let source = Source::Git { url: GitUrl::parse(&format!("https://{address}"))?, revision, tags };
            return folder.map_or(Ok(source.clone()), |folder| source.inside(folder));
        }
        let path = match text.split_once(':') {
            Some(("local", path)) => path,
            Some((scheme, _)) if is_scheme(scheme) => {
                return Err(SourceError::scheme(scheme, text));
            }
            // `user@host:path` is git's own short form of ssh.
            Some((before, _)) if before.contains('@') && !before.contains('/') => {
                return Err(SourceError::scheme("ssh", text));
            }
            _ => text,
        };
        if let Some((place, folder)) = path.rsplit_once("#path=") {
            return format!("local:{place}").parse::<Source>()?.inside(TreePath::of_folder(folder)?);
        }
        if path.is_empty() {
            return Err(SourceError::Empty);
        }
        let lower = path.to_ascii_lowercase();
        let path = PathBuf::from(path);
        Ok(if lower.ends_with(".zip") {
            Source::Archive(path)
        } else if lower.ends_with(".so") {
            Source::Library(path)
        } else {
            Source::Folder(path)
        })
    }
}

/// The part of a git address after `#`: `key=value` pairs, separated by `&`.
#[derive(Default)]
struct Fragment {
    path: Option<TreePath>,
    tags: Option<TagPattern>,
}

impl Fragment {
    fn read(text: &str) -> Result<Fragment, SourceError> {
        let mut fragment = Fragment::default();
        for pair in text.split('&') {
            match pair.split_once('=') {
                Some(("path", path)) if fragment.path.is_none() => {
                    fragment.path = Some(TreePath::of_folder(path)?);
                }
                Some(("tags", tags)) if fragment.tags.is_none() => fragment.tags = Some(tags.parse()?),
                _ => {
                    // The value may be a token.
                    let key = pair.split('=').next().unwrap_or_default();
                    return Err(SourceError::Fragment { found: crate::shown(key, 80) });
                }
            }
        }
        Ok(fragment)
    }
}

fn is_scheme(text: &str) -> bool {
    text.len() >= 2
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '-'))
}
