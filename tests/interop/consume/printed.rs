//! What of a print-out is the same each time.

/// The text without what changes from run to run: addresses, ids, times, rates, and the widths of columns.
pub(super) fn stable(text: &str) -> String {
    // Where in the reference's own code it was is not what failed.
    let lines = text.lines().filter(|line| STACK.iter().all(|at| !line.trim_start().starts_with(at)));
    let lines = lines.map(|line| line.split_whitespace().map(words).collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

const STACK: [&str; 2] = ["at ", "... "];

/// The words between punctuation.
fn words(column: &str) -> String {
    let mut stable = String::new();
    let mut word = String::new();
    for character in column.chars().chain(['\n']) {
        if character.is_alphanumeric() || ".:,-_%#@".contains(character) {
            word.push(character);
            continue;
        }
        // A comma belongs to the word it stands in, as in a time's milliseconds, but not at its end.
        let whole = word.trim_end_matches(',');
        stable.push_str(kind(whole).unwrap_or(whole));
        stable.push_str(&word[whole.len()..]);
        word.clear();
        stable.push(character);
    }
    stable.truncate(stable.trim_end().len());
    stable
}

/// What a word is an example of, if it is not the same each time.
fn kind(word: &str) -> Option<&'static str> {
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let all_digits =
        |separator: char| word.contains(separator) && word.split([separator, ',']).all(is_digits);
    if word.starts_with("127.0.0.1:") {
        Some("ADDRESS")
    } else if word.len() >= 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Some("ID")
    } else if word.contains('@') {
        Some("NAME@INSTANCE")
    } else if is_digits(word) && word.len() >= 13 || all_digits('-') || all_digits(':') {
        Some("TIME")
    } else if all_digits('.') {
        Some("NUMBER")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::stable;

    #[test]
    fn only_what_changes_from_run_to_run_is_left_out() {
        let text = "#Addr   #TPS\n127.0.0.1:4711  0.50 \n\nA [host=/127.0.0.1:1, born=1795384764574]\n\tat Some.java";
        assert_eq!(stable(text), "#Addr #TPS\nADDRESS NUMBER\nA [host=/ADDRESS, born=TIME]");
        assert_eq!(stable("2026-11-22 21:59:24,888 V5_4_0 10"), "TIME TIME V5_4_0 10");
    }
}
