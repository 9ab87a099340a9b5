//! What readers of an event ask, whatever its kind: where it happened, who is in it, what names it.

use super::part::{Part, Parts, View};
use super::{ChatId, Contact, EventData, NameRef, Origin};

impl EventData {
    fn view(&self) -> View<'_> {
        self.part().map(Part::view).unwrap_or_default()
    }

    fn parts_mut(&mut self) -> Parts<'_> {
        self.part_mut().map(Part::parts_mut).unwrap_or_default()
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
        self.view().name()
    }

    /// The chat that it happened in, when it did in one.
    #[must_use]
    pub fn chat(&self) -> Option<&ChatId> {
        self.view().chat
    }

    /// Whom a chat of two is with, where the event says more of them than the chat's name.
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

    /// How much memory it holds in addition to itself, roughly: what the journal's bound counts.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let own = self.part().map_or(0, Part::heap_bytes);
        own + self.chat().map_or(0, ChatId::heap_bytes) + 128
    }
}
