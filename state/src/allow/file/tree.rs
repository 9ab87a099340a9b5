//! YAML as a tree in which every node has its line. Scalars stay text, and the reader interprets them, so that
//! `+15550100123` stays a phone number.

use saphyr_parser::{Event, Parser, ScalarStyle};

/// A node of the tree.
#[derive(Debug)]
pub(super) struct Node {
    /// The line, counted from 1.
    pub(super) line: usize,
    pub(super) value: Value,
    /// True if the node has a tag (`!!str`, `!mine`), which sets the type of its value.
    pub(super) tagged: bool,
}

/// The only document of the file.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// The contents; `None` if the document is empty.
    pub(super) root: Option<Node>,
    /// The lines of all `$include` keys.
    pub(super) includes: Vec<usize>,
}

/// OpenClaw's key for including another file.
const INCLUDE: &str = "$include";
/// Deeper than any file that a person writes.
const MAX_DEPTH: usize = 64;

#[derive(Debug)]
pub(super) enum Value {
    /// An unquoted scalar; empty if there is no value.
    Plain(String),
    /// A quoted scalar, or a block scalar.
    Quoted(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
    /// `*name`: a reference to an anchor.
    Alias,
}

/// The text is not YAML; the line is where parsing failed.
#[derive(Debug)]
pub(super) struct Malformed {
    pub(super) line: usize,
    pub(super) text: String,
}

impl Node {
    /// The text of a scalar; `None` for other nodes.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Plain(text) | Value::Quoted(text) => Some(text),
            _ => None,
        }
    }

    /// True if there is no value, or `null` or `~`.
    pub(super) fn is_nothing(&self) -> bool {
        matches!(&self.value, Value::Plain(text) if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The kind of node, for error texts.
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

/// A node that is being built; the parser keeps a stack of them, outermost first.
enum Open {
    List(Node, Vec<Node>),
    Map(Node, Vec<(Node, Node)>, Option<Node>),
}

/// Parses the only document in `text`.
pub(super) fn read(text: &str) -> Result<Document, Malformed> {
    readable(text)?;
    let mut open: Vec<Open> = Vec::new();
    let mut document = Document::default();
    let mut documents = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| Malformed {
            line: error.marker().line(),
            text: error.info().to_owned(),
        })?;
        let line = span.start.line();
        let malformed = |text: &str| Malformed {
            line,
            text: text.to_owned(),
        };
        let node = |value, tagged| Node {
            line,
            value,
            tagged,
        };
        if open.len() > MAX_DEPTH {
            return Err(malformed("nested deeper than 64 levels"));
        }
        let whole = match event {
            Event::Scalar(text, ScalarStyle::Plain, _, tag) => {
                node(Value::Plain(text.into_owned()), tag.is_some())
            }
            Event::Scalar(text, _, _, tag) => node(Value::Quoted(text.into_owned()), tag.is_some()),
            Event::Alias(_) => node(Value::Alias, false),
            Event::SequenceStart(_, tag) => {
                let list = node(Value::List(Vec::new()), tag.is_some());
                open.push(Open::List(list, Vec::new()));
                continue;
            }
            Event::MappingStart(_, tag) => {
                let map = node(Value::Map(Vec::new()), tag.is_some());
                open.push(Open::Map(map, Vec::new(), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(node, items)) => Node {
                    value: Value::List(items),
                    ..node
                },
                Some(Open::Map(node, pairs, _)) => Node {
                    value: Value::Map(pairs),
                    ..node
                },
                None => continue,
            },
            Event::DocumentStart(_) => {
                documents += 1;
                if documents > 1 {
                    return Err(malformed(
                        "a second document begins here; only one is supported",
                    ));
                }
                continue;
            }
            _ => continue,
        };
        place(&mut open, &mut document, whole);
    }
    Ok(document)
}

/// Rejects characters that end a text or a line for some programs only (a parser may stop at NUL, an editor may break
/// a comment at U+2028), so that everyone sees the same file.
fn readable(text: &str) -> Result<(), Malformed> {
    for (n, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let strange = line.chars().find(|c| match c {
            '\t' => false,
            '\u{85}' | '\u{2028}' | '\u{2029}' => true,
            c => c.is_control(),
        });
        if let Some(c) = strange {
            return Err(Malformed {
                line: n + 1,
                text: format!(
                    "the character U+{:04X} is not allowed in YAML",
                    u32::from(c)
                ),
            });
        }
    }
    Ok(())
}

fn place(open: &mut [Open], document: &mut Document, node: Node) {
    match open.last_mut() {
        None => document.root = Some(node),
        Some(Open::List(_, items)) => items.push(node),
        Some(Open::Map(_, pairs, key)) => match key.take() {
            None => {
                if node.text() == Some(INCLUDE) {
                    document.includes.push(node.line);
                }
                *key = Some(node);
            }
            Some(key) => pairs.push((key, node)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_has_its_line() {
        let text = "a:\n  - b\n  - {c: +1555, d: \"e\"}\nf: *g\nh:\n";
        // An alias without its anchor is malformed; with the anchor it is a reference.
        assert_eq!(read(text).unwrap_err().line, 4);
        let text = text.replace("- b", "- &g b");
        let Some(Node {
            value: Value::Map(pairs),
            line: 1,
            ..
        }) = read(&text).unwrap().root
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
    fn an_empty_file_has_no_root_and_two_documents_are_refused() {
        assert!(read("").unwrap().root.is_none());
        assert!(read("# only a remark\n").unwrap().root.is_none());
        assert_eq!(read("a: b\n---\nc: d\n").unwrap_err().line, 2);
    }

    #[test]
    fn deep_nesting_does_not_overflow_the_stack() {
        let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
        assert_eq!(read(&deep).unwrap_err().line, 1);
        let whole = format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
        assert!(read(&whole).is_ok());
    }
}
