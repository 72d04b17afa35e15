//! The `throng` command.

mod cli;

/// Deliveries are ours to count, but TLS, QUIC and the model allocate; mimalloc does it for less
/// time and less memory than most systems' own.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::run()
}
