//! Threads that nobody joins: each ends when the address it is connected to hangs up.

use std::cell::Cell;
use std::io::Read as _;
use std::net::TcpStream;
use std::thread::Builder;

use plugin_sdk::prelude::*;

#[derive(Default)]
struct Plugin;

thread_local! {
    /// Dropped when its thread ends.
    static LAST: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

#[plugin]
impl Plugin {
    #[post("/begin/:name", blocking = false)]
    fn begin(&self, Path(name): Path<String>, address: String) -> Result<NoContent> {
        let mut stream = TcpStream::connect(address)?;
        let wait = move || {
            let mut rest = Vec::new();
            // However the connection ends, it has ended.
            let _ = stream.read_to_end(&mut rest);
            LAST.set(vec![0; 64]);
        };
        Builder::new().name(name).spawn(wait)?;
        Ok(NoContent)
    }
}

export!(Plugin);
