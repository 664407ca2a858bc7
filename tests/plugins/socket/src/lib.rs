//! WebSockets that answer, push, close and fail.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use plugin_sdk::prelude::*;

struct Socket {
    context: Context,
    ended: Arc<Mutex<String>>,
}

#[plugin]
impl Socket {
    #[start]
    async fn start(context: Context) -> Result<Socket> {
        Ok(Socket { context, ended: Arc::default() })
    }

    #[get("/echo")]
    #[get("/members")]
    async fn echo(&self, upgrade: WebSocketUpgrade) -> Response {
        let ended = self.ended.clone();
        upgrade.protocols(["v2", "v1"]).on_upgrade(async move |mut socket| {
            let end = loop {
                match socket.recv().await {
                    Some(Ok(Message::Close(frame))) => break format!("closed {:?}", frame.map(|frame| frame.code)),
                    Some(Ok(message)) => {
                        if socket.send(message).await.is_err() {
                            break "the answer was not sent".to_owned();
                        }
                    }
                    Some(Err(error)) => break error.code().to_owned(),
                    None => break "over".to_owned(),
                }
            };
            *ended.lock().unwrap() = end;
        })
    }

    #[get("/late")]
    async fn late(&self, call: RequestContext, upgrade: WebSocketUpgrade) -> Response {
        let context = self.context.clone();
        upgrade.on_upgrade(async move |mut socket| {
            tokio::time::sleep_until(call.deadline.unwrap().into()).await;
            let stored = context.kv().put("seen", "1").await.map(drop);
            let _ = socket.send(format!("{:?}", stored.map_err(|error| error.to_string()))).await;
        })
    }

    #[get("/count")]
    async fn count(&self, upgrade: WebSocketUpgrade) -> Response {
        upgrade.on_upgrade(async |mut socket| {
            for number in 0u64.. {
                if socket.send(number.to_string()).await.is_err() {
                    return;
                }
            }
        })
    }

    #[get("/bye")]
    async fn bye(&self, upgrade: WebSocketUpgrade) -> Response {
        upgrade.on_upgrade(async |socket| socket.close(4001, "bye").await)
    }

    #[get("/panic")]
    async fn panics(&self, upgrade: WebSocketUpgrade) -> Response {
        upgrade.on_upgrade(async |mut socket| {
            let message = socket.recv().await;
            panic!("a message arrived: {message:?}");
        })
    }

    #[get("/refused")]
    async fn refused(&self, _upgrade: WebSocketUpgrade) -> Result<Response> {
        Err(Error::new(StatusCode::CONFLICT, "full").with_detail("the room is full"))
    }

    #[get("/quiet")]
    async fn quiet(&self, upgrade: WebSocketUpgrade) -> Response {
        let ended = self.ended.clone();
        upgrade.ping_every(Duration::from_millis(50)).on_upgrade(async move |mut socket| {
            let end = match socket.recv().await {
                Some(Err(error)) => error.code().to_owned(),
                other => format!("{other:?}"),
            };
            *ended.lock().unwrap() = end;
        })
    }

    #[get("/plain")]
    async fn plain(&self, upgrade: WebSocketUpgrade) -> Response {
        upgrade.on_upgrade(async |_| {})
    }

    #[get("/ended")]
    async fn ended(&self) -> String {
        self.ended.lock().unwrap().clone()
    }
}

export!(Socket);
