//! The output of commands: tables for people, tab-separated lines for programs, JSON for scripts.
//!
//! On a terminal: tables with headings that fit its width; a value that is too wide is broken within its column. Into a
//! pipe: one line per user, tabs between columns, no headings, nothing shortened, so that `cut`, `sort` and `while
//! read` work (like `gh`; aligned columns like `kubectl`'s are ambiguous if a name has two spaces).

use std::io::{self, IsTerminal};

use comfy_table::{ColumnConstraint, ContentArrangement, Table};
use serde::Serialize;

use crate::cli::sanitize::{sanitize, sanitize_json};
use userd_http::{AccountListItemView, AccountView, EventView, UnreadableAccountView};

/// The width of a terminal that does not report it.
const WIDTH_UNKNOWN: u16 = 80;
/// Narrower tables are not readable; the terminal then breaks the lines.
const WIDTH_MIN: u16 = 60;

/// The format of the output.
#[derive(Debug, Clone, Copy)]
pub(super) struct OutputFormatter {
    pub(super) json: bool,
    /// The terminal's width; `None` is a pipe or a file.
    width: Option<u16>,
}

impl OutputFormatter {
    /// The format for standard output.
    pub(super) fn for_stdout(json: bool) -> Self {
        let stdout = io::stdout();
        let width = stdout.is_terminal().then(|| match rustix::termios::tcgetwinsize(&stdout) {
            Ok(size) if size.ws_col > 0 => size.ws_col.max(WIDTH_MIN),
            _ => WIDTH_UNKNOWN,
        });
        Self { json, width }
    }

    /// Users as a table; `first` adds the headings.
    pub(super) fn user_table(self, items: &[AccountListItemView], first: bool) -> String {
        let rows = items.iter().map(|item| match item {
            AccountListItemView::User(account) => {
                let AccountView { id, email, name, created_at, .. } = account;
                [id.as_str(), email, name, status(account), self.format_time(created_at)]
            }
            AccountListItemView::Unreadable(UnreadableAccountView { id, .. }) => [id, "", "", "unreadable", ""],
        });
        self.table(["ID", "E-MAIL", "NAME", "STATUS", "SIGNED UP"], &[0, 4], rows, first)
    }

    /// Events as a table.
    pub(super) fn event_table(self, events: &[EventView], first: bool) -> String {
        let rows = events.iter().map(|EventView { at, kind, address, by }| {
            [at.as_str(), kind, address.as_deref().unwrap_or_default(), by.as_deref().unwrap_or_default()]
        });
        self.table(["WHEN", "WHAT", "FROM", "BY"], &[0, 1], rows, first)
    }

    /// One user, one line per field.
    pub(super) fn user_details(self, account: &AccountView) -> String {
        let AccountView { id, name, email, created_at, updated_at, .. } = account;
        self.key_values(&[
            ("id", id),
            ("name", name),
            ("e-mail", email),
            ("status", status(account)),
            ("signed up", created_at),
            ("changed", updated_at),
        ])
    }

    /// One line per pair.
    pub(super) fn key_values(self, facts: &[(&str, &str)]) -> String {
        let wide = facts.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        lines(facts.iter().map(|(name, value)| match self.width {
            Some(_) => format!("{name:wide$}  {}", sanitize(value)),
            None => format!("{name}\t{}", sanitize(value)),
        }))
    }

    /// The day for people, the whole time for programs.
    fn format_time(self, at: &str) -> &str {
        if self.width.is_some() { at.split('T').next().unwrap_or(at) } else { at }
    }

