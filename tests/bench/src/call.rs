//! What one call costs inside the process: a handler compiled in, and the same handler in a loaded plugin.

mod plugin;

use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use host_store::Store;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;

use crate::Result;
use crate::guest::{self, Guest};
use crate::stats::{median, range};
use plugin::{Request, start};

const CALLS: u32 = 20_000;
const BATCHES: usize = 101;

const GUEST: &[u8] = br#"{"title":"Doctor","visits":7}"#;
const GREETING: &[u8] = br#"{"message":"Hello, Doctor Zoe!","visits":8}"#;
/// How many events the handlers that log write in one call.
const DISABLED_EVENTS: f64 = 1000.0;
const ENABLED_EVENTS: f64 = 10.0;
/// How many blocks the handler that allocates makes and frees in one call.
const BLOCKS: f64 = 100.0;
const SAFE_POINTS: u32 = 100;
/// The same handler as an `async fn` and as a plain function, which runs on a thread of the plugin.
const AWAITED: &str = "plugin, 204 without a body, awaited";
const PLAIN: &str = "plugin, 204 without a body, awaited, plain `fn`";

type Handler = dyn Fn() -> Pin<Box<dyn Future<Output = Response<Bytes>> + Send>> + Send + Sync;

/// One thing that is measured: what it is called, and one run of it.
struct Case<'a> {
    name: &'static str,
    once: Box<dyn FnMut() + 'a>,
    batches: Vec<f64>,
}

/// Measures. Each plugin is its folder and its built library; the last is the second, with its heap counted.
pub fn run(plugins: [(&str, &str); 3]) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let store = Store::open(host_store::Config {
        plugin_dir: folder.path().join("plugins"),
        cache_dir: folder.path().join("cache"),
        limits: Default::default(),
    })?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let hello = runtime.block_on(start(&store, plugins[0]))?;
    let measured = runtime.block_on(start(&store, plugins[1]))?;
    let counting = runtime.block_on(start(&store, plugins[2]))?;
    let empty = Request::get(&measured, "/empty")?;
    let plain = Request::get(&measured, "/plain")?;
    let uncounted = Request::get(&measured, "/allocate")?;
    let counted = Request::get(&counting, "/allocate")?;
    let disabled = Request::get(&measured, "/log/disabled")?;
    let enabled = Request::get(&measured, "/log/enabled")?;
    let hello = Request::get(&hello, "/hello")?;
    let guest =
        Request::new(&measured, "POST", "/hello/:name", "/hello/Zoe", &[(b"name", b"Zoe")], Bytes::from_static(GUEST))?;

    let static_empty: Arc<Handler> = Arc::new(|| {
        Box::pin(async {
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
        })
    });
    let static_hello: Arc<Handler> = Arc::new(|| Box::pin(async { json(&json!({ "message": "Hello from plugin!" })) }));
    let static_guest: Arc<Handler> = Arc::new(|| {
        let (name, body) = (black_box("Zoe").to_owned(), Bytes::from_static(black_box(GUEST)));
        Box::pin(async move {
            let guest: Guest = serde_json::from_slice(&body).expect("the body is a guest");
            json(&guest::greet(&name, &guest))
        })
    });
    for request in [&empty, &disabled, &enabled, &uncounted, &counted] {
        request.check(204, b"")?;
    }
    hello.check(200, br#"{"message":"Hello from plugin!"}"#)?;
    guest.check(200, GREETING)?;
    if ready(static_guest()).into_body() != GREETING {
        return Err("the static handler answers something else".into());
    }

    let mut cases = [
        case("copying the prebuilt head", || drop(black_box(hello.head.clone()))),
        case("writing the head", || drop(black_box(hello.written_head()))),
        case("static, 204 without a body", || drop(black_box(ready(black_box(&static_empty)())))),
        case("plugin, 204 without a body", || drop(black_box(empty.call(empty.head.clone())))),
        case("static, JSON of `hello`", || drop(black_box(ready(black_box(&static_hello)())))),
        case("plugin, JSON of `hello`", || drop(black_box(hello.call(hello.head.clone())))),
        case("plugin, JSON of `hello`, head written", || drop(black_box(hello.call(hello.written_head())))),
        case("static, `Path` and `Json`", || drop(black_box(ready(black_box(&static_guest)())))),
        case("plugin, `Path` and `Json`", || drop(black_box(guest.call(guest.head.clone())))),
        case("plugin, `Path` and `Json`, head written", || drop(black_box(guest.call(guest.written_head())))),
        case("plugin, 204 and 1000 log events, disabled", || drop(black_box(disabled.call(disabled.head.clone())))),
        case("plugin, 204 and 10 log events, enabled", || drop(black_box(enabled.call(enabled.head.clone())))),
        case("plugin, 204 and 100 blocks", || drop(black_box(uncounted.call(uncounted.head.clone())))),
        case("plugin, 204 and 100 blocks, counted", || drop(black_box(counted.call(counted.head.clone())))),
        case(AWAITED, || drop(black_box(empty.wait(&runtime)))),
        case(PLAIN, || drop(black_box(plain.wait(&runtime)))),
        case("100 safe points", || (0..black_box(SAFE_POINTS)).for_each(|_| host_load::safe_point())),
    ];
    measure(&mut cases);
    print(&cases);
    // Stopping and dropping what was started needs no runtime; the libraries stay mapped until this process ends.
    Ok(())
}

