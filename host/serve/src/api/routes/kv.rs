//! Key-value stores of plugins.

use host_api as api;
use host_core::Role::Operator;

use super::{DELETE, GET};
use crate::api::kv;
use crate::guard::table::RouteTable;

const KEY: &str =
    "The stored key. Its slashes are not encoded, since servers and proxies read an encoded slash in different ways.";

pub(super) fn add(t: &mut RouteTable) {
    t.role(Operator, "kv_list", GET, "/api/plugins/{id}/kv", kv::list)
        .summary("Lists the keys that a plugin has stored, with the sizes of their values.")
        .query::<kv::StoredKeysQuery>()
        .response::<api::StoredKeys>(200);
    t.role(Operator, "kv_get", GET, "/api/plugins/{id}/kv/{*key}", kv::get)
        .summary("Returns the value that a plugin has stored under a key.")
        .path_parameter("key", KEY)
        .response::<api::StoredValue>(200);
    t.role(Operator, "kv_delete", DELETE, "/api/plugins/{id}/kv/{*key}", kv::delete)
        .summary("Deletes a stored key of a plugin.")
        .path_parameter("key", KEY)
        .empty_response(204);
}
