//! What an enterprise is, and what it allows: pure rules, no IO, no clock, no threads.
//!
//! [`decide`] reads state and a command and answers with events; [`apply`] turns events into state;
//! [`project`] says what each group sees of a record.
//! Keeps invariant 1 (`decide` is pure, `apply` is total, replay gives the same hash), invariant 9
//! (the tenant is the first part of every key) and invariant 10 (a quota is charged by the same
//! record as what it pays for).

mod approval;
mod audit;
mod body;
mod call;
mod code;
pub mod command;
mod contact;
mod custody;
mod decide;
mod decision;
mod department;
mod directory;
pub mod event;
mod group;
mod hash;
mod history;
mod limits;
mod mass_send;
mod message;
mod permission;
mod project;
mod pull;
mod query;
mod quota;
mod refusal;
mod snapshot;
mod state;
#[cfg(test)]
mod town;
mod work;

pub use audit::RepeatedDenial;
pub use call::OpenCall;
pub use custody::{
    Changed, Gone, GoneUpdate, LookedThrough, changes_what_is_due, changes_what_is_gone,
    due_to_expire,
};
pub use decide::{decide, decide_counting};
pub use decision::{Context, Decision};
pub use directory::{admission, phone};
pub use group::life::{announcement, announcements};
pub use limits::Limits;
pub use project::{MembershipDelta, Projection, WatchWindow, project, record_kind};
pub use query::{Watched, attach, check_device, memberships, seats, watched};
pub use quota::{QuotaCount, recount};
pub use refusal::{NotSearched, Refusal};
pub use snapshot::SnapshotError;
pub use state::State;
pub use work::Slice;

use event::Event;

use group::{creation, life, matrix, training};

use crate::wire::{
    ClientMessageId, DeviceId, Header, Kind, PersonId, Priority, RecordNumber, Take, TenantId,
    Timestamp,
};

/// What a record says outside its events; all of it is in the record's header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// The record's number.
    pub record: RecordNumber,
    /// When it was decided.
    pub timestamp: Timestamp,
    /// The enterprise; a new tenant's own record may say 0.
    pub tenant: TenantId,
    /// Who caused it: of a publish or a mass send its sender, else the person who asked; 0 for
    /// the enterprise's systems.
    pub sender: PersonId,
    /// From which device.
    pub device: DeviceId,
    /// The sender's name for it.
    pub client_message_id: ClientMessageId,
    /// What the record's view is; see [`record_kind`].
    pub kind: Kind,
    /// How soon it must be seen.
    pub priority: Priority,
}

impl Stamp {
    /// What the sequencer knew beside the events, read back from a record's header.
    #[must_use]
    pub fn of_header(header: &Header) -> Self {
        Self {
            record: header.record(),
            timestamp: header.timestamp(),
            tenant: header.tenant(),
            sender: header.sender(),
            device: header.device(),
            client_message_id: header.client_message_id(),
            kind: header.kind(),
            priority: header.priority(),
        }
    }
}

/// What applying a record assigned.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Applied {
    /// One place in each group concerned, in the order of the events: none, one or many.
    pub takes: Vec<Take>,
}

/// Turns a record's events into state and assigns its sequences.
///
/// Total: whatever the events, nothing panics; one that does not fit the state changes nothing.
pub fn apply(state: &mut State, stamp: &Stamp, events: &[Event]) -> Applied {
    state.clock = state.clock.max(stamp.timestamp);
    let mut takes = Vec::new();
    for event in events {
        match event {
            Event::TenantCreated(created) => directory::create_tenant(state, created),
            Event::LogRepaired(_) => {}
            Event::MassSendAccepted(accepted) => {
                mass_send::accept(state, stamp, accepted);
            }
            Event::MassSendAcceptedV2(accepted) => mass_send::accept_v2(state, stamp, accepted),
            Event::MassSendDelivered(target) => {
                takes.extend(mass_send::deliver(state, stamp, target));
            }
            Event::MassSendReached(reached) => {
                takes.extend(mass_send::reach(state, stamp, reached));
            }
            Event::MassSendTargetRefusedV2(refused) => {
                mass_send::refuse_target_v2(state, stamp, refused);
            }
            Event::MassSendCancelled(cancelled) => mass_send::cancel(state, stamp, cancelled),
            Event::MassSendTargetRefused(target) => {
                mass_send::refuse_target(state, stamp, target);
            }
            Event::BatchAccepted(accepted) => {
                creation::accept_batch(state, stamp, accepted);
            }
            Event::BatchGroupCreated(item) => {
                takes.extend(creation::create_of_batch(state, stamp, item));
            }
            Event::BatchGroupRefused(item) => {
                creation::refuse_of_batch(state, stamp, item);
            }
            event => {
                if let Some(tenant) = state.tenant_mut(stamp.tenant) {
                    apply_to_tenant(tenant, stamp, event, &mut takes);
                    life::follow(tenant, stamp, event);
                }
            }
        }
    }
    Applied { takes }
}

