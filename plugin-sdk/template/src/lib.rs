//! Greets by name, with a greeting that can be changed.

use std::sync::{PoisonError, RwLock};

use plugin_sdk::prelude::*;
use serde::{Deserialize, Serialize};

/// The state: one value serves all calls, several at once. A reload starts with a new one.
struct Greeter {
    greeting: RwLock<String>,
}

/// `configuration` of plugin.yaml, with what is set over it.
#[derive(Deserialize)]
struct Settings {
    greeting: String,
}

#[derive(Deserialize)]
struct Change {
    greeting: String,
}

#[derive(Debug, PartialEq, Serialize)]
struct Greeting {
    message: String,
}

#[plugin]
impl Greeter {
    #[start]
    async fn start(context: Context) -> Result<Self> {
        let Settings { greeting } = context.configuration()?;
        context.log(Level::Info, &format!("greeting with `{greeting}`"));
        Ok(Greeter { greeting: RwLock::new(greeting) })
    }

    #[get("/hello/:name")]
    fn hello(&self, Path(name): Path<String>) -> Json<Greeting> {
        let greeting = self.greeting.read().unwrap_or_else(PoisonError::into_inner);
        Json(Greeting { message: format!("{greeting}, {name}!") })
    }

    #[post("/greeting")]
    fn change(&self, Json(Change { greeting }): Json<Change>) -> Json<Greeting> {
        *self.greeting.write().unwrap_or_else(PoisonError::into_inner) = greeting.clone();
        Json(Greeting { message: format!("From now on: {greeting}") })
    }
}

export!(Greeter);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_greeting_is_used_from_then_on() {
        let greeter = Greeter { greeting: RwLock::new("Hello".to_owned()) };
        let hello = || greeter.hello(Path("Zoe".to_owned())).0.message;
        assert_eq!(hello(), "Hello, Zoe!");
        greeter.change(Json(Change { greeting: "Good morning".to_owned() }));
        assert_eq!(hello(), "Good morning, Zoe!");
    }
}
