//! How far one person has got in each group, exactly: what makes at-least-once delivery exact
//! (SPEC S3, S4).
//!
//! A cursor is a contiguous floor plus the few sequences that came ahead of it (urgent messages may).
//! Everything at or below the floor, or among the early ones, has been seen; anything else is new once.

use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;

use crate::wire::{AttachedGroup, Cursor, GroupId, Sequence};

/// How far a person has got in one group, as it is kept between connections.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupCursor {
    /// The group.
    pub group: GroupId,
    /// The last sequence before which none is missing.
    pub floor: Sequence,
    /// What has come ahead of the floor: first and last of each run, ascending.
    pub early: Vec<(Sequence, Sequence)>,
}

/// What a server may make a client remember. Beyond it the connection is given up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CursorLimits {
    /// Groups of one person. Default 100,000; each costs about 80 bytes.
    pub groups_max: usize,
    /// Runs of sequences ahead of one group's floor. Default 1,024; each costs 16 bytes.
    pub early_runs_max: usize,
}

impl Default for CursorLimits {
    fn default() -> Self {
        Self {
            groups_max: 100_000,
            early_runs_max: 1_024,
        }
    }
}

/// Why a cursor cannot be moved: the server sends what no bounded client can follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CursorError {
    /// More groups than one person has.
    #[error("group {group} is one more than the {limit} a client follows")]
    TooManyGroups {
        /// The one too many.
        group: GroupId,
        /// How many are followed.
        limit: usize,
    },
    /// Too much came ahead of a sequence that never came.
    #[error("group {group} has more than {limit} gaps after sequence {floor}")]
    TooManyGaps {
        /// Where.
        group: GroupId,
        /// The last sequence before which none is missing.
        floor: Sequence,
        /// How many gaps are followed.
        limit: usize,
    },
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Place {
    /// None until the first sequence in order has come or the server has said where reading begins.
    floor: Option<Sequence>,
    early: Vec<(Sequence, Sequence)>,
}

impl Place {
    fn holds(&self, sequence: Sequence) -> bool {
        self.floor.is_some_and(|floor| sequence <= floor)
            || self
                .early
                .iter()
                .any(|(from, to)| (*from..=*to).contains(&sequence))
    }

    /// Adds `from..=to`, joins it with its neighbours, and moves the floor over what is contiguous.
    fn add(&mut self, from: Sequence, to: Sequence) {
        match self.floor {
            Some(floor) if from <= floor.next() => self.floor = Some(floor.max(to)),
            _ => {
                let at = self.early.partition_point(|run| run.0 < from);
                self.early.insert(at, (from, to));
            }
        }
        if self.early.is_empty() {
            return;
        }
        self.early.dedup_by(|next, run| {
            let joins = next.0 <= run.1.next();
            if joins {
                run.1 = run.1.max(next.1);
            }
            joins
        });
        if let (Some(floor), Some(run)) = (self.floor, self.early.first().copied())
            && run.0 <= floor.next()
        {
            self.floor = Some(floor.max(run.1));
            self.early.remove(0);
        }
    }
}

/// All cursors of one person, within one incarnation of the server's log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Cursors {
    incarnation: Option<u64>,
    limits: CursorLimits,
    groups: FxHashMap<GroupId, Place>,
}

impl Cursors {
    /// No cursor: every group is read from one's own join.
    #[must_use]
    pub fn new(limits: CursorLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Cursors as [`Cursors::export`] gave them, of the log's `incarnation` they were taken in.
    pub fn restore(
        limits: CursorLimits,
        incarnation: u64,
        groups: impl IntoIterator<Item = GroupCursor>,
    ) -> Result<Self, CursorError> {
        let mut cursors = Self {
            incarnation: Some(incarnation),
            ..Self::new(limits)
        };
        for kept in groups {
            let place = cursors.place(kept.group)?;
            place.floor = Some(kept.floor);
            for (from, to) in kept.early {
                place.add(from, to);
            }
            cursors.check_gaps(kept.group)?;
        }
        Ok(cursors)
    }

    /// Every group's cursor, to be kept until the next connection; none that has no floor yet.
    pub fn export(&self) -> impl Iterator<Item = GroupCursor> + '_ {
        self.groups.iter().filter_map(|(group, place)| {
            Some(GroupCursor {
                group: *group,
                floor: place.floor?,
                early: place.early.clone(),
            })
        })
    }

