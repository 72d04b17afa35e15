//! One client's side of each text and TCP protocol, without any IO: bytes in, payloads out.
//!
//! A [`Conversation`] opens, subscribes when it should and answers what wants an answer. The parsers
//! take one frame from the front of what has arrived, or say that more is needed; what a server sends
//! is bounded by [`FRAME_MAX`], so that a conversation never keeps more than that.

mod mqtt;
mod nats;
mod redis;
pub(super) mod tls;

/// The longest frame that is taken, in bytes: payloads are far below.
const FRAME_MAX: usize = 64 * 1024;
/// What everybody subscribes to and publishes to.
const GROUP: &str = "g";

/// A protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Dialect {
    /// The text protocol of NATS.
    Nats,
    /// RESP, Redis' publish and subscribe.
    Redis,
    /// MQTT 3.1.1 at QoS 0.
    Mqtt,
}

/// What a client is there for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// It publishes and gets nothing.
    Publisher,
    /// It gets everything and publishes nothing.
    Subscriber,
}

/// Why a conversation cannot go on.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ProtocolError {
    /// Not the protocol.
    #[error("the server broke {dialect:?}: {what}")]
    Malformed {
        /// Which protocol.
        dialect: Dialect,
        /// What was not as it should be.
        what: &'static str,
    },
    /// A frame longer than any that is meant for here.
    #[error("the server sent a {dialect:?} frame above {FRAME_MAX} bytes")]
    TooLong {
        /// Which protocol.
        dialect: Dialect,
    },
    /// The server said no.
    #[error("the server refused: {0}")]
    Refused(String),
}

/// What one frame of a server means to a client.
#[derive(Debug, PartialEq, Eq)]
enum Heard<'a> {
    /// Nothing that matters here.
    Nothing,
    /// The server is there and listens.
    Greeting,
    /// What was asked for holds: subscribed, or answered.
    Ready,
    /// It wants to hear that this side lives.
    Ping,
    /// A delivery.
    Message(&'a [u8]),
}

/// One frame from the front of what has arrived, and how long it is; none when more is needed.
type Parsed<'a> = Result<Option<(usize, Heard<'a>)>, ProtocolError>;

/// How far a conversation has got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// Nothing is settled yet.
    Opening,
    /// TLS has to begin before anything more is said.
    Securing,
    /// It publishes or is subscribed.
    Ready,
}

/// One client's side of a connection.
#[derive(Debug)]
pub(super) struct Conversation {
    dialect: Dialect,
    role: Role,
    stage: Stage,
    /// TLS begins after the greeting (NATS); elsewhere it begins before anything is said.
    secure_after_greeting: bool,
    /// The beginning of a frame whose rest has not come.
    partial: Vec<u8>,
    /// What is to be sent.
    pub(super) unsent: Vec<u8>,
}

impl Conversation {
    /// A conversation of client `number`, begun. `encrypted`: over TLS.
    pub(super) fn open(dialect: Dialect, role: Role, number: usize, encrypted: bool) -> Self {
        let mut unsent = Vec::new();
        match (dialect, role) {
            (Dialect::Nats, _) => {}
            (Dialect::Redis, Role::Publisher) => redis::ping(&mut unsent),
            (Dialect::Redis, Role::Subscriber) => redis::subscribe(&mut unsent),
            (Dialect::Mqtt, _) => mqtt::connect(&mut unsent, number),
        }
        Self {
            dialect,
            role,
            stage: Stage::Opening,
            secure_after_greeting: encrypted && dialect == Dialect::Nats,
            partial: Vec::new(),
            unsent,
        }
    }

    /// Whether TLS begins with the connection, before anything is said.
    pub(super) fn begins_with_tls(dialect: Dialect) -> bool {
        dialect != Dialect::Nats
    }

    /// Whether TLS has to begin now; [`Self::secured`] says that it has.
    pub(super) fn wants_tls(&self) -> bool {
        self.stage == Stage::Securing
    }

    /// TLS has begun: what is sent from now on goes through it.
    pub(super) fn secured(&mut self) {
        self.stage = Stage::Opening;
        self.introduce();
    }

    /// Whether it publishes or is subscribed.
    pub(super) fn is_ready(&self) -> bool {
        self.stage == Stage::Ready
    }

