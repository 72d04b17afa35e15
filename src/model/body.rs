//! How bodies and their codes are declared: the derives that every versioned type has.

/// A plain struct with public, documented fields.
macro_rules! body {
    ($(#[$doc:meta])* $name:ident { $($(#[doc = $meaning:literal])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(
            Clone, PartialEq, Eq, Debug,
            rkyv::Archive, rkyv::Serialize, rkyv::Deserialize, serde::Serialize, serde::Deserialize,
        )]
        #[serde(deny_unknown_fields)]
        pub struct $name { $($(#[doc = $meaning])* pub $field: $type,)* }

        impl $crate::wire::tagged::Described for $name {
            const FIELDS: &'static [$crate::wire::tagged::Field] = &[
                $($crate::wire::tagged::Field {
                    name: stringify!($field),
                    kind: stringify!($type),
                    meaning: &[$($meaning),*],
                },)*
            ];
        }
    };
}
pub(crate) use body;

/// An enum of numbered variants.
macro_rules! code {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $number:literal,)* }) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug,
            rkyv::Archive, rkyv::Serialize, rkyv::Deserialize, serde::Serialize, serde::Deserialize,
        )]
        #[serde(rename_all = "kebab-case")]
        #[repr(u8)]
        pub enum $name { $($(#[$variant_doc])* $variant = $number,)* }
    };
}
pub(crate) use code;
