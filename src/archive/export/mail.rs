//! A message as mail (RFC 5322), and its place in an archive of mails (POSIX ustar).

use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address;
use mail_builder::headers::raw::Raw;
use mail_builder::mime::MimePart;

use super::line::{Marks, kind_name, priority_name};
use super::names::Names;
use crate::archive::tlog::base64;
use crate::wire::{
    ClientMessageId, DeviceId, Envelope, GroupId, Kind, PersonId, Priority, RecordNumber, Sequence,
    TenantId, Timestamp,
};

/// Addresses are under a name that leads nowhere (RFC 2606): nobody can answer by accident.
const DOMAIN: &str = "throng.invalid";
/// Characters of base64 a line (RFC 2045, section 6.8).
const LINE_LEN: usize = 76;
/// What a tar file is made of.
pub(super) const BLOCK_LEN: usize = 512;
/// Two blocks of zeros end an archive.
pub(super) const ARCHIVE_END: [u8; 2 * BLOCK_LEN] = [0; 2 * BLOCK_LEN];

/// One message.
pub(super) struct Message<'a> {
    pub(super) tenant: TenantId,
    pub(super) record: RecordNumber,
    /// Which of a record that has several, from 0: of those that came from elsewhere.
    pub(super) item: Option<usize>,
    pub(super) group: GroupId,
    /// 0 for those from elsewhere.
    pub(super) sequence: Sequence,
    pub(super) kind: Kind,
    pub(super) priority: Priority,
    pub(super) sender: PersonId,
    /// As the record has it, where the directory does not say.
    pub(super) sender_name: Option<&'a str>,
    pub(super) device: DeviceId,
    pub(super) client_message_id: ClientMessageId,
    pub(super) sent: Timestamp,
    pub(super) body: &'a [u8],
    pub(super) marks: Marks,
}

impl<'a> Message<'a> {
    /// What a group sees of a record, where that is a message.
    pub(super) fn of(envelope: &'a Envelope, marks: Marks) -> Self {
        let header = envelope.header();
        Self {
            tenant: header.tenant(),
            record: header.record(),
            item: None,
            group: header.group(),
            sequence: header.sequence(),
            kind: header.kind(),
            priority: header.priority(),
            sender: header.sender(),
            sender_name: None,
            device: header.device(),
            client_message_id: header.client_message_id(),
            sent: header.timestamp(),
            body: envelope.body(),
            marks,
        }
    }

    fn number(&self) -> String {
        match self.item {
            Some(item) => format!("{}-{item}", self.record),
            None => self.record.to_string(),
        }
    }

    /// The mail: headers, then the body in base64, so that it is what was sent to the byte.
    pub(super) fn mail(&self, names: &Names) -> Vec<u8> {
        let address = |what: &str, id: u64| format!("{what}-{id}@tenant-{}.{DOMAIN}", self.tenant);
        let sender = match (self.sender_name, self.sender) {
            (Some(name), _) => name.to_owned(),
            (None, PersonId(0)) => "system".to_owned(),
            (None, sender) => names
                .person(sender)
                .map_or_else(|| format!("person {sender}"), str::to_owned),
        };
        let group = names
            .group(self.group)
            .map_or_else(|| format!("group {}", self.group), str::to_owned);
        let (sender, group) = (plain(&sender), plain(&group));
        let subject = match self.sequence {
            Sequence(0) => format!("{group} (imported)"),
            sequence => format!("{group} #{sequence}"),
        };
        let from = address("person", self.sender.0);
        let to = address("group", self.group.0);
        let message_id = format!(
            "record-{}.group-{}@tenant-{}.{DOMAIN}",
            self.number(),
            self.group,
            self.tenant
        );
        let mut builder = MessageBuilder::new()
            .from(Address::new_address(Some(sender), from))
            .to(Address::new_address(Some(group), to))
            .subject(subject)
            .date(self.sent.0.div_euclid(1_000_000))
            .message_id(message_id);
        let mut facts = vec![
            ("X-Throng-Record", self.number()),
            ("X-Throng-Group", self.group.to_string()),
            ("X-Throng-Sequence", self.sequence.to_string()),
            ("X-Throng-Kind", kind_name(self.kind)),
            ("X-Throng-Priority", priority_name(self.priority)),
            ("X-Throng-Device", self.device.to_string()),
            (
                "X-Throng-Client-Message-Id",
                format!("{:032x}", self.client_message_id.0),
            ),
        ];
        let marks = self.marks.words();
        if !marks.is_empty() {
            facts.push(("X-Throng-Marks", marks.join(", ")));
        }
        for (name, fact) in facts {
            builder = builder.header(name, Raw::new(fact));
        }
        let content_type = match self.kind {
            Kind::Text | Kind::System => "text/plain; charset=utf-8",
            Kind::Markdown => "text/markdown; charset=utf-8",
            Kind::Opaque => "application/octet-stream",
            _ => "application/json",
        };
        let part = MimePart::raw(wrapped(self.body))
            .header("Content-Type", Raw::new(content_type))
            .transfer_encoding("base64");
        let built = builder.body(part).write_to_vec();
        built.expect("memory takes everything")
    }

