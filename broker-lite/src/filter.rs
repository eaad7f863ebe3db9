//! Tags: what a subscription lets through (`FilterAPI#buildSubscriptionData`, `DefaultMessageFilter`).

use core::fmt;

use rocketlite_core::wire::Text;

/// A tag as queues keep it: Java's `String#hashCode` over UTF-16 code units.
pub(crate) fn tags_code(tag: Text<'_>) -> i32 {
    tag.chars().fold(0, step)
}

fn step(hash: i32, char: char) -> i32 {
    let mut units = [0u16; 2];
    char.encode_utf16(&mut units)
        .iter()
        .fold(hash, |hash, unit| hash.wrapping_mul(31).wrapping_add((*unit).into()))
}

/// Most tags of one subscription that the broker tells apart.
pub(crate) const MAX_TAGS: usize = 32;

/// The tags of a subscription. Tags with equal hashes pass together, and so does everything if there are more than
/// [`MAX_TAGS`]: every client looks again at the text of the tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TagFilter {
    All,
    Codes(heapless::Vec<i32, MAX_TAGS>),
}

impl TagFilter {
    /// Reads `A || B`; `*` and an empty text are everything.
    pub(crate) fn parse(expression: Text<'_>) -> Self {
        if expression.is_empty() || expression == "*" {
            return Self::All;
        }
        let mut codes = heapless::Vec::new();
        let mut tag = Tag::default();
        let mut bar = false;
        for char in expression.chars() {
            match (char, bar) {
                ('|', false) => bar = true,
                ('|', true) => {
                    bar = false;
                    if !add(&mut codes, &core::mem::take(&mut tag)) {
                        return Self::All;
                    }
                }
                _ => {
                    if core::mem::take(&mut bar) {
                        tag.push('|');
                    }
                    tag.push(char);
                }
            }
        }
        if bar {
            tag.push('|');
        }
        if add(&mut codes, &tag) { Self::Codes(codes) } else { Self::All }
    }

    /// Whether a message with a tag of this hash passes; 0 is that of no tag.
    pub(crate) fn matches(&self, code: i32) -> bool {
        match self {
            Self::All => true,
            Self::Codes(codes) => codes.contains(&code),
        }
    }
}

/// Whether there was room for the tag, or nothing to make room for.
fn add(codes: &mut heapless::Vec<i32, MAX_TAGS>, tag: &Tag) -> bool {
    match tag.code {
        Some(code) if !codes.contains(&code) => codes.push(code).is_ok(),
        _ => true,
    }
}

/// A tag that is read char by char, without the white space around it.
#[derive(Debug, Default)]
struct Tag {
    /// The hash up to the last char that is not white space.
    code: Option<i32>,
    /// The hash of all of it.
    hash: i32,
}

impl Tag {
    fn push(&mut self, char: char) {
        // What `String#trim` takes away.
        let blank = char <= ' ';
        if blank && self.code.is_none() {
            return;
        }
        self.hash = step(self.hash, char);
        if !blank {
            self.code = Some(self.hash);
        }
    }
}

/// Longest expression that is kept to be shown; a longer one is cut.
const MAX_SHOWN: usize = 255;

/// A subscription's expression: what it lets through, and its text to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expression {
    pub(crate) filter: TagFilter,
    pub(crate) text: heapless::String<MAX_SHOWN>,
}

impl Expression {
    pub(crate) fn new(text: Text<'_>) -> Self {
        let filter = TagFilter::parse(text);
        let mut shown = heapless::String::new();
        if text.is_empty() {
            let _ = shown.push('*');
        }
        for char in text.chars() {
            if shown.push(char).is_err() {
                break;
            }
        }
        Self { filter, text: shown }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(tag: &str) -> i32 {
        tags_code(Text::from(tag))
    }

    /// Recorded from Java.
    #[test]
    fn tags_have_the_hashes_of_java() {
        let tags = [
            ("", 0),
            ("A", 65),
            ("TagA", 2_598_919),
            ("TagB", 2_598_920),
            ("标签", 857_175),
            ("order_paid", 756_282_653),
            ("refund", -934_813_832),
            ("polygenelubricants", i32::MIN),
        ];
        for (tag, hash) in tags {
            assert_eq!(code(tag), hash, "{tag}");
        }
    }

    #[test]
    fn an_expression_is_split_and_trimmed_as_in_java() {
        let codes = |text: &str| match TagFilter::parse(Text::from(text)) {
            TagFilter::Codes(codes) => codes.to_vec(),
            TagFilter::All => panic!("{text} lets everything through"),
        };
        assert_eq!(codes("TagA"), [code("TagA")]);
        assert_eq!(codes(" TagA||  Tag B ||TagA|| "), [code("TagA"), code("Tag B")]);
        assert_eq!(codes("a|b"), [code("a|b")]);
        assert_eq!(codes("a|||b"), [code("a"), code("|b")]);
        assert_eq!(codes("||"), [0i32; 0]);
        for all in ["", "*"] {
            assert_eq!(TagFilter::parse(Text::from(all)), TagFilter::All);
        }
        let filter = TagFilter::parse(Text::from("A || B"));
        assert!(filter.matches(65) && filter.matches(66) && !filter.matches(67) && !filter.matches(0));
    }

    #[test]
    fn too_many_tags_let_everything_through() {
        let tags: std::vec::Vec<_> = (0..=MAX_TAGS).map(|n| std::format!("tag{n}")).collect();
        assert_eq!(TagFilter::parse(Text::from(tags.join("||").as_str())), TagFilter::All);
        assert!(!TagFilter::parse(Text::from(tags[1..].join("||").as_str())).matches(0));
    }

    #[test]
    fn a_long_expression_is_cut_only_where_it_is_shown() {
        let text = std::format!("{}||B", "a".repeat(400));
        let expression = Expression::new(Text::from(text.as_str()));
        assert_eq!(expression.text.len(), MAX_SHOWN);
        assert!(expression.filter.matches(66));
    }
}
