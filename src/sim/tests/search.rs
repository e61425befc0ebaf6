//! Message trace, keyword search, what a single message shows.

use super::*;

fn trace(sim: &Sim, token: &str, filter: &str) -> Answer {
    let target = format!(
        "/v1.0/admin/exchange/tracing/messageTraces?$filter={}",
        encoded(filter)
    );
    graph(sim, token, &target)
}

#[test]
fn a_trace_names_the_recipients_ten_minutes_late() {
    let sim = sim(20);
    let token = graph_token(&sim);
    let people: Vec<String> = sim.organisation().users[..2]
        .iter()
        .map(|user| user.address.clone())
        .collect();
    let raw = letter(
        "Mallory <m@evil.example>",
        "due",
        "<t'1@evil.example>",
        "pay",
    );
    sim.deliver(&people[0], &raw, Slot::Inbox, true);
    sim.deliver(&people[1], &raw, Slot::Junk, true);
    let by_id = "messageId eq '<t''1@evil.example>'";
    assert_eq!(rows(&trace(&sim, &token, by_id)).len(), 0);
    sim.advance(TimeDelta::minutes(11));
    let found = rows(&trace(&sim, &token, by_id));
    let mut told: Vec<(&str, &str)> = found
        .iter()
        .filter_map(|row| Some((row["recipientAddress"].as_str()?, row["status"].as_str()?)))
        .collect();
    told.sort_unstable();
    let mut expected = [
        (people[0].as_str(), "delivered"),
        (people[1].as_str(), "filteredAsSpam"),
    ];
    expected.sort_unstable();
    assert_eq!(told, expected);
    assert_eq!(found[0]["id"], found[1]["id"]);
    // what follows an `or` is ignored without a word
    let either = format!("messageId eq '<none@x>' or {by_id}");
    assert_eq!(rows(&trace(&sim, &token, &either)).len(), 0);
    let sender = format!(
        "senderAddress eq 'M@evil.example' and recipientAddress eq '{}'",
        people[1]
    );
    assert_eq!(rows(&trace(&sim, &token, &sender)).len(), 1);
    // a mailbox that was emptied was still delivered to
    let long = "receivedDateTime ge 2026-01-01T00:00:00Z";
    assert_eq!(trace(&sim, &token, long).status, 400);
    assert_eq!(trace(&sim, &token, "subject eq 'due'").status, 400);
    let page = graph(
        &sim,
        &token,
        "/v1.0/admin/exchange/tracing/messageTraces?$top=1",
    );
    let next = page.json()["@odata.nextLink"].as_str().map(str::to_owned);
    let next = next.expect("a second page");
    let second = graph(&sim, &token, next.trim_start_matches(sim.base_url()));
    assert_ne!(
        rows(&page)[0]["recipientAddress"],
        rows(&second)[0]["recipientAddress"]
    );
}

#[test]
fn the_trace_has_a_hundred_requests_in_five_minutes() {
    let sim = sim(4);
    let token = graph_token(&sim);
    let target = "/v1.0/admin/exchange/tracing/messageTraces";
    for _ in 0..100 {
        assert_eq!(graph(&sim, &token, target).status, 200);
    }
    let over = graph(&sim, &token, target);
    assert_eq!(
        (over.status, over.header("retry-after")),
        (429, Some("300"))
    );
    sim.advance(TimeDelta::minutes(5));
    assert_eq!(graph(&sim, &token, target).status, 200);
    sim.configure(|platform| {
        platform
            .withheld
            .insert("ExchangeMessageTrace.Read.All".into());
    });
    assert_eq!(
        code(&graph(&sim, &token, target)),
        (403, "Forbidden".into())
    );
}

