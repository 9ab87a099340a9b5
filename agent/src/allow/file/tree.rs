//! YAML as a tree in which everything knows its line. Scalars are texts: what they mean is the reader's to say, so that
//! `+15550100123` stays a number of a phone.

use saphyr_parser::{Event, Parser, ScalarStyle};

/// Something in the file.
#[derive(Debug)]
pub(super) struct Node {
    /// Counted from 1.
    pub(super) line: usize,
    pub(super) value: Value,
}

#[derive(Debug)]
pub(super) enum Value {
    /// A text without quotes; empty where there is nothing at all.
    Plain(String),
    /// A text in quotes, or a block.
    Quoted(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
    /// `*name`: a reference to another place.
    Alias,
}

/// Not YAML, with the line where that shows.
#[derive(Debug)]
pub(super) struct Malformed {
    pub(super) line: usize,
    pub(super) text: String,
}

impl Node {
    /// The text of a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Plain(text) | Value::Quoted(text) => Some(text),
            _ => None,
        }
    }

    /// Whether nothing is there, or a word for nothing.
    pub(super) fn is_nothing(&self) -> bool {
        matches!(&self.value, Value::Plain(text) if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// What it is, for a person.
    pub(super) fn kind(&self) -> &'static str {
        match &self.value {
            _ if self.is_nothing() => "nothing",
            Value::Plain(_) | Value::Quoted(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
            Value::Alias => "a reference (*name)",
        }
    }
}

/// What is being gathered, outermost first.
enum Open {
    List(usize, Vec<Node>),
    Map(usize, Vec<(Node, Node)>, Option<Node>),
}

/// The one document in `text`; `None` when there is none.
pub(super) fn read(text: &str) -> Result<Option<Node>, Malformed> {
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| Malformed {
            line: error.marker().line(),
            text: error.info().to_owned(),
        })?;
        let line = span.start.line();
        let value = match event {
            Event::Scalar(text, ScalarStyle::Plain, ..) => Value::Plain(text.into_owned()),
            Event::Scalar(text, ..) => Value::Quoted(text.into_owned()),
            Event::Alias(_) => Value::Alias,
            Event::SequenceStart(..) => {
                open.push(Open::List(line, Vec::new()));
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open::Map(line, Vec::new(), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(line, items)) => {
                    place(&mut open, &mut root, Node::of(line, Value::List(items)));
                    continue;
                }
                Some(Open::Map(line, pairs, _)) => {
                    place(&mut open, &mut root, Node::of(line, Value::Map(pairs)));
                    continue;
                }
                None => continue,
            },
            Event::DocumentStart(_) if root.is_some() => {
                let text = "a second document begins here; there may be one only".to_owned();
                return Err(Malformed { line, text });
            }
            _ => continue,
        };
        place(&mut open, &mut root, Node::of(line, value));
    }
    Ok(root)
}

impl Node {
    const fn of(line: usize, value: Value) -> Self {
        Self { line, value }
    }
}

fn place(open: &mut [Open], root: &mut Option<Node>, node: Node) {
    match open.last_mut() {
        None => *root = Some(node),
        Some(Open::List(_, items)) => items.push(node),
        Some(Open::Map(_, pairs, key)) => match key.take() {
            None => *key = Some(node),
            Some(key) => pairs.push((key, node)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_knows_its_line() {
        let text = "a:\n  - b\n  - {c: +1555, d: \"e\"}\nf: *g\nh:\n";
        // An alias of nothing is malformed; with its anchor it is a reference.
        assert_eq!(read(text).unwrap_err().line, 4);
        let text = text.replace("- b", "- &g b");
        let Some(Node {
            value: Value::Map(pairs),
            line: 1,
        }) = read(&text).unwrap()
        else {
            panic!("not a mapping");
        };
        let lines: Vec<_> = pairs
            .iter()
            .map(|(key, node)| (key.line, node.line))
            .collect();
        assert_eq!(lines[0], (1, 2));
        assert_eq!(lines[1], (4, 4));
        assert_eq!(pairs[1].1.kind(), "a reference (*name)");
        assert!(pairs[2].1.is_nothing());
        let Value::List(items) = &pairs[0].1.value else {
            panic!("not a list");
        };
        assert_eq!((items[0].line, items[1].line), (2, 3));
        let Value::Map(inner) = &items[1].value else {
            panic!("not a mapping");
        };
        assert_eq!(inner[0].1.text(), Some("+1555"));
    }

    #[test]
    fn an_empty_file_is_nothing_and_two_documents_are_one_too_many() {
        assert!(read("").unwrap().is_none());
        assert!(read("# only a remark\n").unwrap().is_none());
        assert_eq!(read("a: b\n---\nc: d\n").unwrap_err().line, 2);
    }

    #[test]
    fn what_is_nested_deeply_does_not_end_the_process() {
        let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
        let _ = read(&deep);
    }
}
