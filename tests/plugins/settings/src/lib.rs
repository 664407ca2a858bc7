//! Shows its configuration, secrets too: a test must see what a plugin gets.

use std::sync::{Mutex, PoisonError};

use plugin_sdk::prelude::*;

struct Settings(Mutex<Value>);

#[plugin]
impl Settings {
    /// What no schema can say.
    #[validate]
    fn validate(Configuration(settings): Configuration<Value>) -> Result<()> {
        match settings["database"]["host"].as_str() {
            Some("nowhere") => Err(Error::new(StatusCode::UNPROCESSABLE_ENTITY, "no_such_host")
                .with_detail("there is no host `nowhere`")
                .with_field("/database/host", "must be the name of a host")),
            _ => match settings["token"].as_str() {
                // Parsers repeat what they cannot read.
                Some(token) if token.starts_with("unread") => {
                    Err(Error::new(StatusCode::UNPROCESSABLE_ENTITY, "no_token")
                        .with_detail(format!("invalid value: string {token:?}")))
                }
                _ => Ok(()),
            },
        }
    }

    #[start]
    fn start(Configuration(settings): Configuration<Value>) -> Self {
        Settings(Mutex::new(settings))
    }

    #[on_config_change]
    fn changed(&self, Configuration(settings): Configuration<Value>) -> ConfigChange {
        if settings["restart"] == json!(true) {
            return ConfigChange::RestartRequired;
        }
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = settings;
        ConfigChange::Applied
    }

    #[get("/settings")]
    fn settings(&self) -> Json<Value> {
        Json(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

export!(Settings);
