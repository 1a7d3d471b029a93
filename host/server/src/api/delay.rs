//! When a run begins that was asked to begin later.

use std::time::Duration;

use taskloom_core::document::{DURATION_MAX, parse_duration};
use taskloom_core::time::Timestamp;

use crate::engine::Begins;

/// The latest begin, in days: as far as a duration can be written.
const DAYS_MAX: u64 = DURATION_MAX.as_secs() / (24 * 60 * 60);

/// When a run begins, from the texts `start_at` and `delay`; `None` for at once.
///
/// # Errors
/// With what is wrong, for people, after the name of the field.
pub(crate) fn begins(
    start_at: Option<&str>,
    delay: Option<&str>,
) -> Result<Option<Begins>, (&'static str, String)> {
    match (start_at, delay) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(("delay", "leave it out, or `start_at`".to_owned())),
        (None, Some(delay)) => match parse_duration(delay) {
            Some(delay) => Ok(Some(Begins::After(delay))),
            None => Err((
                "delay",
                format!(
                    "`{}` is no duration of up to {DAYS_MAX} days; write a number and one of `ms`, `s`, \
                 `m`, `h`, `d`, such as \"90m\"",
                    short(delay)
                ),
            )),
        },
        (Some(text), None) => at(text).map(Some).map_err(|why| ("start_at", why)),
    }
}

fn at(text: &str) -> Result<Begins, String> {
    let Ok(time) = text.parse::<jiff::Timestamp>() else {
        let text = short(text);
        return Err(format!("`{text}` is no RFC 3339 time such as `2026-11-22T09:30:00Z`"));
    };
    let ahead = time.duration_since(jiff::Timestamp::now());
    if Duration::try_from(ahead).is_ok_and(|ahead| ahead > DURATION_MAX) {
        return Err(format!("`{}` is more than {DAYS_MAX} days ahead", short(text)));
    }
    Ok(Begins::At(Timestamp::from_ms(time.as_millisecond())))
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_and_a_delay_are_read() {
        assert_eq!(begins(None, None), Ok(None));
        assert_eq!(begins(None, Some("90m")), Ok(Some(Begins::After(Duration::from_secs(5_400)))));
        let at = Begins::At(Timestamp::from_ms(1_500));
        assert_eq!(begins(Some("1970-01-01T00:00:01.5Z"), None), Ok(Some(at)));
        assert_eq!(begins(Some("1970-01-01T01:00:01.5+01:00"), None), Ok(Some(at)));
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (start_at, delay, field, part) in [
            (Some("1970-01-01T00:00:00Z"), Some("1s"), "delay", "leave it out"),
            (None, Some("367d"), "delay", "up to 366 days"),
            (None, Some("soon"), "delay", "`soon` is no duration"),
            (Some("tomorrow"), None, "start_at", "RFC 3339"),
            (Some("9999-01-01T00:00:00Z"), None, "start_at", "more than 366 days"),
        ] {
            let (wrong, why) = begins(start_at, delay).expect_err("it is wrong");
            assert_eq!(wrong, field);
            assert!(why.contains(part), "{why}");
        }
    }
}
