//! What the machine grants a server: open files, and memory for datagrams.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use throng::quic::ShardStats;
use tracing::{info, warn};

/// Below this a server with a long log may run out: every segment that is read is an open file.
const OPEN_FILES_MIN: u64 = 4096;

/// Raises the soft limit of open files to the hard one.
pub(super) fn raise_open_files() {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        warn!("the limit of open files cannot be read; {OPEN_FILES_MIN} or more are needed");
        return;
    };
    let granted = match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(_) => soft,
    };
    info!(before = soft, now = granted, "open files");
    if granted < OPEN_FILES_MIN {
        warn!(
            granted,
            "few open files are allowed: raise the limit to {OPEN_FILES_MIN} \
             (systemd: LimitNOFILE=, shell: ulimit -Hn)"
        );
    }
}

/// Says how much memory the system granted for datagrams, of `asked` bytes each way.
pub(super) fn report_socket_buffers(asked: u64, shards: &[ShardStats]) {
    let Some(shard) = shards.first() else {
        return;
    };
    for (sysctl, granted) in [
        ("net.core.rmem_max", shard.receive_buffer_bytes),
        ("net.core.wmem_max", shard.send_buffer_bytes),
    ] {
        // Linux grants twice what it allows, the other half for its own book-keeping.
        let granted = if cfg!(target_os = "linux") {
            granted / 2
        } else {
            granted
        };
        info!(sysctl, asked, granted, "socket buffer bytes per shard");
        if granted < asked {
            warn!(
                "bursts of datagrams may be dropped: allow more with `sysctl -w {sysctl}={asked}`"
            );
        }
    }
}
