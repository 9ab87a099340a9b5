//! Stanzas that the server sends unprompted, by name: notifications of every kind, which have to be acked and are
//! queued for offline companions, and `<ib>`, which is not acked. `table` defines each stanza.

mod messages;
mod subject;
mod table;

use wacore_binary::Node;
use wacore_binary::builder::NodeBuilder;

use crate::number::Number;
use crate::phones::{raw, tokens};
use crate::state::error::Error;
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::stanza;
pub use subject::NoticeAbout;
use subject::Subject;
use table::{Kind, TABLE};

/// A kind of notice, as `GET /notices` lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct NoticeKind {
    /// The name of the kind.
    pub kind: &'static str,
    /// `notification`, `ib`, `message`.
    pub stanza: &'static str,
    /// Whether a client has to ack it.
    pub acked: bool,
}

/// All kinds.
pub(crate) fn kinds() -> Vec<NoticeKind> {
    let kind = |kind: &Kind| NoticeKind {
        kind: kind.name,
        stanza: kind.form.stanza(),
        acked: kind.form.stanza() != "ib",
    };
    TABLE.iter().map(kind).collect()
}

/// Sends the notice to all companions of an account. Returns the stanza's id.
pub(crate) fn send(
    shared: &Shared,
    account: &Number,
    kind: &str,
    about: &NoticeAbout,
) -> Result<String, Error> {
    let found = TABLE.iter().find(|row| row.name == kind);
    let kind = found.ok_or_else(|| Error::NoNotice(kind.to_owned()))?;
    let subject = Subject {
        account,
        contact: about.contact.clone().map_or_else(some_contact, Ok)?,
        about,
    };
    lock(&shared.state).user(&subject.contact);
    match kind.form {
        table::Form::Ib(build) => Ok(raw::send(shared, account, &stanza::ib(build(&subject)))),
        table::Form::Notification { kind, from, build } => {
            let node = NodeBuilder::new("notification").attr("type", kind);
            let node = build(&subject, node.attr("from", from.jid(&subject))).build();
            Ok(raw::send(shared, account, &with_id(node, about)))
        }
        table::Form::Message(build) => {
            // The only such message reports that the account's chats are migrated to LIDs.
            lock(&shared.state).user(account).lid_migrated = Some(true);
            messages::from_the_phone(shared, account, &build(&subject))
        }
        table::Form::Token => Ok(tokens::issue(shared, &subject.contact, account)),
    }
}

fn some_contact() -> Result<Number, Error> {
    Ok("+15550100002".parse()?)
}

fn with_id(mut node: Node, about: &NoticeAbout) -> Node {
    if let Some(id) = &about.id {
        node.attrs.insert("id", id.clone());
    }
    node
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_kind_has_a_unique_name_and_a_valid_stanza() {
        let names: BTreeSet<&str> = TABLE.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), TABLE.len());
        let account: Number = "+15550100001".parse().expect("a number");
        let contact: Number = "+15550100002".parse().expect("a number");
        let about = NoticeAbout::default();
        let subject = Subject {
            account: &account,
            contact,
            about: &about,
        };
        for row in TABLE {
            let node = match row.form {
                table::Form::Ib(build) => build(&subject),
                table::Form::Notification { kind, build, .. } => build(
                    &subject,
                    NodeBuilder::new("notification").attr("type", kind),
                )
                .build(),
                table::Form::Message(_) | table::Form::Token => continue,
            };
            let bytes = wacore_binary::marshal_auto(&node).expect("the stanza can be encoded");
            assert!(!bytes.is_empty(), "{}", row.name);
        }
    }

    #[test]
    fn every_kind_is_in_the_readme() {
        let readme = include_str!("../../README.md");
        for row in TABLE {
            let named = format!("`{}`", row.name);
            assert!(readme.contains(&named), "{named} is not in the README");
        }
    }
}
