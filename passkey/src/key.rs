//! Security keys on USB.

use std::cell::Cell;
use std::collections::HashSet;
use std::time::Duration;

use libwebauthn::ops::webauthn::GetAssertionRequest;
use libwebauthn::transport::hid::{HidDevice, list_devices};
use libwebauthn::transport::{ChannelSettings, Device as _};
use tokio::time::sleep;

use crate::Error;
use crate::ceremony::assertion;
use crate::terminal::note;

const SEARCH_INTERVAL: Duration = Duration::from_secs(1);

/// An assertion by one of the keys that are attached; and while it `waits`, by one that will be. A key that fails is asked
/// again only after it was unplugged.
///
/// # Errors
/// It does not wait, and no key that is attached has made an assertion.
pub async fn any(request: &GetAssertionRequest, waits: &Cell<bool>) -> Result<String, Error> {
    let mut tried = HashSet::new();
    let mut failure = Error::NoWay;
    loop {
        let found = list_devices().await.unwrap_or_default();
        let present: HashSet<_> = found.iter().map(HidDevice::usb_device_id).collect();
        tried.retain(|id| present.contains(id));
        for mut key in found {
            if !tried.insert(key.usb_device_id()) {
                continue;
            }
            note(&format!("Security key: {}", printable(&key.to_string())));
            match one(&mut key, request).await {
                Ok(json) => return Ok(json),
                Err(why) => {
                    note(&format!("It was not used: {why}"));
                    failure = Error::Key(why);
                }
            }
        }
        if !waits.get() {
            return Err(failure);
        }
        sleep(SEARCH_INTERVAL).await;
    }
}

/// An assertion by this key.
///
/// # Errors
/// Why there is none, for a person.
pub async fn one(key: &mut HidDevice, request: &GetAssertionRequest) -> Result<String, String> {
    let channel = key.channel(ChannelSettings::default()).await;
    let mut channel = channel.map_err(|error| error.to_string())?;
    assertion(&mut channel, request).await
}

/// A name as the device reports it, which may be anything.
fn printable(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}
