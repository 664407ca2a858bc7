//! What is said of a route, beside its row in the table: `/openapi.json` is made of it.
//!
//! A row says what only its handler knows: `says`, the query, the body, the answers. What follows from the row itself (the
//! token, the parameters of the path, the problems of all of them) is added where the document is made.

use std::collections::{BTreeMap, BTreeSet};

use host_run::OnConflict;
use serde_json::{Map, Value, json};
use utoipa::openapi::path::ParameterIn;
use utoipa::{IntoParams, ToSchema};

use crate::input::Conditions;
use crate::list::ListQuery;

/// What an operation that changes plugins may fail with: one status for each [`host_run::Kind`].
const OF_OPERATIONS: [u16; 11] = [400, 403, 404, 409, 412, 413, 422, 500, 503, 504, 507];
/// What may go wrong with a JSON body.
const OF_BODIES: [u16; 3] = [400, 413, 415];

/// What is said of a route.
#[derive(Debug, Default)]
pub(crate) struct Doc {
    pub(crate) summary: &'static str,
    pub(crate) parameters: Vec<Value>,
    /// What the parameters of the path are, where that is not the same everywhere.
    pub(crate) parts: BTreeMap<&'static str, &'static str>,
    pub(crate) body: Option<Value>,
    /// By status, then by media type; an answer without a body has no media type.
    pub(crate) answers: BTreeMap<u16, Answer>,
    /// The statuses of problems.
    pub(crate) fails: BTreeSet<u16>,
    /// The schemas that are referred to, by name.
    pub(crate) schemas: BTreeMap<String, Value>,
}

/// What comes with one status.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) says: &'static str,
    /// The schemas of each media type; several are alternatives.
    pub(crate) content: BTreeMap<&'static str, Vec<Value>>,
    /// Name and description of headers.
    pub(crate) headers: Vec<(&'static str, &'static str)>,
}

impl Doc {
    /// What it does, in one sentence.
    pub(crate) fn says(&mut self, summary: &'static str) -> &mut Doc {
        self.summary = summary;
        self
    }

    /// What a parameter of the path is, where its name does not say it.
    pub(crate) fn part(&mut self, name: &'static str, says: &'static str) -> &mut Doc {
        self.parts.insert(name, says);
        self
    }

    /// The parameters of the query.
    pub(crate) fn query<Q: IntoParams>(&mut self) -> &mut Doc {
        let parameters = Q::into_params(|| Some(ParameterIn::Query));
        self.parameters.extend(parameters.into_iter().map(|parameter| without_null(value(parameter))));
        self.fails(&[400])
    }

    /// The query of a list of plugins.
    pub(crate) fn lists(&mut self) -> &mut Doc {
        self.query::<ListQuery>();
        for (name, words) in ListQuery::WORDS {
            self.one_of(name, words);
        }
        self
    }

    /// The words that a parameter of the query can be.
    pub(crate) fn one_of(&mut self, name: &str, words: &[&str]) -> &mut Doc {
        for parameter in self.parameters.iter_mut().filter(|parameter| parameter["name"] == name) {
            parameter["schema"]["enum"] = json!(words);
        }
        self
    }

    /// A header that is read.
    pub(crate) fn header(&mut self, name: &'static str, says: &'static str) -> &mut Doc {
        let schema = json!({ "type": "string" });
        self.parameters.push(json!({ "name": name, "in": "header", "description": says, "schema": schema }));
        self
    }

    /// A JSON body that must be there.
    pub(crate) fn body<B: ToSchema>(&mut self) -> &mut Doc {
        let schema = self.reference::<B>();
        self.body_of(true, &[("application/json", schema)]).fails(&OF_BODIES)
    }

    /// A JSON body that may be left out.
    pub(crate) fn may_have<B: ToSchema>(&mut self) -> &mut Doc {
        let schema = self.reference::<B>();
        self.body_of(false, &[("application/json", schema)]).fails(&OF_BODIES)
    }

