//! Independent libraries that verify userd's output, with the scripts of tests/verifiers: npm's jose and `PyPI`'s
//! `PyJWT` for tokens, each in a process of its own as in a service; `PyPI`'s `prometheus-client` and `PyYAML` for
//! metrics and alerts.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

/// Where the libraries are, and the Python that has them.
fn installed() -> (PathBuf, PathBuf) {
    let home = crate::paths::workspace_root().join("target/verifiers");
    assert!(
        home.join("installed").exists(),
        "the libraries that check tokens and metrics are not installed: run ./scripts/ensure-verifiers.sh"
    );
    let python = home.join("venv/bin/python");
    (home, python)
}

/// The output of a script of tests/verifiers for `text`, as JSON.
pub fn run_reader(script: &str, text: &str) -> Value {
    let path = crate::paths::workspace_root().join("tests/verifiers").join(script);
    let mut process = Command::new(installed().1)
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{script} does not start ({error}): run ./scripts/ensure-verifiers.sh"));
    let mut input = process.stdin.take().expect("it is piped");
    // It reads everything before it answers; a script that ends early says why on standard error.
    let _ = input.write_all(text.as_bytes());
    drop(input);
    let output = process.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{script} can't read it; if a module is missing, run ./scripts/ensure-verifiers.sh: {said}\n{text}"
    );
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{script} gives no JSON: {error}"))
}

/// A service that verifies tokens.
pub struct TokenVerifier {
    /// The library.
    pub name: &'static str,
    process: Child,
    tokens: ChildStdin,
    verdicts: BufReader<ChildStdout>,
}

/// What it says about a token.
#[derive(Debug)]
pub struct TokenVerdict {
    pub good: bool,
    /// The key that signed a good token.
    pub kid: Option<String>,
    /// The claims of a good token.
    pub claims: Value,
    /// How often the service has fetched the keys so far.
    pub fetches: u64,
    /// Why it was rejected.
    pub why: String,
}

impl TokenVerifier {
    /// One of each library; they fetch the keys from `base` and verify that tokens are for `audience`.
    pub fn each(base: &str, audience: &str) -> [Self; 2] {
        let (home, python) = installed();
        [
            Self::start("jose", Path::new("node"), "jose.mjs", &home, [base, audience]),
            Self::start("PyJWT", &python, "pyjwt.py", &home, [base, audience]),
        ]
    }

    fn start(name: &'static str, program: &Path, script: &str, home: &Path, args: [&str; 2]) -> Self {
        let script: PathBuf = crate::paths::workspace_root().join("tests/verifiers").join(script);
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

    /// What the service says about a token.
    pub fn verify(&mut self, token: &str) -> TokenVerdict {
        writeln!(self.tokens, "{token}").expect("it reads tokens");
        let mut line = String::new();
        self.verdicts.read_line(&mut line).expect("it answers");
        let verdict: Value =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("{} gives no verdict: {line:?}", self.name));
        TokenVerdict {
            good: verdict["good"].as_bool().expect("a verdict"),
            kid: verdict["kid"].as_str().map(str::to_owned),
            claims: verdict["claims"].clone(),
            fetches: verdict["fetches"].as_u64().expect("a number"),
            why: verdict["why"].as_str().unwrap_or_default().to_owned(),
        }
    }
}

impl Drop for TokenVerifier {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
