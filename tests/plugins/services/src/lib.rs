//! Every service of the host, asked for as the caller says.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::StreamExt as _;
use plugin_sdk::prelude::*;
use plugin_sdk::services::{Counter, HttpResponse};
use serde::Serialize;
use tokio::runtime::Handle;

struct Services {
    context: Context,
    counted: Option<Counter>,
    swaps: AtomicUsize,
}

#[derive(Serialize)]
struct Me {
    request_id: String,
    traceparent: Option<String>,
    generation: u64,
}

/// A refusal of the host, told to the caller as it is.
fn told(error: ServiceError) -> Error {
    Error::new(error.status(), error.code().to_owned()).with_detail(error.detail())
}

async fn passed(answer: std::result::Result<HttpResponse, ServiceError>) -> Result<(StatusCode, Bytes)> {
    let answer = answer.map_err(told)?;
    Ok((answer.status(), answer.bytes().await.map_err(told)?))
}

#[plugin]
impl Services {
    #[start]
    fn start(context: Context) -> Self {
        let counted = context.metrics().counter("services_counted_total", "What was counted");
        let counted = counted.inspect_err(|error| warn!(%error, "no metrics")).ok();
        Services { context, counted, swaps: AtomicUsize::new(0) }
    }

    #[get("/kv")]
    async fn keys(&self) -> Result<Json<Vec<String>>> {
        let listing = self.context.kv().list("").await.map_err(told)?;
        Ok(Json(listing.keys.into_iter().map(|key| key.key).collect()))
    }

    #[get("/kv/:key")]
    async fn read(&self, Path(key): Path<String>) -> Result<Bytes> {
        let entry = self.context.kv().get(&key).await.map_err(told)?;
        entry.map(|entry| entry.value).ok_or_else(|| Error::new(StatusCode::NOT_FOUND, "no_such_key"))
    }

    #[put("/kv/:key")]
    async fn write(&self, Path(key): Path<String>, value: Body) -> Result<NoContent> {
        self.context.kv().put(&key, value).await.map(|_| NoContent).map_err(told)
    }

    #[post("/kv/:key")]
    async fn swap(&self, Path(key): Path<String>, body: Body) -> Result<NoContent> {
        let kv = self.context.kv();
        let entry = kv.get(&key).await?.ok_or_else(|| Error::new(StatusCode::NOT_FOUND, "no_such_key"))?;
        self.swaps.fetch_add(1, Ordering::Relaxed);
        let value = body.collect(1000).await?;
        kv.put_if(&key, value, &entry.version).await.map(|_| NoContent).map_err(told)
    }

    #[get("/swaps")]
    fn swaps(&self) -> String {
        self.swaps.load(Ordering::Relaxed).to_string()
    }

    #[put("/strict/:key")]
    async fn strict(&self, Path(key): Path<String>, value: Bytes) -> Result<NoContent> {
        self.context.kv().put(&key, value).await?;
        Ok(NoContent)
    }

    #[get("/listen/:plugin/:topic")]
    async fn listen(&self, Path((plugin, topic)): Path<(String, String)>) -> Result<impl IntoResponse> {
        let events = self.context.events().subscribe(&format!("{plugin}/{topic}")).await.map_err(told)?;
        let lines = events.map(|event| {
            let event = event?;
            let line = json!({ "topic": event.topic, "plugin": event.plugin, "data": event.data });
            Ok::<_, Error>(format!("{line}\n"))
        });
        Ok(StreamBody(lines))
    }

    #[post("/publish/:topic")]
    async fn publish(&self, Path(topic): Path<String>, Json(data): Json<Value>) -> Result<String> {
        self.context.events().publish(&topic, &data).await.map(|n| n.to_string()).map_err(told)
    }

    #[get("/call/*path")]
    async fn call(&self, Path(path): Path<String>) -> Result<(StatusCode, Bytes)> {
        info!(path, "calls");
        passed(self.context.plugins().get(format!("/{path}")).send().await).await
    }

    #[get("/me")]
    #[get("/guarded")]
    fn me(&self, context: RequestContext) -> Json<Me> {
        info!("is called");
        let RequestContext { request_id, traceparent, .. } = context;
        Json(Me { request_id, traceparent, generation: self.context.generation() })
    }

    #[post("/count")]
    fn count(&self) -> NoContent {
        self.counted.iter().for_each(Counter::inc);
        NoContent
    }

    #[post("/log/:word")]
    fn log(&self, Path(word): Path<String>) -> NoContent {
        error!(word, "at error");
        warn!(word, "at warn");
        info!(word, "at info");
        debug!(word, "at debug");
        trace!(word, "at trace");
        NoContent
    }

    #[post("/fetch")]
    async fn fetch(&self, url: String) -> Result<(StatusCode, Bytes)> {
        passed(self.context.http().get(url).header("x-plugin", "services").send().await).await
    }

    #[get("/secret/:name")]
    async fn secret(&self, Path(name): Path<String>) -> Result<String> {
        let secret = self.context.secrets().get(&name).await.map_err(told)?;
        Ok(secret.text().map_err(told)?.to_owned())
    }

    #[post("/outlive")]
    fn outlive(&self, address: String) -> Result<NoContent> {
        let (context, runtime) = (self.context.clone(), Handle::current());
        let mut stream = TcpStream::connect(address)?;
        // What no plugin should do: nothing ends this thread but who is at the other end.
        std::thread::spawn(move || {
            let mut lines = BufReader::new(stream.try_clone().expect("a socket is cloned")).lines();
            while let Some(Ok(word)) = lines.next() {
                let answer = match runtime.block_on(ask(&context, &word)) {
                    Ok(()) => "done".to_owned(),
                    Err(error) => error.code().to_owned(),
                };
                if writeln!(stream, "{answer}").is_err() {
                    return;
                }
            }
        });
        Ok(NoContent)
    }
}

async fn ask(context: &Context, word: &str) -> std::result::Result<(), ServiceError> {
    match word {
        "kv.write" => context.kv().put("ghost", "boo").await.map(drop),
        "kv.read" => context.kv().get("ghost").await.map(drop),
        "events.publish" => context.events().publish("ghost", &"boo").await.map(drop),
        "events.subscribe" => context.events().subscribe("services/ghost").await.map(drop),
        "http.fetch" => context.http().get("http://127.0.0.1:1/").send().await.map(drop),
        "plugins.call" => context.plugins().get("/services/me").send().await.map(drop),
        "secrets.read" => context.secrets().get("ghost").await.map(drop),
        _ => context.metrics().counter("ghosts_total", "Ghosts").map(drop),
    }
}

export!(Services);
