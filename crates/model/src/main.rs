//! temp
fn main() { userd_model::temp(&std::env::args().nth(1).unwrap_or_default()); }
