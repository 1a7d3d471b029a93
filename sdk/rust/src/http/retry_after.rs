//! How long a service asks to wait: `Retry-After` (RFC 9110, section 10.2.3).
//!
//! A date is compared with the answer's own `Date`: a plugin has no clock, and the service's is the one
//! that counts.

use std::time::Duration;

/// The wait that the header asks for, if it can be understood.
pub(super) fn delay(retry_after: Option<&str>, date: Option<&str>) -> Option<Duration> {
    let text = retry_after?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let seconds = seconds_since_year_zero(text)? - seconds_since_year_zero(date?.trim())?;
    Some(Duration::from_secs(seconds.try_into().unwrap_or(0)))
}

/// Reads a date such as `Sun, 06 Nov 1994 08:49:37 GMT`.
fn seconds_since_year_zero(text: &str) -> Option<i64> {
    let (_, date) = text.split_once(", ")?;
    let mut parts = date.strip_suffix(" GMT")?.split([' ', ':']);
    let mut next = || parts.next();
    let day: i64 = next()?.parse().ok()?;
    let name = next()?;
    let month = MONTHS.iter().position(|month| *month == name)?;
    let year: i64 = next()?.parse().ok()?;
    let [hour, minute, second] =
        [next()?.parse::<i64>().ok()?, next()?.parse().ok()?, next()?.parse().ok()?];
    let in_range = (1..=31).contains(&day) && (0..=9999).contains(&year);
    in_range.then(|| ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second)
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Days from a fixed day long ago to this one, in the Gregorian calendar.
fn days(year: i64, month: usize, day: i64) -> i64 {
    const BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    // January and February belong to the leap rule of the year before.
    let leap_year = if month < 2 { year - 1 } else { year };
    year * 365 + leap_year / 4 - leap_year / 100 + leap_year / 400 + BEFORE[month] + day
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_understood() {
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        let feb = Some("Wed, 28 Feb 2024 23:59:59 GMT");
        for (retry_after, date, seconds) in [
            (Some("120"), None, Some(120)),
            (Some("Sun, 06 Nov 1994 08:50:37 GMT"), date, Some(60)),
            (Some("Mon, 07 Nov 1994 08:49:37 GMT"), date, Some(86_400)),
            (Some("Fri, 01 Mar 2024 00:00:00 GMT"), feb, Some(86_401)),
            (Some("Sun, 06 Nov 1994 08:00:00 GMT"), date, Some(0)),
            (Some("Sun, 06 Nov 1994 08:50:37 GMT"), None, None),
            (Some("soon"), date, None),
            (Some("Sun, 99 Nov 1994 08:50:37 GMT"), date, None),
            (Some("-5"), None, None),
            (None, date, None),
        ] {
            assert_eq!(
                delay(retry_after, date),
                seconds.map(Duration::from_secs),
                "{retry_after:?}"
            );
        }
    }
}
