//! Prometheus' text format, version 0.0.4: metric families with help and type, followed by their samples.

use std::fmt::Write as _;
use std::time::Duration;

/// The type of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MetricType {
    /// Can go up and down.
    Gauge,
    /// Only goes up until the process restarts. The name ends with `_total`.
    Counter,
}

/// The buffer of the exposition.
#[derive(Debug, Default)]
pub(super) struct Text(String);

impl Text {
    pub(super) fn into_string(self) -> String {
        self.0
    }

    /// Begins a family; its samples follow.
    pub(super) fn family(&mut self, name: &str, kind: MetricType, help: &str) {
        debug_assert_eq!(
            kind == MetricType::Counter,
            name.ends_with("_total"),
            "{name}"
        );
        let kind = match kind {
            MetricType::Gauge => "gauge",
            MetricType::Counter => "counter",
        };
        let help = escaped(help, false);
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// Adds a sample to the current family.
    pub(super) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        self.0.push_str(name);
        for (at, (label, word)) in labels.iter().enumerate() {
            let open = if at == 0 { '{' } else { ',' };
            let word = escaped(word, true);
            let _ = write!(self.0, "{open}{label}=\"{word}\"");
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }

    /// Adds a sample in seconds.
    pub(super) fn sample_seconds(&mut self, name: &str, value: Duration) {
        let _ = writeln!(self.0, "{name} {:.3}", value.as_secs_f64());
    }

    /// A gauge without labels.
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, MetricType::Gauge, help);
        self.sample(name, &[], value);
    }

    /// A counter without labels.
    pub(super) fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, MetricType::Counter, help);
        self.sample(name, &[], value);
    }

    /// A gauge in seconds.
    pub(super) fn seconds(&mut self, name: &str, help: &str, value: Duration) {
        self.family(name, MetricType::Gauge, help);
        self.sample_seconds(name, value);
    }
}

/// Escapes backslashes and newlines, and quotes in labels.
fn escaped(text: &str, label: bool) -> String {
    let text = text.replace('\\', "\\\\").replace('\n', "\\n");
    if label {
        text.replace('"', "\\\"")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_follow_the_exposition_format() {
        let mut text = Text::default();
        text.family("a_total", MetricType::Counter, "What \"a\" is,\nwith a \\.");
        text.sample("a_total", &[("x", "1\"\\\n"), ("y", "")], 7);
        text.seconds("b_seconds", "How long.", Duration::from_millis(1_500));
        let expected = concat!(
            "# HELP a_total What \"a\" is,\\nwith a \\\\.\n",
            "# TYPE a_total counter\n",
            "a_total{x=\"1\\\"\\\\\\n\",y=\"\"} 7\n",
            "# HELP b_seconds How long.\n# TYPE b_seconds gauge\nb_seconds 1.500\n",
        );
        assert_eq!(text.into_string(), expected);
    }
}
