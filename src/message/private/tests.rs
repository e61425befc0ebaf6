use super::*;
use crate::message::{Limits, parse};

fn why(link: &str) -> Option<PrivateReason> {
    let message = parse(
        b"From: a@b.example\r\nTo: Ann.Lee@Corp.example\r\n\r\n",
        &Limits::default(),
    );
    reason(&Url::parse(link).unwrap(), &Recipients::of(&message))
}

#[test]
fn links_of_one_recipient_are_known() {
    use PrivateReason::{OneTime, PasswordReset, RecipientTagged, Unsubscribe};
    let coder = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let b64 = coder.encode("u=ann.lee@corp.example&x");
    let md5 = hex::encode(md5::Md5::digest("ann.lee@corp.example"));
    for (link, reason) in [
        ("https://n.example/unsubscribe", Some(Unsubscribe)),
        ("https://n.example/de/Abmelden?x=1", Some(Unsubscribe)),
        ("https://n.example/d%C3%A9sabonnement/1", Some(Unsubscribe)),
        (
            "https://n.example/reset-password?token=a81b3c9d",
            Some(PasswordReset),
        ),
        (
            "https://n.example/verify/9f8e7d6c5b4a39281706",
            Some(OneTime),
        ),
        ("https://evil.example/verify.php", None),
        ("https://evil.example/login/account/verify", None),
        (
            "https://evil.example/#Ann.Lee@corp.example",
            Some(RecipientTagged),
        ),
        (
            "https://evil.example/?e=ann.lee%40corp.example",
            Some(RecipientTagged),
        ),
        (
            &format!("https://evil.example/x/{b64}"),
            Some(RecipientTagged),
        ),
        (
            &format!("https://evil.example/?m={md5}"),
            Some(RecipientTagged),
        ),
        (
            "https://t.example/c?upn=u001Abc9dEfGh0123456789aBcDeFgHiJkLmN",
            Some(RecipientTagged),
        ),
        (
            "https://shop.example/products/blue-suede-shoes-and-hats?page=2",
            None,
        ),
        ("https://evil.example/", None),
    ] {
        assert_eq!(why(link), reason, "{link}");
    }
}

#[test]
fn a_masked_link_keeps_its_shape_and_nothing_else() {
    assert_eq!(
        masked(
            "https://u:p@evil.example:8443/a/ann@corp.example/9f8e7d6c5b4a39281706?lang=en&t=9f8e7d6c5b4a39281706#frag"
        ),
        "https://evil.example:8443/a/*/*?lang=en&t=*#*"
    );
    assert_eq!(
        template("https://a.example/p/x?b=1&c=two").as_deref(),
        Some("https://a.example/p/x?b=*&c=*")
    );
    assert_eq!(masked("javascript:alert(1)"), "javascript:*");
}
