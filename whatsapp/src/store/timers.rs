//! The disappearing-messages timers of chats: messages that are sent to such a chat carry its timer, as with
//! WhatsApp's own clients. Learnt from received messages, and from changes of groups; a chat without a row has no timer. A
//! group that WhatsApp has described has its timer in the description instead: it may be older than the first message.

use openclaw_state::vault::Tables;
use openclaw_types::ChatId;
use openclaw_vault::Key;

use super::Store;

/// The maximum number of chats with a stored timer. Further chats are treated as having none.
const MAX_CHATS: usize = 4_096;

pub(super) fn row(jid: &str) -> Key<'_> {
    Key::new(Tables::CHAT_TIMERS, "", jid)
}

impl Store {
    /// Sets a chat's timer in seconds; 0 for none. Only written if it changes.
    pub(crate) fn set_timer(&self, chat: &ChatId, seconds: u32) {
        let jid = chat.jid();
        let other = self.other_name(jid);
        self.vault().update(|update| {
            // An outdated timer is stored under the person's other address.
            if let Some(other) = other.as_deref().map(row)
                && update.load(other).is_some()
            {
                update.batch().delete(other);
            }
            let known = update.load(row(jid));
            let value = seconds.to_be_bytes();
            match known {
                Some(known) if seconds == 0 || known.as_slice() != value => {
                    if seconds == 0 {
                        update.batch().delete(row(jid));
                    } else {
                        update.batch().put(row(jid), &value);
                    }
                }
                None if seconds > 0 && update.count(Tables::CHAT_TIMERS) < MAX_CHATS => {
                    update.batch().put(row(jid), &value);
                }
                _ => {}
            }
        });
    }

    /// The chat's timer in seconds, whichever of the person's addresses is used.
    pub(crate) fn timer(&self, chat: &ChatId) -> Option<u32> {
        if let Some(seconds) = self.group_timer(chat) {
            return (seconds > 0).then_some(seconds);
        }
        let load = |jid: &str| {
            let value = self.vault().load(row(jid))?;
            value.as_slice().try_into().ok().map(u32::from_be_bytes)
        };
        load(chat.jid()).or_else(|| load(&self.other_name(chat.jid())?))
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use openclaw_state::vault::trial::Volume;
    use openclaw_types::Group;

    use super::*;

    #[tokio::test]
    async fn a_timer_is_stored_until_it_changes_or_ends() {
        let mut volume = Volume::new();
        let chat = ChatId::of_jid("100000000000001@lid");
        let other = ChatId::of_jid("120363000000000001@g.us");
        for (seconds, timer) in [
            (604_800, Some(604_800)),
            (604_800, Some(604_800)),
            (86_400, Some(86_400)),
            (0, None),
            (0, None),
            (7_776_000, Some(7_776_000)),
        ] {
            let store = Store::new(volume.vault.clone());
            store.set_timer(&chat, seconds);
            volume.vault.flush().await;
            volume.reopen();
            let store = Store::new(volume.vault.clone());
            assert_eq!(store.timer(&chat), timer);
            assert_eq!(store.timer(&other), None);
        }
    }

    #[tokio::test]
    async fn a_known_group_has_the_timer_of_its_description() {
        let volume = Volume::new();
        let store = Store::new(volume.vault.clone());
        let id = ChatId::of_jid("120363000000000001@g.us");
        store.set_timer(&id, 604_800);
        for (seconds, timer) in [(86_400, Some(86_400)), (0, None)] {
            store.keep_group(&Group {
                disappears_after: seconds,
                known_at: Some(SystemTime::UNIX_EPOCH),
                ..Group::named(id.clone(), "Site".into())
            });
            assert_eq!(store.timer(&id), timer);
        }
        // It may have another timer when the account is added again.
        store.forget_group(&id);
        assert_eq!(store.timer(&id), None);
    }

    #[tokio::test]
    async fn the_number_of_stored_timers_is_limited() {
        let volume = Volume::new();
        let store = Store::new(volume.vault.clone());
        let chat = |n: usize| ChatId::of_jid(&format!("{n}@lid"));
        for n in 0..MAX_CHATS + 10 {
            store.set_timer(&chat(n), 86_400);
        }
        assert_eq!(store.timer(&chat(MAX_CHATS)), None);
        store.set_timer(&chat(0), 0);
        store.set_timer(&chat(MAX_CHATS), 86_400);
        assert_eq!(store.timer(&chat(MAX_CHATS)), Some(86_400));
    }
}
