//! Configuration sources: precedence, messages about mistakes, and secrets that are never shown.

mod schema;

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;
use tempfile::TempDir;
use userd::config::{CliFlags, Config, ConfigSources, DEFAULTS, LogFormat, RedisTarget, StoreTarget, StoreTargetError};
use userd_core::SecretString;
use userd_store_redis::{NodeAddress, RedisDurability, ServerCredentials, ServerTopology};

/// A folder and an environment of its own; nothing of the test's process gets in.
struct ConfigFixture {
    folder: TempDir,
    sources: ConfigSources,
}

impl ConfigFixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let working_dir = folder.path().to_owned();
        let sources = ConfigSources {
            environment: BTreeMap::new(),
            non_utf8: Vec::new(),
            working_dir,
            flags: CliFlags::default(),
            cores: 6,
        };
        Self { folder, sources }
    }

    fn file(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        fs::write(self.folder.path().join(name), text).expect("the file can be written");
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.sources.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    fn flags(mut self, flags: CliFlags) -> Self {
        self.sources.flags = flags;
        self
    }

    fn load(&self) -> Config {
        Config::load(&self.sources).unwrap_or_else(|error| panic!("refused:\n{error}"))
    }

    /// The error message, one line for each mistake.
    fn load_error(&self) -> String {
        Config::load(&self.sources).expect_err("a mistake is found").to_string()
    }
}

fn redis(config: &Config) -> &RedisTarget {
    match &config.store {
        StoreTarget::Redis(target) => target,
        StoreTarget::Sqlite { .. } => panic!("the store is no Redis"),
    }
}

fn password(target: &RedisTarget) -> Option<&str> {
    target.login.password.as_ref().map(SecretString::expose)
}

#[test]
fn without_any_source_the_defaults_hold() {
    let config = ConfigFixture::new().load();
    assert_eq!(config.listen, (Ipv4Addr::LOCALHOST, 8000).into());
    assert_eq!(config.store, StoreTarget::Sqlite { path: PathBuf::from("./userd-data/userd.db") });
    assert_eq!((config.static_dir, config.log, config.workers), (None, LogFormat::Text, 6));
    assert_eq!(config.shutdown_grace, Duration::from_secs(30));
    assert_eq!((config.http.body_bytes_max, config.http.body_timeout), (16_384, Duration::from_secs(10)));
    assert_eq!((config.password.chars_min, config.password.chars_max), (8, 128));
    assert_eq!((config.hash.memory_kib, config.hash.iterations, config.hash.parallelism), (19_456, 2, 1));
    assert_eq!((config.hash.workers, config.hash.queue, config.hash.wait), (6, 24, Duration::from_secs(1)));
    assert_eq!((config.sqlite.readers, config.sqlite.queue), (6, 1024));
    assert_eq!((config.redis.prefix.as_str(), config.redis.in_flight_max), ("userd:", 4096));
    assert_eq!(config.redis.assume_durability, None);
    assert_eq!(config.warnings, Vec::<String>::new());
}

#[test]
fn later_sources_win_over_earlier_ones() {
    let all =
        |fixture: ConfigFixture| fixture.file("userd.toml", "workers = 1\nlisten = \"127.0.0.1:1\"\nlog = \"json\"");
    let fixture = all(ConfigFixture::new()).file(".env", "USERD_WORKERS=2\nUSERD_LISTEN=127.0.0.1:2");
    assert_eq!(fixture.load().workers, 2);
    let fixture = fixture.variable("USERD_WORKERS", "3").variable("USERD_LISTEN", "127.0.0.1:3");
    assert_eq!((fixture.load().workers, fixture.load().listen.port(), fixture.load().log), (3, 3, LogFormat::Json));
    let flags =
        CliFlags { listen: Some("127.0.0.1:4".to_owned()), log: Some("text".to_owned()), ..CliFlags::default() };
    let config = fixture.flags(flags).load();
    assert_eq!((config.workers, config.listen.port(), config.log), (3, 4, LogFormat::Text));
}

