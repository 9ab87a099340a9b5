//! Who may import whom, read from the sources themselves.
//!
//! It sees names, not types: a re-export under another name gets past it, a mention in a comment or a string does not
//! count.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "layers/circles.rs"]
mod circles;

use std::fs;
use std::path::{Path, PathBuf};

/// A layer and the names that must not occur in it.
struct Rule {
    why: &'static str,
    /// Where it holds: a folder or a module (`agent/src/model` is `model.rs` and everything in `model/`).
    within: &'static str,
    /// Where it does not.
    except: &'static [&'static str],
    /// Crates; `prost*` is every name that starts so, `!prost_types` is allowed all the same.
    crates: &'static [&'static str],
    /// Modules of the own crate that must not occur as `crate::…`.
    modules: Modules,
}

enum Modules {
    Any,
    Only(&'static [&'static str]),
    NoneOf(&'static [&'static str]),
}

const LIBRARY: &[&str] = &["whatsapp_rust", "wacore*", "waproto"];
const WIRE: &[&str] = &["prost*", "tonic*", "openclaw_proto"];

const RULES: &[Rule] = &[
    Rule {
        why: "model imports nothing of ours but types",
        within: "agent/src/model",
        except: &[],
        crates: &["openclaw_*", "!openclaw_types", "tokio*", "axum", "hyper*"],
        modules: Modules::Only(&["model"]),
    },
    Rule {
        why: "only session and store name WhatsApp's library",
        within: "agent/src",
        except: &["agent/src/session", "agent/src/store"],
        crates: LIBRARY,
        modules: Modules::Any,
    },
    Rule {
        why: "only grpc names the wire's types",
        within: "agent/src",
        except: &["agent/src/grpc"],
        crates: WIRE,
        modules: Modules::Any,
    },
    Rule {
        why: "journal knows the model and where it is kept, and nothing else of ours",
        within: "agent/src/journal",
        except: &[],
        crates: &["openclaw_proto", "openclaw_sim", "openclaw_harden"],
        modules: Modules::Only(&["model", "journal", "vault", "clock", "failpoint"]),
    },
    Rule {
        why: "consumers know the model and the vault, not who asks",
        within: "agent/src/consumers",
        except: &[],
        crates: &["openclaw_proto", "axum"],
        modules: Modules::Only(&["model", "vault"]),
    },
    Rule {
        why: "clients know the model and the store, not TLS or who asks",
        within: "agent/src/clients",
        except: &[],
        crates: &["openclaw_proto", "axum", "tokio_rustls"],
        modules: Modules::Only(&["model", "clients", "vault", "clock", "failpoint"]),
    },
    Rule {
        why: "outbox knows the model and where things are kept, and nothing else of ours",
        within: "agent/src/outbox",
        except: &[],
        crates: &["openclaw_proto", "openclaw_sim", "openclaw_harden"],
        modules: Modules::Only(&["model", "outbox", "vault", "journal"]),
    },
    Rule {
        why: "allow knows the model and the store, and asks nobody",
        within: "agent/src/allow",
        except: &[],
        crates: &["openclaw_proto", "openclaw_harden", "axum"],
        modules: Modules::Only(&["model", "vault", "allow"]),
    },
    Rule {
        why: "alerts know the model, where they are kept and the time, and nothing else of ours",
        within: "agent/src/alerts",
        except: &[],
        crates: &["openclaw_proto", "openclaw_sim", "axum"],
        modules: Modules::Only(&["model", "vault", "clock", "alerts"]),
    },
    Rule {
        why: "session does not know who listens to it",
        within: "agent/src/session",
        except: &[],
        crates: &["openclaw_*", "axum"],
        modules: Modules::NoneOf(&["agent", "app", "grpc", "http", "config"]),
    },
    Rule {
        why: "agent does not know who drives it",
        within: "agent/src/agent",
        except: &[],
        crates: &["axum"],
        modules: Modules::NoneOf(&["app", "grpc", "http", "config"]),
    },
    Rule {
        why: "the vault knows nothing of what is kept in it, and has no runtime",
        within: "vault/src",
        except: &[],
        crates: &[
            "openclaw_agent",
            "openclaw_proto",
            "openclaw_sim",
            "whatsapp_rust",
            "wacore*",
            "tonic*",
            "prost*",
            "tokio*",
        ],
        modules: Modules::Any,
    },
    Rule {
        why: "the types of both ends know neither end, no wire and no runtime",
        within: "types/src",
        except: &[],
        crates: &[
            "openclaw_*",
            "!openclaw_types",
            "openclawctl",
            "whatsapp_rust",
            "wacore*",
            "tonic*",
            "prost*",
            "tokio*",
        ],
        modules: Modules::Any,
    },
    Rule {
        why: "hardening knows nothing of ours",
        within: "harden/src",
        except: &[],
        crates: &["openclaw_*", "whatsapp_rust", "wacore*", "tokio*"],
        modules: Modules::Any,
    },
    Rule {
        why: "the agent's vault knows neither who keeps something nor who asks for it",
        within: "agent/src/vault",
        except: &[],
        crates: &["axum"],
        modules: Modules::Only(&["vault", "failpoint"]),
    },
    Rule {
        why: "the agent knows the simulator in its tests only",
        within: "agent/src",
        except: &[],
        crates: &["openclaw_sim", "openclawctl"],
        modules: Modules::Any,
    },
    Rule {
        why: "openclawctl knows the contract, not the agent behind it",
        within: "ctl/src",
        except: &[],
        crates: &[
            "openclaw_agent",
            "openclaw_sim",
            "whatsapp_rust",
            "wacore*",
            "waproto",
        ],
        modules: Modules::Any,
    },
    Rule {
        why: "the simulator knows WhatsApp's wire, not the agent and not its contract",
        within: "sim/src",
        except: &[],
        crates: &[
            "openclaw_agent",
            "openclaw_proto",
            "openclawctl",
            "tonic*",
            "prost*",
            "whatsapp_rust",
        ],
        modules: Modules::Any,
    },
];

