//! Other people's libraries that check tokens, each in a process of its own as a service would have it: npm's jose and
//! `PyPI`'s `PyJWT`, with the scripts of tests/verifiers.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

/// A service that checks tokens.
pub struct Verifier {
    /// The library.
    pub name: &'static str,
    process: Child,
    tokens: ChildStdin,
    verdicts: BufReader<ChildStdout>,
}

/// What it finds.
#[derive(Debug)]
pub struct Verdict {
    pub good: bool,
    /// The key that signed a good token.
    pub kid: Option<String>,
    /// What a good token says.
    pub claims: Value,
    /// How often the service has fetched the keys by now.
    pub fetches: u64,
    /// Why it is refused.
    pub why: String,
}

impl Verifier {
    /// One of each library, which find the keys at `base` and check that tokens are for `audience`.
    pub fn each(base: &str, audience: &str) -> [Self; 2] {
        let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/verifiers");
        let python = home.join("venv/bin/python");
        assert!(
            home.join("installed").exists(),
            "jose and PyJWT, which check tokens, are not installed: run ./scripts/ensure-verifiers.sh"
        );
        [
            Self::start("jose", Path::new("node"), "jose.mjs", &home, [base, audience]),
            Self::start("PyJWT", &python, "pyjwt.py", &home, [base, audience]),
        ]
    }

    fn start(name: &'static str, program: &Path, script: &str, home: &Path, args: [&str; 2]) -> Self {
        let script: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verifiers").join(script);
        let mut process = Command::new(program)
            .arg(script)
            .args(args)
            .env("USERD_VERIFIERS", home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start ({error}): run ./scripts/ensure-verifiers.sh"));
        let tokens = process.stdin.take().expect("it is piped");
        let verdicts = BufReader::new(process.stdout.take().expect("it is piped"));
        Self { name, process, tokens, verdicts }
    }

    /// What the service finds of a token.
    pub fn judge(&mut self, token: &str) -> Verdict {
        writeln!(self.tokens, "{token}").expect("it reads tokens");
        let mut line = String::new();
        self.verdicts.read_line(&mut line).expect("it answers");
        let verdict: Value =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("{} gives no verdict: {line:?}", self.name));
        Verdict {
            good: verdict["good"].as_bool().expect("a verdict"),
            kid: verdict["kid"].as_str().map(str::to_owned),
            claims: verdict["claims"].clone(),
            fetches: verdict["fetches"].as_u64().expect("a number"),
            why: verdict["why"].as_str().unwrap_or_default().to_owned(),
        }
    }
}

impl Drop for Verifier {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
