//! Storms: several real userd over one store, many clients who want the same few e-mails, and a chaos that kills and
//! freezes. What clients saw is written down and judged.
//!
//! - `place` is the store, `blows` what can be done to it; `fleet` the userd processes; `chaos` the raging.
//! - `clients` make calls over `wire`, with what they `known` together.
//! - `roll_call` looks everybody up at the end; `figures` counts.
//!
//! The judge is `support::history`; what storms are run with and what they have to show is in `faults::storms`.

pub mod blows;
pub mod chaos;
mod clients;
mod figures;
mod fleet;
mod known;
pub mod place;
mod roll_call;
mod wire;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinSet;

use self::chaos::{Tally, Weather};
use self::clients::{Client, Shared};
use self::figures::Figures;
use self::fleet::Fleet;
use self::place::Place;
use self::roll_call::RollCall;
use crate::history::checker::{Findings, judge, judge_with_looks_from};
use crate::http::until_status;

/// Enough to meet on the same e-mail and the same user all the time.
const CLIENTS: usize = 16;

/// How many e-mails everybody wants.
const EMAILS: usize = 12;

/// How long the clients go on after the last blow.
const AFTERMATH: Duration = Duration::from_millis(500);

/// What a storm left.
#[derive(Debug)]
pub struct Aftermath {
    pub figures: Figures,
    pub struck: Tally,
    pub judged: Findings,
    /// The same without look-ups during the storm, where a failover may undo what was seen but not acknowledged.
    pub lasting: Option<Findings>,
    pub roll_call: RollCall,
    pub contradictions: Vec<String>,
    pub blocked: Vec<String>,
    /// Answers that are none of the documented ones.
    pub wrong: Vec<String>,
    /// What the userd that lived to the end logged with each 503.
    pub put_off: Vec<String>,
    /// How long after the last blow every userd said that it was ready.
    pub ready_after: Duration,
}

/// Lets a storm rage over `place`.
pub async fn storm(mut place: Place, weather: Weather) -> Aftermath {
    let members = place.members();
    let mut fleet = Fleet::start(place.launch(), members);
    let mut emails: BTreeSet<String> = (0..EMAILS).map(|number| format!("contested-{number}@example.org")).collect();
    let shared = Arc::new(Shared::new(fleet.addresses(), emails.iter().cloned().collect()));
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(Client::new(number, Arc::clone(&shared), members, weather.seed).run());
    }
    let raged = tokio::task::spawn_blocking(move || {
        let struck = chaos::rage(weather, &mut fleet, &mut place);
        (fleet, place, struck)
    });
    let (fleet, place, struck) = raged.await.expect("everything could be started again");
    let struck_until = shared.recorder.now();
    for address in shared.addresses.all() {
        until_status(address, "/health/ready", 200).await;
    }
    let ready_after = shared.recorder.now().saturating_sub(struck_until);
    tokio::time::sleep(AFTERMATH).await;
    shared.stop.store(true, Ordering::Relaxed);
    clients.join_all().await;
    let over = shared.recorder.now();
    roll_call::call_the_roll(&shared, CLIENTS).await;
    let put_off = fleet.put_off();
    drop(fleet);
    let entries = shared.recorder.entries();
    let since = entries.partition_point(|entry| entry.called < over);
    emails.extend(entries.iter().filter_map(|entry| entry.call.wanted_email()).map(str::to_owned));
    let contradictions = place.contradictions();
    let store = place.store().await;
    let blocked = roll_call::blocked(&*store, &emails).await;
    store.close().await;
    let figures = Figures::of(&entries[..since], &shared, over);
    let roll_call = roll_call::compare(&entries, since);
    let (taken_too, fails_over) = (place.taken_too(), place.fails_over());
    let verdicts = tokio::task::spawn_blocking(move || {
        let lasting = fails_over.then(|| judge_with_looks_from(&entries, taken_too, over));
        (judge(&entries, taken_too), lasting)
    });
    let (judged, lasting) = verdicts.await.expect("a verdict");
    let wrong = std::mem::take(&mut *shared.wrong.lock().expect("no client panicked"));
    Aftermath { figures, struck, judged, lasting, roll_call, contradictions, blocked, wrong, put_off, ready_after }
}

impl Aftermath {
    /// Nothing is wrong, and something was done that could have made it so.
    pub fn assert_sound(&self) {
        let violations = &self.lasting.as_ref().unwrap_or(&self.judged).violations;
        assert!(violations.is_empty(), "the judge's stories\n{}", violations.join("\n"));
        assert_eq!(self.roll_call.lost, Vec::<String>::new(), "acknowledged and lost");
        assert_eq!(self.roll_call.back, Vec::<String>::new(), "deleted and there");
        assert_eq!(self.roll_call.doubled, Vec::<String>::new(), "e-mails of two users");
        assert_eq!(self.contradictions, Vec::<String>::new(), "the store contradicts itself");
        assert_eq!(self.blocked, Vec::<String>::new());
        self.assert_lively();
    }

    /// Every answer was a documented one, and something was done and struck.
    pub fn assert_lively(&self) {
        assert_eq!(self.wrong, Vec::<String>::new(), "answers that should never be");
        assert!(self.figures.acknowledged > 100, "{:?}: hardly anything happened", self.figures);
        assert!(self.figures.taken > 20, "{:?}: hardly anybody wanted the same e-mail", self.figures);
        assert!(self.struck.values().sum::<usize>() > 0, "nothing was struck");
    }

    /// Some calls never got an answer that says what became of them.
    pub fn assert_answers_were_lost(&self) {
        assert!(self.figures.unknown > 0, "{:?}: no answer was lost", self.figures);
    }

    /// The row of the table.
    pub fn row(&self, store: &str, weather: &Weather) -> Vec<(&'static str, String)> {
        let struck = |what: &str| self.struck.get(what).copied().unwrap_or_default();
        let frozen = struck("userd frozen") + struck("userd frozen past the deadline");
        let others: Vec<String> = self
            .struck
            .iter()
            .filter(|(what, _)| !what.starts_with("userd"))
            .map(|(what, n)| format!("{what} {n}"))
            .collect();
        let figures = &self.figures;
        let violations = match &self.lasting {
            Some(lasting) => format!("{} ({} with look-ups)", lasting.violations.len(), self.judged.violations.len()),
            None => self.judged.violations.len().to_string(),
        };
        vec![
            ("store", store.to_owned()),
            ("s", weather.lasting.as_secs().to_string()),
            ("calls", figures.calls.to_string()),
            ("writes acknowledged", figures.acknowledged.to_string()),
            ("409", figures.taken.to_string()),
            ("503", figures.refused.to_string()),
            ("broken off", figures.broken.to_string()),
            ("userd killed", struck("userd killed").to_string()),
            (
                "userd frozen (of these past the deadline)",
                format!("{frozen} ({})", struck("userd frozen past the deadline")),
            ),
            ("done to the store", if others.is_empty() { "—".to_owned() } else { others.join(", ") }),
            ("acknowledged users lost", self.roll_call.lost.len().to_string()),
            ("deleted users back", self.roll_call.back.len().to_string()),
            ("e-mails doubled", self.roll_call.doubled.len().to_string()),
            ("e-mails blocked", self.blocked.len().to_string()),
            ("contradictions", self.contradictions.len().to_string()),
            ("registers judged", self.judged.registers.to_string()),
            ("violations", violations),
            ("longest without a served write / read", format!("{} / {}", ms(figures.write_gap), ms(figures.read_gap))),
            ("all ready again after", ms(self.ready_after)),
            ("seed", weather.seed.to_string()),
        ]
    }
}

fn ms(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}