fn apply_to_tenant(
    tenant: &mut state::Tenant,
    stamp: &Stamp,
    event: &Event,
    takes: &mut Vec<Take>,
) {
    match event {
        // Directory
        Event::PeopleAdded(added) => directory::add_people(tenant, added),
        Event::PersonDeparted(departed) => directory::depart(tenant, departed, takes),
        Event::PersonDepartedV2(departed) => directory::depart_v2(tenant, departed, takes),
        Event::TenantVerified(verified) => directory::verify(tenant, verified),
        Event::TenantPolicySet(set) => directory::set_policy(tenant, set),
        Event::PeopleAddedV2(added) => directory::add_people_v2(tenant, added),
        Event::ProfileSet(set) => directory::set_profile(tenant, set),
        Event::PersonFrozen(frozen) => directory::freeze(tenant, frozen),
        Event::PersonThawed(thawed) => directory::thaw(tenant, thawed),
        Event::ActivationsIssued(issued) => directory::issue_activations(tenant, issued),
        Event::ActivationFailed(failed) => directory::fail_activation(tenant, failed),
        Event::PersonActivated(activated) => directory::activate(tenant, activated),
        Event::OrgRoleSet(set) => directory::set_org_role(tenant, set),
        Event::DeviceRegistered(registered) => {
            directory::register_device(tenant, stamp.timestamp, registered);
        }
        Event::DeviceRevoked(revoked) => directory::revoke_device(tenant, revoked),
        Event::ContactAdded(added) => contact::add(tenant, added),
        Event::ContactTagged(tagged) => contact::tag(tenant, tagged),
        Event::HandOverRequested(requested) => contact::request_hand_over(tenant, requested),
        Event::ContactHandedOver(handed) => contact::hand_over(tenant, handed),
        // Departments and rosters
        Event::DepartmentCreated(created) => department::create(tenant, created),
        Event::DepartmentRenamed(renamed) => department::rename(tenant, renamed),
        Event::DepartmentMoved(moved) => department::move_below(tenant, moved),
        Event::DepartmentRemoved(removed) => department::remove(tenant, removed),
        Event::VisibilitySet(set) => department::set_visibility(tenant, set),
        Event::PersonMoved(moved) => department::place(tenant, moved),
        Event::GroupBound(bound) => department::start_following(tenant, bound),
        Event::DepartmentFollowed(followed) => takes.extend(group::follow(tenant, followed)),
        // Recorded only (SPEC D8).
        Event::FollowRefused(_) => {}
        // Making groups
        Event::GroupCreated(created) => takes.extend(group::create(tenant, created)),
        Event::GroupCreatedV2(created) => takes.extend(creation::create(tenant, created)),
        Event::CreationPolicySet(set) => creation::set_policy(tenant, set),
        Event::ScopeSet(set) => creation::set_scope(tenant, set),
        Event::RiskControlSet(set) => creation::set_risk_control(tenant, stamp.timestamp, set),
        Event::FollowingEnded(ended) => creation::end_following(tenant, ended),
        Event::DataUseNoticeSet(set) => creation::set_notice(tenant, set),
        Event::ArchivePullSet(set) => creation::set_archive_pull(tenant, set),
        Event::WatchSet(set) => {
            training::set_watch(tenant, set);
        }
        Event::ViewerJoined(joined) => {
            training::let_in(tenant, joined.group, joined.viewer, joined.seat);
        }
        Event::ViewerJoinedV2(joined) => {
            training::let_in(tenant, joined.group, joined.viewer, joined.seat);
        }
        Event::ViewerLeft(left) => {
            training::leave(tenant, left);
        }
        Event::WatchPasswordWrong(wrong) => {
            training::guess_wrong(tenant, stamp, wrong);
        }
        Event::MatrixSet(set) => {
            matrix::apply_set(tenant, set);
        }
        // Members and roles
        Event::MembersJoined(joined) => takes.extend(group::join(tenant, joined)),
        Event::MembersLeft(left) => {
            let fate = group::Fate {
                successor: left.successor,
                status: left.status,
            };
            takes.extend(group::leave(tenant, left.group, &left.people, fate));
        }
        Event::RoleChanged(changed) => takes.extend(group::change_role(tenant, changed)),
        Event::OwnershipTransferred(transferred) => {
            takes.extend(group::transfer_ownership(tenant, transferred));
        }
        // The life of a group
        Event::GroupDissolved(dissolved) => takes.extend(group::dissolve(tenant, dissolved.group)),
        Event::GroupRenamed(renamed) => takes.extend(group::rename(tenant, renamed)),
        Event::GroupDissolvedV2(dissolved) => takes.extend(life::dissolve_for(tenant, dissolved)),
        Event::MembersJoinedV2(joined) => takes.extend(life::join_from(tenant, joined)),
        Event::GroupConfigured(configured) => takes.extend(life::configure(tenant, configured)),
        Event::Announced(announced) => takes.extend(life::announce(tenant, stamp, announced)),
        Event::MemberMuted(muted) => takes.extend(life::mute(tenant, stamp, muted)),
        Event::AllMuted(muted) => takes.extend(life::mute_all(tenant, muted)),
        Event::SlowModeSet(set) => takes.extend(life::set_slow_mode(tenant, set)),
        Event::GroupDisabled(disabled) => takes.extend(life::disable(tenant, disabled)),
        Event::GroupEnabled(enabled) => takes.extend(life::enable(tenant, enabled)),
        // The leaving has changed the group; this says whom else it concerns.
        Event::GroupOrphaned(_) => {}
        event @ (Event::MembersInvited(_)
        | Event::InvitationDeclined(_)
        | Event::GroupDeleted(_)
        | Event::GroupHidden(_)
        | Event::GroupRestored(_)
        | Event::DoNotDisturbSet(_)
        | Event::MemberTagged(_)) => life::note(tenant, stamp, event),
        // Messages
        Event::MessageDeleted(deleted) => takes.extend(message::delete(tenant, deleted)),
        Event::Published(published) => takes.extend(message::publish(tenant, stamp, published)),
        // Join codes, face-to-face, outward calls
        Event::CallOpened(opened) => {
            call::open(tenant, stamp, opened);
        }
        Event::CallClosed(closed) => {
            call::close(tenant, closed);
        }
        Event::JoinCodeCreated(created) => {
            code::create(tenant, created);
        }
        Event::JoinCodeRevoked(revoked) => {
            code::revoke(tenant, revoked);
        }
        Event::JoinCodeMoved(moved) => {
            code::lead_to(tenant, moved);
        }
        Event::JoinCodeUsed(used) => {
            code::count(tenant, stamp, used);
        }
        Event::CodeGuessed(guessed) => {
            code::count_guess(tenant, stamp, guessed);
        }
        Event::FaceToFaceOpened(opened) => {
            code::face_to_face::open(tenant, stamp, opened);
        }
        Event::FaceToFaceJoined(joined) => {
            code::face_to_face::join(tenant, joined);
        }
        Event::FaceToFaceStarted(started) => {
            code::face_to_face::start(tenant, started);
        }
        // Approvals and the audit trail
        Event::ApprovalRequested(requested) => {
            approval::request(tenant, requested, stamp.timestamp);
        }
        Event::ApprovalDecided(decided) => approval::close(tenant, decided, stamp.timestamp),
        Event::ApprovalWithdrawn(withdrawn) => {
            approval::withdraw(tenant, withdrawn, stamp.timestamp);
        }
        Event::ExportGranted(granted) => approval::grant_export(tenant, granted, stamp.timestamp),
        Event::OperationDenied(denied) => audit::note(tenant, denied, stamp.timestamp),
        // Counts are for the trail alone.
        Event::DenialsCounted(_) => {}
        // Quotas
        Event::FeatureFrozen(feature) => {
            quota::freeze(tenant, &feature.account(), stamp.timestamp);
        }
        Event::FreezeReleased(feature) => quota::lift_freeze(tenant, &feature.account()),
        Event::QuotaSet(set) => {
            quota::set_preset_limit(tenant, quota::preset_of(set.policy), set.limit);
        }
        Event::Charged(charged) => quota::charge_all(tenant, stamp, charged),
        Event::QuotaFrozen(account) => quota::freeze(tenant, account, stamp.timestamp),
        Event::QuotaFreezeLifted(account) => quota::lift_freeze(tenant, account),
        Event::PolicySet(set) => quota::set_policy(tenant, stamp.timestamp, set),
        Event::PolicyRemoved(removed) => {
            quota::remove_policy(tenant, stamp.timestamp, removed);
        }
        Event::SenderClassSet(set) => quota::set_sender_class(tenant, set),
        // History from elsewhere
        Event::HistoryImported(imported) => history::import(tenant, imported, stamp.timestamp),
        // Custody of the archive
        Event::RetentionSet(set) => custody::set_retention(tenant, set),
        Event::HoldPlaced(placed) => custody::place(tenant, stamp, placed),
        Event::HoldReleased(released) => custody::release(tenant, released),
        Event::ContentErased(erased) => custody::erase(tenant, erased),
        Event::ContentExpired(expired) => custody::expire(tenant, expired),
        Event::ExportFinished(finished) => custody::finish_export(tenant, finished),
        Event::ArchivePulled(pulled) => pull::note(tenant, pulled, stamp.timestamp),
        // For the trail alone.
        Event::ArchiveSearched(_) | Event::AuditRead(_) => {}
        // Applied to the whole state, above.
        Event::TenantCreated(_)
        | Event::LogRepaired(_)
        | Event::MassSendAccepted(_)
        | Event::MassSendAcceptedV2(_)
        | Event::MassSendReached(_)
        | Event::MassSendTargetRefusedV2(_)
        | Event::MassSendCancelled(_)
        | Event::MassSendDelivered(_)
        | Event::MassSendTargetRefused(_)
        | Event::BatchAccepted(_)
        | Event::BatchGroupCreated(_)
        | Event::BatchGroupRefused(_) => {}
    }
}
