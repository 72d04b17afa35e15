//! Connection ids that name their shard.
//!
//! After a client's address changes, the kernel may hand its datagrams to any of the sockets that
//! share the port. The first two bytes of an id are the shard, masked by a keyed hash of the random
//! rest, so that nobody outside can tell shards (or a connection's ids) apart (RFC 9000, 5.1).

use core::hash::Hasher;
use core::time::Duration;

use quinn_proto::{ConnectionId, ConnectionIdGenerator, InvalidCid};
use siphasher::sip::SipHasher13;

/// Bytes of every id the server chooses.
pub(super) const CID_LEN: usize = 10;
const SHARD_LEN: usize = 2;

/// Writes and reads the shard in a connection id. All shards of a server share one key.
#[derive(Clone, Copy)]
pub(super) struct ShardCodec {
    key: [u8; 16],
}

impl ShardCodec {
    pub(super) fn new(key: [u8; 16]) -> Self {
        Self { key }
    }

    fn mask(self, random: &[u8]) -> u16 {
        let mut hasher = SipHasher13::new_with_key(&self.key);
        hasher.write(random);
        hasher.finish() as u16
    }

    fn encode(self, shard: u16, random: [u8; CID_LEN - SHARD_LEN]) -> [u8; CID_LEN] {
        let mut id = [0; CID_LEN];
        id[..SHARD_LEN].copy_from_slice(&(shard ^ self.mask(&random)).to_le_bytes());
        id[SHARD_LEN..].copy_from_slice(&random);
        id
    }

    /// The shard an id names; any number where the id is not one of ours.
    fn shard_of(self, id: &[u8; CID_LEN]) -> u16 {
        let masked = u16::from_le_bytes([id[0], id[1]]);
        masked ^ self.mask(&id[SHARD_LEN..])
    }

    /// The shard a datagram is for, where it says so: only packets with a short header carry an id
    /// that the server surely chose.
    pub(super) fn shard_of_datagram(self, datagram: &[u8]) -> Option<u16> {
        const LONG_HEADER: u8 = 0x80;
        let (first, rest) = datagram.split_first()?;
        if first & LONG_HEADER != 0 {
            return None;
        }
        Some(self.shard_of(rest.first_chunk()?))
    }
}

/// Makes one shard's connection ids.
pub(super) struct ShardIds {
    pub(super) codec: ShardCodec,
    pub(super) shard: u16,
    /// Supplies the random part.
    pub(super) random: quinn_proto::RandomConnectionIdGenerator,
}

impl ShardIds {
    pub(super) fn new(codec: ShardCodec, shard: u16) -> Self {
        let random = quinn_proto::RandomConnectionIdGenerator::new(CID_LEN - SHARD_LEN);
        Self {
            codec,
            shard,
            random,
        }
    }
}

impl ConnectionIdGenerator for ShardIds {
    fn generate_cid(&mut self) -> ConnectionId {
        let mut random = [0; CID_LEN - SHARD_LEN];
        random.copy_from_slice(&self.random.generate_cid());
        ConnectionId::new(&self.codec.encode(self.shard, random))
    }

    fn validate(&self, id: &ConnectionId) -> Result<(), InvalidCid> {
        let id = id.first_chunk().ok_or(InvalidCid)?;
        if self.codec.shard_of(id) == self.shard {
            Ok(())
        } else {
            Err(InvalidCid)
        }
    }

    fn cid_len(&self) -> usize {
        CID_LEN
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short_header(id: &[u8]) -> Vec<u8> {
        [&[0x40], id, &[7; 30]].concat()
    }

    #[test]
    fn an_id_names_the_shard_that_made_it_and_no_two_look_alike() {
        let codec = ShardCodec::new([3; 16]);
        let mut ids = ShardIds::new(codec, 5);
        let made: Vec<_> = (0..64).map(|_| ids.generate_cid()).collect();
        for id in &made {
            assert_eq!(codec.shard_of_datagram(&short_header(id)), Some(5));
            assert!(ids.validate(id).is_ok());
        }
        let first_bytes: std::collections::HashSet<_> =
            made.iter().map(|id| [id[0], id[1]]).collect();
        assert!(first_bytes.len() > 32, "the shard shows in the clear");
    }

    #[test]
    fn an_id_of_another_shard_is_not_taken_for_ones_own() {
        let codec = ShardCodec::new([3; 16]);
        let id = ShardIds::new(codec, 1).generate_cid();
        assert!(ShardIds::new(codec, 0).validate(&id).is_err());
    }

    #[test]
    fn packets_with_a_long_header_are_never_sent_on() {
        let codec = ShardCodec::new([3; 16]);
        let mut datagram = short_header(&ShardIds::new(codec, 1).generate_cid());
        datagram[0] |= 0x80;
        assert_eq!(codec.shard_of_datagram(&datagram), None);
        assert_eq!(codec.shard_of_datagram(&[]), None);
        assert_eq!(codec.shard_of_datagram(&[0x40; CID_LEN]), None);
    }
}
