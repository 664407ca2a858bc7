//! Reads the source named by a request.

use host_core::{Revision, Source};
use host_run::LoadOptions;
use http::StatusCode;

use crate::state::AppState;
use crate::wire::problem::ApiError;

/// The prefix of a source in an index.
pub(crate) const INDEX: &str = "index:";

/// Parses a source. `index:<id>[@version]` is looked up in the indexes, which also determine the expected commit or
/// tree.
///
/// # Errors
/// The text is not a source, or no index lists the plugin.
pub(crate) async fn source_asked(
    app: &AppState,
    text: &str,
    version: Option<&str>,
) -> Result<(Source, LoadOptions), ApiError> {
    let malformed = |error: host_core::SourceError| ApiError::from(host_run::Error::from(error));
    let version = version.filter(|version| !matches!(*version, "" | "latest"));
    if let Some(listed) = text.strip_prefix(INDEX) {
        let (id, in_text) = listed.split_once('@').map_or((listed, None), |(id, version)| (id, Some(version)));
        let version = version.or(in_text).map(|version| version.strip_prefix('v').unwrap_or(version));
        return app.host.from_index(id, version).await.map_err(ApiError::from);
    }
    let mut source = text.parse::<Source>().map_err(malformed)?;
    let version = version.unwrap_or_default().parse::<Revision>().map_err(malformed)?;
    if version != Revision::Latest {
        let Source::Git { revision, .. } = &mut source else {
            let detail = "`version` is only supported for git URLs: it selects a branch, tag or commit";
            return Err(ApiError::new(StatusCode::BAD_REQUEST, "source_version", detail));
        };
        // The separate `version` takes precedence over a version in the URL.
        *revision = version;
    }
    Ok((source, LoadOptions::default()))
}
