//! Who connects, and as what they are welcome.

use zerocopy::little_endian::{I64, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{MessageError, count_of, items, nothing_left, prefix};
use crate::wire::{DeviceId, PersonId, TenantId, Timestamp};

/// Who a connection speaks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum Role {
    /// One person on one device, by a signed token.
    Person = 0,
    /// A backend that carries many people's sessions of one tenant, by its certificate.
    Gateway = 1,
    /// An operator of one tenant (or of the node: tenant 0), by its certificate.
    Operator = 2,
}

impl Role {
    fn from_u8(number: u8) -> Result<Self, MessageError> {
        match number {
            0 => Ok(Self::Person),
            1 => Ok(Self::Gateway),
            2 => Ok(Self::Operator),
            _ => Err(MessageError::Unknown {
                field: "role",
                found: number.into(),
            }),
        }
    }
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct HelloPrefix {
    token_len: U32,
    tenant: U32,
    reserved: [u8; 8],
}

/// The first frame of a connection: a person's token, or an empty one where the certificate speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hello<'a> {
    /// A signed token (JWT), or empty.
    pub token: &'a str,
    /// The tenant an operator of the node asks about; 0 for everyone else, who has one.
    pub tenant: TenantId,
}

impl<'a> Hello<'a> {
    /// The payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let prefix = HelloPrefix {
            token_len: count_of(self.token.as_bytes()),
            tenant: self.tenant.0.into(),
            reserved: [0; 8],
        };
        [prefix.as_bytes(), self.token.as_bytes()].concat()
    }

    /// Reads a payload.
    pub fn read(bytes: &'a [u8]) -> Result<Self, MessageError> {
        let (head, rest) = prefix::<HelloPrefix>(bytes)?;
        if head.reserved != [0; 8] {
            return Err(MessageError::Reserved);
        }
        let (token, rest) = items::<u8>(rest, head.token_len.get())?;
        nothing_left(rest, bytes)?;
        let token =
            core::str::from_utf8(token).map_err(|_| MessageError::NotUtf8 { field: "token" })?;
        Ok(Self {
            token,
            tenant: TenantId(head.tenant.get()),
        })
    }
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct WelcomeLayout {
    tenant: U32,
    device: U32,
    person: U64,
    incarnation: U64,
    expires_us: I64,
    now_us: I64,
    role: u8,
    reserved: [u8; 7],
}

/// The answer to [`Hello`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Welcome {
    /// Whose data this connection reaches; 0 for an operator of the node.
    pub tenant: TenantId,
    /// Who speaks; 0 unless the role is a person.
    pub person: PersonId,
    /// On which device; 0 unless the role is a person.
    pub device: DeviceId,
    /// What the connection may do.
    pub role: Role,
    /// The log's incarnation: when it differs from an earlier one, all cursors are void.
    pub incarnation: u64,
    /// When the connection will be closed.
    pub expires: Timestamp,
    /// The server's clock.
    pub now: Timestamp,
}

impl Welcome {
    /// The payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let layout = WelcomeLayout {
            tenant: self.tenant.0.into(),
            device: self.device.0.into(),
            person: self.person.0.into(),
            incarnation: self.incarnation.into(),
            expires_us: self.expires.0.into(),
            now_us: self.now.0.into(),
            role: self.role as u8,
            reserved: [0; 7],
        };
        layout.as_bytes().to_vec()
    }

    /// Reads a payload.
    pub fn read(bytes: &[u8]) -> Result<Self, MessageError> {
        let (layout, rest) = prefix::<WelcomeLayout>(bytes)?;
        nothing_left(rest, bytes)?;
        Ok(Self {
            tenant: TenantId(layout.tenant.get()),
            person: PersonId(layout.person.get()),
            device: DeviceId(layout.device.get()),
            role: Role::from_u8(layout.role)?,
            incarnation: layout.incarnation.get(),
            expires: Timestamp(layout.expires_us.get()),
            now: Timestamp(layout.now_us.get()),
        })
    }
}
