//! Who a connection speaks for: a person by a signed token, a backend or an operator by the URI in
//! its certificate. Nothing a client says of itself counts beside these.
//!
//! Time is passed in (invariant 7), and both kinds of credential are hostile bytes until they have
//! been checked (invariant 8).

use std::time::Duration;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Validation};
use serde::{Deserialize, Serialize};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::model::command::Platform;
use crate::wire::{DeviceId, PersonId, Role, TenantId, Timestamp};

/// The only issuer and audience of tokens.
pub const TOKEN_NAME: &str = "throng";

/// The longest token that is read, in bytes; one made by [`TokenIssuer`] has about 250.
pub const TOKEN_LEN_MAX: usize = 2048;

/// How far the issuer's clock and this server's may disagree.
pub const TOKEN_LEEWAY: Duration = Duration::from_secs(5);

const MICROS_PER_SECOND: i64 = 1_000_000;

/// Who a connection speaks for, until when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    /// In which role.
    pub role: Role,
    /// Of which tenant; 0 is the whole node, and only for [`Role::Operator`].
    pub tenant: TenantId,
    /// Who; 0 unless the role is [`Role::Person`].
    pub person: PersonId,
    /// From which device; 0 unless the role is [`Role::Person`].
    pub device: DeviceId,
    /// What the device is; unknown unless the role is [`Role::Person`].
    pub platform: Platform,
    /// Whether the person proved a second factor when they signed in (SPEC D9).
    pub second_factor: bool,
    /// When a connection of this identity is to be closed.
    pub expires: Timestamp,
}

/// Why a credential was not accepted. The connection gets no identity and is to be closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// Longer than any token of ours; not looked into.
    #[error("the token is {len} bytes long; at most {TOKEN_LEN_MAX} are read")]
    TokenTooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// Not three base64url parts with JSON inside.
    #[error("this is not a signed token; send a JWT such as `throng token` prints")]
    NotAToken,
    /// Signed with something other than Ed25519, or not at all.
    #[error("the token's algorithm is not EdDSA, the only one accepted")]
    WrongAlgorithm,
    /// None of the server's token keys made this signature.
    #[error("the token's signature fits none of this server's token keys")]
    WrongSignature,
    /// Made for, or by, something else.
    #[error("the token's `iss` and `aud` must both be `{TOKEN_NAME}`")]
    WrongAudience,
    /// A claim is missing, of the wrong type, out of range or zero.
    #[error(
        "the token's claims must be whole numbers: tenant and device in 1..=2^32-1, \
         person in 1..=2^64-1, iat and exp in seconds since 1970"
    )]
    WrongClaims,
    /// Its time is over.
    #[error("the token expired at {expired_at}; fetch a new one")]
    Expired {
        /// When.
        expired_at: Timestamp,
    },
    /// Issued in the future: the issuer's clock or this server's is wrong.
    #[error("the token is valid only from {valid_from}; compare the issuer's clock with ours")]
    NotYetValid {
        /// From when.
        valid_from: Timestamp,
    },
    /// Valid for longer than this server allows, so that a stolen one would be too.
    #[error("the token is valid until {expires}; issue it for at most {}", seconds(.lifetime_max))]
    LivesTooLong {
        /// Until when it would be valid.
        expires: Timestamp,
        /// The longest allowed.
        lifetime_max: Duration,
    },
    /// Not one whole X.509 certificate.
    #[error("this is not one whole X.509 certificate")]
    NotACertificate,
    /// The certificate says nothing of Throng.
    #[error(
        "the certificate names no `throng://` URI; its subject alternative names need one of \
         throng://node/operator, throng://tenant/N/operator, throng://tenant/N/gateway"
    )]
    NoIdentity,
    /// The certificate would speak for several.
    #[error("the certificate names {count} `throng://` URIs; it may name one")]
    ManyIdentities {
        /// How many.
        count: usize,
    },
    /// A `throng://` URI that means nothing.
    #[error(
        "the certificate's URI is none of throng://node/operator, throng://tenant/N/operator, \
         throng://tenant/N/gateway (N from 1, no leading zeros)"
    )]
    UnknownIdentity,
}

