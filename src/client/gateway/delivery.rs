//! What the application is called with, and what it implements to be called.

use std::cell::OnceCell;

use crate::wire::{Envelope, GroupId, Header, Sequence, SkipBody};

/// The application's own number for one person on one device, as given when they were attached.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ReaderKey(pub u64);

/// A message or a membership change, where it lies in the connection's buffer.
#[derive(Debug)]
pub struct Delivery<'a> {
    header: &'a Header,
    body: &'a [u8],
    envelope: OnceCell<Envelope>,
}

impl<'a> Delivery<'a> {
    /// The envelope of this header and body.
    #[must_use]
    pub fn new(header: &'a Header, body: &'a [u8]) -> Self {
        Self {
            header,
            body,
            envelope: OnceCell::new(),
        }
    }

    /// Its header.
    #[must_use]
    pub fn header(&self) -> &'a Header {
        self.header
    }

    /// Its body.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The whole, to be kept: copied when it is first asked for, shared by all readers after.
    pub fn envelope(&self) -> &Envelope {
        self.envelope.get_or_init(|| {
            Envelope::new(&self.header.fields(), self.body)
                .expect("the body's length was checked when it was read")
        })
    }
}

/// Where a gateway's deliveries go. Called on the task that reads the connection, one call at a
/// time: what takes long here holds up everyone, until the server keeps the rest.
///
/// Of one group a reader gets every message once and, but for urgent ones, in order.
pub trait Readers {
    /// `delivery` is for `reader`.
    fn deliver(&mut self, reader: ReaderKey, delivery: &Delivery<'_>);

    /// `delivery` is for all of `readers`, who are in no particular order.
    fn deliver_all(&mut self, readers: &[ReaderKey], delivery: &Delivery<'_>) {
        for reader in readers {
            self.deliver(*reader, delivery);
        }
    }

    /// `reader` reads `group` from `at` on.
    fn began(&mut self, reader: ReaderKey, group: GroupId, at: Sequence) {
        let _ = (reader, group, at);
    }

    /// `reader` will not be given these sequences of `group`.
    fn skip(&mut self, reader: ReaderKey, group: GroupId, skip: SkipBody) {
        let _ = (reader, group, skip);
    }

    /// `reader` has been given all of `group` before `at`, and reads it no more.
    fn ended(&mut self, reader: ReaderKey, group: GroupId, at: Sequence) {
        let _ = (reader, group, at);
    }

    /// `reader` may not be online any more: the person left the company or is frozen, or the device
    /// was revoked. They are detached.
    fn gone(&mut self, reader: ReaderKey) {
        let _ = reader;
    }
}
