//! Five-field cron expressions: which civil times of which dates.
//!
//! Why not a library: the calendar asks for *spans* (what covers this instant? until when, with everything that touches joined?),
//! for which it needs the fields and not a list of firings; and the libraries' rules at clock changes differ from pattern to pattern
//! (croner, cron-utils and Vixie cron treat `0 2,14 * * *` or `0 * * * *` unlike `0 2 * * *`), where a window must open exactly once.
//!
//! What is read: crontab(5): numbers, ranges, lists, steps on `*` or a range, `JAN`-`DEC`, `SUN`-`SAT` in any case, Sunday as 0 or 7.
//! Day of month and day of week both restricted: either suffices. Whatever crons disagree on is refused, with what to write instead.

use super::days::Days;

/// A cron expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cron {
    /// Minutes of the day, ascending, at least one.
    pub times: Vec<u16>,
    pub days: Days,
}

struct Field {
    name: &'static str,
    low: u8,
    high: u8,
    /// Names of the values from `low` on.
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    field("minute", 0, 59, &[]),
    field("hour", 0, 23, &[]),
    field("day of month", 1, 31, &[]),
    field("month", 1, 12, &MONTHS),
    field("day of week", 0, 7, &WEEKDAYS),
];
const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const MACROS: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

const fn field(name: &'static str, low: u8, high: u8, names: &'static [&'static str]) -> Field {
    Field {
        name,
        low,
        high,
        names,
    }
}

/// How a field is restricted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// `*`
    Every,
    /// `*/2`: restricted for some crons and not for others.
    Stepped,
    /// Anything else.
    Listed,
}

/// Reads an expression; the error says what would be right.
pub(super) fn parse(text: &str) -> Result<Cron, String> {
    let text = text.trim();
    if text.starts_with('@') {
        let same = MACROS
            .iter()
            .find(|(name, _)| text.eq_ignore_ascii_case(name))
            .map_or("0 6 * * 1-5", |(_, cron)| cron);
        return Err(format!(
            "names that begin with @ are not read; write the five fields, for instance {same}"
        ));
    }
    if text.contains("TZ=") {
        return Err("the time zone belongs in timeZone, not in the expression".to_owned());
    }
    let parts: Vec<&str> = text.split_whitespace().collect();
    let parts: [&str; 5] = parts.try_into().map_err(|parts: Vec<&str>| {
        let why = if parts.len() == 6 {
            "; seconds and years are not read"
        } else {
            ""
        };
        format!(
            "must be five fields (minute, hour, day of month, month, day of week), not {}{why}; for instance 0 6 * * 1-5",
            parts.len()
        )
    })?;
    let mut bits = [0_u64; 5];
    let mut shapes = [Shape::Every; 5];
    for (n, field) in FIELDS.iter().enumerate() {
        (bits[n], shapes[n]) = field.parse(parts[n])?;
    }
    let days = days(bits, shapes)?;
    let hours = (0..24).filter(|hour| bits[1] >> hour & 1 == 1);
    let times = hours
        .flat_map(|hour| {
            let minutes = (0..60).filter(|minute| bits[0] >> minute & 1 == 1);
            minutes.map(move |minute| hour * 60 + minute)
        })
        .collect();
    Ok(Cron { times, days })
}

fn days(bits: [u64; 5], shapes: [Shape; 5]) -> Result<Days, String> {
    let both = (shapes[2], shapes[4]);
    if both.0 != Shape::Every && both.1 != Shape::Every && both != (Shape::Listed, Shape::Listed) {
        return Err(
            "a step on * in day of month or day of week, with the other restricted too, means \"both\" to Vixie cron and \
             \"either\" to Kubernetes; write the days out, for instance 1-31/2 instead of */2, for \"either\""
                .to_owned(),
        );
    }
    let narrow = |n: usize| u32::try_from(bits[n]).unwrap_or(u32::MAX);
    let days = Days {
        months: u16::try_from(bits[3]).unwrap_or(u16::MAX),
        month_days: narrow(2),
        // 7 is Sunday as well.
        weekdays: u8::try_from((bits[4] | bits[4] >> 7) & 0x7f).unwrap_or(u8::MAX),
        either: both == (Shape::Listed, Shape::Listed),
    };
    // Every date that ever happens happens in a leap year, weekdays aside; and a weekday alone happens in every month.
    let leap = jiff::civil::date(2000, 1, 1);
    match days.on_or_after(leap) {
        Some(date) if date.year() == leap.year() => Ok(days),
        _ => Err(
            "no month that it names has such a day, so it never opens; correct day of month or month"
                .to_owned(),
        ),
    }
}

