//! The subscriber that sends events to the host.

use std::fmt;

use plugin_sdk_abi::log_level;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_core::span::Current;

use super::spans;
use crate::plugin_runtime::PluginRuntime;

/// Sends events to the host of their plugin.
pub(super) struct ToHost;

impl Subscriber for ToHost {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        // Levels change while a plugin runs; the maximum level filters out events that no plugin wants.
        Interest::sometimes()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(match PluginRuntime::greatest_level() {
            0 => LevelFilter::OFF,
            log_level::ERROR => LevelFilter::ERROR,
            log_level::WARN => LevelFilter::WARN,
            log_level::INFO => LevelFilter::INFO,
            log_level::DEBUG => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        })
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        PluginRuntime::current().is_some_and(|plugin_runtime| number(metadata.level()) <= plugin_runtime.level())
    }

    fn event(&self, event: &Event<'_>) {
        let Some(plugin_runtime) = PluginRuntime::current() else { return };
        let mut fields = Fields::default();
        event.record(&mut fields);
        let leaf = match event.parent() {
            Some(parent) => Some(parent.into_u64()),
            None if event.is_root() => None,
            None => spans::entered(),
        };
        let around = leaf.map(spans::path).filter(|path| !path.is_empty());
        let Fields { message, mut others } = fields;
        others.extend(around.map(|path| ("spans", path)));
        let others: Vec<(&str, &str)> = others.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let metadata = event.metadata();
        plugin_runtime.event(number(metadata.level()), metadata.target(), &message, &others);
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Fields::default();
        span.record(&mut fields);
        let parent = match span.parent() {
            Some(parent) => Some(parent.into_u64()),
            None if span.is_root() => None,
            None => spans::entered(),
        };
        Id::from_u64(spans::open(span.metadata(), parent, fields.into_text()))
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        spans::add_fields(span.into_u64(), &fields.into_text());
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, span: &Id) {
        spans::enter(span.into_u64());
    }

    fn exit(&self, span: &Id) {
        spans::exit(span.into_u64());
    }

    fn clone_span(&self, id: &Id) -> Id {
        spans::hold(id.into_u64());
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        spans::release(id.into_u64())
    }

    fn current_span(&self) -> Current {
        let entered = spans::entered().and_then(|id| Some((id, spans::metadata(id)?)));
        entered.map_or_else(Current::none, |(id, metadata)| Current::new(Id::from_u64(id), metadata))
    }
}

fn number(level: &Level) -> u8 {
    match *level {
        Level::ERROR => log_level::ERROR,
        Level::WARN => log_level::WARN,
        Level::INFO => log_level::INFO,
        Level::DEBUG => log_level::DEBUG,
        Level::TRACE => log_level::TRACE,
    }
}

/// The fields of an event or span, as texts.
#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, String)>,
}

impl Fields {
    fn add(&mut self, field: &Field, value: String) {
        match field.name() {
            "message" => self.message = value,
            name => self.others.push((name, value)),
        }
    }

    /// The fields as shown after a span's name: `a=1 b=2`.
    fn into_text(self) -> String {
        let message = Some(("message", self.message)).filter(|(_, message)| !message.is_empty());
        let all = message.into_iter().chain(self.others);
        all.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.to_owned());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut text = value.to_string();
        let mut source = value.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        self.add(field, text);
    }
}
