//! Cron: times by minute, hour, day, month and weekday.
//!
//! The five fields of POSIX `crontab`, with names, ranges, lists and steps. As there, a day counts
//! when either of its two fields fits, if both are restricted. Times are civil ones: which instant
//! they are, and whether a clock change leaves them out, is for whoever knows the time zone.

use std::fmt;
use std::str::FromStr;

use jiff::ToSpan as _;
use jiff::civil::DateTime;

/// The most days that are searched for the next time: four years and the leap day that may be
/// missing at a turn of a century.
const DAYS_MAX: usize = 366 * 8 + 2;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// Short words for common schedules.
const WORDS: [(&str, &str); 6] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
];

/// A schedule of cron.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    text: String,
    /// A bit for each value that fits.
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether day of the month and weekday are both restricted, so that either is enough.
    either_day: bool,
}

/// A text that is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidCron(String);

/// A field: its name, the least and the most value, and names of values from the least on.
struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field { name: "minute", least: 0, most: 59, names: &[] },
    Field { name: "hour", least: 0, most: 23, names: &[] },
    Field { name: "day of the month", least: 1, most: 31, names: &[] },
    Field { name: "month", least: 1, most: 12, names: &MONTHS },
    // Sunday is 0 and 7.
    Field { name: "weekday", least: 0, most: 7, names: &WEEKDAYS },
];

impl FromStr for Cron {
    type Err = InvalidCron;

    fn from_str(text: &str) -> Result<Self, InvalidCron> {
        let written = text.trim();
        let word = WORDS.into_iter().find(|(word, _)| *word == written);
        let fields = word.map_or(written, |(_, fields)| fields);
        let parts: Vec<_> = fields.split_ascii_whitespace().collect();
        let [minute, hour, day, month, weekday] = parts[..] else {
            return Err(InvalidCron(format!(
                "a schedule has five fields (minute, hour, day of the month, month, weekday), not \
                 {}",
                parts.len()
            )));
        };
        let [minutes, hours, days, months, weekdays] = FIELDS.each_ref();
        let weekday_bits = weekdays.parse(weekday)?;
        let cron = Self {
            text: written.to_owned(),
            minutes: minutes.parse(minute)?,
            hours: hours.parse(hour)?,
            days: days.parse(day)?,
            months: months.parse(month)?,
            weekdays: (weekday_bits | (weekday_bits >> 7)) & 0x7f,
            either_day: !day.starts_with('*') && !weekday.starts_with('*'),
        };
        if cron.after(DateTime::constant(2000, 1, 1, 0, 0, 0, 0)).is_none() {
            return Err(InvalidCron("there is no such day in any year".to_owned()));
        }
        Ok(cron)
    }
}

impl Field {
    /// The values of a field as bits.
    fn parse(&self, text: &str) -> Result<u64, InvalidCron> {
        text.split(',').try_fold(0, |bits, part| Ok(bits | self.parse_part(part)?))
    }

    /// The values of `*`, `n`, `a-b`, each maybe with `/step`.
    fn parse_part(&self, text: &str) -> Result<u64, InvalidCron> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (text, None),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (self.least, self.most),
            Some((first, last)) => (self.value(first)?, self.value(last)?),
            None if step.is_some() => (self.value(range)?, self.most),
            None => (self.value(range)?, self.value(range)?),
        };
        // `fri-sun`: at the end of a range Sunday is 7.
        let last = if self.most == 7 && last == 0 && first > 0 { 7 } else { last };
        if first > last {
            return Err(InvalidCron(format!("`{text}` begins after its end ({})", self.name)));
        }
        let step = match step.map(str::parse::<u32>) {
            None => 1,
            Some(Ok(step)) if (1..=self.most.max(1)).contains(&step) => step,
            Some(_) => {
                let message =
                    format!("`{text}` has no step from 1 to {} ({})", self.most, self.name);
                return Err(InvalidCron(message));
            }
        };
        Ok((first..=last).step_by(step as usize).fold(0, |bits, value| bits | 1 << value))
    }

    fn value(&self, text: &str) -> Result<u32, InvalidCron> {
        let named = self.names.iter().position(|name| text.eq_ignore_ascii_case(name));
        let value = match named {
            Some(place) => Some(self.least + u32::try_from(place).expect("there are few names")),
            None if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
            None => None,
        };
        value.filter(|value| (self.least..=self.most).contains(value)).ok_or_else(|| {
            let text = crate::document::clip(text);
            let (least, most) = (self.least, self.most);
            InvalidCron(format!("`{text}` is no {}: it must be from {least} to {most}", self.name))
        })
    }
}

impl Cron {
    /// The first of its times after `time`, which is a civil one; `None` when there is none before
    /// the end of the calendar.
    pub fn after(&self, time: DateTime) -> Option<DateTime> {
        let start = time.checked_add(1.minute()).ok()?;
        let mut date = start.date();
        let (mut hour_from, mut minute_from) = (start.hour() as u32, start.minute() as u32);
        for _ in 0..DAYS_MAX {
            if self.has_date(date)
                && let Some((hour, minute)) = self.time_from(hour_from, minute_from)
            {
                return Some(date.at(hour, minute, 0, 0));
            }
            date = date.tomorrow().ok()?;
            (hour_from, minute_from) = (0, 0);
        }
        None
    }