#[test]
fn keywords_are_searched_by_property_and_new_mail_comes_late() {
    let sim = sim(4);
    let token = graph_token(&sim);
    let user = sim.organisation().users[0].clone();
    let raw = letter(
        "IT Desk <it@evil.example>",
        "Invoice 4711",
        "<k@evil.example>",
        "open https://login.evil.example/a/b?c=1 now",
    );
    sim.configure(|platform| platform.search_delay = 300);
    sim.deliver(&user.address, &raw, Slot::Inbox, true);
    let search = |text: &str| {
        let target = format!(
            "/v1.0/users/{}/messages?$search={}&$select=subject",
            user.id,
            encoded(text)
        );
        graph(&sim, &token, &target)
    };
    let phrase = r#""body:\"login.evil.example/a\" OR subject:nothing""#;
    assert_eq!(rows(&search(phrase)).len(), 0);
    let all = format!("/v1.0/users/{}/messages", user.id);
    assert_eq!(rows(&graph(&sim, &token, &all)).len(), 1);
    sim.advance(TimeDelta::minutes(6));
    assert_eq!(rows(&search(phrase)).len(), 1);
    assert_eq!(rows(&search(r#""subject:login""#)).len(), 0);
    assert_eq!(rows(&search(r#""from:it@evil.example invoice""#)).len(), 1);
    assert_eq!(search("invoice").status, 400);
    assert_eq!(search(r#""colour:red""#).status, 400);
}

#[test]
fn a_single_message_shows_its_network_id_and_last_verb() {
    let sim = sim(4);
    let token = graph_token(&sim);
    let user = sim.organisation().users[0].clone();
    let raw = letter("a@x.example", "s", "<v@x.example>", "text");
    let id = sim
        .deliver(&user.address, &raw, Slot::Inbox, true)
        .expect("delivered");
    let expand = "$expand=singleValueExtendedProperties($filter=id%20eq%20'Integer%200x1081')";
    let target = format!(
        "/v1.0/users/{}/messages/{id}?$select=internetMessageHeaders,hasAttachments,conversationId&{expand}",
        user.id
    );
    let shown = graph(&sim, &token, &target).json();
    let headers = shown["internetMessageHeaders"].as_array().expect("headers");
    let network = headers
        .iter()
        .find(|header| header["name"] == "X-MS-Exchange-Organization-Network-Message-Id")
        .expect("network message id");
    assert_eq!(
        network["value"],
        json!(Letter::new(&raw).network_message_id())
    );
    assert!(shown.get("singleValueExtendedProperties").is_none());
    if let Some(mut mailbox) = sim.tenant.mailbox(user.index) {
        mailbox.items[0].last_verb = 104;
    }
    let shown = graph(&sim, &token, &target).json();
    assert_eq!(shown["singleValueExtendedProperties"][0]["value"], "104");
    let deleted = call(
        &sim,
        "DELETE",
        &format!("/v1.0/users/{}/messages/{id}", user.id),
        &[("Authorization", token.as_str())],
        b"",
    );
    assert_eq!(deleted.expect("answer").status, 204);
    let folder = format!(
        "/v1.0/users/{}/mailFolders/recoverableitemsdeletions/messages",
        user.id
    );
    assert_eq!(rows(&graph(&sim, &token, &folder)).len(), 1);
    let all = format!("/v1.0/users/{}/messages", user.id);
    assert_eq!(rows(&graph(&sim, &token, &all)).len(), 0);
}

#[test]
fn every_mailbox_that_cannot_be_reached_says_so_its_way() {
    let sim = sim(20);
    let token = graph_token(&sim);
    let (graph_user, gmail_user) = (
        sim.organisation().users[0].clone(),
        sim.organisation().users[12].clone(),
    );
    let mail = format!("/v1.0/users/{}/messages", graph_user.id);
    for (reach, status, word) in [
        (Reach::OnPremises, 404, "MailboxNotEnabledForRESTAPI"),
        (Reach::SoftDeleted, 404, "MailboxNotEnabledForRESTAPI"),
        (Reach::Locked, 403, "ErrorAccountSuspend"),
        (Reach::OutOfScope, 403, "ErrorAccessDenied"),
        (Reach::Moving, 503, "ErrorMailboxMoveInProgress"),
        (Reach::Missing, 404, "ErrorInvalidUser"),
    ] {
        sim.set_reach(&graph_user.address, reach);
        assert_eq!(code(&graph(&sim, &token, &mail)), (status, word.into()));
    }
    let listed = rows(&graph(&sim, &token, "/v1.0/users?$top=999"));
    assert_eq!(listed.len(), 9);
    sim.configure(|platform| platform.people_listed = 50);
    let listed = rows(&graph(&sim, &token, "/v1.0/users?$top=999"));
    assert_eq!(listed.len(), 4);
    let bearer = gmail_bearer(&sim, &gmail_user.address);
    let headers = [("Authorization", bearer.as_str())];
    for (reach, status) in [(Reach::Unlicensed, 400), (Reach::OutOfScope, 403)] {
        sim.set_reach(&gmail_user.address, reach);
        let answer = call(&sim, "GET", "/gmail/v1/users/me/messages", &headers, b"");
        assert_eq!(answer.expect("answer").status, status);
    }
    sim.set_reach(&gmail_user.address, Reach::Locked);
    let refused = google_token(&sim, &gmail_user.address, MODIFY);
    assert_eq!(
        (refused.status, refused.json()["error"].clone()),
        (400, json!("invalid_grant"))
    );
}

#[test]
fn directory_calls_cost_resource_units() {
    let sim = sim(10);
    let token = graph_token(&sim);
    sim.configure(|platform| platform.directory_units = 4);
    let (cheap, dear) = ("/v1.0/users?$select=id", "/v1.0/users");
    assert_eq!(graph(&sim, &token, cheap).status, 200);
    assert_eq!(graph(&sim, &token, dear).status, 200);
    assert_eq!(graph(&sim, &token, dear).status, 429);
    assert_eq!(graph(&sim, &token, cheap).status, 200);
    sim.advance(TimeDelta::seconds(10));
    assert_eq!(graph(&sim, &token, dear).status, 200);
}
