//! Rates and limits as percent strings: `1%`, `0.5%`, `99.9%`.

/// Why a text is no percentage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{given}\" is no percentage above 0% and below 100%; write for instance 1% or 99.9%")]
pub struct PercentError {
    /// What was given.
    pub given: String,
}

/// The same rule as a pattern for schemas.
pub const PATTERN: &str = r"^([1-9][0-9]?(\.[0-9]{1,6})?|0\.[0-9]{0,5}[1-9])%$";

/// Parses a percent string into a share: `1%` is 0.01. Above 0 and below 1, since neither limit can be tested.
pub fn parse(text: &str) -> Result<f64, PercentError> {
    let error = || PercentError {
        given: text.to_owned(),
    };
    let number = text.strip_suffix('%').ok_or_else(error)?;
    let plain = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit() || c == '.');
    let value: f64 = number.parse().map_err(|_| error())?;
    if !plain || value <= 0.0 || value >= 100.0 {
        return Err(error());
    }
    // Through decimal places, so that 99.9 % gives exactly the double nearest to 0.999 and not 99.9 / 100.
    let places = number
        .split_once('.')
        .map_or(0, |(_, fraction)| fraction.len());
    let digits: f64 = number.replace('.', "").parse().map_err(|_| error())?;
    let power = i32::try_from(places).map_err(|_| error())?;
    Ok(digits / 10f64.powi(power + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_read() {
        for (text, share) in [
            ("1%", 0.01),
            ("0.5%", 0.005),
            ("99.9%", 0.999),
            ("10%", 0.1),
        ] {
            assert_eq!(parse(text), Ok(share), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "", "1", "0%", "100%", "-1%", "1.2.3%", "1e1%", "NaN%", "inf%", "%",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
