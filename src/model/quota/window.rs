//! Calendar windows: from the first instant of a date to the first instant of the next, in a zone.
//!
//! So days are 23, 24 or 25 hours long, a date that a zone skipped has no window, and windows
//! neither overlap nor leave a gap, whatever the clocks of the zone do at midnight (SPEC Q5).

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::wire::Timestamp;

/// `starts <= t < ends`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Window {
    pub(crate) starts: Timestamp,
    pub(crate) ends: Timestamp,
}

/// The calendar day of `zone` that `now` is in.
pub(crate) fn day_of(zone: &TimeZone, now: Timestamp) -> Window {
    calendar_day(zone, now).unwrap_or_else(|| utc_day(now))
}

fn calendar_day(zone: &TimeZone, now: Timestamp) -> Option<Window> {
    let at = jiff::Timestamp::from_microsecond(now.0).ok()?;
    let mut date = zone.to_datetime(at).date();
    let mut starts = first_instant(zone, date)?;
    let mut ends = first_instant(zone, date.tomorrow().ok()?)?;
    // Where clocks went back over midnight, `now` reads as a date whose next has begun already.
    while ends <= now {
        date = date.tomorrow().ok()?;
        starts = ends;
        ends = first_instant(zone, date.tomorrow().ok()?)?;
    }
    (starts <= now).then_some(Window { starts, ends })
}

fn first_instant(zone: &TimeZone, date: Date) -> Option<Timestamp> {
    let midnight = zone.to_ambiguous_timestamp(date.at(0, 0, 0, 0));
    let first = midnight.compatible().ok()?;
    Some(Timestamp(first.as_microsecond()))
}

/// Where no calendar reaches, before the year -9999 and after 9999.
fn utc_day(now: Timestamp) -> Window {
    const DAY_US: i64 = 86_400_000_000;
    let starts = now.0.div_euclid(DAY_US).saturating_mul(DAY_US);
    Window {
        starts: Timestamp(starts),
        ends: Timestamp(starts.saturating_add(DAY_US)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_US: i64 = 3_600_000_000;

    fn at(text: &str) -> Timestamp {
        let at: jiff::Timestamp = text.parse().unwrap();
        Timestamp(at.as_microsecond())
    }

    fn hours(zone: &str, now: &str) -> i64 {
        let window = day_of(&TimeZone::get(zone).unwrap(), at(now));
        (window.ends.0 - window.starts.0) / HOUR_US
    }

    #[test]
    fn a_day_in_shanghai_begins_at_sixteen_hours_utc() {
        let window = day_of(
            &TimeZone::get("Asia/Shanghai").unwrap(),
            at("2026-03-01T15:59:59.999999Z"),
        );
        assert_eq!(window.starts, at("2026-02-28T16:00:00Z"));
        assert_eq!(window.ends, at("2026-03-01T16:00:00Z"));
    }

    #[test]
    fn days_of_23_and_25_hours_are_one_window_each() {
        assert_eq!(hours("Europe/Berlin", "2026-03-29T12:00:00Z"), 23);
        assert_eq!(hours("Europe/Berlin", "2026-10-25T12:00:00Z"), 25);
        assert_eq!(hours("Australia/Lord_Howe", "2026-07-01T12:00:00Z"), 24);
    }

    #[test]
    fn a_date_the_zone_skipped_has_no_window() {
        let samoa = TimeZone::get("Pacific/Apia").unwrap();
        let before = day_of(&samoa, at("2011-12-30T09:00:00Z"));
        assert_eq!(before.ends, at("2011-12-30T10:00:00Z"));
        let after = day_of(&samoa, at("2011-12-30T10:00:00Z"));
        assert_eq!(after.starts, before.ends);
    }

    #[test]
    fn the_windows_of_every_zone_follow_one_another_without_gap_or_overlap() {
        let names: Vec<_> = jiff::tz::db().available().collect();
        assert!(names.len() > 400, "the bundled tz database is there");
        for name in names {
            let zone = TimeZone::get(name.as_str()).unwrap();
            let mut now = at("2006-01-01T00:00:00Z");
            let mut window = day_of(&zone, now);
            for _ in 0..(2 * 365) {
                assert!(window.starts <= now && now < window.ends, "{name} at {now}");
                let last = Timestamp(window.ends.0 - 1);
                assert_eq!(day_of(&zone, last), window, "{name} at {last}");
                now = window.ends;
                let next = day_of(&zone, now);
                assert_eq!(next.starts, window.ends, "{name} at {now}");
                window = next;
            }
        }
    }

    #[test]
    fn times_that_no_calendar_reaches_still_have_a_window() {
        for now in [i64::MIN, i64::MAX, -400_000_000_000_000_000] {
            let window = day_of(&TimeZone::UTC, Timestamp(now));
            assert!(window.starts.0 <= now && now <= window.ends.0);
        }
    }
}
