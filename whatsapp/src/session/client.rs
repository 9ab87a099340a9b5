//! The library's client, and the tasks behind it. The library's own `Bot` would make the same, but with a worker that reads
//! histories whole: see [`history`].

use std::sync::Arc;
use std::time::Duration;

use openclaw_types::{Device, DevicePlatform};
use whatsapp_rust::async_channel::Receiver;
use whatsapp_rust::client::Client;
use whatsapp_rust::store::persistence_manager::PersistenceManager;
use whatsapp_rust::sync_task::MajorSyncTask;
use whatsapp_rust::wacore::store::DevicePropsOverride;
use whatsapp_rust::wacore::store::commands::DeviceCommand;
use whatsapp_rust::wacore::store::error::StoreError;
use whatsapp_rust::waproto::whatsapp::device_props::PlatformType;
use whatsapp_rust::{CacheConfig, ClientBuilderError, Runtime};

use super::inbound::Inbound;
use super::{dial, history};
use crate::store::Store;

/// How often the library stores the changed fields of the device, as its `Bot` does.
const SAVE_INTERVAL: Duration = Duration::from_secs(30);

/// The session could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The device cannot be loaded or stored.
    #[error("cannot set up the WhatsApp session")]
    Device(#[from] StoreError),
    /// The library refuses a part of the setup.
    #[error("cannot set up the WhatsApp session")]
    Client(#[from] ClientBuilderError),
}

/// What a client consists of.
pub(super) struct Parts {
    pub(super) dialer: dial::Dialer,
    pub(super) http: dial::Http,
    pub(super) runtime: Arc<dyn Runtime>,
    pub(super) inbound: Inbound,
    pub(super) requests: Arc<history::Requests>,
}

/// The tasks behind a client that has not connected yet.
pub(super) struct Workers {
    runtime: Arc<dyn Runtime>,
    inbound: Inbound,
    requests: Arc<history::Requests>,
    tasks: Receiver<MajorSyncTask>,
}

/// Makes a client. It does not connect.
pub(super) async fn build(
    store: &Store,
    as_device: &Device,
    version: Option<(u32, u32, u32)>,
    parts: Parts,
) -> Result<(Arc<Client>, Workers), OpenError> {
    let Parts {
        dialer,
        http,
        runtime,
        inbound,
        requests,
    } = parts;
    let device = PersistenceManager::new(store.backend()).await?;
    let props = DevicePropsOverride::new()
        .with_os(as_device.name.as_str())
        .with_platform_type(match as_device.platform {
            DevicePlatform::Chrome => PlatformType::CHROME,
            DevicePlatform::Firefox => PlatformType::FIREFOX,
            DevicePlatform::Edge => PlatformType::EDGE,
            DevicePlatform::Safari => PlatformType::SAFARI,
            DevicePlatform::Desktop => PlatformType::DESKTOP,
        });
    device
        .process_command(DeviceCommand::SetDeviceProps(props))
        .await;
    let mut builder = Client::builder()
        .with_persistence_manager(Arc::new(device))
        .with_transport_factory(dialer)
        .with_http_client(http)
        .with_runtime_arc(Arc::clone(&runtime))
        .with_cache_config(caches())
        .with_inbound_durability_hook(inbound.clone())
        .with_background_saver_interval(SAVE_INTERVAL)
        .with_skip_history_sync(true);
    if let Some(version) = version {
        builder = builder.with_version_override(version);
    }
    let (client, tasks) = builder.build().await?.into_parts();
    let workers = Workers {
        runtime,
        inbound,
        requests,
        tasks,
    };
    Ok((client, workers))
}

impl Workers {
    /// Starts them, before the first connection. They end with the client.
    pub(super) fn start(self, client: &Arc<Client>) {
        let Self {
            runtime,
            inbound,
            requests,
            tasks,
        } = self;
        client.subscribe_handler(Arc::new(inbound)).detach();
        let work = history::work(Arc::downgrade(client), tasks, requests);
        runtime.spawn(Box::pin(work)).detach();
    }
}

/// The library's defaults, with two exceptions: its tasks for chats that are silent, 9 KiB each, and its cache of sent
/// messages, because a device that could not decrypt one may have been off for days. If a message is no longer cached,
/// the library cannot repair the session on request (whatsapp-rust#1300, fixed after 0.7.0).
fn caches() -> CacheConfig {
    CacheConfig {
        sent_message_ttl_secs: 7 * 86_400,
        chat_lanes_capacity: 256,
        ..CacheConfig::default()
    }
}
