//! Ciphers as people write them, and which tenant has which.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::log::{Algorithm, UnknownAlgorithm};
use crate::wire::TenantId;

/// A cipher by its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CipherName(pub Algorithm);

/// Tenants with a cipher of their own, written `7=sm4-gcm,9=aes-256-gcm`.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantCiphers(pub BTreeMap<TenantId, Algorithm>);

/// What is no list of tenants and ciphers.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TenantCiphersError {
    /// Not of the form.
    #[error("expected tenants and ciphers such as `7=sm4-gcm,9=aes-256-gcm`, and no tenant twice")]
    Form,
    /// No such cipher.
    #[error(transparent)]
    Cipher(#[from] UnknownAlgorithm),
}

impl FromStr for CipherName {
    type Err = UnknownAlgorithm;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Display for CipherName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for TenantCiphers {
    type Err = TenantCiphersError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut tenants = BTreeMap::new();
        let parts = text.split(',').map(str::trim);
        for part in parts.filter(|_| !text.trim().is_empty()) {
            let (tenant, cipher) = part.split_once('=').ok_or(TenantCiphersError::Form)?;
            let tenant = tenant
                .trim()
                .parse()
                .map_err(|_| TenantCiphersError::Form)?;
            let before = tenants.insert(TenantId(tenant), cipher.trim().parse()?);
            if tenant == 0 || before.is_some() {
                return Err(TenantCiphersError::Form);
            }
        }
        Ok(Self(tenants))
    }
}

impl fmt::Display for TenantCiphers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (tenant, cipher)) in self.0.iter().enumerate() {
            let comma = if number > 0 { "," } else { "" };
            write!(f, "{comma}{}={cipher}", tenant.0)?;
        }
        Ok(())
    }
}

macro_rules! as_text {
    ($type:ident, $error:ident) => {
        impl TryFrom<String> for $type {
            type Error = $error;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
    };
}

as_text!(CipherName, UnknownAlgorithm);
as_text!(TenantCiphers, TenantCiphersError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_with_a_cipher_of_their_own_are_read_as_they_are_written() {
        for text in ["", "7=sm4-gcm", "7=sm4-gcm,9=aes-256-gcm"] {
            let tenants: TenantCiphers = text.parse().unwrap();
            assert_eq!(tenants.to_string(), text);
        }
        let spaced: TenantCiphers = " 9 = aes-256-gcm , 7=sm4-gcm ".parse().unwrap();
        assert_eq!(spaced.0.get(&TenantId(7)), Some(&Algorithm::Sm4Gcm));
        assert_eq!(spaced.0.len(), 2);
    }

    #[test]
    fn what_is_no_tenant_or_no_cipher_is_refused() {
        let read = |text: &str| text.parse::<TenantCiphers>().unwrap_err();
        for text in [
            "7",
            "x=sm4-gcm",
            "0=sm4-gcm",
            "7=sm4-gcm,7=sm4-gcm",
            ",",
            "7=sm4-gcm,",
        ] {
            assert_eq!(read(text), TenantCiphersError::Form, "{text}");
        }
        assert_eq!(read("7=des").to_string(), UnknownAlgorithm.to_string());
        assert_eq!("des".parse::<CipherName>(), Err(UnknownAlgorithm));
    }
}
