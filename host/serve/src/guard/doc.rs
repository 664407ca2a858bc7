//! The documentation of a route, from which `/openapi.json` is generated.
//!
//! A row documents what only its handler knows: the summary, the query, the body and the responses. The security
//! scheme, the path parameters and the common errors are derived from the row when the document is generated.

use std::collections::{BTreeMap, BTreeSet};

use host_run::OnConflict;
use serde_json::{Map, Value, json};
use utoipa::openapi::path::ParameterIn;
use utoipa::{IntoParams, ToSchema};

use crate::operation::request::OperationQuery;
use crate::wire::plugin_list::PluginListQuery;

/// Statuses of a failed operation: one for each [`host_run::FailureKind`].
const OPERATION_ERRORS: [u16; 11] = [400, 403, 404, 409, 412, 413, 422, 500, 503, 504, 507];
/// Statuses of an invalid JSON body.
const BODY_ERRORS: [u16; 3] = [400, 413, 415];

/// The documentation of a route.
#[derive(Debug, Default)]
pub(crate) struct RouteDoc {
    pub(crate) summary: &'static str,
    pub(crate) parameters: Vec<Value>,
    /// Descriptions of path parameters, if they are not the same in all routes.
    pub(crate) path_parameters: BTreeMap<&'static str, &'static str>,
    pub(crate) body: Option<Value>,
    /// By status and media type. A response without a body has no media type.
    pub(crate) responses: BTreeMap<u16, ResponseDoc>,
    /// The statuses of errors.
    pub(crate) errors: BTreeSet<u16>,
    /// The referenced schemas, by name.
    pub(crate) schemas: BTreeMap<String, Value>,
}

/// The documentation of the responses with one status.
#[derive(Debug, Default)]
pub(crate) struct ResponseDoc {
    pub(crate) description: &'static str,
    /// The schemas of each media type. Several schemas are alternatives.
    pub(crate) content: BTreeMap<&'static str, Vec<Value>>,
    /// Names and descriptions of response headers.
    pub(crate) headers: Vec<(&'static str, &'static str)>,
}

impl RouteDoc {
    /// Sets the summary: one sentence.
    pub(crate) fn summary(&mut self, summary: &'static str) -> &mut RouteDoc {
        self.summary = summary;
        self
    }

    /// Describes a path parameter.
    pub(crate) fn path_parameter(&mut self, name: &'static str, description: &'static str) -> &mut RouteDoc {
        self.path_parameters.insert(name, description);
        self
    }

    /// Adds the query parameters.
    pub(crate) fn query<Q: IntoParams>(&mut self) -> &mut RouteDoc {
        let parameters = Q::into_params(|| Some(ParameterIn::Query));
        self.parameters.extend(parameters.into_iter().map(|parameter| without_null(value(parameter))));
        self.errors(&[400])
    }

    /// The names of the query parameters.
    pub(crate) fn query_parameters(&self) -> Vec<String> {
        let in_query = self.parameters.iter().filter(|parameter| parameter["in"] == "query");
        in_query.filter_map(|parameter| parameter["name"].as_str().map(str::to_owned)).collect()
    }

    /// Adds the query parameters of a plugin list.
    pub(crate) fn list_query(&mut self) -> &mut RouteDoc {
        self.query::<PluginListQuery>();
        for (name, words) in PluginListQuery::WORDS {
            self.allowed_values(name, words);
        }
        self
    }

    /// Sets the allowed values of a query parameter.
    pub(crate) fn allowed_values(&mut self, name: &str, words: &[&str]) -> &mut RouteDoc {
        for parameter in self.parameters.iter_mut().filter(|parameter| parameter["name"] == name) {
            parameter["schema"]["enum"] = json!(words);
        }
        self
    }

    /// Adds a request header.
    pub(crate) fn header(&mut self, name: &'static str, description: &'static str) -> &mut RouteDoc {
        let schema = json!({ "type": "string" });
        self.parameters.push(json!({ "name": name, "in": "header", "description": description, "schema": schema }));
        self
    }

    /// Returns whether the route reads a request header.
    pub(crate) fn has_request_header(&self, name: &str) -> bool {
        self.parameters.iter().any(|parameter| parameter["in"] == "header" && parameter["name"] == name)
    }

    /// Adds a required JSON body.
    pub(crate) fn body<B: ToSchema>(&mut self) -> &mut RouteDoc {
        let schema = self.reference::<B>();
        self.body_content(true, &[("application/json", schema)]).errors(&BODY_ERRORS)
    }

    /// Adds an optional JSON body.
    pub(crate) fn optional_body<B: ToSchema>(&mut self) -> &mut RouteDoc {
        let schema = self.reference::<B>();
        self.body_content(false, &[("application/json", schema)]).errors(&BODY_ERRORS)
    }

