//! The store of compose.yaml: its start script, run here with the server that the tests run on.

use std::fs;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{path, succeeds, text};
use userd_test_support::redis_server::{free_port, pause};
use userd_test_support::server_plan::configured_program;
use userd_test_support::userd_process::UserdCommand;

/// How long the server may take to listen; far above what it takes on a busy machine.
const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// It must not appear in a process list.
const PASSWORD: &str = "6d1f0c7a5e";

/// Started by start.sh; killed when dropped.
struct ValkeyServer {
    process: Child,
    port: u16,
    folder: TempDir,
}

impl ValkeyServer {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder for the server");
        fs::write(folder.path().join("password"), format!("{PASSWORD}\n")).expect("it can be written");
        let port = free_port();
        let process = script(&folder)
            .args(["--dir", &folder.path().to_string_lossy(), "--port", &port.to_string(), "--bind", "127.0.0.1"])
            .stdout(Stdio::null())
            .spawn()
            .expect("there is a shell");
        let mut valkey = Self { process, port, folder };
        let until = Instant::now() + STARTS_WITHIN;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = valkey.process.try_wait().expect("its state");
            assert!(ended.is_none() && Instant::now() < until, "it does not come to listening: {ended:?}");
            pause();
        }
        valkey
    }
}

impl Drop for ValkeyServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn script(folder: &TempDir) -> Command {
    let mut script = Command::new("sh");
    script
        .arg(path("deploy/valkey/start.sh"))
        .env("VALKEY_SERVER", configured_program())
        .env("VALKEY_CONF", path("deploy/valkey/valkey.conf"))
        .env("VALKEY_PASSWORD_FILE", folder.path().join("password"));
    script
}

#[test]
fn userd_accepts_the_valkey_of_compose_and_its_health_check_passes() {
    let valkey = ValkeyServer::start();
    let command_line = fs::read_to_string(format!("/proc/{}/cmdline", valkey.process.id())).expect("it runs");
    assert!(!command_line.contains(PASSWORD), "a list of processes shows no password");

    let folder = tempfile::tempdir().expect("a folder");
    let launch = UserdCommand::in_folder(folder.path())
        .store(&format!("redis://127.0.0.1:{}/0", valkey.port))
        .set("redis.username", "userd")
        .set("redis.password_file", &valkey.folder.path().join("password").to_string_lossy())
        // What compose.yaml vouches for, since the rights do not include +config|get.
        .set("redis.assume_durability", "always");
    assert!(launch.make_api_key("users:read").starts_with("k1."));
    let serving = launch.start();
    let url = format!("http://{}", serving.address());
    let health = launch.run(&["health", "--url", &url]);
    assert_eq!(String::from_utf8_lossy(&health.stdout), "ready\n", "{}", String::from_utf8_lossy(&health.stderr));
    let (code, log) = serving.stop();
    assert_eq!(code, Some(0));
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");

    let ping = |words: &[&str]| {
        let port = valkey.port.to_string();
        let user = ["-p", &port, "--no-auth-warning", "--user", "health", "--pass", "any"];
        succeeds(Command::new("redis-cli").args(user).args(words))
    };
    assert_eq!(ping(&["ping"]), "PONG\n");
    assert!(ping(&["get", "userd:meta"]).contains("NOPERM"), "the check's user reads nothing");
    assert!(text("compose.yaml").contains(r#""--no-auth-warning", "--user", "health", "--pass", "any", "ping"]"#));
}

#[test]
fn a_password_that_would_change_the_configuration_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for bad in ["", "\n", "two words", "a\nuser root on nopass +@all ~*", "$(id)", "\"quoted\""] {
        fs::write(folder.path().join("password"), bad).expect("it can be written");
        let output = script(&folder).output().expect("there is a shell");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && said.contains("the password is empty, or has characters"),
            "{bad:?}: {said}"
        );
    }
}

#[test]
fn the_rights_in_compose_are_those_of_the_operations_page() {
    let right = |line: &str| line.starts_with("user userd on >") && line.contains(" ~userd:* ");
    let operations = text("docs/operations/redis.md");
    let shown = operations.lines().find(|line| right(line)).expect("the page has the line");
    let script = text("deploy/valkey/start.sh");
    let given = script.lines().find(|line| right(line)).expect("the script has the line");
    assert_eq!(given.replace(">$password ", ">PASSWORD "), shown);
}
