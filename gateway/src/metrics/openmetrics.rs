//! The OpenMetrics 1.0.0 text format, which the `prometheus` crate does not write.
//!
//! It differs from the Prometheus text format in what a counter's family is called (without `_total`) and in the
//! `# EOF` at the end.

use std::fmt::Write;

use prometheus::proto::{Metric, MetricFamily, MetricType};

/// All families as OpenMetrics text.
pub(super) fn encode(families: &[MetricFamily]) -> String {
    let mut text = String::new();
    for family in families {
        write_family(&mut text, family).expect("writing to a string cannot fail");
    }
    text.push_str("# EOF\n");
    text
}

fn write_family(text: &mut String, family: &MetricFamily) -> std::fmt::Result {
    let kind = family.get_field_type();
    let name = family.name();
    let (base, kind_name) = match kind {
        MetricType::COUNTER => (name.strip_suffix("_total").unwrap_or(name), "counter"),
        MetricType::HISTOGRAM => (name, "histogram"),
        _ => (name, "gauge"),
    };
    writeln!(text, "# TYPE {base} {kind_name}")?;
    writeln!(text, "# HELP {base} {}", escape(family.help()))?;
    for metric in family.get_metric() {
        match kind {
            MetricType::COUNTER => sample(text, &format!("{base}_total"), metric, metric.get_counter().get_value())?,
            MetricType::HISTOGRAM => write_histogram(text, base, metric)?,
            _ => sample(text, base, metric, metric.get_gauge().get_value())?,
        }
    }
    Ok(())
}

fn write_histogram(text: &mut String, name: &str, metric: &Metric) -> std::fmt::Result {
    let histogram = metric.get_histogram();
    let mut bucket = |bound: &str, count: u64| {
        write!(text, "{name}_bucket")?;
        write_labels(text, metric, Some(bound))?;
        writeln!(text, " {count}")
    };
    for entry in histogram.get_bucket() {
        // OpenMetrics wants a canonical float, which Rust's debug form is: 1.0, 1e-6, 0.002.
        bucket(&format!("{:?}", entry.upper_bound()), entry.cumulative_count())?;
    }
    bucket("+Inf", histogram.get_sample_count())?;
    sample(text, &format!("{name}_sum"), metric, histogram.get_sample_sum())?;
    #[allow(clippy::cast_precision_loss, reason = "a count of calls stays far below 2^53")]
    sample(text, &format!("{name}_count"), metric, histogram.get_sample_count() as f64)
}

fn sample(text: &mut String, name: &str, metric: &Metric, value: f64) -> std::fmt::Result {
    text.push_str(name);
    write_labels(text, metric, None)?;
    writeln!(text, " {value}")
}

fn write_labels(text: &mut String, metric: &Metric, bound: Option<&str>) -> std::fmt::Result {
    let labels = metric.get_label().iter().map(|label| (label.name(), label.value()));
    let mut separator = '{';
    for (name, value) in labels.chain(bound.map(|bound| ("le", bound))) {
        write!(text, "{separator}{name}=\"{}\"", escape(value))?;
        separator = ',';
    }
    if separator == ',' {
        text.push('}');
    }
    Ok(())
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
