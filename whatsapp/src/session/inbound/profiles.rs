//! Changes of people's profiles, applied to what is known of them. Only the phone's address book names new people: who
//! else is known was seen in an allowed message, or a client has asked about them.

use std::time::SystemTime;

use openclaw_types::Contact;
use whatsapp_rust::Jid;
use whatsapp_rust::types::events::{
    BusinessStatusUpdate, ContactUpdate, PictureUpdate, UserAboutUpdate,
};

use super::Inbound;
use crate::session::{names, translate};

impl Inbound {
    pub(super) fn picture_changed(&self, update: &PictureUpdate, now: SystemTime) {
        // Of a group this is an event.
        let who = translate::contact([&update.jid]);
        self.store.change_profile(&who, now, |profile| {
            profile.picture_id = update.picture_id.clone().unwrap_or_default();
        });
    }

    pub(super) fn about_changed(&self, update: &UserAboutUpdate, now: SystemTime) {
        let who = translate::contact([&update.jid]);
        self.store.change_profile(&who, now, |profile| {
            profile.about.clone_from(&update.status);
            profile.about_set_at = Some(SystemTime::from(update.timestamp));
        });
    }

    /// Only some of these notifications have the name.
    pub(super) fn business_changed(&self, update: &BusinessStatusUpdate, now: SystemTime) {
        self.contact_changed(update.target_jid.as_ref().unwrap_or(&update.jid), now);
    }

    /// WhatsApp does not report what has changed.
    pub(super) fn contact_changed(&self, jid: &Jid, now: SystemTime) {
        let who = translate::contact([jid]);
        self.store
            .change_profile(&who, now, |profile| profile.outdated = true);
    }

    /// The phone has saved a contact, or renamed one.
    pub(super) fn contact_saved(&self, update: &ContactUpdate, now: SystemTime) {
        let action = &update.action;
        let mut who = translate::contact([&update.jid]);
        let lid = action.lid_jid.as_deref().map(Contact::of_jid);
        who.lid = who.lid.or(lid.and_then(|lid| lid.lid));
        if let [Some(lid), Some(number)] = names::jids(&who) {
            self.store.learn(&lid.to_string(), &number.to_string());
        }
        let names = [&action.full_name, &action.first_name];
        let mut names = names.into_iter().flatten().filter(|it| !it.is_empty());
        let name = names.next().cloned().unwrap_or_default();
        let learn = |profile: &mut openclaw_types::Profile| profile.saved_name = name;
        self.store.see(&who, now, learn);
    }
}
