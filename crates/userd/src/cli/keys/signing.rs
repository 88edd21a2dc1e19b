//! `userd keys list` and `userd keys rotate`: the keys that sign tokens for other services.

use std::fmt::Write as _;

use serde_json::json;

use super::Said;
use crate::app;
use userd_service::{Error, KEYS_MAX_AGE_S, KeyState, ListedKey, Rotation, SigningKeys};

pub(super) async fn list(keys: &SigningKeys, as_json: bool) -> Result<Said, String> {
    let keys = keys.list().await.map_err(|error| app::chain(&error))?;
    Ok(Said::out(if as_json { to_json(&keys) } else { to_table(&keys) }))
}

/// The word for it, for scripts.
fn word(state: KeyState) -> &'static str {
    match state {
        KeyState::Waits => "waits",
        KeyState::Signs => "signs",
        KeyState::Kept(_) => "kept",
        KeyState::Ended => "ended",
    }
}

fn to_json(keys: &[ListedKey]) -> String {
    let keys = keys.iter().map(|ListedKey { record, state }| {
        json!({
            "number": record.number,
            "kid": record.kid,
            "alg": record.algorithm.word(),
            "state": word(*state),
            "created_at": record.made_at.to_string(),
            "signs_from": record.signs_from.to_string(),
            "published_until": if let KeyState::Kept(until) = state { Some(until.to_string()) } else { None },
        })
    });
    format!("{:#}\n", json!({ "keys": keys.collect::<Vec<_>>() }))
}

fn to_table(keys: &[ListedKey]) -> String {
    if keys.is_empty() {
        return "there is no key yet: the first userd that serves makes one\n".to_owned();
    }
    let mut text = format!("{:<6}  {:<5}  {:<43}  WHAT IT IS THERE FOR\n", "NUMBER", "ALG", "KID");
    for ListedKey { record, state } in keys {
        let purpose = match state {
            KeyState::Waits => format!("published; signs from {}", record.signs_from),
            KeyState::Signs => "signs".to_owned(),
            KeyState::Kept(until) => format!("signed; published until {until}"),
            KeyState::Ended => "its tokens have ended; the next rotation removes it".to_owned(),
        };
        // Writing to a String never fails.
        let _ = writeln!(text, "{:<6}  {:<5}  {:<43}  {purpose}", record.number, record.algorithm.word(), record.kid);
    }
    text
}

pub(super) async fn rotate(keys: &SigningKeys) -> Result<Said, String> {
    let rotation = keys.rotate().await.map_err(|error| match error {
        Error::KeyUnusable { .. } => format!(
            "{}; a next key would be no better. Give the token.seal_key of those that serve, or, if it is lost, `userd \
             keys rotate --now`",
            app::chain(&error)
        ),
        other => app::chain(&other),
    })?;
    Ok(Said::out(match rotation {
        Rotation::Made(next) => format!(
            "the key {} ({}) is published, and signs from {}; tokens of the keys before stay good to their end\n",
            next.kid, next.algorithm, next.signs_from
        ),
        Rotation::Waits(next) => format!(
            "the next key {} ({}) is published already, and signs from {}; nothing was changed\n",
            next.kid, next.algorithm, next.signs_from
        ),
    }))
}

pub(super) async fn rotate_now(keys: &SigningKeys) -> Result<Said, String> {
    let key = keys.rotate_now().await.map_err(|error| app::chain(&error))?;
    Ok(Said::out(format!(
        "the key {} ({}) signs from now on, and all others are removed; services refuse their tokens once they fetch the \
         keys again, {} minutes at the latest\n",
        key.kid,
        key.algorithm,
        KEYS_MAX_AGE_S / 60
    )))
}
