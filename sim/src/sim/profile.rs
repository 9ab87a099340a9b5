//! Profiles, changed on the phone.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::number::Number;
use crate::phones::profile;
use crate::sim::group::user_of;
use crate::sim::phone::Phone;
use crate::state::error::Error;
use crate::state::media::Full;
use crate::state::profile::{ALL_EXCEPT, setting};
use crate::sync::lock;

/// A person's profile and privacy settings.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ProfileView {
    /// The push name.
    pub name: String,
    /// The picture's id.
    pub picture: Option<u64>,
    /// The about text.
    pub about: Option<String>,
    /// The verified name of a business.
    pub business: Option<String>,
    /// The default timer of new chats, in seconds.
    pub timer: u32,
    /// The privacy settings, with WhatsApp's names and values.
    pub privacy: BTreeMap<&'static str, &'static str>,
    /// The blocked numbers.
    pub blocked: Vec<String>,
}

impl Phone {
    /// The profile.
    pub fn profile(&self) -> ProfileView {
        let mut state = lock(&self.shared().state);
        let user = state.user(self.number());
        let profile = &user.profile;
        ProfileView {
            name: user.name.clone(),
            picture: profile.picture.as_ref().map(|picture| picture.id),
            about: profile.about.as_ref().map(|(text, _)| text.clone()),
            business: profile.business.clone(),
            timer: profile.timer.0,
            privacy: profile.settings().collect(),
            blocked: profile.blocked.keys().map(Number::to_string).collect(),
        }
    }

    /// Changes the profile picture, or removes it. Returns its id.
    ///
    /// # Errors
    /// The media host is full.
    pub fn set_picture(&self, jpeg: Option<&[u8]>) -> Result<Option<u64>, Error> {
        let bytes = jpeg.map(Bytes::copy_from_slice);
        let set = profile::set_picture(self.shared(), &self.device(), bytes.as_ref());
        set.map_err(|Full| Error::HostFull)
    }

    /// Changes the picture of a group, by its JID, or removes it. Returns its id.
    ///
    /// # Errors
    /// There is no such group, or the account is not a member of it; the media host is full.
    pub fn set_group_picture(
        &self,
        group: &str,
        jpeg: Option<&[u8]>,
    ) -> Result<Option<u64>, Error> {
        let id = user_of(group)?;
        let state = lock(&self.shared().state);
        let found = state.groups.get(&id);
        let found = found.ok_or_else(|| Error::NoGroup(group.to_owned()))?;
        if !found.has(self.number()) {
            return Err(Error::NotAllowed(group.to_owned()));
        }
        drop(state);
        let bytes = jpeg.map(Bytes::copy_from_slice);
        let set = profile::set_group_picture(self.shared(), &id, self.number(), bytes.as_ref());
        set.map_err(|Full| Error::HostFull)
    }

    /// Changes the about text.
    pub fn set_about(&self, text: &str) {
        profile::set_about(self.shared(), &self.device(), text);
    }

    /// Makes the account a business with this verified name, or, without a name, no longer a business.
    pub fn set_business(&self, name: Option<&str>) {
        profile::set_business(self.shared(), self.number(), name);
    }

    /// Changes the default timer of new chats, in seconds.
    pub fn set_timer(&self, seconds: u32) {
        profile::set_timer(self.shared(), &self.device(), seconds);
    }

    /// Changes a privacy setting, with WhatsApp's names and values; the exceptions are for `contact_blacklist`.
    ///
    /// # Errors
    /// There is no such setting or value, or a number is malformed.
    pub fn set_privacy(&self, name: &str, value: &str, except: &[&str]) -> Result<(), Error> {
        let found =
            setting(name, value).filter(|(_, value)| except.is_empty() || *value == ALL_EXCEPT);
        let found = found.ok_or_else(|| Error::NoSetting(format!("{name}={value}")))?;
        let except: Result<Vec<_>, Error> = except
            .iter()
            .map(|number| Ok((number.parse()?, true)))
            .collect();
        profile::set_privacy(self.shared(), &self.device(), found, &except?);
        Ok(())
    }

    /// Blocks or unblocks a contact.
    ///
    /// # Errors
    /// The number is malformed.
    pub fn block(&self, contact: &str, blocked: bool) -> Result<(), Error> {
        let contact = contact.parse()?;
        profile::set_blocked(self.shared(), &self.device(), &contact, blocked);
        Ok(())
    }

    fn device(&self) -> (Number, u16) {
        (self.number().clone(), 0)
    }
}
