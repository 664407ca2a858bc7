//! Configuration, revisions and updates of plugins.

use host_api as api;
use host_core::Role::{Operator, Viewer};

use super::{DELETE, GET, IF_MATCH, PATCH, POST, PUT, object};
use crate::api::{configuration, revisions, updates};
use crate::guard::table::RouteTable;

pub(super) fn add(t: &mut RouteTable) {
    t.role(Viewer, "config_get", GET, "/api/plugins/{id}/config", configuration::get)
        .summary("Returns the configuration of a plugin by layer, with secrets masked.")
        .response::<api::Configuration>(200)
        .response_header(200, "ETag", "The value for `If-Match` of a change.");
    t.role(Viewer, "config_schema", GET, "/api/plugins/{id}/config/schema", configuration::schema)
        .summary("Returns the JSON Schema (draft 2020-12) of the configuration of a plugin; `{}` if it has none.")
        .response_content(200, "application/json", object());
    t.role(Operator, "config_put", PUT, "/api/plugins/{id}/config", configuration::put)
        .summary("Replaces the operator configuration of a plugin.")
        .query::<configuration::ChangeQuery>()
        .header("If-Match", IF_MATCH)
        .body_content(true, &[("application/json", object())])
        .response::<api::ConfigurationCheck>(200)
        .errors(&[400, 413, 415])
        .runs_job();
    t.role(Operator, "config_patch", PATCH, "/api/plugins/{id}/config", configuration::patch)
        .summary("Merges the body into the operator configuration (JSON Merge Patch, RFC 7396); null removes a value.")
        .query::<configuration::ChangeQuery>()
        .header("If-Match", IF_MATCH)
        .response::<api::ConfigurationCheck>(200)
        .body_content(true, &[("application/json", object()), ("application/merge-patch+json", object())])
        .errors(&[400, 413, 415])
        .runs_job();
    t.role(Viewer, "revision_list_all", GET, "/api/plugins/revisions", revisions::list_all)
        .summary("Lists the revisions of all plugins, newest first.")
        .query::<revisions::RevisionPageQuery>()
        .response::<api::RevisionList>(200);
    t.role(Viewer, "revision_list", GET, "/api/plugins/{id}/revisions", revisions::list)
        .summary("Lists the revisions of a plugin, newest first.")
        .query::<revisions::RevisionPageQuery>()
        .response::<api::RevisionList>(200);
    t.role(Viewer, "revision_get", GET, "/api/plugins/{id}/revisions/{number}", revisions::get)
        .summary("Returns a revision with the complete desired state.")
        .path_parameter("number", "The revision number.")
        .response::<api::Revision>(200);
    t.role(Viewer, "revision_diff", GET, "/api/plugins/{id}/revisions/{number}/diff", revisions::diff)
        .summary("Returns the differences between two revisions.")
        .path_parameter("number", "The revision number.")
        .query::<revisions::RevisionDiffQuery>()
        .response::<api::RevisionDiff>(200);
    t.role(Operator, "revision_restore", POST, "/api/plugins/{id}/revisions/{number}/restore", revisions::restore)
        .summary("Restores the desired state of a revision.")
        .path_parameter("number", "The revision number.")
        .runs_job();
    t.role(Viewer, "update_get", GET, "/api/plugins/{id}/updates", updates::get)
        .summary("Returns the newer versions of a plugin, each with the reason if updates do not install it.")
        .query::<updates::UpdateCheckQuery>()
        .response::<api::Updates>(200)
        .errors(&[403, 409, 422, 503, 504, 507]);
    t.role(Operator, "update_take", POST, "/api/plugins/{id}/update", updates::update)
        .summary("Updates a plugin to the given version, or to the newest version that its update policy allows.")
        .optional_body::<api::UpdateRequest>()
        .runs_job();
    t.role(Operator, "update_policy_put", PUT, "/api/plugins/{id}/update-policy", updates::put_policy)
        .summary("Replaces the update policy of a plugin.")
        .body::<api::UpdatePolicyRequest>()
        .runs_job();
    t.role(Operator, "version_block", PUT, "/api/plugins/{id}/blocked/{version}", updates::block)
        .summary("Blocks a version, so that updates do not install it.")
        .path_parameter("version", "The version, for example `1.2.0`.")
        .runs_job();
    t.role(Operator, "version_unblock", DELETE, "/api/plugins/{id}/blocked/{version}", updates::unblock)
        .summary("Unblocks a version, so that updates can install it.")
        .path_parameter("version", "The version, for example `1.2.0`.")
        .runs_job();
}
