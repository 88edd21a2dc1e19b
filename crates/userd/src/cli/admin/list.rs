//! The commands that only read.

use clap::Args;
use serde_json::json;

use super::backend::AdminBackend;
use super::error::CommandError;
use super::output::{self, OutputFormatter, print};
use super::types::UserQuery;
use super::user_arg::UserArg;
use crate::cli::console::note;
use crate::cli::sanitize::sanitize;

/// The largest page of the admin API.
const LIMIT_MAX: u16 = 200;

/// Which page.
#[derive(Debug, Args)]
pub(super) struct PageOptions {
    /// Show at most this many, up to 200
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=i64::from(LIMIT_MAX)))]
    limit: u16,
    /// Continue after a page, with its "next"
    #[arg(long, value_name = "CURSOR", conflicts_with = "all")]
    cursor: Option<String>,
    /// Show all, page after page; with --json one line each
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

/// Which users to list.
#[derive(Debug, Args)]
pub(super) struct ListOptions {
    /// Only users whose e-mail starts with this prefix, in alphabetical order
    #[arg(long, value_name = "PREFIX")]
    email: Option<String>,
    /// Newest first; with --email, in reverse alphabetical order
    #[arg(long)]
    newest: bool,
    #[command(flatten)]
    page: PageOptions,
}

/// Whose events to list.
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

    /// The cursor of the next page, if there is one and it was requested.
    fn next_cursor(&self, output: OutputFormatter, next: Option<String>, read: bool) -> Option<String> {
        if self.all {
            return next.filter(|_| read);
        }
        if let Some(next) = next.filter(|_| !output.json) {
            note(&format!("there are more: `--cursor {}` continues, `--all` shows all", sanitize(&next)));
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
    let mut query = UserQuery { limit: pages.size(), cursor: pages.cursor.clone(), email, descending: newest };
    let mut first = true;
    loop {
        let page = backend.list(&query).await?;
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
        query.cursor = pages.next_cursor(output, page.next, read);
        if query.cursor.is_none() {
            return Ok(());
        }
    }
}

/// `userd user show`
pub(super) async fn show(backend: &AdminBackend, output: OutputFormatter, who: UserArg) -> Result<(), CommandError> {
    let account = backend.show(&who.user).await?;
    print(&if output.json { output::json(&account) } else { output.user_details(&account) }).map(|_| ())
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
                note("there are no events");
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