fn seconds(duration: &Duration) -> String {
    format!("{} s", duration.as_secs())
}

/// Why a token key could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenKeyError {
    /// Not the private half.
    #[error("expected an Ed25519 private key, PKCS#8 in PEM (`BEGIN PRIVATE KEY`)")]
    NotPrivate,
    /// Not one or more public halves.
    #[error("expected one or more Ed25519 public keys in PEM (`BEGIN PUBLIC KEY`)")]
    NotPublic,
}

/// A new pair of token keys, both PEM.
#[derive(Clone)]
pub struct TokenKeys {
    /// PKCS#8; whoever has it can speak for everybody.
    pub private_pem: String,
    /// What a server needs to check tokens.
    pub public_pem: String,
}

impl TokenKeys {
    /// A fresh pair, from the operating system's randomness.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn generate() -> Result<Self, rcgen::Error> {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519)?;
        Ok(Self {
            private_pem: pair.serialize_pem(),
            public_pem: pair.public_key_pem(),
        })
    }
}

/// Whom a token speaks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bearer {
    /// Of which tenant.
    pub tenant: TenantId,
    /// Who.
    pub person: PersonId,
    /// On which device.
    pub device: DeviceId,
    /// What the device is.
    pub platform: Platform,
    /// They have proved a second factor (SPEC D9).
    pub second_factor: bool,
}

impl Bearer {
    /// On a device of which nothing is said, without a second factor.
    #[must_use]
    pub fn new(tenant: TenantId, person: PersonId, device: DeviceId) -> Self {
        Self {
            tenant,
            person,
            device,
            platform: Platform::Unknown,
            second_factor: false,
        }
    }
}

#[derive(Serialize)]
struct IssuedClaims {
    iss: &'static str,
    aud: &'static str,
    tenant: u32,
    person: u64,
    device: u32,
    iat: i64,
    exp: i64,
    platform: Platform,
    second_factor: bool,
}

impl IssuedClaims {
    fn of(bearer: &Bearer, iat: i64, exp: i64) -> Self {
        Self {
            iss: TOKEN_NAME,
            aud: TOKEN_NAME,
            tenant: bearer.tenant.0,
            person: bearer.person.0,
            device: bearer.device.0,
            iat,
            exp,
            platform: bearer.platform,
            second_factor: bearer.second_factor,
        }
    }
}

/// The claims read back. `iss` and `aud` are the library's to check, times are ours.
#[derive(Deserialize)]
struct Claims {
    tenant: u32,
    person: u64,
    device: u32,
    iat: i64,
    exp: i64,
    nbf: Option<i64>,
    #[serde(default = "unknown")]
    platform: Platform,
    #[serde(default)]
    second_factor: bool,
}

fn unknown() -> Platform {
    Platform::Unknown
}

/// Signs people's tokens. A tenant's backend does this with the same key, or with its own.
#[derive(Clone)]
pub struct TokenIssuer {
    key: EncodingKey,
}

impl TokenIssuer {
    /// From an Ed25519 private key, PKCS#8 in PEM.
    ///
    /// # Errors
    /// [`TokenKeyError::NotPrivate`] for anything else.
    pub fn from_pem(private_pem: &str) -> Result<Self, TokenKeyError> {
        let key = EncodingKey::from_ed_pem(private_pem.as_bytes())
            .map_err(|_| TokenKeyError::NotPrivate)?;
        let issuer = Self { key };
        // The library reads any PKCS#8 for an Ed25519 key and fails only when it signs.
        let nobody = Bearer::new(TenantId(0), PersonId(0), DeviceId(0));
        issuer.sign(&IssuedClaims::of(&nobody, 0, 0))?;
        Ok(issuer)
    }

