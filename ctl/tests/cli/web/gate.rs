//! Which requests are answered, and how they are bounded.

use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use super::{JSON, Served, exchange, send};

#[tokio::test]
async fn the_address_works_once() {
    let served = Served::with_code().await;
    let path = format!("/open/{}", served.token);
    let wrong = served.get(&format!("{path}x"), &[]).await;
    assert_eq!(wrong.status, 403);
    assert!(wrong.body.contains("not complete"), "{}", wrong.body);

    let entered = served.get(&path, &[]).await;
    assert_eq!(entered.status, 303);
    let (base, cookie) = (entered.header("location"), entered.header("set-cookie"));
    let (base, cookie) = (base.unwrap(), cookie.unwrap());
    assert!(!base.contains(&served.token), "{base}");
    assert!(
        cookie.ends_with(&format!("; Path={base}; HttpOnly; SameSite=Strict")),
        "{cookie}"
    );
    assert!(!cookie.contains(&served.token), "{cookie}");

    let again = served.get(&path, &[]).await;
    assert_eq!(again.status, 403);
    assert!(again.body.contains("used already"), "{}", again.body);
    assert!(again.body.contains("run the command again"));
    assert_eq!(again.header("set-cookie"), None);
}

#[tokio::test]
async fn a_browser_that_loads_the_address_in_advance_does_not_use_it() {
    let served = Served::with_code().await;
    let path = format!("/open/{}", served.token);
    let early = served
        .get(&path, &["Sec-Purpose: prefetch;prerender"])
        .await;
    assert_eq!(early.status, 503);
    assert_eq!(early.header("set-cookie"), None);
    served.enter().await;
}

