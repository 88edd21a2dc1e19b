//! The Dockerfile, compose.yaml and the files for Kubernetes are valid (hadolint, the Compose specification,
//! Kubernetes' schemas) and fit the program that they start.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;

use super::{checker, path, succeeds, text};

/// The oldest Kubernetes that still gets fixes (a sleep in `preStop` needs 1.30), and the newest that the schemas know.
const KUBERNETES: [&str; 2] = ["1.33.0", "1.37.0"];

/// Every file for Kubernetes, by its name below their folder.
fn manifests() -> Vec<String> {
    let mut names = Vec::new();
    for folder in ["", "first-key/"] {
        let entries = fs::read_dir(path("deploy/kubernetes").join(folder)).expect("the folder can be read");
        let files = entries.map(|entry| entry.expect("an entry")).filter(|entry| entry.path().is_file());
        names.extend(files.map(|file| format!("{folder}{}", file.file_name().into_string().expect("a name"))));
    }
    names.sort();
    names
}

/// Every file that starts userd with settings.
fn all_that_set() -> Vec<(String, String)> {
    let mut files = vec!["Dockerfile".to_owned(), "compose.yaml".to_owned(), "deploy/systemd/userd.service".to_owned()];
    files.extend(manifests().iter().map(|name| format!("deploy/kubernetes/{name}")));
    files.into_iter().map(|name| (text(&name), name)).map(|(text, name)| (name, text)).collect()
}

#[test]
fn hadolint_finds_no_mistake_in_the_dockerfile() {
    succeeds(checker("hadolint").arg("Dockerfile"));
    let planted = tempfile::tempdir().expect("a folder");
    let wrong = planted.path().join("Dockerfile");
    fs::write(&wrong, text("Dockerfile").replace("ENTRYPOINT", "ENTRYPONT")).expect("it can be written");
    let found = checker("hadolint").arg(&wrong).output().expect("it was started before");
    assert!(!found.status.success(), "hadolint would find a mistake");
}

#[test]
fn compose_is_valid_and_waits_for_a_healthy_store() {
    let read = succeeds(checker("python").args(["tests/packages/compose.py", "compose.yaml"]));
    let read: Value = serde_json::from_str(&read).expect("JSON");
    let services = &read["services"];
    assert_eq!(services["userd"]["depends_on"]["valkey"]["condition"], "service_healthy");
    assert!(services["userd"]["image"].as_str().is_some_and(|image| image.ends_with(env!("CARGO_PKG_VERSION"))));
    for service in ["userd", "valkey"] {
        let service = &services[service];
        assert!(
            service["healthcheck"]["test"].is_array() && service["deploy"]["resources"]["limits"]["memory"].is_string()
        );
        assert_eq!(service["read_only"], true);
    }
    let check = services["userd"]["healthcheck"]["test"].as_array().expect("a command");
    let check: Vec<&str> = check.iter().skip(2).filter_map(Value::as_str).collect();
    understood(&check);
}

#[test]
fn the_files_for_kubernetes_fit_its_schemas_old_and_new() {
    let names = manifests();
    assert!(names.len() > 5, "{names:?}");
    let files = names
        .iter()
        .filter(|name| !name.ends_with("kustomization.yaml"))
        .map(|name| path("deploy/kubernetes").join(name));
    let files: Vec<_> = files.collect();
    for version in KUBERNETES {
        succeeds(checker("kubernetes-validate").args(["--strict", "--quiet", "-k", version]).args(&files));
    }
    let kustomization = text("deploy/kubernetes/kustomization.yaml");
    for name in names.iter().filter(|name| *name != "kustomization.yaml" && !name.contains('/')) {
        assert!(kustomization.contains(&format!("  - {name}\n")), "{name} is not in kustomization.yaml");
    }
    let first_key = text("deploy/kubernetes/first-key/kustomization.yaml");
    assert!(first_key.contains("  - job.yaml\n"));
    // These two set the version of the image; it is nowhere else.
    let tag = format!("  - name: userd\n    newTag: {}\n", env!("CARGO_PKG_VERSION"));
    assert!(kustomization.contains(&tag) && first_key.contains(&tag));
    for name in ["deployment.yaml", "doctor.yaml", "first-key/job.yaml"] {
        assert!(text(&format!("deploy/kubernetes/{name}")).contains(" image: userd\n"), "{name}");
    }
}

#[test]
fn every_setting_in_the_packages_is_in_the_default_configuration() {
    let mut keys = BTreeSet::new();
    let mut section = "";
    for line in userd::config::DEFAULTS.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            keys.insert(if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") });
        }
    }
    let mut seen = 0;
    for (file, text) in all_that_set() {
        for (at, _) in text.match_indices("USERD_") {
            let name: String =
                text[at + 6..].chars().take_while(|char| char.is_ascii_uppercase() || *char == '_').collect();
            let key = name.to_lowercase().replace("__", ".");
            assert!(keys.contains(&key), "{file}: USERD_{name} is no setting");
            seen += 1;
        }
    }
    assert!(seen > 12, "only {seen} settings were found");
}

#[test]
fn every_command_that_the_packages_run_is_valid() {
    let mut seen = 0;
    for name in manifests() {
        let text = text(&format!("deploy/kubernetes/{name}"));
        for line in text.lines().filter_map(|line| line.trim().strip_prefix("args: [")) {
            let args: Vec<&str> = line.trim_end_matches(']').split(", ").map(|arg| arg.trim_matches('"')).collect();
            understood(&args);
            seen += 1;
        }
    }
    assert_eq!(seen, 2, "the doctor's and the first key's");
}

/// userd knows the command with these flags; it is not run.
fn understood(args: &[&str]) {
    succeeds(Command::new(env!("CARGO_BIN_EXE_userd")).args(args).arg("--help").env_clear());
}

#[test]
fn the_build_context_of_the_image_has_everything_it_needs() {
    let ignore = text(".dockerignore");
    let sent: Vec<&str> = ignore.lines().filter_map(|line| line.strip_prefix('!')).collect();
    assert!(ignore.lines().any(|line| line == "*"), "nothing goes there that is not named");
    let mut needed =
        BTreeSet::from(["Cargo.toml".to_owned(), "Cargo.lock".to_owned(), "scripts/image-root.sh".to_owned()]);
    let mut folders = vec![path("crates")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the folder can be read") {
            let file = entry.expect("an entry").path();
            if file.is_dir() {
                // The image is built without tests.
                folders.extend(Some(file).filter(|folder| !folder.ends_with("test-support")));
                continue;
            }
            let Ok(text) = fs::read_to_string(&file) else { continue };
            for part in text.split("include_str!(\"").skip(1).chain(text.split("include_bytes!(\"").skip(1)) {
                let included = part.split('"').next().unwrap_or_default();
                let included = file.with_file_name(included).canonicalize();
                let included = included.unwrap_or_else(|error| panic!("{}: {part:.40}: {error}", file.display()));
                let inside = included.strip_prefix(path("").canonicalize().expect("it is there")).expect("ours");
                needed.insert(inside.to_string_lossy().into_owned());
            }
        }
    }
    for file in &needed {
        let goes = sent.iter().any(|sent| file == sent || file.starts_with(&format!("{sent}/")));
        assert!(goes, "{file} is compiled in, and .dockerignore keeps it from the build");
    }
    assert!(needed.len() > 5, "{needed:?}");
    for secret in [".env", "userd.toml", "secrets", "userd-data", "target", ".git"] {
        assert!(!sent.contains(&secret), "{secret} has no business in an image");
    }
}
