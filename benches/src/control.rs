//! A client of the simulator's control API, with the calls that the benchmarks need.

use std::time::Duration;

use serde_json::{Value, json};

use crate::Failure;

/// The list of thousands of accounts fits.
const MAX_BODY: u64 = 16 << 20;

#[derive(Clone)]
pub(crate) struct Control {
    url: String,
    agent: ureq::Agent,
}

impl Control {
    pub(crate) fn new(url: &str) -> Self {
        let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(120)));
        Self {
            url: url.to_owned(),
            agent: config.build().into(),
        }
    }

    /// Lets the phone of `account` scan a QR code.
    pub(crate) async fn scan(&self, account: &str, qr: String) -> Result<(), Failure> {
        self.post("/phone/scan", json!({ "account": account, "qr": qr }))
            .await
    }

    /// Lets a contact send `count` texts.
    pub(crate) async fn flood(&self, from: &str, to: &str, count: u32) -> Result<(), Failure> {
        self.post(
            "/peer/flood",
            json!({ "from": from, "to": to, "count": count }),
        )
        .await
    }

    /// The number of texts that a contact has received.
    pub(crate) async fn inbox(&self, peer: &str) -> Result<usize, Failure> {
        let (agent, url) = (self.agent.clone(), format!("{}/peer/inbox", self.url));
        let peer = peer.to_owned();
        let texts = tokio::task::spawn_blocking(move || {
            agent
                .get(url)
                .query("peer", peer)
                .call()?
                .into_body()
                .read_json::<Vec<Value>>()
        });
        Ok(texts.await??.len())
    }

    /// The number of accounts with a companion that is connected and gets its messages.
    pub(crate) async fn connected(&self) -> Result<usize, Failure> {
        let (agent, url) = (self.agent.clone(), format!("{}/accounts", self.url));
        let accounts = tokio::task::spawn_blocking(move || {
            agent
                .get(url)
                .call()?
                .into_body()
                .with_config()
                .limit(MAX_BODY)
                .read_json::<Vec<Value>>()
        });
        let accounts = accounts.await??;
        let is_active = |account: &&Value| account["active"].as_u64() > Some(0);
        Ok(accounts.iter().filter(is_active).count())
    }

    async fn post(&self, path: &str, body: Value) -> Result<(), Failure> {
        let (agent, url) = (self.agent.clone(), format!("{}{path}", self.url));
        let answer = tokio::task::spawn_blocking(move || agent.post(url).send_json(body));
        answer.await??;
        Ok(())
    }
}