#[tokio::test]
async fn only_the_cookie_opens_the_page() {
    let served = Served::with_code().await;
    let visitor = served.enter().await;
    assert_eq!(visitor.get("").await.status, 200);
    // The cookie is random, so each end is possible.
    let (most, last) = visitor.cookie.split_at(visitor.cookie.len() - 1);
    let other = format!("{most}{}", if last == "A" { "E" } else { "A" });
    let longer = format!("{}A", visitor.cookie);
    let renamed = visitor.cookie.replace("openclaw=", "other=");
    for cookie in ["", "Cookie: openclaw=", &other, &longer, &renamed] {
        for path in ["", "state", "nothing"] {
            let path = format!("{}{path}", visitor.base);
            let reply = served.get(&path, &[cookie]).await;
            assert_eq!(reply.status, 403, "{path} {cookie}");
            assert!(reply.body.contains("has not opened"), "{}", reply.body);
        }
    }
    let among = visitor.cookie.replace("Cookie: ", "Cookie: a=b; c; ");
    let reply = served.get(&visitor.base, &["Cookie: x=y", &among]).await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn another_host_is_refused_against_dns_rebinding() {
    let served = Served::with_code().await;
    let visitor = served.enter().await;
    let port = served.host.rsplit(':').next().unwrap();
    for host in [
        "example.com",
        "127.0.0.1.example.com",
        "localhost.example.com:80",
        "127.0.0.1@example.com",
        "127.0.0.2",
        "0.0.0.0",
        "localhost:",
        "localhost:+1",
        "localhost:99999",
    ] {
        let host = format!("Host: {host}");
        for path in ["/page.css", visitor.base.as_str(), "/nothing"] {
            let reply = served.get(path, &[&host, &visitor.cookie]).await;
            assert_eq!(reply.status, 421, "{host} {path}");
        }
    }
    for host in [
        "127.0.0.1:1",
        "localhost",
        "[::1]:8080",
        &format!("localhost:{port}"),
    ] {
        let host = format!("Host: {host}");
        let reply = served.get(&visitor.base, &[&host, &visitor.cookie]).await;
        assert_eq!(reply.status, 200, "{host}");
    }
    let (base, cookie) = (&visitor.base, &visitor.cookie);
    for head in [
        format!("GET {base} HTTP/1.1\r\n{cookie}\r\n"),
        format!("GET {base} HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n{cookie}\r\n"),
        format!("GET http://localhost{base} HTTP/1.1\r\nHost: localhost\r\n{cookie}\r\n"),
    ] {
        let reply = exchange(&served.host, &format!("{head}\r\n")).await;
        assert_eq!(reply.status, 421, "{head}");
    }
}

#[tokio::test]
async fn another_origin_is_refused_against_forged_requests() {
    let served = Served::with_code().await;
    let visitor = served.enter().await;
    let begin = format!("{}begin", visitor.base);
    let port = served.host.rsplit(':').next().unwrap();
    let same_port = format!("http://localhost:{port}");
    let over_tls = format!("https://{}", served.host);
    for origin in [
        "http://example.com",
        "null",
        "http://127.0.0.1",
        &same_port,
        &over_tls,
    ] {
        let origin = format!("Origin: {origin}");
        let headers = [visitor.cookie.as_str(), JSON, &origin];
        let reply = send(&served.host, "POST", &begin, &headers, "{}").await;
        assert_eq!(reply.status, 403, "{origin}");
        let headers = [visitor.cookie.as_str(), &origin];
        assert_eq!(served.get(&visitor.base, &headers).await.status, 403);
    }
    let headers = [visitor.cookie.as_str(), JSON];
    let reply = send(&served.host, "POST", &begin, &headers, "{}").await;
    assert_eq!(reply.status, 403, "a change needs an origin");
    let ours = format!("Origin: http://{}", served.host);
    let headers = [visitor.cookie.as_str(), JSON, &ours, &ours];
    let reply = send(&served.host, "POST", &begin, &headers, "{}").await;
    assert_eq!(reply.status, 403, "two origins");
    assert_eq!(served.agent.asked().len(), 2, "nothing has begun again");
}

#[tokio::test]
async fn other_sites_read_nothing_with_the_cookie() {
    let served = Served::with_code().await;
    let visitor = served.enter().await;
    let state = format!("{}state", visitor.base);
    for from in ["cross-site", "same-site", "none", "odd"] {
        let from = format!("Sec-Fetch-Site: {from}");
        let reply = served.get(&state, &[&visitor.cookie, &from]).await;
        assert_eq!(reply.status, 403, "{from}");
        let page = served.get(&visitor.base, &[&visitor.cookie, &from]).await;
        assert_eq!(page.status, 200, "{from}");
    }
    let own = "Sec-Fetch-Site: same-origin";
    let reply = served.get(&state, &[&visitor.cookie, own]).await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn after_a_link_on_another_site_the_page_itself_leads_on() {
    let served = Served::with_code().await;
    let visitor = served.enter().await;
    // A strict cookie is not sent then.
    let reply = served
        .get(&visitor.base, &["Sec-Fetch-Site: cross-site"])
        .await;
    assert_eq!(reply.status, 200);
    assert!(reply.body.contains("http-equiv=\"refresh\""));
    assert!(!reply.body.contains("pair.js"));
    let reply = served
        .get(&visitor.base, &["Sec-Fetch-Site: same-origin"])
        .await;
    assert_eq!(reply.status, 403);
}

#[tokio::test]
async fn every_response_forbids_caching_framing_and_loading_from_elsewhere() {
    let served = Served::with_code().await;
    let visitor = served.enter().await;
    let begin = visitor.post("begin", &json!({"phone": "no number"})).await;
    assert_eq!(begin.status, 422);
    let replies = [
        visitor.get("").await,
        visitor.get("state").await,
        begin,
        served.get("/page.css", &[]).await,
        served.get("/pair.js", &[]).await,
        served.get("/icon.svg", &[]).await,
        served.get("/", &[]).await,
        served.get("/open/x", &[]).await,
    ];
    for reply in replies {
        let head = &reply.head;
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{head}");
        assert_eq!(
            reply.header("referrer-policy"),
            Some("no-referrer"),
            "{head}"
        );
        assert_eq!(
            reply.header("x-content-type-options"),
            Some("nosniff"),
            "{head}"
        );
        assert_eq!(reply.header("x-frame-options"), Some("DENY"), "{head}");
        let policy = reply.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; "), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(reply.header("access-control-allow-origin"), None, "{head}");
    }
}

#[tokio::test]
async fn only_get_and_post_are_methods() {
    let served = Served::with_code().await;
    let visitor = served.enter().await;
    let origin = format!("Origin: http://{}", served.host);
    for method in [
        "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "ODD",
    ] {
        let headers = [visitor.cookie.as_str(), &origin];
        let reply = send(&served.host, method, &visitor.base, &headers, "").await;
        assert_eq!(reply.status, 405, "{method}");
    }
    let entrance = format!("/open/{}", served.token);
    for path in [entrance.as_str(), "/page.css", "/"] {
        let reply = send(&served.host, "POST", path, &[JSON, &origin], "{}").await;
        assert_eq!(reply.status, 405, "{path}");
        assert_eq!(reply.header("allow"), Some("GET, POST"));
    }
}

#[tokio::test]
async fn nothing_is_at_other_paths() {
    let served = Served::with_code().await;
    let visitor = served.enter().await;
    let base = visitor.base.trim_end_matches('/');
    for path in [
        "/",
        base,
        "/favicon.ico",
        "/open",
        "/pair.html",
        "/../page.css",
        "//page.css",
    ] {
        let reply = served.get(path, &[&visitor.cookie]).await;
        assert_eq!(reply.status, 404, "{path}");
    }
    for path in ["begin", "x", "state/", "../page.css", "index.html"] {
        assert_eq!(visitor.get(path).await.status, 404, "{path}");
    }
    for path in ["", "state", "x"] {
        assert_eq!(visitor.post(path, &json!({})).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn requests_are_bounded() {
    let served = Served::with_code().await;
    let visitor = served.enter().await;
    let long = json!({"phone": "1".repeat(64 * 1024)});
    assert_eq!(visitor.post("begin", &long).await.status, 413);
    let begin = format!("{}begin", visitor.base);
    let origin = format!("Origin: http://{}", served.host);
    for (kind, status) in [
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
    ] {
        let kind = format!("Content-Type: {kind}");
        let headers = [visitor.cookie.as_str(), &origin, &kind];
        let reply = send(&served.host, "POST", &begin, &headers, "{}").await;
        assert_eq!(reply.status, status, "{kind}");
    }
    let wide = format!("X: {}", "x".repeat(16 * 1024));
    assert_eq!(served.get(&visitor.base, &[&wide]).await.status, 431);
    for body in ["", "[]", "{\"phone\": 1}", "{\"odd\": 1}", "{"] {
        let headers = [visitor.cookie.as_str(), &origin, JSON];
        let reply = send(&served.host, "POST", &begin, &headers, body).await;
        assert_eq!(reply.status, 422, "{body}");
    }
    // One request per connection.
    let twice = format!("GET /icon.svg HTTP/1.1\r\nHost: {}\r\n\r\n", served.host).repeat(2);
    let reply = exchange(&served.host, &twice).await;
    assert_eq!(reply.header("connection"), Some("close"));
    assert_eq!(reply.body.matches("HTTP/1.1").count(), 0);
}

#[tokio::test]
async fn idle_connections_do_not_lock_the_browser_out() {
    let served = Served::with_code().await;
    let mut idle = Vec::new();
    for _ in 0..80 {
        idle.push(TcpStream::connect(&served.host).await.unwrap());
    }
    served.enter().await;
    for mut stream in idle.into_iter().take(8) {
        let mut all = Vec::new();
        let closing = stream.read_to_end(&mut all);
        let closed = tokio::time::timeout(crate::program::DEADLINE, closing).await;
        closed.expect("it is closed").ok();
    }
}
