//! rkyv bodies with a stable numeric tag and one type per version.
//!
//! rkyv has no schema evolution, so a tag and its type never change: a new shape is a new tag and a
//! new type, and golden bytes keep the old one readable. Bytes are checked before they are used and
//! are never read unchecked (invariant 8).

use rkyv::api::high::{HighDeserializer, HighSerializer, HighValidator};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::Error;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::util::AlignedVec;
use rkyv::{Archive, Deserialize, Serialize};

use super::envelope::ALIGNMENT;

/// Why tagged bytes cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaggedError {
    /// A tag this build does not know.
    #[error("tag {found} is unknown: the bytes come from a newer build")]
    Tag {
        /// As read.
        found: u16,
    },
    /// Bytes that are not what their tag says.
    #[error("the bytes are not a valid body of tag {tag}")]
    Invalid {
        /// The tag.
        tag: u16,
    },
}

/// The rkyv bytes of `value`, aligned.
pub fn encode<T>(value: &T) -> AlignedVec<ALIGNMENT>
where
    T: for<'a> Serialize<HighSerializer<AlignedVec<ALIGNMENT>, ArenaHandle<'a>, Error>>,
{
    rkyv::api::high::to_bytes_in::<_, Error>(value, AlignedVec::new())
        .expect("serialising plain values into memory cannot fail")
}

/// Checks and reads the rkyv bytes of a `T`, wherever they lie.
pub fn decode<T>(tag: u16, bytes: &[u8]) -> Result<T, TaggedError>
where
    T: Archive,
    T::Archived:
        for<'a> CheckBytes<HighValidator<'a, Error>> + Deserialize<T, HighDeserializer<Error>>,
{
    let invalid = |_| TaggedError::Invalid { tag };
    if bytes.as_ptr().addr().is_multiple_of(ALIGNMENT) {
        return rkyv::from_bytes::<T, Error>(bytes).map_err(invalid);
    }
    let mut aligned = AlignedVec::<ALIGNMENT>::with_capacity(bytes.len());
    aligned.extend_from_slice(bytes);
    rkyv::from_bytes::<T, Error>(&aligned).map_err(invalid)
}

/// One field of a body, as a form shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Its Rust type, as written.
    pub kind: &'static str,
    /// What it means; one entry a line.
    pub meaning: &'static [&'static str],
}

/// A body that says what it consists of.
pub trait Described {
    /// Its fields, in order.
    const FIELDS: &'static [Field];
}

impl<T: Described> Described for Box<T> {
    const FIELDS: &'static [Field] = T::FIELDS;
}

/// What a form for one tag shows: command lines and web forms are made from these, so that none can
/// miss a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Form {
    /// The stable number.
    pub tag: u16,
    /// The variant's name, as written.
    pub name: &'static str,
    /// What it means; one entry a line.
    pub meaning: &'static [&'static str],
    /// What it consists of.
    pub fields: &'static [Field],
}

/// An enum whose variants are versioned bodies with a tag each: `Name { Variant(Type) = tag }`.
macro_rules! tagged_enum {
    ($(#[$outer:meta])* pub enum $name:ident { $($(#[doc = $doc:literal])* $variant:ident($body:ty) = $tag:literal,)* }) => {
        $(#[$outer])*
        #[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
        #[serde(rename_all = "kebab-case")]
        #[non_exhaustive]
        pub enum $name {
            $($(#[doc = $doc])* $variant($body),)*
        }

        impl $name {
            /// Every tag in use, for the golden-bytes tests.
            pub const TAGS: &'static [u16] = &[$($tag),*];

            /// What a form for each tag shows.
            pub const FORMS: &'static [$crate::wire::tagged::Form] = &[
                $($crate::wire::tagged::Form {
                    tag: $tag,
                    name: stringify!($variant),
                    meaning: &[$($doc),*],
                    fields: <$body as $crate::wire::tagged::Described>::FIELDS,
                },)*
            ];

            /// The body of `tag` from a self-describing format, such as JSON.
            pub fn deserialize<'de, D: serde::Deserializer<'de>>(
                tag: u16,
                from: D,
            ) -> Result<Self, D::Error> {
                match tag {
                    $($tag => <$body as serde::Deserialize>::deserialize(from).map(Self::$variant),)*
                    found => Err(serde::de::Error::custom(
                        $crate::wire::tagged::TaggedError::Tag { found },
                    )),
                }
            }

            /// The stable number of this variant.
            #[must_use]
            pub fn tag(&self) -> u16 {
                match self { $(Self::$variant(_) => $tag,)* }
            }

            /// The rkyv bytes of the body.
            #[must_use]
            pub fn encode(&self) -> rkyv::util::AlignedVec<{ $crate::wire::ALIGNMENT }> {
                match self { $(Self::$variant(body) => $crate::wire::tagged::encode(body),)* }
            }

            /// Checks and reads the body of `tag`.
            pub fn decode(tag: u16, bytes: &[u8]) -> Result<Self, $crate::wire::tagged::TaggedError> {
                match tag {
                    $($tag => $crate::wire::tagged::decode::<$body>(tag, bytes).map(Self::$variant),)*
                    found => Err($crate::wire::tagged::TaggedError::Tag { found }),
                }
            }
        }
    };
}
pub(crate) use tagged_enum;
