//! Many people's sessions on one connection: each message comes once and is handed to everyone here
//! who reads its group.
//!
//! [`Table`] is the pure part: who reads which group from where, and the walk over them. The server
//! tells it so on the stream of messages itself, in order (docs/wire.md, *Readers*). An application
//! implements [`Readers`]; it is called with bytes that are still in the connection's buffer.
//!
//! Keeps invariant 4 to the end: a message for 2,000 people is received, checked and decoded once, and
//! nothing is allocated, locked or counted for a reader in step.

mod connection;
mod delivery;
mod driver;
mod error;
mod event;
mod group;
mod people;
mod session;
mod table;

pub use connection::Gateway;
pub use delivery::{Delivery, ReaderKey, Readers};
pub use driver::{Attached, GatewayDriver, Over};
pub use error::{TableError, TableLimits};
pub use event::{GatewayEvent, Newcomer, Newcomers};
pub use session::{GatewaySession, PEOPLE_PER_CALL_MAX};
pub use table::Table;
