//! What an engine of this test may do next.

use super::{ADMINS, Asked, DAY_US, GROUPS, Model, Said, person};
use throng::engine::Stepped;
use throng::log::storage::{Faulty, Random};
use throng::model::command::{
    Actor, ContentClass, EraseContentV1, ExportScopeV1, PlaceHoldV1, ReleaseHoldV1,
    RequestExportV1, SetRetentionV1, TaggedCommand as T,
};
use throng::wire::Timestamp;

impl Model {
    /// One step of many kinds; whether the power is there still.
    pub(super) fn step(
        &mut self,
        disk: &Faulty,
        stepped: &mut Stepped,
        random: &mut Random,
    ) -> bool {
        let reason = || "case 17".to_owned();
        let group = GROUPS[random.below(2) as usize];
        let day = self.today() - random.below(3) as i32;
        match random.below(38) {
            0..=7 => {
                for _ in 0..=random.below(3) {
                    let number = self.said.len();
                    let pad = "x".repeat(random.below(90) as usize);
                    let text = format!("secret-{number}-{pad}");
                    let (day, told) = (self.today(), None);
                    self.said.push(Said {
                        group,
                        day,
                        text,
                        told,
                    });
                    self.say(stepped, number);
                }
                random.below(2) == 0 || self.flush(disk, stepped)
            }
            8..=13 => {
                // What was said is decided on the day that it was said to be.
                let goes_on = self.flush(disk, stepped);
                self.clock
                    .advance(DAY_US as u64 / 4 * (1 + random.below(6)));
                goes_on
            }
            14..=15 => stepped.idle().is_ok(),
            16..=18 => {
                stepped.snapshot();
                true
            }
            19..=22 => {
                let published = stepped.publish();
                self.look_at_checkpoint(disk);
                if published {
                    self.published = stepped.engine().stats().tlog_size;
                }
                true
            }
            23..=27 => {
                stepped.take_from_disk();
                true
            }
            28..=29 => {
                let days = 1 + random.below(2) as u32;
                for class in [ContentClass::Internal, ContentClass::AuditTrail] {
                    let reason = reason();
                    let set = T::SetRetention(SetRetentionV1 {
                        class,
                        days,
                        reason,
                    });
                    self.ask(stepped, Actor::Enterprise, set, Asked::Other);
                }
                self.flush(disk, stepped)
            }
            30 => {
                let place = PlaceHoldV1 {
                    groups: vec![group],
                    first_day: day,
                    last_day: day,
                    reason: reason(),
                };
                self.ask(
                    stepped,
                    Actor::Enterprise,
                    T::PlaceHold(place),
                    Asked::Hold(group, day),
                );
                self.flush(disk, stepped)
            }
            31 => {
                let Some((hold, _)) = self.held.pop_first() else {
                    return true;
                };
                let release = ReleaseHoldV1 {
                    hold,
                    reason: reason(),
                };
                self.ask(
                    stepped,
                    Actor::Enterprise,
                    T::ReleaseHold(release),
                    Asked::Other,
                );
                self.flush(disk, stepped)
            }
            32..=33 => {
                let erase = EraseContentV1 {
                    group,
                    first_day: day,
                    last_day: day,
                    reason: reason(),
                };
                self.ask(
                    stepped,
                    Actor::Enterprise,
                    T::EraseContent(erase),
                    Asked::Other,
                );
                self.flush(disk, stepped)
            }
            34..=35 => {
                let scope = ExportScopeV1 {
                    groups: Vec::new(),
                    from: Timestamp(0),
                    until: Timestamp(i64::MAX),
                };
                let request = T::RequestExport(RequestExportV1 { scope });
                self.ask(stepped, person(ADMINS[0]), request, Asked::Other);
                // Its approval is asked for by the answer.
                self.flush(disk, stepped) && self.flush(disk, stepped)
            }
            _ => {
                let tickets = stepped.export().into_iter();
                self.asked
                    .extend(tickets.map(|ticket| (ticket, Asked::Export)));
                self.flush(disk, stepped)
            }
        }
    }
}
