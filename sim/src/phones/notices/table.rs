//! The stanzas. Those that `wacore` or `whatsapp-rust` parses have the form that it expects. For others, the types and
//! child names are WhatsApp Web's; if only the type is known, the child is a placeholder.

use wacore::crypto::contact_notification_hash;
use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, Node};
use waproto::whatsapp as wa;

use crate::clock::unix_now;
use crate::phones::notices::messages;
use crate::phones::notices::subject::Subject;
use crate::wire::stanza;

/// One row: the name, and the stanza.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) form: Form,
}

#[derive(Clone, Copy)]
pub(super) enum Form {
    /// `<ib>` with this child.
    Ib(fn(&Subject<'_>) -> Node),
    /// `<notification type from>`, completed.
    Notification {
        kind: &'static str,
        from: From,
        build: fn(&Subject<'_>, NodeBuilder) -> NodeBuilder,
    },
    /// A message of the phone to its own companions.
    Message(fn(&Subject<'_>) -> wa::Message),
    /// A contact's privacy token, which the simulator also stores.
    Token,
}

impl Form {
    pub(super) const fn stanza(self) -> &'static str {
        match self {
            Self::Ib(_) => "ib",
            Self::Notification { .. } | Self::Token => "notification",
            Self::Message(_) => "message",
        }
    }
}

/// The sender of a notification.
#[derive(Clone, Copy)]
pub(super) enum From {
    Server,
    Account,
    Contact,
    Channel,
    /// WhatsApp's own chat.
    Psa,
}

impl From {
    pub(super) fn jid(self, subject: &Subject<'_>) -> Jid {
        match self {
            Self::Server => stanza::server(),
            Self::Account => subject.account.pn(),
            Self::Contact => subject.contact.pn(),
            Self::Channel => Jid::new("120363000000000009", wacore_binary::Server::Newsletter),
            Self::Psa => Jid::pn("0"),
        }
    }
}

const fn ib(name: &'static str, build: fn(&Subject<'_>) -> Node) -> Kind {
    let form = Form::Ib(build);
    Kind { name, form }
}

const fn notification(
    name: &'static str,
    kind: &'static str,
    from: From,
    build: fn(&Subject<'_>, NodeBuilder) -> NodeBuilder,
) -> Kind {
    let form = Form::Notification { kind, from, build };
    Kind { name, form }
}

fn empty(tag: &'static str) -> Node {
    NodeBuilder::new(tag).build()
}

fn around(tag: &'static str, child: NodeBuilder) -> Node {
    NodeBuilder::new(tag).children([child.build()]).build()
}

fn hash(user: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD_NO_PAD.encode(contact_notification_hash(user))
}

const DAY: u64 = 24 * 60 * 60;

pub(super) const TABLE: &[Kind] = &[
    ib("dirty", |it| {
        let dirty = NodeBuilder::new("dirty").attr("type", it.text("account_sync"));
        dirty.attr("timestamp", it.seconds(unix_now())).build()
    }),
    ib("edge_routing", |it| {
        let info = it.text("\u{8}\u{c}moved").as_bytes().to_vec();
        let info = stanza::content("routing_info", info);
        let domain = stanza::content("dns_domain", b"fb".to_vec());
        NodeBuilder::new("edge_routing")
            .children([info, domain])
            .build()
    }),
    ib("offline_preview", |_| {
        let mut preview = NodeBuilder::new("offline_preview");
        for name in ["count", "message", "receipt", "notification", "call"] {
            preview = preview.attr(name, 0);
        }
        preview.build()
    }),
    ib("priority_offline_complete", |_| {
        empty("priority_offline_complete")
    }),
    ib("tos", |it| {
        around(
            "tos",
            NodeBuilder::new("notice").attr("id", it.text("20601218")),
        )
    }),
    ib("thread_metadata", |it| {
        let item = NodeBuilder::new("item").attr("jid", it.contact.lid());
        let item = item.attr("count", 1).attr("t", unix_now());
        around("thread_metadata", item)
    }),
    ib("client_expiration", |it| {
        let at = it.seconds(unix_now() + 7 * DAY);
        NodeBuilder::new("client_expiration").attr("t", at).build()
    }),
    ib("downgrade_webclient", |_| empty("downgrade_webclient")),
    ib("safetynet", |it| {
        let nonce = NodeBuilder::new("attestation").attr("nonce", it.text("c2lt"));
        around("safetynet", nonce)
    }),
    ib("unknown_ib", |_| empty("tomorrow")),
    notification("account_sync", "account_sync", From::Account, |it, node| {
        let what = NodeBuilder::new_dynamic(it.text("privacy").to_owned());
        node.children([what.attr("dhash", "2:AAAAAAAA").build()])
    }),
    notification("push_name", "account_sync", From::Account, |it, node| {
        node.attr("pushname", it.text("Another name"))
    }),
    notification("prekeys_low", "encrypt", From::Server, |it, node| {
        let count = NodeBuilder::new("count").attr("value", it.seconds(0));
        node.children([count.build()])
    }),
    notification("prekeys_digest", "encrypt", From::Server, |_, node| {
        node.children([empty("digest")])
    }),
    notification("server_sync", "server_sync", From::Account, |it, node| {
        let collection = NodeBuilder::new("collection").attr("name", it.text("regular"));
        node.children([collection.attr("version", it.seconds(1)).build()])
    }),
    notification("devices", "devices", From::Account, |it, node| {
        let update = NodeBuilder::new("update").attr("hash", hash(&it.contact.lid_user()));
        node.children([update.build()])
    }),
    notification("picture", "picture", From::Contact, |it, node| {
        let set = NodeBuilder::new("set").attr("jid", it.contact.pn());
        let set = set.attr("author", it.contact.pn());
        node.children([set.attr("id", it.text("1700000000")).build()])
    }),
    notification("picture_removed", "picture", From::Contact, |it, node| {
        let delete = NodeBuilder::new("delete").attr("jid", it.contact.pn());
        node.children([delete.attr("author", it.contact.pn()).build()])
    }),
    notification("about", "status", From::Contact, |it, node| {
        node.children([stanza::content("set", it.text("At the pier"))])
    }),
    notification("contact_update", "contacts", From::Server, |it, node| {
        let update = NodeBuilder::new("update").attr("jid", it.contact.pn());
        node.children([update.build()])
    }),
    notification(
        "contact_update_hash",
        "contacts",
        From::Server,
        |it, node| {
            let update = NodeBuilder::new("update").attr("hash", hash(it.contact.digits()));
            node.children([update.build()])
        },
    ),
    notification("contact_sync", "contacts", From::Server, |it, node| {
        let sync = NodeBuilder::new("sync").attr("after", it.seconds(unix_now()));
        node.children([sync.build()])
    }),
    notification(
        "disappearing_mode",
        "disappearing_mode",
        From::Contact,
        |it, node| {
            let mode = NodeBuilder::new("disappearing_mode").attr("duration", it.seconds(DAY));
            node.children([mode.attr("t", unix_now()).build()])
        },
    ),
    Kind {
        name: "privacy_token",
        form: Form::Token,
    },
    notification("psa", "psa", From::Server, |_, node| {
        node.children([empty("psa")])
    }),
    notification("psa_surfaces", "psa", From::Psa, |_, node| {
        node.children([empty("surfaces")])
    }),
    notification("mediaretry", "mediaretry", From::Account, |it, node| {
        let error = NodeBuilder::new("error").attr("code", it.seconds(2));
        let about = NodeBuilder::new("rmr").attr("jid", it.contact.pn());
        let about = about.attr("from_me", "false");
        node.children([error.build(), about.build()])
    }),
    notification(
        "link_code_companion_reg",
        "link_code_companion_reg",
        From::Server,
        |it, node| {
            let reference = stanza::content("link_code_pairing_ref", it.text("3@2:sim"));
            let refresh = NodeBuilder::new("link_code_companion_reg").attr("stage", "refresh_code");
            node.children([refresh
                .attr("force_manual_refresh", "false")
                .children([reference])
                .build()])
        },
    ),
    notification(
        "companion_reg_refresh",
        "companion_reg_refresh",
        From::Server,
        |_, node| node.children([empty("companion_reg_refresh")]),
    ),
    notification("registration", "registration", From::Server, |it, node| {
        let code = NodeBuilder::new("wa_old_registration").attr("code", it.text("123456"));
        node.children([code.attr("expiry_t", it.seconds(unix_now() + 600)).build()])
    }),
    notification("newsletter", "newsletter", From::Channel, |it, node| {
        let count = NodeBuilder::new("reaction").attr("code", it.text("👍"));
        let counts = around("reactions", count.attr("count", it.seconds(3)));
        let message = NodeBuilder::new("message").attr("server_id", 100);
        let messages = around("messages", message.children([counts]));
        node.children([NodeBuilder::new("live_updates")
            .children([messages])
            .build()])
    }),
    notification("mex", "mex", From::Server, |it, node| {
        let update = NodeBuilder::new("update").attr("op_name", it.text("NotificationUserNothing"));
        node.children([update.bytes(b"{\"data\":{}}".to_vec()).build()])
    }),
    notification("w:growth", "w:growth", From::Server, |it, node| {
        let receiver = NodeBuilder::new("receiver").attr("user", it.contact.pn());
        node.children([around("invite", receiver)])
    }),
    notification("pay", "pay", From::Server, |it, node| {
        let pay = NodeBuilder::new("transaction").attr("id", it.text("sim"));
        node.children([pay.attr("status", "success").attr("ts", unix_now()).build()])
    }),
    notification("business", "business", From::Contact, |it, node| {
        let name = NodeBuilder::new("verified_name").attr("jid", it.contact.pn());
        node.children([name
            .attr("name", it.text("Tide Tables Ltd"))
            .attr("serial", 1)
            .build()])
    }),
    notification("business_profile", "business", From::Contact, |it, node| {
        let profile = NodeBuilder::new("profile").attr("hash", hash(it.contact.digits()));
        node.children([profile.build()])
    }),
    notification("business_removed", "business", From::Contact, |it, node| {
        let remove = NodeBuilder::new("remove").attr("jid", it.contact.pn());
        node.children([remove.build()])
    }),
    notification("hosted_onboarding", "hosted", From::Server, |_, node| {
        let status = NodeBuilder::new("onboarding_status").attr("status", "success");
        node.children([status.build()])
    }),
    notification("hosted_offboarding", "hosted", From::Server, |_, node| {
        node.children([empty("offboarding")])
    }),
    notification("waffle", "waffle", From::Server, |_, node| {
        node.children([empty("client_resync")])
    }),
    notification("fb_update", "fb:update", From::Server, |_, node| {
        node.children([empty("update")])
    }),
    notification(
        "digital_commerce_subscription",
        "digital_commerce_subscription",
        From::Server,
        |_, node| node.children([empty("update")]),
    ),
    notification("server", "server", From::Server, |_, node| {
        node.children([empty("log")])
    }),
    notification("unknown", "tomorrow", From::Server, |it, node| {
        node.children([stanza::content("tomorrow", it.text("nothing"))])
    }),
    Kind {
        name: "lid_migration",
        form: Form::Message(messages::lid_migration),
    },
];
