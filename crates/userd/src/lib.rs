//! userd: the user-accounts service that a team puts beside its own services.
//!
//! The program, and what joins the layers into one; `docs/ARCHITECTURE.md` has the map of all crates.
//!
//! | module | what it is |
//! |---|---|
//! | [`config`] | where every setting comes from and what it means |
//! | [`app`] | the wiring, shared by the command line and the tests |
//! | [`cli`] | what the `userd` program understands |

pub mod app;
pub mod cli;
pub mod config;
