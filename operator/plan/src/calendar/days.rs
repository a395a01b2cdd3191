//! Which dates match, by month, day of month and weekday.

use jiff::civil::Date;

const MONTHS: u16 = 0b1_1111_1111_1110;
const MONTH_DAYS: u32 = 0xffff_fffe;
const WEEKDAYS: u8 = 0b111_1111;

/// A set of dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Days {
    /// Bits 1 to 12.
    pub months: u16,
    /// Bits 1 to 31.
    pub month_days: u32,
    /// Bits 0 (Sunday) to 6.
    pub weekdays: u8,
    /// A date matches if its day of month *or* its weekday does; else it needs both.
    pub either: bool,
}

impl Days {
    /// The same weekdays all the year round (bit 0: Sunday).
    pub fn weekly(weekdays: u8) -> Self {
        Self {
            months: MONTHS,
            month_days: MONTH_DAYS,
            weekdays,
            either: false,
        }
    }

    /// Whether every date matches.
    pub fn every(&self) -> bool {
        let (month_days, weekdays) = (self.month_days == MONTH_DAYS, self.weekdays == WEEKDAYS);
        self.months == MONTHS
            && if self.either {
                month_days || weekdays
            } else {
                month_days && weekdays
            }
    }

    /// After how many days the same dates match again, all the year round; none: it hangs on months or their days.
    pub fn period(&self) -> Option<u64> {
        let whole = self.months == MONTHS && self.month_days == MONTH_DAYS && !self.either;
        match self.every() {
            true => Some(1),
            false => whole.then_some(7),
        }
    }

    /// The first date that matches, from `from` on. None: none does within nine years (29 February is at most eight away).
    pub fn on_or_after(&self, from: Date) -> Option<Date> {
        let mut first = from;
        for _ in 0..=9 * 12 {
            let days = self.matching(first) >> first.day() << first.day();
            if days != 0 {
                return Date::new(
                    first.year(),
                    first.month(),
                    i8::try_from(days.trailing_zeros()).ok()?,
                )
                .ok();
            }
            first = first.last_of_month().tomorrow().ok()?;
        }
        None
    }

    /// The days that match in the month of `date`, as bits 1 to 31.
    fn matching(&self, date: Date) -> u32 {
        if self.months >> date.month() & 1 == 0 {
            return 0;
        }
        let first = date.first_of_month().weekday().to_sunday_zero_offset();
        // Bit n of `week`: the weekday n days after the first of the month matches.
        let week = u64::from(self.weekdays) >> first | u64::from(self.weekdays) << (7 - first);
        let week = week & u64::from(WEEKDAYS);
        let weekdays = (0..5).fold(0, |bits, n| bits | week << (7 * n)) << 1;
        let there = (1_u64 << (date.days_in_month() + 1)) - 2;
        let month_days = u64::from(self.month_days);
        let days = if self.either {
            month_days | weekdays
        } else {
            month_days & weekdays
        };
        u32::try_from(days & there).unwrap_or(0)
    }
}