#[test]
fn every_layer_keeps_to_its_imports() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut broken = Vec::new();
    for rule in RULES {
        let mut read = 0;
        for file in sources(root, rule) {
            let text = fs::read_to_string(root.join(&file)).unwrap();
            for name in breaches(rule, &text) {
                broken.push(format!("{}: {name}: {}", file.display(), rule.why));
            }
            read += 1;
        }
        assert!(read > 0, "no file is under {}", rule.within);
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// The rule's files, relative to the root.
fn sources(root: &Path, rule: &Rule) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.join(rule.within)];
    let module = root.join(format!("{}.rs", rule.within));
    if module.is_file() {
        found.push(module);
    }
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let relative = |path: PathBuf| path.strip_prefix(root).unwrap().to_owned();
    let excepted = |path: &PathBuf| {
        let module = path.with_extension("");
        rule.except.iter().any(|except| module.starts_with(except))
    };
    let files = found.into_iter().map(relative);
    files.filter(|path| !excepted(path)).collect()
}

/// Every name in a source text that the rule forbids.
fn breaches(rule: &Rule, text: &str) -> Vec<String> {
    let code = code(text);
    let words = code.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    let forbidden = |word: &&str| {
        let named = |name: &&str| match name.strip_suffix('*') {
            Some(start) => word.starts_with(start),
            None => word == name,
        };
        let allowed = |name: &&str| name.strip_prefix('!') == Some(*word);
        rule.crates.iter().any(named) && !rule.crates.iter().any(allowed)
    };
    let mut found: Vec<String> = words.filter(forbidden).map(str::to_owned).collect();
    found.extend(
        own_modules(&code)
            .into_iter()
            .filter(|module| match rule.modules {
                Modules::Any => false,
                Modules::Only(allowed) => !allowed.contains(&module.as_str()),
                Modules::NoneOf(named) => named.contains(&module.as_str()),
            }),
    );
    found
}

