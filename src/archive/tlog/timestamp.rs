//! Timestamps of checkpoints (RFC 3161): the request to an authority, and whether its reply answers it.
//!
//! Whether the authority's signature holds is for who trusts some authority to say (`openssl ts -verify`,
//! docs/archive.md); here nothing is believed but that a reply is about these bytes.

use cms::content_info::ContentInfo;
use cms::signed_data::SignedData;
use der::asn1::{GeneralizedTime, Int, Null, OctetString};
use der::oid::ObjectIdentifier;
use der::{Any, AnyRef, Decode, Encode, Sequence, Tag, Tagged};
use sha2::{Digest, Sha256};
use x509_tsp::{Accuracy, MessageImprint, TimeStampReq, TimeStampResp, TspVersion};

use super::Hash;

/// The longest reply that is taken: one with a chain of certificates has about 6 KiB.
pub const REPLY_LEN_MAX: usize = 64 * 1024;

/// Bytes of a nonce.
pub const NONCE_LEN: usize = 16;

/// SHA-256 (RFC 5754, section 2.2).
const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
/// Signed data (RFC 5652, section 5.1).
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
/// The content of a timestamp token (RFC 3161, section 2.4.2).
const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");

/// Why a reply is no timestamp of what was asked. Nothing of it is kept.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TimestampError {
    /// Longer than [`REPLY_LEN_MAX`].
    #[error("a reply of {found} bytes, at most {REPLY_LEN_MAX} are taken")]
    TooLong {
        /// Its bytes.
        found: usize,
    },
    /// Not the DER of a timestamp response with a token of one signer.
    #[error("not a timestamp reply of RFC 3161: {part} cannot be read")]
    Malformed {
        /// Which part.
        part: &'static str,
    },
    /// The authority did not grant it.
    #[error("the authority answered with status {status}, and not granted (0, or 1)")]
    NotGranted {
        /// PKIStatus, as RFC 3161 numbers it.
        status: u8,
    },
    /// It is of something else, or by another hash than SHA-256.
    #[error("the timestamp is of something else than was asked for")]
    Imprint,
    /// It answers another request.
    #[error("the timestamp's nonce is not the request's")]
    Nonce,
}

/// What a token says (RFC 3161, section 2.4.2). `time` is read by hand: authorities give fractions of a
/// second, which DER of the library does not take.
#[derive(Sequence)]
struct Info {
    #[allow(dead_code)] // There is one.
    version: TspVersion,
    #[allow(dead_code)] // What an authority promises is for the auditor to read.
    policy: ObjectIdentifier,
    imprint: MessageImprint,
    #[allow(dead_code)]
    serial: Int,
    time: Any,
    #[asn1(optional = "true")]
    #[allow(dead_code)]
    accuracy: Option<Accuracy>,
    #[asn1(default = "Default::default")]
    #[allow(dead_code)]
    ordering: bool,
    #[asn1(optional = "true")]
    nonce: Option<Int>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    #[allow(dead_code)]
    tsa: Option<Any>,
    #[asn1(
        context_specific = "1",
        tag_mode = "IMPLICIT",
        optional = "true",
        constructed = "true"
    )]
    #[allow(dead_code)]
    extensions: Option<Extensions>,
}

/// Extensions, unread.
type Extensions = Vec<Any>;

/// A request for a timestamp of some bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimestampRequest {
    imprint: Hash,
    /// As DER has it: without leading zeros.
    nonce: Int,
    der: Vec<u8>,
}

