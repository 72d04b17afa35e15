//! A mixed history, the export of some of it, and both as they can be compared.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest, Sha256};
use throng::archive::export::{ExportError, Exported, Grant, Job, MANIFEST, Settings};
use throng::engine::{Engine, Message, Options};
use throng::log::{Memory, Reader, Record, Storage};
use throng::model::command::{
    Actor, AddPeopleV1, AnnounceV1, ApprovalPendingV1, Command, DecideApprovalV1, DeleteMessageV1,
    ExportScopeV1, ImportHistoryV1, ImportedMessageV1, NewPersonV1, OrgRole, PersonKind, PersonV1,
    RenameGroupV1, Reply, RequestExportV1, TaggedCommand as T,
};
use throng::model::event::{Event, decode_all};
use throng::wire::{
    ClientMessageId, DeviceId, ExportId, GroupId, Kind, PersonId, Priority, RecordNumber, Sequence,
    TenantId, Timestamp,
};

use crate::town::{NOON, Town, employee, tenant};

pub(crate) const MINUTE_US: i64 = 60_000_000;

/// A town with two super admins, and another tenant beside it.
pub(crate) struct World {
    pub(crate) town: Town,
    pub(crate) admins: [PersonId; 2],
    pub(crate) groups: [GroupId; 2],
}

/// As one asks in the name of somebody.
pub(crate) fn ask(town: &Town, person: PersonId, body: T) -> Result<Reply, String> {
    let command = Command {
        tenant: town.tenant,
        actor: Actor::Person {
            person,
            device: DeviceId(1),
        },
        second_factor: false,
        body: body.into(),
    };
    let ticket = town.engine.execute(command).unwrap();
    ticket.wait().map_err(|error| error.to_string())
}

pub(crate) fn super_admin(town: &Town) -> PersonId {
    let people = vec![NewPersonV1 {
        name: "总管".into(),
        external_id: String::new(),
        kind: PersonKind::Employee,
        role: OrgRole::SuperAdmin,
    }];
    match town.call(T::AddPeople(AddPeopleV1 { people })) {
        Ok(Reply::PeopleAdded(added)) => added.people[0],
        other => panic!("{other:?}"),
    }
}

pub(crate) fn everything() -> ExportScopeV1 {
    ExportScopeV1 {
        groups: Vec::new(),
        from: Timestamp(0),
        until: Timestamp(i64::MAX),
    }
}

