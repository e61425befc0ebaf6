use std::path::PathBuf;

use super::*;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Probe {
    a: u8,
}

#[test]
fn each_refusal_has_its_name() {
    let cases: [(&[u8], StrictJsonError); 8] = [
        (br#"{"a":1,"a":1}"#, StrictJsonError::DuplicateMember),
        (br#"{"a":1,"\u0061":1}"#, StrictJsonError::DuplicateMember),
        (
            br#"{"$serde_json::private::RawValue":"{\"a\":1,\"a\":2}"}"#,
            StrictJsonError::ReservedMember,
        ),
        (b"{\"a\":\"\xff\"}", StrictJsonError::NotUtf8),
        (
            br#"{"a":1}                                                      "#,
            StrictJsonError::TooLarge { limit: 60 },
        ),
        (
            b"{\"a\":1}\0",
            StrictJsonError::Syntax { line: 1, column: 8 },
        ),
        (
            br#"{"a":1,"b":2}"#,
            StrictJsonError::Shape {
                fault: Fault::Unknown {
                    member: "b".to_owned(),
                    expected: "`a`".to_owned(),
                },
                line: 1,
                column: 10,
            },
        ),
        (
            br#"{"a":300}"#,
            StrictJsonError::Shape {
                fault: Fault::Value {
                    member: "a".to_owned(),
                    expected: "a whole number within bounds".to_owned(),
                },
                line: 1,
                column: 8,
            },
        ),
    ];
    for (bytes, expected) in cases {
        assert_eq!(
            parse::<Probe>(bytes, 60).expect_err("refused"),
            expected,
            "{}",
            String::from_utf8_lossy(bytes)
        );
    }
    assert_eq!(parse::<Probe>(br#"{"a":1}"#, 60), Ok(Probe { a: 1 }));
}

#[test]
fn duplicates_are_found_at_every_level_but_only_within_one_object() {
    assert_eq!(
        parse_value(br#"[{"x":{"y":[{"z":1,"z":2}]}}]"#, 99),
        Err(StrictJsonError::DuplicateMember)
    );
    assert!(parse_value(br#"[{"x":1},{"x":{"x":1}}]"#, 99).is_ok());
}

#[test]
fn depth_is_counted_outside_strings_only() {
    let nested = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
    assert!(parse_value(&nested(MAX_DEPTH), 1_000).is_ok());
    assert_eq!(
        parse_value(&nested(MAX_DEPTH + 1), 1_000),
        Err(StrictJsonError::TooDeep)
    );
    assert_eq!(
        parse_value(&nested(500_000), usize::MAX),
        Err(StrictJsonError::TooDeep)
    );
    let text = format!(r#"["{}\"{}\\"]"#, "[".repeat(200), "{".repeat(200));
    assert!(parse_value(text.as_bytes(), 1_000).is_ok());
}

#[test]
fn an_escaped_nul_is_kept_whole() {
    assert_eq!(
        parse_value(br#""a\u0000b""#, 99),
        Ok(Value::String("a\0b".to_owned()))
    );
}

proptest::proptest! {
    #[test]
    fn any_bytes_end_in_an_answer(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400)) {
        let _ = parse_value(&bytes, 300);
    }

    #[test]
    fn what_is_read_reads_back(text in r#"[\[\]{}:,"a1 \\u0]{0,40}"#) {
        if let Ok(value) = parse_value(text.as_bytes(), 300) {
            proptest::prop_assert_eq!(parse_value(value.to_string().as_bytes(), 3_000), Ok(value));
        }
    }
}

fn shared() -> PathBuf {
    std::env::var_os("UNHOOK_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    )
}

#[test]
fn the_json_test_suite_is_read_as_it_says() {
    let folder = shared().join("vectors/json/test_parsing");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("left out: the JSON test suite is not there");
        return;
    };
    let (mut read, mut wrong) = (0, Vec::new());
    for entry in entries {
        let path = entry.expect("entry").path();
        let name = path
            .file_name()
            .expect("name")
            .to_string_lossy()
            .into_owned();
        let bytes = std::fs::read(&path).expect("readable");
        let outcome = parse_value(&bytes, 1 << 20);
        let right = match name.get(..2) {
            // Two equal names are legal by the grammar and refused here on purpose.
            Some("y_") if name.starts_with("y_object_duplicated_key") => {
                outcome == Err(StrictJsonError::DuplicateMember)
            }
            Some("y_") => outcome.is_ok(),
            Some("n_") => outcome.is_err(),
            // Left to the implementation: any answer, but an answer.
            _ => true,
        };
        read += 1;
        if !right {
            wrong.push(format!("{name}: {outcome:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(read > 300, "only {read} files");
}