    /// A token by which `person` may connect from `device` until `ttl` after `now`, to the second.
    #[must_use]
    pub fn issue(
        &self,
        tenant: TenantId,
        person: PersonId,
        device: DeviceId,
        now: Timestamp,
        ttl: Duration,
    ) -> String {
        self.issue_to(&Bearer::new(tenant, person, device), now, ttl)
    }

    /// [`TokenIssuer::issue`], with all that a token says of its bearer.
    #[must_use]
    pub fn issue_to(&self, bearer: &Bearer, now: Timestamp, ttl: Duration) -> String {
        let iat = now.0.div_euclid(MICROS_PER_SECOND);
        let ttl_s = i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX);
        self.sign(&IssuedClaims::of(bearer, iat, iat.saturating_add(ttl_s)))
            .expect("the key has signed when it was loaded, and numbers always serialise")
    }

    fn sign(&self, claims: &IssuedClaims) -> Result<String, TokenKeyError> {
        let header = jsonwebtoken::Header::new(Algorithm::EdDSA);
        jsonwebtoken::encode(&header, claims, &self.key).map_err(|_| TokenKeyError::NotPrivate)
    }
}

/// Checks people's tokens against the public keys of those who may issue them.
#[derive(Clone)]
pub struct TokenVerifier {
    keys: Vec<DecodingKey>,
    validation: Validation,
    lifetime_max: Duration,
}

impl TokenVerifier {
    /// From one or more Ed25519 public keys in PEM, one after the other: while keys are being
    /// changed, tokens of the old and of the new are good.
    ///
    /// No token is accepted that is valid for more than `lifetime_max` from the time it is shown.
    ///
    /// # Errors
    /// [`TokenKeyError::NotPublic`] when there is no key or one of them is something else.
    pub fn from_pem(public_pem: &str, lifetime_max: Duration) -> Result<Self, TokenKeyError> {
        const END: &str = "-----END PUBLIC KEY-----";
        let mut keys = Vec::new();
        let mut rest = public_pem;
        while let Some(end) = rest.find(END) {
            let (block, after) = rest.split_at(end + END.len());
            let key = DecodingKey::from_ed_pem(block.trim_start().as_bytes())
                .map_err(|_| TokenKeyError::NotPublic)?;
            keys.push(key);
            rest = after;
        }
        if keys.is_empty() || !rest.trim().is_empty() {
            return Err(TokenKeyError::NotPublic);
        }
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[TOKEN_NAME]);
        validation.set_audience(&[TOKEN_NAME]);
        validation.set_required_spec_claims(&["iss", "aud"]);
        // The library would read the time itself.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Ok(Self {
            keys,
            validation,
            lifetime_max,
        })
    }

    /// Who `token` speaks for at the time `now`.
    ///
    /// # Errors
    /// See [`AuthError`]; nothing of the token is believed then.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Identity, AuthError> {
        if token.len() > TOKEN_LEN_MAX {
            return Err(AuthError::TokenTooLong { len: token.len() });
        }
        let claims = self.signed_claims(token)?;
        if claims.tenant == 0 || claims.person == 0 || claims.device == 0 {
            return Err(AuthError::WrongClaims);
        }
        let leeway = micros(TOKEN_LEEWAY);
        let valid_from = timestamp(claims.iat.max(claims.nbf.unwrap_or(claims.iat)));
        if valid_from > now.plus_micros(leeway) {
            return Err(AuthError::NotYetValid { valid_from });
        }
        let expired_at = timestamp(claims.exp);
        let expires = expired_at.plus_micros(leeway);
        if expires <= now {
            return Err(AuthError::Expired { expired_at });
        }
        if expires
            > now
                .plus_micros(micros(self.lifetime_max))
                .plus_micros(2 * leeway)
        {
            return Err(AuthError::LivesTooLong {
                expires: expired_at,
                lifetime_max: self.lifetime_max,
            });
        }
        Ok(Identity {
            role: Role::Person,
            tenant: TenantId(claims.tenant),
            person: PersonId(claims.person),
            device: DeviceId(claims.device),
            platform: claims.platform,
            second_factor: claims.second_factor,
            expires,
        })
    }

    fn signed_claims(&self, token: &str) -> Result<Claims, AuthError> {
        let mut refused = AuthError::WrongSignature;
        for key in &self.keys {
            match jsonwebtoken::decode::<Claims>(token, key, &self.validation) {
                Ok(decoded) => return Ok(decoded.claims),
                Err(error) => refused = refusal(token, error.kind()),
            }
            if refused != AuthError::WrongSignature {
                break;
            }
        }
        Err(refused)
    }
}

