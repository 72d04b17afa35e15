//! A timestamp authority, asked by a command: the request on its standard input, the reply on its output.
//!
//! Run without a shell, in a process group of its own that is killed when its time is over or its answer too
//! long, whatever it has started in turn.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::archive::tlog::REPLY_LEN_MAX;
use crate::engine::{AskError, Authority};

/// How often it is looked whether a command that has said everything has ended.
const ENDED_LOOK_EVERY: Duration = Duration::from_millis(5);

/// An [`Authority`] that a command reaches, such as curl.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuthorityCommand {
    program: String,
    arguments: Vec<String>,
    timeout: Duration,
}

/// There is no command.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the command is empty")]
pub struct EmptyCommand;

impl AuthorityCommand {
    /// A command, split at spaces, and how long it may take in all.
    pub fn new(command: &str, timeout: Duration) -> Result<Self, EmptyCommand> {
        let mut words = command.split_whitespace().map(str::to_owned);
        Ok(Self {
            program: words.next().ok_or(EmptyCommand)?,
            arguments: words.collect(),
            timeout,
        })
    }

    /// Waits for the end of a command that has closed its output.
    fn ended(&self, child: &mut Child, until: Instant) -> Result<ExitStatus, AskError> {
        loop {
            if let Some(status) = child.try_wait().map_err(unreachable)? {
                return Ok(status);
            }
            if Instant::now() >= until {
                return Err(self.timed_out());
            }
            thread::sleep(ENDED_LOOK_EVERY);
        }
    }

    fn talk(&self, child: &mut Child, request: &[u8]) -> Result<Vec<u8>, AskError> {
        let until = Instant::now() + self.timeout;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        // Shorter than any pipe, so that this never waits; one who does not read it will not answer it.
        if let Some(mut stdin) = stdin {
            let _ = stdin.write_all(request);
        }
        let (sender, answers) = mpsc::sync_channel(1);
        let read = move || {
            let mut reply = Vec::new();
            let limited = stdout.map(|stdout| stdout.take(REPLY_LEN_MAX as u64 + 1));
            let read = limited.map_or(Ok(0), |mut stdout| stdout.read_to_end(&mut reply));
            let _ = sender.send(read.map(|_| reply));
        };
        thread::Builder::new()
            .name("throng-tsa-read".to_owned())
            .spawn(read)
            .map_err(unreachable)?;
        let reply = answers.recv_timeout(self.timeout);
        let reply = reply.map_err(|_| self.timed_out())?.map_err(unreachable)?;
        if reply.len() > REPLY_LEN_MAX {
            return Err(AskError::TooLong { max: REPLY_LEN_MAX });
        }
        let status = self.ended(child, until)?;
        if status.success() {
            Ok(reply)
        } else {
            let status = status.to_string();
            Err(AskError::Failed { status })
        }
    }

    fn timed_out(&self) -> AskError {
        let limit = self.timeout;
        AskError::TimedOut { limit }
    }
}

impl Authority for AuthorityCommand {
    fn ask(&self, request: &[u8]) -> Result<Vec<u8>, AskError> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(unreachable)?;
        let reply = self.talk(&mut child, request);
        if reply.is_err() && matches!(child.try_wait(), Ok(None)) {
            // It has not been waited for, so the group is still its own.
            if let Ok(group) = i32::try_from(child.id()) {
                let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
            }
            let _ = child.wait();
        }
        reply
    }
}

fn unreachable(error: std::io::Error) -> AskError {
    AskError::Unreachable(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(command: &str, limit_ms: u64) -> Result<Vec<u8>, AskError> {
        let command = AuthorityCommand::new(command, Duration::from_millis(limit_ms)).unwrap();
        command.ask(b"request")
    }

    #[test]
    fn a_command_gets_the_request_and_what_it_says_is_bounded_in_length_and_time() {
        assert_eq!(ask("cat", 10_000).unwrap(), b"request");
        let failed = ask("false", 10_000).unwrap_err();
        assert!(matches!(failed, AskError::Failed { .. }), "{failed}");
        let failed = ask("/nowhere/command", 10_000).unwrap_err();
        assert!(matches!(failed, AskError::Unreachable(_)), "{failed}");
        let failed = ask("yes", 10_000).unwrap_err();
        assert!(matches!(failed, AskError::TooLong { .. }), "{failed}");
        let began = Instant::now();
        let failed = ask("sleep 60", 100).unwrap_err();
        assert!(matches!(failed, AskError::TimedOut { .. }), "{failed}");
        // What it has started goes with it, or reading its output would go on.
        let failed = ask("env sh -c sleep${IFS}60&sleep${IFS}60", 100).unwrap_err();
        assert!(matches!(failed, AskError::TimedOut { .. }), "{failed}");
        assert!(began.elapsed() < Duration::from_secs(30));
        assert_eq!(
            AuthorityCommand::new(" ", Duration::ZERO),
            Err(EmptyCommand)
        );
    }
}
