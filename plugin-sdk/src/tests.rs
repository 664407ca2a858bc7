//! Plugins as authors write them, called as the host calls them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::prelude::*;
use crate::{Plugin as _, test_block_on};

#[derive(Default)]
struct Cats {
    calls: AtomicU32,
}

#[derive(serde::Deserialize, serde::Serialize)]
struct Cat {
    name: String,
    lives: u8,
}

#[derive(serde::Deserialize)]
struct Search {
    #[serde(default)]
    tag: Vec<String>,
}

#[derive(serde::Deserialize)]
struct Settings {
    retries: u8,
}

#[plugin]
impl Cats {
    #[get("/cats")]
    #[head("/cats", handler = "CatsHead")]
    fn list(&self, Query(search): Query<Search>) -> String {
        self.calls.fetch_add(1, Ordering::Relaxed);
        format!("{:?}", search.tag)
    }

    #[post("/cats")]
    async fn add(&self, Json(cat): Json<Cat>) -> Result<(StatusCode, [(&'static str, String); 1], Json<Cat>)> {
        match cat.lives {
            0 => Err(Error::new(StatusCode::CONFLICT, "cat_is_dead").with_field("/lives", "must be more than 0")),
            _ => Ok((StatusCode::CREATED, [("location", cat.name.clone())], Json(cat))),
        }
    }

    #[get("/cats/:id/:part")]
    async fn part(Path((id, part)): Path<(u32, String)>) -> impl IntoResponse {
        Html(format!("{id}: {part}"))
    }

    #[allow(clippy::too_many_arguments, reason = "as many as an author may want")]
    #[put("/everything/{id}")]
    async fn everything(
        self: Arc<Self>,
        method: Method,
        uri: Uri,
        Path(id): Path<u8>,
        query: Option<Query<Search>>,
        headers: HeaderMap,
        #[header("X-Tenant")] tenant: String,
        #[header("x-none")] none: Option<u32>,
        context: RequestContext,
        json: Result<Json<Cat>>,
    ) -> Json<Value> {
        Json(json!({
            "method": method.as_str(), "uri": uri.to_string(), "id": id, "query": query.map(|Query(search)| search.tag),
            "accept": headers["accept"].to_str().unwrap(), "tenant": tenant, "none": none,
            "request_id": context.request_id, "json": json.err().map(|error| error.code().to_owned()),
        }))
    }

    #[post("/fails")]
    fn fails() -> Result<NoContent> {
        std::fs::File::open("/nowhere")?;
        Ok(NoContent)
    }

    #[validate]
    fn check(Configuration(settings): Configuration<Settings>) -> Result<()> {
        match settings.retries {
            0 => Err(Error::new(StatusCode::UNPROCESSABLE_ENTITY, "no_retries")),
            _ => Ok(()),
        }
    }

    #[start]
    async fn begin(Configuration(settings): Configuration<Settings>, context: Context) -> Result<Self> {
        Ok(Cats { calls: AtomicU32::new(u32::from(settings.retries) + context.generation() as u32) })
    }

    #[install]
    fn install_it(&self) {
        self.calls.store(100, Ordering::Relaxed);
    }

    #[upgrade]
    async fn upgrade(&self, from: String) -> std::io::Result<()> {
        Err(std::io::Error::other(from))
    }

    #[uninstall]
    fn uninstall(self: Arc<Self>, keep_data: bool) {
        self.calls.store(u32::from(keep_data), Ordering::Relaxed);
    }

    #[on_config_change]
    fn changed(&self, settings: Configuration<Settings>) -> Result<ConfigChange> {
        Ok(if settings.0.retries > 5 { ConfigChange::RestartRequired } else { ConfigChange::Applied })
    }

    #[health]
    async fn healthy(&self) -> Result<()> {
        Err(Error::internal("tired"))
    }

    #[on_error]
    fn on_error(&self, report: &ErrorReport) {
        assert!(!report.message.is_empty());
    }
}

fn call(handler: &str, request: Request) -> Response {
    let index = Cats::HANDLERS.iter().position(|known| known.handler == handler).unwrap();
    test_block_on(Arc::new(Cats::default()).call(index as u32, request))
}

fn text(response: &Response) -> &str {
    std::str::from_utf8(response.whole_body()).unwrap()
}

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

#[test]
fn handlers_are_listed_with_their_routes_and_hooks_by_name() {
    let listed: Vec<_> = Cats::HANDLERS.iter().map(|h| format!("{} {} {}", h.handler, h.method, h.path)).collect();
    assert_eq!(listed[..3], ["list GET /cats", "CatsHead HEAD /cats", "add POST /cats"]);
    let hooks = ["validate", "install", "upgrade", "uninstall", "on_config_change"];
    assert_eq!(Cats::HOOKS, hooks);
    const { assert!(!Cats::SERVICE) }
}

#[test]
fn a_handler_gets_what_its_arguments_ask_for() {
    let response = call("list", Request::sample("GET", "/cats?tag=a&tag=b", &[], &[], ""));
    assert_eq!(text(&response), r#"["a", "b"]"#);

    let response = call("part", Request::sample("GET", "/", &[("id", "7"), ("part", "tail")], &[], ""));
    assert_eq!(
        (text(&response), &response.headers()["content-type"]),
        ("7: tail", &"text/html; charset=utf-8".parse().unwrap())
    );

    let headers = [("accept", "*/*"), ("x-tenant", "zoo"), ("content-type", "application/json")];
    let response = call("everything", Request::sample("PUT", "/everything/7?x=1", &[("id", "7")], &headers, "{}"));
    let found: Value = serde_json::from_slice(response.whole_body()).unwrap();
    let wanted = json!({
        "method": "PUT", "uri": "/everything/7?x=1", "id": 7, "query": [], "accept": "*/*", "tenant": "zoo",
        "none": null, "request_id": "r-1", "json": "body_does_not_fit",
    });
    assert_eq!(found, wanted);
}

#[test]
fn a_failed_extraction_returns_a_problem_document() {
    for (body, status, pointer) in [
        (r#"{"name": "Zoe", "lives": 9}"#, 201, None),
        (r#"{"name": "Zoe", "lives": 0}"#, 409, Some("/lives")),
        (r#"{"name": "Zoe"}"#, 422, Some("/lives")),
        (r#"{"name": 7, "lives": 1}"#, 422, Some("/name")),
        ("{", 400, None),
    ] {
        let response = call("add", Request::sample("POST", "/cats", &[], &JSON, body));
        assert_eq!(response.status().as_u16(), status, "{body}");
        let document: Value = serde_json::from_slice(response.whole_body()).unwrap();
        assert_eq!(document["errors"][0]["pointer"].as_str(), pointer, "{document}");
    }
    let response = call("add", Request::sample("POST", "/cats", &[], &[], "{}"));
    assert_eq!((response.status().as_u16(), response.log.is_none()), (415, true));
    let response = call("part", Request::sample("GET", "/", &[("id", "x"), ("part", "tail")], &[], ""));
    assert!(response.status() == 400 && text(&response).contains(r#""pointer":"/id""#), "{response:?}");
    let response = call("everything", Request::sample("PUT", "/everything/7", &[("id", "7")], &[], ""));
    assert!(text(&response).contains("header `x-tenant`: is missing"), "{response:?}");
}

#[test]
fn a_converted_error_is_a_500_with_its_cause_in_the_log() {
    let response = call("fails", Request::sample("POST", "/fails", &[], &[], ""));
    assert_eq!(response.status(), 500);
    assert!(response.log.as_deref().is_some_and(|line| line.contains("No such file")), "{:?}", response.log);
}

#[test]
fn hooks_take_and_return_what_their_attributes_say() {
    test_block_on(async {
        assert!(Cats::validate(json!({"retries": 1})).await.is_ok());
        assert_eq!(Cats::validate(json!({"retries": 0})).await.unwrap_err().code(), "no_retries");
        let error = Cats::validate(json!({})).await.unwrap_err();
        assert_eq!((error.code(), error.fields()[0].pointer.as_str()), ("configuration_does_not_fit", "/retries"));

        let cats = Arc::new(Cats::default());
        cats.clone().install().await.unwrap();
        assert_eq!(cats.calls.load(Ordering::Relaxed), 100);
        assert_eq!(crate::Plugin::upgrade(cats.clone(), "1.0.0".to_owned()).await.unwrap_err().to_string(), "1.0.0");
        crate::Plugin::uninstall(cats.clone(), true).await.unwrap();
        assert_eq!(cats.calls.load(Ordering::Relaxed), 1);
        for (retries, change) in [(1, ConfigChange::Applied), (6, ConfigChange::RestartRequired)] {
            assert_eq!(cats.clone().on_config_change(json!({ "retries": retries })).await.unwrap(), change);
        }
        assert_eq!(cats.clone().health().await.unwrap_err().to_string(), "tired");
        assert!(cats.clone().on_load().await.is_ok() && cats.stop().await.is_ok());
    });
}
