//! Return types of hooks; called by the `#[plugin]` attribute.

use serde_json::Value;

use crate::{ConfigChange, Context, Error, FromConfiguration, FromContext, IntoResponse, Plugin, Response};

/// The return type of a hook: `Result<(), E>` or nothing.
#[diagnostic::on_unimplemented(
    message = "a hook can't return `{Self}`",
    label = "expected `Result<(), _>` or no return type",
    note = "a hook returns nothing, `plugin_sdk::Result<()>`, or `Result<(), E>` with an error that `?` turns into \
            `plugin_sdk::Error`"
)]
pub trait HookAnswer {
    /// Converts the value to the result of the hook.
    fn into_result(self) -> Result<(), Error>;
}

/// The return type of `#[on_config_change]`: a [`ConfigChange`], or a `Result` with one.
#[diagnostic::on_unimplemented(
    message = "`#[on_config_change]` can't return `{Self}`",
    label = "expected `ConfigChange` or `Result<ConfigChange, _>`",
    note = "it returns `Result<ConfigChange>`: `ConfigChange::Applied` when the new configuration is in use, \
            `ConfigChange::RestartRequired` when a new generation is needed"
)]
pub trait ConfigAnswer {
    /// Converts the value to the result of the hook.
    fn into_change(self) -> Result<ConfigChange, Error>;
}

/// The return type of `#[start]`: the plugin, or a `Result` with it.
#[diagnostic::on_unimplemented(
    message = "`#[start]` can't return `{Self}`",
    label = "expected `Self` or `Result<Self, _>`",
    note = "it creates the plugin: `async fn start(context: Context) -> Result<Self>`"
)]
pub trait StartAnswer<P> {
    /// Converts the value to the plugin.
    fn into_plugin(self) -> Result<P, Error>;
}

/// A plugin that is created without `#[start]`.
#[diagnostic::on_unimplemented(
    message = "the plugin `{Self}` has no `#[start]` method and no `Default`",
    label = "nothing creates the plugin",
    note = "add a method such as `#[start] async fn start(context: Context) -> Result<Self>` to the `#[plugin]` block, \
            or `#[derive(Default)]` to the type"
)]
pub trait StartWithoutHook: Sized {
    /// Creates the plugin.
    fn start() -> Self;
}

// The missing `StartWithoutHook` is reported, not the missing `Default`.
#[diagnostic::do_not_recommend]
impl<P: Default> StartWithoutHook for P {
    fn start() -> P {
        P::default()
    }
}

impl HookAnswer for () {
    fn into_result(self) -> Result<(), Error> {
        Ok(())
    }
}

impl<E: Into<Error>> HookAnswer for Result<(), E> {
    fn into_result(self) -> Result<(), Error> {
        self.map_err(Into::into)
    }
}

impl ConfigAnswer for ConfigChange {
    fn into_change(self) -> Result<ConfigChange, Error> {
        Ok(self)
    }
}

impl<E: Into<Error>> ConfigAnswer for Result<ConfigChange, E> {
    fn into_change(self) -> Result<ConfigChange, Error> {
        self.map_err(Into::into)
    }
}

impl<P: Plugin> StartAnswer<P> for P {
    fn into_plugin(self) -> Result<P, Error> {
        Ok(self)
    }
}

impl<P: Plugin, E: Into<Error>> StartAnswer<P> for Result<P, E> {
    fn into_plugin(self) -> Result<P, Error> {
        self.map_err(Into::into)
    }
}

/// Converts the return value of a handler.
pub fn answer<R: IntoResponse>(answer: R) -> Response {
    answer.into_response()
}

/// Converts the return value of a hook.
pub fn hook_answer<A: HookAnswer>(answer: A) -> Result<(), Error> {
    answer.into_result()
}

/// Converts the return value of `#[on_config_change]`.
pub fn config_answer<A: ConfigAnswer>(answer: A) -> Result<ConfigChange, Error> {
    answer.into_change()
}

/// Converts the return value of `#[start]`.
pub fn start_answer<A: StartAnswer<P>, P>(answer: A) -> Result<P, Error> {
    answer.into_plugin()
}

/// The start of a plugin without `#[start]`.
pub fn start_without_hook<P: StartWithoutHook>() -> P {
    P::start()
}

/// An argument of `#[start]`.
pub fn start_argument<T: FromContext>(context: &Context) -> Result<T, Error> {
    T::from_context(context)
}

/// The argument of `#[validate]` and `#[on_config_change]`.
pub fn configuration<T: FromConfiguration>(configuration: &Value) -> Result<T, Error> {
    T::from_configuration(configuration)
}
