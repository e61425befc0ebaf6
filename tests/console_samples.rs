//! Every page of the console, rendered with hostile text in every place that a
//! stranger can write to: the text may change what is read, never what is there.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    missing_docs,
    reason = "what a test or bench does not expect must stop it"
)]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use lol_html::{RewriteStrSettings, comments, element, rewrite_str};
use unhook::http::console::sample::{PAGES, Words};

/// Attributes that show text; all others decide what a page does.
const SHOWING: [&str; 2] = ["title", "value"];

/// The one form that changes nothing: what is looked for in the audit trail.
const LOOKS: &str = "form method=\"get\" action=\"/console/audit\"";

/// The elements of a page in order, with their attributes; what only shows text
/// is left out of the comparison.
fn structure(html: &str) -> Vec<String> {
    let mut seen = Vec::new();
    let mut comment = false;
    let settings = RewriteStrSettings {
        element_content_handlers: vec![
            element!("*", |element| {
                let mut line = element.tag_name();
                for attribute in element.attributes() {
                    let name = attribute.name();
                    if SHOWING.contains(&name.as_str()) {
                        line.push_str(&format!(" {name}"));
                    } else {
                        line.push_str(&format!(" {name}={:?}", attribute.value()));
                    }
                }
                seen.push(line);
                Ok(())
            }),
            comments!("*", |_| {
                comment = true;
                Ok(())
            }),
        ],
        ..RewriteStrSettings::default()
    };
    rewrite_str(html, settings).expect("a page that can be tokenised");
    assert!(!comment, "a comment got into a page");
    seen
}

