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

/// An enum whose variants are versioned bodies with a tag each: `Name { Variant(Type) = tag }`.
macro_rules! tagged_enum {
    ($(#[$outer:meta])* pub enum $name:ident { $($(#[$doc:meta])* $variant:ident($body:ty) = $tag:literal,)* }) => {
        $(#[$outer])*
        #[derive(Clone, PartialEq, Eq, Debug)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$doc])* $variant($body),)*
        }

        impl $name {
            /// Every tag in use, for the golden-bytes tests.
            pub const TAGS: &'static [u16] = &[$($tag),*];

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