    /// Publishes `payload` to everybody.
    pub(super) fn publish(&mut self, payload: &[u8]) {
        match self.dialect {
            Dialect::Nats => nats::publish(&mut self.unsent, payload),
            Dialect::Redis => redis::publish(&mut self.unsent, payload),
            Dialect::Mqtt => mqtt::publish(&mut self.unsent, payload),
        }
    }

    /// Takes what has arrived and gives each payload to `each`.
    pub(super) fn on_bytes(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(&[u8]),
    ) -> Result<(), ProtocolError> {
        if self.partial.is_empty() {
            // The everyday case: whole frames, read where they landed.
            let used = self.take_frames(bytes, &mut each)?;
            self.partial.extend_from_slice(&bytes[used..]);
            return Ok(());
        }
        let mut partial = core::mem::take(&mut self.partial);
        partial.extend_from_slice(bytes);
        let used = self.take_frames(&partial, &mut each)?;
        partial.drain(..used);
        self.partial = partial;
        Ok(())
    }

    /// Takes the whole frames at the front of `bytes` and says how long they are together.
    fn take_frames(
        &mut self,
        bytes: &[u8],
        each: &mut impl FnMut(&[u8]),
    ) -> Result<usize, ProtocolError> {
        let mut used = 0;
        loop {
            let rest = &bytes[used..];
            let parsed = match self.dialect {
                Dialect::Nats => nats::parse(rest),
                Dialect::Redis => redis::parse(rest),
                Dialect::Mqtt => mqtt::parse(rest),
            };
            let Some((len, heard)) = parsed? else {
                if rest.len() > FRAME_MAX {
                    return Err(self.dialect.too_long());
                }
                return Ok(used);
            };
            used += len;
            match heard {
                Heard::Message(payload) => each(payload),
                Heard::Greeting => self.greeted(),
                Heard::Ready => self.stage = Stage::Ready,
                Heard::Ping => nats::pong(&mut self.unsent),
                Heard::Nothing => {}
            }
        }
    }

    fn greeted(&mut self) {
        if self.secure_after_greeting {
            self.secure_after_greeting = false;
            self.stage = Stage::Securing;
        } else if self.stage == Stage::Opening {
            self.introduce();
        }
    }

    /// Says what follows the greeting.
    fn introduce(&mut self) {
        match (self.dialect, self.role) {
            (Dialect::Nats, role) => nats::connect(&mut self.unsent, role),
            (Dialect::Mqtt, Role::Subscriber) => mqtt::subscribe(&mut self.unsent),
            (Dialect::Mqtt, Role::Publisher) => self.stage = Stage::Ready,
            // It was said with the opening.
            (Dialect::Redis, _) => {}
        }
    }
}

impl Dialect {
    fn malformed(self, what: &'static str) -> ProtocolError {
        let dialect = self;
        ProtocolError::Malformed { dialect, what }
    }

    fn too_long(self) -> ProtocolError {
        ProtocolError::TooLong { dialect: self }
    }

    /// The line at the front of `bytes`, without its end, and how long it is with it.
    fn line(self, bytes: &[u8]) -> Result<Option<(&[u8], usize)>, ProtocolError> {
        match bytes.iter().position(|byte| *byte == b'\n') {
            Some(end) if end > FRAME_MAX => Err(self.too_long()),
            Some(end) => match bytes[..end].strip_suffix(b"\r") {
                Some(line) => Ok(Some((line, end + 1))),
                None => Err(self.malformed("a line does not end with CR LF")),
            },
            None => Ok(None),
        }
    }

    /// A length in decimal digits, at most [`FRAME_MAX`].
    fn length(self, digits: &[u8]) -> Result<usize, ProtocolError> {
        let text = core::str::from_utf8(digits).unwrap_or("");
        let Ok(length) = text.parse::<u32>() else {
            return Err(self.malformed("a length is no number"));
        };
        let length = length as usize;
        if length > FRAME_MAX {
            return Err(self.too_long());
        }
        Ok(length)
    }

    /// The `len` bytes at `from` and the CR LF behind them; none when more is needed.
    fn counted(
        self,
        bytes: &[u8],
        from: usize,
        len: usize,
    ) -> Result<Option<(&[u8], usize)>, ProtocolError> {
        let end = from + len + 2;
        let Some(counted) = bytes.get(from..end) else {
            return Ok(None);
        };
        match counted.strip_suffix(b"\r\n") {
            Some(counted) => Ok(Some((counted, end))),
            None => Err(self.malformed("a payload does not end where it should")),
        }
    }
}

#[cfg(test)]
mod tests;
