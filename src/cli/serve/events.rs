//! What can happen to a server from outside: signals, and the end of its log.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Something the main thread must act on.
pub(super) enum Event {
    /// Read certificates and token keys again.
    Reload,
    /// Drain and stop.
    Stop {
        /// The signal that asked for it.
        signal: &'static str,
    },
    /// Nothing can be made durable any more.
    LogFailed {
        /// Why.
        error: String,
    },
}

/// Where events come in.
#[derive(Clone)]
pub(super) struct Events {
    sender: Sender<Event>,
}

impl Events {
    pub(super) fn new() -> (Self, Receiver<Event>) {
        let (sender, inbox) = channel();
        (Self { sender }, inbox)
    }

    pub(super) fn log_failed(&self, error: String) {
        // A main thread that is gone has ended the process already.
        let _ = self.sender.send(Event::LogFailed { error });
    }

    /// From now on signals are events. The second request to stop ends the process at once.
    pub(super) fn on_signals(&self) -> io::Result<()> {
        let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
        let sender = self.sender.clone();
        std::thread::Builder::new()
            .name("throng-signal".to_owned())
            .spawn(move || {
                let mut stopping = false;
                for signal in signals.forever() {
                    let event = match signal {
                        SIGHUP => Event::Reload,
                        _ if stopping => {
                            tracing::warn!("a second signal: ending without draining");
                            std::process::exit(0);
                        }
                        SIGINT => Event::Stop { signal: "SIGINT" },
                        _ => Event::Stop { signal: "SIGTERM" },
                    };
                    stopping |= matches!(event, Event::Stop { .. });
                    if sender.send(event).is_err() {
                        return;
                    }
                }
            })?;
        Ok(())
    }
}
