//! `complete`: ids for the completion script of a shell.

use std::time::Duration;

use host_api::{JobList, PluginList};

use crate::args::{Complete, CompletedKind};
use crate::client::{ApiRequest, Client};
use crate::failure::Failure;
use crate::output;

/// The time limit of the request; short, because a person waits at the prompt.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Lists ids, one per line. Prints nothing if the host does not respond in time, and no text that is not an id: a shell
/// must not find anything to expand in it, whatever a host returns.
pub(super) async fn complete(client: &Client, args: &Complete) -> Result<(), Failure> {
    let ids = async {
        Ok::<_, Failure>(match args.kind {
            CompletedKind::Plugins => {
                let list: PluginList = client.request(ApiRequest::get("/api/plugins")).await?.read()?;
                list.plugins.into_keys().collect::<Vec<_>>()
            }
            CompletedKind::Jobs => {
                let list: JobList = client.request(ApiRequest::get("/api/jobs?limit=50")).await?.read()?;
                list.jobs.into_iter().map(|job| job.id).collect()
            }
        })
    };
    if let Ok(Ok(ids)) = tokio::time::timeout(TIMEOUT, ids).await {
        ids.iter().filter(|id| is_id(id)).for_each(|id| output::line(id));
    }
    Ok(())
}

/// Returns whether a text consists of the characters that the ids of plugins and jobs have.
fn is_id(text: &str) -> bool {
    !text.starts_with('-') && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_a_shell_could_expand_are_not_ids() {
        for id in ["hello", "my-plugin-2", "01hq3v9", "a_b"] {
            assert!(is_id(id), "{id}");
        }
        for text in ["$(touch x)", "`x`", "a b", "a\nb", "*", "~", "-x", "a;b", "ä"] {
            assert!(!is_id(text), "{text}");
        }
    }
}
