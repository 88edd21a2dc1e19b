//! `string_enum!`: an enum whose variants have one text each, for stores, the API and metrics.
//!
//! The text is written once, beside its variant, and is not derived from the variant's name: it is a stored or public
//! format, which renaming a variant must not change. For that, and for `ALL` as an array of constant length, this is a
//! macro and not a derive of `strum`. To add a value: one line in the table.

/// An enum of `string_enum!`, for code that is generic over them.
pub trait StringEnum: Copy {
    /// The text of each variant, in the order of the declaration.
    const NAMES: &'static [&'static str];

    /// The position in [`StringEnum::NAMES`].
    fn index(self) -> usize;
}

/// Declares an enum without data as a table of `Variant = "text"`, with `ALL`, `NAMES`, `as_str`, `parse` and
/// `Display`.
#[macro_export]
macro_rules! string_enum {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis enum $name {
            $($(#[$variant_meta])* $variant,)+
        }

        impl $name {
            /// Every variant, in the order of the declaration: the position of one is `variant as usize`.
            $vis const ALL: [Self; [$($text),+].len()] = [$(Self::$variant),+];

            /// The text of each variant, in the same order.
            $vis const NAMES: [&'static str; [$($text),+].len()] = [$($text),+];

            /// The text of this variant.
            #[must_use]
            $vis const fn as_str(self) -> &'static str {
                Self::NAMES[self as usize]
            }

            /// The variant with this text.
            #[must_use]
            $vis fn parse(text: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|variant| variant.as_str() == text)
            }
        }

        impl $crate::StringEnum for $name {
            const NAMES: &'static [&'static str] = &$name::NAMES;

            fn index(self) -> usize {
                self as usize
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

#[cfg(test)]
mod tests {
    string_enum! {
        /// For these tests.
        enum Colour {
            /// The first.
            Red = "red",
            /// Its text is not its name.
            DarkBlue = "navy",
        }
    }

    #[test]
    fn each_text_is_read_back_as_its_variant_and_no_other_text_is_one() {
        for (position, colour) in Colour::ALL.into_iter().enumerate() {
            assert_eq!(Colour::parse(colour.as_str()), Some(colour));
            assert_eq!((Colour::NAMES[position], colour as usize), (colour.as_str(), position));
        }
        assert_eq!(Colour::DarkBlue.to_string(), "navy");
        assert_eq!(Colour::parse("DarkBlue"), None);
    }
}