#[test]
fn a_named_file_takes_the_place_of_userd_toml_and_has_to_exist() {
    let fixture = ConfigFixture::new().file("userd.toml", "workers = 1").file("other.toml", "workers = 2");
    let named = |name: &str| CliFlags { config: Some(PathBuf::from(name)), ..CliFlags::default() };
    assert_eq!(fixture.load().workers, 1);
    let fixture = fixture.variable("USERD_CONFIG", "other.toml");
    assert_eq!(fixture.load().workers, 2);
    let fixture = fixture.flags(named("userd.toml"));
    assert_eq!(fixture.load().workers, 1, "the flag wins over the variable, which is no unknown key");
    assert_eq!(fixture.flags(named("absent.toml")).load_error(), "absent.toml: there is no such file");
    assert_eq!(ConfigFixture::new().variable("USERD_CONFIG", "").load().workers, 6, "empty is not set");
}

#[test]
fn unknown_keys_are_refused_with_their_place_and_the_nearest() {
    let fixture = ConfigFixture::new()
        .file("userd.toml", "lisen = \"x\"\nmemory_kib = 5\nhash = 3\n[hash]\n")
        .variable("USERD_HASH_MEMORY_KIB", "1")
        .variable("USERD_HASH__ITERATONS", "1")
        .variable("USERD_ZZZ", "1");
    let toml = fixture.load_error();
    assert!(toml.contains("userd.toml, line 4: is not valid TOML: "), "{toml}");
    let fixture =
        fixture.file("userd.toml", "lisen = \"x\"\nmemory_kib = 5\nhttp = 3\n[hash]\n").file(".env", "USERD_LSTEN=x");
    insta::assert_snapshot!(fixture.load_error(), @r#"
    http in userd.toml: is a section: write [http] on a line of its own and its keys below
    lisen in userd.toml: there is no such key; did you mean listen?
    memory_kib in userd.toml: there is no such key; did you mean hash.memory_kib?
    USERD_LSTEN in .env: there is no such key; did you mean USERD_LISTEN?
    USERD_HASH__ITERATONS in the environment: there is no such key; did you mean USERD_HASH__ITERATIONS?
    USERD_HASH_MEMORY_KIB in the environment: there is no such key; did you mean USERD_HASH__MEMORY_KIB?
    USERD_ZZZ in the environment: there is no such key; userd.default.toml lists all of them
    "#);
}

#[test]
fn every_key_of_the_reference_is_read_and_checked() {
    let mut section = String::new();
    let mut keys = 0;
    for line in DEFAULTS.lines().filter(|line| !line.starts_with('#')) {
        if line.starts_with('[') {
            line.clone_into(&mut section);
        }
        let Some((key, _)) = line.split_once(" = ") else { continue };
        keys += 1;
        let load_error = ConfigFixture::new().file("userd.toml", format!("{section}\n{key} = [1]\n")).load_error();
        let full = format!("{}.{key}", section.trim_matches(['[', ']']));
        let fixture = format!("{} in userd.toml: is not a ", full.trim_start_matches('.'));
        assert!(load_error.contains(&fixture), "{fixture}\n{load_error}");
    }
    assert!(keys > 25, "{keys}");
}

#[test]
fn several_mistakes_are_all_reported_with_the_valid_values() {
    let fixture = ConfigFixture::new()
        .file(
            "userd.toml",
            "listen = \"localhost\"\nworkers = \"2\"\nstatic_dir = \"absent\"\nlog = \"xml\"\nshutdown_grace_s = 0\n\
             [http]\nbody_bytes_max = 10\n[password]\nchars_min = 7\nchars_max = 300\n\
             [hash]\nmemory_kib = 16\nparallelism = 4\niterations = 1.5\n[redis]\nprefix = \"user d{1}\"\nallow_eviction = \"yes\"\n",
        )
        .variable("USERD_SQLITE__TIMEOUT_MS", "1s")
        .variable("USERD_REDIS__ASSUME_DURABILITY", "sometimes");
    insta::assert_snapshot!(fixture.load_error(), @r#"
    listen in userd.toml: "localhost" is not an address with a port: write both, such as 127.0.0.1:8000, 0.0.0.0:8000 or [::1]:8000
    static_dir in userd.toml: the directory absent does not exist: create it, or leave static_dir empty
    log in userd.toml: "xml" is none of the choices: write one of "text", "json"
    workers in userd.toml: is a string: write a whole number from 0 to 1024, without quotes
    shutdown_grace_s in userd.toml: 0 is out of range: write a whole number from 1 to 600
    http.body_bytes_max in userd.toml: 10 is out of range: write a whole number from 4096 to 1048576
    password.chars_min in userd.toml: 7 is out of range: write a whole number from 8 to 256
    password.chars_max in userd.toml: 300 is out of range: write a whole number from 64 to 256
    hash.memory_kib in userd.toml: Argon2 needs 8 KiB for each of the 4 lanes: write at least 32, or fewer lanes
    hash.iterations in userd.toml: is not a whole number: write a whole number from 1 to 64
    USERD_SQLITE__TIMEOUT_MS in the environment: "1s" is not a whole number: write a whole number from 1 to 60000
    redis.prefix in userd.toml: "user d{1}" can't be a key prefix: write 2 to 32 letters, digits or . _ - : with a colon at the end, such as "userd:"
    redis.allow_eviction in userd.toml: is not a boolean: write true or false, without quotes
    USERD_REDIS__ASSUME_DURABILITY in the environment: "sometimes" is none of the choices: write one of "always", "everysec", "rdb", "none"
    "#);
}

#[test]
fn a_least_length_above_the_greatest_is_refused() {
    let fixture = ConfigFixture::new().file("userd.toml", "[password]\nchars_min = 100\nchars_max = 64");
    let expected = "password.chars_min in userd.toml: 100 is more than password.chars_max: write a number from 8 to 64";
    assert_eq!(fixture.load_error(), expected);
}

#[test]
fn hash_costs_of_equal_strength_give_no_warning_and_weaker_ones_do() {
    let warnings = |memory: &str, passes: &str| {
        let fixture =
            ConfigFixture::new().variable("USERD_HASH__MEMORY_KIB", memory).variable("USERD_HASH__ITERATIONS", passes);
        fixture.load().warnings
    };
    assert_eq!(warnings("12288", "3"), Vec::<String>::new());
    assert_eq!(warnings("47104", "1"), Vec::<String>::new());
    assert!(warnings("19456", "1")[0].contains("weaker than OWASP recommends"));
    assert!(warnings("8", "1")[0].contains("hash.memory_kib = 8 with hash.iterations = 1"));
}

#[test]
fn an_unreachable_token_issuer_is_warned_about() {
    let warnings = |listen: &str, issuer: &str| {
        let fixture = ConfigFixture::new().variable("USERD_LISTEN", listen).variable("USERD_TOKEN__ISSUER", issuer);
        fixture.load().warnings
    };
    assert!(warnings("0.0.0.0:8000", "")[0].contains("come from http://0.0.0.0:8000"));
    assert_eq!(warnings("0.0.0.0:8000", "https://accounts.example.org"), Vec::<String>::new());
    assert_eq!(warnings("127.0.0.1:8000", ""), Vec::<String>::new());
}

#[test]
fn the_plain_variables_choose_redis_when_no_store_is_set() {
    let config = ConfigFixture::new().file(".env", "REDIS_ADDRESS=cache.internal\n").load();
    let expected = StoreTarget::parse("redis://cache.internal").expect("a proper target");
    assert_eq!(config.store, expected);

    let env = "REDIS_ADDRESS=::1\nREDIS_PORT=6380\nREDIS_DB=3\nREDIS_PASSWORD='pa$$ #1'\n";
    let fixture = ConfigFixture::new().file(".env", env).variable("REDIS_DB", "4").variable("REDIS_PORT", "");
    let config = fixture.load();
    let target = redis(&config);
    let expected = ServerTopology::Standalone(NodeAddress::new("::1", 6380));
    assert_eq!((&target.servers, target.db), (&expected, 4), "the environment wins over .env");
    assert_eq!(password(target), Some("pa$$ #1"));
    assert_eq!(config.warnings, Vec::<String>::new());
}

#[test]
fn a_configured_store_wins_over_the_plain_variables_with_a_warning() {
    let fixture = ConfigFixture::new().file("userd.toml", "store = \"sqlite:a.db\"").variable("REDIS_ADDRESS", "cache");
    let config = fixture.load();
    assert_eq!(config.store, StoreTarget::Sqlite { path: PathBuf::from("a.db") });
    let expected = "REDIS_ADDRESS and its like are ignored, because `store` is set in userd.toml";
    assert_eq!(config.warnings, [expected]);

    let config = ConfigFixture::new().variable("REDIS_PORT", "6380").load();
    assert!(matches!(config.store, StoreTarget::Sqlite { .. }));
    assert!(config.warnings[0].starts_with("REDIS_PORT in the environment is ignored"), "{:?}", config.warnings);
}

#[test]
fn invalid_plain_variables_are_rejected_by_name() {
    let fixture = ConfigFixture::new()
        .variable("REDIS_ADDRESS", "redis://cache")
        .variable("REDIS_PORT", "tcp://10.0.0.1:6379")
        .file(".env", "REDIS_DB=zero");
    let load_error = fixture.load_error();
    for part in [
        "REDIS_ADDRESS in the environment: is a URL: ",
        "REDIS_PORT in the environment: \"tcp://10.0.0.1:6379\" is not a port: write a number from 1 to 65535",
        "REDIS_DB in .env: \"zero\" is not a database number",
    ] {
        assert!(load_error.contains(part), "{part:?} is not in\n{load_error}");
    }
    assert!(
        ConfigFixture::new().variable("REDIS_ADDRESS", "cache:6379").load_error().contains("the port in REDIS_PORT")
    );
}

#[test]
fn variables_that_kubernetes_sets_are_no_unknown_keys() {
    let names = ["USERD_SERVICE_HOST", "USERD_SERVICE_PORT", "USERD_PORT", "USERD_PORT_8000_TCP_PROTO"];
    names.into_iter().fold(ConfigFixture::new(), |fixture, name| fixture.variable(name, "tcp://10.0.0.1:8000")).load();
}

#[test]
fn empty_values_mean_not_set() {
    let fixture = ConfigFixture::new()
        .file("userd.toml", "static_dir = \"absent\"\nworkers = 3\n[redis]\nusername = \"ada\"\n")
        .variable("USERD_STATIC_DIR", "")
        .variable("USERD_STORE", "")
        .variable("USERD_WORKERS", "")
        .variable("USERD_REDIS__PASSWORD_FILE", "");
    let config = fixture.load();
    assert_eq!((config.static_dir, config.workers), (None, 3));
    assert!(matches!(config.store, StoreTarget::Sqlite { .. }));
}

#[test]
fn secrets_can_be_in_files_and_lose_one_newline() {
    let fixture = ConfigFixture::new()
        .file("store.txt", "redis://cache/1\n")
        .file("password.txt", "hunter2\n\n")
        .variable("USERD_STORE_FILE", "store.txt")
        .variable("USERD_REDIS__PASSWORD_FILE", "password.txt");
    let config = fixture.load();
    assert_eq!((redis(&config).db, password(redis(&config))), (1, Some("hunter2\n")));
    let config = fixture.file("password.txt", "hunter2\r\n").load();
    assert_eq!(password(redis(&config)), Some("hunter2"));
}

#[test]
fn a_secret_given_twice_at_one_place_is_refused_and_a_later_place_wins() {
    let twice = "[redis]\npassword = \"hunter2\"\npassword_file = \"p\"";
    let load_error = ConfigFixture::new().file("userd.toml", twice).file("p", "x").load_error();
    let expected = "redis.password in userd.toml: is given twice, here and by redis.password_file: keep one of them";
    assert_eq!(load_error, expected);

    let fixture = ConfigFixture::new()
        .file("userd.toml", "store = \"redis://h\"\n[redis]\npassword_file = \"absent\"")
        .variable("USERD_REDIS__PASSWORD", "0123");
    assert_eq!(password(redis(&fixture.load())), Some("0123"), "digits stay text");

    let url = ConfigFixture::new()
        .variable("USERD_STORE", "redis://:a@h")
        .variable("USERD_REDIS__PASSWORD", "b")
        .load_error();
    assert!(url.starts_with("USERD_REDIS__PASSWORD in the environment: is given twice"), "{url}");
}

#[test]
fn a_redis_username_needs_a_password() {
    let load_error = ConfigFixture::new().variable("USERD_STORE", "redis://ada@h").load_error();
    assert!(load_error.contains("needs a password beside it"), "{load_error}");
    let load_error = ConfigFixture::new().variable("USERD_STORE_FILE", "absent").load_error();
    assert_eq!(load_error, "USERD_STORE_FILE in the environment: the file absent: there is no such file");
}

#[test]
fn no_message_and_no_output_contains_a_secret() {
    const SECRET: &str = "hunter2";
    let broken = [
        ConfigFixture::new().file("userd.toml", "[redis]\npassword = \"hunter2\n"),
        ConfigFixture::new().file("userd.toml", "password_hunter = 1\nstore = \"redis://:hunter2@h:port\"\n"),
        ConfigFixture::new().file("userd.toml", "[redis]\npassword = [\"hunter2\"]\n"),
        ConfigFixture::new().file(".env", "REDIS_PASSWORD=\"hunter2\nX=1\n"),
        ConfigFixture::new().file(".env", "hunter2 is my password\n"),
        ConfigFixture::new().variable("USERD_STORE", "hunter2"),
        ConfigFixture::new().variable("USERD_STORE", "redis://:hunter2/x@host"),
        ConfigFixture::new().variable("USERD_STORE", "redis://ada:hunter2%@host"),
        ConfigFixture::new().variable("USERD_STORE", "redis://ada:hunter2#1@host"),
    ];
    for fixture in broken {
        let load_error = fixture.load_error();
        assert!(!load_error.contains(SECRET), "{load_error}");
    }
    let config = ConfigFixture::new().variable("USERD_STORE", "redis://ada:hunter2@h").load();
    let shown = format!("{config:?} {} {:?}", config.store, config.store);
    assert!(!shown.contains(SECRET), "{shown}");
    assert_eq!(serde_json::to_string(&SecretString::new(SECRET.to_owned())).expect("it serialises"), "\"***\"");
}

#[test]
fn a_broken_env_file_is_refused_by_line() {
    let load_error = ConfigFixture::new().file(".env", "# fine\nA=1\n\nnot a line\n").load_error();
    assert!(load_error.starts_with(".env: line 4 can't be read: write NAME=value"), "{load_error}");
    assert_eq!(ConfigFixture::new().file(".env", b"A=\xff\n").load_error(), ".env: is not UTF-8");
}

#[test]
fn the_declared_durability_is_a_word() {
    let declared = |word: &str| {
        ConfigFixture::new().variable("USERD_REDIS__ASSUME_DURABILITY", word).load().redis.assume_durability
    };
    assert_eq!(declared("none"), Some(RedisDurability::Nothing));
    assert_eq!(declared("always"), Some(RedisDurability::Always));
    assert_eq!(declared(""), None);
}

#[test]
fn stores_are_parsed() {
    let path = |text: &str| StoreTarget::parse(text).expect("a proper target");
    for (text, file) in [("sqlite:a.db", "a.db"), ("sqlite:///var/a.db", "/var/a.db"), ("SQLITE:/a", "/a")] {
        assert_eq!(path(text), StoreTarget::Sqlite { path: PathBuf::from(file) }, "{text}");
    }
    let shown = |text: &str| path(text).to_string();
    assert_eq!(shown("redis://localhost"), "redis://localhost:6379/0");
    assert_eq!(shown("rediss://[::1]:7000/15"), "rediss://[::1]:7000/15");
    assert_eq!(shown("redis://ada:s%40%3a@h/"), "redis://ada:***@h:6379/0");
    assert_eq!(shown("redis://:p@q@h:1"), "redis://:***@h:1/0");
    assert_eq!(shown("redis+sentinel://h,[::1]:1/accounts"), "redis+sentinel://h:26379,[::1]:1/accounts/0");
    assert_eq!(shown("rediss+cluster://a:b@h,i:7000"), "rediss+cluster://a:***@h:6379,i:7000");
}

#[test]
fn invalid_stores_are_rejected_with_the_valid_forms() {
    let refused = |text: &str| StoreTarget::parse(text).expect_err("it is refused");
    for (text, error) in [
        ("", StoreTargetError::NoScheme),
        ("localhost:6379", StoreTargetError::NoScheme),
        ("mysql://h", StoreTargetError::UnknownScheme("mysql".to_owned())),
        ("redis+other://h", StoreTargetError::UnknownScheme("redis+other".to_owned())),
        ("redis+://h", StoreTargetError::UnknownScheme("redis+".to_owned())),
        ("redis+sentinel://h", StoreTargetError::NoService),
        ("redis+sentinel://h//1", StoreTargetError::NoService),
        ("redis+sentinel://h/accounts/x", StoreTargetError::Database),
        ("redis+cluster://h,i/1", StoreTargetError::DatabaseOnCluster),
        ("redis+cluster://h,", StoreTargetError::Host),
        ("sqlite:", StoreTargetError::NoPath),
        ("sqlite://", StoreTargetError::NoPath),
        ("sqlite::memory:", StoreTargetError::InMemory),
        ("sqlite:a.db?mode=ro", StoreTargetError::Options),
        ("redis:h", StoreTargetError::Host),
        ("redis://", StoreTargetError::Host),
        ("redis://h,i", StoreTargetError::SeveralServers),
        ("redis://[::1", StoreTargetError::Host),
        ("redis://h:0", StoreTargetError::Port),
        ("redis://h:65536", StoreTargetError::Port),
        ("redis://h:+1", StoreTargetError::Port),
        ("redis://[::1]x", StoreTargetError::Port),
        ("redis://h/a", StoreTargetError::Database),
        ("redis://h/1/2", StoreTargetError::Database),
        ("redis://a:%ff@h", StoreTargetError::Encoding),
        ("redis://a:%4@h", StoreTargetError::Encoding),
        ("redis://h?protocol=resp3", StoreTargetError::Options),
    ] {
        assert_eq!(refused(text), error, "{text}");
    }
    assert!(refused("mysql://h").to_string().ends_with("redis+cluster://host,…, or rediss… for TLS"));
}

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9][a-z0-9.-]{0,20}",
        any::<Ipv4Addr>().prop_map(|ip| ip.to_string()),
        any::<Ipv6Addr>().prop_map(|ip| ip.to_string())
    ]
}

