//! Which crates may depend on each other, and which modules within a crate may import each other: checked in the
//! manifests and sources.
//!
//! The check sees names in the sources, not types: it misses a re-export under another name, and ignores comments and
//! strings.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "layers/circles.rs"]
mod circles;

use std::fs;
use std::path::{Path, PathBuf};

/// A module and the names that must not occur in it.
struct Rule {
    why: &'static str,
    /// Where it applies: a directory or a module (`state/src/journal` is `journal.rs` and everything in `journal/`).
    within: &'static str,
    /// Exceptions.
    except: &'static [&'static str],
    /// Crates; `prost*` is every name with that prefix, `!prost_types` is an exception.
    crates: &'static [&'static str],
    /// Modules of the same crate that must not occur as `crate::…`.
    modules: Modules,
}

enum Modules {
    Any,
    Only(&'static [&'static str]),
}

/// The crates of the gRPC API.
const WIRE: &[&str] = &["prost*", "tonic*", "openclaw_proto"];

/// The rules within crates. Those between crates are in [`WALLS`].
const RULES: &[Rule] = &[
    Rule {
        why: "only grpc names the wire's types",
        within: "agent/src",
        except: &["agent/src/edge/grpc"],
        crates: WIRE,
        modules: Modules::Any,
    },
    Rule {
        why: "link does not know who drives it",
        within: "agent/src/link",
        except: &[],
        crates: &["axum", "hyper*"],
        modules: Modules::Only(&["link", "alerts", "host"]),
    },
    Rule {
        why: "the servers use the link, not the machine, and do not know the module that wires them",
        within: "agent/src/edge",
        except: &[],
        crates: &[],
        modules: Modules::Only(&["edge", "link", "alerts"]),
    },
    Rule {
        why: "host does not know what runs on it",
        within: "agent/src/host",
        except: &[],
        crates: &["axum"],
        modules: Modules::Only(&["host", "alerts"]),
    },
    Rule {
        why: "the delivery of alerts knows their stored state, and nothing else of the agent",
        within: "agent/src/alerts",
        except: &[],
        crates: &["axum"],
        modules: Modules::Only(&["alerts"]),
    },
    Rule {
        why: "the agent knows the simulator in its tests only",
        within: "agent/src",
        except: &[],
        crates: &["openclaw_sim"],
        modules: Modules::Any,
    },
    Rule {
        why: "the shared vault does not know its users",
        within: "state/src/vault",
        except: &[],
        crates: &[],
        modules: Modules::Only(&["vault", "failpoint"]),
    },
    Rule {
        why: "journal knows its storage, and nothing else of ours",
        within: "state/src/journal",
        except: &[],
        crates: &["openclaw_harden"],
        modules: Modules::Only(&["journal", "vault", "clock", "failpoint"]),
    },
    Rule {
        why: "consumers know the vault, not their callers",
        within: "state/src/consumers",
        except: &[],
        crates: &[],
        modules: Modules::Only(&["vault"]),
    },
    Rule {
        why: "clients know the store, not TLS or their callers",
        within: "state/src/clients",
        except: &[],
        crates: &["tokio_rustls"],
        modules: Modules::Only(&["clients", "send_to", "vault", "clock", "failpoint"]),
    },
    Rule {
        why: "outbox knows its storage, and nothing else of ours",
        within: "state/src/outbox",
        except: &[],
        crates: &["openclaw_harden"],
        modules: Modules::Only(&["outbox", "vault", "journal"]),
    },
    Rule {
        why: "allow knows the store, and makes no queries",
        within: "state/src/allow",
        except: &[],
        crates: &["openclaw_harden"],
        modules: Modules::Only(&["vault", "allow", "send_to"]),
    },
    Rule {
        why: "alerts know their storage and the clock, and nothing else of ours",
        within: "state/src/alerts",
        except: &[],
        crates: &[],
        modules: Modules::Only(&["vault", "clock"]),
    },
    Rule {
        why: "openclawctl knows the contract, not the agent behind it: only the import reads WhatsApp data",
        within: "ctl/src",
        except: &["ctl/src/import"],
        crates: &["openclaw_whatsapp"],
        modules: Modules::Any,
    },
    Rule {
        why: "what the stream holds is decided without a broker or an agent",
        within: "relay/src/ledger",
        except: &[],
        crates: &["async_nats", "tokio", "tonic*", "openclaw_proto"],
        modules: Modules::Only(&[]),
    },
    Rule {
        why: "the loop that reads an agent does not know where its events go",
        within: "relay/src/feed",
        except: &[],
        crates: &["async_nats"],
        modules: Modules::Only(&["agent", "backoff", "board", "config", "record", "sink"]),
    },
    Rule {
        why: "the storage of WhatsApp's state does not know the session that uses it",
        within: "whatsapp/src/store",
        except: &[],
        crates: &[],
        modules: Modules::Only(&["store"]),
    },
];

