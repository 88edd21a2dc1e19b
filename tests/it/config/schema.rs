//! Lists, several mistakes in one section, and the JSON schema.

use std::net::Ipv4Addr;

use figment::providers::{Format as _, Toml};
use serde_json::Value as Json;
use userd::config::{Config, DEFAULTS, json_schema};

use super::ConfigFixture;

#[test]
fn lists_are_lists_in_a_file_and_separated_by_commas_in_a_variable() {
    let networks = |config: Config| config.access.proxies.trusted;
    let expected = vec![(Ipv4Addr::LOCALHOST.into(), 32), (Ipv4Addr::new(10, 0, 0, 0).into(), 8)];
    let file = "[proxy]\ntrusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\"]\n[token]\naudience = [\"a\", \"b\"]";
    let fixture = ConfigFixture::new().file("userd.toml", file);
    assert_eq!(networks(fixture.load()), expected);
    assert_eq!(fixture.load().token.audiences, ["a", "b"]);
    let variables = ConfigFixture::new()
        .variable("USERD_PROXY__TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8,")
        .variable("USERD_CORS__ALLOWED_ORIGINS", "https://one.example,http://two.example:3000");
    assert_eq!(networks(variables.load()), expected);
    assert_eq!(variables.load().access.allowed_origins, ["https://one.example", "http://two.example:3000"]);
    let emptied = fixture.variable("USERD_PROXY__TRUSTED_PROXIES", "").variable("USERD_TOKEN__AUDIENCE", "");
    assert_eq!(networks(emptied.load()), [], "an empty text removes what a lower source set");
    assert_eq!(emptied.load().token.audiences, ["a", "b"], "unless the list may not be empty");
}

#[test]
fn wrong_lists_are_refused_with_what_would_be_right() {
    let file = "[proxy]\ntrusted_proxies = \"127.0.0.1\"\n[token]\naudience = []\n\
                [cors]\nallowed_origins = [\"https://one.example/\", 7]";
    insta::assert_snapshot!(ConfigFixture::new().file("userd.toml", file).load_error(), @r#"
    token.audience in userd.toml: has too few entries: write at least 1
    cors.allowed_origins in userd.toml: is not a list of strings: write each in quotes
    proxy.trusted_proxies in userd.toml: is not a list: write strings in brackets, such as ["one", "two"]
    "#);
    let fixture = ConfigFixture::new()
        .variable("USERD_PROXY__TRUSTED_PROXIES", "10.0.0.0/33")
        .variable("USERD_CORS__ALLOWED_ORIGINS", "https://One.example")
        .variable("USERD_TOKEN__AUDIENCE", ",");
    insta::assert_snapshot!(fixture.load_error(), @r#"
    USERD_TOKEN__AUDIENCE in the environment: has too few entries: write at least 1
    USERD_CORS__ALLOWED_ORIGINS in the environment: "https://One.example" is not an origin: write scheme, host and port as browsers do, such as https://app.example.org
    USERD_PROXY__TRUSTED_PROXIES in the environment: "10.0.0.0/33" is not an address or network: write an address such as 10.0.0.7, or a network such as 10.0.0.0/8
    "#);
}

#[test]
fn two_mistakes_in_one_section_are_named_at_once_also_where_only_its_layer_finds_them() {
    let fixture = ConfigFixture::new()
        .file("key.txt", "c2hvcnQ=")
        .variable("USERD_TOKEN__ENCRYPTION_KEY_FILE", "key.txt")
        .variable("USERD_TOKEN__ISSUER", "accounts.example.org")
        .variable("USERD_TOKEN__TTL_S", "five");
    let load_error = fixture.load_error();
    for part in [
        "\"accounts.example.org\" is not an http or https URL",
        "TTL_S in the environment: \"five\" is not a whole",
        "is not 32 bytes",
    ] {
        assert!(load_error.contains(part), "{part:?} is not in\n{load_error}");
    }
    assert!(load_error.contains("USERD_TOKEN__ENCRYPTION_KEY_FILE in"), "the twin that set it is named: {load_error}");
}

/// The keys and values of the defaults, by the path that the schema has for them.
fn reference() -> Vec<(String, Json)> {
    let document: serde_json::Map<String, Json> = Toml::from_str(DEFAULTS).expect("the reference is TOML");
    let mut keys = Vec::new();
    for (name, value) in document {
        match value {
            Json::Object(section) => keys.extend(
                section.into_iter().map(|(key, value)| (format!("/properties/{name}/properties/{key}"), value)),
            ),
            value => keys.push((format!("/properties/{name}"), value)),
        }
    }
    keys
}

#[test]
fn the_schema_describes_every_key_of_the_reference_and_accepts_its_value() {
    let schema = json_schema().expect("a schema can be made");
    for (path, value) in reference() {
        let key = schema.pointer(&path).unwrap_or_else(|| panic!("{path} is not in the schema"));
        assert_eq!(key["default"], value, "{path}");
        assert!(key["description"].is_string(), "{path} has no description");
        match key["type"].as_str() {
            Some("integer") => {
                let number = value.as_i64().expect("a whole number");
                let limits = key["minimum"].as_i64().zip(key["maximum"].as_i64());
                let (least, most) = limits.unwrap_or_else(|| panic!("{path} has no range"));
                assert!((least..=most).contains(&number), "{path}");
            }
            Some("boolean") => assert!(value.is_boolean(), "{path}"),
            Some("array") => assert!(value.is_array(), "{path}"),
            Some(_) => assert!(value.is_string(), "{path}"),
            None => assert!(key.to_string().contains(&format!("\"const\":{value}")), "{path}: {key}"),
        }
    }
    let keys = |schema: &Json| schema["properties"].as_object().expect("properties").clone();
    let leaves = |schema: Json| if schema["type"] == "object" { keys(&schema).len() } else { 1 };
    assert_eq!(keys(&schema).into_iter().map(|(_, schema)| leaves(schema)).sum::<usize>(), reference().len());
    let iterations = &schema["properties"]["hash"]["properties"]["iterations"];
    assert_eq!((&iterations["minimum"], &iterations["maximum"]), (&1.into(), &64.into()));
    assert_eq!(schema["properties"]["hash"]["additionalProperties"], false);
}