/// Percent-encodes every byte, which is always valid.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| format!("{encoded}%{byte:02x}"))
}

proptest! {
    #[test]
    fn parsing_a_store_never_panics(text in "(sqlite:|redis://|rediss://|)[ -~é/@:%?#\\[\\]]{0,40}|\\PC*") {
        let _ = StoreTarget::parse(&text);
    }

    #[test]
    fn a_redis_target_survives_being_written_and_parsed(
        host in host(), port in 1_u16.., db in any::<u32>(), tls in any::<bool>(),
        username in proptest::option::of("\\PC{1,12}"), password in proptest::option::of("\\PC{1,12}"),
    ) {
        let address = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let user = encoded(username.as_deref().unwrap_or_default());
        let pass = encoded(password.as_deref().unwrap_or_default());
        let text = format!("{}://{user}:{pass}@{address}:{port}/{db}", if tls { "rediss" } else { "redis" });
        let password = password.map(SecretString::new);
        let servers = ServerTopology::Standalone(NodeAddress { host, port });
        let login = ServerCredentials { username, password };
        let expected = RedisTarget { servers, db, login, tls };
        prop_assert_eq!(StoreTarget::parse(&text), Ok(StoreTarget::Redis(expected)));
    }

    #[test]
    fn a_target_shown_without_its_password_parses_to_itself(
        text in "sqlite:[a-z/.]{1,20}|rediss?://[a-z]{1,8}(:[1-9][0-9]{0,3})?(/[0-9]{1,3})?\
            |rediss?\\+cluster://[a-z]{1,8}(,[a-z]{1,8}){0,3}|rediss?\\+sentinel://[a-z]{1,8}(,[a-z]{1,8}:9){0,3}/[a-z]{1,5}(/3)?",
    ) {
        if let Ok(target) = StoreTarget::parse(&text) {
            prop_assert_eq!(StoreTarget::parse(&target.to_string()), Ok(target));
        }
    }

    #[test]
    fn no_file_of_any_content_makes_loading_panic(toml in "[ -~\n\"=\\[\\]#.é]{0,60}", env in "[ -~\n'\"=$#é]{0,60}") {
        let fixture = ConfigFixture::new().file("userd.toml", toml).file(".env", env);
        let _ = Config::load(&fixture.sources);
    }
}

#[test]
fn traces_need_a_build_with_otlp_and_a_collector_over_http() {
    let load_error = |endpoint| ConfigFixture::new().variable("USERD_OTLP__ENDPOINT", endpoint).load_error();
    if cfg!(feature = "otlp") {
        let config = ConfigFixture::new().variable("USERD_OTLP__ENDPOINT", "http://127.0.0.1:4318/v1/traces").load();
        assert_eq!(config.otlp.endpoint.as_deref(), Some("http://127.0.0.1:4318/v1/traces"));
        for endpoint in ["https://collector.example", "127.0.0.1:4318", "http://", "http://a b"] {
            assert!(load_error(endpoint).contains("is not the URL of a collector: write it with http"), "{endpoint}");
        }
    } else {
        let load_error = load_error("http://127.0.0.1:4318/v1/traces");
        assert!(load_error.contains("this userd was built without traces: build it with"), "{load_error}");
    }
    assert_eq!(ConfigFixture::new().load().otlp.endpoint, None);
}
