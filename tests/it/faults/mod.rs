//! Broken on purpose: what each store does when what it stands on fails.

mod embedded;
mod embedded_disk;