impl Field {
    fn parse(&self, text: &str) -> Result<(u64, Shape), String> {
        let mut bits = 0;
        let mut shape = Shape::Listed;
        let mut items = 0;
        for item in text.split(',') {
            items += 1;
            let (range, step) = match item.split_once('/') {
                Some((range, step)) => (range, Some(self.step(step)?)),
                None => (item, None),
            };
            let (low, high) = if range == "*" {
                shape = match step {
                    None | Some(1) => Shape::Every,
                    Some(_) => Shape::Stepped,
                };
                // Day of week ends at 6 here: 7 would be Sunday a second time and break the step.
                (self.low, self.high.min(self.low + self.count() - 1))
            } else {
                self.range(range, step)?
            };
            for value in (low..=high).step_by(usize::from(step.unwrap_or(1))) {
                bits |= 1_u64 << value;
            }
        }
        if shape != Shape::Listed && items > 1 {
            return Err(format!(
                "{} \"{text}\" has * in a list; write * alone, or the values without it",
                self.name
            ));
        }
        Ok((bits, shape))
    }

    fn range(&self, range: &str, step: Option<u8>) -> Result<(u8, u8), String> {
        let Some((low, high)) = range.split_once('-') else {
            let value = self.value(range)?;
            return match step {
                None => Ok((value, value)),
                Some(step) => Err(format!(
                    "{} \"{range}/{step}\" has a step but no range; write {range}-{}/{step}",
                    self.name, self.high
                )),
            };
        };
        let (from, to) = (self.value(low)?, self.value(high)?);
        // FRI-SUN: as the end of a range, Sunday is 7.
        let to = if to == 0 && self.high == 7 && from > 0 {
            7
        } else {
            to
        };
        if from <= to {
            return Ok((from, to));
        }
        Err(format!(
            "{} \"{range}\" runs backwards; write two ranges: {low}-{},{}-{high}",
            self.name,
            self.low + self.count() - 1,
            self.low
        ))
    }

    fn value(&self, text: &str) -> Result<u8, String> {
        let named = self
            .names
            .iter()
            .position(|name| name.eq_ignore_ascii_case(text));
        let value = match named {
            Some(n) => u8::try_from(n).ok().map(|n| self.low + n),
            None => digits(text),
        };
        value
            .filter(|value| (self.low..=self.high).contains(value))
            .ok_or_else(|| {
                let names = match (self.names.first(), self.names.last()) {
                    (Some(first), Some(last)) => format!(" or {first} to {last}"),
                    _ => String::new(),
                };
                format!(
                    "{} \"{text}\" must be *, {} to {}{names}, a range, a list, or a step on * or a range",
                    self.name, self.low, self.high
                )
            })
    }

    fn step(&self, text: &str) -> Result<u8, String> {
        digits(text)
            .filter(|step| (1..self.count()).contains(step))
            .ok_or_else(|| {
                format!(
                    "the step \"{text}\" of {} must be 1 to {}",
                    self.name,
                    self.count() - 1
                )
            })
    }

    /// How many different values there are.
    fn count(&self) -> u8 {
        (self.high - self.low + 1).min(if self.high == 7 { 7 } else { u8::MAX })
    }
}

/// A number of one or two digits; no sign.
fn digits(text: &str) -> Option<u8> {
    let plain = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}
