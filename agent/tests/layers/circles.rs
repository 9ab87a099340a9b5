//! Import cycles within a crate are forbidden, and the simulator's modules form layers: to understand a file, a reader
//! needs only the layers below it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::code;

/// Crates that must have no import cycle.
const CRATES: &[&str] = &["ctl/src", "sim/src"];

/// The simulator's layers, from the bottom up. A module imports only from its own layer and those below.
const FLOORS: &[&[&str]] = &[
    &["clock", "id", "number", "spare_port", "sync"],
    &["signal", "wire"],
    &["state"],
    &["delivery"],
    &["phones"],
    &["rules"],
    &["server"],
    &["sim"],
    &["control"],
];

/// A module's name, as `["rules", "iq"]`; empty for the crate's root.
type Module = Vec<String>;
/// The imports of each module.
type Imports = BTreeMap<Module, BTreeSet<Module>>;

#[test]
fn no_crate_has_an_import_cycle() {
    for source in CRATES {
        let imports = imports(&modules(source));
        assert!(imports.len() > 3, "{source} has hardly any file");
        assert_eq!(circle(&imports), None, "{source}: these import each other");
    }
}

#[test]
fn the_simulator_imports_downward_only() {
    let floor = |module: &Module| {
        let room = module.first()?;
        FLOORS
            .iter()
            .position(|floor| floor.contains(&room.as_str()))
    };
    let mut upward = Vec::new();
    for (from, all) in imports(&modules("sim/src")) {
        if from.is_empty() {
            continue;
        }
        let own = floor(&from).unwrap_or_else(|| panic!("{from:?} is on no floor"));
        let above = all
            .iter()
            .filter(|to| floor(to).is_none_or(|floor| floor > own));
        upward.extend(above.map(|to| format!("{} -> {}", from.join("::"), to.join("::"))));
    }
    assert_eq!(upward, [""; 0]);
}

/// The text of every module, without tests.
fn modules(source: &str) -> BTreeMap<Module, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(source);
    let mut found = BTreeMap::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            if name == "tests" {
            } else if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(&path).unwrap();
                let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
                let module = path.strip_prefix(&root).unwrap().with_extension("");
                let module = module.iter().map(|part| part.to_str().unwrap().to_owned());
                let at_root = matches!(name.as_str(), "lib" | "main");
                let module = if at_root {
                    Vec::new()
                } else {
                    module.collect()
                };
                found
                    .entry(module)
                    .or_insert_with(String::new)
                    .push_str(&code(text));
            }
        }
    }
    found
}

fn imports(modules: &BTreeMap<Module, String>) -> Imports {
    let of = |(module, text): (&Module, &String)| {
        let found = paths(&tokens(text)).into_iter();
        let found = found.filter_map(|path| resolve(module, &path, modules));
        (module.clone(), found.filter(|to| to != module).collect())
    };
    modules.iter().map(of).collect()
}

/// Names, `::`, and every other character on its own.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let named = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'));
        let length = match named.unwrap_or(rest.len()) {
            0 if rest.starts_with("::") => 2,
            0 => first.len_utf8(),
            length => length,
        };
        tokens.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    tokens
}

/// Every path that begins with `crate`, `super`, `self` or a module declared here; each path of a group.
fn paths(tokens: &[&str]) -> Vec<Vec<String>> {
    let declared = |name: &str| tokens.windows(3).any(|three| three == ["mod", name, ";"]);
    let mut found = Vec::new();
    for (at, pair) in tokens.windows(2).enumerate() {
        let begins = pair[1] == "::" && (at == 0 || tokens[at - 1] != "::");
        if begins && (matches!(pair[0], "crate" | "super" | "self") || declared(pair[0])) {
            read_path(tokens, at, Vec::new(), &mut found);
        }
    }
    found
}

