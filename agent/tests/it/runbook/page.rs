//! The commands in a page, and the output that it shows for them.
//!
//! A comment before each console block names the scene it is run in, or why it is not run:
//!
//! ```text
//! <!-- run on a linked agent -->
//! <!-- not run: it needs Railway -->
//! ```

use std::path::Path;

/// A console block.
pub(crate) struct Block {
    /// Its line in the page.
    pub(crate) line: usize,
    /// The scene. `None`: it is not run.
    pub(crate) scene: Option<String>,
    pub(crate) steps: Vec<Step>,
}

/// A command and what it prints.
pub(crate) struct Step {
    pub(crate) line: usize,
    pub(crate) command: String,
    pub(crate) shown: Vec<String>,
}

/// A page of this project.
pub(crate) fn text(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    std::fs::read_to_string(root.join(path)).unwrap()
}

/// The console blocks of a page. Panics for a block without such a comment, and for other kinds of blocks that look
/// like commands.
pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = (1..).zip(text.lines());
    let mut before = "";
    while let Some((line, text)) = lines.next() {
        let Some(kind) = text.trim_start().strip_prefix("```") else {
            if !text.trim().is_empty() {
                before = text;
            }
            continue;
        };
        let indent = text.len() - text.trim_start().len();
        let inside = lines
            .by_ref()
            .map(|(line, text)| (line, text.get(indent..).unwrap_or("")));
        let inside: Vec<_> = inside.take_while(|(_, text)| *text != "```").collect();
        if kind == "console" {
            let scene =
                scene(before).unwrap_or_else(|| panic!("line {line}: say whether it is run"));
            let steps = steps(&inside);
            blocks.push(Block { line, scene, steps });
        } else {
            let command = inside.iter().find(|(_, text)| text.starts_with("$ "));
            assert!(command.is_none(), "{command:?}: make it a console block");
        }
    }
    blocks
}

/// Parses the comment before a block.
fn scene(comment: &str) -> Option<Option<String>> {
    let text = comment.trim().strip_prefix("<!-- ")?.strip_suffix(" -->")?;
    if text.starts_with("not run: ") {
        return Some(None);
    }
    text.strip_prefix("run on ")
        .map(|scene| Some(scene.to_owned()))
}

fn steps(lines: &[(usize, &str)]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (line, text) in lines {
        if let Some(command) = text.strip_prefix("$ ") {
            steps.push(Step {
                line: *line,
                command: command.to_owned(),
                shown: Vec::new(),
            });
            continue;
        }
        let step = steps
            .last_mut()
            .unwrap_or_else(|| panic!("line {line}: no command"));
        if step.command.ends_with('\\') {
            step.command.push('\n');
            step.command.push_str(text);
        } else {
            step.shown.push((*text).to_owned());
        }
    }
    steps
}

/// The source files in a directory of this project, recursively.
pub(crate) fn sources(dir: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root.join(dir)).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{dir}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            found.extend(sources(&path));
        } else {
            found.push(path);
        }
    }
    found
}
