//! Metrics of plugins.

use std::collections::BTreeMap;

use host_load::MeasureOperation::{Add, Observe, Set};
use host_load::MetricKind::{Counter, Gauge, Histogram};
use host_load::{MeasureOperation, MetricDefinition, MetricKind, Services as _};

use crate::support::{ALL, Plugin, TestHost};

fn definition(kind: MetricKind, name: &str, labels: &[(&str, &str)]) -> MetricDefinition {
    let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let buckets = if kind == Histogram { vec![1.0, 5.0] } else { vec![] };
    MetricDefinition { kind, name: name.to_owned(), help: format!("help of {name}"), labels, buckets }
}

fn measure(plugin: &Plugin, kind: MetricKind, name: &str, labels: &[(&str, &str)], done: &[(MeasureOperation, f64)]) {
    let metric = plugin.services.metric(&definition(kind, name, labels)).unwrap();
    for (operation, value) in done {
        plugin.services.measure(metric, *operation, *value);
    }
}

/// The samples of a text. Checks that each name has one TYPE before its samples and that no sample is repeated.
fn samples(host: &TestHost) -> BTreeMap<String, String> {
    let text = host.services.metrics().render();
    let (mut types, mut samples) = (BTreeMap::new(), BTreeMap::new());
    let mut current = (String::new(), String::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(types.insert(name.to_owned(), kind.to_owned()), None, "two types of {name}:\n{text}");
            current = (name.to_owned(), kind.to_owned());
        } else if !line.starts_with('#') {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            let name = sample.split('{').next().unwrap();
            let parts = ["_bucket", "_sum", "_count"].map(|part| format!("{}{part}", current.0));
            let is_own = name == current.0 || (current.1 == "histogram" && parts.iter().any(|part| part == name));
            assert!(is_own, "{name} after the type of {}:\n{text}", current.0);
            assert_eq!(samples.insert(sample.to_owned(), value.to_owned()), None, "{sample} twice:\n{text}");
        }
    }
    samples
}

#[tokio::test]
async fn measurements_are_exported_with_the_id_of_the_plugin() {
    let host = TestHost::start().await;
    let plugin = host.plugin("one", ALL);
    measure(&plugin, Counter, "orders_total", &[("kind", "a\"b")], &[(Add, 1.0), (Add, 2.5)]);
    measure(&plugin, Gauge, "size", &[], &[(Set, 5.0), (Add, -7.0)]);
    measure(&plugin, Histogram, "wait", &[], &[(Observe, 0.5), (Observe, 3.0), (Observe, 9.0)]);
    let expected = [
        ("plugin_orders_total{kind=\"a\\\"b\",plugin=\"one\"}", "3.5"),
        ("plugin_size{plugin=\"one\"}", "-2"),
        ("plugin_wait_bucket{plugin=\"one\",le=\"1\"}", "1"),
        ("plugin_wait_bucket{plugin=\"one\",le=\"5\"}", "2"),
        ("plugin_wait_bucket{plugin=\"one\",le=\"+Inf\"}", "3"),
        ("plugin_wait_sum{plugin=\"one\"}", "12.5"),
        ("plugin_wait_count{plugin=\"one\"}", "3"),
        ("plugin_host_measures_ignored_total{plugin=\"one\"}", "0"),
    ];
    let expected = expected.map(|(sample, value)| (sample.to_owned(), value.to_owned())).into_iter().collect();
    assert_eq!(samples(&host), expected);
}

