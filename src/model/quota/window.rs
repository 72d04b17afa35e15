//! Calendar windows: from the first instant of a date to the first instant of a later one, in a zone.
//!
//! So days are 23, 24 or 25 hours long, a date that a zone skipped has no window, and windows
//! neither overlap nor leave a gap, whatever the clocks of the zone do at midnight (SPEC Q5).

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::wire::Timestamp;

/// `starts <= t < ends`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Window {
    pub(crate) starts: Timestamp,
    pub(crate) ends: Timestamp,
}

impl Window {
    /// Over before any time there is.
    pub(crate) const NEVER: Self = Self::empty(Timestamp(i64::MIN));

    pub(super) const fn empty(at: Timestamp) -> Self {
        Self {
            starts: at,
            ends: at,
        }
    }

    /// Whether it has not ended at `now`: a clock that went back opens no other.
    pub(super) fn holds(&self, now: Timestamp) -> bool {
        now < self.ends
    }

    /// The part of it that begins no earlier than `ended`.
    pub(super) fn after(self, ended: Timestamp) -> Self {
        Self {
            starts: self.starts.max(ended),
            ..self
        }
    }
}

/// A period of the calendar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Calendar {
    /// From midnight to midnight.
    Day,
    /// From Monday to Sunday (ISO 8601).
    IsoWeek,
    /// From the first of a month to its last.
    Month,
}

impl Calendar {
    /// The first date of the period that `date` is in.
    fn first(self, date: Date) -> Option<Date> {
        match self {
            Self::Day => Some(date),
            Self::IsoWeek => {
                let since_monday = date.weekday().to_monday_zero_offset();
                date.checked_sub(i64::from(since_monday).days()).ok()
            }
            Self::Month => Some(date.first_of_month()),
        }
    }

    /// The first date of the period after the one that begins with `first`.
    fn next(self, first: Date) -> Option<Date> {
        let length = match self {
            Self::Day => 1.day(),
            Self::IsoWeek => 1.week(),
            Self::Month => 1.month(),
        };
        first.checked_add(length).ok()
    }

    /// The period that `now` is in, by the calendar of `zone`.
    pub(crate) fn window(self, zone: &TimeZone, now: Timestamp) -> Window {
        window_of(self, zone, now).unwrap_or_else(|| utc_day(now))
    }
}

/// The calendar day of `zone` that `now` is in.
pub(crate) fn day_of(zone: &TimeZone, now: Timestamp) -> Window {
    Calendar::Day.window(zone, now)
}

fn window_of(calendar: Calendar, zone: &TimeZone, now: Timestamp) -> Option<Window> {
    let at = jiff::Timestamp::from_microsecond(now.0).ok()?;
    let mut first = calendar.first(zone.to_datetime(at).date())?;
    let mut next = calendar.next(first)?;
    let mut starts = first_instant(zone, first)?;
    let mut ends = first_instant(zone, next)?;
    // Where clocks went back over midnight, `now` reads as a date whose next has begun already.
    while ends <= now {
        first = next;
        next = calendar.next(first)?;
        starts = ends;
        ends = first_instant(zone, next)?;
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
    const DAY_US: i64 = 24 * HOUR_US;
    const PERIODS: [Calendar; 3] = [Calendar::Day, Calendar::IsoWeek, Calendar::Month];

    fn at(text: &str) -> Timestamp {
        let at: jiff::Timestamp = text.parse().unwrap();
        Timestamp(at.as_microsecond())
    }

    fn window(calendar: Calendar, zone: &str, now: &str) -> Window {
        calendar.window(&TimeZone::get(zone).unwrap(), at(now))
    }

    fn hours(calendar: Calendar, zone: &str, now: &str) -> i64 {
        let window = window(calendar, zone, now);
        (window.ends.0 - window.starts.0) / HOUR_US
    }

    #[test]
    fn a_day_in_shanghai_begins_at_sixteen_hours_utc() {
        let window = window(
            Calendar::Day,
            "Asia/Shanghai",
            "2026-03-01T15:59:59.999999Z",
        );
        assert_eq!(window.starts, at("2026-02-28T16:00:00Z"));
        assert_eq!(window.ends, at("2026-03-01T16:00:00Z"));
    }

    #[test]
    fn a_week_begins_on_monday_and_a_month_on_the_first() {
        let week = window(Calendar::IsoWeek, "Asia/Shanghai", "2027-01-03T15:59:59Z");
        assert_eq!(week.starts, at("2026-12-28T00:00:00+08:00"));
        assert_eq!(week.ends, at("2027-01-04T00:00:00+08:00"));
        let month = window(Calendar::Month, "Asia/Shanghai", "2028-02-29T12:00:00Z");
        assert_eq!(month.starts, at("2028-02-01T00:00:00+08:00"));
        assert_eq!(month.ends, at("2028-03-01T00:00:00+08:00"));
    }

    #[test]
    fn days_of_23_and_25_hours_are_one_window_each() {
        let day = |zone, now| hours(Calendar::Day, zone, now);
        assert_eq!(day("Europe/Berlin", "2026-03-29T12:00:00Z"), 23);
        assert_eq!(day("Europe/Berlin", "2026-10-25T12:00:00Z"), 25);
        assert_eq!(day("Australia/Lord_Howe", "2026-07-01T12:00:00Z"), 24);
        let week = |zone, now| hours(Calendar::IsoWeek, zone, now);
        assert_eq!(week("Europe/Berlin", "2026-03-29T12:00:00Z"), 7 * 24 - 1);
        assert_eq!(week("Europe/Berlin", "2026-10-25T12:00:00Z"), 7 * 24 + 1);
    }

    #[test]
    fn a_date_the_zone_skipped_has_no_window() {
        let before = window(Calendar::Day, "Pacific/Apia", "2011-12-30T09:00:00Z");
        assert_eq!(before.ends, at("2011-12-30T10:00:00Z"));
        let after = window(Calendar::Day, "Pacific/Apia", "2011-12-30T10:00:00Z");
        assert_eq!(after.starts, before.ends);
    }

    #[test]
    fn the_windows_of_every_zone_follow_one_another_without_gap_or_overlap() {
        let names: Vec<_> = jiff::tz::db().available().collect();
        assert!(names.len() > 400, "the bundled tz database is there");
        for name in names {
            let zone = TimeZone::get(name.as_str()).unwrap();
            let end = at("2012-01-01T00:00:00Z").plus_micros(2 * DAY_US);
            for period in PERIODS {
                let mut now = at("2010-01-01T00:00:00Z");
                let mut window = period.window(&zone, now);
                while now < end {
                    assert!(window.starts <= now && now < window.ends, "{name} at {now}");
                    let last = Timestamp(window.ends.0 - 1);
                    assert_eq!(period.window(&zone, last), window, "{name} at {last}");
                    now = window.ends;
                    let next = period.window(&zone, now);
                    assert_eq!(next.starts, window.ends, "{name} at {now}");
                    window = next;
                }
            }
        }
    }

    #[test]
    fn times_that_no_calendar_reaches_still_have_a_window() {
        for now in [i64::MIN, i64::MAX, -400_000_000_000_000_000] {
            for period in PERIODS {
                let window = period.window(&TimeZone::UTC, Timestamp(now));
                assert!(window.starts.0 <= now && now <= window.ends.0);
            }
        }
    }
}
