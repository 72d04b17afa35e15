//! Which processors servers and clients run on.
//!
//! Clients of a real server are on other machines. Here they share one with it, and a scheduler wakes a
//! client's loop where the server has just sent to it: both on one processor, and the other idle, for
//! 20 ms at a time. Apart, what is measured is the server's and not where the scheduler put it.

use anyhow::Context;

#[cfg(target_os = "linux")]
mod affinity {
    use std::io;
    use std::sync::OnceLock;

    use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
    use nix::unistd::Pid;

    /// The calling thread.
    const SELF: Pid = Pid::from_raw(0);

    /// The processors of each side, once they are apart.
    struct Sides {
        servers: CpuSet,
        clients: CpuSet,
    }

    static SIDES: OnceLock<Sides> = OnceLock::new();

    pub(super) fn keep_apart() -> io::Result<()> {
        let ours = sched_getaffinity(SELF)?;
        let is_ours = |&processor: &usize| ours.is_set(processor) == Ok(true);
        let mut ours: Vec<usize> = (0..CpuSet::count()).filter(is_ours).collect();
        let last = ours.pop().filter(|_| !ours.is_empty());
        let last = last.ok_or_else(|| io::Error::other("there is only one processor"))?;
        let (mut servers, mut clients) = (CpuSet::new(), CpuSet::new());
        clients.set(last)?;
        for processor in ours {
            servers.set(processor)?;
        }
        // Every thread from here on is started by this one.
        sched_setaffinity(SELF, &clients)?;
        let _ = SIDES.set(Sides { servers, clients });
        Ok(())
    }

    /// How many processors servers have and how many clients, once they are apart.
    pub(super) fn of_each() -> Option<(usize, usize)> {
        let count = |set: &CpuSet| {
            let is_in = |&one: &usize| set.is_set(one) == Ok(true);
            (0..CpuSet::count()).filter(is_in).count()
        };
        let Sides { servers, clients } = SIDES.get()?;
        Some((count(servers), count(clients)))
    }

    pub(super) fn as_server<T>(start: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let Some(sides) = SIDES.get() else {
            return start();
        };
        // A child has the processors of the thread that starts it.
        sched_setaffinity(SELF, &sides.servers)?;
        let started = start();
        sched_setaffinity(SELF, &sides.clients)?;
        started
    }
}

#[cfg(not(target_os = "linux"))]
mod affinity {
    use std::io;

    pub(super) fn keep_apart() -> io::Result<()> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }

    pub(super) fn of_each() -> Option<(usize, usize)> {
        None
    }

    pub(super) fn as_server<T>(start: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        start()
    }
}

/// From now on clients have the last processor for themselves and servers all others. For a program's
/// first thread, before it has started any other.
pub(crate) fn keep_apart() -> anyhow::Result<()> {
    affinity::keep_apart().context("servers and clients cannot be kept apart")
}

/// Whether they have.
pub(crate) fn are_apart() -> bool {
    affinity::of_each().is_some()
}

/// The processors of servers and clients together.
pub(crate) fn count() -> usize {
    let all = || std::thread::available_parallelism().map_or(1, usize::from);
    let both = affinity::of_each().map(|(servers, clients)| servers + clients);
    both.unwrap_or_else(all)
}

/// The part of their processors that servers and clients are busy on, who take so much processor time
/// a second; once they are apart, of the busier side.
pub(crate) fn load(server_us_per_s: f64, clients_us_per_s: f64) -> f64 {
    let part = |us_per_s: f64, processors: usize| us_per_s / 1e6 / processors as f64;
    match affinity::of_each() {
        Some((servers, clients)) => {
            part(server_us_per_s, servers).max(part(clients_us_per_s, clients))
        }
        None => part(server_us_per_s + clients_us_per_s, count()),
    }
}

/// Starts a server's process, on the servers' processors where the sides are apart.
pub(crate) fn as_server<T>(start: impl FnOnce() -> std::io::Result<T>) -> std::io::Result<T> {
    affinity::as_server(start)
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::process::Command;

    use super::*;

    fn allowed(of: &str) -> String {
        let status = std::fs::read_to_string(format!("/proc/{of}/status")).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("Cpus_allowed:"));
        line.unwrap().to_owned()
    }

    /// In a thread of its own, whose processors are nobody else's.
    #[test]
    fn a_server_and_this_thread_share_no_processor_once_they_are_apart() {
        if std::thread::available_parallelism().unwrap().get() < 2 {
            let apart = std::thread::spawn(keep_apart).join().unwrap();
            assert!(apart.is_err(), "there is nothing to share");
            return;
        }
        let apart = std::thread::spawn(|| {
            keep_apart().unwrap();
            let sleep = || Command::new("sleep").arg("60").spawn();
            let mut server = as_server(sleep).unwrap();
            let theirs = allowed(&server.id().to_string());
            server.kill().unwrap();
            server.wait().unwrap();
            (theirs, allowed("thread-self"))
        });
        let (theirs, ours) = apart.join().unwrap();
        // One processor of the clients', and the servers' are never fewer.
        assert!((load(1.0, 300_000.0) - 0.3).abs() < 1e-9);
        assert!(load(400_000.0, 300_000.0) <= 0.4);
        let mask = |line: &str| {
            let digits = line.split_whitespace().last().unwrap().replace(',', "");
            u128::from_str_radix(&digits[digits.len().saturating_sub(32)..], 16).unwrap()
        };
        assert_ne!(mask(&theirs), 0, "{theirs}");
        assert_eq!(mask(&ours).count_ones(), 1, "{ours}");
        assert_eq!(mask(&theirs) & mask(&ours), 0, "{theirs} {ours}");
    }
}