#[tokio::test]
async fn invalid_measurements_are_ignored_and_counted() {
    let host = TestHost::start().await;
    let plugin = host.plugin("one", ALL);
    measure(&plugin, Counter, "c", &[], &[(Add, 1.0), (Add, -1.0), (Add, f64::NAN), (Set, 9.0), (Observe, 9.0)]);
    measure(&plugin, Gauge, "g", &[], &[(Set, 2.0), (Observe, 9.0), (Set, f64::INFINITY)]);
    measure(&plugin, Histogram, "h", &[], &[(Observe, f64::NAN), (Add, 1.0)]);
    plugin.services.measure(99, Add, 1.0);
    let samples = samples(&host);
    assert_eq!(samples["plugin_c{plugin=\"one\"}"], "1");
    assert_eq!(samples["plugin_g{plugin=\"one\"}"], "2");
    assert_eq!(samples["plugin_h_count{plugin=\"one\"}"], "0");
    assert_eq!(samples["plugin_host_measures_ignored_total{plugin=\"one\"}"], "9");
}

#[tokio::test]
async fn series_continue_across_generations_and_are_removed_on_unload() {
    let host = TestHost::start().await;
    let (old, two) = (host.generation("one", 1, ALL), host.plugin("two", ALL));
    measure(&old, Counter, "c", &[], &[(Add, 1.0)]);
    measure(&two, Counter, "c", &[], &[(Add, 5.0)]);
    let new = host.generation("one", 2, ALL);
    measure(&new, Counter, "c", &[], &[(Add, 1.0)]);
    measure(&old, Counter, "c", &[], &[(Add, 1.0)]);
    assert_eq!(samples(&host)["plugin_c{plugin=\"one\"}"], "3");

    host.services.metrics().forget(&"one".parse().unwrap());
    new.services.measure(0, Add, 1.0);
    let left = samples(&host);
    assert_eq!(left.keys().filter(|sample| sample.contains("\"one\"")).count(), 0, "{left:?}");
    assert_eq!(left["plugin_c{plugin=\"two\"}"], "5");
    measure(&host.generation("one", 3, ALL), Counter, "c", &[], &[(Add, 1.0)]);
    assert_eq!(samples(&host)["plugin_c{plugin=\"one\"}"], "1");
}

#[tokio::test]
async fn a_metric_name_may_have_different_kinds_in_two_plugins() {
    let host = TestHost::start().await;
    let [one, two, three] = ["one", "two", "three"].map(|id| host.plugin(id, ALL));
    measure(&one, Counter, "x", &[], &[(Add, 1.0)]);
    measure(&two, Gauge, "x", &[], &[(Set, 2.0)]);
    measure(&three, Histogram, "x", &[], &[(Observe, 3.0)]);
    // Names of histogram samples, and a name with a kind appended.
    measure(&one, Gauge, "x_histogram_count", &[], &[(Set, 4.0)]);
    measure(&one, Histogram, "x_gauge", &[], &[(Observe, 5.0)]);
    let shown = samples(&host);
    for (sample, value) in [
        ("plugin_x{plugin=\"one\"}", "1"),
        ("plugin_x_gauge{plugin=\"two\"}", "2"),
        ("plugin_x_histogram_sum{plugin=\"three\"}", "3"),
        ("plugin_x_histogram_count_gauge{plugin=\"one\"}", "4"),
        ("plugin_x_gauge_histogram_sum{plugin=\"one\"}", "5"),
    ] {
        assert_eq!(shown.get(sample).map(String::as_str), Some(value), "{sample} of {shown:?}");
    }
    // A name is free again when no plugin uses it.
    host.services.metrics().forget(&"one".parse().unwrap());
    host.services.metrics().forget(&"two".parse().unwrap());
    measure(&host.plugin("four", ALL), Gauge, "x", &[], &[(Set, 6.0)]);
    assert_eq!(samples(&host)["plugin_x{plugin=\"four\"}"], "6");
}

#[tokio::test]
async fn a_histogram_with_changed_buckets_starts_from_zero() {
    let host = TestHost::start().await;
    let plugin = host.plugin("one", ALL);
    measure(&plugin, Histogram, "h", &[], &[(Observe, 1.0)]);
    let other = MetricDefinition { buckets: vec![10.0], ..definition(Histogram, "h", &[]) };
    plugin.services.metric(&other).unwrap();
    let shown = samples(&host);
    assert_eq!(shown["plugin_h_count{plugin=\"one\"}"], "0");
    assert!(shown.contains_key("plugin_h_bucket{plugin=\"one\",le=\"10\"}"), "{shown:?}");
}

