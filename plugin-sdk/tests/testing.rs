//! A plugin of every kind of work, in a test without a host.
#![expect(clippy::disallowed_methods, reason = "a plugin spawns on its own runtime")]
#![expect(clippy::unwrap_used, reason = "a failed test says where")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use plugin_sdk::prelude::*;
use plugin_sdk::services::{Counter, Histogram};
use plugin_sdk::testing::{LogLine, TestPlugin, block_on};
use plugin_sdk::tracing::{self, Instrument as _};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;

#[derive(Deserialize)]
struct Settings {
    #[serde(default = "one")]
    step: u64,
    #[serde(default)]
    limits: Limits,
}

#[derive(Default, Deserialize)]
struct Limits {
    #[serde(default)]
    most: Option<u64>,
}

fn one() -> u64 {
    1
}

#[derive(Serialize, Deserialize)]
struct Cat {
    name: String,
}

struct Cats {
    context: Context,
    step: Mutex<u64>,
    fed: Counter,
    seconds: Histogram,
    hooks: Mutex<Vec<String>>,
}

impl Cats {
    fn hook(&self, text: impl Into<String>) {
        self.hooks.lock().unwrap().push(text.into());
    }
}

#[plugin]
impl Cats {
    #[validate]
    async fn validate(Configuration(settings): Configuration<Settings>) -> Result<()> {
        // Timers work before there is a plugin, too.
        tokio::time::sleep(Duration::from_millis(1)).await;
        match settings.limits.most {
            Some(0) => Err(Error::new(StatusCode::UNPROCESSABLE_ENTITY, "no_cats").with_detail("no cats at all?")),
            _ => Ok(()),
        }
    }

