//! `DIFFERENCES.md`: where we deliberately do not do what the reference does.

use core::cell::Cell;

use super::FILES;

/// The rows of one file.
#[derive(Debug)]
pub struct Differences {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    pattern: String,
    /// Whether its cases differ only for some seeds of the vectors.
    by_chance: bool,
    used: Cell<bool>,
}

impl Differences {
    /// The rows for `file`.
    pub fn of(file: &str) -> Self {
        Self::parse(include_str!("../../DIFFERENCES.md"), file)
    }

    /// Reads a table with the columns file, cases, what we do, why.
    ///
    /// # Panics
    /// If a row is not of that form, or of a file that does not exist.
    pub(super) fn parse(table: &str, file: &str) -> Self {
        let mut rows = Vec::new();
        for line in table.lines().filter(|line| line.starts_with('|')) {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            let [of, cases, what, why] = cells.as_slice() else { panic!("not four columns: {line}") };
            if *of == "file" || of.starts_with("---") {
                continue;
            }
            let of = of.trim_matches('`');
            assert!(cfg!(test) || FILES.contains(&of), "no such file: {line}");
            assert!(!what.is_empty() && !why.is_empty(), "without a reason: {line}");
            if of == file {
                let certain = cases.strip_suffix(" by chance");
                let pattern = certain.unwrap_or(cases).trim_matches('`').to_string();
                rows.push(Row { pattern, by_chance: certain.is_some(), used: Cell::new(false) });
            }
        }
        Self { rows }
    }

    /// Whether a row lists `name`, which is that of a case or `case / aspect`.
    pub(super) fn lists(&self, name: &str) -> bool {
        let mut listed = false;
        for row in self.rows.iter().filter(|row| matches(&row.pattern, name)) {
            row.used.set(true);
            listed = true;
        }
        listed
    }

    /// Whether a row lists `name` as a case that may agree as well.
    pub(super) fn by_chance(&self, name: &str) -> bool {
        self.rows.iter().any(|row| row.by_chance && matches(&row.pattern, name))
    }

    /// The rows that have listed nothing.
    pub(super) fn unused(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().filter(|row| !row.used.get()).map(|row| row.pattern.as_str())
    }
}

/// Whether `name` is `pattern`, in which `*` stands for any characters.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, after)) => name.strip_prefix(before).is_some_and(|rest| {
            rest.char_indices().any(|(at, _)| matches(after, &rest[at..])) || matches(after, "")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, name) in
            [("a", "a"), ("*", ""), ("a*", "a"), ("a*c", "abc"), ("*b*", "abc"), ("*c", "é c")]
        {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("a", "b"), ("a*", "b"), ("a*c", "abd"), ("*b", "abc"), ("a*a", "a")] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn rows_are_of_one_file_and_know_whether_they_were_used() {
        let table = String::from(
            "text\n| file | cases | what | why |\n|---|---|---|---|\n| `f` | `a | b*` | x | y |\n",
        );
        let table = table + "| `f` | `c` by chance | x | y |\n";
        let table = table.replace("a | b*", "a b*").replace("|---|---|---|---|", "| --- | --- | --- | --- |");
        let differences = Differences::parse(&table, "f");
        assert_eq!(differences.unused().collect::<Vec<_>>(), ["a b*", "c"]);
        assert!(differences.lists("c") && differences.by_chance("c") && !differences.by_chance("a bc"));
        assert!(differences.lists("a bc") && !differences.lists("a"));
        assert_eq!(differences.unused().count(), 0);
        assert_eq!(Differences::parse(&table, "g").unused().count(), 0);
    }
}
