//! The commands that only look.

use clap::Args;
use serde_json::json;

use super::backend::AdminBackend;
use super::output::{self, OutputFormatter};
use super::types::{CommandError, UserQuery};
use super::{UserArg, note, print};
use crate::cli::sanitize::sanitize;

/// The admin API's largest page.
const LIMIT_MAX: u16 = 200;

/// How many are wanted.
#[derive(Debug, Args)]
pub(super) struct PageOptions {
    /// Show at most so many, up to 200
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=i64::from(LIMIT_MAX)))]
    limit: u16,
    /// Go on where a page ended: its "next"
    #[arg(long, value_name = "CURSOR", conflicts_with = "all")]
    cursor: Option<String>,
    /// Show all, page after page; with --json a line for each
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

/// Which users are wanted.
#[derive(Debug, Args)]
pub(super) struct ListOptions {
    /// Only those whose e-mail begins so; they come in the order of the alphabet
    #[arg(long, value_name = "PREFIX")]
    email: Option<String>,
    /// Begin with the newest; with --email, at the end of the alphabet
    #[arg(long)]
    newest: bool,
    #[command(flatten)]
    page: PageOptions,
}

/// Whose events are wanted.
#[derive(Debug, Args)]
pub(super) struct EventsOptions {
    #[command(flatten)]
    who: UserArg,
    #[command(flatten)]
    page: PageOptions,
}

impl PageOptions {
    fn size(&self) -> u16 {
        if self.all { LIMIT_MAX } else { self.limit }
    }

    /// The cursor of the page to be read next, if there is one and it is wanted.
    fn next_cursor(&self, output: OutputFormatter, next: Option<String>, read: bool) -> Option<String> {
        if self.all {
            return next.filter(|_| read);
        }
        if let Some(next) = next.filter(|_| !output.json) {
            note(&format!("there are more: `--cursor {}` goes on, `--all` shows all", sanitize(&next)));
        }
        None
    }
}

/// `userd user list`
pub(super) async fn users(
    backend: &AdminBackend,
    output: OutputFormatter,
    options: ListOptions,
) -> Result<(), CommandError> {
    let ListOptions { email, newest, page: pages } = options;
    let mut wanted = UserQuery { limit: pages.size(), cursor: pages.cursor.clone(), email, descending: newest };
    let mut first = true;
    loop {
        let page = backend.list(&wanted).await?;
        let text = match (output.json, pages.all) {
            (true, true) => page.items.iter().map(output::json_line).collect(),
            (true, false) => output::json(&page),
            (false, _) if first && page.items.is_empty() => {
                note("there are no such users");
                return Ok(());
            }
            (false, _) => output.user_table(&page.items, first),
        };
        let read = print(&text)?;
        first = false;
        wanted.cursor = pages.next_cursor(output, page.next, read);
        if wanted.cursor.is_none() {
            return Ok(());
        }
    }
}

/// `userd user events`
pub(super) async fn events(
    backend: &AdminBackend,
    output: OutputFormatter,
    options: EventsOptions,
) -> Result<(), CommandError> {
    let EventsOptions { who, page: pages } = options;
    let account = backend.show(&who.user).await?;
    let mut cursor = pages.cursor.clone();
    let mut first = true;
    loop {
        let page = backend.events(&account.id, pages.size(), cursor.as_deref()).await?;
        let text = match (output.json, pages.all) {
            (true, true) => page.items.iter().map(output::json_line).collect(),
            (true, false) => output::json(&page),
            (false, _) if first && page.items.is_empty() => {
                note("nothing is known to have happened");
                return Ok(());
            }
            (false, _) => output.event_table(&page.items, first),
        };
        let read = print(&text)?;
        first = false;
        cursor = pages.next_cursor(output, page.next, read);
        if cursor.is_none() {
            return Ok(());
        }
    }
}

/// `userd stats`
pub(super) async fn stats(backend: &AdminBackend, output: OutputFormatter) -> Result<(), CommandError> {
    let stats = backend.stats().await?;
    let server = backend.server();
    let text = if output.json {
        let (users, store, version) = (stats.users, &stats.store, &stats.version);
        output::json(&json!({ "users": users, "store": store, "version": version, "server": server }))
    } else {
        let users = stats.users.to_string();
        let mut facts = vec![("users", users.as_str()), ("store", &stats.store), ("version", &stats.version)];
        facts.extend(server.map(|server| ("server", server)));
        output.key_values(&facts)
    };
    print(&text).map(|_| ())
}
