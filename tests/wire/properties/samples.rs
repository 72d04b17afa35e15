//! Bytes to start from: the golden samples, and the readers there are for them.

use throng::model::command::{Reply, TaggedCommand};
use throng::wire::{
    Ack, Attach, Attached, Busy, Detach, Envelope, Header, Hello, MembershipBody, Published,
    PulledPage, Refused, RemovalBody, SkipBody, Welcome,
};

/// Every golden sample: its name and its bytes.
pub(crate) fn golden() -> Vec<(&'static str, Vec<u8>)> {
    include_str!("../golden/golden.txt")
        .lines()
        .map(|line| {
            let (name, hex) = line.split_once(' ').unwrap();
            let digits = hex.as_bytes().chunks(2);
            let bytes = digits
                .map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap());
            (name, bytes.collect())
        })
        .collect()
}

type Reader = (&'static str, fn(&[u8]) -> Option<String>);

/// Every reader of a whole payload or body: what it read, for comparison, or nothing.
pub(crate) const READERS: &[Reader] = &[
    ("ack", |bytes| {
        Ack::read(bytes).ok().map(|v| format!("{v:?}"))
    }),
    ("attach", |bytes| {
        Attach::read(bytes).ok().map(|v| format!("{v:?}"))
    }),
    ("attached", |bytes| {
        Attached::read(bytes).ok().map(|v| format!("{v:?}"))
    }),
    ("busy", |bytes| {
        Busy::read(bytes).ok().map(|v| format!("{v:?}"))
    }),
    ("detach", |bytes| {
        Detach::read(bytes).ok().map(|v| format!("{v:?}"))
    }),
    ("envelope", |bytes| {
        Envelope::read(bytes).ok().map(|v| format!("{v:?}"))
    }),
    ("header", |bytes| {
        Header::read(bytes).ok().map(|v| format!("{v:?}"))
    }),
    ("hello", |bytes| {
        Hello::read(bytes).ok().map(|v| format!("{v:?}"))
    }),
    ("membership", |bytes| {
        MembershipBody::read(bytes).ok().map(|v| format!("{v:?}"))
    }),
    ("removal", |bytes| {
        RemovalBody::read(bytes).ok().map(|v| format!("{v:?}"))
    }),
    ("published", |bytes| {
        Published::read(bytes).ok().map(|v| format!("{v:?}"))
    }),
    ("pulled-page", |bytes| {
        let page = PulledPage::read(&bytes.to_vec().into()).ok()?;
        let contents = page.records.iter().map(|it| it.read(&it.content).ok());
        let contents: Vec<_> = contents.collect();
        Some(format!("{:?} {contents:?}", page.header))
    }),
    ("refused", |bytes| {
        Refused::read(bytes).ok().map(|v| format!("{v:?}"))
    }),
    ("skip", |bytes| {
        SkipBody::read(bytes).ok().map(|v| format!("{v:?}"))
    }),
    ("welcome-person", |bytes| {
        Welcome::read(bytes).ok().map(|v| format!("{v:?}"))
    }),
];

/// Reads a command or reply whose golden name ends in its tag.
pub(crate) fn read_tagged(name: &str, bytes: &[u8]) -> Option<String> {
    let (family, tag) = name.split_once("-0x")?;
    let tag = u16::from_str_radix(tag, 16).ok()?;
    match family {
        "command" => TaggedCommand::decode(tag, bytes)
            .ok()
            .map(|v| format!("{v:?}")),
        "reply" => Reply::decode(tag, bytes).ok().map(|v| format!("{v:?}")),
        _ => None,
    }
}
