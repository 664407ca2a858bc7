//! `complete`: ids for the completion script of a shell.

use std::time::Duration;

use host_api::{JobList, PluginList};

use crate::args::{Complete, CompletedKind};
use crate::client::{ApiRequest, Client};
use crate::failure::Failure;
use crate::output;

/// A person waits at the prompt.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Lists ids, one per line. Prints nothing if the host does not respond in time.
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
        ids.iter().for_each(|id| output::line(id));
    }
    Ok(())
}