    /// Whether it has times in every hour of its days, so that it counts the time that passes and not
    /// what a clock shows.
    pub const fn is_hourly(&self) -> bool {
        self.hours == (1 << 24) - 1
    }

    /// Whether a day is one of its days.
    fn has_date(&self, date: jiff::civil::Date) -> bool {
        let has = |bits: u64, value: i8| bits >> value & 1 == 1;
        let day = has(self.days, date.day());
        let weekday = has(self.weekdays, date.weekday().to_sunday_zero_offset());
        let fits = if self.either_day { day || weekday } else { day && weekday };
        fits && has(self.months, date.month())
    }

    /// Its first time of a day from this hour and minute on.
    fn time_from(&self, hour: u32, minute: u32) -> Option<(i8, i8)> {
        let next = |bits: u64, from: u32| {
            let left = bits.checked_shr(from).filter(|left| *left != 0)?;
            Some(from + left.trailing_zeros())
        };
        let clock = |hour: u32, minute: u32| {
            let small = |value: u32| i8::try_from(value).expect("no field goes beyond 59");
            (small(hour), small(minute))
        };
        if self.hours >> hour & 1 == 1
            && let Some(minute) = next(self.minutes, minute)
        {
            return Some(clock(hour, minute));
        }
        Some(clock(next(self.hours, hour + 1)?, next(self.minutes, 0)?))
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    /// Shows the next three times of each schedule, or why it is none.
    fn check(from: &str, schedules: &[&str], expected: Expect) {
        let from: DateTime = from.parse().expect("a time");
        let show = |text: &&str| match text.parse::<Cron>() {
            Err(error) => format!("{text}: {error}\n"),
            Ok(cron) => {
                let next = |time: &DateTime| cron.after(*time);
                let times = std::iter::successors(cron.after(from), next).take(3);
                let times: Vec<_> =
                    times.map(|time| time.strftime("%a %F %R").to_string()).collect();
                format!("{text}: {}\n", times.join(", "))
            }
        };
        expected.assert_eq(&schedules.iter().map(show).collect::<String>());
    }

    #[test]
    fn the_next_times_follow_the_fields() {
        check(
            "2026-02-27T23:58:30",
            &[
                "* * * * *",
                "*/15 9-17 * * mon-fri",
                "30 6 1,15 * *",
                "0 0 29 2 *",
                "0 12 13 * fri",
                "5/20 0 * jan,DEC 7",
                "@weekly",
                "0 0 * * fri-sun",
            ],
            expect![[r#"
                * * * * *: Fri 2026-02-27 23:59, Sat 2026-02-28 00:00, Sat 2026-02-28 00:01
                */15 9-17 * * mon-fri: Mon 2026-03-02 09:00, Mon 2026-03-02 09:15, Mon 2026-03-02 09:30
                30 6 1,15 * *: Sun 2026-03-01 06:30, Sun 2026-03-15 06:30, Wed 2026-04-01 06:30
                0 0 29 2 *: Tue 2028-02-29 00:00, Sun 2032-02-29 00:00, Fri 2036-02-29 00:00
                0 12 13 * fri: Fri 2026-03-06 12:00, Fri 2026-03-13 12:00, Fri 2026-03-20 12:00
                5/20 0 * jan,DEC 7: Sun 2026-12-06 00:05, Sun 2026-12-06 00:25, Sun 2026-12-06 00:45
                @weekly: Sun 2026-03-01 00:00, Sun 2026-03-08 00:00, Sun 2026-03-15 00:00
                0 0 * * fri-sun: Sat 2026-02-28 00:00, Sun 2026-03-01 00:00, Fri 2026-03-06 00:00
            "#]],
        );
    }

    #[test]
    fn what_is_no_schedule_is_explained() {
        check(
            "2026-01-01T00:00:00",
            &[
                "",
                "* * * *",
                "60 * * * *",
                "* 9-8 * * *",
                "*/0 * * * *",
                "* * * foo *",
                "0 0 31 2 *",
                "@often",
            ],
            expect![[r#"
                : a schedule has five fields (minute, hour, day of the month, month, weekday), not 0
                * * * *: a schedule has five fields (minute, hour, day of the month, month, weekday), not 4
                60 * * * *: `60` is no minute: it must be from 0 to 59
                * 9-8 * * *: `9-8` begins after its end (hour)
                */0 * * * *: `*/0` has no step from 1 to 59 (minute)
                * * * foo *: `foo` is no month: it must be from 1 to 12
                0 0 31 2 *: there is no such day in any year
                @often: a schedule has five fields (minute, hour, day of the month, month, weekday), not 1
            "#]],
        );
    }
}
