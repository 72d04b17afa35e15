//! Cubic that sees for itself when its window is not used.
//!
//! quinn-proto learns that a connection is limited by the application only from a `poll_transmit`
//! that returns nothing. A wave that fits one packet needs no such second call, so the state would
//! never be noticed and the window would grow with every acknowledgement. RFC 9002, 7.8 asks that a
//! window that is not fully used must not grow: here that is decided from the bytes in flight.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use quinn_proto::RttEstimator;
use quinn_proto::congestion::{
    Controller, ControllerFactory, ControllerMetrics, Cubic, CubicConfig,
};

/// Bytes that may be in flight before anything was acknowledged: 32 packets instead of the ten of
/// RFC 9002, section 7.2, as large deployments of QUIC have it. With ten, a burst of 64 short messages
/// fills the window, and an urgent one behind them waits for a round trip.
const INITIAL_WINDOW_BYTES: u64 = 32 * 1452;

/// Builds [`UsedCubic`].
pub(super) struct UsedCubicConfig {
    cubic: Arc<CubicConfig>,
}

impl Default for UsedCubicConfig {
    fn default() -> Self {
        let mut cubic = CubicConfig::default();
        cubic.initial_window(INITIAL_WINDOW_BYTES);
        Self {
            cubic: Arc::new(cubic),
        }
    }
}

impl ControllerFactory for UsedCubicConfig {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        Box::new(UsedCubic {
            cubic: Cubic::new(self.cubic.clone(), now, current_mtu),
            in_flight: 0,
        })
    }
}

/// Cubic whose window grows only when at least half of it was in flight.
#[derive(Clone)]
struct UsedCubic {
    cubic: Cubic,
    /// Bytes sent and neither acknowledged nor lost before the acknowledgement being handled.
    in_flight: u64,
}

impl UsedCubic {
    fn is_underused(&self) -> bool {
        self.in_flight < self.cubic.window() / 2
    }
}

impl Controller for UsedCubic {
    fn on_sent(&mut self, now: Instant, bytes: u64, last_packet_number: u64) {
        self.in_flight += bytes;
        self.cubic.on_sent(now, bytes, last_packet_number);
    }

    fn on_ack(
        &mut self,
        now: Instant,
        sent: Instant,
        bytes: u64,
        app_limited: bool,
        rtt: &RttEstimator,
    ) {
        let app_limited = app_limited || self.is_underused();
        self.cubic.on_ack(now, sent, bytes, app_limited, rtt);
    }

    fn on_end_acks(
        &mut self,
        now: Instant,
        in_flight: u64,
        app_limited: bool,
        largest_packet_num_acked: Option<u64>,
    ) {
        let app_limited = app_limited || self.is_underused();
        self.in_flight = in_flight;
        self.cubic
            .on_end_acks(now, in_flight, app_limited, largest_packet_num_acked);
    }

    fn on_congestion_event(
        &mut self,
        now: Instant,
        sent: Instant,
        is_persistent_congestion: bool,
        lost_bytes: u64,
    ) {
        self.in_flight = self.in_flight.saturating_sub(lost_bytes);
        self.cubic
            .on_congestion_event(now, sent, is_persistent_congestion, lost_bytes);
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.cubic.on_mtu_update(new_mtu);
    }

    fn window(&self) -> u64 {
        self.cubic.window()
    }

    fn metrics(&self) -> ControllerMetrics {
        self.cubic.metrics()
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }

    fn initial_window(&self) -> u64 {
        self.cubic.initial_window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

#[cfg(test)]
mod tests {
    use quinn_proto::{Dir, StreamId};

    use super::super::pair::Pair;

    fn window(pair: &Pair) -> u64 {
        pair.server.conn.congestion_state().window()
    }

    fn write(pair: &mut Pair, stream: StreamId, len: usize) {
        let written = pair.server.conn.send_stream(stream).write(&vec![7; len]);
        assert_eq!(written, Ok(len));
    }

    fn read_all(pair: &mut Pair, stream: StreamId) {
        let mut stream = pair.client.conn.recv_stream(stream);
        let mut chunks = stream.read(true).unwrap();
        while let Ok(Some(_)) = chunks.next(usize::MAX) {}
        let _ = chunks.finalize();
    }

    #[test]
    fn a_window_that_is_not_used_does_not_grow_though_every_wave_is_polled_once() {
        let mut pair = Pair::connected();
        let stream = pair.server.conn.streams().open(Dir::Uni).unwrap();
        let before = window(&pair);
        for _ in 0..200 {
            write(&mut pair, stream, 350);
            let mut buffer = Vec::new();
            let transmit = pair.server.conn.poll_transmit(pair.now, 16, &mut buffer);
            assert!(transmit.is_some_and(|transmit| transmit.segment_size.is_none()));
            pair.deliver(vec![buffer.as_slice().into()]);
            read_all(&mut pair, stream);
        }
        assert_eq!(window(&pair), before);
    }

    #[test]
    fn a_window_that_is_used_grows() {
        let mut pair = Pair::connected();
        let stream = pair.server.conn.streams().open(Dir::Uni).unwrap();
        let before = window(&pair);
        for _ in 0..8 {
            write(&mut pair, stream, before as usize);
            for _ in 0..4 {
                pair.exchange();
            }
            read_all(&mut pair, stream);
        }
        assert!(
            window(&pair) > before,
            "{} is not over {before}",
            window(&pair)
        );
    }
}
