//! What one call costs inside the process: a handler compiled in, and the same handler in a loaded plugin.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use host_core::Manifest;
use host_core::manifest::Mode;
use host_load::{Answer, Instance, Module, StartOptions};
use host_store::{Provenance, Store};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use plugin_sdk_abi::head::Head;
use serde_json::json;

use crate::Result;
use crate::stats::{median, range};

const CALLS: u32 = 20_000;
const BATCHES: usize = 101;
const TIMEOUT: Duration = Duration::from_secs(10);

type Handler = dyn Fn() -> Pin<Box<dyn Future<Output = Response<Bytes>> + Send>> + Send + Sync;

/// One thing that is measured: what it is called, and one run of it.
struct Case<'a> {
    name: &'static str,
    once: Box<dyn FnMut() + 'a>,
    batches: Vec<f64>,
}

/// Measures. Each plugin is its folder and its built library.
pub fn run(plugins: [(&str, &str); 2]) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let store = Store::open(host_store::Config {
        plugin_dir: folder.path().join("plugins"),
        cache_dir: folder.path().join("cache"),
        limits: Default::default(),
    })?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let (hello, hello_handler) = runtime.block_on(start(&store, plugins[0], "/hello"))?;
    let (measured, empty_handler) = runtime.block_on(start(&store, plugins[1], "/empty"))?;
    let (hello_head, empty_head) = (head(hello_handler, "/hello"), head(empty_handler, "/empty"));

    let static_empty: Arc<Handler> = Arc::new(|| {
        Box::pin(async {
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
        })
    });
    let static_hello: Arc<Handler> = Arc::new(|| {
        Box::pin(async {
            let body = serde_json::to_vec(&json!({ "message": "Hello from plugin!" })).unwrap_or_default();
            let mut response = Response::new(Bytes::from(body));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        })
    });
    check(&hello, &hello_head, 200, br#"{"message":"Hello from plugin!"}"#)?;
    check(&measured, &empty_head, 204, b"")?;

    let mut cases = [
        case("copying the prebuilt head", || drop(black_box(hello_head.clone()))),
        case("writing the head", || drop(black_box(head(hello_handler, "/hello")))),
        case("static, 204 without a body", || drop(black_box(ready(black_box(&static_empty)())))),
        case("plugin, 204 without a body", || drop(black_box(call(&measured, empty_head.clone())))),
        case("static, JSON of `hello`", || drop(black_box(ready(black_box(&static_hello)())))),
        case("plugin, JSON of `hello`", || drop(black_box(call(&hello, hello_head.clone())))),
        case("plugin, JSON of `hello`, head written", || drop(black_box(call(&hello, head(hello_handler, "/hello"))))),
    ];
    measure(&mut cases);
    print(&cases);
    // Stopping and dropping what was started needs no runtime; the libraries stay mapped until this process ends.
    Ok(())
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
    let (plugin, compiled_in) = (of("plugin, 204 without a body"), of("static, 204 without a body"));
    println!(
        "| plugin − static, 204 without a body, the copy of the head taken off | {:.1} |",
        plugin - copy - compiled_in
    );
    let (plugin, compiled_in) = (of("plugin, JSON of `hello`"), of("static, JSON of `hello`"));
    println!(
        "| plugin − static, JSON of `hello`, the copy of the head taken off | {:.1} |",
        plugin - copy - compiled_in
    );
    let plugin = of("plugin, JSON of `hello`, head written");
    println!("| plugin − static, JSON of `hello`, head written | {:.1} |", plugin - compiled_in);
}

async fn start(store: &Store, (folder, library): (&str, &str), path: &str) -> Result<(Arc<Instance>, u32)> {
    let text = fs::read(Path::new(folder).join("plugin.yaml"))?;
    let manifest = Manifest::check(&text, Mode::Normal).map_err(|problems| format!("{folder}: {problems:?}"))?.manifest;
    let provenance = Provenance {
        source: folder.to_owned(),
        commit: None,
        tree: None,
        fingerprint: None,
        rustc: None,
        built_at_unix_seconds: 0,
    };
    let artifact = store.put_artifact(Path::new(library), &text, &provenance)?;
    let module = Module::open(store, &artifact, &manifest, TIMEOUT).await?;
    let endpoint = manifest.endpoints.iter().position(|endpoint| endpoint.path.as_str() == path);
    let handler = module.handlers()[endpoint.ok_or_else(|| format!("{folder} has no {path}"))?];
    let options = StartOptions {
        generation: 1,
        configuration: manifest.configuration.clone(),
        log: Arc::new(|_, _| {}),
        timeout: TIMEOUT,
    };
    Ok((module.start(options).await?, handler))
}

/// The head of a request as wrk sends it and the host passes it on.
fn head(handler: u32, path: &str) -> Vec<u8> {
    let headers: [(&[u8], &[u8]); 1] = [(b"host", b"127.0.0.1:4000")];
    Head {
        handler,
        deadline_ms: Some(30_000),
        method: "GET",
        path,
        query: None,
        peer: "127.0.0.1:50000",
        request_id: "0a1b2c3d-10e8a1",
        params: std::iter::empty(),
        headers: headers.into_iter(),
        context: std::iter::empty(),
    }
    .write()
}

/// Calls the plugin and reads the head of its answer.
fn call(instance: &Arc<Instance>, head: Vec<u8>) -> Answer {
    ready(instance.call(head, Bytes::new(), None)).expect("the handlers that are measured do not fail")
}

fn ready<F: Future + Unpin>(mut future: F) -> F::Output {
    match Pin::new(&mut future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the handlers that are measured do not wait"),
    }
}

/// A fast wrong answer is worth nothing.
fn check(instance: &Arc<Instance>, head: &[u8], status: u16, body: &[u8]) -> Result<()> {
    use axum::body::HttpBody as _;
    let mut answer = call(instance, head.to_vec());
    let frame = Pin::new(&mut answer.body).poll_frame(&mut Context::from_waker(Waker::noop()));
    let found = match frame {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        _ => Bytes::new(),
    };
    let expected_headers: HeaderMap = match status {
        200 => [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))].into_iter().collect(),
        _ => HeaderMap::new(),
    };
    if (answer.status.as_u16(), &found[..], &answer.headers) != (status, body, &expected_headers) {
        return Err(format!("the plugin answered {} {:?} {found:?}", answer.status, answer.headers).into());
    }
    Ok(())
}