/// Crates that another crate must never depend on, except in its tests.
struct Wall {
    why: &'static str,
    /// The crate's directory.
    krate: &'static str,
    /// As in [`Rule::crates`], by package name.
    never: &'static [&'static str],
}

const WALLS: &[Wall] = &[
    Wall {
        why: "durable state knows neither WhatsApp's library, nor the wire types, nor its callers",
        krate: "state",
        never: &[
            "openclaw-agent",
            "openclaw-proto",
            "openclaw-sim",
            "openclaw-whatsapp",
            "whatsapp-rust",
            "wacore*",
            "waproto",
            "prost*",
            "tonic*",
            "axum",
        ],
    },
    Wall {
        why: "the connection to WhatsApp does not know its users",
        krate: "whatsapp",
        never: &[
            "openclaw-agent",
            "openclaw-proto",
            "openclaw-sim",
            "prost*",
            "tonic*",
            "axum",
        ],
    },
    Wall {
        why: "only openclaw-whatsapp knows WhatsApp's library",
        krate: "agent",
        never: &["whatsapp-rust", "wacore*", "waproto", "openclaw-sim"],
    },
    Wall {
        why: "the vault does not know its content, and has no runtime",
        krate: "vault",
        never: &[
            "openclaw-*",
            "whatsapp-rust",
            "wacore*",
            "tonic*",
            "prost*",
            "tokio*",
        ],
    },
    Wall {
        why: "the shared types know neither the agent nor the client, no wire format and no runtime",
        krate: "types",
        never: &[
            "openclaw*",
            "whatsapp-rust",
            "wacore*",
            "tonic*",
            "prost*",
            "tokio*",
        ],
    },
    Wall {
        why: "the way out knows neither who connects nor any setting",
        krate: "egress",
        never: &["openclaw-*", "whatsapp-rust", "wacore*", "tonic*", "prost*"],
    },
    Wall {
        why: "a webhook knows the way out, not what is sent or when it is repeated",
        krate: "webhook",
        never: &[
            "openclaw-*",
            "!openclaw-egress",
            "!openclaw-settings",
            "whatsapp-rust",
            "wacore*",
            "tonic*",
            "prost*",
        ],
    },
    Wall {
        why: "hardening knows nothing of ours",
        krate: "harden",
        never: &["openclaw-*", "whatsapp-rust", "wacore*", "tokio*"],
    },
    Wall {
        why: "a connection to an agent knows its address and its key, not what is called over it",
        krate: "client",
        never: &[
            "openclaw-*",
            "!openclaw-trust",
            "whatsapp-rust",
            "wacore*",
            "prost*",
        ],
    },
    Wall {
        why: "openclawctl knows the contract, not the agent behind it",
        krate: "ctl",
        never: &[
            "openclaw-agent",
            "openclaw-state",
            "openclaw-sim",
            "whatsapp-rust",
            "wacore*",
            "waproto",
        ],
    },
    Wall {
        why: "the relay is a client like any other: it knows the contract, not the agent behind it",
        krate: "relay",
        never: &[
            "openclaw-agent",
            "openclaw-state",
            "openclaw-sim",
            "openclaw-vault",
            "openclaw-whatsapp",
            "openclawctl",
            "whatsapp-rust",
            "wacore*",
            "waproto",
        ],
    },
    Wall {
        why: "the simulator knows WhatsApp's wire, not the agent or its contract",
        krate: "sim",
        never: &[
            "openclaw-agent",
            "openclaw-state",
            "openclaw-whatsapp",
            "openclaw-proto",
            "openclawctl",
            "tonic*",
            "prost*",
            "whatsapp-rust",
        ],
    },
];