    #[start]
    async fn start(context: Context, Configuration(settings): Configuration<Settings>) -> Result<Cats> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let metrics = context.metrics();
        let fed = metrics.with_label("food", "tuna").counter("cats_fed_total", "Cats that were fed")?;
        let seconds = metrics.histogram("cats_meal_seconds", "How long a meal takes", &[0.1, 1.0])?;
        let (step, hooks) = (Mutex::new(settings.step), Mutex::default());
        Ok(Cats { context, step, fed, seconds, hooks })
    }

    #[install]
    fn installed(&self) {
        self.hook("install");
    }

    #[upgrade]
    async fn upgraded(&self, from: String) {
        self.hook(format!("upgrade from {from}"));
    }

    #[uninstall]
    fn uninstalled(&self, keep_data: bool) {
        self.hook(format!("uninstall, keep {keep_data}"));
    }

    #[on_load]
    fn loaded(&self) -> Result<()> {
        panic!("not today")
    }

    #[on_config_change]
    fn changed(&self, Configuration(settings): Configuration<Settings>) -> Result<ConfigChange> {
        *self.step.lock().unwrap() = settings.step;
        Ok(if settings.step > 9 { ConfigChange::RestartRequired } else { ConfigChange::Applied })
    }

    #[on_error]
    fn observed(&self, report: &ErrorReport) {
        let place = report.panicked_at.as_deref().unwrap_or("-");
        self.hook(format!("{} of {}: {} at {place}", report.handler, report.request_id, report.message));
    }

    #[stop]
    async fn stopped(&self) {
        tracing::info!("stopping");
    }

    #[get("/hooks")]
    fn hooks(&self) -> Json<Vec<String>> {
        Json(self.hooks.lock().unwrap().clone())
    }

    #[get("/step")]
    fn step(&self) -> String {
        self.step.lock().unwrap().to_string()
    }

    #[get("/cats/:name")]
    async fn cat(&self, Path(name): Path<String>) -> Result<Json<Cat>> {
        let cat = self.context.kv().get_json(&name).await?;
        cat.map(Json).ok_or_else(|| Error::new(StatusCode::NOT_FOUND, "no_such_cat"))
    }

    #[post("/cats")]
    async fn add(&self, Json(cat): Json<Cat>) -> Result<StatusCode> {
        match self.context.kv().put_new(&cat.name.clone(), serde_json::to_vec(&cat)?).await {
            Ok(_) => {
                self.context.events().publish("added", &cat).await?;
                self.fed.inc();
                self.seconds.observe(0.5);
                Ok(StatusCode::CREATED)
            }
            Err(error) if error.is_changed() => Ok(StatusCode::CONFLICT),
            Err(error) => Err(error.into()),
        }
    }

    #[get("/panic")]
    async fn panics(&self) -> &'static str {
        panic!("no cat is here")
    }

    #[get("/panic/task")]
    async fn task_panics(&self) -> StatusCode {
        let ended = tokio::spawn(async { panic!("a mouse") }).await;
        if ended.is_err() { StatusCode::ACCEPTED } else { StatusCode::OK }
    }

    #[get("/sleep/:ms")]
    async fn sleep(&self, Path(ms): Path<u64>) -> &'static str {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        "slept"
    }

    #[get("/work")]
    async fn work(&self) -> Result<String> {
        let (sender, receiver) = oneshot::channel();
        tokio::spawn(async move { sender.send(1) });
        let sum = tokio::task::spawn_blocking(|| {
            tracing::info!("hard work");
            std::thread::current().name().unwrap_or_default().to_owned()
        });
        let limit = tokio::time::timeout(Duration::from_millis(5), std::future::pending::<()>());
        let first = receiver.await?;
        Ok(format!("{first} {} {}", sum.await?, limit.await.is_err()))
    }

    #[post("/socket")]
    async fn socket(&self, address: String) -> Result<String> {
        let mut socket = tokio::net::TcpStream::connect(address).await?;
        socket.write_all(b"meow").await?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    #[get("/stream")]
    fn stream(&self) -> impl IntoResponse + use<> {
        let context = self.context.clone();
        StreamBody(futures_util::stream::unfold(0u8, move |n| {
            let context = context.clone();
            async move {
                tokio::time::sleep(Duration::from_millis(1)).await;
                tracing::debug!(n, "a chunk");
                context.kv().put("last", n.to_string()).await.ok()?;
                Some((Ok::<_, Error>(Bytes::from(n.to_string())), n + 1))
            }
        }))
    }

    #[get("/log")]
    async fn log(&self) {
        let hungry = async {
            tokio::task::yield_now().await;
            tracing::warn!(cat = 7, name = "Zoe", "hungry");
            log::info!("by the other crate");
        };
        // A span is inside those that are entered where it is made.
        let feed = async { hungry.instrument(tracing::info_span!("feed", cat = 7)).await };
        feed.instrument(tracing::info_span!("serve")).await;
        tracing::info!("outside");
    }

    #[get("/shop")]
    async fn shop(&self) -> Result<String> {
        let key = self.context.secrets().get("shop-key").await?;
        assert_eq!(format!("{key:?}"), "Secret(…)");
        let http = self.context.http();
        let request =
            http.post("https://shop.example/orders?a=1").query("food", "tuna & co").header("key", key.text()?);
        let order: Value = request.json(&json!({"n": 3})).send().await?.error_for_status().await?.json().await?;
        let stock = self.context.plugins().get("/shop/stock").query("of", "tuna").send().await?.text().await?;
        Ok(format!("{} {stock}", order["id"]))
    }

    #[get("/listen")]
    async fn listen(&self) -> Result<String> {
        let mut orders = self.context.events().subscribe("shop/*").await?;
        let event = orders.next().await.expect("a test publishes one")?;
        Ok(format!("{}: {}", event.topic, event.data))
    }
}

#[tokio::test]
async fn configuration_is_typed_and_its_errors_name_the_field() {
    let plugin = TestPlugin::<Cats>::builder().configuration(json!({"step": 3})).start().await;
    assert_eq!(plugin.get("/step").await.text().await, "3");

    let refused = TestPlugin::<Cats>::builder().configuration(json!({"limits": {"most": "two"}})).try_start().await;
    let refused = refused.unwrap_err().message;
    assert!(refused.contains("limits") && refused.contains("most") && refused.contains("two"), "{refused}");

    assert_eq!(plugin.change_configuration(json!({"step": 4})).await, Ok(true));
    assert_eq!(plugin.get("/step").await.text().await, "4");
    assert_eq!(plugin.change_configuration(json!({"step": 10})).await, Ok(false));
    let refused = plugin.change_configuration(json!({"limits": {"most": 0}})).await.unwrap_err();
    assert!(refused.message.contains("no cats at all?"), "{refused}");
    assert_eq!(TestPlugin::<Cats>::validate(json!({"step": 4})).await, Ok(()));
}

