//! Takes a label out of metrics by adding up those that differ in it alone.

use prometheus::proto::{Bucket, Counter, Histogram, Metric, MetricFamily, MetricType};

/// The families without the label.
pub(super) fn without_label(mut families: Vec<MetricFamily>, label: &str) -> Vec<MetricFamily> {
    for family in &mut families {
        let kind = family.get_field_type();
        let metrics = std::mem::take(family.mut_metric());
        family.set_metric(merged(metrics, kind, label));
    }
    families
}

fn merged(metrics: Vec<Metric>, kind: MetricType, label: &str) -> Vec<Metric> {
    let mut all: Vec<Metric> = Vec::with_capacity(metrics.len());
    for mut metric in metrics {
        let labels = metric.take_label().into_iter().filter(|pair| pair.name() != label).collect();
        metric.set_label(labels);
        match all.iter_mut().find(|other| other.get_label() == metric.get_label()) {
            Some(other) => add(other, &metric, kind),
            None => all.push(metric),
        }
    }
    all
}

fn add(to: &mut Metric, from: &Metric, kind: MetricType) {
    match kind {
        MetricType::COUNTER => {
            let mut counter = Counter::default();
            counter.set_value(to.get_counter().get_value() + from.get_counter().get_value());
            to.set_counter(counter);
        }
        MetricType::HISTOGRAM => {
            let sum = sum(to.get_histogram(), from.get_histogram());
            to.set_histogram(sum);
        }
        // Gauges are never kept apart: what a gauge shows is not the sum of what others show.
        _ => {}
    }
}

/// Both have the same buckets, as they are of one family.
fn sum(a: &Histogram, b: &Histogram) -> Histogram {
    let bucket = |(a, b): (&Bucket, &Bucket)| {
        let mut bucket = a.clone();
        bucket.set_cumulative_count(a.cumulative_count() + b.cumulative_count());
        bucket
    };
    let mut histogram = Histogram::default();
    histogram.set_bucket(a.get_bucket().iter().zip(b.get_bucket()).map(bucket).collect());
    histogram.set_sample_count(a.get_sample_count() + b.get_sample_count());
    histogram.set_sample_sum(a.get_sample_sum() + b.get_sample_sum());
    histogram
}

#[cfg(test)]
mod tests {
    use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder};

    use super::*;

    #[test]
    fn what_differs_in_the_label_alone_is_added_up() {
        let registry = Registry::new();
        let counters = IntCounterVec::new(Opts::new("c", "c"), &["plugin", "worker"]).expect("valid");
        let histograms =
            HistogramVec::new(HistogramOpts::new("h", "h").buckets(vec![1.0]), &["worker"]).expect("valid");
        registry.register(Box::new(counters.clone())).expect("new");
        registry.register(Box::new(histograms.clone())).expect("new");
        for (plugin, worker, count) in [("a", "0", 1), ("a", "1", 2), ("b", "1", 5)] {
            counters.with_label_values(&[plugin, worker]).inc_by(count);
        }
        for (worker, value) in [("0", 0.5), ("1", 0.5), ("1", 3.0)] {
            histograms.with_label_values(&[worker]).observe(value);
        }
        let families = without_label(registry.gather(), "worker");
        let text = TextEncoder::new().encode_to_string(&families).expect("encodes");
        let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let expected = [
            "c{plugin=\"a\"} 3",
            "c{plugin=\"b\"} 5",
            "h_bucket{le=\"1\"} 2",
            "h_bucket{le=\"+Inf\"} 3",
            "h_sum 4",
            "h_count 3",
        ];
        assert_eq!(samples, expected);
    }
}