#[test]
fn every_crate_keeps_to_its_dependencies() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut broken = Vec::new();
    for wall in WALLS {
        let manifest = root.join(wall.krate).join("Cargo.toml");
        let names = dependencies(&fs::read_to_string(&manifest).unwrap());
        assert!(!names.is_empty(), "{} lists nothing", manifest.display());
        for name in names.iter().filter(|name| is_among(name, wall.never)) {
            broken.push(format!("{}: {name}: {}", wall.krate, wall.why));
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// The dependencies of a crate, except those of its tests.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut section = "";
    let mut names = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        } else if section.ends_with("dependencies]")
            && section != "[dev-dependencies]"
            && let Some(end) = line.find(['.', ' ', '='])
            && !line.starts_with('#')
        {
            names.push(line[..end].to_owned());
        }
    }
    names
}

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
    let mut found: Vec<String> = words
        .filter(|word| is_among(word, rule.crates))
        .map(str::to_owned)
        .collect();
    found.extend(
        own_modules(&code)
            .into_iter()
            .filter(|module| match rule.modules {
                Modules::Any => false,
                Modules::Only(allowed) => !allowed.contains(&module.as_str()),
            }),
    );
    found
}

/// True if a name matches one of these: see [`Rule::crates`].
fn is_among(word: &str, names: &[&str]) -> bool {
    let named = |name: &&str| match name.strip_suffix('*') {
        Some(start) => word.starts_with(start),
        None => word == *name,
    };
    let allowed = |name: &&str| name.strip_prefix('!') == Some(word);
    names.iter().any(named) && !names.iter().any(allowed)
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

/// The text without comments and string contents.
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
    use super::{Modules, RULES, Rule, WALLS, breaches, code, dependencies, is_among};

    fn rule(why: &str) -> &'static Rule {
        RULES.iter().find(|rule| rule.why.starts_with(why)).unwrap()
    }

    #[test]
    fn a_planted_import_is_found() {
        let planted = [
            ("journal", "use crate::allow::Allowlist;", "allow"),
            (
                "journal",
                "use crate::{\n    vault::Vault,\n    allow::{Allowlist, Rules},\n};",
                "allow",
            ),
            ("journal", "let _ = crate :: clients :: Clients;", "clients"),
            (
                "outbox",
                "use openclaw_harden::scrub_stack;",
                "openclaw_harden",
            ),
            ("only grpc", "impl From<tonic::Status> for E {}", "tonic"),
            ("only grpc", "use tonic::{Code, Status};", "tonic"),
            (
                "only grpc",
                "type T = prost_types :: Timestamp;",
                "prost_types",
            ),
            ("link", "use crate::edge::grpc;", "edge"),
            (
                "openclawctl knows",
                "use openclaw_whatsapp::store::Store;",
                "openclaw_whatsapp",
            ),
            (
                "the agent knows the simulator",
                "extern crate openclaw_sim;",
                "openclaw_sim",
            ),
            (
                "the agent knows the simulator",
                "let a = '\"'; use openclaw_sim::Sim;",
                "openclaw_sim",
            ),
        ];
        for (why, text, found) in planted {
            assert_eq!(breaches(rule(why), text), [found], "{text}");
        }
    }

    #[test]
    fn a_planted_dependency_is_found() {
        let manifest = "[package]\nname = \"tonic\"\n[dependencies]\n# tonic = 1\nserde.workspace = true\n\
                        wacore-noise = { version = \"1\" }\n[dev-dependencies]\naxum = \"1\"\n\
                        [build-dependencies]\nprost=\"1\"\n";
        let names = dependencies(manifest);
        assert_eq!(names, ["serde", "wacore-noise", "prost"]);
        let state = WALLS.iter().find(|wall| wall.krate == "state").unwrap();
        let found = names.iter().filter(|name| is_among(name, state.never));
        assert_eq!(found.count(), 2);
    }

    #[test]
    fn a_mention_in_a_comment_or_a_string_is_ignored() {
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
    fn an_allowed_import_is_accepted() {
        let text = "pub use openclaw_types::Phone;";
        assert_eq!(breaches(rule("journal"), text), [""; 0]);
        let text = "use crate::vault::{Tables, Vault};\nuse crate::{clock::now, clock};";
        assert_eq!(breaches(rule("journal"), text), [""; 0]);
        assert!(matches!(rule("only grpc").modules, Modules::Any));
        assert_eq!(code("a\"b\"c").replace(' ', ""), "ac");
    }
}
