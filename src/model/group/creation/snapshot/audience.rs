//! Who watches, and who has guessed, as a snapshot has it.

use crate::model::body::body;
use crate::model::event::WatchHashV1;
use crate::model::group::training::{self, Guess, Training};
use crate::model::state::{PersonIndex, Tenant};
use crate::wire::{GroupId, PersonId, Timestamp};

body! {
    /// One training group's audience.
    AudienceStateV1 {
        group: GroupId,
        watch: WatchHashV1,
        seats: Vec<u32>,
    }
}
body! {
    /// One wrong guess at a watch password.
    GuessV1 {
        group: GroupId,
        viewer: PersonId,
        at: Timestamp,
    }
}

pub(super) fn write(tenant: &Tenant) -> Vec<AudienceStateV1> {
    let groups = (1..).map(GroupId).zip(&tenant.groups);
    let audiences = groups.filter_map(|(id, group)| {
        let training = group.training.as_ref()?;
        Some(AudienceStateV1 {
            group: id,
            watch: training.watch.hashed(),
            seats: training.seats().map(number).collect(),
        })
    });
    audiences.collect()
}

/// 4 bytes a seat, as in memory; 0 where it is vacant.
fn number(viewer: Option<PersonIndex>) -> u32 {
    let id = viewer.map_or(0, |viewer| viewer.id().0);
    u32::try_from(id).unwrap_or(0)
}

pub(super) fn write_guesses(tenant: &Tenant, clock: Timestamp) -> Vec<GuessV1> {
    let guesses = tenant.creation.audiences.guesses.living(clock);
    let guesses = guesses.map(|guess| GuessV1 {
        group: guess.group.id(),
        viewer: guess.viewer.id(),
        at: guess.at,
    });
    guesses.collect()
}

pub(super) fn read(
    tenant: &mut Tenant,
    audiences: Vec<AudienceStateV1>,
) -> Result<(), &'static str> {
    let what = "a viewer";
    for audience in audiences {
        let group = tenant.find_group(audience.group).ok_or("an audience")?;
        let mut viewers = Vec::with_capacity(audience.seats.len());
        for seat in &audience.seats {
            let person = PersonId(u64::from(*seat));
            match tenant.find_person(person) {
                None if *seat == 0 => viewers.push(None),
                None => return Err(what),
                viewer => viewers.push(viewer),
            }
        }
        let training = Training::new(&audience.watch);
        tenant.group_mut(group).training = Some(Box::new(training));
        training::take_seats(tenant, group, &viewers).ok_or(what)?;
    }
    Ok(())
}

pub(super) fn read_guesses(tenant: &mut Tenant, guesses: &[GuessV1]) -> Result<(), &'static str> {
    for v1 in guesses {
        let group = tenant.find_group(v1.group).ok_or("a guess")?;
        let viewer = tenant.find_person(v1.viewer).ok_or("a guess")?;
        let at = v1.at;
        let guess = Guess { group, viewer, at };
        tenant.creation.audiences.guesses.add(guess);
    }
    Ok(())
}