/// The answer of a handler that is compiled in.
fn json(value: &impl serde::Serialize) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(serde_json::to_vec(value).expect("what is measured serializes")));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn case<'a>(name: &'static str, once: impl FnMut() + 'a) -> Case<'a> {
    Case { name, once: Box::new(once), batches: vec![] }
}

/// Batches of all cases take turns, so that what the machine does meanwhile meets all of them.
fn measure(cases: &mut [Case<'_>]) {
    for batch in 0..=BATCHES {
        for case in cases.iter_mut() {
            let started = Instant::now();
            for _ in 0..CALLS {
                (case.once)();
            }
            let each = started.elapsed().as_nanos() as f64 / f64::from(CALLS);
            // The first batch warms up.
            if batch > 0 {
                case.batches.push(each);
            }
        }
    }
}

fn print(cases: &[Case<'_>]) {
    println!("{BATCHES} batches of {CALLS} calls of each case, in turn; one thread.\n");
    println!("| one call | ns, median | ns, least |");
    println!("|---|---|---|");
    for case in cases {
        println!("| {} | {:.1} | {:.1} |", case.name, median(&case.batches), range(&case.batches).0);
    }
    let of = |name: &str| median(&cases.iter().find(|case| case.name == name).expect("a case of above").batches);
    let copy = of("copying the prebuilt head");
    println!("\n| difference | ns |");
    println!("|---|---|");
    for name in ["204 without a body", "JSON of `hello`", "`Path` and `Json`"] {
        let difference = of(&format!("plugin, {name}")) - copy - of(&format!("static, {name}"));
        println!("| plugin − static, {name}, the copy of the head taken off | {difference:.1} |");
    }
    for name in ["JSON of `hello`", "`Path` and `Json`"] {
        let difference = of(&format!("plugin, {name}, head written")) - of(&format!("static, {name}"));
        println!("| plugin − static, {name}, head written | {difference:.1} |");
    }
    let empty = of("plugin, 204 without a body");
    let disabled = (of("plugin, 204 and 1000 log events, disabled") - empty) / DISABLED_EVENTS;
    let enabled = (of("plugin, 204 and 10 log events, enabled") - empty) / ENABLED_EVENTS;
    println!("| one log event with one field, of a level that is not wanted | {disabled:.2} |");
    println!("| the same, wanted: until the host has it, what the host does with it left out | {enabled:.1} |");
    let uncounted = (of("plugin, 204 and 100 blocks") - empty) / BLOCKS;
    let counted = (of("plugin, 204 and 100 blocks, counted") - empty) / BLOCKS;
    println!("| one block of 64 bytes made and freed in a plugin | {uncounted:.1} |");
    println!("| the same with the feature `memory` | {counted:.1} |");
    println!("| a plain `fn` instead of an `async fn` | {:.1} |", of(PLAIN) - of(AWAITED));
    let safe_point = of("100 safe points") / f64::from(SAFE_POINTS);
    println!("| one safe point when nothing retires | {safe_point:.2} |");
}

fn ready<F: Future + Unpin>(mut future: F) -> F::Output {
    match Pin::new(&mut future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the handlers that are measured do not wait"),
    }
}