    /// The incarnation of the log these cursors belong to; none before the first connection.
    #[must_use]
    pub fn incarnation(&self) -> Option<u64> {
        self.incarnation
    }

    /// The last sequence of `group` before which none is missing.
    #[must_use]
    pub fn floor(&self, group: GroupId) -> Option<Sequence> {
        self.groups.get(&group)?.floor
    }

    /// What an attach says: the floors.
    #[must_use]
    pub fn to_wire(&self) -> Vec<Cursor> {
        self.groups
            .iter()
            .filter_map(|(group, place)| Some(Cursor::new(*group, place.floor?)))
            .collect()
    }

    /// Binds the cursors to the log's `incarnation`; those of another are void and forgotten.
    /// Returns whether any were.
    pub fn bind(&mut self, incarnation: u64) -> bool {
        let void = self.incarnation.is_some_and(|mine| mine != incarnation);
        if void {
            self.groups.clear();
        }
        self.incarnation = Some(incarnation);
        void
    }

    /// Starts a group that has no floor yet where the server says reading begins.
    pub fn begin(&mut self, group: &AttachedGroup, live_only: bool) -> Result<(), CursorError> {
        let place = self.place(group.group())?;
        if place.floor.is_none() {
            let before_first = Sequence(group.first().0.saturating_sub(1));
            let start = if live_only {
                group.head().max(before_first)
            } else {
                before_first
            };
            place.floor = Some(start);
            place.add(start, start);
        }
        Ok(())
    }

    /// Whether `sequence` of `group` is new. It is remembered, so the second time it is not.
    ///
    /// `in_order` is whether it came in its group's order: the first such of an unknown group is
    /// where reading begins there (one has just joined).
    pub fn take(
        &mut self,
        group: GroupId,
        sequence: Sequence,
        in_order: bool,
    ) -> Result<bool, CursorError> {
        let place = self.place(group)?;
        if place.floor.is_none() && in_order {
            place.floor = Some(Sequence(sequence.0.saturating_sub(1)));
        }
        if place.holds(sequence) {
            return Ok(false);
        }
        place.add(sequence, sequence);
        self.check_gaps(group)?;
        Ok(true)
    }

    /// Moves over `from..=to`, which will not be sent.
    pub fn skip(
        &mut self,
        group: GroupId,
        from: Sequence,
        to: Sequence,
    ) -> Result<(), CursorError> {
        let place = self.place(group)?;
        if place.floor.is_none() {
            place.floor = Some(Sequence(from.0.saturating_sub(1)));
        }
        place.add(from, to.max(from));
        self.check_gaps(group)
    }

