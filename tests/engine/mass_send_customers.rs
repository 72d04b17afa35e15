//! A mass send to a customer, through the engine: what the customer's device is shown, and what an
//! auditor reads, where one record makes the direct group and says the message in it (SPEC Q4).

use std::time::{Duration, Instant};

use crate::town::Town;
use throng::engine::Item;
use throng::model::command::{
    AddContactV1, GetMassSendV1, MassSendV2, PersonKind, Reply, TaggedCommand as T,
};
use throng::wire::{ClientMessageId, DeviceId, Kind, PersonId, Priority, RecordNumber};

fn sent(town: &Town, mass_send: RecordNumber) -> u32 {
    match town.call(T::GetMassSendV2(GetMassSendV1 { mass_send })) {
        Ok(Reply::MassSendProgressV2(progress)) => progress.sent,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_customers_device_is_shown_the_group_and_the_message_in_order() {
    let town = Town::in_memory(2);
    let add = AddContactV1 {
        employee: town.people[0],
        contact: PersonId(0),
        kind: PersonKind::Customer,
        name: "Customer".to_owned(),
        external_id: String::new(),
        mobile: String::new(),
        tags: Vec::new(),
    };
    let customer = match town.call(T::AddContact(add)) {
        Ok(Reply::ContactAdded(added)) => added.contact,
        other => panic!("{other:?}"),
    };
    let mut port = town.engine.port(|| {});
    port.attach(1, town.tenant, customer, DeviceId(1))
        .expect("there is room");
    let send = MassSendV2 {
        sender: town.people[0],
        groups: Vec::new(),
        matrices: Vec::new(),
        customers: vec![customer],
        kind: Kind::Text as u8,
        priority: Priority::Urgent as u8,
        client_message_id: ClientMessageId(7),
        body: b"to all".to_vec(),
    };
    let ticket = town.engine.mass_send_v2(town.tenant, send);
    let Ok(Reply::MassSendAccepted(accepted)) = ticket.expect("there is room").wait() else {
        panic!("not accepted");
    };

    let deadline = Instant::now() + Duration::from_secs(30);
    let (mut items, mut shown) = (Vec::new(), Vec::new());
    while shown.len() < 2 {
        assert!(Instant::now() < deadline, "shown so far: {shown:?}");
        port.poll(&mut items);
        for item in items.drain(..) {
            if let Item::Deliver(envelope) = item {
                shown.push(envelope);
            }
        }
        std::thread::yield_now();
    }
    let [made, said] = &shown[..] else {
        panic!("{shown:?}");
    };
    assert_eq!(
        (made.header().kind(), made.header().sequence().0),
        (Kind::GroupCreated, 1)
    );
    let header = said.header();
    assert_eq!((header.kind(), header.sequence().0), (Kind::Text, 2));
    assert_eq!(header.group(), made.header().group());
    assert_eq!(header.priority(), Priority::Urgent);
    assert_eq!(header.client_message_id(), ClientMessageId(7));
    assert_eq!(said.body(), b"to all");
    assert_eq!(sent(&town, accepted.mass_send), 1);
    let records = town.engine.reader().read(header.record(), 1);
    let record = &records.expect("readable")[0];
    assert_eq!(record.envelope.body(), b"to all", "encoded once");
    assert_eq!(record.takes.len(), 2);
}
