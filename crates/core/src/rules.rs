//! Rules as a table: each says whether it is broken, and the error.

/// Checks `rules` in their order.
///
/// # Errors
/// The error of the first rule that is broken.
pub fn check_rules<E, const N: usize>(rules: [(bool, E); N]) -> Result<(), E> {
    rules.into_iter().find(|(broken, _)| *broken).map_or(Ok(()), |(_, error)| Err(error))
}
