//! A typed configuration: defaults in plugin.yaml, judged before it is used, changed while the plugin runs.

use std::sync::{Arc, PoisonError, RwLock};

use plugin_sdk::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Settings {
    greeting: String,
    limits: Limits,
}

#[derive(Deserialize)]
struct Limits {
    guests: usize,
}

struct Greeter {
    context: Context,
    /// Replaced as a whole: a running call keeps the settings that it started with.
    settings: RwLock<Arc<Settings>>,
}

#[derive(Deserialize)]
struct Guests {
    #[serde(default)]
    name: Vec<String>,
}

impl Greeter {
    fn settings(&self) -> Arc<Settings> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[plugin]
impl Greeter {
    #[validate]
    fn validate(Configuration(settings): Configuration<Settings>) -> Result<()> {
        if settings.limits.guests == 0 {
            return Err(Error::new(StatusCode::UNPROCESSABLE_ENTITY, "no_guests")
                .with_detail("a greeter greets at least one guest")
                .with_field("/limits/guests", "must be at least 1"));
        }
        Ok(())
    }

    #[start]
    fn start(context: Context, Configuration(settings): Configuration<Settings>) -> Self {
        Greeter { context, settings: RwLock::new(Arc::new(settings)) }
    }

    #[on_config_change]
    fn changed(&self, Configuration(settings): Configuration<Settings>) -> ConfigChange {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
        ConfigChange::Applied
    }

    #[get("/greet")]
    async fn greet(&self, Query(Guests { name: names }): Query<Guests>) -> Result<Json<Value>> {
        let settings = self.settings();
        let most = settings.limits.guests;
        if names.len() > most {
            return Err(Error::new(StatusCode::UNPROCESSABLE_ENTITY, "too_many_guests")
                .with_detail(format!("at most {most} at a time")));
        }
        let message = format!("{}, {}!", settings.greeting, names.join(" and "));
        Ok(Json(json!({ "message": message, "generation": self.context.generation() })))
    }
}

export!(Greeter);

#[cfg(test)]
mod tests {
    use super::*;
    use plugin_sdk::testing::{TestPlugin, block_on};

    #[test]
    fn a_change_is_judged_and_then_used_at_once() {
        block_on(async {
            let settings = json!({ "greeting": "Hello", "limits": { "guests": 2 } });
            let plugin = TestPlugin::<Greeter>::builder().configuration(settings).start().await;

            let refused = plugin.change_configuration(json!({ "greeting": "Hi", "limits": { "guests": 0 } })).await;
            assert!(refused.unwrap_err().message.contains("at least one guest"));
            let refused = plugin.change_configuration(json!({ "greeting": "Hi", "limits": { "guests": -1 } })).await;
            assert!(refused.unwrap_err().message.contains("limits.guests"));
            assert_eq!(plugin.get("/greet?name=Zoe&name=Max").await.status(), 200);

            let applied = plugin.change_configuration(json!({ "greeting": "Hi", "limits": { "guests": 1 } })).await;
            assert_eq!(applied, Ok(true));
            assert_eq!(plugin.get("/greet?name=Zoe&name=Max").await.status(), 422);
        });
    }
}