pub(crate) fn request(
    town: &Town,
    person: PersonId,
    scope: ExportScopeV1,
) -> Result<ApprovalPendingV1, String> {
    match ask(town, person, T::RequestExport(RequestExportV1 { scope }))? {
        Reply::ApprovalPending(pending) => Ok(pending),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn approve(
    town: &Town,
    person: PersonId,
    pending: &ApprovalPendingV1,
) -> Result<ExportId, String> {
    let decide = DecideApprovalV1 {
        approval: pending.approval,
        approve: true,
        reason: String::new(),
    };
    match ask(town, person, T::DecideApproval(decide))? {
        Reply::ApprovalDecided(decided) => {
            match Reply::decode(decided.reply_tag, &decided.reply).unwrap() {
                Reply::ExportGranted(granted) => Ok(granted.export),
                other => panic!("{other:?}"),
            }
        }
        other => panic!("{other:?}"),
    }
}

impl World {
    pub(crate) fn on(storage: Arc<dyn Storage>, options: Options) -> Self {
        let town = Town::on(storage, options, 6);
        let admins = [super_admin(&town), super_admin(&town)];
        let groups = [town.group(4), town.group(3)];
        Self {
            town,
            admins,
            groups,
        }
    }

    /// Messages of many kinds, changes, recalls, a leaver, a mass send, and another tenant's life between.
    pub(crate) fn live(&self) {
        let (town, [first, second]) = (&self.town, self.groups);
        let people = &town.people;
        let other = town.engine.create_tenant(tenant("Rival")).unwrap();
        let rivals = town
            .engine
            .add_people(other, (1..=3).map(employee).collect());
        let rivals = rivals.unwrap();
        let rival_group = throng::model::command::CreateGroupV1 {
            kind: throng::model::command::GroupKind::Internal,
            name: "Rival group".into(),
            owner: rivals[0],
            members: rivals[1..].to_vec(),
        };
        let rival_group = town.engine.create_group(other, rival_group).unwrap();

        let kinds = [
            Kind::Text,
            Kind::Markdown,
            Kind::NewsCard,
            Kind::File,
            Kind::Image,
            Kind::Audio,
            Kind::Video,
            Kind::MiniProgram,
            Kind::TaskCard,
            Kind::Opaque,
        ];
        let mut said = Vec::new();
        for (id, kind) in (1..).zip(kinds) {
            let body: Vec<u8> = match kind {
                Kind::Opaque => vec![0xff, 0xfe, id],
                Kind::Text | Kind::Markdown => format!("第 {id} 条\n").into_bytes(),
                _ => format!(r#"{{"n":{id}}}"#).into_bytes(),
            };
            for (tenant, group, sender) in [
                (town.tenant, first, people[1]),
                (other, rival_group, rivals[1]),
            ] {
                let message = Message {
                    group,
                    sender,
                    device: DeviceId(3),
                    kind,
                    priority: Priority::Urgent,
                    client_message_id: ClientMessageId(u128::from(id) << 100),
                    body: &body,
                };
                let answer = town.engine.publish(tenant, &message).unwrap().wait();
                if let (true, Reply::Published(published)) = (group == first, answer.unwrap()) {
                    said.push(published.sequence);
                }
            }
            town.clock.advance(u64::try_from(MINUTE_US).unwrap());
        }
        let delete = |sequence| {
            T::DeleteMessage(DeleteMessageV1 {
                group: first,
                sequence,
            })
        };
        ask(town, people[1], delete(said[0])).unwrap();
        ask(town, people[0], delete(said[2])).unwrap();
        town.say(second, people[2], 50, "from one who leaves")
            .unwrap();
        let announce = AnnounceV1 {
            group: second,
            text: "公告".into(),
        };
        town.call(T::Announce(announce)).unwrap();
        town.add(second, people[4]).unwrap();
        town.leave(second, people[4]).unwrap();
        let sent = town.mass_send(people[0], &[first, second], 77, "to all");
        sent.unwrap();
        while self.sequence(second) < 6 {
            std::thread::yield_now();
        }
        let rename = RenameGroupV1 {
            group: second,
            name: "新名\"字".into(),
        };
        town.call(T::RenameGroup(rename)).unwrap();
        town.say(second, people[0], 51, "under the new name")
            .unwrap();
        let imported = |sender, sender_name: &str, body: &[u8]| ImportedMessageV1 {
            sender,
            sender_name: sender_name.into(),
            sent_at: Timestamp(NOON.0 - 1_000 * MINUTE_US),
            offset_s: 28_800,
            kind: Kind::Text as u8,
            body: body.to_vec(),
        };
        let import = ImportHistoryV1 {
            import: 5,
            chunk: 1,
            group: second,
            messages: vec![
                imported(people[2], "", "旧消息".as_bytes()),
                imported(PersonId(0), "外人", b"older"),
            ],
        };
        ask(town, self.admins[0], T::ImportHistory(import)).unwrap();
        let person = people[2];
        town.call(T::DepartPerson(PersonV1 { person })).unwrap();
    }

    fn sequence(&self, group: GroupId) -> u64 {
        let (first, last) = (Sequence(1), Sequence(u64::MAX));
        let reader = self.town.engine.reader();
        let read = reader.read_group(self.town.tenant, group, first, last, 1 << 20);
        read.unwrap().len() as u64
    }

    /// Both super admins agree.
    pub(crate) fn granted(&self, scope: ExportScopeV1) -> Grant {
        let pending = request(&self.town, self.admins[0], scope).unwrap();
        let export = approve(&self.town, self.admins[1], &pending).unwrap();
        find(&self.reader(), Some(self.town.tenant), export).unwrap()
    }

    pub(crate) fn reader(&self) -> Reader {
        self.town.engine.reader()
    }
}

pub(crate) fn find(
    reader: &Reader,
    tenant: Option<TenantId>,
    export: ExportId,
) -> Result<Grant, ExportError> {
    Grant::find(reader, tenant, export, &mut |_| ControlFlow::Continue(()))
}

/// Small, so that every bound is met.
pub(crate) fn small() -> Settings {
    let mut settings = Settings::default();
    settings.read_bytes = 512;
    settings.durable_every_records = 5;
    settings.messages_per_archive = 3;
    settings.deletions_in_memory = 1;
    settings
}

pub(crate) fn job<'a>(reader: &'a Reader, grant: &'a Grant, out: &'a dyn Storage) -> Job<'a> {
    Job {
        reader,
        grant,
        out,
        folder: "it/",
        published: None,
        settings: small(),
    }
}

pub(crate) fn run(
    reader: &Reader,
    grant: &Grant,
    out: &dyn Storage,
) -> Result<Exported, ExportError> {
    job(reader, grant, out).run(&mut |_| ControlFlow::Continue(()))
}

/// Every file there is, by name.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

pub(crate) fn files(out: &dyn Storage) -> Files {
    let names = out.names().unwrap().into_iter();
    names
        .map(|name| {
            let file = out.open(&name).unwrap();
            let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
            let read = file.read_at(&mut bytes, 0).unwrap();
            assert_eq!(read, bytes.len());
            (name.strip_prefix("it/").unwrap().to_owned(), bytes)
        })
        .collect()
}

/// An export as it is read by somebody who believes nothing: every hash is computed again.
pub(crate) struct Read {
    pub(crate) manifest: Value,
    pub(crate) records: Vec<Value>,
    pub(crate) lines: Vec<String>,
    pub(crate) gaps: Vec<Value>,
    pub(crate) groups: Vec<Value>,
    /// By the name in its archive.
    pub(crate) mails: BTreeMap<String, Vec<u8>>,
}

fn json_lines(bytes: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(bytes).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

pub(crate) fn read(files: &Files) -> Read {
    let manifest: Value = serde_json::from_slice(&files[MANIFEST]).unwrap();
    let listed = manifest["files"].as_array().unwrap();
    for entry in listed {
        let bytes = &files[entry["name"].as_str().unwrap()];
        assert_eq!(entry["bytes"], bytes.len());
        let hash: String = Sha256::digest(bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(entry["sha256"], hash);
    }
    assert_eq!(
        listed.len() + 1,
        files.len(),
        "every file but the manifest is listed, and nothing else is left: {:?}",
        files.keys()
    );
    let mut mails = BTreeMap::new();
    for (_, bytes) in files.iter().filter(|(name, _)| name.ends_with(".tar")) {
        let mut archive = tar::Archive::new(&bytes[..]);
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().to_str().unwrap().to_owned();
            let mut mail = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut mail).unwrap();
            assert!(mails.insert(name, mail).is_none());
        }
    }
    let lines = std::str::from_utf8(&files["records.jsonl"]).unwrap();
    Read {
        records: json_lines(&files["records.jsonl"]),
        lines: lines.lines().map(str::to_owned).collect(),
        gaps: json_lines(&files["gaps.jsonl"]),
        groups: json_lines(&files["groups.jsonl"]),
        mails,
        manifest,
    }
}

/// All records up to one, naively: the whole log in memory.
pub(crate) fn records_to(reader: &Reader, last: RecordNumber) -> Vec<(Record, Vec<Event>)> {
    let mut records = Vec::new();
    while records.len() as u64 <= last.0 {
        let next = RecordNumber(records.len() as u64);
        for record in reader.read(next, 1 << 20).unwrap() {
            let events = decode_all(&record.private).unwrap();
            records.push((record, events));
        }
    }
    records.truncate(usize::try_from(last.0 + 1).unwrap());
    records
}

pub(crate) fn memory() -> Arc<dyn Storage> {
    Arc::new(Memory::new())
}

pub(crate) fn reopened(world: &World, engine: Engine) -> World {
    World {
        town: world.town.reopened(engine),
        admins: world.admins,
        groups: world.groups,
    }
}

pub(crate) fn of_tenant(tenant: TenantId) -> impl Fn(&&(Record, Vec<Event>)) -> bool {
    move |(record, _)| record.envelope.header().tenant() == tenant
}
