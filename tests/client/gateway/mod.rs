//! Many people on one gateway connection, without one.

mod hostile;
mod naive;
mod scene;
mod session;
mod table;
