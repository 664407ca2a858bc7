//! The configuration as an argument of hooks.

use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::pointer;
use crate::{Context, Error};

/// The plugin's configuration, deserialized: an argument of `#[start]`, `#[validate]` and `#[on_config_change]`.
///
/// Invalid values are refused with the JSON pointer of the field. `Configuration<Value>` accepts any configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Configuration<T>(pub T);

/// An argument of the `#[start]` method.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an argument of a `#[start]` method",
    label = "expected `Context` or `Configuration<T>`",
    note = "`#[start]` takes `Context`, `Configuration<T>`, both or nothing: \
            `async fn start(context: Context, Configuration(settings): Configuration<Settings>) -> Result<Self>`"
)]
pub trait FromContext: Sized {
    /// Extracts the argument.
    ///
    /// # Errors
    /// The configuration does not deserialize to the type.
    fn from_context(context: &Context) -> Result<Self, Error>;
}

/// The argument of the `#[validate]` and `#[on_config_change]` methods.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from a configuration",
    label = "expected `Configuration<T>`",
    note = "this hook takes the configuration as `Configuration<T>`, where `T` is a type of yours that \
            implements `serde::Deserialize`"
)]
pub trait FromConfiguration: Sized {
    /// Extracts the argument.
    ///
    /// # Errors
    /// The configuration does not deserialize to the type.
    fn from_configuration(configuration: &Value) -> Result<Self, Error>;
}

impl<T: DeserializeOwned> FromConfiguration for Configuration<T> {
    fn from_configuration(configuration: &Value) -> Result<Configuration<T>, Error> {
        T::deserialize(configuration).map(Configuration).map_err(|error| {
            let refused = Error::new(StatusCode::UNPROCESSABLE_ENTITY, "configuration_does_not_fit");
            let located = pointer::locate::<T, _>(configuration, refused, error.to_string());
            let field = located.fields().first().map_or_else(String::new, |field| field.pointer.replace('/', "."));
            located.with_detail(format!("configuration{field}: {error}"))
        })
    }
}

impl<T: DeserializeOwned> FromContext for Configuration<T> {
    fn from_context(context: &Context) -> Result<Configuration<T>, Error> {
        Configuration::from_configuration(&context.configuration::<Value>()?)
    }
}

impl FromContext for Context {
    fn from_context(context: &Context) -> Result<Context, Error> {
        Ok(context.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Deserialize, Debug)]
    struct Settings {
        retries: u8,
    }

    #[test]
    fn a_configuration_that_does_not_fit_names_the_field() {
        let read = Configuration::<Settings>::from_configuration;
        assert_eq!(read(&json!({"retries": 3})).unwrap().0.retries, 3);
        for (value, pointer) in [(json!({"retries": -1}), "/retries"), (json!({}), "/retries"), (json!(7), "")] {
            let error = read(&value).unwrap_err();
            assert_eq!((error.code(), error.fields()[0].pointer.as_str()), ("configuration_does_not_fit", pointer));
        }
        assert!(read(&json!({})).unwrap_err().detail().starts_with("configuration.retries: missing field"));
        assert_eq!(Configuration::<Value>::from_configuration(&json!(7)).unwrap().0, 7);
    }
}
