//! What readers of an occurrence ask, whatever its kind: where it happened, who is in it, what names it.
//!
//! Each kind is taken apart once for reading and once for a change, both exhaustively: a new one cannot be forgotten.

use super::{
    ChatId, Contact, Content, Deletion, Edit, Link, Message, MessageId, NameRef, Occurrence,
    Origin, Reaction, Rejected,
};

/// What of an occurrence names it and says where it happened.
#[derive(Clone, Copy, Default)]
struct View<'a> {
    /// Of what a person does in a chat.
    origin: Option<&'a Origin>,
    /// Of what arrived in a chat and was opened.
    id: Option<&'a MessageId>,
    chat: Option<&'a ChatId>,
    who: Option<&'a Contact>,
    from_me: bool,
}

impl<'a> View<'a> {
    const fn of(origin: &'a Origin) -> Self {
        Self {
            origin: Some(origin),
            id: Some(&origin.id),
            chat: Some(&origin.chat),
            who: Some(&origin.sender),
            from_me: origin.from_me,
        }
    }

    const fn named(id: &'a MessageId, chat: &'a ChatId, who: &'a Contact, from_me: bool) -> Self {
        Self {
            origin: None,
            id: Some(id),
            chat: Some(chat),
            who: Some(who),
            from_me,
        }
    }
}

impl Occurrence {
    /// The one place that takes each kind apart for reading: what others ask follows from it.
    fn view(&self) -> View<'_> {
        match self {
            Self::Message(m) => View::of(&m.origin),
            Self::Edit(e) => View::of(&e.origin),
            Self::Deletion(d) => View::of(&d.origin),
            Self::Reaction(r) => View::of(&r.origin),
            Self::Lost(l) => View::named(&l.id, &l.chat, &l.sender, l.from_me.unwrap_or_default()),
            Self::Dropped(d) => {
                View::named(&d.id, &d.chat, &d.sender, d.from_me.unwrap_or_default())
            }
            Self::Rejected(r) => View::named(&r.id, &r.chat, &r.sender, r.from_me),
            Self::Receipt(r) => View {
                chat: Some(&r.chat),
                who: Some(&r.by),
                ..View::default()
            },
            Self::Undecryptable(u) => View {
                chat: Some(&u.chat),
                who: Some(&u.sender),
                from_me: u.from_me.unwrap_or_default(),
                ..View::default()
            },
            Self::Outcome(s) => View {
                chat: Some(&s.chat),
                ..View::default()
            },
            Self::Link(_) | Self::Unknown => View::default(),
        }
    }

    /// The one place that takes each kind apart for a change: the chat that it happened in, those who did it, and those
    /// whose messages it is about.
    fn parts_mut(&mut self) -> (Option<&mut ChatId>, Vec<&mut Contact>) {
        match self {
            Self::Message(m) => {
                let Content { body, quoted, .. } = &mut m.content;
                let quoted = quoted.iter_mut().map(|quoted| &mut quoted.sender);
                let target = body.target_mut().map(|target| &mut target.author);
                let people = quoted.chain(target).chain([&mut m.origin.sender]).collect();
                (Some(&mut m.origin.chat), people)
            }
            Self::Edit(e) => (
                Some(&mut e.origin.chat),
                vec![&mut e.origin.sender, &mut e.author],
            ),
            Self::Deletion(d) => (
                Some(&mut d.origin.chat),
                vec![&mut d.origin.sender, &mut d.author],
            ),
            Self::Reaction(r) => (
                Some(&mut r.origin.chat),
                vec![&mut r.origin.sender, &mut r.author],
            ),
            Self::Receipt(r) => (Some(&mut r.chat), vec![&mut r.by]),
            Self::Undecryptable(u) => (Some(&mut u.chat), vec![&mut u.sender]),
            Self::Lost(l) => (Some(&mut l.chat), vec![&mut l.sender]),
            Self::Dropped(d) => (Some(&mut d.chat), vec![&mut d.sender]),
            Self::Rejected(r) => (Some(&mut r.chat), vec![&mut r.sender, &mut r.author]),
            Self::Outcome(s) => (Some(&mut s.chat), vec![]),
            Self::Link(_) | Self::Unknown => (None, vec![]),
        }
    }

    /// Where it comes from, of what a person does in a chat: the allowlist judges each of these. Receipts and the like are
    /// about messages of ours.
    #[must_use]
    pub fn origin(&self) -> Option<&Origin> {
        self.view().origin
    }

    /// What names it, where it is something that arrived in a chat and was opened.
    #[must_use]
    pub fn named(&self) -> Option<NameRef<'_>> {
        let View {
            origin: _,
            id,
            chat,
            who,
            from_me,
        } = self.view();
        Some(NameRef {
            id: id?,
            chat: chat?,
            sender: who?,
            from_me,
        })
    }

    /// The chat that it happened in, when it did in one.
    #[must_use]
    pub fn chat(&self) -> Option<&ChatId> {
        self.view().chat
    }

    /// Whom a chat of two is with, where the occurrence says more of them than the chat's name.
    #[must_use]
    pub fn other_side(&self) -> Option<&Contact> {
        let view = self.view();
        view.who.filter(|_| !view.from_me)
    }

    /// Gives the chat another name: a person's LID for their number.
    pub fn rename_chat(&mut self, name: ChatId) {
        if let (Some(chat), _) = self.parts_mut() {
            *chat = name;
        }
    }

    /// Those who did it, and those whose messages it is about.
    pub fn people_mut(&mut self) -> Vec<&mut Contact> {
        self.parts_mut().1
    }

    /// How much memory it holds beside itself, roughly: what the journal's bound counts.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let own = match self {
            Self::Message(m) => size_of::<Message>() + m.content.heap_bytes(),
            Self::Edit(e) => size_of::<Edit>() + e.content.heap_bytes(),
            Self::Deletion(_) => size_of::<Deletion>(),
            Self::Reaction(r) => size_of::<Reaction>() + r.emoji.capacity(),
            Self::Receipt(r) => r.messages.len() * size_of::<MessageId>(),
            Self::Rejected(r) => size_of::<Rejected>() + r.messages.len() * size_of::<MessageId>(),
            Self::Link(_) => size_of::<Link>(),
            Self::Outcome(_)
            | Self::Undecryptable(_)
            | Self::Lost(_)
            | Self::Dropped(_)
            | Self::Unknown => 0,
        };
        own + self.chat().map_or(0, ChatId::heap_bytes) + 128
    }
}