/// Reads a path from here on, and returns its end.
fn read_path(
    tokens: &[&str],
    mut at: usize,
    mut path: Vec<String>,
    found: &mut Vec<Vec<String>>,
) -> usize {
    loop {
        match tokens.get(at) {
            Some(&"{") => break,
            Some(name) => path.push((*name).to_owned()),
            None => return at,
        }
        if tokens.get(at + 1) != Some(&"::") {
            found.push(path);
            return at + 1;
        }
        at += 2;
    }
    at += 1;
    while !matches!(tokens.get(at), Some(&"}") | None) {
        at = read_path(tokens, at, path.clone(), found);
        while !matches!(tokens.get(at), Some(&"," | &"}") | None) {
            at += 1;
        }
        at += usize::from(tokens.get(at) == Some(&","));
    }
    at + 1
}

/// The deepest module of a path that is written in `module`.
fn resolve(module: &Module, path: &[String], modules: &BTreeMap<Module, String>) -> Option<Module> {
    let mut at = module.clone();
    let mut rest = path.iter().peekable();
    match path.first()?.as_str() {
        "crate" => {
            rest.next();
            at.clear();
        }
        "self" => {
            rest.next();
        }
        _ => {
            while rest.next_if(|name| *name == "super").is_some() {
                at.pop();
            }
        }
    }
    for name in rest {
        at.push(name.clone());
        if !modules.contains_key(&at) {
            at.pop();
            break;
        }
    }
    modules.contains_key(&at).then_some(at)
}

/// An import cycle, if there is one: each module imports the next, and the last one the first.
fn circle(imports: &Imports) -> Option<Vec<String>> {
    let mut done = BTreeSet::new();
    imports
        .keys()
        .find_map(|module| circle_from(module, imports, &mut Vec::new(), &mut done))
}

fn circle_from<'a>(
    module: &'a Module,
    imports: &'a Imports,
    way: &mut Vec<&'a Module>,
    done: &mut BTreeSet<&'a Module>,
) -> Option<Vec<String>> {
    if let Some(start) = way.iter().position(|before| *before == module) {
        return Some(
            way[start..]
                .iter()
                .map(|module| module.join("::"))
                .collect(),
        );
    }
    if !done.insert(module) {
        return None;
    }
    way.push(module);
    let found = imports[module]
        .iter()
        .find_map(|next| circle_from(next, imports, way, done));
    way.pop();
    found
}

fn planted(files: &[(&str, &str)]) -> Option<Vec<String>> {
    let module = |name: &str| {
        name.split("::")
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let modules = files.iter().map(|(name, text)| (module(name), code(text)));
    circle(&imports(&modules.collect()))
}

#[test]
fn a_planted_cycle_is_found() {
    let (a, b) = ("a", "b");
    for (one, other) in [
        ("use crate::b::B;", "use crate::a::A;"),
        (
            "use crate::{\n    b::{B, C},\n    c,\n};",
            "fn f() { crate :: a :: f() }",
        ),
        ("use super::b::B;", "use crate::{c::C, a};"),
    ] {
        let found = planted(&[(a, one), (b, other), ("c", "")]);
        assert_eq!(found, Some(vec!["a".to_owned(), "b".to_owned()]), "{one}");
    }
    let found = planted(&[
        (a, "mod part;\nuse part::Part;"),
        ("a::part", "use super::A;"),
    ]);
    assert_eq!(found, Some(vec!["a".to_owned(), "a::part".to_owned()]));
    assert!(planted(&[("", "mod a;\nuse a::A;"), (a, "use crate::Root;")]).is_some());
}

#[test]
fn downward_imports_are_no_cycle() {
    let files = [
        ("", "mod a;\nmod b;\nuse a::A;"),
        (
            "a",
            "mod part;\nuse part::Part;\nuse crate::b::B; // use crate::a",
        ),
        (
            "a::part",
            "use crate::b::B;\nconst A: &str = \"crate::a::A\";",
        ),
        ("b", "use std::a::A;\nfn f() { self::g(); }"),
    ];
    assert_eq!(planted(&files), None);
}
