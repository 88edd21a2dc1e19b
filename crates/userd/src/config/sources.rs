//! Everything that a configuration is made of, as one value: tests build it by hand, and
//! [`ConfigSources::from_process`] is the only place of the crate that reads the process's environment.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::thread;

/// Names the configuration file, like `--config`; no key of the configuration itself.
pub const CONFIG_VARIABLE: &str = "USERD_CONFIG";
/// The API key for the commands that go through a running server; no key of the configuration either.
pub const API_KEY_VARIABLE: &str = "USERD_API_KEY";
/// What every variable of ours begins with.
pub(super) const PREFIX: &str = "USERD_";
/// The plain variables of the Rocket + Redis tutorial.
pub(super) const REDIS_VARIABLES: [&str; 4] = ["REDIS_ADDRESS", "REDIS_PORT", "REDIS_DB", "REDIS_PASSWORD"];

/// What was given on the command line: options of every command.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
pub struct CliFlags {
    /// Listen on this address and port [default: 127.0.0.1:8000]
    #[arg(long, global = true, value_name = "ADDR:PORT")]
    pub listen: Option<String>,
    /// Store accounts here: sqlite:PATH, redis://…, redis+sentinel://…, redis+cluster://…, or rediss… for TLS [default:
    /// sqlite:./userd-data/userd.db]
    #[arg(long, global = true, value_name = "URL")]
    pub store: Option<String>,
    /// Read this configuration file instead of userd.toml
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Log as text or as json [default: text]
    #[arg(long, global = true, value_name = "FORMAT")]
    pub log: Option<String>,
}

/// Everything that a configuration is made of.
///
/// No `Debug`: the environment holds secrets.
#[derive(Clone)]
pub struct ConfigSources {
    /// The variables that concern userd: `USERD_…` and `REDIS_…`.
    pub environment: BTreeMap<String, String>,
    /// Names of variables of ours whose value is no UTF-8.
    pub non_utf8: Vec<String>,
    /// Where `userd.toml`, `.env` and relative names of secret files are looked for.
    pub working_dir: PathBuf,
    /// The command line.
    pub flags: CliFlags,
    /// The cores of this machine, for settings that follow them.
    pub cores: usize,
}

impl ConfigSources {
    /// The sources of this process, with the command line already taken apart.
    #[must_use]
    pub fn from_process(flags: CliFlags) -> Self {
        let (environment, non_utf8) = userd_variables(env::vars_os());
        // A relative path, so that messages name files as the operator does.
        let working_dir = PathBuf::from("");
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self { environment, non_utf8, working_dir, flags, cores }
    }

    /// The API key for the commands that go through a running server, where the environment has one.
    ///
    /// # Errors
    /// A sentence, if it can't be read.
    pub fn api_key(&self) -> Result<Option<String>, String> {
        if self.non_utf8.iter().any(|name| name == API_KEY_VARIABLE) {
            return Err(format!("{API_KEY_VARIABLE} in the environment is not UTF-8"));
        }
        Ok(self.environment.get(API_KEY_VARIABLE).filter(|key| !key.is_empty()).cloned())
    }
}

fn userd_variables(all: impl Iterator<Item = (OsString, OsString)>) -> (BTreeMap<String, String>, Vec<String>) {
    let mut readable = BTreeMap::new();
    let mut non_utf8 = Vec::new();
    // A name that is no UTF-8 is none of ours.
    let all = all.filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    for (name, value) in all.filter(|(name, _)| name.starts_with(PREFIX) || REDIS_VARIABLES.contains(&name.as_str())) {
        match value.into_string() {
            Ok(value) => _ = readable.insert(name, value),
            Err(_) => non_utf8.push(name),
        }
    }
    (readable, non_utf8)
}

/// Whether Kubernetes makes a variable of this name in every container beside a service called `userd`
/// (`USERD_SERVICE_HOST`, `USERD_PORT_8000_TCP_ADDR` …): not meant for userd, and no unknown key.
pub(super) fn is_service_link(name: &str) -> bool {
    match name.split('_').collect::<Vec<_>>()[..] {
        ["USERD", "SERVICE", "HOST"] | ["USERD", "SERVICE", "PORT", ..] | ["USERD", "PORT"] => true,
        ["USERD", "PORT", number, "TCP" | "UDP" | "SCTP", ..] => {
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_variables_are_taken() {
        let all = [("PATH", "/bin"), ("USERD_LISTEN", "x"), ("REDIS_ADDRESS", "h"), ("REDIS_URL", "u")];
        let (readable, non_utf8) = userd_variables(all.map(|(name, value)| (name.into(), value.into())).into_iter());
        assert_eq!(readable.into_keys().collect::<Vec<_>>(), ["REDIS_ADDRESS", "USERD_LISTEN"]);
        assert!(non_utf8.is_empty());
    }

    #[test]
    fn variables_that_kubernetes_makes_for_a_service_called_userd_are_recognised() {
        for name in ["USERD_SERVICE_HOST", "USERD_SERVICE_PORT_HTTP", "USERD_PORT", "USERD_PORT_8000_TCP_ADDR"] {
            assert!(is_service_link(name), "{name}");
        }
        for name in ["USERD_LISTEN", "USERD_PORTS", "USERD_PORT_X_TCP", "USERD_PORT_8000_HTTP", "REDIS_PORT"] {
            assert!(!is_service_link(name), "{name}");
        }
    }
}
