//! The fixed shapes of load, the same for every system, so that nothing is gained by the setting.

use clap::ValueEnum;
use serde::Serialize;

use crate::corpus::Corpus;
use crate::scenario::Texts;

/// What EMQX publishes figures for: so many messages a second, in and out counted together.
const PUBLISHED_IN_AND_OUT_PER_S: f64 = 50_000.0;
/// A burst is so many messages for each of `--seconds`, however long a system takes for them: the
/// same work for all.
const BURST_MESSAGES_PER_S: f64 = 100.0;
/// Messages of a burst that some subscriber may still lack.
const BURST_WINDOW: usize = 64;
/// Each payload begins with its message's number, little-endian.
const NUMBER_LEN: usize = 8;

/// A shape of load.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Shape {
    /// 20 messages a second of 256 bytes by one publisher: the everyday case, a packet a member.
    Lone,
    /// As fast as it goes, 64 messages outstanding, 256 bytes, one publisher.
    Burst,
    /// EMQX's published one: 10 publishers, 128 bytes, 50,000 messages a second in and out together.
    Published,
}

impl Shape {
    /// All shapes, in the order they are run.
    pub(crate) const ALL: [Self; 3] = [Self::Lone, Self::Burst, Self::Published];

    /// Its name on the command line and in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lone => "lone",
            Self::Burst => "burst",
            Self::Published => "published",
        }
    }

    /// The load of this shape on `subscribers`; a lone message comes so often.
    pub(super) fn load(self, subscribers: usize, seconds: f64, lone_rate_per_s: f64) -> Load {
        let (publishers, payload_bytes, rate_per_s) = match self {
            Self::Lone => (1, 256, lone_rate_per_s),
            Self::Burst => (1, 256, 0.0),
            // Each message comes in once and goes out to every subscriber.
            Self::Published => {
                let per_publish = 1 + subscribers;
                (10, 128, PUBLISHED_IN_AND_OUT_PER_S / per_publish as f64)
            }
        };
        let per_s = match self {
            Self::Burst => BURST_MESSAGES_PER_S,
            Self::Lone | Self::Published => rate_per_s,
        };
        let messages = ((per_s * seconds).round() as usize).max(1);
        Load {
            shape: self,
            subscribers,
            publishers,
            payload_bytes,
            rate_per_s,
            messages,
            window: match self {
                Self::Burst => BURST_WINDOW,
                // What is paced is never held up: who falls behind shows it in the latency.
                Self::Lone | Self::Published => messages,
            },
        }
    }
}

/// One shape with its numbers.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(crate) struct Load {
    pub(crate) shape: Shape,
    /// Connections that each get every message.
    pub(crate) subscribers: usize,
    /// Publishers, in turn. With Throng they are members and get every message, too.
    pub(crate) publishers: usize,
    pub(crate) payload_bytes: usize,
    /// Messages a second of all publishers together; 0 is as fast as the window allows.
    pub(crate) rate_per_s: f64,
    /// Messages in all.
    pub(crate) messages: usize,
    /// Messages that some subscriber may still lack.
    pub(crate) window: usize,
}

impl Load {
    /// Deliveries there will be.
    pub(super) fn deliveries(&self) -> usize {
        self.messages * self.subscribers
    }

    /// What its messages say.
    pub(super) fn texts(&self, bytes: usize) -> Texts {
        Texts {
            median_bytes: bytes,
            fixed_length: true,
            ..Texts::default()
        }
    }

    /// When message `number` is due, in microseconds from the start.
    pub(super) fn due_us(&self, number: usize) -> u64 {
        if self.rate_per_s > 0.0 {
            (number as f64 * 1e6 / self.rate_per_s) as u64
        } else {
            0
        }
    }

    /// The publisher of message `number`.
    pub(super) fn publisher(&self, number: usize) -> usize {
        number % self.publishers
    }

    /// The payloads: each its number, then a text of its own.
    pub(super) fn payloads(&self) -> Vec<Vec<u8>> {
        let mut corpus = Corpus::generated(&self.texts(self.payload_bytes - NUMBER_LEN));
        let payload = |number: usize| {
            let mut payload = (number as u64).to_le_bytes().to_vec();
            payload.extend_from_slice(&corpus.next());
            payload
        };
        (0..self.messages).map(payload).collect()
    }

    /// The load for people, in a line.
    pub(super) fn describe(&self) -> String {
        let pace = if self.rate_per_s > 0.0 {
            format!("{:.4} messages/s", self.rate_per_s)
        } else {
            format!("a window of {} messages", self.window)
        };
        let plural = if self.publishers == 1 { "" } else { "s" };
        format!(
            "{} subscribers, {} publisher{plural}, {} bytes, {pace}, {} messages",
            self.subscribers, self.publishers, self.payload_bytes, self.messages
        )
    }
}

/// The number a payload begins with.
pub(super) fn number_of(payload: &[u8]) -> Option<usize> {
    let number = payload.first_chunk::<NUMBER_LEN>()?;
    usize::try_from(u64::from_le_bytes(*number)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_published_comes_to_50_000_a_second_in_and_out() {
        let load = Shape::Published.load(2_000, 10.0, 20.0);
        let in_and_out = load.rate_per_s * (1 + load.subscribers) as f64;
        assert!((in_and_out - 50_000.0).abs() < 1e-6, "{in_and_out}");
        assert_eq!((load.publishers, load.payload_bytes), (10, 128));
        assert_eq!(load.messages, 250);
    }

    #[test]
    fn the_everyday_case_is_one_message_each_50_ms() {
        let load = Shape::Lone.load(2_000, 10.0, 20.0);
        assert_eq!((load.messages, load.deliveries()), (200, 400_000));
        assert_eq!((load.due_us(0), load.due_us(3)), (0, 150_000));
    }

    #[test]
    fn payloads_have_the_exact_length_differ_and_tell_their_number() {
        for shape in Shape::ALL {
            let load = shape.load(20, 2.0, 20.0);
            let payloads = load.payloads();
            assert_eq!(payloads.len(), load.messages);
            for (number, payload) in payloads.iter().enumerate() {
                assert_eq!(payload.len(), load.payload_bytes);
                assert_eq!(number_of(payload), Some(number));
            }
            assert_ne!(payloads[0][NUMBER_LEN..], payloads[1][NUMBER_LEN..]);
        }
        assert_eq!(number_of(b"short"), None);
    }
}
