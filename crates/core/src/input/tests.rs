//! Every type of field, read and rejected; mistakes with their pointers; bounds.

use proptest::prelude::*;

use super::*;

const NAMES: [&str; 6] = ["name", "on", "age", "tags", "owner", "a/b~c"];

/// Everything that a reader can read.
#[derive(Debug, PartialEq)]
struct Everything {
    name: Option<String>,
    on: bool,
    age: u8,
    tags: Vec<String>,
    owner: Vec<u64>,
}

fn word(text: &str) -> Result<String, &'static str> {
    if text.is_empty() { Err("must not be empty") } else { Ok(text.to_owned()) }
}

fn everything(fields: &mut ObjectReader<'_>) -> Option<Everything> {
    let name = fields.optional("name", word);
    let on = fields.flag("on");
    let age = fields.required_with("age", |age| age.number(1..=200));
    let tags = fields.required_with("tags", |tags| tags.list(3, |item| item.text(word)));
    let id = |ids: &mut ObjectReader<'_>| ids.required_with("id", |id| id.number(0..=u64::MAX));
    let ids = |ids: ValueReader<'_>| ids.list(2, |item| item.object(&["id"], id));
    let owner = fields.required_with("owner", |owner| owner.object(&["ids"], |owner| owner.required_with("ids", ids)));
    Some(Everything { name: name.ok()?, on: on?, age: age?, tags: tags?, owner: owner? })
}

