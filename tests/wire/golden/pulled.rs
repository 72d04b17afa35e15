//! Pages of the archive: clients in other languages read them, and open them with any HPKE.

use throng::archive::pull::{PullKey, Sealing};
use throng::wire::{
    FRAME_HEAD_LEN, Header, HeaderFields, Kind, PulledContent, PulledFront, PulledHeader,
    PulledPage, PulledPart, RecordNumber, Sequence, TenantId, padded,
};
use zerocopy::IntoBytes;

use super::{assert_golden, golden};

fn header(encapsulated: Option<[u8; 32]>) -> PulledHeader {
    PulledHeader {
        tenant: TenantId(0x0403_0201),
        records: 2,
        from: RecordNumber(0x0807_0605_0403_0201),
        next: RecordNumber(0x1817_1615_1413_1211),
        position: RecordNumber(0x2827_2625_2423_2221),
        first: RecordNumber(1),
        incarnation: 0x3837_3635_3433_3231,
        more: true,
        begins_later: true,
        unreadable: true,
        encapsulated,
    }
}

/// A record in a page: its front and its content.
struct Sample {
    head: [u8; FRAME_HEAD_LEN],
    erased: bool,
    header: Header,
    listed: Vec<u8>,
    view: &'static [u8],
    private: &'static [u8],
}

impl Sample {
    fn new(record: u64, takes: u32, erased: bool, view: &'static [u8]) -> Self {
        let (private, body_len) = (&b"events"[..], 5);
        let mut head: Vec<u8> = Vec::new();
        head.extend(record.to_le_bytes());
        head.extend(takes.to_le_bytes());
        head.extend(u32::to_le_bytes(body_len));
        head.extend((private.len() as u32).to_le_bytes());
        // Of an erased one the algorithm of its seal; epoch, keys, salt and tags.
        head.push(erased.into());
        head.extend(1..=59u8);
        let fields = HeaderFields {
            kind: Kind::Text,
            record: RecordNumber(record),
            body_len,
            ..HeaderFields::default()
        };
        let take = [7u64, 8, 9, 10].map(u64::to_le_bytes).concat();
        Self {
            head: head.try_into().unwrap(),
            erased,
            header: Header::new(&fields),
            listed: take.repeat(takes as usize),
            view,
            private,
        }
    }

    fn content(&self) -> Vec<u8> {
        let parts = [
            self.header.as_bytes(),
            &self.listed,
            self.view,
            self.private,
        ];
        parts.concat()
    }

    fn front(&self, sealed: bool) -> [u8; 128] {
        let front = PulledFront {
            commitment: [0xc0 + u8::from(self.erased); 32],
            head: &self.head,
            erased: self.erased,
            view_len: self.view.len(),
            content_len: self.content().len(),
            sealed,
        };
        front.encode()
    }
}

fn samples() -> [Sample; 2] {
    let first = 0x0807_0605_0403_0201;
    [
        Sample::new(first, 2, false, b"hello"),
        Sample::new(first + 2, 0, true, b""),
    ]
}

/// A page as a server makes it.
fn page(mut sealing: Option<Sealing>) -> Vec<u8> {
    let encapsulated = sealing.as_ref().map(Sealing::encapsulated);
    let mut page = header(encapsulated).encode().to_vec();
    for sample in samples() {
        let front = sample.front(sealing.is_some());
        page.extend(front);
        match &mut sealing {
            None => page.extend(sample.content()),
            Some(sealing) => page.extend(sealing.seal(&front, &sample.content()).unwrap()),
        }
        page.resize(padded(page.len()), 0);
    }
    page
}

fn assert_is_sample(content: &PulledContent, sample: &Sample) {
    assert_eq!(content.header, sample.header);
    assert_eq!(content.view, sample.view);
    assert_eq!(content.private, sample.private);
    let sequences: Vec<_> = content.takes.iter().map(|take| take.sequence).collect();
    assert_eq!(sequences, vec![Sequence(8); sample.listed.len() / 32]);
}

#[test]
fn a_part_of_a_page() {
    let part = PulledPart {
        offset: 0x0807_0605_0403_0201,
        last: true,
        bytes: b"part of a page",
    };
    assert_golden("pulled-part", &part.encode());
    assert_eq!(PulledPart::read(&golden("pulled-part")), Ok(part));
}

#[test]
fn a_page_of_records() {
    assert_golden("pulled-page", &page(None));
    let read = PulledPage::read(&golden("pulled-page").into()).unwrap();
    assert_eq!(read.header, header(None));
    for (record, sample) in read.records.iter().zip(samples()) {
        assert_eq!(record.record, sample.header.record());
        assert_eq!(record.erased, sample.erased);
        assert_eq!(record.head(), sample.head);
        assert_eq!(record.is_as_committed(), !sample.erased);
        assert_is_sample(&record.read(&record.content).unwrap(), &sample);
    }
}

#[test]
fn a_page_of_sealed_records() {
    let key = PullKey::from_bytes(&[3; 32]).unwrap();
    let sealing = Sealing::to(&key.public(), [9; 32]).unwrap();
    let encapsulated = sealing.encapsulated();
    assert_golden("pulled-page-sealed", &page(Some(sealing)));
    let read = PulledPage::read(&golden("pulled-page-sealed").into()).unwrap();
    assert_eq!(read.header, header(Some(encapsulated)));
    let mut opening = key.opening(&encapsulated).unwrap();
    for (record, sample) in read.records.iter().zip(samples()) {
        let opened = opening.open(record).unwrap();
        assert_is_sample(&record.read(&opened).unwrap(), &sample);
    }
}

#[test]
fn every_changed_byte_and_every_cut_of_a_page_is_refused_or_another_page() {
    let whole = golden("pulled-page");
    let page = PulledPage::read(&whole.clone().into()).unwrap();
    for len in 0..whole.len() {
        assert!(
            PulledPage::read(&whole[..len].to_vec().into()).is_err(),
            "{len}"
        );
    }
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 0x80;
        if let Ok(read) = PulledPage::read(&changed.into()) {
            assert_ne!(read, page, "byte {at}");
            for record in &read.records {
                // An error or other contents, never a panic.
                let _ = record.read(&record.content);
            }
        }
    }
}
