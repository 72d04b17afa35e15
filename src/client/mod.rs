//! The client library: one connection of a person, gateway or operator, over QUIC.
//!
//! [`Client::connect`] returns a handle and a [`Driver`] future that must be run; nothing is spawned
//! but what quinn's own endpoint needs. [`Session`] is the protocol below it, without IO, for whoever
//! brings an event loop. A delivery is handed out once, however often the server sends it (SPEC S4):
//! keep [`Deliveries::cursors`] and attach with them on the next connection.

mod backoff;
mod connection;
mod cursors;
mod driver;
mod endpoint;
mod error;
mod event;
pub mod gateway;
mod lanes;
mod person;
mod pull;
mod requests;
mod search;
mod session;
mod settings;
mod tickets;
mod trail;

pub use backoff::Backoff;
pub use connection::{Client, Deliveries, Delivery};
pub use cursors::{CursorError, CursorLimits, Cursors, GroupCursor};
pub use endpoint::endpoint;
pub use error::{CloseCode, CloseReason, ConnectError, NotMade, RequestError, SessionError};
pub use event::{Answer, Arrival, Attachment, Event, Message};
pub use gateway::Gateway;
pub use lanes::Lane;
pub use person::Driver;
pub use pull::{PullError, Pulled, Pulling};
pub use search::Finding;
pub use session::{Limits, Session};
pub use settings::{Credentials, Settings};
pub use trail::Trail;

/// Streams a server may open: normal deliveries, urgent ones, and one to spare.
pub const DELIVERY_STREAMS_MAX: u32 = 3;
