//! Forged, foreign and truncated stanzas.

use whatsapp_rust::wacore_binary::node::Attrs;

use super::*;

fn container(bench: &Bench, secret: &[u8; 32], identity: &[u8; 32]) -> Vec<u8> {
    adv::device_identity(
        &bench.account,
        identity,
        secret,
        KEY_INDEX,
        1,
        Signing::Ordinary,
    )
}

#[tokio::test]
async fn a_forged_identity_is_refused_by_name() {
    let bench = Bench::offered();
    let (secret, own) = (bench.secret(), bench.identity());
    let forged = container(&bench, &[7; 32], &own);
    let foreign = container(&bench, &secret, &[8; 32]);
    drop(bench);
    for (forged, named) in [(forged, "hmac-mismatch"), (foreign, "signature-mismatch")] {
        let mut bench = Bench::offered();
        // The same device and secret as in the container.
        *bench.machine.secret = secret;
        bench.get(success(forged));
        assert_eq!(bench.error(), Some(("401".into(), named.into())));
        assert_eq!(bench.refused(), Some(Refusal::Verification));
        bench.get(stream_error(515));
        assert!(bench.linked.is_none());
    }
}

#[tokio::test]
async fn a_spoilt_identity_is_refused_at_every_byte() {
    let bench = Bench::offered();
    let whole = container(&bench, &bench.secret(), &bench.identity());
    let (device, secret) = (bench.device.clone(), bench.secret());
    let try_with = |container: Vec<u8>| {
        let mut bench = Bench::offered();
        bench.machine = Machine::new(&device);
        *bench.machine.secret = secret;
        bench.get(success(container));
        bench.get(stream_error(515));
        bench.linked.is_some()
    };
    assert!(try_with(whole.clone()));
    // At the end is the account's type, which only says how the HMAC begins.
    for at in 0..whole.len() - 2 {
        assert!(!try_with(whole[..at].to_vec()), "cut at {at}");
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        assert!(!try_with(flipped), "flipped at {at}");
    }
}

#[tokio::test]
async fn a_success_without_a_companion_s_address_links_nothing() {
    for jid in [
        None,
        Some("15550100001@s.whatsapp.net"),
        Some("15550100001:7@g.us"),
        Some("@s.whatsapp.net"),
        Some("nonsense"),
    ] {
        let mut bench = Bench::offered();
        let identity = container(&bench, &bench.secret(), &bench.identity());
        let mut device = NodeBuilder::new("device");
        if let Some(jid) = jid {
            device = device.attr("jid", jid);
        }
        let parts = [leaf("device-identity", identity), device.build()];
        bench.get(iq(NodeBuilder::new("pair-success").children(parts).build()));
        assert_eq!(bench.error(), Some(("500".into(), "internal-error".into())));
        assert_eq!(bench.refused(), Some(Refusal::Verification), "{jid:?}");
    }
}

#[tokio::test]
async fn only_the_server_is_heard() {
    for from in [None, Some("15550100002@s.whatsapp.net"), Some("g.us")] {
        let mut bench = Bench::offered();
        let reports = bench.reports.len();
        let success = bench.success(&bench.secret(), Signing::Ordinary);
        let request = notification("passkey_prologue_request", None);
        let refresh = NodeBuilder::new("companion_reg_refresh").build();
        let refresh = notification("companion_reg_refresh", Some(refresh));
        for mut node in [offer(6), success, request, refresh] {
            let mut attrs = Attrs::new();
            for (name, value) in node.attrs.iter().filter(|(name, _)| *name != "from") {
                attrs.insert(name.clone(), value.clone());
            }
            if let Some(from) = from {
                attrs.insert("from", from);
            }
            node.attrs = attrs;
            bench.get(node);
        }
        assert!(
            bench.sent.is_empty() && bench.reports.len() == reports,
            "{from:?}"
        );
    }
}

#[tokio::test]
async fn stanzas_without_their_parts_change_nothing() {
    let kinds = [
        "link_code_companion_reg",
        "companion_reg_refresh",
        "crsc_continuation",
        "unheard_of",
    ];
    let mut bench = Bench::offered();
    let reports = bench.reports.len();
    for kind in kinds {
        bench.get(notification(kind, None));
        bench.get(notification(
            kind,
            Some(NodeBuilder::new("link_code_companion_reg").build()),
        ));
    }
    assert_eq!(bench.sent.len(), 2 * kinds.len(), "each is acked");
    bench.sent.clear();
    for tag in ["iq", "ib", "message", "receipt", "success", "stream:error"] {
        bench.get(NodeBuilder::new(tag).build());
        bench.get(from_server(tag).build());
    }
    bench.get(iq(NodeBuilder::new("pair-unheard-of").build()));
    let routing = leaf("routing_info", vec![0; 4096]);
    let routing = NodeBuilder::new("edge_routing").children([routing]).build();
    bench.get(NodeBuilder::new("ib").children([routing]).build());
    assert!(bench.sent.is_empty() && bench.reports.len() == reports);
    assert_eq!(bench.ended, None);
    // The code on the screen still links.
    bench.get(bench.success(&bench.secret(), Signing::Ordinary));
    bench.get(stream_error(515));
    assert!(bench.linked.is_some());
}

#[tokio::test]
async fn a_failure_ends_the_connection_with_its_reason() {
    for (reason, loss) in [
        (
            403,
            Loss::Banned {
                lasts: None,
                code: 403,
            },
        ),
        (405, Loss::Outdated(405)),
        (409, Loss::Outdated(409)),
        (401, Loss::LoggedOut(Some(401))),
        (503, Loss::Refused(503)),
        (599, Loss::Refused(599)),
    ] {
        let mut bench = Bench::offered();
        bench.get(NodeBuilder::new("failure").attr("reason", reason).build());
        assert_eq!(bench.ended, Some(loss));
    }
    let mut bench = Bench::offered();
    let ban = NodeBuilder::new("failure")
        .attr("reason", 402)
        .attr("expire", 60);
    bench.get(ban.attr("code", 101).build());
    let lasts = Some(Duration::from_secs(60));
    assert_eq!(bench.ended, Some(Loss::Banned { lasts, code: 402 }));
}
