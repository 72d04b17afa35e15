//! The `throng-loadtest` command.
fn main() {}
