//! The commands that only read.

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::change::UserArg;
use super::context::AdminContext;
use super::output;
use crate::cli::command_error::CommandResult;
use crate::cli::console::{note, print_result};
use crate::cli::sanitize::sanitize;
use userd_http::{PageView, StatsView};
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

impl AdminContext<'_> {
    /// `userd user list`
    pub(super) async fn list(self, options: ListOptions) -> CommandResult {
        let order = if options.newest { SortOrder::Descending } else { SortOrder::Ascending };
        let email = options.email.as_deref();
        let fetch = async |limit, cursor: Option<&str>| self.backend.list(limit, cursor, email, order).await;
        let table = |users: &[_], first| self.output.user_table(users, first);
        self.print_pages(options.page, "there are no such users", fetch, table).await
    }

    /// `userd user show`
    pub(super) async fn show(self, who: UserArg) -> CommandResult {
        let account = self.backend.show(&who.user).await?;
        self.print(&account, || self.output.user_details(&account))
    }

    /// `userd user events`
    pub(super) async fn events(self, options: EventsOptions) -> CommandResult {
        let account = self.backend.show(&options.who.user).await?;
        let fetch = async |limit, cursor: Option<&str>| self.backend.events(&account.id, limit, cursor).await;
        let table = |events: &[_], first| self.output.event_table(events, first);
        self.print_pages(options.page, "there are no events", fetch, table).await
    }

    /// `userd stats`
    pub(super) async fn stats(self) -> CommandResult {
        let StatsView { users, store, version } = self.backend.stats().await?;
        let server = self.backend.server();
        self.print(&json!({ "users": users, "store": store, "version": version, "server": server }), || {
            let users = users.to_string();
            let mut facts = vec![("users", users.as_str()), ("store", &store), ("version", &version)];
            facts.extend(server.map(|server| ("server", server)));
            self.output.key_values(&facts)
        })
    }

    /// Prints one page, or all pages. `empty` is the note if there is nothing at all; `table` also takes whether the
    /// page is the first.
    async fn print_pages<T: Serialize>(
        self,
        options: PageOptions,
        empty: &str,
        fetch: impl AsyncFn(u16, Option<&str>) -> CommandResult<PageView<T>>,
        table: impl Fn(&[T], bool) -> String,
    ) -> CommandResult {
        let PageOptions { limit, mut cursor, all } = options;
        let limit = if all { LIMIT_MAX } else { limit };
        let mut first = true;
        loop {
            let page = fetch(limit, cursor.as_deref()).await?;
            let text = match (self.output.json, all) {
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
            if !all && !self.output.json {
                note(&format!("there are more: `--cursor {}` continues, `--all` shows all", sanitize(&next)));
            }
            if !all || !read {
                return Ok(());
            }
            (cursor, first) = (Some(next), false);
        }
    }
}
