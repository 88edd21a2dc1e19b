//! `userd man`: manual pages, generated from the command line's own description.
//!
//! The sections are `clap_mangen`'s, except for the last ones: it would join the lines below the options (examples,
//! exit codes) into one paragraph.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::command_error::{CommandError, CommandResult};

/// Where the pages go.
#[derive(Debug, Args)]
pub(super) struct ManOptions {
    /// Write a page for each command into this directory, created if missing: userd.1, userd-doctor.1 …
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Prints the page of `userd` itself, or writes the pages of all commands.
pub(super) fn run(options: &ManOptions, command: Command) -> CommandResult {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let Some(dir) = &options.dir else {
        let mut page = Vec::new();
        // Writing to a Vec never fails. A reader that has gone away (`| head`) is not an error.
        let _ = render(&command, &mut page);
        let _ = io::stdout().lock().write_all(&page);
        return Ok(());
    };
    let written = fs::create_dir_all(dir).and_then(|()| write_all(&command, dir));
    written.map_err(|error| CommandError::Failed(format!("can't write into {}: {error}", dir.display())))
}

fn write_all(command: &Command, dir: &Path) -> io::Result<()> {
    let mut page = Vec::new();
    render(command, &mut page)?;
    fs::write(dir.join(Man::new(command.clone()).get_filename()), page)?;
    command.get_subcommands().try_for_each(|command| write_all(command, dir))
}

fn render(command: &Command, page: &mut dyn Write) -> io::Result<()> {
    let man = Man::new(command.clone()).manual("userd manual").source(concat!("userd ", env!("CARGO_PKG_VERSION")));
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(page)?;
    }
    let after = command.get_after_long_help().or_else(|| command.get_after_help());
    after.map_or(Ok(()), |text| last_sections(&text.to_string()).to_writer(page))
}

/// The lines unchanged. A line that is not indented and ends with a colon is the heading of a section.
fn last_sections(text: &str) -> Roff {
    let mut roff = Roff::new();
    for line in text.lines() {
        match line.strip_suffix(':').filter(|heading| !heading.starts_with(' ')) {
            Some(heading) => {
                roff.control("fi", []).control("SH", [heading.to_uppercase().as_str()]).control("nf", []);
            }
            None => {
                roff.text([roman(line)]);
            }
        }
    }
    roff.control("fi", []);
    roff
}