fn shared() -> Option<PathBuf> {
    let root = std::env::var_os("UNHOOK_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    root.is_dir().then_some(root)
}

/// Strings of our own, so that the test says something without the collections.
fn own() -> Vec<String> {
    [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onmouseover='alert(1)' x='",
        "</title></textarea></style></pre></iframe><svg onload=alert(1)>",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "&lt;b&gt;",
        "&#60;b&#62;",
        "`${7*7}`",
        "{{ 7 * 7 }}",
        "{% include \"/etc/passwd\" %}",
        "javascript:alert(1)",
        "data:text/html,<script>1</script>",
        "../../../etc/passwd",
        "\r\nSet-Cookie: a=b",
        "a\u{0}b",
        "\u{202E}fdp.exe",
        "\u{FEFF}\u{200B}\u{200D}",
        "\u{E0041}\u{E0042}",
        "=HYPERLINK(\"http://evil.example\")",
        "pages\u{2028}and\u{2029}lines",
        "https://evil.example/\"onfocus=\"x",
        "hxxps://evil[.]example",
        "<a href=\"https://evil.example\">https://northwind.example</a>",
        "pass",
        "fail",
        "key_019aab00000070008000000000000077",
        "unhook",
        "reported",
    ]
    .into_iter()
    .map(str::to_owned)
    .chain([
        "A".repeat(100_000),
        "\u{301}".repeat(5_000),
        "<b>".repeat(20_000),
    ])
    .collect()
}

fn collected(shared: &Path) -> Vec<String> {
    let read = |path: &str| {
        let text = std::fs::read_to_string(shared.join(path)).expect("a collection of strings");
        serde_json::from_str::<serde_json::Value>(&text).expect("json")
    };
    fn strings(value: &serde_json::Value, into: &mut Vec<String>) {
        match value {
            serde_json::Value::String(text) => into.push(text.clone()),
            serde_json::Value::Array(all) => all.iter().for_each(|each| strings(each, into)),
            serde_json::Value::Object(all) => all.values().for_each(|each| strings(each, into)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    strings(&read("vectors/strings/blns.json"), &mut found);
    strings(&read("vectors/xss/dompurify/expect.json"), &mut found);
    found
}

#[test]
fn no_text_of_a_stranger_becomes_an_element_or_an_attribute() {
    let mut hostile = own();
    match shared() {
        Some(shared) => hostile.extend(collected(&shared)),
        None => println!("left out: the shared collections are not there; own strings only"),
    }
    // A place that is empty is shown by other words of ours; that is not what
    // is asked here, so a text without anything visible is given something.
    let hostile: Vec<_> = hostile.into_iter().map(|text| format!("{text}x")).collect();
    assert!(hostile.len() >= 30);
    for (name, render) in PAGES {
        let calm = structure(&render(&Words::hostile("calm")).expect("rendered"));
        assert!(calm.len() > 10, "{name} has no structure to compare");
        for text in &hostile {
            let html = render(&Words::hostile(text)).expect("rendered");
            let start: String = text.chars().take(80).collect();
            assert_eq!(structure(&html), calm, "{name} with {start:?}");
        }
    }
}

#[test]
fn nothing_hides_and_no_link_of_a_stranger_lives() {
    for (name, render) in PAGES {
        let spoiled = "a\u{202E}b\u{200B}c\u{0}d https://evil.example/x javascript:x";
        let html = render(&Words::hostile(spoiled)).expect("rendered");
        for c in ['\u{202E}', '\u{200B}', '\0'] {
            assert!(!html.contains(c), "{name} shows {c:?} as it is");
        }
        let lines = structure(&html);
        assert!(!lines.iter().any(|line| line.contains("evil")), "{name}");
    }
    let (_, submission) = PAGES[2];
    let page = submission(&Words::plain()).expect("rendered");
    assert!(page.contains("hxxps://northwlnd-payroll[.]example/session"));
    assert!(
        !page.contains("https://northwlnd"),
        "a live link of the mail is on the page"
    );
}

#[test]
fn a_page_does_not_grow_with_what_a_stranger_sends() {
    for (name, render) in PAGES {
        let html = render(&Words::hostile(&"W".repeat(1_000_000))).expect("rendered");
        assert!(html.len() < 250_000, "{name} has {} octets", html.len());
    }
}

#[test]
fn pages_keep_to_the_policy_and_only_forms_change_anything() {
    for (name, render) in PAGES {
        let lines = structure(&render(&Words::plain()).expect("rendered"));
        for line in &lines {
            let tag = line.split(' ').next().unwrap_or_default();
            assert!(!line.contains(" style="), "{name}: {line}");
            let mut attributes = line.split(' ').skip(1);
            assert!(
                !attributes.any(|a| a.starts_with("on") && a.contains('=')),
                "{name}: {line}"
            );
            assert!(tag != "style", "{name}: {line}");
            assert!(
                tag != "script" || line.contains("src=\"/console/assets/keys."),
                "{name}: {line}"
            );
            assert!(
                tag != "iframe" || line.contains("sandbox=\"\""),
                "{name}: {line}"
            );
            assert!(
                tag != "form" || line.contains("method=\"post\"") || line.contains(LOOKS),
                "{name}: {line}"
            );
        }
        let count = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
        // one that only looks carries no token, which would stand in the address
        let looks = lines.iter().filter(|line| line.contains(LOOKS)).count();
        let forms = count("form") - looks;
        let tokens = lines
            .iter()
            .filter(|line| line.contains("name=\"csrf\""))
            .count();
        let sign_in = usize::from(name.starts_with("sign-in"));
        assert_eq!(
            forms,
            tokens + sign_in,
            "{name}: a form without the session's token"
        );
        assert_eq!(count("h1"), 1, "{name} needs one heading");
    }
}

#[test]
fn no_template_switches_escaping_off() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/console/templates");
    let mut read = 0;
    for entry in std::fs::read_dir(folder).expect("templates") {
        let path = entry.expect("entry").path();
        let text = std::fs::read_to_string(&path).expect("template");
        read += 1;
        for switch in ["|safe", "| safe", "|escape", "autoescape"] {
            assert!(!text.contains(switch), "{} says {switch}", path.display());
        }
    }
    assert!(read >= 8);
}

/// A page of the story in plain words.
fn page(name: &str) -> String {
    let (_, render) = PAGES
        .iter()
        .find(|(page, _)| *page == name)
        .unwrap_or_else(|| panic!("no page {name}"));
    render(&Words::plain()).expect("rendered")
}

#[test]
fn folders_are_called_what_their_owners_call_them() {
    let campaign = page("campaign");
    for folder in ["Inbox", "Projects/Payroll 2026", "Junk Email"] {
        assert!(
            campaign.contains(&format!("<bdi>{folder}</bdi>")),
            "{folder}"
        );
    }
    assert!(
        campaign.contains("folder\u{a0}#"),
        "a row without a name shows its id's end"
    );
}

#[test]
fn a_message_that_was_not_found_is_not_described_as_if_it_were() {
    let nothing = page("submission-nothing");
    assert!(!nothing.contains("likely malicious") && !nothing.contains("message.eml"));
    assert!(nothing.contains("There is nothing to judge"));
    let sent = page("submission-missing");
    assert!(sent.contains("going by the client’s copy"));
    assert!(sent.contains("message.eml?part=upload"));
    for page in [nothing, sent] {
        assert!(
            !page.contains("value=\"malicious\""),
            "it cannot be carried out"
        );
        assert!(page.contains("value=\"benign\""));
    }
    assert!(page("submission").contains("value=\"malicious\""));
}

#[test]
fn a_timeline_says_each_thing_once_and_whom_it_concerns() {
    let text = page("submission");
    let count = |what: &str| text.matches(what).count();
    assert_eq!(count("Reporter thanked"), 1);
    assert_eq!(count("Reporter told the new verdict"), 1);
    assert_eq!(
        count("<div class=\"what\">Verdict"),
        2,
        "policy's and the analyst's"
    );
    assert!(count("<dt>reporter</dt><dd><bdi>maya.lindqvist@northwind.example") >= 3);
}

#[test]
fn a_table_hides_a_heading_wherever_it_hides_the_column() {
    let text = page("submission");
    let table = text
        .split("<table class=\"signals\">")
        .nth(1)
        .expect("reasons");
    let table = table.split("</table>").next().expect("its end");
    let (head, body) = table.split_once("<tbody>").expect("head and body");
    let row = body.split("</tr>").next().expect("a row");
    for class in ["class=\"where\"", "class=\"c-weight\""] {
        assert_eq!(
            head.matches(class).count(),
            row.matches(class).count(),
            "{class}"
        );
    }
}

/// Writes the pages as files when `UNHOOK_PAGES` names a folder, to look at them.
#[test]
fn pages_can_be_looked_at() {
    let rendered: BTreeMap<_, _> = PAGES
        .iter()
        .map(|(name, render)| (*name, render(&Words::plain()).expect("rendered")))
        .collect();
    assert_eq!(rendered.len(), PAGES.len(), "two pages share a name");
    let Some(folder) = std::env::var_os("UNHOOK_PAGES").map(PathBuf::from) else {
        println!("left out: set UNHOOK_PAGES to a folder to have the pages written there");
        return;
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/console/assets");
    std::fs::create_dir_all(&folder).expect("folder");
    for asset in ["style.css", "keys.js"] {
        std::fs::copy(root.join(asset), folder.join(asset)).expect("asset");
    }
    for (name, html) in rendered {
        let mut local = html;
        for (stem, extension) in [("style", "css"), ("keys", "js")] {
            let from = local.find(&format!("/console/assets/{stem}."));
            if let Some(from) = from {
                let length = format!("/console/assets/{stem}.").len() + 13 + extension.len();
                local.replace_range(from..from + length, &format!("{stem}.{extension}"));
            }
        }
        std::fs::write(folder.join(format!("{name}.html")), local).expect("page");
    }
}
