use super::*;

#[test]
fn the_vectors_of_the_vendors() {
    let shared = std::env::var("UNHOOK_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared").to_owned());
    let Ok(text) = std::fs::read_to_string(format!("{shared}/spec/url-rewriters/vectors.json"))
    else {
        eprintln!("left out: no link vectors at {shared}");
        return;
    };
    let vectors: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert!(!vectors.is_empty());
    let mut wrong = Vec::new();
    for vector in vectors {
        let wrapped = vector["wrapped"].as_str().unwrap();
        let expected = vector["expected"].as_str().unwrap_or(wrapped);
        let got = unwrap_once(wrapped).map_or_else(|| wrapped.to_owned(), |(_, link)| link);
        if got != expected {
            wrong.push(format!(
                "{wrapped}\n  expected {expected}\n  got      {got}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_lookalike_of_a_rewriter_is_no_rewriter() {
    for link in [
        "https://notsafelinks.protection.outlook.com.evil.example/?url=https%3A%2F%2Fa.example",
        "https://evil.example/?url=https://a.example",
        "https://eur01.safelinks.protection.outlook.com/?url=javascript%3Aalert(1)",
    ] {
        assert_eq!(unwrap_link(link), link);
    }
    assert_eq!(
        unwrap_link(
            "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Furldefense.com%2Fv3%2F__https%3A%2F%2Fa.example%2Fx__%3B%21%21o%21b%24&data=05%7C02%7Cann%40x.example"
        ),
        "https://a.example/x"
    );
}
#[test]
fn chains_are_named_from_the_outside_in() {
    let link = "https://link.edgepilot.com/s/1/2?u=https%3A%2F%2Feur01.safelinks.protection.outlook.com%2F%3Furl%3Dhttps%253A%252F%252Fa.example%252Fx";
    let found = unwrap_chain(link);
    assert_eq!(found.link, "https://a.example/x");
    assert_eq!(found.by, ["edgepilot", "safelinks"]);
    for (link, plain) in [
        (
            "https://vk.com/away.php?to=https%3A%2F%2Fa.example%2F",
            "https://a.example/",
        ),
        (
            "https://www-x-example.cdn.ampproject.org/c/s/x.example/p?q=1",
            "https://x.example/p?q=1",
        ),
        (
            "https://www.bing.com/ck/a?!&&p=1&u=a1aHR0cHM6Ly9hLmV4YW1wbGUv&ntb=1",
            "https://a.example/",
        ),
        ("https://href.li/?https://a.example/", "https://a.example/"),
        (
            "https://r.search.yahoo.com/_ylt=A/RV=2/RE=1/RO=10/RU=https%3a%2f%2fa.example%2f/RK=2/RS=x-",
            "https://a.example/",
        ),
    ] {
        assert_eq!(unwrap_link(link), plain);
    }
}

#[test]
fn a_closed_rewriter_gives_its_hint() {
    let found = unwrap_chain("https://protect-eu.mimecast.com/s/AbC1?domain=Evil.example");
    assert_eq!(found.hint.as_deref(), Some("evil.example"));
    assert!(found.by.is_empty());
}
