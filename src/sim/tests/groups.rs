//! Groups of all kinds, purposes of mailboxes, rules.

use super::*;

fn shaped() -> Sim {
    let org = Organisation::shaped(&Shape {
        mailboxes: 60,
        shared: 2,
        rooms: 1,
        groups: true,
        seed: 42,
        ..Shape::default()
    });
    Sim::start(SimOptions::new(org, Arc::new(now))).expect("start")
}

fn group_id(sim: &Sim, address: &str) -> String {
    let groups = &sim.organisation().groups;
    let group = groups.iter().find(|group| group.address == address);
    group.expect("group").id.clone()
}

#[test]
fn each_kind_of_group_shows_what_the_platform_shows() {
    let sim = shaped();
    let token = graph_token(&sim);
    let listed = rows(&graph(&sim, &token, "/v1.0/groups?$top=999"));
    let of = |mail: &str| listed.iter().find(|group| group["mail"] == mail);
    assert!(of("everyone-west@northwind.example").is_none());
    let team = of("team-harbour@northwind.example").expect("team");
    assert_eq!(team["groupTypes"], json!(["Unified"]));
    let team = group_id(&sim, "team-harbour@northwind.example");
    for path in [
        format!("users/{team}/messages"),
        "users/team-harbour@northwind.example/messages".into(),
    ] {
        let answer = graph(&sim, &token, &format!("/v1.0/{path}"));
        assert_eq!(code(&answer), (404, "ErrorInvalidUser".into()));
    }
    let threads = graph(&sim, &token, &format!("/v1.0/groups/{team}/threads"));
    assert_eq!(threads.status, 403);

    let members = |address: &str, path: &str| {
        let id = group_id(&sim, address);
        let target = format!("/v1.0/groups/{id}/{path}?$count=true");
        let headers = [
            ("Authorization", token.as_str()),
            ("ConsistencyLevel", "eventual"),
        ];
        rows(&call(&sim, "GET", &target, &headers, b"").expect("answer"))
    };
    let flat = "transitiveMembers/graph.user";
    assert_eq!(members("team-harbour@northwind.example", flat).len(), 4);
    assert_eq!(members("board@northwind.example", flat).len(), 0);
    let board = group_id(&sim, "board@northwind.example");
    let shown = graph(&sim, &token, &format!("/v1.0/groups/{board}")).json();
    assert_eq!(shown["visibility"], "HiddenMembership");
    sim.configure(|platform| platform.withheld.clear());
    assert_eq!(members("board@northwind.example", flat).len(), 4);
    // two lists that hold each other end
    let both = members("shift-day@northwind.example", flat).len();
    assert!((4..=8).contains(&both), "{both}");
    let direct = members("shift-day@northwind.example", "members");
    let kinds: Vec<&str> = direct
        .iter()
        .filter_map(|member| member["@odata.type"].as_str())
        .collect();
    assert!(kinds.contains(&"#microsoft.graph.group"), "{kinds:?}");
    let dynamic = group_id(&sim, "everyone-west@northwind.example");
    let gone = graph(&sim, &token, &format!("/v1.0/groups/{dynamic}"));
    assert_eq!(gone.status, 404);
}

#[test]
fn the_directory_of_google_names_a_collaborative_inbox() {
    let sim = shaped();
    let scope = "https://www.googleapis.com/auth/admin.directory.group.readonly";
    let token = google_token(&sim, &sim.admin_subject(), scope).json();
    let token = format!("Bearer {}", token["access_token"].as_str().expect("token"));
    let target = "/admin/directory/v1/groups/frontdesk@northwind-labs.example";
    let shown = graph(&sim, &token, target).json();
    assert_eq!(shown["description"], "Collaborative inbox");
    let target = format!("{target}/members?includeDerivedMembership=true");
    let members = graph(&sim, &token, &target).json();
    assert_eq!(members["members"].as_array().map(Vec::len), Some(4));
}

#[test]
fn purposes_and_rules_are_read_with_their_permission() {
    let sim = shaped();
    let token = graph_token(&sim);
    let org = sim.organisation();
    let user = org.users[0].clone();
    let room = org.users[27].clone();
    let settings = |user: &User| {
        let target = format!(
            "/v1.0/users/{}/mailboxSettings?$select=userPurpose",
            user.id
        );
        graph(&sim, &token, &target)
    };
    let purposes: Vec<Value> = org.users[26..30]
        .iter()
        .map(|user| settings(user).json()["userPurpose"].clone())
        .collect();
    assert_eq!(purposes, ["user", "room", "shared", "shared"]);
    let shown = format!("/v1.0/users/{}?$select=accountEnabled", room.id);
    assert_eq!(graph(&sim, &token, &shown).json()["accountEnabled"], false);

    let target = format!("/v1.0/users/{}/mailFolders/inbox/messageRules", user.id);
    assert_eq!(rows(&graph(&sim, &token, &target)).len(), 0);
    let rule = |relay, to: &str, enabled| ForwardingRule {
        relay,
        to: vec![to.to_owned()],
        enabled,
    };
    sim.set_rules(
        &user.address,
        vec![
            rule(Relay::Redirect, "ann@home.example", true),
            rule(Relay::Attachment, &room.address, false),
        ],
    );
    let found = rows(&graph(&sim, &token, &target));
    let to = "/actions/redirectTo/0/emailAddress/address";
    assert_eq!(found[0].pointer(to), Some(&json!("ann@home.example")));
    assert_eq!(found[1]["isEnabled"], false);
    assert!(found[1]["actions"].get("forwardAsAttachmentTo").is_some());
    sim.configure(|platform| {
        platform.withheld.insert("MailboxSettings.Read".into());
    });
    let refused = (403, "ErrorAccessDenied".to_owned());
    assert_eq!(code(&graph(&sim, &token, &target)), refused);
    assert_eq!(code(&settings(&user)), refused);

    let google = org.users[40].clone();
    sim.set_rules(
        &google.address,
        vec![
            rule(Relay::Redirect, "bob@home.example", true),
            rule(Relay::Forward, &user.address, true),
        ],
    );
    let bearer = gmail_bearer(&sim, &google.address);
    let read = |what: &str| {
        let target = format!("/gmail/v1/users/me/settings/{what}");
        graph(&sim, &bearer, &target).json()
    };
    assert_eq!(read("autoForwarding")["emailAddress"], "bob@home.example");
    assert_eq!(
        read("filters")["filter"][0]["action"]["forward"],
        json!(user.address)
    );
    let proven = read("forwardingAddresses");
    assert_eq!(
        proven["forwardingAddresses"].as_array().map(Vec::len),
        Some(2)
    );
}

#[test]
fn mail_to_a_group_stays_in_its_mailbox_too() {
    let sim = shaped();
    let token = graph_token(&sim);
    let from = sim.organisation().users[1].clone();
    let body = json!({"message": {
        "subject": "hello", "body": {"contentType": "text", "content": "all"},
        "toRecipients": [{"emailAddress": {"address": "team-harbour@northwind.example"}}],
    }});
    let target = format!("/v1.0/users/{}/sendMail", from.id);
    assert_eq!(send(&sim, &token, "POST", &target, &body).status, 202);
    assert_eq!(lock(&sim.tenant.group_mail).len(), 1);
    assert_eq!(sim.truth().letters.len(), 4);
    sim.advance(TimeDelta::minutes(11));
    let target = "/v1.0/admin/exchange/tracing/messageTraces?$filter=recipientAddress%20eq%20'team-harbour@northwind.example'";
    assert_eq!(rows(&graph(&sim, &token, target))[0]["status"], "delivered");
}
