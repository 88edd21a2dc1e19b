//! The real program as a process of its own for a test: started, inspected, frozen and killed; stopped when dropped.
//!
//! Its log goes to a file outside of its working directory, so that no reader is needed and a full disk does not affect
//! the log.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::redis_server::{RedisServer, pause};

/// How long anything may take that a process does; far above what it takes on a busy machine.
const HANGS_AFTER: Duration = Duration::from_secs(60);

/// How userd is started; its environment has only what is set here.
#[derive(Clone)]
pub struct UserdCommand {
    folder: PathBuf,
    flags: Vec<String>,
    environment: Vec<(String, String)>,
}

impl UserdCommand {
    /// In this working directory, on a free port.
    pub fn in_folder(folder: &Path) -> Self {
        let flags = ["--listen", "127.0.0.1:0"].map(str::to_owned).into();
        Self { folder: folder.to_owned(), flags, environment: Vec::new() }
    }

    /// With more flags.
    pub fn flags(mut self, flags: &[&str]) -> Self {
        self.flags.extend(flags.iter().map(|&flag| flag.to_owned()));
        self
    }

    /// With a setting: the key as in the file, `http.body_timeout_ms`.
    pub fn set(self, key: &str, value: &str) -> Self {
        let name = format!("USERD_{}", key.to_uppercase().replace('.', "__"));
        self.environment(&name, value)
    }

    /// With an environment variable.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With hashes of almost no cost and a long queue, for tests of other things.
    pub fn cheap_hashes(self) -> Self {
        self.set("hash.memory_kib", "8")
            .set("hash.iterations", "1")
            .set("hash.queue", "10000")
            .set("hash.wait_ms", "60000")
    }

    /// With rate limits that no test reaches, for tests of other things.
    pub fn without_rate_limits(self) -> Self {
        ["account", "account_address", "device", "address", "global"]
            .into_iter()
            .fold(self, |launch, limit| launch.set(&format!("rate_limit.{limit}_burst"), "1000000"))
    }

    /// Runs another command of the program to its end, with the same settings.
    pub fn run(&self, command: &[&str]) -> Output {
        Command::new(crate::paths::program())
            .args(&self.flags)
            .args(command)
            .current_dir(&self.folder)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .output()
            .expect("the program can be started")
    }

    /// Creates an API key with these scopes through the command line; returns its secret.
    pub fn make_api_key(&self, scopes: &str) -> String {
        let made = self.run(&["api-keys", "create", "--name", "test", "--scope", scopes]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        String::from_utf8_lossy(&made.stdout).trim().to_owned()
    }

    /// On the store at this URL.
    pub fn store(self, url: &str) -> Self {
        self.flags(&["--store", url])
    }

    /// On this Redis.
    pub fn redis(self, server: &RedisServer) -> Self {
        self.store(&server.url())
    }

    /// Starts it and waits until it listens.
    pub fn start(&self) -> UserdProcess {
        let mut serving = self.spawn();
        let line = serving.wait_for_log_line(" serves on http://");
        serving.address = line.rsplit('/').next().and_then(|address| address.trim().parse().ok());
        serving
    }

    /// With these environment variables.
    pub fn with_environment(self, all: Vec<(String, String)>) -> Self {
        all.into_iter().fold(self, |launch, (name, value)| launch.environment(&name, &value))
    }

    /// Starts it and waits until it listens, or ends before that.
    pub fn try_start(&self) -> Option<UserdProcess> {
        let mut serving = self.spawn();
        while !serving.log().contains(" serves on http://") {
            if serving.process.try_wait().expect("its state").is_some() {
                return None;
            }
            pause();
        }
        let line = serving.wait_for_log_line(" serves on http://");
        serving.address = line.rsplit('/').next().and_then(|address| address.trim().parse().ok());
        Some(serving)
    }

    /// Starts it without waiting: it may never listen, or say so in another way.
    pub fn spawn(&self) -> UserdProcess {
        let log_folder = tempfile::tempdir().expect("a folder for the log");
        let log = log_folder.path().join("log");
        let process = Command::new(crate::paths::program())
            .args(&self.flags)
            .current_dir(&self.folder)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).expect("a file for the log"))
            .spawn()
            .expect("the program can be started");
        UserdProcess { process, log, _log_folder: log_folder, address: None, read: 0 }
    }
}