    /// Columns in `whole` are never broken.
    fn table<'a, const N: usize>(
        self,
        headings: [&str; N],
        whole: &[usize],
        rows: impl Iterator<Item = [&'a str; N]>,
        first: bool,
    ) -> String {
        let rows = rows.map(|row| row.map(sanitize));
        let Some(width) = self.width else {
            return lines(rows.map(|row| row.join("\t")));
        };
        let mut table = Table::new();
        table.load_style(comfy_table::presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(width);
        if first {
            table.set_header(headings);
        }
        table.add_rows(rows);
        for (index, column) in table.column_iter_mut().enumerate() {
            // Two spaces between columns, none before the first.
            column.set_padding((0, 2));
            if whole.contains(&index) {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        lines(table.lines().map(|line| line.trim_end().to_owned()))
    }
}

/// The account status, for people.
fn status(account: &AccountView) -> &'static str {
    match (account.disabled, account.password_expired) {
        (false, false) => "active",
        (true, false) => "disabled",
        (false, true) => "expired",
        (true, true) => "disabled, expired",
    }
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.fold(String::new(), |text, line| text + &line + "\n")
}

/// A JSON value over several lines, sanitized.
pub(super) fn json(value: &impl Serialize) -> String {
    // Serializing strings, numbers and booleans never fails.
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    format!("{}\n", sanitize_json(&text))
}

/// A JSON value on one line, sanitized.
pub(super) fn json_line(value: &impl Serialize) -> String {
    let text = serde_json::to_string(value).unwrap_or_default();
    format!("{}\n", sanitize_json(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str, email: &str) -> AccountView {
        AccountView {
            id: "01936f2e-8a4b-7c3d-9e5f-0123456789ab".to_owned(),
            name: name.to_owned(),
            email: email.to_owned(),
            created_at: "2026-11-24T22:00:00.000Z".to_owned(),
            updated_at: "2026-11-24T22:00:00.000Z".to_owned(),
            disabled: false,
            password_expired: true,
        }
    }

    const TERMINAL: OutputFormatter = OutputFormatter { json: false, width: Some(100) };
    const PIPE: OutputFormatter = OutputFormatter { json: false, width: None };

    #[test]
    fn a_terminal_gets_columns_that_fit_its_width() {
        let long = "a.very.long.address.of.a.person.who.likes.dots@mail.example.org";
        let users = [account("Ada", "ada@example.org"), account("李小龍 with a name that goes on and on", long)];
        let shown = TERMINAL.user_table(&users.map(AccountListItemView::User), true);
        let widest = shown.lines().map(|line| line.chars().count()).max();
        assert!(widest.is_some_and(|width| width <= 100), "{widest:?}\n{shown}");
        assert!(shown.lines().all(|line| line.trim_end() == line), "{shown}");
        assert!(shown.starts_with("ID  "), "{shown}");
        let ids = shown.lines().filter(|line| line.starts_with("01936f2e-8a4b-7c3d-9e5f-0123456789ab  ")).count();
        assert_eq!(ids, 2, "an id is never broken:\n{shown}");
        assert!(shown.contains("2026-11-24") && !shown.contains("T22:00"), "{shown}");
    }

    #[test]
    fn a_pipe_gets_a_line_for_each_user_with_tabs_and_all_of_it() {
        let user = account("Ada  Lovelace\tx", "ada@example.org");
        let id = user.id.clone();
        let expected = format!("{id}\tada@example.org\tAda  Lovelace\\u{{9}}x\texpired\t2026-11-24T22:00:00.000Z\n");
        let unreadable = format!("{id}\t\t\tunreadable\t\n");
        let items = [
            AccountListItemView::User(user),
            AccountListItemView::Unreadable(UnreadableAccountView { id, unreadable: true }),
        ];
        assert_eq!(PIPE.user_table(&items, true), expected + &unreadable);
        assert_eq!(PIPE.user_table(&[], true), "");
    }

    #[test]
    fn no_output_has_what_a_terminal_obeys() {
        let hostile = account("\u{202e}evil\u{1b}]0;x\u{7}", "ada@example.org");
        for text in [
            TERMINAL.user_table(&[AccountListItemView::User(hostile.clone())], true),
            PIPE.user_details(&hostile),
            TERMINAL.user_details(&hostile),
            json(&hostile),
            json_line(&hostile),
        ] {
            let safe = |char: char| char == '\n' || char == '\t' || !(char.is_control() || char == '\u{202e}');
            assert!(text.chars().all(safe), "{text:?}");
            assert!(text.contains("202e"), "{text}");
        }
    }
}
