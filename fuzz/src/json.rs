//! JSON against another reader of it.

use rocketlite_core::wire::DecodeErrorKind;
use rocketlite_core::wire::json::{self, Value};

/// What any other reader takes is taken here, and means the same. More is taken here: bare numbers as keys, raw control
/// characters, halves of surrogate pairs, numbers of any size.
pub(crate) fn check(text: &[u8]) {
    let ours = json::parse("text", text);
    let Ok(theirs) = serde_json::from_slice::<serde_json::Value>(text) else {
        if let Ok(ours) = &ours {
            visit(ours);
        }
        return;
    };
    match ours {
        Ok(ours) => same(&ours, &theirs),
        // Deeper than any body of the protocol.
        Err(error) => assert_eq!(error.kind, DecodeErrorKind::OverLimit, "{theirs}"),
    }
}

/// Reads everything that is there. A walk has no errors, so what it visits is all there is.
fn visit(value: &Value<'_>) {
    let _ = value.text().map(|text| text.to_string());
    value.elements().for_each(|element| visit(&element));
    for (key, member) in value.members() {
        assert_eq!(key.to_string().len(), key.len());
        visit(&member);
    }
}

fn same(ours: &Value<'_>, theirs: &serde_json::Value) {
    match (ours, theirs) {
        (Value::Null, serde_json::Value::Null) => {}
        (Value::Bool(ours), serde_json::Value::Bool(theirs)) => assert_eq!(ours, theirs),
        (Value::Number(ours), serde_json::Value::Number(theirs)) => {
            if let Some(theirs) = theirs.as_i64() {
                assert_eq!(ours.parse("number"), Ok(theirs));
            }
        }
        (Value::String(ours), serde_json::Value::String(theirs)) => {
            assert!(*ours == **theirs);
            assert_eq!(ours.to_string(), *theirs);
            assert_eq!(ours.chars().collect::<String>(), *theirs);
        }
        (Value::Array(_), serde_json::Value::Array(theirs)) => {
            let mut count = 0;
            for (ours, theirs) in ours.elements().zip(theirs) {
                same(&ours, theirs);
                count += 1;
            }
            assert_eq!((count, ours.elements().count()), (theirs.len(), theirs.len()));
        }
        (Value::Object(_), serde_json::Value::Object(theirs)) => {
            assert!(ours.members().all(|(key, _)| theirs.contains_key(&key.to_string())));
            for (key, theirs) in theirs {
                same(&ours.get(key).expect("a member"), theirs);
            }
        }
        (ours, theirs) => panic!("{ours:?} is not {theirs}"),
    }
}