/// The first names after `crate::`, also in a group.
fn own_modules(code: &str) -> Vec<String> {
    let dense: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let mut modules = Vec::new();
    for (at, _) in dense.match_indices("crate::") {
        let rest = &dense[at + "crate::".len()..];
        let Some(group) = rest.strip_prefix('{') else {
            modules.push(first_name(rest));
            continue;
        };
        let mut depth = 0;
        let mut name = true;
        for (at, c) in group.char_indices() {
            match c {
                '}' if depth == 0 => break,
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' => name = depth == 0,
                _ if name => {
                    modules.push(first_name(&group[at..]));
                    name = false;
                }
                _ => {}
            }
        }
    }
    modules
}

fn first_name(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

/// The text without comments and without what stands between quotes.
fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skipped = match c {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            'r' if raw(rest).is_some()
                && !code.ends_with(|c: char| c.is_alphanumeric() || c == '_') =>
            {
                raw(rest).unwrap_or(1)
            }
            '"' => quoted(rest, '"'),
            '\'' if rest[1..].starts_with('\\') || rest.chars().nth(2) == Some('\'') => {
                quoted(rest, '\'')
            }
            _ => {
                code.push(c);
                rest = &rest[c.len_utf8()..];
                continue;
            }
        };
        code.push(' ');
        rest = &rest[skipped..];
    }
    code
}

/// The length of a literal that starts with its quote.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of a raw string.
fn raw(text: &str) -> Option<usize> {
    let hashes = text[1..].chars().take_while(|c| *c == '#').count();
    let body = text[1 + hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(
        body.find(&end)
            .map_or(text.len(), |at| 2 + hashes + at + end.len()),
    )
}

mod scanner {
    use super::{Modules, RULES, Rule, breaches, code};

    fn rule(why: &str) -> &'static Rule {
        RULES.iter().find(|rule| rule.why.starts_with(why)).unwrap()
    }

    #[test]
    fn a_planted_import_is_found() {
        let planted = [
            ("model", "use crate::session::Loss;", "session"),
            ("model", "use openclaw_proto::v1;", "openclaw_proto"),
            (
                "model",
                "use crate::{\n    model::Seq,\n    journal::{Journal, Limits},\n};",
                "journal",
            ),
            (
                "only session",
                "fn f(jid: &wacore_binary::Jid) {}",
                "wacore_binary",
            ),
            (
                "only session",
                "use whatsapp_rust::{Client, Jid};",
                "whatsapp_rust",
            ),
            ("only grpc", "impl From<tonic::Status> for E {}", "tonic"),
            (
                "only grpc",
                "type T = prost_types :: Timestamp;",
                "prost_types",
            ),
            ("journal", "let _ = crate :: grpc :: serve;", "grpc"),
            ("outbox", "use openclaw_proto::v1;", "openclaw_proto"),
            ("session", "use crate::agent::Agent;", "agent"),
            (
                "openclawctl",
                "extern crate openclaw_agent;",
                "openclaw_agent",
            ),
            (
                "the simulator",
                "let a = '\"'; use openclaw_agent::app;",
                "openclaw_agent",
            ),
        ];
        for (why, text, found) in planted {
            assert_eq!(breaches(rule(why), text), [found], "{text}");
        }
    }

    #[test]
    fn a_mention_in_a_comment_or_a_string_is_none() {
        let harmless = [
            "// use tonic::Status;",
            "/* tonic */ fn f() {}",
            "const A: &str = \"tonic \\\" tonic\";",
            "const A: &str = r#\"tonic \" tonic\"#;",
            "const A: char = '\"'; // tonic",
            "fn f<'a>(x: &'a str) -> &'a str { x } // \" tonic",
            "use std::time::Duration;",
        ];
        for text in harmless {
            assert_eq!(breaches(rule("only grpc"), text), [""; 0], "{text}");
        }
    }

    #[test]
    fn an_allowed_import_is_none() {
        let text = "pub use openclaw_types::Phone;";
        assert_eq!(breaches(rule("model"), text), [""; 0]);
        let text = "use crate::model::{Seq, Event};\nuse crate::{model::Link, model};";
        assert_eq!(breaches(rule("journal"), text), [""; 0]);
        assert!(matches!(rule("only grpc").modules, Modules::Any));
        assert_eq!(code("a\"b\"c").replace(' ', ""), "ac");
    }
}
