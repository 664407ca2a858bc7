//! Events, log lines and metrics.

use host_api as api;
use host_call::LogLine;
use host_core::event::Event;
use host_run::{EventsPage, MetricFamily, MetricSeries, MetricValue};

pub(crate) fn event(event: &Event) -> api::Event {
    api::Event {
        seq: event.seq,
        at_unix_ms: event.at_unix_ms,
        plugin: event.plugin.as_ref().map(ToString::to_string),
        job: event.job.clone(),
        kind: event.kind.name().to_owned(),
        message: event.kind.message(),
        detail: host_run::event_detail(&event.kind),
    }
}

pub(crate) fn events(page: &EventsPage) -> api::EventPage {
    let events = page.events.iter().map(event).collect();
    api::EventPage { events, next: page.next, oldest: page.oldest, damaged: page.damaged }
}

/// All series of a metric.
pub(crate) fn metric_family(family: MetricFamily) -> api::MetricFamily {
    let series = family.series.into_iter().map(|MetricSeries { labels, value }| {
        let labels = labels.into_iter().collect();
        match value {
            MetricValue::Number(value) => api::MetricSeries { labels, value: Some(value), ..Default::default() },
            MetricValue::Histogram { count, sum, buckets } => {
                let buckets = buckets.into_iter().map(|(le, count)| api::MetricBucket { le, count }).collect();
                api::MetricSeries { labels, count: Some(count), sum: Some(sum), buckets, ..Default::default() }
            }
        }
    });
    api::MetricFamily { kind: family.kind.to_owned(), help: family.help, series: series.collect() }
}

pub(crate) fn line(line: &LogLine) -> api::LogLine {
    api::LogLine {
        number: line.number,
        at_unix_ms: line.at_unix_ms,
        level: line.level.to_owned(),
        generation: line.generation,
        message: line.message.clone(),
    }
}
