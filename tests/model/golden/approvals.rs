//! Approvals and exports, what was denied, and history from elsewhere.

use throng::model::command::*;
use throng::model::event::{self, Event};
use throng::wire::{
    ApprovalId, DeviceId, ExportId, GroupId, Kind, PersonId, RecordNumber, TenantId, Timestamp,
};

use crate::golden::Section;
use crate::golden::core::TIME;

pub(crate) const SECTION: Section = Section {
    golden: include_str!("model_approvals.txt"),
    commands,
    replies,
    events,
};

const LATER: Timestamp = Timestamp(TIME.0 + 259_200_000_000);

fn scope() -> ExportScopeV1 {
    ExportScopeV1 {
        groups: vec![GroupId(7), GroupId(8)],
        from: Timestamp(0),
        until: TIME,
    }
}

fn imported() -> ImportedMessageV1 {
    ImportedMessageV1 {
        sender: PersonId(4),
        sender_name: "王小明".to_owned(),
        sent_at: TIME,
        offset_s: 28_800,
        kind: Kind::Text as u8,
        body: "旧消息".as_bytes().to_vec(),
    }
}

fn count() -> DenialCountV1 {
    DenialCountV1 {
        person: PersonId(4),
        operation: 116,
        count: 1_000_000,
        first: TIME,
        last: LATER,
    }
}

fn read_audit() -> ReadAuditV1 {
    ReadAuditV1 {
        actor: PersonId(4),
        person: PersonId(5),
        group: GroupId(7),
        kinds: vec![0x174, 0x017],
        from: TIME,
        until: LATER,
        before: RecordNumber(99),
        entries: 50,
    }
}

fn commands() -> Vec<TaggedCommand> {
    use TaggedCommand as T;
    let approval = ApprovalId(3);
    vec![
        T::RequestExport(RequestExportV1 { scope: scope() }),
        T::DecideApproval(DecideApprovalV1 {
            approval,
            approve: true,
            reason: "可以".to_owned(),
        }),
        T::WithdrawApproval(ApprovalIdV1 { approval }),
        T::CountDenials(CountDenialsV1 {
            counts: vec![count()],
            others: 5,
        }),
        T::ReadAudit(read_audit()),
        T::ImportHistory(ImportHistoryV1 {
            import: 12,
            chunk: 2,
            group: GroupId(7),
            messages: vec![imported()],
        }),
        T::GetApproval(ApprovalIdV1 { approval }),
        T::ListApprovals(ListApprovalsV1 {
            requester: PersonId(4),
            open_only: true,
            after: approval,
            limit: 50,
        }),
        T::ListExports(ListExportsV1 {
            after: ExportId(1),
            limit: 10,
        }),
    ]
}

fn state_of_approval() -> ApprovalStateV1 {
    ApprovalStateV1 {
        approval: ApprovalId(3),
        operation: 81,
        command_tag: 0x010,
        command: vec![1, 2, 3],
        requester: PersonId(4),
        device: DeviceId(7),
        requested_at: TIME,
        expires: LATER,
        status: ApprovalStatus::Failed,
        approver: PersonId(5),
        closed_at: TIME,
        reason: "可以".to_owned(),
        reply_tag: 4,
        reply: vec![4, 5],
        refusal: 14,
    }
}

fn replies() -> Vec<Reply> {
    vec![
        Reply::Approval(state_of_approval()),
        Reply::Approvals(ApprovalsPageV1 {
            approvals: vec![state_of_approval()],
            more: true,
        }),
        Reply::Exports(ExportsPageV1 {
            exports: vec![ExportStateV1 {
                export: ExportId(2),
                scope: scope(),
                requester: PersonId(4),
                approver: PersonId(5),
                granted_at: TIME,
            }],
            more: false,
        }),
        Reply::ApprovalPending(ApprovalPendingV1 {
            approval: ApprovalId(3),
            expires: LATER,
            duplicate: true,
        }),
        Reply::ApprovalDecided(ApprovalDecidedV1 {
            approval: ApprovalId(3),
            status: ApprovalStatus::Approved,
            reply_tag: 4,
            reply: vec![4, 5],
            refusal: 0,
            text: String::new(),
        }),
        Reply::ExportGranted(ExportGrantedV1 {
            export: ExportId(2),
        }),
        Reply::AuditGranted(Box::new(AuditGrantedV1 {
            tenant: TenantId(1),
            query: RecordNumber(100),
            asked: read_audit(),
        })),
        Reply::AuditPage(Box::new(AuditPageV1 {
            query: RecordNumber(100),
            entries: vec![AuditEntryV1 {
                record: RecordNumber(98),
                at: TIME,
                actor: PersonId(4),
                device: DeviceId(7),
                group: GroupId(7),
                events_len: 3,
                events: vec![1, 2, 3],
            }],
            before: RecordNumber(98),
            first: RecordNumber(17),
            damaged: true,
        })),
        Reply::HistoryImported(HistoryImportedV1 {
            imported: 499,
            refused: vec![RefusedMessageV1 {
                index: 17,
                why: ImportRefusal::InTheFuture,
            }],
            duplicate: false,
        }),
    ]
}

/// Of the first of everything, so that a state can be made of them.
pub(crate) fn events() -> Vec<Event> {
    vec![
        Event::ApprovalRequested(event::ApprovalRequestedV1 {
            approval: ApprovalId(1),
            operation: 81,
            command_tag: 0x010,
            command: vec![1, 2, 3],
            requester: PersonId(1),
            device: DeviceId(7),
            second_factor: true,
            expires: LATER,
        }),
        Event::ApprovalDecided(event::ApprovalDecidedV1 {
            approval: ApprovalId(1),
            approver: PersonId(2),
            status: ApprovalStatus::Approved,
            reason: "可以".to_owned(),
            reply_tag: 4,
            reply: vec![4, 5],
            refusal: 0,
        }),
        Event::ApprovalWithdrawn(event::ApprovalWithdrawnV1 {
            approval: ApprovalId(1),
        }),
        Event::ExportGranted(event::ExportGrantedV1 {
            export: ExportId(1),
            scope: scope(),
            requester: PersonId(1),
            approver: PersonId(2),
        }),
        Event::OperationDenied(event::OperationDeniedV1 {
            person: PersonId(4),
            device: DeviceId(7),
            operation: 116,
            subject_kind: event::SubjectKind::Group,
            subject: 7,
            refusal: 11,
            until: LATER,
        }),
        Event::DenialsCounted(event::DenialsCountedV1 {
            counts: vec![count()],
            others: 5,
        }),
        Event::AuditRead(event::AuditReadV1 {
            actor: PersonId(4),
            person: PersonId(5),
            group: GroupId(7),
            kinds: vec![0x174, 0x017],
            from: TIME,
            until: LATER,
            before: RecordNumber(99),
        }),
        Event::HistoryImported(event::HistoryImportedV1 {
            import: 12,
            chunk: 2,
            group: GroupId(7),
            messages: vec![event::ImportedV1 {
                sender: PersonId(4),
                sender_name: "王小明".to_owned(),
                sent_at: TIME,
                offset_s: 28_800,
                kind: Kind::Text as u8,
                body_len: 9,
            }],
        }),
    ]
}
