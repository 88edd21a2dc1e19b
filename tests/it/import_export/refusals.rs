//! What an import rejects, and its messages.

use std::fs;

use serde_json::Value;

use super::{err, export, file_of, id, import, line, out, setup, words, written};

#[test]
fn a_broken_line_names_its_number_and_reason_and_stops_nothing_else() {
    let (folder, launch) = setup();
    let long = format!("{{\"type\":\"user\",\"name\":\"{}\"}}", "x".repeat(1024 * 1024));
    let doubled = line(9).replace("n9@", "N1@");
    let unknown = line(4).replace("\"name\"", "\"mail\":\"x\",\"name\"");
    let lines = [&line(1), "{\"type\":", &unknown, &long, "", &doubled, "[]", &line(2)].join("\n");
    let (file, results) = (written(folder.path(), "in", &lines), folder.path().join("results"));
    let output = launch.run(&["import", words(&file), "--results", words(&results)]);
    assert_eq!(output.status.code(), Some(3), "{}", err(&output));
    assert_eq!(out(&output), "2 imported, 1 whose e-mail is taken, 4 not readable\n");
    let text = fs::read_to_string(results).expect("the results are there");
    let results: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let outcomes: Vec<_> = results
        .iter()
        .map(|result| {
            let reason = result["reason"].as_str().unwrap_or_default();
            (result["line"].as_u64().unwrap_or_default(), result["outcome"].as_str().unwrap_or_default(), reason)
        })
        .collect();
    let expected = [
        (1, "imported", ""),
        (2, "invalid", "is no JSON: column 8: it ends too early"),
        (3, "invalid", "has an unknown field `mail`"),
        (4, "invalid", "must have at most 1048576 bytes"),
        (6, "email-taken", "another user has this e-mail"),
        (7, "invalid", "must be a JSON object"),
        (8, "imported", ""),
    ];
    assert_eq!(outcomes, expected);
    assert_eq!((&results[0]["id"], &results[2]["id"]), (&id(1).into(), &id(4).into()));
    assert_eq!(export(&launch, &[]).len(), 2);
    // Neither earlier results nor the input are overwritten.
    for taken in ["results", "in"] {
        let before = fs::read(folder.path().join(taken)).expect("it is there");
        let output = launch.run(&["import", words(&file), "--results", taken]);
        assert_eq!(output.status.code(), Some(1));
        assert!(err(&output).contains("exists already; choose another file for --results"), "{}", err(&output));
        assert_eq!(fs::read(folder.path().join(taken)).expect("it is there"), before);
    }
    // Again, without a file of results: the skipped lines are reported.
    let output = launch.run(&["import", words(&file)]);
    assert_eq!((output.status.code(), out(&output).starts_with("0 imported, 2 there already")), (Some(3), true));
    assert!(err(&output).contains("line 3: invalid: has an unknown field `mail`"), "{}", err(&output));
}

#[test]
fn a_truncated_or_newer_file_is_recognised() {
    let (folder, launch) = setup();
    let whole = fs::read_to_string(file_of(folder.path(), 3)).expect("it was written");
    let cut = written(folder.path(), "cut", &whole[..whole.find("{\"type\":\"end\"").expect("a last line")]);
    let (code, sum) = import(&launch, &[words(&cut)]);
    assert_eq!((code, &sum["imported"], &sum["file"]), (Some(3), &3.into(), &"truncated".into()));
    let less = written(folder.path(), "less", &whole.replace(&format!("{}\n", line(1)), ""));
    let (code, sum) = import(&launch, &[words(&less)]);
    assert_eq!((code, &sum["same"], &sum["file"]), (Some(3), &2.into(), &"count-mismatch".into()));
    let newer = written(folder.path(), "newer", &whole.replace("\"version\":1", "\"version\":2"));
    let output = launch.run(&["import", words(&newer)]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("format version 2 is newer than this userd"), "{}", err(&output));
    let more = written(folder.path(), "more", &format!("{whole}{}\n", line(7)));
    assert_eq!(import(&launch, &[words(&more)]).0, Some(1));
    assert_eq!(export(&launch, &[]).len(), 3);
}

#[test]
fn an_existing_user_with_other_values_is_kept() {
    let (folder, launch) = setup();
    import(&launch, &[words(&file_of(folder.path(), 2))]);
    let before = export(&launch, &[]);
    let other = written(folder.path(), "other", &line(1).replace("Number 1", "Another Name"));
    let (code, sum) = import(&launch, &[words(&other)]);
    assert_eq!((code, &sum["differs"], &sum["file"]), (Some(3), &1.into(), &"no-footer".into()));
    assert_eq!(export(&launch, &[]), before);
}

#[test]
fn a_dry_run_reports_the_outcomes_and_writes_nothing() {
    let (folder, launch) = setup();
    import(&launch, &[words(&file_of(folder.path(), 2))]);
    let doubled = line(9).replace("n9@", "n8@");
    let lines = [line(1), line(8), doubled, "{}".to_owned()].join("\n");
    let file = written(folder.path(), "in", &lines);
    let output = launch.run(&["import", "--dry-run", words(&file)]);
    let expected = "1 would be imported, 1 there already, 1 whose e-mail is taken, 1 not readable\n";
    assert_eq!((output.status.code(), out(&output).as_str()), (Some(3), expected));
    assert_eq!(export(&launch, &[]).len(), 2);
}

#[test]
fn a_database_open_in_a_server_is_exported_but_not_imported_into() {
    let (folder, launch) = setup();
    let file = file_of(folder.path(), 2);
    import(&launch, &[words(&file)]);
    let _serving = launch.start();
    assert_eq!(export(&launch, &[]).len(), 2);
    let output = launch.run(&["import", words(&file)]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("can't open the store") && err(&output).contains("another"), "{}", err(&output));
}

#[test]
fn an_unknown_flag_suggests_the_nearest() {
    let (_folder, launch) = setup();
    for (command, wrong, right) in [("import", "--dry-rn", "--dry-run"), ("export", "--session", "--sessions")] {
        let output = launch.run(&[command, wrong]);
        assert_eq!(output.status.code(), Some(2));
        assert!(err(&output).contains(&format!("'{right}'")), "{}", err(&output));
    }
}
