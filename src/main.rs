//! The `throng` command.

mod cli;

/// Deliveries allocate nothing of ours, but TLS, QUIC and the model do; docs/benchmarks.md has the
/// figures beside the system's own allocator.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::run()
}
