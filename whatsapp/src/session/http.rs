//! The HTTP client that the library gets. It fetches large changes of the app state from the media hosts; everything else that
//! the library could do with it, the session does itself.

use std::time::Duration;

use async_trait::async_trait;
use hyper::http::Request;
use hyper::http::uri::Uri;
use openclaw_egress::Egress;
use whatsapp_rust::anyhow;
use whatsapp_rust::anyhow::Context as _;
use whatsapp_rust::http::{HttpClient, HttpRequest, HttpResponse};

use super::media::http::target;

/// For the whole request.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The maximum size of an answer. A snapshot of the app state of an account with ten thousand chats has 2 MiB.
const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;

/// Connects as the link does.
pub(super) struct Http {
    egress: Egress,
}

impl Http {
    pub(super) const fn new(egress: Egress) -> Self {
        Self { egress }
    }
}

#[async_trait]
impl HttpClient for Http {
    async fn execute(&self, request: HttpRequest) -> anyhow::Result<HttpResponse> {
        let HttpRequest {
            url,
            method,
            headers,
            body,
        } = request;
        let uri: Uri = url.parse().context("cannot parse the URL")?;
        let authority = uri.authority().context("the URL has no host")?.as_str();
        let to = target(authority).context("the host of the URL is not one of WhatsApp's")?;
        let mut request = Request::builder().method(method.as_str()).uri(&uri);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(body.unwrap_or_default())?;
        let asked = self.egress.request(&to, request, MAX_ANSWER_BYTES);
        let answer = tokio::time::timeout(TIMEOUT, asked).await;
        let answer = answer.context("the media host did not answer in time")??;
        Ok(HttpResponse {
            status_code: answer.status.as_u16(),
            body: answer.body,
        })
    }
}