#[tokio::test]
async fn hooks_run_and_their_panics_stay_inside() {
    let plugin = TestPlugin::<Cats>::start().await;
    plugin.hook("install", json!({})).await.unwrap();
    plugin.hook("upgrade", json!({"from": "0.9.0"})).await.unwrap();
    plugin.hook("uninstall", json!({"keep_data": false})).await.unwrap();
    let failure = plugin.hook("on_load", json!({})).await.unwrap_err();
    assert_eq!(failure.message, "not today");
    assert!(failure.panicked_at.unwrap().contains("testing.rs:"));
    plugin.health().await.unwrap();
    let hooks: Vec<String> = plugin.get("/hooks").await.json().await;
    assert_eq!(hooks, ["install", "upgrade from 0.9.0", "uninstall, keep false"]);
}

#[tokio::test]
async fn the_store_keeps_versions_and_lists_its_keys() {
    let plugin = TestPlugin::<Cats>::start().await;
    assert_eq!(plugin.get("/cats/zoe").await.status(), 404);
    assert_eq!(plugin.post("/cats").json(&json!({"name": "zoe"})).await.status(), 201);
    assert_eq!(plugin.post("/cats").json(&json!({"name": "zoe"})).await.status(), 409);
    assert_eq!(plugin.get("/cats/zoe").await.json::<Cat>().await.name, "zoe");
    assert_eq!(
        (plugin.kv_keys(), plugin.kv("zoe").unwrap()),
        (vec!["zoe".to_owned()], Bytes::from(r#"{"name":"zoe"}"#))
    );
    assert_eq!(plugin.published()[0].topic, "testing/added");
    assert_eq!(plugin.metric_with("cats_fed_total", &[("food", "tuna")]), Some(1.0));
    assert_eq!((plugin.metric("cats_fed_total"), plugin.observed("cats_meal_seconds")), (None, vec![0.5]));
}

#[tokio::test]
async fn a_missing_permission_is_reported_to_the_operator_and_not_to_the_caller() {
    let plugin = TestPlugin::<Cats>::builder().without("kv.write").start().await;
    let answer = plugin.post("/cats").json(&json!({"name": "zoe"})).await;
    assert_eq!(answer.status(), 500);
    let answer: Value = answer.json().await;
    assert_eq!((&answer["code"], answer.to_string().contains("kv.write")), (&json!("internal"), false));
    // Libraries inside may have said things of their own before.
    let lines = plugin.logs();
    let errors: Vec<_> = lines.iter().filter(|line| line.level == Level::Error).collect();
    assert!(errors[0].message.contains("add `kv.write` under `permissions`"), "{lines:?}");

    let refused = TestPlugin::<Cats>::builder().only(&["kv.read"]).try_start().await.unwrap_err();
    assert!(refused.message.contains("add `metrics.write`"), "{refused}");
}

#[tokio::test]
async fn panics_of_handlers_and_of_tasks_are_reported() {
    let plugin = TestPlugin::<Cats>::start().await;
    let answer = plugin.get("/panic").await;
    assert_eq!((answer.status().as_u16(), &*answer.failure().unwrap().message), (500, "no cat is here"));
    let hooks: Vec<String> = plugin.get("/hooks").await.json().await;
    assert!(hooks[0].starts_with(&format!("panics of {}: no cat is here at ", answer.request_id())), "{hooks:?}");

    assert_eq!(plugin.get("/panic/task").await.status(), 202);
    let logs = plugin.logs();
    assert!(logs[0].message.starts_with("a task panicked at ") && logs[0].message.ends_with(": a mouse"), "{logs:?}");
    assert!(logs[0].message.contains("testing.rs:"), "{logs:?}");
}

#[test]
fn tokio_works_without_a_runtime_around_it() {
    block_on(async {
        let plugin = TestPlugin::<Cats>::start().await;
        assert_eq!(plugin.get("/sleep/2").await.text().await, "slept");
        assert_eq!(plugin.get("/work").await.text().await, "1 testing-block true");
        assert!(plugin.logs().iter().any(|line| line.message == "hard work"), "{:?}", plugin.logs());
        plugin.stop().await.unwrap();
    });
}

#[tokio::test]
async fn sockets_work() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let served = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut asked = [0; 4];
        socket.read_exact(&mut asked).await.unwrap();
        socket.write_all(b"purr").await.unwrap();
        asked
    };
    let plugin = TestPlugin::<Cats>::start().await;
    let (asked, answer) = futures_util::future::join(served, plugin.post("/socket").body(address).into_future()).await;
    assert_eq!((&asked, answer.text().await), (b"meow", "purr".to_owned()));
}

