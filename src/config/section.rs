//! How a knob is written down once: the macro behind [`super::knobs`].

use std::str::FromStr;

/// What there is to say about one knob.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Knob {
    /// The table it is in, such as `shard`.
    pub section: &'static str,
    /// Its name there, such as `ring_bytes`.
    pub key: &'static str,
    /// What it does, as lines of prose.
    pub doc: &'static [&'static str],
    /// Its default, as text.
    pub default: &'static str,
    /// The least and the most it may be, as text, where it has an order.
    pub range: Option<(&'static str, &'static str)>,
    /// What more of it costs.
    pub cost: &'static str,
}

impl Knob {
    /// `shard.ring_bytes`
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}.{}", self.section, self.key)
    }

    /// `THRONG_SHARD_RING_BYTES`
    #[must_use]
    pub fn variable(&self) -> String {
        format!("THRONG_{}_{}", self.section, self.key).to_uppercase()
    }

    /// `shard-ring-bytes`, without the dashes in front.
    #[must_use]
    pub fn flag(&self) -> String {
        format!("{}-{}", self.section, self.key).replace('_', "-")
    }
}

/// Whether `value` lies within a range that is written as text.
pub(super) fn within<T: FromStr + PartialOrd>(value: &T, min: &str, max: &str) -> bool {
    let bound = |text: &str| {
        text.parse::<T>()
            .ok()
            .expect("a range is of its knob's type, a test reads every one")
    };
    (bound(min)..=bound(max)).contains(value)
}

/// Makes the configuration's structs, and the list of knobs, from one description.
macro_rules! sections {
    ($(
        $(#[doc = $section_doc:literal])+
        $section:ident: $Section:ident {
            $(
                $(#[doc = $doc:literal])+
                $key:ident: $type:ty = $default:literal $(in $min:literal to $max:literal)?,
                costs $cost:literal;
            )+
        }
    )+) => {
        /// Everything that can be set about a server.
        #[derive(
            Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize,
        )]
        #[serde(deny_unknown_fields, default)]
        pub struct Config {
            $($(#[doc = $section_doc])+ pub $section: $Section,)+
        }

        $(
            $(#[doc = $section_doc])+
            #[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
            #[serde(deny_unknown_fields, default)]
            pub struct $Section {
                $(
                    $(#[doc = $doc])+
                    ///
                    #[doc = concat!(
                        " Default `", $default, "`.", $(" Range ", $min, " to ", $max, ".",)?
                        " Costs ", $cost, "."
                    )]
                    pub $key: $type,
                )+
            }

            impl Default for $Section {
                fn default() -> Self {
                    Self {
                        $($key: $default
                            .parse()
                            .expect("a default is of its knob's type, a test reads every one"),)+
                    }
                }
            }
        )+

        impl Config {
            /// Every knob there is, section by section.
            pub const KNOBS: &[$crate::config::Knob] = &[$($(
                $crate::config::Knob {
                    section: stringify!($section),
                    key: stringify!($key),
                    doc: &[$($doc),+],
                    default: $default,
                    range: sections!(@range $($min, $max)?),
                    cost: $cost,
                },
            )+)+];

            /// What each section is about, as lines of prose.
            pub(super) const SECTIONS: &[(&str, &[&str])] =
                &[$((stringify!($section), &[$($section_doc),+]),)+];

            /// Sets one knob from text; the error says what was expected.
            pub(super) fn set(&mut self, knob: &$crate::config::Knob, text: &str) -> Result<(), String> {
                match (knob.section, knob.key) {
                    $($(
                        (stringify!($section), stringify!($key)) => {
                            self.$section.$key =
                                text.parse::<$type>().map_err(|error| error.to_string())?;
                        }
                    )+)+
                    _ => unreachable!("every knob is one of these"),
                }
                Ok(())
            }

            /// The first knob that is outside its range, and what it is set to.
            pub(super) fn outside_range(&self) -> Option<(&'static $crate::config::Knob, String)> {
                $($($(
                    if !$crate::config::section::within(&self.$section.$key, $min, $max) {
                        let knob = Self::KNOBS.iter().find(|knob| {
                            (knob.section, knob.key) == (stringify!($section), stringify!($key))
                        });
                        return knob.map(|knob| (knob, self.$section.$key.to_string()));
                    }
                )?)+)+
                None
            }
        }
    };
    (@range) => { None };
    (@range $min:literal, $max:literal) => { Some(($min, $max)) };
}

pub(super) use sections;
