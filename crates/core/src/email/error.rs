//! The limits of an e-mail address, and the rules that it can break.

/// The longest e-mail address in bytes (RFC 5321, section 4.5.3.1.3, less the angle brackets).
pub const EMAIL_BYTES_MAX: usize = 254;

/// The longest part before the `@` in bytes (RFC 5321, section 4.5.3.1.1).
pub const EMAIL_LOCAL_BYTES_MAX: usize = 64;

/// The rule that an address breaks. The message says what is right and never quotes the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    /// Empty after trimming.
    #[error("must not be empty; write an address like jane@example.com")]
    Empty,
    /// More than [`EMAIL_BYTES_MAX`] bytes, as written or in canonical form.
    #[error("must have at most {EMAIL_BYTES_MAX} bytes")]
    TooLong,
    /// A control character, such as NUL or a line break.
    #[error("must not contain control characters, tabs or line breaks; write the address on one line")]
    Control,
    /// An invisible character: zero-width space, joiner, soft hyphen, variation selector, tag.
    #[error("must not contain invisible characters; type the address by hand in place of pasting it")]
    Invisible,
    /// A character that changes the direction of the text around it.
    #[error("must not contain characters that change the text direction; type the address by hand")]
    BidiControl,
    /// An unassigned code point, or a noncharacter.
    #[error("must contain assigned Unicode characters only")]
    Unassigned,
    /// A private-use character.
    #[error("must not contain private-use characters")]
    PrivateUse,
    /// One character that expands to several, a dot or an @ among them, such as `⒈` or `…`.
    #[error("must write out dots and @ one by one, not as part of another character")]
    Compound,
    /// A display name, or angle brackets.
    #[error("must be the address alone, like jane@example.com, without a name or angle brackets")]
    DisplayName,
    /// A comment in parentheses.
    #[error("must be the address alone, like jane@example.com, without parentheses")]
    Comment,
    /// Quotation marks.
    #[error("must not contain quotation marks; quoted mailbox names are not supported")]
    Quoted,
    /// A list of addresses.
    #[error("must be exactly one address, not a list")]
    Several,
    /// White space inside.
    #[error("must not contain spaces")]
    Space,
    /// No `@`.
    #[error("must contain an @ between the mailbox and the domain, like jane@example.com")]
    NoAt,
    /// More than one `@`.
    #[error("must contain exactly one @")]
    ManyAts,
    /// Nothing before the `@`.
    #[error("must have a mailbox name before the @")]
    LocalEmpty,
    /// More than [`EMAIL_LOCAL_BYTES_MAX`] bytes before the `@`.
    #[error("must have at most {EMAIL_LOCAL_BYTES_MAX} bytes before the @")]
    LocalTooLong,
    /// A dot at the start or end of the local part, or two in a row.
    #[error("must not start or end the part before the @ with a dot, or have two dots in a row")]
    LocalDots,
    /// A character that no unquoted local part may have.
    #[error("must have only letters, digits and !#$%&'*+-/=?^_`{{|}}~. before the @")]
    LocalCharacter,
    /// A combining mark without a letter before it.
    #[error("must not start a word before the @ with a combining mark; put the letter first")]
    LocalMark,
    /// Right-to-left and left-to-right text mixed so that it has no single display order (RFC 5893, section 2).
    #[error("must not mix right-to-left and left-to-right letters before the @")]
    LocalDirection,
    /// An address literal in brackets in place of a domain.
    #[error("must have a domain name after the @, not an IP address in brackets")]
    AddressLiteral,
    /// Nothing after the `@`.
    #[error("must have a domain after the @, like example.com")]
    DomainEmpty,
    /// A dot at the start or end of the domain, or two in a row.
    #[error("must not start or end the domain with a dot, or have two dots in a row")]
    DomainDots,
    /// A character, or a combination of characters, that no domain name may have (UTS #46, STD 3).
    #[error("must have a valid domain name of letters, digits, hyphens and dots after the @")]
    DomainCharacter,
    /// A hyphen at the start or end of a label, or two as its third and fourth character.
    #[error("must not have a hyphen at the start or end of a part of the domain, or as its third and fourth character")]
    DomainHyphen,
    /// A label over 63 bytes or a domain over 253 (RFC 1035, section 2.3.4).
    #[error("must have at most 63 bytes in each part of the domain and 253 in all")]
    DomainTooLong,
    /// A domain of one label.
    #[error("must have a full domain after the @, like example.com, not a host name alone")]
    DomainSingleLabel,
    /// The last label is a number, as in an IP address.
    #[error("must have a domain name after the @ whose last part is not a number")]
    DomainNumeric,
}
