//! The Prometheus text format, as far as counters need it.

use std::collections::BTreeMap;

/// One series with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Name of the metric.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

/// Reads the series whose metric `wanted` names. A line that cannot be read is an error, for a reading must be whole.
pub fn parse(text: &str, wanted: impl Fn(&str) -> bool) -> Result<Vec<Sample>, String> {
    let mut samples = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        let end = line
            .find(|c: char| c == '{' || c.is_whitespace())
            .unwrap_or(line.len());
        if line.starts_with('#') || !wanted(&line[..end]) {
            continue;
        }
        let sample =
            sample(line, end).ok_or_else(|| format!("line {} is no sample: {line}", number + 1))?;
        samples.push(sample);
    }
    Ok(samples)
}

fn sample(line: &str, end: usize) -> Option<Sample> {
    let (name, rest) = line.split_at(end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (BTreeMap::new(), rest),
    };
    // After the value there may be a time stamp, or an exemplar after a `#`.
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample {
        name: name.to_owned(),
        labels,
        value,
    })
}

/// Labels up to the closing brace, and what follows it.
fn labels(mut rest: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, after) = rest.split_once('=')?;
        let (value, after) = quoted(after.trim_start().strip_prefix('"')?)?;
        labels.insert(name.trim().to_owned(), value);
        rest = after;
    }
}

/// Text up to the closing quote, with its escapes undone, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match chars.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
# HELP andon_posted_total Documents that the ERP took.
# TYPE andon_posted_total counter
andon_posted_total{stage="post",code="201",} 12.0
andon_posted_total{stage="post",code="a \"b\", {c}\\\n"} 3 1700000000000
andon_queue_depth 4
jvm_memory_bytes{area="heap"} not-a-number
andon_refused_total{reason="Schema"} 1 # {trace="x"} 1
"#;

    #[test]
    fn wanted_series_are_read_with_labels_time_stamps_and_exemplars() {
        let samples = parse(TEXT, |name| name.starts_with("andon_")).unwrap();
        let values: Vec<_> = samples
            .iter()
            .map(|it| (it.name.as_str(), it.value))
            .collect();
        let expected = [
            ("andon_posted_total", 12.0),
            ("andon_posted_total", 3.0),
            ("andon_queue_depth", 4.0),
            ("andon_refused_total", 1.0),
        ];
        assert_eq!(values, expected);
        assert_eq!(samples[1].labels["code"], "a \"b\", {c}\\\n");
        assert!(samples[2].labels.is_empty());
    }

    #[test]
    fn a_wanted_line_that_cannot_be_read_is_an_error() {
        for broken in ["x", "x{a=\"b\" 1", "x{a=b} 1", "x{a=\"b\"} ", "x one"] {
            let error = parse(broken, |name| name == "x").unwrap_err();
            assert!(error.contains("line 1"), "{error}");
        }
        assert!(parse(TEXT, |name| name == "jvm_memory_bytes").is_err());
    }
}
