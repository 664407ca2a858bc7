//! A small JSON body and its answer, compiled into the plugin and into what it is compared with.

use serde::{Deserialize, Serialize};

/// The body of a request.
#[derive(Deserialize)]
pub struct Guest {
    /// How the guest is called to.
    title: String,
    /// How often they came before.
    visits: u32,
}

/// The body of its answer.
#[derive(Serialize)]
pub struct Greeting {
    message: String,
    visits: u32,
}

/// Greets the guest of that name.
pub fn greet(name: &str, guest: &Guest) -> Greeting {
    Greeting { message: format!("Hello, {} {name}!", guest.title), visits: guest.visits + 1 }
}
