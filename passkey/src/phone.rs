//! A phone near by: WebAuthn's hybrid transport. The phone scans a QR code, proves by Bluetooth that it is near, and answers
//! over a tunnel server of its maker's, end-to-end encrypted.

use libwebauthn::ops::webauthn::GetAssertionRequest;
pub use libwebauthn::transport::hybrid::is_available;
use libwebauthn::transport::hybrid::qr_code_device::{
    PxpQrCodeDevice, PxpTransports, QrCodeOperationHint,
};
use libwebauthn::transport::{Channel as _, ChannelSettings, Device as _};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

use crate::Error;
use crate::ceremony::assertion;
use crate::terminal::note;

/// An assertion by a phone that scans the code shown here.
///
/// # Errors
/// The phone did not answer, or Bluetooth failed.
pub async fn any(request: &GetAssertionRequest) -> Result<String, Error> {
    let phone = |error: &dyn std::fmt::Display| Error::Phone(error.to_string());
    // Without the local transport of CTAP 2.3: some phones refuse codes that mention it.
    let transports = PxpTransports::CloudAssistedOnly;
    let mut device =
        PxpQrCodeDevice::new_transient(QrCodeOperationHint::GetAssertionRequest, transports)
            .map_err(|error| phone(&error))?;
    let code = QrCode::new(device.qr_code.to_string()).map_err(|error| phone(&error))?;
    note(&drawn(&code));
    note(
        "Scan this code with the camera of the phone that has the passkey (not in WhatsApp). Bluetooth must be on, on both.",
    );
    let channel = device.channel(ChannelSettings::default()).await;
    let mut channel = channel.map_err(|error| phone(&error))?;
    let made = assertion(&mut channel, request).await;
    channel.close().await;
    made.map_err(Error::Phone)
}

/// For a dark terminal: light modules are printed.
fn drawn(code: &QrCode) -> String {
    code.render::<Dense1x2>()
        .dark_color(Dense1x2::Light)
        .light_color(Dense1x2::Dark)
        .build()
}
