//! What `/metrics` says.

use std::collections::BTreeMap;

/// Samples in the Prometheus text format.
pub(crate) struct Metrics {
    text: String,
    samples: Vec<Sample>,
}

pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

// === impl Metrics ===

impl Metrics {
    pub(crate) fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self { text: text.to_owned(), samples: lines.map(Sample::parse).collect() }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The value of a metric without labels.
    pub(crate) fn value(&self, name: &str) -> u64 {
        assert!(self.has(name), "there is no {name}:\n{}", self.text);
        self.sum(name, &[])
    }

    /// The sum over all samples of the name that have these labels; 0 if there are none.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let has = |sample: &&Sample| {
            labels.iter().all(|(label, value)| sample.labels.get(*label).is_some_and(|own| own == value))
        };
        self.samples.iter().filter(|sample| sample.name == name).filter(has).map(|sample| sample.value as u64).sum()
    }

    pub(crate) fn has_label(&self, name: &str, label: &str) -> bool {
        self.samples.iter().any(|sample| sample.name == name && sample.labels.contains_key(label))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.samples.iter().any(|sample| sample.name == name)
    }
}

// === impl Sample ===

impl Sample {
    /// Reads one line. No label value of the gateway has a comma or a quote in it.
    pub(crate) fn parse(line: &str) -> Self {
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let labels = labels.strip_suffix('}').unwrap_or_else(|| panic!("labels do not end: {line}"));
        let pair = |pair: &str| {
            let (label, value) = pair.split_once('=').unwrap_or_else(|| panic!("no label: {line}"));
            let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
            (label.to_owned(), value.unwrap_or_else(|| panic!("no quotes: {line}")).to_owned())
        };
        Self {
            name: name.to_owned(),
            labels: labels.split(',').filter(|pair| !pair.is_empty()).map(pair).collect(),
            value: value.parse().unwrap_or_else(|_| panic!("no number: {line}")),
        }
    }
}
