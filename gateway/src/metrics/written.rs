//! The README's table of metrics.

use super::Metrics;
use crate::written::{check_region, table};

/// What is said of one metric.
pub(super) struct Row([String; 4]);

#[test]
fn the_readme_has_every_metric() {
    let rows = Metrics::new().registry.table.into_iter().map(|Row(cells)| cells);
    check_region("README.md", "metrics", &table(["metric", "type", "labels", "what it is"], rows));
}

// === impl Row ===

impl Row {
    pub(super) fn new((name, kind): (&str, &str), what: &str, labels: &[&str]) -> Self {
        let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
        Self([format!("`{name}`"), kind.to_owned(), labels.join(", "), what.to_owned()])
    }
}
