//! WhatsApp's request, checked.

use libwebauthn::ops::webauthn::{
    GetAssertionRequest, OriginValidation, PublicSuffixList, RelatedOrigins, RequestOrigin,
    RequestSettings, UserVerificationRequirement,
};

use crate::Error;

/// The origin in the client data.
const ORIGIN: &str = "https://web.whatsapp.com";
/// The site that the passkeys are for.
const RELYING_PARTY: &str = "whatsapp.com";

/// All that has to be known of the list of public suffixes for one site.
struct Suffixes;

impl PublicSuffixList for Suffixes {
    fn public_suffix(&self, host: &str) -> Option<String> {
        (host == "com" || host.ends_with(".com")).then(|| "com".to_owned())
    }
}

/// Reads the options in the JSON form of `navigator.credentials.get`. The person has to be verified, whatever they say:
/// WhatsApp refuses an assertion without that.
///
/// # Errors
/// They are no such options, or for another site.
pub async fn read(options: &str) -> Result<GetAssertionRequest, Error> {
    let site = serde_json::from_str::<serde_json::Value>(options).map_err(|_| Error::Request)?;
    if site["rpId"].as_str() != Some(RELYING_PARTY) {
        return Err(Error::OtherSite);
    }
    let origin = RequestOrigin::try_from(ORIGIN).map_err(|_| Error::OtherSite)?;
    let settings = RequestSettings {
        origin: OriginValidation::Validate {
            public_suffix_list: &Suffixes,
            related_origins: RelatedOrigins::Disabled,
        },
    };
    let prepared = GetAssertionRequest::prepare(&origin, options, &settings).await;
    let mut request = prepared.map_err(|_| Error::Request)?;
    request.user_verification = UserVerificationRequirement::Required;
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As WhatsApp's server sends them, with these members replaced.
    fn options(with: &[(&str, serde_json::Value)]) -> String {
        let mut options = serde_json::json!({
            "challenge": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
            "timeout": 600_000,
            "rpId": "whatsapp.com",
            "allowCredentials": [],
            "userVerification": "required",
            "extensions": { "uvm": true },
        });
        for (name, value) in with {
            options[name] = value.clone();
        }
        options.to_string()
    }

    #[tokio::test]
    async fn the_client_data_is_that_of_a_browser_on_whatsapp_web() {
        let request = read(&options(&[])).await.unwrap();
        assert_eq!(request.relying_party_id, "whatsapp.com");
        assert_eq!(
            request.client_data_json(),
            r#"{"type":"webauthn.get","challenge":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8","origin":"https://web.whatsapp.com","crossOrigin":false}"#
        );
    }

    #[tokio::test]
    async fn the_person_is_verified_even_if_the_request_does_not_ask_for_it() {
        for asked in ["required", "preferred", "discouraged"] {
            let request = read(&options(&[("userVerification", asked.into())])).await;
            let asked = request.unwrap().user_verification;
            assert_eq!(asked, UserVerificationRequirement::Required);
        }
    }

    #[tokio::test]
    async fn another_site_and_no_request_are_refused() {
        for site in ["example.org", "web.whatsapp.com", "com", ""] {
            let refused = read(&options(&[("rpId", site.into())])).await.unwrap_err();
            assert!(matches!(refused, Error::OtherSite), "{site}: {refused}");
        }
        let none = options(&[("rpId", serde_json::Value::Null)]);
        assert!(matches!(read(&none).await, Err(Error::OtherSite)));
        for text in [
            String::new(),
            "hello".to_owned(),
            options(&[("challenge", serde_json::Value::Null)]),
            options(&[("challenge", "?".into())]),
        ] {
            let refused = read(&text).await.unwrap_err();
            assert!(matches!(refused, Error::Request), "{text}: {refused}");
            assert_eq!(refused.exit_code(), 2);
        }
    }
}