impl TimestampRequest {
    /// Asks for a timestamp of `bytes`, with the authority's certificate in it. The nonce is random.
    #[must_use]
    pub fn of(bytes: &[u8], mut nonce: [u8; NONCE_LEN]) -> Self {
        // A positive number of this length, whatever was drawn.
        nonce[0] = (nonce[0] & 0x7f) | 0x40;
        let nonce = Int::new(&nonce).expect("a positive number without leading zeros");
        let imprint: Hash = Sha256::digest(bytes).into();
        let request = TimeStampReq {
            version: TspVersion::V1,
            message_imprint: MessageImprint {
                hash_algorithm: cms::cert::x509::spki::AlgorithmIdentifier {
                    oid: SHA_256,
                    parameters: Some(Null.into()),
                },
                hashed_message: OctetString::new(imprint).expect("32 bytes"),
            },
            req_policy: None,
            nonce: Some(nonce.clone()),
            cert_req: true,
            extensions: None,
        };
        let der = request.to_der().expect("a request of constant length");
        Self {
            imprint,
            nonce,
            der,
        }
    }

    /// The request as the authority reads it: DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Whether a reply grants this request, and when the authority says it was.
    pub fn check(&self, reply: &[u8]) -> Result<Token, TimestampError> {
        let token = Token::read(reply)?;
        if token.imprint != self.imprint {
            return Err(TimestampError::Imprint);
        }
        if token.nonce.as_ref() != Some(&self.nonce) {
            return Err(TimestampError::Nonce);
        }
        Ok(token)
    }
}

/// What a granted reply says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    imprint: Hash,
    nonce: Option<Int>,
    /// When, by the authority's clock: seconds since 1970.
    pub time_s: u64,
}

impl Token {
    /// Reads a reply that was granted. Its signature is not checked.
    pub fn read(reply: &[u8]) -> Result<Self, TimestampError> {
        let malformed = |part| move |_: der::Error| TimestampError::Malformed { part };
        if reply.len() > REPLY_LEN_MAX {
            let found = reply.len();
            return Err(TimestampError::TooLong { found });
        }
        let reply = TimeStampResp::from_der(reply).map_err(malformed("the response"))?;
        let status = reply.status.status as u8;
        if status > 1 {
            return Err(TimestampError::NotGranted { status });
        }
        let none = |part| TimestampError::Malformed { part };
        let token: ContentInfo = reply.time_stamp_token.ok_or(none("the token"))?;
        if token.content_type != SIGNED_DATA {
            return Err(none("the token"));
        }
        let signed: SignedData = token.content.decode_as().map_err(malformed("the token"))?;
        let content = signed.encap_content_info;
        if content.econtent_type != TST_INFO || signed.signer_infos.0.len() != 1 {
            return Err(none("the token"));
        }
        let content = content.econtent.ok_or(none("the content"))?;
        let content: OctetString = content.decode_as().map_err(malformed("the content"))?;
        let info = Info::from_der(content.as_bytes()).map_err(malformed("the content"))?;
        let imprint = info.imprint.hashed_message.as_bytes().try_into();
        let time_s = seconds((&info.time).into()).ok_or(none("the time"))?;
        match imprint {
            Ok(imprint) if info.imprint.hash_algorithm.oid == SHA_256 => Ok(Self {
                imprint,
                nonce: info.nonce,
                time_s,
            }),
            _ => Err(TimestampError::Imprint),
        }
    }

    /// Whether it is of these bytes.
    pub fn covers(&self, bytes: &[u8]) -> Result<(), TimestampError> {
        if self.imprint == <Hash>::from(Sha256::digest(bytes)) {
            Ok(())
        } else {
            Err(TimestampError::Imprint)
        }
    }
}

/// The whole seconds of a GeneralizedTime in UTC, since 1970.
fn seconds(time: AnyRef<'_>) -> Option<u64> {
    let text = std::str::from_utf8(time.value()).ok()?.strip_suffix('Z')?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if time.tag() != Tag::GeneralizedTime || !digits(fraction) {
        return None;
    }
    let plain = format!("{whole}Z");
    let plain = AnyRef::new(Tag::GeneralizedTime, plain.as_bytes()).ok()?;
    let time: GeneralizedTime = plain.decode_as().ok()?;
    Some(time.to_unix_duration().as_secs())
}
