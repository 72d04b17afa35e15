//! The table: one row an operation (SPEC P1, M2), and nothing else decides who may do what.

use super::claims::*;

/// What is asked, as the table's rows name it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Operation {
    // The node
    CreateTenant,
    VerifyTenant,
    Continue,
    // The enterprise
    SetTenantPolicy,
    ReadTenant,
    ConfigureApps,
    ReadAudit,
    // Departments and people
    ManageDepartment,
    ReadDepartments,
    AddPeople,
    SyncPeople,
    UpdatePerson,
    FreezePerson,
    InvitePerson,
    ActivatePerson,
    SetOrgRole,
    AppointSuperAdmin,
    DepartPerson,
    ReadPerson,
    ReadDirectory,
    RegisterDevice,
    RevokeDevice,
    // External contacts; the person concerned is the employee they belong to
    AddContact,
    TagContact,
    HandOverContact,
    ConfirmHandOver,
    // Making groups
    CreateInternalGroup,
    CreateExternalGroup,
    CreateTrainingGroup,
    CreateDirectGroup,
    CreateGroupForAnother,
    CreateGroups,
    SetCreationPolicy,
    ReleaseRiskControl,
    ManageMatrix,
    ReadNotice,
    WatchGroup,
    // Who is in a group
    AddMembers,
    AddMembersAsAdmin,
    AnswerInvitation,
    LeaveGroup,
    RemoveMembers,
    RemoveOwner,
    SetRole,
    TransferOwnership,
    SplitGroup,
    // The life of a group
    RenameGroup,
    RenameLockedGroup,
    Announce,
    ConfigureGroup,
    Mute,
    DissolveGroup,
    DisableGroup,
    DeleteGroup,
    SetOwnView,
    ReadGroup,
    // Ways in
    ManageJoinCode,
    JoinByCode,
    OpenFaceToFace,
    AnswerVerification,
    // Messages
    Publish,
    PublishAsSystem,
    DeleteMessage,
    RecallMessage,
    ReadConversation,
    ExportRecords,
    PullArchive,
    ImportHistory,
    // Mass sends and quotas
    MassSend,
    CancelMassSend,
    ReadMassSend,
    ReleaseFreeze,
    SetQuota,
    RaiseQuota,
    // Approvals
    DecideApproval,
    DecideExport,
    WithdrawApproval,
    ReadApprovals,
    // Custody of the archive
    SetRetention,
    PlaceHold,
    ReleaseHold,
    EraseContent,
    SearchArchive,
}

/// One row: who may do it at once, and who once somebody else has approved.
pub(super) struct Rule {
    pub(super) operation: Operation,
    pub(super) name: &'static str,
    pub(super) granted: Claims,
    pub(super) with_approval: Claims,
    pub(super) needs: &'static str,
}

const fn rule(
    operation: Operation,
    name: &'static str,
    granted: Claims,
    with_approval: Claims,
    needs: &'static str,
) -> Rule {
    Rule {
        operation,
        name,
        granted,
        with_approval,
        needs,
    }
}

