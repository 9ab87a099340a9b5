//! What any event can be asked, whatever its kind: its chat, its people, its key.

use super::part::{Part, Parts, View};
use super::{ChatId, Contact, EventData, NameRef, Origin};

impl EventData {
    fn view(&self) -> View<'_> {
        self.part().map(Part::view).unwrap_or_default()
    }

    fn parts_mut(&mut self) -> Parts<'_> {
        self.part_mut().map(Part::parts_mut).unwrap_or_default()
    }

    /// The origin, for what a person does in a chat: the allowlist is applied to each of these. `None` for receipts and
    /// other events about outgoing messages.
    #[must_use]
    pub fn origin(&self) -> Option<&Origin> {
        self.view().origin
    }

    /// The key, for what arrived in a chat and was decrypted.
    #[must_use]
    pub fn named(&self) -> Option<NameRef<'_>> {
        self.view().name()
    }

    /// The chat of the event, if it has one.
    #[must_use]
    pub fn chat(&self) -> Option<&ChatId> {
        self.view().chat
    }

    /// The other person of a one-to-one chat, if the event contains more about them than the chat's JID.
    #[must_use]
    pub fn other_side(&self) -> Option<&Contact> {
        let view = self.view();
        view.who.filter(|_| !view.from_me)
    }

    /// Changes the chat's JID, from a person's number to the LID.
    pub fn rename_chat(&mut self, name: ChatId) {
        if let (Some(chat), _) = self.parts_mut() {
            *chat = name;
        }
    }

    /// The people who acted, and the authors of the messages that the event refers to.
    pub fn people_mut(&mut self) -> Vec<&mut Contact> {
        self.parts_mut().1
    }

    /// The approximate size of its heap allocations. The journal's memory limit is computed with it.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let own = self.part().map_or(0, Part::heap_bytes);
        own + self.chat().map_or(0, ChatId::heap_bytes) + 128
    }
}