/// A running userd.
pub struct UserdProcess {
    process: Child,
    log: PathBuf,
    _log_folder: TempDir,
    address: Option<SocketAddr>,
    /// How much of the log `wait_for_log_line` has passed.
    read: usize,
}

impl UserdProcess {
    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address.expect("it was waited for until it listens")
    }

    /// The log so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).expect("the log can be read")).into_owned()
    }

    /// The next line of the log with `word`; fails if the process ends without one.
    pub fn wait_for_log_line(&mut self, word: &str) -> String {
        let until = Instant::now() + HANGS_AFTER;
        loop {
            let ended = self.process.try_wait().expect("its state").is_some();
            let log = self.log();
            let mut end = self.read;
            for line in log[self.read..].split_inclusive('\n').filter(|line| line.ends_with('\n')) {
                end += line.len();
                if line.contains(word) {
                    self.read = end;
                    return line.to_owned();
                }
            }
            assert!(!ended && Instant::now() < until, "the log has no {word:?}:\n{log}");
            pause();
        }
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        // It may have ended already, which some tests want.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Stops it (SIGTERM).
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Stops it, if it has not ended already.
    pub fn terminate_if_running(&mut self) {
        if self.process.try_wait().expect("its state").is_none() {
            self.terminate();
        }
    }

    /// Freezes it (SIGSTOP), and returns when it has stopped.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
        let until = Instant::now() + HANGS_AFTER;
        while self.proc_status("State").as_deref().is_none_or(|state| !state.starts_with('T')) {
            assert!(Instant::now() < until, "it does not stop");
            pause();
        }
    }

    /// Continues it (SIGCONT).
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Waits until it ends; returns the exit code, which a killed process does not have.
    pub fn wait(&mut self) -> Option<i32> {
        let until = Instant::now() + HANGS_AFTER;
        loop {
            if let Some(status) = self.process.try_wait().expect("its state") {
                return status.code();
            }
            assert!(Instant::now() < until, "it does not end:\n{}", self.log());
            pause();
        }
    }

    /// The exit code, if it has ended and was not killed.
    pub fn try_exit_code(&mut self) -> Option<i32> {
        self.process.try_wait().expect("its state").and_then(|status| status.code())
    }

    /// It does not end within this time; on a slow machine that proves less, but never fails falsely.
    pub fn assert_keeps_running_for(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            assert!(self.process.try_wait().expect("its state").is_none(), "it has ended:\n{}", self.log());
            pause();
        }
    }

    /// Stops it; returns the exit code and the log after the last line that was waited for.
    pub fn stop(mut self) -> (Option<i32>, String) {
        self.terminate();
        let code = self.wait();
        (code, self.log().split_off(self.read))
    }

    /// Its resident memory now, in KiB.
    pub fn memory_kib(&self) -> u64 {
        self.kib("VmRSS")
    }

    /// Its peak resident memory, in KiB.
    pub fn memory_peak_kib(&self) -> u64 {
        self.kib("VmHWM")
    }

    /// How many files and connections it has open.
    pub fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.process.id())).expect("it runs").count()
    }

    /// Polls until at most `most` files and connections are open.
    pub fn wait_for_open_files_at_most(&self, most: usize) {
        self.wait_for_open_files(&format!("at most {most}"), |open| open <= most);
    }

    /// Polls until at least `least` files and connections are open.
    pub fn wait_for_open_files_at_least(&self, least: usize) {
        self.wait_for_open_files(&format!("at least {least}"), |open| open >= least);
    }

    fn wait_for_open_files(&self, what: &str, enough: impl Fn(usize) -> bool) {
        let until = Instant::now() + HANGS_AFTER;
        while !enough(self.open_files()) {
            assert!(Instant::now() < until, "{} files are open, not {what}", self.open_files());
            pause();
        }
    }

    fn kib(&self, name: &str) -> u64 {
        let text = self.proc_status(name).expect("it runs");
        text.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number of KiB")
    }

    /// A line of `/proc/…/status`.
    fn proc_status(&self, name: &str) -> Option<String> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("it runs");
        let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        Some(value.trim().to_owned())
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).expect("the process is ours");
    }
}

impl Drop for UserdProcess {
    fn drop(&mut self) {
        self.kill();
    }
}