/// What the library's error means to whoever sent the token.
fn refusal(token: &str, kind: &ErrorKind) -> AuthError {
    match kind {
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => AuthError::WrongAlgorithm,
        ErrorKind::InvalidSignature | ErrorKind::Crypto(_) => AuthError::WrongSignature,
        ErrorKind::InvalidIssuer | ErrorKind::InvalidAudience => AuthError::WrongAudience,
        ErrorKind::MissingRequiredClaim(_) => AuthError::WrongAudience,
        // JSON is read twice: the header before the signature, the claims after it.
        ErrorKind::Json(_) if jsonwebtoken::decode_header(token).is_ok() => AuthError::WrongClaims,
        _ => AuthError::NotAToken,
    }
}

fn timestamp(seconds: i64) -> Timestamp {
    Timestamp(seconds.saturating_mul(MICROS_PER_SECOND))
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// Who a client certificate speaks for, by the one `throng://` URI among its subject alternative
/// names: `throng://node/operator`, `throng://tenant/7/operator` or `throng://tenant/7/gateway`.
///
/// TLS has checked the chain and the dates by then; this reads the name, and expires with the
/// certificate.
///
/// # Errors
/// When the bytes are no certificate, or it names no identity, several, or one that means nothing.
pub fn identity_of_certificate(der: &[u8]) -> Result<Identity, AuthError> {
    let (rest, certificate) =
        X509Certificate::from_der(der).map_err(|_| AuthError::NotACertificate)?;
    if !rest.is_empty() {
        return Err(AuthError::NotACertificate);
    }
    let names = certificate
        .subject_alternative_name()
        .map_err(|_| AuthError::NotACertificate)?;
    let mut uris = names
        .iter()
        .flat_map(|extension| &extension.value.general_names)
        .filter_map(|name| match name {
            GeneralName::URI(uri) => uri.strip_prefix("throng://"),
            _ => None,
        });
    let uri = uris.next().ok_or(AuthError::NoIdentity)?;
    let others = uris.count();
    if others > 0 {
        return Err(AuthError::ManyIdentities { count: 1 + others });
    }
    let (role, tenant) = party(uri).ok_or(AuthError::UnknownIdentity)?;
    Ok(Identity {
        role,
        tenant,
        person: PersonId(0),
        device: DeviceId(0),
        platform: Platform::Unknown,
        second_factor: false,
        expires: timestamp(certificate.validity().not_after.timestamp()),
    })
}

fn party(uri: &str) -> Option<(Role, TenantId)> {
    if uri == "node/operator" {
        return Some((Role::Operator, TenantId(0)));
    }
    let (number, role) = uri.strip_prefix("tenant/")?.split_once('/')?;
    let role = match role {
        "operator" => Role::Operator,
        "gateway" => Role::Gateway,
        _ => return None,
    };
    let tenant: u32 = number.parse().ok()?;
    // One spelling a tenant: what parsing forgives (`07`, `+7`) is another name to whoever compares.
    (tenant != 0 && tenant.to_string() == number).then_some((role, TenantId(tenant)))
}

#[cfg(test)]
mod tests;
