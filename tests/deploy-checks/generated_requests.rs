//! `PyPI`'s schemathesis reads the API description and sends valid and invalid requests to the real program. It must
//! find no undocumented answer, no invalid request that is accepted, and no valid one that is rejected.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use userd_test_support::userd_process::UserdCommand;

/// Every scope of a service.
const SCOPES: &str = "users:read,users:write,sessions:read,sessions:write,admin,metrics";

#[test]
fn requests_generated_from_the_description_are_answered_as_described() {
    let root = userd_test_support::paths::workspace_root();
    let program = root.join("target/verifiers/venv/bin/st");
    assert!(
        program.exists(),
        "schemathesis, which makes requests from the API's description, is not installed: run ./scripts/ensure-verifiers.sh"
    );
    let folder = tempfile::tempdir().expect("a folder can be made");
    let launch = UserdCommand::in_folder(folder.path()).cheap_hashes().without_rate_limits();
    let key = launch.make_api_key(SCOPES);
    let serving = launch.start();
    let base = format!("http://{}", serving.address());
    // In parallel, since they wait for answers most of the time.
    let runs = [
        ("a service", format!("[auth.openapi]\napi_key = {{ bearer = \"{key}\" }}")),
        ("a user", "[auth]\nauto-signup = true".to_owned()),
        ("anonymous", "[auth]\nauto-signup = false".to_owned()),
    ];
    let runs = runs.map(|(name, who)| {
        let run_folder = tempfile::tempdir().expect("a folder can be made");
        (name, run(&program, &root, run_folder.path(), &base, &who), run_folder)
    });
    let mut found = Vec::new();
    for (name, run, _place) in runs {
        let output = run.wait_with_output().expect("it ends");
        if !output.status.success() {
            let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            found.push(format!("{name}:\n{out}\n{err}"));
        }
    }
    assert!(found.is_empty(), "schemathesis has found violations\n{}", found.join("\n"));
}

/// Starts a run in the folder `run_folder`, with the shared settings and those of the principal.
fn run(program: &Path, root: &Path, run_folder: &Path, base: &str, who: &str) -> Child {
    let shared = fs::read_to_string(root.join("tests/verifiers/schemathesis.toml")).expect("the settings can be read");
    let settings = run_folder.join("schemathesis.toml");
    fs::write(&settings, format!("{shared}\n{who}\n")).expect("the settings can be written");
    let mut command = Command::new(program);
    command.arg("--config-file").arg(settings).args(["--no-color", "run", &format!("{base}/openapi.json")]);
    command.current_dir(run_folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
        .spawn()
        .unwrap_or_else(|error| panic!("schemathesis does not start ({error}): run ./scripts/ensure-verifiers.sh"))
}