    /// Adds a body with a schema for each media type.
    pub(crate) fn body_content(&mut self, required: bool, content: &[(&'static str, Value)]) -> &mut RouteDoc {
        let content = content.iter().map(|(media, schema)| ((*media).to_owned(), json!({ "schema": schema })));
        self.body = Some(json!({ "required": required, "content": Value::Object(content.collect()) }));
        self
    }

    /// Adds a JSON response. Several responses with the same status are alternatives.
    pub(crate) fn response<A: ToSchema>(&mut self, status: u16) -> &mut RouteDoc {
        let schema = self.reference::<A>();
        self.response_content(status, "application/json", schema)
    }

    /// Adds a response with a JSON array.
    pub(crate) fn response_list<A: ToSchema>(&mut self, status: u16) -> &mut RouteDoc {
        let items = self.reference::<A>();
        self.response_content(status, "application/json", json!({ "type": "array", "items": items }))
    }

    /// Adds a response without a body.
    pub(crate) fn empty_response(&mut self, status: u16) -> &mut RouteDoc {
        self.responses.entry(status).or_default();
        self
    }

    /// Adds a response with a text of another media type.
    pub(crate) fn text_response(&mut self, status: u16, media: &'static str) -> &mut RouteDoc {
        self.response_content(status, media, json!({ "type": "string" }))
    }

    /// Adds a response with a media type and schema.
    pub(crate) fn response_content(&mut self, status: u16, media: &'static str, schema: Value) -> &mut RouteDoc {
        self.responses.entry(status).or_default().content.entry(media).or_default().push(schema);
        self
    }

    /// Adds a response header.
    pub(crate) fn response_header(
        &mut self,
        status: u16,
        header: &'static str,
        description: &'static str,
    ) -> &mut RouteDoc {
        self.responses.entry(status).or_default().headers.push((header, description));
        self
    }

    /// Adds statuses of errors, besides those derived from the row.
    pub(crate) fn errors(&mut self, statuses: &[u16]) -> &mut RouteDoc {
        self.errors.extend(statuses);
        self
    }

    /// Documents a route that takes an [`OperationRequest`](crate::operation::request::OperationRequest) and runs a
    /// job.
    pub(crate) fn runs_job(&mut self) -> &mut RouteDoc {
        self.runs_job_returning::<host_api::OperationResult>()
    }

    /// Documents a route that runs a job, with another response at its end.
    pub(crate) fn runs_job_returning<A: ToSchema>(&mut self) -> &mut RouteDoc {
        let prefer = "`respond-async`: respond immediately with 202 and the job.";
        let on_conflict = OnConflict::ALL.map(OnConflict::as_str);
        self.query::<OperationQuery>().allowed_values("on_conflict", &on_conflict).header("Prefer", prefer);
        self.response::<A>(200).response::<host_api::Job>(202);
        self.responses.entry(202).or_default().description = "The operation runs as a job.";
        self.response_header(202, "Location", "The status URL of the job.").errors(&OPERATION_ERRORS)
    }

    /// Returns a reference to the schema of a type, and stores it with all schemas it refers to.
    fn reference<T: ToSchema>(&mut self) -> Value {
        let name = T::name().into_owned();
        let mut schemas = vec![];
        T::schemas(&mut schemas);
        self.schemas.extend(schemas.into_iter().map(|(name, schema)| (name, value(schema))));
        self.schemas.insert(name.clone(), value(T::schema()));
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }
}

/// Serializing a documentation type does not fail.
fn value(part: impl serde::Serialize) -> Value {
    serde_json::to_value(part).unwrap_or_default()
}

/// Removes `null` from the type of an optional parameter, since a query cannot contain null.
fn without_null(mut parameter: Value) -> Value {
    if let Some(types) = parameter.pointer_mut("/schema/type")
        && let Some(kind) = types.as_array().and_then(|types| types.iter().find(|kind| **kind != "null")).cloned()
    {
        *types = kind;
    }
    parameter
}

impl ResponseDoc {
    /// The response object of the OpenAPI document.
    pub(crate) fn to_json(&self, status: u16) -> Value {
        let title = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
        let description = if self.description.is_empty() { title.unwrap_or("response") } else { self.description };
        let mut content = Map::new();
        for (media, schemas) in &self.content {
            let schema = match schemas.as_slice() {
                [one] => one.clone(),
                several => json!({ "anyOf": several }),
            };
            content.insert((*media).to_owned(), json!({ "schema": schema }));
        }
        let mut headers = Map::new();
        headers.insert("X-Request-Id".to_owned(), json!({ "$ref": "#/components/headers/RequestId" }));
        for (name, description) in &self.headers {
            headers.insert((*name).to_owned(), json!({ "description": description, "schema": { "type": "string" } }));
        }
        let mut shown = json!({ "description": description, "headers": headers });
        if !content.is_empty() {
            shown["content"] = Value::Object(content);
        }
        shown
    }
}
