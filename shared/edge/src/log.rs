//! The log: one JSON line per event. A line also says which of its fields are metrics, in CloudWatch's embedded metric
//! format, so metrics need no second line and no call.

use std::fmt;
use std::io::Write;

use chrono::{SecondsFormat, Utc};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;

/// The metrics of each operation, with CloudWatch's units.
const OF_AN_OPERATION: [Metric; 5] = [
    Metric { name: "duration_ms", unit: "Milliseconds" },
    Metric { name: "client_errors", unit: "Count" },
    Metric { name: "server_errors", unit: "Count" },
    Metric { name: "read_units", unit: "Count" },
    Metric { name: "write_units", unit: "Count" },
];
/// The metrics of the service as a whole: each metric of each operation has a price of its own.
const OF_THE_SERVICE: [Metric; 5] = [
    Metric { name: "dynamodb_retries", unit: "Count" },
    Metric { name: "dynamodb_throttles", unit: "Count" },
    Metric { name: "dynamodb_errors", unit: "Count" },
    Metric { name: "statistics_differing", unit: "Count" },
    Metric { name: "unreadable_records", unit: "Count" },
];

/// A field that CloudWatch takes as a metric.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    name: &'static str,
    unit: &'static str,
}

/// Metrics with the same dimensions.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive<'a> {
    namespace: &'a str,
    /// One set of dimensions.
    dimensions: [&'a [&'a str]; 1],
    metrics: Vec<Metric>,
}

/// The part of a line that tells CloudWatch which fields are metrics.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metrics<'a> {
    /// Milliseconds since 1970-01-01 UTC.
    timestamp: i64,
    cloud_watch_metrics: Vec<Directive<'a>>,
}

/// The namespace in which CloudWatch keeps the metrics.
#[derive(Debug, Clone)]
pub struct MetricsNamespace(String);

impl MetricsNamespace {
    /// Reads a namespace: 1 to 255 of `A–Z a–z 0–9 . _ - / # :`, not beginning with `AWS/`.
    ///
    /// # Errors
    /// One line, if it is not a namespace.
    pub fn parse(text: &str) -> Result<Self, String> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/#:".contains(&byte);
        if (1..=255).contains(&text.len()) && text.bytes().all(legal) && !text.starts_with("AWS/") {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "METRICS_NAMESPACE is '{text}'; it must be 1 to 255 of A-Z a-z 0-9 . _ - / # : and not begin with AWS/"
        ))
    }
}

/// The filter of a log. It takes the service's events from `level` up (`error`, `warn`, `info`, `debug`, `trace` or
/// `off`; `info` if not given). Of libraries it takes only errors, because at other levels they write out requests and
/// answers, which hold notes about people. Functions log nothing below `info`, and a release build leaves out what
/// libraries log there (`release_max_level_info` of `tracing`): 0.4 MB a function.
///
/// # Errors
/// One line if `level` is none of these.
pub fn log_filter(level: Option<&str>) -> Result<Targets, String> {
    let level = match level {
        None => LevelFilter::INFO,
        Some(text) => text
            .parse()
            .map_err(|_| format!("LOG_LEVEL is '{text}'; it must be error, warn, info, debug, trace or off"))?,
    };
    Ok(Targets::new().with_target("coaching", level).with_default(level.min(LevelFilter::ERROR)))
}

/// A log that writes the events that pass `filter` as JSON lines to `writer`, with metrics in `namespace`, if there is
/// one.
pub fn log_lines<W>(filter: Targets, namespace: Option<MetricsNamespace>, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().event_format(JsonLines { namespace }).with_writer(writer);
    tracing_subscriber::registry().with(filter).with(lines)
}

/// Writes an event as one JSON object.
struct JsonLines {
    namespace: Option<MetricsNamespace>,
}

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let line = self.line(event).map_err(|_| fmt::Error)?;
        writeln!(writer, "{}", String::from_utf8_lossy(&line))
    }
}

impl JsonLines {
    fn line(&self, event: &Event<'_>) -> serde_json::Result<Vec<u8>> {
        let now = Utc::now();
        let mut line = Vec::with_capacity(1024);
        let mut serializer = serde_json::Serializer::new(&mut line);
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("timestamp", &now.to_rfc3339_opts(SecondsFormat::Millis, true))?;
        object.serialize_entry("level", event.metadata().level().as_str())?;
        let mut fields = Fields { object, failed: None };
        event.record(&mut fields);
        let Fields { mut object, failed } = fields;
        if let Some(error) = failed {
            return Err(error);
        }
        if let Some(metrics) = self.metrics(event, now.timestamp_millis()) {
            object.serialize_entry("_aws", &metrics)?;
        }
        object.end()?;
        line.flush().map_err(serde_json::Error::io)?;
        Ok(line)
    }