#[tokio::test]
async fn streams_sleep_log_and_ask_for_the_request_they_answer() {
    let plugin = TestPlugin::<Cats>::start().await;
    let mut answer = plugin.get("/stream").await;
    for n in ["0", "1", "2"] {
        assert_eq!(answer.chunk().await.unwrap(), n);
    }
    assert_eq!(plugin.kv("last").unwrap(), "2");
    let logs = plugin.logs();
    assert_eq!(logs[2].field("n"), Some("2"));
    assert_eq!(logs[2].request_id.as_deref(), Some(answer.request_id()));
}

#[tokio::test]
async fn log_events_have_fields_spans_and_the_request() {
    let plugin = TestPlugin::<Cats>::builder().log_level(Level::Info).start().await;
    let answer = plugin.get("/log").await;
    let logs = plugin.logs();
    assert_eq!((logs[0].level, &*logs[0].message, &*logs[0].target), (Level::Warn, "hungry", "testing"));
    assert_eq!((logs[0].field("cat"), logs[0].field("name")), (Some("7"), Some("Zoe")));
    assert_eq!(logs[0].field("spans"), Some("serve:feed{cat=7}"));
    assert_eq!(logs[0].request_id.as_deref(), Some(answer.request_id()));
    assert_eq!((&*logs[1].message, &*logs[2].message, &logs[2].fields), ("by the other crate", "outside", &vec![]));
    // Events below the host's level are not written.
    plugin.get("/stream").await.chunk().await.unwrap();
    assert_eq!(plugin.logs().len(), 3);
    plugin.stop().await.unwrap();
}

#[tokio::test]
async fn the_world_and_other_plugins_are_answered_by_the_test() {
    let plugin = TestPlugin::<Cats>::builder()
        .secret("shop-key", "s3cret")
        .http(|asked| {
            if asked.headers["key"] == "s3cret" {
                Ok(Json(json!({ "id": asked.json::<Value>()["n"] })))
            } else {
                Err(Error::new(StatusCode::FORBIDDEN, "who_are_you"))
            }
        })
        .plugins(|asked| format!("{} for {}", asked.url, asked.traceparent.as_deref().unwrap_or("-")))
        .start()
        .await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let answer = plugin.get("/shop").traceparent(trace).await;
    let request_id = answer.request_id().to_owned();
    assert_eq!(answer.text().await, format!("3 /shop/stock?of=tuna for {trace}"));
    let fetched = plugin.fetched();
    assert_eq!(fetched[0].url, "https://shop.example/orders?a=1&food=tuna+%26+co");
    assert_eq!((&fetched[0].request_id, plugin.called().len()), (&request_id, 1));

    let plugin = TestPlugin::<Cats>::builder().secret("shop-key", "x").start().await;
    assert_eq!(plugin.get("/shop").await.status(), 500);
    let names_it = |line: &LogLine| line.message.contains("https://shop.example/orders");
    assert!(plugin.logs().iter().any(names_it), "{:?}", plugin.logs());
}

