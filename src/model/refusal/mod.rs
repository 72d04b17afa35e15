//! Every way the model says no: the rule, how much, and when to try again (SPEC P3, Q6).
//! Something of another tenant is answered exactly as something that does not exist (SPEC D1).

mod search;
mod wire;

pub use self::search::NotSearched;
use self::wire::Account;
use crate::model::command::{ApprovalStatus, PolicyId};
use crate::wire::{
    ApprovalId, DepartmentId, DeviceId, GroupId, HoldId, MatrixId, PersonId, Timestamp,
};

/// Why a command was refused. Nothing was charged and no sequence was used (SPEC Q3).
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No such tenant.
    #[error("no such tenant")]
    NoSuchTenant,
    /// No such person in the tenant.
    #[error("person {person} does not exist")]
    NoSuchPerson {
        /// Who was named.
        person: PersonId,
    },
    /// No such group in the tenant.
    #[error("group {group} does not exist")]
    NoSuchGroup {
        /// Which was named.
        group: GroupId,
    },
    /// No such mass send in the tenant.
    #[error("mass send {mass_send} does not exist")]
    NoSuchMassSend {
        /// Which was named.
        mass_send: u64,
    },
    /// Not a member, or left before this was decided (SPEC M5).
    #[error("person {person} is not a member of group {group}")]
    NotAMember {
        /// Who.
        person: PersonId,
        /// Where.
        group: GroupId,
    },
    /// Already a member.
    #[error("person {person} is already a member of group {group}")]
    AlreadyAMember {
        /// Who.
        person: PersonId,
        /// Where.
        group: GroupId,
    },
    /// The last place is taken (SPEC G2).
    #[error("group {group} is full: its cap is {cap}")]
    GroupFull {
        /// Which; 0 for one that was to be created.
        group: GroupId,
        /// How many it may have.
        cap: u32,
    },
    /// The group is dissolved (SPEC G8).
    #[error("group {group} is dissolved")]
    GroupDissolved {
        /// Which.
        group: GroupId,
    },
    /// Fewer than 2 other people (SPEC G3).
    #[error("a group needs at least {need} other people, {have} given")]
    TooFewMembers {
        /// How many it needs.
        need: u32,
        /// How many were given.
        have: u32,
    },
    /// Only employees are in internal groups, own or administer groups, and mass-send (SPEC G1, M6).
    #[error("person {person} is not an employee, and only employees may")]
    NotAnEmployee {
        /// Who.
        person: PersonId,
    },
    /// Not allowed by role (SPEC P1, M2).
    #[error("not permitted: {operation} needs {needs}")]
    NotPermitted {
        /// What was asked.
        operation: &'static str,
        /// Who may.
        needs: &'static str,
    },
    /// The tenant's verification is missing or has lapsed (SPEC D1).
    #[error("the tenant is not verified")]
    NotVerified,
    /// A fourth super admin (SPEC D5).
    #[error("a tenant has at most {limit} super admins")]
    TooManySuperAdmins {
        /// How many it may have.
        limit: u32,
    },
    /// The person has left the company (SPEC D7).
    #[error("person {person} has left the company")]
    Departed {
        /// Who.
        person: PersonId,
    },
    /// A quota is used up until its window ends (SPEC Q6).
    #[error("{policy} is used up for {}: {used} of {limit}, try again at {retry_at}", Account(*group, *person))]
    QuotaExceeded {
        /// Which policy.
        policy: PolicyId,
        /// Of which group's account; 0 where no group is concerned.
        group: GroupId,
        /// Of which person's account; 0 where nobody is concerned.
        person: PersonId,
        /// How much is used.
        used: u32,
        /// The limit.
        limit: u32,
        /// When the next window begins, or enough of a rolling one has ended.
        retry_at: Timestamp,
        /// This refusal froze the feature (SPEC Q2).
        frozen: bool,
    },
    /// Frozen until an admin releases it (SPEC Q2).
    #[error("{} is frozen for {policy} since {since}: an admin must release it", Account(*group, *person))]
    Frozen {
        /// By which policy.
        policy: PolicyId,
        /// Which group; 0 where no group is concerned.
        group: GroupId,
        /// Who; 0 where nobody is concerned.
        person: PersonId,
        /// Since when.
        since: Timestamp,
    },
    /// The same client message id with another body (SPEC S3).
    #[error("client message id was used before with another body")]
    IdempotencyMismatch,
    /// A kind people do not write, or one this group kind refuses (SPEC S1).
    #[error("this kind of message may not be published here")]
    KindNotAllowed,
    /// Text out of its bounds, a list too long, something twice.
    #[error("{field} is invalid: {rule}")]
    Invalid {
        /// Which field.
        field: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// A string id of the backend that another person has.
    #[error("an external id is already in use")]
    DuplicateExternalId,
    /// No space left for records (SPEC A2); nothing was changed.
    #[error("the log's disk is full: free space and try again")]
    DiskFull,
    /// The group is disabled: no employee was left to own it (SPEC G8, M6).
    #[error("group {group} is disabled")]
    GroupDisabled {
        /// Which.
        group: GroupId,
    },
    /// The account is frozen until an admin thaws it (SPEC D3).
    #[error("the account of person {person} is frozen: an admin must thaw it")]
    AccountFrozen {
        /// Whose.
        person: PersonId,
    },
    /// Somebody else has to approve it first (SPEC P2).
    #[error("{operation} needs the approval of somebody else")]
    NeedsApproval {
        /// What was asked.
        operation: &'static str,
    },
    /// The tenant ties admin operations to a second factor (SPEC D9).
    #[error("admin operations need a second factor: sign in with one")]
    SecondFactorRequired,
    /// No such department in the tenant.
    #[error("department {department} does not exist")]
    NoSuchDepartment {
        /// Which was named.
        department: DepartmentId,
    },
    /// Has not activated the account, and so deals with no external contact (SPEC D3).
    #[error("person {person} has not activated the account, which dealing with contacts needs")]
    NotActivated {
        /// Who.
        person: PersonId,
    },
    /// The account was activated before: there is nothing to activate it for (SPEC D3).
    #[error("the account of person {person} has been activated")]
    AlreadyActivated {
        /// Whose.
        person: PersonId,
    },
    /// Not the one-time code, or there is none any more: expired, guessed at or never sent (SPEC D3).
    #[error("that code does not activate the account of person {person}: {left} guesses are left")]
    WrongActivationCode {
        /// Whose account.
        person: PersonId,
        /// How many more guesses there are; 0 needs a new code.
        left: u32,
    },
    /// An employee number or mobile that another person has (SPEC D3, D6).
    #[error("the {field} is already in use")]
    AlreadyInUse {
        /// Which field.
        field: &'static str,
    },
    /// Nobody would be left to give anybody a role (SPEC D5).
    #[error("person {person} is the last super admin: give the role to somebody else first")]
    LastSuperAdmin {
        /// Who.
        person: PersonId,
    },
    /// The device is locked out (SPEC D9).
    #[error("device {device} is locked out")]
    DeviceRevoked {
        /// Which.
        device: DeviceId,
    },
    /// Not an address of the tenant's allow-list (SPEC D9).
    #[error("the enterprise does not allow connections from this address")]
    AddressNotAllowed,
    /// An employee has as many external contacts as they may (SPEC D4).
    #[error("person {person} has {limit} contacts: {}", if *.untagged { "another one needs a tag" } else { "there is no room for another" })]
    TooManyContacts {
        /// Whose.
        person: PersonId,
        /// How many they may have; untagged, as many as need no tag.
        limit: u32,
        /// With a tag it could be added.
        untagged: bool,
    },
    /// Not an external contact of that employee (SPEC D4).
    #[error("contact {contact} does not belong to person {person}")]
    NotTheirContact {
        /// Which.
        contact: PersonId,
        /// Whose it should be.
        person: PersonId,
    },
    /// Nothing waits for the contact to confirm it, or its time is over (SPEC D4).
    #[error("no hand-over of contact {contact} waits to be confirmed")]
    NoSuchHandOver {
        /// Which.
        contact: PersonId,
    },
    /// A department below itself (SPEC D2).
    #[error("department {department} cannot be below department {parent}, which is below it")]
    DepartmentCycle {
        /// What was to be moved.
        department: DepartmentId,
        /// Itself, or one below it.
        parent: DepartmentId,
    },
    /// A department that still holds something (SPEC D2).
    #[error(
        "department {department} is not empty: {people} people, {departments} departments and \
         {groups} groups are in it"
    )]
    DepartmentNotEmpty {
        /// Which.
        department: DepartmentId,
        /// People in it themselves.
        people: u32,
        /// Departments right below it.
        departments: u32,
        /// Groups bound to it that are not dissolved.
        groups: u32,
    },
    /// Another department beside it has that name (SPEC D2).
    #[error("department {department} in the same place has that name")]
    DepartmentNameTaken {
        /// Which has it.
        department: DepartmentId,
    },
    /// A department, a level, or a person's department too many (SPEC D2).
    #[error("at most {limit} {what}")]
    DepartmentLimit {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        limit: u32,
    },
    /// More than one record should change; nothing was changed.
    #[error("this concerns more than {limit} {what} at once: do it in smaller parts")]
    TooMuchAtOnce {
        /// Of what.
        what: &'static str,
        /// How many one command may concern.
        limit: u32,
    },
    /// No such batch in the tenant, or its results are no longer kept.
    #[error("batch {batch} does not exist")]
    NoSuchBatch {
        /// Which was named: its parent record.
        batch: u64,
    },
    /// Nobody creates groups: the security lock (SPEC G4).
    #[error("creating groups is locked{}", if *mobile { " on mobile devices" } else { "" })]
    CreationLocked {
        /// On mobile devices only.
        mobile: bool,
    },
    /// Not one of those who may create groups (SPEC G4).
    #[error("person {person} is not one of those who may create groups")]
    NotACreator {
        /// Who.
        person: PersonId,
    },
    /// Out of the scope of those who may be selected (SPEC G4).
    #[error("person {person} may not be selected")]
    NotSelectable {
        /// Who.
        person: PersonId,
    },
    /// One group too many was created in a day; an admin must release it (SPEC G4).
    #[error(
        "person {person} created too many groups, held up since {since}: an admin must release it"
    )]
    RiskControl {
        /// Who.
        person: PersonId,
        /// Since when.
        since: Timestamp,
    },
    /// Archive pull and retention of a group with external contacts stay on (SPEC G1).
    #[error("the archive of group {group} cannot be switched off")]
    ArchiveRequired {
        /// Which.
        group: GroupId,
    },
    /// Outside the time in which viewers are let in (SPEC G1).
    #[error("group {group} lets viewers in from {opens} until {closes}")]
    WatchClosed {
        /// Which.
        group: GroupId,
        /// From then on.
        opens: Timestamp,
        /// Until before then.
        closes: Timestamp,
    },
    /// Not the watch password (SPEC G1).
    #[error("this is not the watch password of group {group}")]
    WrongPassword {
        /// Of which group.
        group: GroupId,
    },
    /// Wrong too often in a minute.
    #[error("too many wrong guesses: try again at {retry_at}")]
    TooManyGuesses {
        /// When one of them is forgotten.
        retry_at: Timestamp,
    },
    /// No such set of groups in the tenant.
    #[error("matrix {matrix} does not exist")]
    NoSuchMatrix {
        /// Which was named.
        matrix: MatrixId,
    },
    /// No invitation, or one that has expired (SPEC G7).
    #[error("person {person} has no open invitation to group {group}")]
    NoInvitation {
        /// Who.
        person: PersonId,
        /// Where.
        group: GroupId,
    },
    /// More invitations are open than a group may have (SPEC G7).
    #[error("group {group} has open invitations already: at most {limit}")]
    TooManyInvitations {
        /// Which.
        group: GroupId,
        /// How many it may have.
        limit: u32,
    },
    /// Silent in this group, alone or with all plain members (SPEC M3).
    #[error("muted in group {group} until {until}; 0 until it is lifted")]
    Muted {
        /// Where.
        group: GroupId,
        /// Until when; 0 until it is lifted.
        until: Timestamp,
    },
    /// Too soon after the sender's last message (SPEC M3).
    #[error("group {group} is in slow mode: speak again at {retry_at}")]
    SlowMode {
        /// Where.
        group: GroupId,
        /// When the sender may speak again.
        retry_at: Timestamp,
    },
    /// No such join code in the tenant, or none any more; another tenant's is answered alike (SPEC D1).
    #[error("no such join code")]
    NoSuchJoinCode,
    /// The join code's time is over (SPEC G5).
    #[error("the join code expired at {at}")]
    JoinCodeExpired {
        /// When.
        at: Timestamp,
    },
    /// The join code was revoked (SPEC G5).
    #[error("the join code was revoked")]
    JoinCodeRevoked,
    /// As many have joined by the code as may (SPEC G5).
    #[error("the join code is used up: {uses_max} have joined by it")]
    JoinCodeUsedUp {
        /// How many may.
        uses_max: u32,
    },
    /// The group has as many join codes as it may.
    #[error("a group has at most {limit} join codes")]
    TooManyJoinCodes {
        /// How many it may have.
        limit: u32,
    },
    /// No such call in the tenant, or it was answered long ago.
    #[error("call {call} does not exist")]
    NoSuchCall {
        /// Which was named.
        call: u64,
    },
    /// The call has its answer; it is not changed by another.
    #[error("call {call} is answered already")]
    CallAnswered {
        /// Which.
        call: u64,
    },
    /// The answer came too late.
    #[error("call {call} has expired")]
    CallExpired {
        /// Which.
        call: u64,
    },
    /// As many calls wait for their answer as may.
    #[error("{limit} calls wait for an answer: try again later")]
    TooManyCalls {
        /// How many may.
        limit: u32,
    },
    /// No face-to-face group with these digits here and now (SPEC G6).
    #[error("no face-to-face group with these digits here")]
    NoSuchFaceToFace,
    /// As many face-to-face groups are open as may.
    #[error("at most {limit} face-to-face groups are open: try again later")]
    TooManyFaceToFace {
        /// How many may.
        limit: u32,
    },
    /// No such request for approval in the tenant, or it is long over.
    #[error("approval {approval} does not exist")]
    NoSuchApproval {
        /// Which was named.
        approval: ApprovalId,
    },
    /// Nobody decides what they asked for themselves (SPEC P2).
    #[error("approval {approval} is for somebody else to decide than who asked")]
    OwnApproval {
        /// Which.
        approval: ApprovalId,
    },
    /// Nobody decided it in time (SPEC P2).
    #[error("approval {approval} expired at {expired_at}: ask again")]
    ApprovalExpired {
        /// Which.
        approval: ApprovalId,
        /// When.
        expired_at: Timestamp,
    },
    /// It was decided or taken back before.
    #[error("approval {approval} is closed: {status:?}")]
    ApprovalClosed {
        /// Which.
        approval: ApprovalId,
        /// How it ended.
        status: ApprovalStatus,
    },
    /// Too many requests wait for approval, of one person or of all.
    #[error("{limit} requests wait for approval already: have them decided, or take some back")]
    TooManyApprovals {
        /// How many may wait.
        limit: u32,
    },
    /// No other super admin is there to approve an export (SPEC P1).
    #[error("an export needs the approval of another super admin, and there is none")]
    NoSecondApprover,
    /// A chunk of an import is missing before this one.
    #[error("the import goes on with chunk {expected}")]
    ImportOutOfOrder {
        /// The chunk that comes next.
        expected: u32,
    },
    /// Too many imports at a time.
    #[error("{limit} imports have been going on in the last 30 days, which is the limit")]
    TooManyImports {
        /// How many there may be.
        limit: u32,
    },
    /// No such quota policy in the tenant, or it is switched off.
    #[error("quota policy {} does not exist", policy.0)]
    NoSuchPolicy {
        /// Which was named.
        policy: PolicyId,
    },
    /// One quota policy more than a tenant may have.
    #[error("a tenant has at most {limit} quota policies")]
    TooManyPolicies {
        /// How many it may have.
        limit: u32,
    },
    /// Some of it is under a legal hold (SPEC A5).
    #[error("hold {hold} covers some of it: release the hold first, or erase less")]
    Held {
        /// The first such hold.
        hold: HoldId,
    },
    /// The archive cannot be searched, or not now; nothing was recorded (SPEC S12).
    #[error(transparent)]
    NotSearched(#[from] NotSearched),
}
