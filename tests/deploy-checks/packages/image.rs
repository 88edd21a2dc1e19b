//! The image's file system, made by the script that the Dockerfile runs, and userd in it: as the user of the image,
//! without anything else of this machine.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

use super::{path, succeeds, text};

/// The user id in scripts/image-root.sh, the Dockerfile and the files for Kubernetes.
const USER: &str = "65532";

struct ContainerImage {
    root: TempDir,
}

impl ContainerImage {
    fn make() -> Self {
        let root = tempfile::tempdir().expect("a folder for the image");
        succeeds(Command::new(path("scripts/image-root.sh")).arg(env!("CARGO_BIN_EXE_userd")).arg(root.path()));
        // A temporary folder belongs to its creator; the root of an image is readable for all users.
        fs::set_permissions(root.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("it is ours");
        Self { root }
    }

    /// A command in the image, as its user, in its working directory. Without root privileges this needs a user
    /// namespace.
    fn command(&self, command: &[&str], listen: &str) -> Command {
        let mut unshare = Command::new("unshare");
        if geteuid().is_root() {
            unshare.args(["--setgid", USER, "--setuid", USER]);
        } else {
            unshare.args(["--map-user", USER, "--map-group", USER]);
        }
        unshare.arg("--root").arg(self.root.path()).args(["--wd", "/var/lib/userd"]).args(command);
        unshare.env_clear().env("PATH", "/usr/bin:/bin").env("USERD_LISTEN", listen);
        unshare
    }

    /// Serves until dropped; returns the process with its log, and its address.
    fn serve(&self, entry: &[&str]) -> (ContainerProcess, String) {
        let mut process = self.command(entry, "127.0.0.1:0").stderr(Stdio::piped()).spawn().expect("unshare is there");
        let mut log = BufReader::new(process.stderr.take().expect("it is piped"));
        let mut line = String::new();
        log.read_line(&mut line).expect("the log can be read");
        assert!(line.contains(" serves on http://"), "{line}");
        let address = line.split_whitespace().last().unwrap_or_default().to_owned();
        (ContainerProcess { process, _log: log }, address)
    }
}

struct ContainerProcess {
    process: Child,
    // If it were closed, writing the log would fail.
    _log: BufReader<ChildStderr>,
}

impl Drop for ContainerProcess {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The words of an instruction that is a list: `ENTRYPOINT ["a", "b"]`.
fn words(instruction: &str) -> Vec<String> {
    let dockerfile = text("Dockerfile");
    let (_, list) = dockerfile.rsplit_once(instruction).expect("the instruction is there");
    let list = list.lines().next().unwrap_or_default();
    serde_json::from_str(list).unwrap_or_else(|error| panic!("{instruction} {list}: {error}"))
}

/// Every file below `folder`, with its path in the image.
fn files(root: &Path, folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(root, &path, found);
        } else {
            found.push(path.strip_prefix(root).expect("it is below").to_string_lossy().into_owned());
        }
    }
}

#[test]
fn the_image_holds_the_program_its_libraries_and_nothing_else() {
    let image = ContainerImage::make();
    let mut found = Vec::new();
    files(image.root.path(), image.root.path(), &mut found);
    found.retain(|file| {
        !["etc/passwd", "etc/group", "etc/nsswitch.conf", "usr/local/bin/userd"].contains(&file.as_str())
    });
    let library = |file: &String| {
        let name = file.rsplit('/').next().unwrap_or_default();
        ["libc.so", "libm.so", "libgcc_s.so", "ld-linux"].iter().any(|known| name.starts_with(known))
    };
    assert_eq!(found.iter().filter(|file| !library(file)).collect::<Vec<_>>(), Vec::<&String>::new());
    assert_eq!(found.len(), 4, "{found:?}");
}

#[test]
fn userd_serves_in_the_image_is_healthy_there_and_stops_on_sigterm() {
    let image = ContainerImage::make();
    let (entry, check) = (words("\nENTRYPOINT "), words("    CMD "));
    let entry: Vec<&str> = entry.iter().map(String::as_str).collect();

    // Without an API key the address of the image is refused, with a sentence that says what to do.
    let refused = image.command(&entry, "0.0.0.0:0").output().expect("unshare is there");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("userd api-keys create"), "{said}");

    let create = ["api-keys", "create", "--name", "gateway", "--scope", "users:read"];
    let key = succeeds(&mut image.command(&[&entry[..], &create].concat(), "0.0.0.0:0"));
    assert!(key.starts_with("k1."), "{key}");
    assert!(image.root.path().join("var/lib/userd/userd-data/userd.db").exists(), "the volume holds the users");

    let (mut serving, address) = image.serve(&entry);
    let listen = address.trim_start_matches("http://");
    let check: Vec<&str> = check.iter().map(String::as_str).collect();
    assert_eq!(succeeds(&mut image.command(&check, listen)), "live\n");
    assert_eq!(succeeds(&mut image.command(&[entry[0], "health"], listen)), "ready\n");

    kill_process(Pid::from_child(&serving.process), Signal::TERM).expect("it is ours");
    assert_eq!(serving.process.wait().expect("it ends").code(), Some(0));
    assert!(!image.command(&check, listen).status().expect("unshare is there").success(), "it has stopped");
}

#[test]
fn the_image_has_an_unprivileged_user_and_all_files_agree_on_it() {
    let dockerfile = text("Dockerfile");
    for line in [format!("USER {USER}:{USER}"), "STOPSIGNAL SIGTERM".to_owned(), "WORKDIR /var/lib/userd".to_owned()] {
        assert!(dockerfile.lines().any(|found| found == line), "{line}");
    }
    assert!(text("scripts/image-root.sh").contains(&format!("user={USER}\n")));
    for file in ["deployment", "doctor", "first-key/job"] {
        assert!(text(&format!("deploy/kubernetes/{file}.yaml")).contains(&format!("runAsUser: {USER}\n")), "{file}");
    }
}