#[tokio::test]
async fn a_histogram_without_buckets_gets_the_default_ones() {
    let host = TestHost::start().await;
    let plugin = host.plugin("one", ALL);
    let open = MetricDefinition { buckets: vec![], ..definition(Histogram, "h", &[]) };
    plugin.services.metric(&open).unwrap();
    assert!(samples(&host).contains_key("plugin_h_bucket{plugin=\"one\",le=\"0.005\"}"), "{:?}", samples(&host));
}

#[tokio::test]
async fn invalid_definitions_are_refused_with_a_reason() {
    let host = TestHost::start().await;
    let plugin = host.plugin("one", ALL);
    measure(&plugin, Counter, "taken", &[], &[]);
    let nine: Vec<String> = (0..9).map(|n| format!("l{n}")).collect();
    let nine: Vec<(&str, &str)> = nine.iter().map(|name| (name.as_str(), "")).collect();
    let long = "x".repeat(101);
    let buckets = |buckets: &[f64]| MetricDefinition { buckets: buckets.to_vec(), ..definition(Histogram, "h", &[]) };
    for (definition, says) in [
        (definition(Gauge, "taken", &[]), "is already a counter, not a gauge"),
        (definition(Gauge, "taken", &[("a", "b")]), "is already a counter, not a gauge"),
        (definition(Gauge, "", &[]), "the name of a metric"),
        (definition(Gauge, "A", &[]), "the name of a metric"),
        (definition(Gauge, "a\n# TYPE b gauge", &[]), "the name of a metric"),
        (definition(Gauge, &long[..65], &[]), "the name of a metric"),
        (definition(Gauge, "host_requests_total", &[]), "with the host's own"),
        (definition(Gauge, "g", &[("plugin", "two")]), "the name of a label"),
        (definition(Gauge, "g", &[("le", "1")]), "the name of a label"),
        (definition(Gauge, "g", &[("__name__", "x")]), "the name of a label"),
        (definition(Gauge, "g", &[("a", &long)]), "at most 100 bytes"),
        (definition(Gauge, "g", &nine), "at most 8 labels"),
        (buckets(&[1.0, 1.0]), "in increasing order"),
        (buckets(&[f64::NAN]), "in increasing order"),
        (buckets(&[0.0, f64::INFINITY]), "in increasing order"),
        (MetricDefinition { buckets: vec![1.0], ..definition(Gauge, "g", &[]) }, "a gauge cannot have buckets"),
    ] {
        let error = plugin.services.metric(&definition).unwrap_err();
        assert!(error.contains(says), "{definition:?}: {error}");
    }
    let error =
        host.plugin("two", "permissions: [kv.read]\n").services.metric(&definition(Gauge, "g", &[])).unwrap_err();
    assert!(error.contains("add `metrics.write` under `permissions`"), "{error}");
}

#[tokio::test]
async fn a_plugin_has_a_bounded_number_of_series() {
    let host = TestHost::start().await;
    let plugin = host.plugin("one", ALL);
    for n in 0..100 {
        measure(&plugin, Counter, "c", &[("n", &n.to_string())], &[(Add, 1.0)]);
    }
    let error = plugin.services.metric(&definition(Counter, "c", &[("n", "100")])).unwrap_err();
    assert!(error.contains("100 metric series"), "{error}");
    measure(&plugin, Counter, "c", &[("n", "99")], &[(Add, 1.0)]);
    measure(&host.plugin("two", ALL), Counter, "c", &[], &[(Add, 1.0)]);
    assert_eq!(samples(&host)["plugin_c{n=\"99\",plugin=\"one\"}"], "2");
}