use Operation as O;
/// In the order of [`Operation`], which a test holds.
#[rustfmt::skip]
pub(super) const TABLE: [Rule; 83] = [
    // The node
    rule(O::CreateTenant,           "creating a tenant",                           NODE,                                  NOBODY,           "the node's operator"),
    rule(O::VerifyTenant,           "verifying a tenant",                          NODE,                                  NOBODY,           "the node's operator"),
    rule(O::Continue,               "continuing",                                  SYSTEM,                                NOBODY,           "Throng itself"),
    // The enterprise
    rule(O::SetTenantPolicy,        "setting the enterprise's policy",             MANAGEMENT,                            NOBODY,           "the enterprise or a super admin"),
    rule(O::ReadTenant,             "reading about the enterprise",                MANAGEMENT,                            NOBODY,           "the enterprise or a super admin"),
    rule(O::ConfigureApps,          "configuring bots, webhooks and API clients",  MANAGEMENT.or(APP_ADMIN),              NOBODY,           "the enterprise, a super admin or an app admin"),
    rule(O::ReadAudit,              "reading the audit trail",                     MANAGEMENT,                            NOBODY,           "the enterprise or a super admin"),
    // Departments and people
    rule(O::ManageDepartment,       "changing a department",                       MANAGERS,                              NOBODY,           "the enterprise, a super admin or an admin of the department's subtree"),
    rule(O::ReadDepartments,        "reading the departments",                     BACKEND.or(EMPLOYEE),                  NOBODY,           "the enterprise or an employee"),
    rule(O::AddPeople,              "adding people",                               MANAGEMENT,                            NOBODY,           "the enterprise or a super admin"),
    rule(O::SyncPeople,             "synchronising people",                        MANAGEMENT,                            NOBODY,           "the enterprise or a super admin"),
    rule(O::UpdatePerson,           "changing a person's entry",                   MANAGERS,                              NOBODY,           "the enterprise, a super admin or an admin of the person's subtree"),
    rule(O::FreezePerson,           "freezing or thawing an account",              MANAGERS,                              NOBODY,           "the enterprise, a super admin or an admin of the person's subtree"),
    rule(O::InvitePerson,           "sending a one-time code",                     MANAGERS,                              NOBODY,           "the enterprise, a super admin or an admin of the person's subtree"),
    rule(O::ActivatePerson,         "activating an account",                       BACKEND.or(ONESELF),                   NOBODY,           "the enterprise or the person"),
    rule(O::SetOrgRole,             "giving a role in the enterprise",             MANAGEMENT,                            NOBODY,           "the enterprise or a super admin"),
    rule(O::AppointSuperAdmin,      "appointing a super admin",                    BACKEND,                               SUPER_ADMIN,      "the enterprise, or a super admin with approval"),
    rule(O::DepartPerson,           "ending an employment",                        MANAGEMENT,                            NOBODY,           "the enterprise or a super admin"),
    rule(O::ReadPerson,             "reading about a person",                      MANAGEMENT.or(SUBTREE_ADMIN).or(ONESELF), NOBODY,           "the enterprise, a super admin, an admin of the person's subtree or the person"),
    rule(O::ReadDirectory,          "reading the directory",                       BACKEND.or(EMPLOYEE),                  NOBODY,           "the enterprise or an employee"),
    rule(O::RegisterDevice,         "registering a device",                        BACKEND.or(ONESELF),                   NOBODY,           "the enterprise or the person"),
    rule(O::RevokeDevice,           "revoking a device",                           MANAGERS.or(ONESELF),                  NOBODY,           "the enterprise, a super admin, an admin of the person's subtree or the person"),
    // External contacts; the person concerned is the employee they belong to
    rule(O::AddContact,             "adding an external contact",                  BACKEND.or(ONESELF),                   NOBODY,           "the enterprise or the employee they belong to"),
    rule(O::TagContact,             "tagging an external contact",                 MANAGERS.or(ONESELF),                  NOBODY,           "the enterprise, a super admin, an admin of the subtree or the employee they belong to"),
    rule(O::HandOverContact,        "handing over an external contact",            MANAGERS.or(ONESELF),                  NOBODY,           "the enterprise, a super admin, an admin of the subtree or the employee they belong to"),
    rule(O::ConfirmHandOver,        "confirming a hand-over",                      BACKEND.or(ONESELF),                   NOBODY,           "the enterprise or the external contact"),
    // Making groups
    rule(O::CreateInternalGroup,    "creating an internal group",                  BACKEND.or(EMPLOYEE),                  NOBODY,           "the enterprise or an employee"),
    rule(O::CreateExternalGroup,    "creating an external group",                  MANAGEMENT,                            DEPARTMENT_ADMIN, "the enterprise, a super admin or, with approval, a department admin"),
    rule(O::CreateTrainingGroup,    "creating a training group",                   MANAGEMENT.or(DEPARTMENT_ADMIN),       NOBODY,           "the enterprise, a super admin or a department admin"),
    rule(O::CreateDirectGroup,      "opening a direct conversation",               BACKEND.or(EMPLOYEE),                  NOBODY,           "the enterprise or an employee"),
    rule(O::CreateGroupForAnother,  "creating a group for another",                BACKEND,                               NOBODY,           "the enterprise"),
    rule(O::CreateGroups,           "creating groups in one call",                 BACKEND,                               NOBODY,           "the enterprise"),
    rule(O::SetCreationPolicy,      "saying who may create groups",                MANAGEMENT,                            NOBODY,           "the enterprise or a super admin"),
    rule(O::ReleaseRiskControl,     "releasing risk control",                      MANAGERS,                              NOBODY,           "the enterprise, a super admin or an admin of the person's subtree"),
    rule(O::ManageMatrix,           "managing a set of groups",                    MANAGEMENT,                            NOBODY,           "the enterprise or a super admin"),
    rule(O::ReadNotice,             "reading the data-use notice",                 BACKEND.or(ANYONE),                    NOBODY,           "the enterprise or anybody with an account"),
    rule(O::WatchGroup,             "watching a training group",                   BACKEND.or(ONESELF),                   NOBODY,           "the enterprise or the viewer"),
    // Who is in a group
    rule(O::AddMembers,             "adding members",                              BACKEND.or(LEADERS).or(COLLEAGUE),     NOBODY,           "the enterprise or an employee in the group"),
    rule(O::AddMembersAsAdmin,      "adding members where only admins invite",     BACKEND.or(LEADERS),                   NOBODY,           "the enterprise, the group's owner or an admin of it"),
    rule(O::AnswerInvitation,       "answering an invitation",                     BACKEND.or(ONESELF),                   NOBODY,           "the enterprise or who is invited"),
    rule(O::LeaveGroup,             "leaving a group",                             ANYONE,                                NOBODY,           "the member"),
    rule(O::RemoveMembers,          "removing members",                            BACKEND.or(LEADERS),                   NOBODY,           "the enterprise, the group's owner or an admin of it"),
    rule(O::RemoveOwner,            "removing the owner",                          BACKEND,                               NOBODY,           "the enterprise"),
    rule(O::SetRole,                "appointing admins",                           BACKEND.or(OWNER),                     NOBODY,           "the enterprise or the group's owner"),
    rule(O::TransferOwnership,      "transferring a group",                        BACKEND.or(OWNER),                     NOBODY,           "the enterprise or the group's owner"),
    rule(O::SplitGroup,             "splitting a group",                           MANAGERS.or(OWNER),                    NOBODY,           "the enterprise, a super admin, an admin of the subtree or the group's owner"),
    // The life of a group
    rule(O::RenameGroup,            "renaming a group",                            MANAGERS.or(LEADERS),                  NOBODY,           "the enterprise, a super admin, an admin of the subtree, the group's owner or an admin of it"),
    rule(O::RenameLockedGroup,      "renaming a group whose name is locked",       MANAGERS,                              NOBODY,           "the enterprise, a super admin or an admin of the subtree"),
    rule(O::Announce,               "announcing",                                  MANAGERS.or(LEADERS),                  NOBODY,           "the enterprise, a super admin, an admin of the subtree, the group's owner or an admin of it"),
    rule(O::ConfigureGroup,         "configuring a group",                         MANAGERS.or(LEADERS),                  NOBODY,           "the enterprise, a super admin, an admin of the subtree, the group's owner or an admin of it"),
    rule(O::Mute,                   "muting",                                      BACKEND.or(LEADERS),                   NOBODY,           "the enterprise, the group's owner or an admin of it"),
    rule(O::DissolveGroup,          "dissolving a group",                          MANAGERS.or(OWNER),                    NOBODY,           "the enterprise, a super admin, an admin of the subtree or the group's owner"),
    rule(O::DisableGroup,           "disabling or enabling a group",               MANAGERS,                              NOBODY,           "the enterprise, a super admin or an admin of the subtree"),
    rule(O::DeleteGroup,            "deleting a group",                            MANAGEMENT,                            NOBODY,           "the enterprise or a super admin"),
    rule(O::SetOwnView,             "arranging one's own view",                    BACKEND.or(ONESELF),                   NOBODY,           "the enterprise or the member"),
    rule(O::ReadGroup,              "reading about a group",                       MANAGERS.or(MEMBER).or(VIEWER),        NOBODY,           "the enterprise, a super admin, an admin of the subtree or a member"),
    // Ways in
    rule(O::ManageJoinCode,         "managing a join code",                        MANAGERS.or(LEADERS),                  NOBODY,           "the enterprise, a super admin, an admin of the subtree, the group's owner or an admin of it"),
    rule(O::JoinByCode,             "joining by code",                             BACKEND.or(ONESELF),                   NOBODY,           "the enterprise or the person who joins"),
    rule(O::OpenFaceToFace,         "opening a face-to-face group",                BACKEND.or(EMPLOYEE),                  NOBODY,           "the enterprise or an employee"),
    rule(O::AnswerVerification,     "answering an outward call",                   BACKEND.or(SYSTEM),                    NOBODY,           "the enterprise"),
    // Messages
    rule(O::Publish,                "publishing",                                  BACKEND.or(ONESELF),                   NOBODY,           "the enterprise or the sender"),
    rule(O::PublishAsSystem,        "publishing a system message",                 BACKEND,                               NOBODY,           "the enterprise"),
    rule(O::DeleteMessage,          "deleting a message",                          MANAGERS.or(LEADERS),                  NOBODY,           "the enterprise, a super admin, an admin of the subtree, the group's owner or an admin of it, or its author within a day"),
    rule(O::RecallMessage,          "recalling one's own message",                 ONESELF,                               NOBODY,           "its author, within a day"),
    rule(O::ReadConversation,       "reading another's conversation",              NOBODY,                                NOBODY,           "the archive, where reading is recorded"),
    rule(O::ExportRecords,          "exporting records",                           NOBODY,                                SUPER_ADMIN,      "a super admin, with another super admin's approval"),
    // Everybody's conversations: an operator of the node reads them as the tenant's operator, or not at all.
    rule(O::PullArchive,            "pulling the archive",                         ENTERPRISE,                            NOBODY,           "the enterprise's own systems; people ask for an export, which two approve"),
    rule(O::ImportHistory,          "importing history",                           MANAGEMENT,                            NOBODY,           "the enterprise or a super admin"),
    // Mass sends and quotas
    rule(O::MassSend,               "sending to many",                             BACKEND.or(ONESELF),                   NOBODY,           "the enterprise or the sender"),
    rule(O::CancelMassSend,         "cancelling a mass send",                      MANAGERS.or(ONESELF),                  NOBODY,           "the enterprise, a super admin, an admin of the subtree or the sender"),
    rule(O::ReadMassSend,           "reading about a mass send",                   MANAGERS.or(ONESELF),                  NOBODY,           "the enterprise, a super admin, an admin of the subtree or the sender"),
    rule(O::ReleaseFreeze,          "releasing a freeze",                          MANAGERS,                              NOBODY,           "the enterprise, a super admin or an admin of the person's subtree"),
    rule(O::SetQuota,               "setting a quota",                             MANAGEMENT,                            NOBODY,           "the enterprise or a super admin"),
    rule(O::RaiseQuota,             "raising a quota",                             BACKEND,                               SUPER_ADMIN,      "the enterprise, or a super admin with approval"),
    // Approvals
    rule(O::DecideApproval,         "deciding an approval",                        MANAGEMENT,                            NOBODY,           "the enterprise or a super admin, other than who asks"),
    rule(O::DecideExport,           "deciding an export",                          SUPER_ADMIN,                           NOBODY,           "another super admin than the one who asks"),
    rule(O::WithdrawApproval,       "taking back a request for approval",          ONESELF,                               NOBODY,           "who asked"),
    rule(O::ReadApprovals,          "reading approvals",                           MANAGEMENT.or(ONESELF),                NOBODY,           "the enterprise, a super admin or who asked"),
    // Custody of the archive: what destroys, or lets be destroyed, takes two of the enterprise's people
    rule(O::SetRetention,           "setting how long content is kept",            BACKEND,                               SUPER_ADMIN,      "the enterprise, or a super admin with approval"),
    rule(O::PlaceHold,              "placing a legal hold",                        MANAGEMENT,                            NOBODY,           "the enterprise or a super admin"),
    rule(O::ReleaseHold,            "releasing a legal hold",                      BACKEND,                               SUPER_ADMIN,      "the enterprise, or a super admin with approval"),
    rule(O::EraseContent,           "erasing content",                             BACKEND,                               SUPER_ADMIN,      "the enterprise, or a super admin with approval"),
    rule(O::SearchArchive,          "searching the archive",                       MANAGEMENT,                            NOBODY,           "the enterprise or a super admin"),
];
