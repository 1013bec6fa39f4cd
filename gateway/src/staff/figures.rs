//! The live figures of this process, from the text that our own metrics recorder writes for Prometheus; it reads no
//! other.

use std::collections::BTreeMap;

/// One series: its labels and its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series<'a> {
    pub(super) name: &'a str,
    pub(super) labels: Vec<(&'a str, &'a str)>,
    pub(super) value: f64,
}

impl Series<'_> {
    pub(super) fn label(&self, name: &str) -> &str {
        self.labels.iter().find(|(label, _)| *label == name).map_or("", |(_, value)| value)
    }
}

/// Every series; our labels hold no quotation mark and no comma.
pub(super) fn read(text: &str) -> Vec<Series<'_>> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(series).collect()
}

fn series(line: &str) -> Option<Series<'_>> {
    let (told, value) = line.rsplit_once(' ')?;
    let value = value.parse().ok()?;
    let Some((name, labels)) = told.split_once('{') else {
        return Some(Series { name: told, labels: Vec::new(), value });
    };
    let labels = labels.strip_suffix('}')?.split(',').filter(|label| !label.is_empty());
    let pair = |label| {
        let (name, value): (&str, &str) = str::split_once(label, '=')?;
        Some((name, value.trim_matches('"')))
    };
    Some(Series { name, labels: labels.map(pair).collect::<Option<_>>()?, value })
}

/// The sum of the series of a name.
pub(super) fn sum(series: &[Series<'_>], name: &str) -> f64 {
    series.iter().filter(|series| series.name == name).map(|series| series.value).sum()
}

/// The sums of the series of a name, by the value of a label.
pub(super) fn by<'a>(series: &'a [Series<'_>], name: &str, label: &str) -> BTreeMap<&'a str, f64> {
    let mut sums = BTreeMap::new();
    for series in series.iter().filter(|series| series.name == name) {
        *sums.entry(series.label(label)).or_default() += series.value;
    }
    sums
}

/// The value below which a share of a histogram lies, by a straight line within its bucket, as Prometheus'
/// `histogram_quantile` has it; none of nothing. Past the last bound it is that bound.
pub(super) fn quantile(series: &[Series<'_>], name: &str, class: &str, share: f64) -> Option<f64> {
    let of_class = |series: &&Series<'_>| series.name == name && series.label("class") == class;
    let bound = |series: &Series<'_>| Some((series.label("le").parse::<f64>().ok()?, series.value));
    let mut buckets: Vec<(f64, f64)> = series.iter().filter(of_class).filter_map(bound).collect();
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    let all = buckets.last().map(|(_, count)| *count).filter(|all| *all > 0.0)?;
    let rank = share * all;
    let (mut lower, mut below) = (0.0, 0.0);
    for (upper, count) in buckets {
        if count >= rank {
            let part = if count > below { (rank - below) / (count - below) } else { 1.0 };
            return Some(if upper.is_finite() { lower + (upper - lower) * part } else { lower });
        }
        (lower, below) = (upper, count);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# TYPE http_requests_total counter\n\
        http_requests_total{class=\"pages\",status=\"2xx\"} 90\nhttp_requests_total{class=\"pages\",status=\"4xx\"} 10\n\
        http_requests_total{class=\"api\",status=\"2xx\"} 5\n\nconnections_open 3\n\
        http_request_seconds_bucket{class=\"pages\",le=\"0.001\"} 50\n\
        http_request_seconds_bucket{class=\"pages\",le=\"0.01\"} 90\n\
        http_request_seconds_bucket{class=\"pages\",le=\"+Inf\"} 100\n";

    #[test]
    fn our_own_metrics_are_read_and_summed() {
        let series = read(TEXT);
        assert_eq!(series.len(), 7);
        assert_eq!((sum(&series, "connections_open"), sum(&series, "http_requests_total")), (3.0, 105.0));
        assert_eq!(
            by(&series, "http_requests_total", "class"),
            BTreeMap::from([("pages", 100.0), ("api", 5.0)])
        );
    }

    #[test]
    fn quantiles_lie_on_a_line_within_their_bucket() {
        let series = read(TEXT);
        let told = |share| quantile(&series, "http_request_seconds_bucket", "pages", share);
        assert_eq!((told(0.5), told(0.25)), (Some(0.001), Some(0.0005)));
        assert!((told(0.7).unwrap() - 0.0055).abs() < 1e-9);
        assert_eq!(told(0.99), Some(0.01), "past the last bound");
        assert_eq!(quantile(&series, "http_request_seconds_bucket", "api", 0.5), None);
    }
}