    fn place(&mut self, group: GroupId) -> Result<&mut Place, CursorError> {
        let followed = self.groups.len();
        match self.groups.entry(group) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) if followed < self.limits.groups_max => {
                Ok(entry.insert(Place::default()))
            }
            Entry::Vacant(_) => Err(CursorError::TooManyGroups {
                group,
                limit: self.limits.groups_max,
            }),
        }
    }

    fn check_gaps(&self, group: GroupId) -> Result<(), CursorError> {
        match self.groups.get(&group) {
            Some(place) if place.early.len() > self.limits.early_runs_max => {
                Err(CursorError::TooManyGaps {
                    group,
                    floor: place.floor.unwrap_or_default(),
                    limit: self.limits.early_runs_max,
                })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: GroupId = GroupId(7);

    fn take(cursors: &mut Cursors, sequence: u64) -> bool {
        cursors.take(GROUP, Sequence(sequence), true).unwrap()
    }

    fn begun(first: u64) -> Cursors {
        let mut cursors = Cursors::default();
        let group = AttachedGroup::new(GROUP, Sequence(first), Sequence(99), Sequence(1));
        cursors.begin(&group, false).unwrap();
        cursors
    }

    #[test]
    fn the_floor_passes_only_over_contiguous_sequences() {
        let mut cursors = begun(1);
        for sequence in [1, 2, 5, 4, 8] {
            assert!(take(&mut cursors, sequence));
        }
        assert_eq!(cursors.floor(GROUP), Some(Sequence(2)));
        assert!(take(&mut cursors, 3));
        assert_eq!(cursors.floor(GROUP), Some(Sequence(5)));
        assert!(take(&mut cursors, 6) && take(&mut cursors, 7));
        assert_eq!(cursors.floor(GROUP), Some(Sequence(8)));
    }

    #[test]
    fn nothing_is_new_twice_below_the_floor_or_ahead_of_it() {
        let mut cursors = begun(1);
        assert!(take(&mut cursors, 1) && take(&mut cursors, 9));
        assert!(!take(&mut cursors, 1) && !take(&mut cursors, 9));
    }

    #[test]
    fn a_skip_moves_the_floor_as_if_the_sequences_had_come() {
        let mut cursors = begun(1);
        assert!(take(&mut cursors, 1) && take(&mut cursors, 6));
        cursors.skip(GROUP, Sequence(2), Sequence(5)).unwrap();
        assert_eq!(cursors.floor(GROUP), Some(Sequence(6)));
        assert!(!take(&mut cursors, 4), "what was skipped is not new");
    }

    #[test]
    fn a_skip_past_a_gap_leaves_the_gap_open() {
        let mut cursors = begun(1);
        cursors.skip(GROUP, Sequence(3), Sequence(4)).unwrap();
        assert_eq!(cursors.floor(GROUP), Some(Sequence(0)));
        assert!(take(&mut cursors, 1) && take(&mut cursors, 2));
        assert_eq!(cursors.floor(GROUP), Some(Sequence(4)));
    }

    #[test]
    fn a_group_joined_while_online_begins_where_its_order_begins() {
        let mut cursors = Cursors::default();
        assert!(cursors.take(GROUP, Sequence(41), false).unwrap(), "urgent");
        assert_eq!(cursors.floor(GROUP), None);
        assert!(take(&mut cursors, 40));
        assert_eq!(cursors.floor(GROUP), Some(Sequence(41)));
    }

    #[test]
    fn an_attach_never_moves_a_floor_that_is_there() {
        let mut cursors = Cursors::default();
        assert!(take(&mut cursors, 20));
        let group = AttachedGroup::new(GROUP, Sequence(1), Sequence(99), Sequence(1));
        cursors.begin(&group, true).unwrap();
        assert_eq!(cursors.floor(GROUP), Some(Sequence(20)));
    }

    #[test]
    fn live_only_begins_at_the_head() {
        let mut cursors = Cursors::default();
        let group = AttachedGroup::new(GROUP, Sequence(1), Sequence(99), Sequence(1));
        cursors.begin(&group, true).unwrap();
        assert_eq!(cursors.floor(GROUP), Some(Sequence(99)));
    }

    #[test]
    fn exported_cursors_restore_with_what_came_early() {
        let mut cursors = begun(1);
        cursors.bind(3);
        for sequence in [1, 2, 5, 6, 9] {
            assert!(take(&mut cursors, sequence));
        }
        let kept: Vec<_> = cursors.export().collect();
        let restored = Cursors::restore(CursorLimits::default(), 3, kept).unwrap();
        assert_eq!(restored, cursors);
    }

    #[test]
    fn another_incarnation_voids_the_cursors() {
        let mut cursors = begun(1);
        assert!(!cursors.bind(1), "the first binding voids nothing");
        assert!(take(&mut cursors, 1));
        assert!(!cursors.bind(1));
        assert!(cursors.bind(2));
        assert_eq!(cursors.floor(GROUP), None);
    }

    #[test]
    fn a_server_that_leaves_endless_gaps_is_given_up() {
        let limits = CursorLimits {
            early_runs_max: 3,
            groups_max: 1,
        };
        let mut cursors = Cursors::new(limits);
        for sequence in [1, 3, 5, 7] {
            assert!(take(&mut cursors, sequence));
        }
        let error = cursors.take(GROUP, Sequence(9), true).unwrap_err();
        assert_eq!(
            error,
            CursorError::TooManyGaps {
                group: GROUP,
                floor: Sequence(1),
                limit: 3
            }
        );
        let error = cursors.take(GroupId(8), Sequence(1), true).unwrap_err();
        assert!(matches!(error, CursorError::TooManyGroups { limit: 1, .. }));
    }
}