    /// The mail as an entry of an archive: a header, and the mail up to the next block.
    pub(super) fn entry(&self, names: &Names) -> Vec<u8> {
        let mail = self.mail(names);
        let mut header = tar::Header::new_ustar();
        let name = format!("{}-group-{}.eml", self.number(), self.group);
        header
            .set_path(name)
            .expect("numbers are shorter than a path may be");
        header.set_size(mail.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(self.sent.0.div_euclid(1_000_000)).unwrap_or(0));
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        let mut entry = header.as_bytes().to_vec();
        entry.extend_from_slice(&mail);
        entry.resize(entry.len().next_multiple_of(BLOCK_LEN), 0);
        entry
    }
}

/// A name without what would end or bend a header.
fn plain(name: &str) -> String {
    name.chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}

/// Base64 in lines, each ended.
fn wrapped(bytes: &[u8]) -> String {
    let encoded = base64(bytes);
    let mut out = String::with_capacity(encoded.len() + encoded.len() / LINE_LEN * 2 + 2);
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, left) = rest.split_at(LINE_LEN.min(rest.len()));
        out.push_str(line);
        out.push_str("\r\n");
        rest = left;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::{Event, GroupRenamedV1};

    fn message(body: &[u8]) -> Message<'_> {
        Message {
            tenant: TenantId(3),
            record: RecordNumber(42),
            item: None,
            group: GroupId(7),
            sequence: Sequence(5),
            kind: Kind::Text,
            priority: Priority::Normal,
            sender: PersonId(9),
            sender_name: None,
            device: DeviceId(2),
            client_message_id: ClientMessageId(0xff),
            sent: Timestamp(1_772_424_000_000_001),
            body,
            marks: Marks {
                sender_left: true,
                ..Marks::default()
            },
        }
    }

    #[test]
    fn a_mail_is_these_bytes_forever() {
        let mut names = Names::default();
        names.apply(&[Event::GroupRenamed(GroupRenamedV1 {
            group: GroupId(7),
            name: "Team\r\nBcc: x@y".into(),
        })]);
        let expected = concat!(
            "From: \"person 9\" <person-9@tenant-3.throng.invalid>\r\n",
            "To: \"Team  Bcc: x@y\" <group-7@tenant-3.throng.invalid>\r\n",
            "Subject: Team  Bcc: x@y #5\r\n",
            "Date: Mon, 2 Mar 2026 04:00:00 +0000\r\n",
            "Message-ID: <record-42.group-7@tenant-3.throng.invalid>\r\n",
            "X-Throng-Record: 42\r\n",
            "X-Throng-Group: 7\r\n",
            "X-Throng-Sequence: 5\r\n",
            "X-Throng-Kind: text\r\n",
            "X-Throng-Priority: normal\r\n",
            "X-Throng-Device: 2\r\n",
            "X-Throng-Client-Message-Id: 000000000000000000000000000000ff\r\n",
            "X-Throng-Marks: sender_left\r\n",
            "MIME-Version: 1.0\r\n",
            "Content-Type: text/plain; charset=utf-8\r\n",
            "Content-Transfer-Encoding: base64\r\n",
            "\r\n",
            "aGk=\r\n",
        );
        let mail = message(b"hi").mail(&names);
        assert_eq!(String::from_utf8(mail).unwrap(), expected);
    }

    #[test]
    fn long_bodies_are_folded_and_entries_end_at_a_block() {
        let body = vec![b'a'; 1_000];
        let mail = String::from_utf8(message(&body).mail(&Names::default())).unwrap();
        assert!(mail.lines().all(|line| line.len() <= LINE_LEN), "{mail}");
        let entry = message(&body).entry(&Names::default());
        assert_eq!(entry.len() % BLOCK_LEN, 0);
        let mut archive = tar::Archive::new(&entry[..]);
        let read = archive.entries().unwrap().next().unwrap().unwrap();
        assert_eq!(read.path().unwrap().to_str(), Some("42-group-7.eml"));
        assert_eq!(read.size(), mail.len() as u64);
    }
}
