//! The long texts of `userd --help` and its manual page.

/// Above the commands and options.
pub(super) const LONG_ABOUT: &str = "\
userd is a self-hosted user-accounts service: sign-up, sign-in, sessions, password verification and account \
administration over an HTTP and JSON API. It stores accounts in one SQLite file by default, or in Redis, Sentinel or \
Redis Cluster, which several userd processes can share.

Without a command it serves.";

/// Below them. Lines have at most 80 characters, because a narrow terminal would break longer ones a second time.
pub(super) const AFTER_HELP: &str = "\
Examples:
  userd                                        serve on 127.0.0.1:8000, store
                                               accounts in
                                               ./userd-data/userd.db
  userd --listen 0.0.0.0:8000                  serve to the network
  userd --store redis://cache.internal:6379/0  store accounts in Redis
  userd config check                           validate the configuration
  userd config show                            print the effective settings,
                                               without secrets
  userd doctor                                 check the store for consistency
  userd doctor --repair                        and repair what has an
                                               unambiguous fix
  userd backup /backup/userd-today.db          back up the SQLite file while
                                               the server runs
  userd restore /backup/userd-today.db         restore it, after userd stopped
  userd api-keys create --name gateway --scope users:read,users:write
                                               create a key for a service
  userd api-keys list                          list keys and their last use
  userd signing-keys rotate                    create the next signing key
  userd user list                              list users; more with --help
  userd user show ada@example.org              show a user, by e-mail or id
  userd stats --server http://127.0.0.1:8000   count the users of a running
                                               server
  userd completions bash                       complete commands in your shell
  userd export --output users.ndjson           write all users into a file
  userd import users.ndjson                    load them into another store

Configuration, later sources override earlier ones:
  the defaults; userd.toml in the working directory, or the file that --config
  or USERD_CONFIG names; .env in the working directory; the environment; flags.
  Every key of userd.default.toml is a variable too: USERD_ and the key in
  capitals, two underscores after a section, such as USERD_HASH__MEMORY_KIB.
  REDIS_ADDRESS, REDIS_PORT, REDIS_DB and REDIS_PASSWORD choose Redis if no
  store is set. Pass passwords in the environment or in a file
  (USERD_STORE_FILE, USERD_REDIS__PASSWORD_FILE), not in flags, which other
  users of the machine can see.

Exit codes:
  0  stopped on request (SIGTERM, Ctrl-C), or the command succeeded
  1  could not start, or could not continue to serve; the log has the reason
  2  invalid command line or configuration; nothing was started
Of userd doctor: 0 nothing was found, or everything was repaired
  1  the check is incomplete; what was found is printed
  3  found something that --repair would fix
  4  found something that requires manual action
Of userd user and userd stats: 0 done
  1  failed, or not confirmed
  2  also invalid input, or no terminal to confirm on
  4  no such user
Of userd export and userd import: 0 all users are in the file, or in the store
  1  aborted; imported users are kept, and the same command resumes
  3  some users were skipped, each with its reason, or the file is truncated";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_fits_a_terminal_of_80_columns() {
        let lines = AFTER_HELP.lines().chain(crate::cli::admin::AFTER_HELP.lines());
        let wide: Vec<&str> = lines.filter(|line| line.chars().count() > 80).collect();
        assert_eq!(wide, Vec::<&str>::new());
    }
}
