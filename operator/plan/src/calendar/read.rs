//! Checks a schedule once and makes a calendar of it.

use super::checked::{Calendar, Named};
use super::clock::CivilClock;
use super::cron;
use super::days::Days;
use super::recurring::{End, Recurring};
use super::span::{Span, union};
use super::state::WindowReason;
use andon_api::duration;
use andon_api::{Day, Freeze, NotAllowedDate, PlantSiteSpec, Schedule, Shift, Window};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::time::Duration;

/// What is wrong with a schedule: field, value and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} \"{value}\": {remedy}")]
pub struct Problem {
    /// The field in the PlantSite's spec, for instance `schedule.windows[0].cron`.
    pub field: String,
    /// What was given.
    pub value: String,
    /// What is wrong and what would be right.
    pub remedy: String,
}

impl Calendar {
    /// The calendar of a plant; none: it has no schedule, so it may always be changed and always produces.
    pub fn of(plant: &PlantSiteSpec) -> Result<Option<Self>, Vec<Problem>> {
        let schedule = plant.schedule.as_ref();
        let calendar = schedule.map(|schedule| Self::read(schedule, &plant.time_zone));
        calendar.transpose()
    }

    /// Reads the schedule of a plant whose `timeZone` is `plant_zone`. All that is wrong is said at once.
    pub fn read(schedule: &Schedule, plant_zone: &str) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader::default();
        let zone = reader.zone("timeZone", plant_zone);
        let plant = zone.clone().unwrap_or(TimeZone::UTC);
        reader.zones.push((plant_zone.to_owned(), plant.clone()));
        reader.names(
            "windows",
            schedule.windows.iter().map(|window| Some(&window.name)),
        );
        reader.names(
            "shifts",
            schedule.shifts.iter().map(|shift| Some(&shift.name)),
        );
        reader.names(
            "freezes",
            schedule.freezes.iter().map(|freeze| freeze.name.as_ref()),
        );
        let windows: Vec<_> = each(&schedule.windows, |(n, window)| reader.window(n, window));
        let shifts: Vec<_> = each(&schedule.shifts, |(n, shift)| reader.shift(n, shift));
        let mut dated = each(&schedule.not_allowed_dates, |(n, date)| {
            reader.date(n, date, &plant)
        });
        dated.extend(each(&schedule.freezes, |(n, freeze)| {
            reader.freeze(n, freeze)
        }));
        if !reader.problems.is_empty() {
            return Err(reader.problems);
        }
        Ok(Self {
            zones: reader.zones.into_iter().map(|(_, zone)| zone).collect(),
            windows,
            shifts,
            shut: union(dated.iter().map(|(span, _)| *span).collect()),
            dated,
        })
    }
}

fn each<T, U>(items: &[T], read: impl FnMut((usize, &T)) -> Option<U>) -> Vec<U> {
    items.iter().enumerate().filter_map(read).collect()
}

#[derive(Default)]
struct Reader {
    problems: Vec<Problem>,
    zones: Vec<(String, TimeZone)>,
}

impl Reader {
    /// Notes a problem; `None`, so that a reader can end with it.
    fn wrong<T>(&mut self, field: &str, value: &str, remedy: impl Into<String>) -> Option<T> {
        self.problems.push(Problem {
            field: field.to_owned(),
            value: value.to_owned(),
            remedy: remedy.into(),
        });
        None
    }

