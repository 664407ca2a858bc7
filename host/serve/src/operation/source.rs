//! Reads the source named by a request.

use host_core::{Revision, Source, SourceError, TreePath};
use host_run::LoadOptions;
use http::StatusCode;

use crate::state::AppState;
use crate::wire::problem::ApiError;

/// The prefix of a source in an index.
pub(crate) const INDEX: &str = "index:";

/// A source, as a request names it.
pub(crate) struct SourceRequest<'r> {
    pub(crate) source: &'r str,
    /// A version, tag, branch or commit. If the source has one as well, both must be the same.
    pub(crate) version: Option<&'r str>,
    /// The folder of the plugin, which takes precedence over a path in the source.
    pub(crate) path: Option<&'r str>,
    /// The pattern of the release tags, which takes precedence over a pattern in the source.
    pub(crate) tag_pattern: Option<&'r str>,
}

/// Parses a source. `index:<id>[@version]` is looked up in the indexes, which also determine the expected commit or
/// tree.
///
/// # Errors
/// The text is not a source, or no index lists the plugin.
pub(crate) async fn source_asked(app: &AppState, asked: &SourceRequest<'_>) -> Result<(Source, LoadOptions), ApiError> {
    let Some(listed) = asked.source.strip_prefix(INDEX) else {
        return Ok((asked.read()?, LoadOptions::default()));
    };
    if asked.tag_pattern.is_some() {
        let detail = "`tag_pattern` is only supported for git URLs: the index names the tags of its plugins";
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "source_tag_pattern", detail));
    }
    if asked.path.is_some() {
        let detail = "`path` is not supported for entries of an index";
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "source_path", detail));
    }
    let (id, in_text) = listed.split_once('@').map_or((listed, None), |(id, version)| (id, Some(version)));
    let version = asked.version.filter(|version| !matches!(*version, "" | "latest")).or(in_text);
    let version = version.map(|version| version.strip_prefix('v').unwrap_or(version));
    app.host.from_index(id, version).await.map_err(ApiError::from)
}

impl SourceRequest<'_> {
    /// Parses a source that is not an entry of an index.
    ///
    /// # Errors
    /// The text is not a source, or not a git URL although the request has a version or pattern.
    pub(crate) fn read(&self) -> Result<Source, ApiError> {
        let malformed = |error: SourceError| ApiError::from(host_run::Error::from(error));
        let mut source = self.source.parse::<Source>().map_err(malformed)?;
        let version = self.version.unwrap_or_default().parse::<Revision>().map_err(malformed)?;
        if version != Revision::Latest {
            if let Some((_, named)) = source.as_git()
                && *named != Revision::Latest
                && *named != version
            {
                let detail = format!("`source` selects `{named}`, and `version` selects `{version}`");
                let refused = ApiError::new(StatusCode::BAD_REQUEST, "source_version", detail);
                return Err(refused.fix("leave one of both out"));
            }
            let detail = "`version` is only supported for git URLs: it selects a version, tag, branch or commit";
            source =
                source.at(version).ok_or_else(|| ApiError::new(StatusCode::BAD_REQUEST, "source_version", detail))?;
        }
        if let Some(pattern) = self.tag_pattern {
            let pattern = pattern.parse().map_err(|error| malformed(SourceError::Tags(error)))?;
            let detail = "`tag_pattern` is only supported for git URLs: it selects the release tags";
            source = source
                .with_tags(Some(pattern))
                .ok_or_else(|| ApiError::new(StatusCode::BAD_REQUEST, "source_tag_pattern", detail))?;
        }
        inside(source, self.path)
    }
}

/// The plugin in a folder of a source.
///
/// # Errors
/// The path is not a folder inside a source, or the source has no folders.
pub(crate) fn inside(source: Source, path: Option<&str>) -> Result<Source, ApiError> {
    let Some(path) = path else { return Ok(source) };
    let path = TreePath::of_folder(path).map_err(SourceError::Folder);
    let inside = path.and_then(|path| source.inside(path));
    inside.map_err(|error| ApiError::from(host_run::Error::from(error)))
}