fn read_with<T>(
    repeated: RepeatedFields,
    json: &str,
    read: impl FnOnce(&mut ObjectReader<'_>) -> Option<T>,
) -> Result<T, InputErrors> {
    let Ok(InputValue::Object(object)) = parse_json(json.as_bytes()) else { panic!("not an object: {json}") };
    let mut reader = InputReader::new(repeated);
    let value = read(&mut reader.object(&object, &NAMES));
    reader.finish(value)
}

fn mistakes(json: &str) -> Vec<String> {
    let errors = read_with(RepeatedFields::Reject, json, everything).expect_err(json);
    errors.errors.iter().map(|error| format!("{} {}", error.pointer(), error.kind)).collect()
}

#[test]
fn an_object_with_every_type_of_field_is_read() {
    let json =
        r#"{"name":"Ada","on":true,"age":36,"tags":["a","\u00e9"],"owner":{"ids":[{"id":18446744073709551615}]}}"#;
    let expected = Everything {
        name: Some("Ada".to_owned()),
        on: true,
        age: 36,
        tags: vec!["a".to_owned(), "é".to_owned()],
        owner: vec![u64::MAX],
    };
    assert_eq!(read_with(RepeatedFields::Reject, json, everything), Ok(expected));
}

#[test]
fn optional_fields_may_be_absent_or_null() {
    for (more, on) in [("", false), (r#","name":null,"on":null"#, false), (r#","on":true"#, true)] {
        let json = format!(r#"{{"age":1,"tags":[],"owner":{{"ids":[]}}{more}}}"#);
        let read = read_with(RepeatedFields::Reject, &json, everything).expect("it is valid");
        assert_eq!((read.name, read.on), (None, on), "{json}");
    }
}

#[test]
fn every_mistake_is_named_by_its_pointer_and_no_value_is_repeated() {
    let json = r#"{"secret1":1,"name":"","on":"secret2","age":"secret3","tags":["a","",7],"tags":[],
        "owner":{"ids":[{"id":1},{"id":-1,"secret4":[]},"secret5"]}}"#;
    assert_eq!(
        mistakes(json),
        [
            "/secret1 is not known; the fields are name, on, age, tags, owner, a/b~c",
            "/tags must be given only once",
            "/name must not be empty",
            "/on must be true or false, not a string",
            "/age must be a number, not a string",
            "/tags/1 must not be empty",
            "/tags/2 must be a string, not a number",
            "/owner/ids must have at most 2 items",
        ]
    );
    let json = r#"{"age":1,"tags":[],"owner":{"ids":[{"id":-1,"other":[]},"secret"]}}"#;
    assert_eq!(
        mistakes(json),
        [
            "/owner/ids/0/other is not known; the fields are id",
            "/owner/ids/0/id must be a whole number from 0 to 18446744073709551615",
            "/owner/ids/1 must be an object, not a string",
        ]
    );
}

#[test]
fn missing_fields_say_what_they_have_to_be() {
    let errors = read_with(RepeatedFields::Reject, r#"{"tags":null}"#, everything).expect_err("it is empty");
    assert!(errors.has_missing);
    assert_eq!(
        mistakes(r#"{"tags":null}"#),
        [
            "/age is missing; it must be a number",
            "/tags must be a list, not null",
            "/owner is missing; it must be an object",
        ]
    );
    let error = &errors.errors[0];
    assert_eq!((error.pointer(), error.kind.to_string()), ("/age".into(), "is missing; it must be a number".into()));
    let wrong =
        read_with(RepeatedFields::Reject, r#"{"age":0,"tags":7,"owner":[]}"#, everything).expect_err("it is wrong");
    assert!(!wrong.has_missing);
}

#[test]
fn numbers_are_whole_and_in_their_range() {
    let read = |number: &str| {
        read_with(RepeatedFields::Reject, &format!(r#"{{"age":{number}}}"#), |fields| {
            fields.required_with("age", |age| age.number(1_u8..=200))
        })
    };
    assert_eq!((read("1"), read("200")), (Ok(1), Ok(200)));
    for number in ["0", "201", "300", "-1", "1.0", "1e2", "18446744073709551615", "99999999999999999999999"] {
        let errors = read(number).expect_err(number);
        assert_eq!(errors.errors[0].kind, InputErrorKind::Rule("must be a whole number from 1 to 200".to_owned()));
    }
    for (json, kind) in [("true", "a boolean"), ("\"7\"", "a string"), ("[7]", "an array"), ("null", "null")] {
        let errors = read(json).expect_err(json);
        assert_eq!(errors.errors[0].kind.to_string(), format!("must be a number, not {kind}"));
    }
}

#[test]
fn an_optional_field_may_have_any_type() {
    let read = |json: &str| {
        read_with(RepeatedFields::Reject, json, |fields| {
            fields.optional_with("tags", |value| value.list(9, |item| item.number(1..=9))).ok()
        })
    };
    assert_eq!((read("{}"), read(r#"{"tags":null}"#)), (Ok(None), Ok(None)));
    assert_eq!(read(r#"{"tags":[1,9]}"#), Ok(Some(vec![1, 9])));
    assert_eq!(read(r#"{"tags":[0,10,5]}"#).expect_err("two are out of range").errors.len(), 2);
    assert_eq!(
        read(r#"{"tags":{}}"#).expect_err("no list").errors[0].kind.to_string(),
        "must be a list, not an object"
    );
}

#[test]
fn a_repeated_field_is_a_mistake_or_the_last_one_counts() {
    let name = |fields: &mut ObjectReader<'_>| fields.required("name", word);
    let json = r#"{"name":"a","name":"b"}"#;
    assert_eq!(read_with(RepeatedFields::KeepLast, json, name), Ok("b".to_owned()));
    let errors = read_with(RepeatedFields::Reject, json, name).expect_err("it is there twice");
    assert_eq!(errors.errors[0].kind, InputErrorKind::RepeatedField);
}

#[test]
fn pointers_are_escaped_and_long_names_cut() {
    let json = format!(r#"{{"a/b~c":"","~/":1,"{}":1}}"#, "x".repeat(200));
    let errors =
        read_with(RepeatedFields::Reject, &json, |fields| fields.required("a/b~c", word)).expect_err("it is wrong");
    let pointers: Vec<_> = errors.errors.iter().map(InputError::pointer).collect();
    assert_eq!(pointers, ["/~0~1".to_owned(), format!("/{}", "x".repeat(64)), "/a~1b~0c".to_owned()]);
}

#[test]
fn mistakes_are_bounded_and_a_missing_field_is_known_beyond_them() {
    let unknown: Vec<_> = (0..1000).map(|number| format!("\"x{number}\":1")).collect();
    let json = format!("{{{}}}", unknown.join(","));
    let errors =
        read_with(RepeatedFields::Reject, &json, |fields| fields.required("name", word)).expect_err("it is wrong");
    assert_eq!((errors.errors.len(), errors.has_missing), (INPUT_ERRORS_MAX, true));
}

#[test]
fn rules_of_a_field_and_of_the_object_are_noted() {
    let errors = read_with(RepeatedFields::Reject, "{}", |fields| {
        fields.reject("name", "must rhyme");
        fields.reject_object("the parts must fit");
        Some(())
    });
    let errors = errors.expect_err("two rules are broken").errors;
    assert_eq!((errors[0].pointer(), errors[0].kind.to_string()), ("/name".to_owned(), "must rhyme".to_owned()));
    assert_eq!((errors[1].pointer(), errors[1].kind.to_string()), (String::new(), "the parts must fit".to_owned()));
}

#[test]
fn texts_are_read_as_an_object_too() {
    let object = InputObject::from_texts([("name", "a"), ("x", "b")].into_iter());
    assert_eq!(object.get("name").and_then(InputValue::as_text), Some("a"));
    let mut reader = InputReader::new(RepeatedFields::Reject);
    let name = reader.object(&object, &["name"]).required("name", word);
    assert_eq!(name.as_deref(), Some("a"));
    assert_eq!(reader.finish(name).expect_err("x is not known").errors[0].pointer(), "/x");
}

#[test]
fn what_is_not_json_is_named_by_line_and_column() {
    for (bytes, expected) in [
        (&b"{\"a\":\n\xff}"[..], "not UTF-8 at line 2, column 1"),
        (b" \n", "empty at line 2, column 0"),
        (b"{\"a\":", "the JSON ends too early at line 1, column 5"),
        (b"{\"a\" 1}", "not JSON at line 1, column 6"),
        (b"{} {}", "not JSON at line 1, column 4"),
    ] {
        let Err(error) = parse_json(bytes) else { panic!("{bytes:?} is JSON") };
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn nesting_is_bounded() {
    let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    assert!(parse_json(nested(JSON_DEPTH_MAX.into()).as_bytes()).is_ok());
    for levels in [usize::from(JSON_DEPTH_MAX) + 1, 100_000] {
        let error = parse_json(nested(levels).as_bytes()).err().map(|error| error.kind);
        assert_eq!(error, Some(JsonErrorKind::TooDeep));
    }
}

proptest! {
    #[test]
    fn no_input_makes_it_panic(bytes: Vec<u8>, json in r#"[{}\[\]",:0-9a-z ]{0,60}"#) {
        for input in [&bytes[..], json.as_bytes()] {
            if let Ok(InputValue::Object(object)) = parse_json(input) {
                let mut reader = InputReader::new(RepeatedFields::Reject);
                let value = everything(&mut reader.object(&object, &NAMES));
                let _ = reader.finish(value);
            }
        }
    }
}
