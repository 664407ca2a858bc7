//! Greets by name, with a greeting that can be changed.

use std::sync::{PoisonError, RwLock};

use plugin_sdk::prelude::*;
use serde::{Deserialize, Serialize};

/// The state: one value serves all calls, several at once. A reload starts with a new one.
struct Greeter {
    greeting: RwLock<String>,
}

/// The configuration: the defaults of plugin.yaml, merged with the operator's values.
#[derive(Deserialize)]
struct Settings {
    greeting: String,
}

#[derive(Deserialize)]
struct Change {
    greeting: String,
}

#[derive(Serialize)]
struct Greeting {
    message: String,
}

#[plugin]
impl Greeter {
    #[start]
    async fn start(Configuration(settings): Configuration<Settings>) -> Result<Self> {
        info!("greeting with `{}`", settings.greeting);
        Ok(Greeter { greeting: RwLock::new(settings.greeting) })
    }

    #[get("/hello/:name")]
    async fn hello(&self, Path(name): Path<String>) -> Json<Greeting> {
        let greeting = self.greeting.read().unwrap_or_else(PoisonError::into_inner);
        Json(Greeting { message: format!("{greeting}, {name}!") })
    }

    #[post("/greeting")]
    async fn change(&self, Json(Change { greeting }): Json<Change>) -> Json<Greeting> {
        *self.greeting.write().unwrap_or_else(PoisonError::into_inner) = greeting.clone();
        Json(Greeting { message: format!("From now on: {greeting}") })
    }
}

export!(Greeter);

#[cfg(test)]
mod tests {
    use plugin_sdk::testing::{TestPlugin, block_on};

    use super::*;

    #[test]
    fn a_changed_greeting_is_used_from_then_on() {
        block_on(async {
            let plugin = TestPlugin::<Greeter>::builder().configuration(json!({ "greeting": "Hello" })).start().await;
            assert_eq!(plugin.get("/hello/Zoe").await.json::<Value>().await["message"], "Hello, Zoe!");

            let change = plugin.post("/greeting").json(&json!({ "greeting": "Good morning" }));
            assert_eq!(change.await.status(), 200);
            assert_eq!(plugin.get("/hello/Zoe").await.json::<Value>().await["message"], "Good morning, Zoe!");
        });
    }

    #[test]
    fn a_change_without_a_greeting_is_refused_by_its_field() {
        block_on(async {
            let plugin = TestPlugin::<Greeter>::builder().configuration(json!({ "greeting": "Hello" })).start().await;
            let refused = plugin.post("/greeting").json(&json!({ "greting": "Hi" })).await;
            assert_eq!(refused.status(), 422);
            assert_eq!(refused.json::<Value>().await["code"], "body_does_not_fit");
        });
    }
}