    /// The part of the line for CloudWatch; `None` if no field of `event` is a metric.
    fn metrics(&self, event: &Event<'_>, timestamp: i64) -> Option<Metrics<'_>> {
        let MetricsNamespace(namespace) = self.namespace.as_ref()?;
        let fields = event.metadata().fields();
        let directive = |dimensions, metrics: &[Metric]| {
            let metrics = metrics.iter().filter(|metric| fields.field(metric.name).is_some()).copied();
            Directive { namespace, dimensions: [dimensions], metrics: metrics.collect() }
        };
        let directives = [directive(&["operation"][..], &OF_AN_OPERATION), directive(&[], &OF_THE_SERVICE)];
        let measured = directives.into_iter().filter(|directive| !directive.metrics.is_empty());
        let cloud_watch_metrics: Vec<Directive<'_>> = measured.collect();
        (!cloud_watch_metrics.is_empty()).then_some(Metrics { timestamp, cloud_watch_metrics })
    }
}

/// The fields of an event as entries of an object.
struct Fields<M: SerializeMap> {
    object: M,
    failed: Option<M::Error>,
}

impl<M: SerializeMap> Fields<M> {
    fn entry(&mut self, field: &Field, value: &(impl serde::Serialize + ?Sized)) {
        if let Err(error) = self.object.serialize_entry(field.name(), value) {
            self.failed = Some(error);
        }
    }
}

impl<M: SerializeMap> Visit for Fields<M> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.entry(field, &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.entry(field, &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.entry(field, &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.entry(field, &value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.entry(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.entry(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(line)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// The lines that `log` writes.
    fn lines(namespace: Option<&str>, log: impl FnOnce()) -> Vec<Value> {
        let written = Written::default();
        let to = written.clone();
        let namespace = namespace.map(|text| MetricsNamespace::parse(text).unwrap());
        let log_lines = log_lines(log_filter(None).unwrap(), namespace, move || to.clone());
        tracing::subscriber::with_default(log_lines, log);
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn an_event_is_one_line_with_its_fields_as_they_are() {
        let lines = lines(None, || {
            let (absent, quotes) = (None::<&str>, "two \"lines\"\nof text");
            tracing::info!(quotes, absent, count = 3_u64, half = 0.5, cold_start = true, "done {}", 1);
            tracing::debug!("not logged");
        });
        let [line] = &lines[..] else { panic!("{lines:?}") };
        let mut line = line.clone();
        let timestamp = line.as_object_mut().unwrap().remove("timestamp").unwrap();
        assert!(chrono::DateTime::parse_from_rfc3339(timestamp.as_str().unwrap()).is_ok());
        let expected = json!({
            "level": "INFO",
            "message": "done 1",
            "quotes": "two \"lines\"\nof text",
            "count": 3,
            "half": 0.5,
            "cold_start": true,
        });
        assert_eq!(line, expected);
    }

    #[test]
    fn only_in_a_namespace_and_only_what_is_measured_becomes_a_metric() {
        let log = || {
            tracing::info!(operation = "get-plan", duration_ms = 1.5, dynamodb_errors = 0_u64, calls = 2_u64);
            tracing::warn!(statistics_differing = 4_u64, "differing");
            tracing::warn!("nothing to measure");
        };
        for line in lines(None, log) {
            assert!(line.get("_aws").is_none(), "{line}");
        }
        let lines = lines(Some("Coaching/test"), log);
        let [request, rebuild, other] = &lines[..] else { panic!("{lines:?}") };
        assert!(request["_aws"]["Timestamp"].as_i64().is_some_and(|ms| ms > 1_700_000_000_000), "{request}");
        let directives = json!([
            {
                "Namespace": "Coaching/test",
                "Dimensions": [["operation"]],
                "Metrics": [{"Name": "duration_ms", "Unit": "Milliseconds"}],
            },
            {
                "Namespace": "Coaching/test",
                "Dimensions": [[]],
                "Metrics": [{"Name": "dynamodb_errors", "Unit": "Count"}],
            },
        ]);
        assert_eq!(request["_aws"]["CloudWatchMetrics"], directives);
        assert_eq!(rebuild["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"], "statistics_differing");
        assert!(other.get("_aws").is_none(), "{other}");
    }

    #[test]
    fn a_namespace_is_what_cloudwatch_takes() {
        for legal in ["Coaching", "Coaching/prod", "a.b_c-d#e:f", &"x".repeat(255)] {
            assert!(MetricsNamespace::parse(legal).is_ok(), "{legal}");
        }
        for illegal in ["", "AWS/Coaching", "two words", "é", &"x".repeat(256)] {
            assert!(MetricsNamespace::parse(illegal).unwrap_err().contains("METRICS_NAMESPACE"), "{illegal}");
        }
    }
}
