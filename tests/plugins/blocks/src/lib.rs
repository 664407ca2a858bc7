//! Handlers that block their thread until `/open` is called: plain ones, which may, and an `async fn`, which must not.

use std::io::Read as _;
use std::net::TcpStream;
use std::sync::{Condvar, Mutex};

use plugin_sdk::prelude::*;

#[derive(Default)]
struct Blocks {
    gate: Mutex<Gate>,
    changed: Condvar,
}

#[derive(Default)]
struct Gate {
    waiting: usize,
    is_open: bool,
}

#[plugin]
impl Blocks {
    #[get("/wait")]
    #[get("/late")]
    fn wait(&self) -> &'static str {
        self.block()
    }

    /// An `async fn` must not block; this one does.
    #[get("/held")]
    #[get("/held-late")]
    async fn held(&self) -> &'static str {
        self.block()
    }

    /// Blocks until the connection to `address` is closed.
    #[post("/read")]
    fn read(&self, address: String) -> Result<String> {
        let mut text = String::new();
        TcpStream::connect(address)?.read_to_string(&mut text)?;
        Ok(text)
    }

    #[get("/waiting")]
    async fn waiting(&self) -> String {
        self.gate.lock().unwrap().waiting.to_string()
    }

    #[post("/open")]
    async fn open(&self) {
        self.gate.lock().unwrap().is_open = true;
        self.changed.notify_all();
    }

    #[get("/threads")]
    fn plain(&self) -> String {
        std::thread::current().name().unwrap_or_default().to_owned()
    }

    #[get("/worker", blocking = false)]
    fn fast(&self) -> String {
        std::thread::current().name().unwrap_or_default().to_owned()
    }

    #[get("/panic")]
    fn panics(&self) {
        panic!("a plain handler panics");
    }

    #[get("/log")]
    fn log(&self) {
        plugin_sdk::tracing::info!("a plain handler logs");
    }
}

impl Blocks {
    /// Blocks the thread until `/open` is called.
    fn block(&self) -> &'static str {
        let mut gate = self.gate.lock().unwrap();
        gate.waiting += 1;
        let mut gate = self.changed.wait_while(gate, |gate| !gate.is_open).unwrap();
        gate.waiting -= 1;
        "open"
    }
}

export!(Blocks);