    /// A body with a schema for each media type.
    pub(crate) fn body_of(&mut self, required: bool, content: &[(&'static str, Value)]) -> &mut Doc {
        let content = content.iter().map(|(media, schema)| ((*media).to_owned(), json!({ "schema": schema })));
        self.body = Some(json!({ "required": required, "content": Value::Object(content.collect()) }));
        self
    }

    /// Answers with JSON. Said twice of one status, the answer is either.
    pub(crate) fn gives<A: ToSchema>(&mut self, status: u16) -> &mut Doc {
        let schema = self.reference::<A>();
        self.answers(status, "application/json", schema)
    }

    /// Answers with a JSON array of these.
    pub(crate) fn gives_list<A: ToSchema>(&mut self, status: u16) -> &mut Doc {
        let items = self.reference::<A>();
        self.answers(status, "application/json", json!({ "type": "array", "items": items }))
    }

    /// Answers without a body.
    pub(crate) fn empty(&mut self, status: u16) -> &mut Doc {
        self.answers.entry(status).or_default();
        self
    }

    /// Answers with a text of another media type.
    pub(crate) fn writes(&mut self, status: u16, media: &'static str) -> &mut Doc {
        self.answers(status, media, json!({ "type": "string" }))
    }

    /// Answers with this status, and a body of this media type and schema.
    pub(crate) fn answers(&mut self, status: u16, media: &'static str, schema: Value) -> &mut Doc {
        self.answers.entry(status).or_default().content.entry(media).or_default().push(schema);
        self
    }

    /// A header of the answer with this status.
    pub(crate) fn with(&mut self, status: u16, header: &'static str, says: &'static str) -> &mut Doc {
        self.answers.entry(status).or_default().headers.push((header, says));
        self
    }

    /// It may end in problems with these statuses, beside those that follow from the row.
    pub(crate) fn fails(&mut self, statuses: &[u16]) -> &mut Doc {
        self.fails.extend(statuses);
        self
    }

    /// It takes [`crate::input::Asking`] and runs an operation as a job, which answers at its end or, when the client would
    /// rather watch, at once.
    pub(crate) fn operates(&mut self) -> &mut Doc {
        self.operates_giving::<host_api::Asked>()
    }

    /// The same with another answer at the end.
    pub(crate) fn operates_giving<A: ToSchema>(&mut self) -> &mut Doc {
        let prefer = "`respond-async`: answer 202 at once, with the job to watch.";
        let on_conflict = OnConflict::ALL.map(OnConflict::as_str);
        self.query::<Conditions>().one_of("on_conflict", &on_conflict).header("Prefer", prefer);
        self.gives::<A>(200).gives::<host_api::Job>(202);
        self.answers.entry(202).or_default().says = "The operation is under way; the client watches the job.";
        self.with(202, "Location", "The job.").fails(&OF_OPERATIONS)
    }

    /// A reference to the schema of a type, which is kept with all that it refers to.
    fn reference<T: ToSchema>(&mut self) -> Value {
        let name = T::name().into_owned();
        let mut schemas = vec![];
        T::schemas(&mut schemas);
        self.schemas.extend(schemas.into_iter().map(|(name, schema)| (name, value(schema))));
        self.schemas.insert(name.clone(), value(T::schema()));
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }
}

/// Documents are maps of texts and lists, which serialize.
fn value(part: impl serde::Serialize) -> Value {
    serde_json::to_value(part).unwrap_or_default()
}

/// A parameter that may be left out is not `null` therefore: in a query that would be a text.
fn without_null(mut parameter: Value) -> Value {
    if let Some(types) = parameter.pointer_mut("/schema/type")
        && let Some(kind) = types.as_array().and_then(|types| types.iter().find(|kind| **kind != "null")).cloned()
    {
        *types = kind;
    }
    parameter
}

impl Answer {
    /// As it stands in the document.
    pub(crate) fn shown(&self, status: u16) -> Value {
        let title = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
        let says = if self.says.is_empty() { title.unwrap_or("answer") } else { self.says };
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
        for (name, says) in &self.headers {
            headers.insert((*name).to_owned(), json!({ "description": says, "schema": { "type": "string" } }));
        }
        let mut shown = json!({ "description": says, "headers": headers });
        if !content.is_empty() {
            shown["content"] = Value::Object(content);
        }
        shown
    }
}
