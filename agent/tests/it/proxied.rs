//! Connections through a proxy: of the link, of media and of the version request, and nothing beside it.
//!
//! The tests with real proxies are ignored: `scripts/test` runs them with pproxy, which `scripts/with-python` installs. The
//! simulator can be reached directly as well, so what fails while the proxy is off goes through the proxy only.

mod real;

use std::sync::Arc;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::LinkState;
use openclaw_proto::v1::access_client::AccessClient;
use openclaw_sim::Sim;

use crate::harness::{ANNA, Agent, WORD, World};

/// Nothing listens there.
const DEAD_PROXY: &str = "http://anna:swordfish@127.0.0.1:1";
const DEAD_PROXY_SHOWN: &str = "http://127.0.0.1:1";

/// An agent with these variables, and its simulator.
async fn within(environment: &[(&str, &str)]) -> World {
    let sim = Sim::start(openclaw_sim::Config::default()).await.unwrap();
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let agent = Agent::start_within(folder, &sim.url(), environment).await;
    World::of(sim, agent)
}

async fn network(world: &World) -> pb::Network {
    world.agent.status().await.network.unwrap()
}

/// The output has no credentials.
fn has_no_password(world: &World) {
    let (out, err) = world.agent.output();
    for line in out.iter().chain(&err) {
        assert!(
            !line.contains("swordfish") && !line.contains("anna"),
            "{line}"
        );
    }
}

async fn finding(world: &World, check: &str) -> pb::Finding {
    let mut access = AccessClient::new(world.agent.channel());
    let found = access.diagnose(pb::DiagnoseRequest::default()).await;
    let findings = found.unwrap().into_inner().findings;
    let finding = findings.iter().find(|finding| finding.check == check);
    finding.unwrap_or_else(|| panic!("{findings:#?}")).clone()
}

#[tokio::test]
async fn a_dead_proxy_is_named_everywhere_and_nothing_goes_beside_it() {
    for (variable, value) in [
        ("OPENCLAW_PROXY", DEAD_PROXY),
        ("HTTPS_PROXY", DEAD_PROXY),
        ("https_proxy", DEAD_PROXY),
        ("ALL_PROXY", DEAD_PROXY),
        ("all_proxy", "anna:swordfish@127.0.0.1:1"),
    ] {
        let world = within(&[(variable, value), ("NO_PROXY", "web.whatsapp.com")]).await;
        let pairing = world.pair(pb::PairRequest::by_qr()).await.unwrap();
        let failed = pairing.failed().await;
        assert_eq!(failed.reason(), pb::PairFailureReason::WhatsappUnreachable);
        assert!(
            failed.hint.contains("openclawctl doctor"),
            "{}",
            failed.hint
        );
        let way = network(&world).await;
        assert_eq!(way.proxy, DEAD_PROXY_SHOWN, "{variable}");
        assert_eq!(way.proxy_source, variable);
        assert!(!way.proxy_bypassed && !way.ca_file);
        let expected = format!("cannot reach the proxy {DEAD_PROXY_SHOWN}: Connection refused");
        assert!(way.error.starts_with(&expected), "{}", way.error);
        assert!(
            way.hint.contains("check that the proxy runs"),
            "{}",
            way.hint
        );
        let found = finding(&world, "network").await;
        assert_eq!(found.state(), pb::FindingState::Bad);
        assert!(found.text.contains(&expected), "{}", found.text);
        assert_eq!(world.handshakes(), 0, "the simulator was not reached");
        let logged = world.agent.logged("connecting through a proxy").await;
        assert_eq!(logged["proxy"], DEAD_PROXY_SHOWN);
        assert_eq!(logged["source"], variable);
        has_no_password(&world);
        world.finish().await;
    }
}

#[tokio::test]
async fn an_exempt_server_is_reached_without_the_proxy() {
    for exempt in ["127.0.0.1", "127.0.0.0/8", "*", "example.com, 127.0.0.1"] {
        let world = within(&[("OPENCLAW_PROXY", DEAD_PROXY), ("no_proxy", exempt)]).await;
        world.link().await;
        let way = network(&world).await;
        assert_eq!((&*way.proxy, way.proxy_bypassed), (DEAD_PROXY_SHOWN, true));
        assert_eq!(way.error, "");
        let found = finding(&world, "network").await;
        assert_eq!(found.state(), pb::FindingState::Good);
        assert!(found.text.contains("NO_PROXY exempts it"), "{}", found.text);
        has_no_password(&world);
        world.finish().await;
    }
}

#[tokio::test]
async fn proxies_can_be_turned_off() {
    for environment in [
        &[("OPENCLAW_PROXY", "none"), ("HTTPS_PROXY", DEAD_PROXY)][..],
        &[("HTTPS_PROXY", ""), ("ALL_PROXY", " ")],
        // For plain HTTP only.
        &[("HTTP_PROXY", DEAD_PROXY)],
    ] {
        let world = within(environment).await;
        world.link().await;
        assert_eq!(network(&world).await.proxy, "");
        world.send(ANNA, WORD).await.unwrap();
        let link = world.agent.link().await;
        assert_eq!(link.state(), LinkState::Connected);
        world.finish().await;
    }
}
