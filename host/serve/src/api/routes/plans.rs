//! Plans and batches: several changes in one job.

use host_api as api;
use host_core::Role::{Operator, Viewer};

use super::{GET, POST, object};
use crate::api::{batch, plan};
use crate::guard::table::RouteTable;

pub(super) fn add(t: &mut RouteTable) {
    t.role(Operator, "plan_make", POST, "/api/plugins/plan", plan::plan)
        .summary("Returns the changes that applying a plugins.yaml would make.")
        .body_content(true, &[("application/yaml", object()), ("application/json", object())])
        .response::<api::Plan>(200)
        .errors(&[400, 409, 413, 415, 422, 503, 504, 507]);
    t.role(Operator, "plan_apply", POST, "/api/plugins/apply", plan::apply)
        .summary("Applies a plan as one job. Fails if the plugins changed since the plan was made.")
        .body::<api::ApplyRequest>()
        .runs_job();
    t.role(Viewer, "plan_export", GET, "/api/plugins/export", plan::export)
        .summary("Exports the desired state of all plugins as a plugins.yaml.")
        .query::<plan::ExportQuery>()
        .response_content(200, "application/yaml", object());
    t.role(Operator, "batch", POST, "/api/plugins/batch", batch::batch)
        .summary("Runs several operations as one job.")
        .body::<api::BatchRequest>()
        .runs_job();
}