    fn names<'n>(&mut self, list: &str, names: impl Iterator<Item = Option<&'n String>>) {
        let mut seen: Vec<&str> = Vec::new();
        for (n, name) in names.enumerate() {
            let Some(name) = name else { continue };
            let field = format!("schedule.{list}[{n}].name");
            if name.trim().is_empty() {
                self.wrong::<()>(&field, name, "must not be empty: it is shown as the reason");
            } else if seen.contains(&name.as_str()) {
                let remedy = format!("is used before in {list}; choose another name");
                self.wrong::<()>(&field, name, remedy);
            }
            seen.push(name);
        }
    }

    fn zone(&mut self, field: &str, name: &str) -> Option<TimeZone> {
        match TimeZone::get(name) {
            Ok(zone) if !zone.is_unknown() => Some(zone),
            _ => self.wrong(
                field,
                name,
                "is no known IANA time zone; write for instance Europe/Berlin or UTC",
            ),
        }
    }

    fn window(&mut self, n: usize, window: &Window) -> Option<Named> {
        let field = |name: &str| format!("schedule.windows[{n}].{name}");
        let cron = match cron::parse(&window.cron) {
            Ok(cron) => Some(cron),
            Err(remedy) => self.wrong(&field("cron"), &window.cron, remedy),
        };
        let duration = self.duration(&field("duration"), &window.duration);
        let zone = match &window.time_zone {
            None => Some(0),
            Some(name) => self.window_zone(&field("timeZone"), name),
        };
        let cron = cron?;
        Some(Named {
            name: window.name.clone(),
            kind: window.kind,
            zone: zone?,
            what: Recurring::new(cron.days, cron.times, End::After(duration?)),
        })
    }

    /// The index of a zone, which is added if it is new.
    fn window_zone(&mut self, field: &str, name: &str) -> Option<usize> {
        if let Some(n) = self.zones.iter().position(|(known, _)| known == name) {
            return Some(n);
        }
        let zone = self.zone(field, name)?;
        self.zones.push((name.to_owned(), zone));
        Some(self.zones.len() - 1)
    }

    fn duration(&mut self, field: &str, text: &str) -> Option<Duration> {
        match duration::parse(text) {
            Ok(duration) if duration.is_zero() => self.wrong(
                field,
                text,
                "a window of no length never opens; write for instance 8h, or take the window out",
            ),
            Ok(duration) => Some(duration),
            Err(_) => self.wrong(
                field,
                text,
                "must be a duration of at most 87600h, for instance 90s, 5m or 1h30m",
            ),
        }
    }

    fn shift(&mut self, n: usize, shift: &Shift) -> Option<Recurring> {
        let field = |name: &str| format!("schedule.shifts[{n}].{name}");
        if shift.days.is_empty() {
            self.wrong::<()>(
                &field("days"),
                "[]",
                "a shift without days never happens; write for instance [Mon, Tue], or take the shift out",
            );
        }
        let from = self.time_of_day(&field("from"), &shift.from);
        let to = self.time_of_day(&field("to"), &shift.to);
        let (from, to) = (from?, to?);
        let weekdays = shift.days.iter().fold(0, |bits, day| bits | bit(*day));
        (weekdays != 0)
            .then(|| Recurring::new(Days::weekly(weekdays), vec![from], End::At(to, to <= from)))
    }

    /// Minutes of the day.
    fn time_of_day(&mut self, field: &str, text: &str) -> Option<u16> {
        let remedy = if text == "24:00" {
            "write 00:00: an end that is not later than the beginning is on the next day"
        } else {
            "must be a time from 00:00 to 23:59 with two digits each, for instance 06:00"
        };
        let two = |part: &str, below: u16| {
            let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            let number = digits.then(|| part.parse::<u16>().ok()).flatten();
            number.filter(|number| *number < below)
        };
        let parts = text.split_once(':');
        match parts.map(|(hour, minute)| (two(hour, 24), two(minute, 60))) {
            Some((Some(hour), Some(minute))) => Some(hour * 60 + minute),
            _ => self.wrong(field, text, remedy),
        }
    }

    fn date(
        &mut self,
        n: usize,
        date: &NotAllowedDate,
        zone: &TimeZone,
    ) -> Option<(Span, WindowReason)> {
        let field = |name: &str| format!("schedule.notAllowedDates[{n}].{name}");
        let from = self.civil_date(&field("from"), &date.from);
        let to = self.civil_date(&field("to"), &date.to);
        let (from, to) = (from?, to?);
        if to < from {
            let remedy =
                format!("is before from ({from}); both days are included, so give the last one");
            return self.wrong(&field("to"), &date.to, remedy);
        }
        let mut clock = CivilClock::new(zone, Timestamp::UNIX_EPOCH);
        let mut start = |date: Date| clock.instant(date.at(0, 0, 0, 0));
        let span = Span {
            from: start(from),
            to: to.tomorrow().map_or(Timestamp::MAX, &mut start),
        };
        let reason = WindowReason::NotAllowedDate {
            reason: date.reason.clone(),
            reference: date.reference.clone(),
            from,
            to,
        };
        Some((span, reason))
    }

    fn civil_date(&mut self, field: &str, text: &str) -> Option<Date> {
        // The parser takes more forms than people should have to read.
        let plain = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        match text.parse::<Date>() {
            Ok(date) if plain => Some(date),
            _ => self.wrong(field, text, "must be a date, for instance 2026-12-24"),
        }
    }

    fn freeze(&mut self, n: usize, freeze: &Freeze) -> Option<(Span, WindowReason)> {
        let field = |name: &str| format!("schedule.freezes[{n}].{name}");
        let from = self.instant(&field("from"), &freeze.from);
        let to = self.instant(&field("to"), &freeze.to);
        let (from, to) = (from?, to?);
        if to <= from {
            let remedy = format!(
                "is not after from ({}); give the first instant after the freeze",
                freeze.from
            );
            return self.wrong(&field("to"), &freeze.to, remedy);
        }
        let reason = WindowReason::Freeze {
            name: freeze.name.clone(),
            reason: freeze.reason.clone(),
            ticket: freeze.ticket.clone(),
            until: to,
        };
        Some((Span { from, to }, reason))
    }

    fn instant(&mut self, field: &str, text: &str) -> Option<Timestamp> {
        match text.parse::<Timestamp>() {
            Ok(at) => Some(at),
            Err(_) => self.wrong(
                field,
                text,
                "must be an instant with offset (RFC 3339), for instance 2026-11-20T18:00:00+01:00",
            ),
        }
    }
}

/// Bit 0: Sunday.
fn bit(day: Day) -> u8 {
    match day {
        Day::Sun => 1,
        Day::Mon => 1 << 1,
        Day::Tue => 1 << 2,
        Day::Wed => 1 << 3,
        Day::Thu => 1 << 4,
        Day::Fri => 1 << 5,
        Day::Sat => 1 << 6,
    }
}
