use super::*;
use std::string::{String, ToString};
use std::vec::Vec;

fn pairs(string: &str) -> Vec<(String, String)> {
    Properties::new(string.as_bytes()).iter().map(|(n, v)| (n.to_string(), v.to_string())).collect()
}

fn written(form: PropertyForm, json: bool, put: impl Fn(&mut PropertyWriter<'_, '_>)) -> String {
    let mut buffer = [0u8; 128];
    let mut writer = Writer::new(&mut buffer);
    put(&mut PropertyWriter::in_field(&mut writer, json, form));
    let len = writer.filled();
    String::from_utf8(buffer[..len].to_vec()).unwrap()
}

#[test]
fn what_java_drops_is_dropped() {
    let pair = |n: &str, v: &str| (n.to_string(), v.to_string());
    assert_eq!(pairs("a\x01b\x02c\x01d"), [pair("a", "b"), pair("c", "d")]);
    assert_eq!(pairs("\x02\x02a\x01\x02\x01b\x02ab\x02a\x01b\x01c\x02"), [pair("a", "b\x01c")]);
    assert_eq!(pairs(""), []);
}

#[test]
fn of_several_values_the_last_counts() {
    let properties = Properties::new(b"a\x01b\x02a\x01c\x02");
    assert_eq!(properties.get("a").unwrap(), "c");
    assert!(properties.get("b").is_none());
}

#[test]
fn both_forms_are_written_and_appended_to() {
    let put = |writer: &mut PropertyWriter<'_, '_>| {
        writer.put("a", "b");
        writer.put_int("n", i64::MIN);
    };
    assert_eq!(written(PropertyForm::Terminated, false, put), "a\x01b\x02n\x01-9223372036854775808\x02");
    assert_eq!(written(PropertyForm::Separated, false, put), "a\x01b\x02n\x01-9223372036854775808");
    for existing in ["k\x01v", "k\x01v\x02"] {
        let put = |writer: &mut PropertyWriter<'_, '_>| {
            writer.put_string("".into());
            writer.put_string(existing.into());
            writer.put("a", "b");
        };
        assert_eq!(written(PropertyForm::Terminated, false, put), "k\x01v\x02a\x01b\x02");
        assert_eq!(written(PropertyForm::Separated, false, put), "k\x01v\x02a\x01b");
    }
}

#[test]
fn inside_json_everything_is_escaped() {
    let put = |writer: &mut PropertyWriter<'_, '_>| writer.put("a\"", "b\\");
    assert_eq!(written(PropertyForm::Terminated, true, put), r#"a\"\u0001b\\\u0002"#);
}

#[test]
fn users_may_not_set_what_the_system_uses() {
    let text = |name, value| check_user_property(name, value).unwrap_err().to_string();
    assert_eq!(text("UNIQ_KEY", ""), "The Property<UNIQ_KEY> is used by system, input another please");
    assert_eq!(text("a", " \t"), "The name or value of property can not be null or blank string!");
    assert_eq!(text("", "v"), "The name or value of property can not be null or blank string!");
    assert_eq!(text("a", "b\x02"), "The Property<a> holds a separator, 0x01 or 0x02");
    for free in ["user", SHARDING_KEY, REDIRECT, "__RMQ.TRANSIENT.X"] {
        assert_eq!(check_user_property(free, "v"), Ok(()));
    }
}
