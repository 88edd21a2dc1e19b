//! The commands that only read.

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::backend::AdminBackend;
use super::change::UserArg;
use super::output::{self, OutputFormatter};
use super::types::ResultPage;
use crate::cli::command_error::CommandResult;
use crate::cli::console::{note, print_result};
use crate::cli::sanitize::sanitize;
use userd_store::SortOrder;

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

/// Prints one page, or all pages. `empty` is the note if there is nothing at all; `table` also takes whether the page
/// is the first.
async fn print_pages<T: Serialize>(
    output: OutputFormatter,
    options: PageOptions,
    empty: &str,
    fetch: impl AsyncFn(u16, Option<&str>) -> CommandResult<ResultPage<T>>,
    table: impl Fn(&[T], bool) -> String,
) -> CommandResult {
    let PageOptions { limit, mut cursor, all } = options;
    let limit = if all { LIMIT_MAX } else { limit };
    let mut first = true;
    loop {
        let page = fetch(limit, cursor.as_deref()).await?;
        let text = match (output.json, all) {
            (true, true) => page.items.iter().map(output::json_line).collect(),
            (true, false) => output::json(&page),
            (false, _) if first && page.items.is_empty() => {
                note(empty);
                return Ok(());
            }
            (false, _) => table(&page.items, first),
        };
        let read = print_result(&text)?;
        let Some(next) = page.next else { return Ok(()) };
        if !all && !output.json {
            note(&format!("there are more: `--cursor {}` continues, `--all` shows all", sanitize(&next)));
        }
        if !all || !read {
            return Ok(());
        }
        (cursor, first) = (Some(next), false);
    }
}

/// `userd user list`
pub(super) async fn users(backend: &AdminBackend, output: OutputFormatter, options: ListOptions) -> CommandResult {
    let ListOptions { email, newest, page } = options;
    let order = if newest { SortOrder::Descending } else { SortOrder::Ascending };
    let fetch = async |limit, cursor: Option<&str>| backend.list(limit, cursor, email.as_deref(), order).await;
    print_pages(output, page, "there are no such users", fetch, |users, first| output.user_table(users, first)).await
}

/// `userd user show`
pub(super) async fn show(backend: &AdminBackend, output: OutputFormatter, who: UserArg) -> CommandResult {
    let account = backend.show(&who.user).await?;
    print_result(&if output.json { output::json(&account) } else { output.user_details(&account) }).map(|_| ())
}

/// `userd user events`
pub(super) async fn events(backend: &AdminBackend, output: OutputFormatter, options: EventsOptions) -> CommandResult {
    let account = backend.show(&options.who.user).await?;
    let fetch = async |limit, cursor: Option<&str>| backend.events(&account.id, limit, cursor).await;
    print_pages(output, options.page, "there are no events", fetch, |events, first| output.event_table(events, first))
        .await
}

/// `userd stats`
pub(super) async fn stats(backend: &AdminBackend, output: OutputFormatter) -> CommandResult {
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
    print_result(&text).map(|_| ())
}
