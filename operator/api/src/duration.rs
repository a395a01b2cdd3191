//! Durations as Go writes them: `90s`, `1h30m`, `1.5h`, `300ms`.

use std::time::Duration;

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{given}\" is no duration; write numbers with units, for instance 90s, 5m or 1h30m")]
pub struct DurationError {
    /// What was given.
    pub given: String,
}

/// The same rule as a pattern for schemas: units h, m, s, ms, each with a number, at least one.
pub const PATTERN: &str = r"^([0-9]{1,6}(\.[0-9]{1,6})?(ms|s|m|h))+$";

/// Parses a Go-format duration (units `h`, `m`, `s`, `ms`; no sign). At most 10 years, so that it can be added to any instant.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let error = || DurationError {
        given: text.to_owned(),
    };
    let mut rest = text;
    let mut seconds = 0.0_f64;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(error)?;
        let number: f64 = rest[..digits].parse().map_err(|_| error())?;
        rest = &rest[digits..];
        let unit = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        seconds += number
            * match &rest[..unit] {
                "ms" => 0.001,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                _ => return Err(error()),
            };
        rest = &rest[unit..];
    }
    const TEN_YEARS: f64 = 10.0 * 366.0 * 86_400.0;
    if text.is_empty() || !(0.0..=TEN_YEARS).contains(&seconds) {
        return Err(error());
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// Writes a duration as a person would: `45s`, `5m`, `1h30m`.
pub fn display(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds == 0 && duration.subsec_millis() > 0 {
        return format!("{}ms", duration.subsec_millis());
    }
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut text = String::new();
    for (number, unit) in [(h, 'h'), (m, 'm'), (s, 's')] {
        if number > 0 {
            text.push_str(&format!("{number}{unit}"));
        }
    }
    if text.is_empty() {
        "0s".to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_durations_are_read() {
        for (text, millis) in [
            ("90s", 90_000),
            ("1h30m", 5_400_000),
            ("300ms", 300),
            ("1.5h", 5_400_000),
            ("0s", 0),
        ] {
            assert_eq!(parse(text).map(|d| d.as_millis()), Ok(millis), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_what_was_given() {
        for text in [
            "",
            "90",
            "s",
            "-5s",
            "1d",
            "5 m",
            "1h-3m",
            "..s",
            "1e9h",
            "999999999h",
        ] {
            assert_eq!(
                parse(text),
                Err(DurationError {
                    given: text.to_owned()
                }),
                "{text}"
            );
        }
    }

    #[test]
    fn durations_are_written_for_people() {
        for text in ["0s", "45s", "5m", "1h30m", "300ms"] {
            assert_eq!(parse(text).map(display).as_deref(), Ok(text));
        }
    }
}
