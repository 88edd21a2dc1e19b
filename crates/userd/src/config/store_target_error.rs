//! What can be wrong with a `store` text.
//!
//! No error quotes a part that can contain a password, see `store_target`.

/// The rule that a `store` text breaks; none of them quotes a part that may be secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreTargetError {
    /// There is no scheme.
    #[error("has no scheme: write {STORE_URL_FORMS}")]
    NoScheme,
    /// A scheme that userd does not know.
    #[error("has the unknown scheme {0:?}: write {STORE_URL_FORMS}")]
    UnknownScheme(String),
    /// `sqlite:` without a file.
    #[error("names no file: write sqlite: and the path of the database, such as sqlite:./userd-data/userd.db")]
    NoPath,
    /// SQLite's database in memory.
    #[error("names a database in memory, which forgets every account: write sqlite: and the path of a file")]
    InMemory,
    /// Something after a `?` or `#`.
    #[error(
        "has options after ? or #, and there are none (percent-encode those characters in a password as %3F and %23)"
    )]
    Options,
    /// No host, or one with impossible characters.
    #[error(
        "has no proper host: write a name or an address, IPv6 in brackets, and percent-encode : / @ % ? # in user and password"
    )]
    Host,
    /// A port that is no number from 1 to 65535.
    #[error("has no proper port: write a number from 1 to 65535, and percent-encode : / @ % ? # in user and password")]
    Port,
    /// A list of hosts where there is one server.
    #[error("names several servers: write redis+cluster:// for nodes of a cluster, redis+sentinel:// for Sentinels")]
    SeveralServers,
    /// Sentinels, and not what they are asked for.
    #[error(
        "names no service: write what the Sentinels call the primary after the slash, such as redis+sentinel://host/accounts/0"
    )]
    NoService,
    /// A database other than 0 on a cluster.
    #[error("names a database, and a cluster has only one: leave it out")]
    DatabaseOnCluster,
    /// A database that is no number.
    #[error("has no proper database: write its number after the slash, such as redis://localhost:6379/0")]
    Database,
    /// A percent sign that is not followed by two hex digits, or bytes that are no UTF-8.
    #[error("has a broken percent-encoding in user or password: write % itself as %25")]
    Encoding,
}

/// What a `store` may look like, for messages.
const STORE_URL_FORMS: &str = "sqlite:PATH, redis://[user:password@]host[:port][/db], redis+sentinel://host,…/service[/db], \
                     redis+cluster://host,…, or rediss… for TLS";
