//! A random calendar, held as sets instead of text, and what it is as a schedule.

use super::*;

#[derive(Clone, Debug)]
pub struct SetWindow {
    pub allow: bool,
    pub minutes: Vec<u8>,
    pub hours: Vec<u8>,
    /// Empty: `*`.
    pub month_days: Vec<u8>,
    pub months: Vec<u8>,
    /// 0 is Sunday.
    pub weekdays: Vec<u8>,
    pub length: usize,
    pub zone: Option<&'static str>,
}

impl SetWindow {
    pub fn opens(&self, civil: DateTime) -> bool {
        let has =
            |set: &[u8], value: i8| set.is_empty() || set.contains(&u8::try_from(value).unwrap());
        let month_day = has(&self.month_days, civil.day());
        let weekday = has(&self.weekdays, civil.weekday().to_sunday_zero_offset());
        let day = if self.month_days.is_empty() || self.weekdays.is_empty() {
            month_day && weekday
        } else {
            month_day || weekday
        };
        day && has(&self.months, civil.month())
            && has(&self.hours, civil.hour())
            && has(&self.minutes, civil.minute())
    }

    pub fn cron(&self) -> String {
        let field = |set: &[u8]| match set {
            [] => "*".to_owned(),
            set => set
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(","),
        };
        [
            &self.minutes,
            &self.hours,
            &self.month_days,
            &self.months,
            &self.weekdays,
        ]
        .map(|set| field(set))
        .join(" ")
    }
}

#[derive(Clone, Debug)]
pub struct SetShift {
    pub weekdays: Vec<u8>,
    pub from: u16,
    pub to: u16,
}

/// Days from the first walked day; minutes from the first walked minute.
#[derive(Clone, Debug)]
pub struct Case {
    pub zone: &'static str,
    pub base: Date,
    pub windows: Vec<SetWindow>,
    pub shifts: Vec<SetShift>,
    pub dates: Vec<(u8, u8)>,
    pub freezes: Vec<(usize, usize)>,
}

pub fn subset(values: std::ops::Range<u8>, most: usize) -> impl Strategy<Value = Vec<u8>> {
    let values: Vec<u8> = values.collect();
    prop_oneof![2 => Just(vec![]), 3 => subsequence(values, 1..=most)]
}

pub fn a_window() -> impl Strategy<Value = SetWindow> {
    let hours = prop_oneof![
        1 => Just(vec![]),
        3 => subsequence(vec![0_u8, 1, 2, 3, 23], 1..=3),
        2 => subsequence((0..24).collect::<Vec<u8>>(), 1..=3)
    ];
    let minutes = prop_oneof![
        4 => Just(vec![0_u8]),
        1 => Just(vec![]),
        3 => subsequence((0..60).collect::<Vec<u8>>(), 1..=3)
    ];
    let length = prop_oneof![
        1_usize..90,
        select(vec![30, 60, 120, 480, 1440, 1500, 1380]),
        1_usize..4000
    ];
    let zone = select(vec![
        None,
        None,
        None,
        Some("America/New_York"),
        Some("Asia/Kolkata"),
    ]);
    (
        any::<bool>(),
        minutes,
        hours,
        (subset(1..32, 10), subset(1..13, 11), subset(0..7, 5)),
        length,
        zone,
    )
        .prop_map(
            |(allow, minutes, hours, (month_days, months, weekdays), length, zone)| SetWindow {
                allow,
                minutes,
                hours,
                // Without the days that not every month has, so that the expression can happen.
                month_days: if months.is_empty() {
                    month_days
                } else {
                    month_days.into_iter().filter(|day| *day < 29).collect()
                },
                months,
                weekdays,
                length,
                zone,
            },
        )
}

pub fn a_case() -> impl Strategy<Value = Case> {
    let shift = (
        subsequence((0..7).collect::<Vec<u8>>(), 1..=7),
        0_u16..1440,
        0_u16..1440,
    );
    let near = prop_oneof![
        Just((360, 840)),
        Just((1320, 360)),
        Just((150, 150)),
        Just((90, 150))
    ];
    let shift = (shift, prop::option::of(near)).prop_map(|((weekdays, from, to), near)| {
        let (from, to) = near.unwrap_or((from, to));
        SetShift { weekdays, from, to }
    });
    (
        select(ODD.to_vec()),
        1_i32..9,
        prop::collection::vec(a_window(), 0..4),
        prop::collection::vec(shift, 0..4),
        prop::collection::vec((0_u8..12, 0_u8..3), 0..2),
        prop::collection::vec((0..SCAN, 1_usize..2000), 0..2),
    )
        .prop_map(
            |((zone, day), before, windows, shifts, dates, freezes)| Case {
                zone,
                base: day
                    .parse::<Date>()
                    .unwrap()
                    .checked_sub(before.days())
                    .unwrap(),
                windows,
                shifts,
                dates,
                freezes,
            },
        )
}

pub fn day(n: u8) -> Day {
    [
        Day::Sun,
        Day::Mon,
        Day::Tue,
        Day::Wed,
        Day::Thu,
        Day::Fri,
        Day::Sat,
    ][usize::from(n)]
}

impl Case {
    /// The instant of a walked minute.
    pub fn at(&self, minute: usize) -> Timestamp {
        let midnight = jiff::tz::Offset::UTC
            .to_timestamp(self.base.at(0, 0, 0, 0))
            .unwrap();
        midnight
            .checked_add(MINUTE * u32::try_from(minute).unwrap())
            .unwrap()
    }

    pub fn dates(&self) -> impl Iterator<Item = (Date, Date)> {
        self.dates.iter().map(|(from, days)| {
            let from = self.base.checked_add(i64::from(*from).days()).unwrap();
            (from, from.checked_add(i64::from(*days).days()).unwrap())
        })
    }

    pub fn schedule(&self) -> Schedule {
        let time = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        let window = |(n, set): (usize, &SetWindow)| Window {
            name: format!("w{n}"),
            kind: if set.allow {
                WindowKind::Allow
            } else {
                WindowKind::Deny
            },
            cron: set.cron(),
            duration: format!("{}m", set.length),
            time_zone: set.zone.map(str::to_owned),
        };
        let shift = |(n, set): (usize, &SetShift)| Shift {
            name: format!("s{n}"),
            days: set.weekdays.iter().map(|n| day(*n)).collect(),
            from: time(set.from),
            to: time(set.to),
        };
        let why = || ("r".to_owned(), "t".to_owned());
        Schedule {
            windows: self.windows.iter().enumerate().map(window).collect(),
            shifts: self.shifts.iter().enumerate().map(shift).collect(),
            not_allowed_dates: self
                .dates()
                .map(|(from, to)| NotAllowedDate {
                    from: from.to_string(),
                    to: to.to_string(),
                    reason: why().0,
                    reference: why().1,
                })
                .collect(),
            freezes: self
                .freezes
                .iter()
                .map(|(from, length)| Freeze {
                    name: None,
                    from: self.at(*from).to_string(),
                    to: self.at(from + length).to_string(),
                    reason: why().0,
                    ticket: why().1,
                })
                .collect(),
        }
    }

    pub fn calendar(&self) -> Calendar {
        Calendar::read(&self.schedule(), self.zone).unwrap()
    }
}
