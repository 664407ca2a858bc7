//! Routes for older clients.

use host_api as api;
use host_core::Role::{Operator, Viewer};

use super::{GET, POST};
use crate::guard::table::RouteTable;
use crate::legacy::{github, local};

pub(super) fn add(t: &mut RouteTable) {
    t.role(Operator, "github_install", POST, "/api/plugins/github/install", github::install)
        .summary("Installs the newest version in a git repository, for older clients.")
        .body::<api::GithubInstall>()
        .runs_job_returning::<api::GithubInstalled>();
    t.role(Operator, "github_update", POST, "/api/plugins/github/update", github::update_all)
        .summary("Updates all plugins of a git repository, for older clients.")
        .body::<api::GithubUpdate>()
        .runs_job_returning::<api::GithubUpdated>();
    t.role(Operator, "local_load", POST, "/api/plugins/local/load", local::load)
        .summary("Installs a plugin from a folder or file on the host's machine, for older clients.")
        .body::<api::LocalLoad>()
        .runs_job();
    t.role(Operator, "local_unload", POST, "/api/plugins/local/unload", local::unload)
        .summary("Unloads a plugin that was installed from a folder or file, for older clients.")
        .body::<api::LocalUnload>()
        .runs_job();
    t.role(Viewer, "local_list", GET, "/api/plugins/local/list", local::list)
        .summary("Lists the plugins that were installed from folders and files, for older clients.")
        .list_query()
        .response::<api::PluginList>(200);
    t.role(Operator, "local_build", GET, "/api/plugins/local/build", local::build)
        .summary("Builds a folder or file on the host's machine without installing it, for older clients.")
        .query::<local::LocalBuildQuery>()
        .response::<api::BuildReport>(200)
        .errors(&[403, 409, 413, 422, 503, 504, 507]);
}