#[tokio::test]
#[should_panic(expected = "a closure that answers the plugin panicked at")]
async fn a_panic_of_an_answering_closure_fails_the_test() {
    let answer = |_: &plugin_sdk::testing::SentRequest| -> StatusCode { panic!("not asked for") };
    let plugin = TestPlugin::<Cats>::builder().secret("shop-key", "x").http(answer).start().await;
    plugin.get("/shop").await;
}

#[tokio::test]
async fn events_of_other_plugins_are_heard() {
    let plugin = TestPlugin::<Cats>::start().await;
    let listening = tokio::spawn(plugin.get("/listen").into_future());
    while plugin.publish("shop/ordered", json!({"n": 1})) == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(listening.await.unwrap().text().await, r#"shop/ordered: {"n":1}"#);
}

#[tokio::test]
async fn a_paused_clock_is_advanced_by_the_test() {
    let plugin = TestPlugin::<Cats>::builder().paused_clock().configuration(json!({})).start();
    // The plugin sleeps a millisecond when it starts, by its own clock.
    let started = tokio::time::timeout(Duration::from_millis(50), plugin).await;
    assert!(started.is_err(), "nobody has moved the clock");

    let plugin = TestPlugin::<Sleeper>::builder().paused_clock().start().await;
    let sleeping = tokio::spawn(plugin.get("/hour").into_future());
    plugin.advance(Duration::from_secs(3599)).await;
    assert!(!sleeping.is_finished());
    plugin.advance(Duration::from_secs(1)).await;
    assert_eq!(sleeping.await.unwrap().text().await, "an hour later");
    plugin.stop().await.unwrap();
}

#[derive(Default)]
struct Sleeper;

#[plugin]
impl Sleeper {
    #[get("/hour")]
    async fn hour(&self) -> &'static str {
        tokio::time::sleep(Duration::from_secs(3600)).await;
        "an hour later"
    }

    #[get("/forever")]
    async fn forever(&self) {
        let (started, has_started) = oneshot::channel();
        tokio::spawn(async move {
            let _ = started.send(());
            // The wrong way to wait: it holds the thread that drives the runtime, until the test has ended.
            loop {
                std::thread::park_timeout(Duration::from_secs(3600));
            }
        });
        let _ = has_started.await;
    }

    #[get("/waits")]
    async fn waits(&self) {
        let (held, receiver) = std::sync::mpsc::channel::<()>();
        tokio::spawn(async move {
            std::future::pending::<()>().await;
            drop(held);
        });
        let (started, has_started) = oneshot::channel();
        tokio::task::spawn_blocking(move || {
            let _ = started.send(());
            let _ = receiver.recv();
            HAS_WAITED.store(true, Ordering::Release);
        });
        let _ = has_started.await;
    }
}

static HAS_WAITED: AtomicBool = AtomicBool::new(false);

#[tokio::test]
async fn blocking_work_that_waits_for_what_a_task_holds_ends_before_stopping_does() {
    let plugin = TestPlugin::<Sleeper>::start().await;
    plugin.get("/waits").await;
    let logs = plugin.stop().await.unwrap();
    assert!(HAS_WAITED.load(Ordering::Acquire));
    assert!(!logs.iter().any(|line| line.message.contains("left behind")), "{logs:?}");
}

#[tokio::test]
async fn a_task_that_blocks_for_ever_does_not_hold_up_stopping() {
    let plugin = TestPlugin::<Sleeper>::start().await;
    plugin.get("/forever").await;
    let logs = plugin.stop().await.unwrap();
    assert!(logs.iter().any(|line| line.message.contains("still blocks the thread `testing-rt`")), "{logs:?}");
}

#[tokio::test]
async fn paths_methods_and_parameters_are_the_hosts() {
    let plugin = TestPlugin::<Cats>::start().await;
    for (answer, status) in [
        (plugin.get("/nothing").await, 404),
        (plugin.delete("/cats/zoe").await, 405),
        (plugin.get("/cats/%ff").await, 400),
        (plugin.request(Method::HEAD, "/step").await, 200),
    ] {
        assert_eq!(answer.status().as_u16(), status);
    }
}
