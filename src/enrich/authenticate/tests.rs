use base64::{Engine as _, engine::general_purpose::STANDARD};
use hickory_resolver::proto::op::ResponseCode;
use mail_auth::{
    AuthenticationResults,
    arc::ArcSealer,
    common::{
        crypto::{Ed25519Key, RsaKey, Sha256},
        headers::HeaderWriter,
    },
    dkim::DkimSigner,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::*;
use crate::enrich::tests::nameserver::Nameserver;

const MAIL: &str = "From: Ann <ann@a.example>\r\nTo: bob@northwind.example\r\nSubject: Hello\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\n\r\nHello Bob\r\n";

/// A key and what the DNS says of it.
struct Key(Vec<u8>, String);

impl Key {
    fn new() -> Self {
        let private = Ed25519Key::generate_pkcs8().unwrap();
        let public = Ed25519Key::from_pkcs8_der(&private).unwrap().public_key();
        let record = format!("v=DKIM1; k=ed25519; p={}", STANDARD.encode(public));
        Self(private, record)
    }

    fn signed(&self, domain: &str, mail: &str) -> String {
        let key = Ed25519Key::from_pkcs8_der(&self.0).unwrap();
        let signature = DkimSigner::from_key(key)
            .domain(domain)
            .selector("s1")
            .headers(["From", "To", "Subject", "Date"])
            .sign(mail.as_bytes())
            .unwrap();
        format!("{}{mail}", signature.to_header())
    }
}

fn from(ip: &str) -> Delivery<'_> {
    Delivery {
        ip: Some(ip.parse().unwrap()),
        helo: "out.a.example",
        mail_from: "bounce@a.example",
        host: "mx.northwind.example",
    }
}

async fn judge(mail: &str, delivery: Delivery<'_>, dns: &Nameserver) -> Evaluated {
    evaluate(mail.as_bytes(), delivery, &dns.resolver()).await
}

async fn stage(key: &Key, policy: &str) -> Nameserver {
    let dns = Nameserver::start().await;
    dns.txt("a.example", "v=spf1 ip4:198.51.100.7 -all")
        .txt("s1._domainkey.a.example", &key.1)
        .txt("_dmarc.a.example", &format!("v=DMARC1; p={policy}"));
    dns
}

#[tokio::test]
async fn a_mail_in_order_is_proven_twice() {
    let key = Key::new();
    let dns = stage(&key, "reject").await;
    let got = judge(&key.signed("a.example", MAIL), from("198.51.100.7"), &dns).await;
    assert_eq!(got.spf, AuthOutcome::Pass);
    assert_eq!(got.dmarc, AuthOutcome::Pass);
    assert_eq!(got.arc, AuthOutcome::None);
    assert_eq!(
        got.dkim,
        [Signature {
            domain: "a.example".into(),
            selector: "s1".into(),
            outcome: AuthOutcome::Pass,
            reason: None
        }]
    );
    assert_eq!(
        got.aligned,
        Aligned {
            spf: true,
            dkim: true
        }
    );
    assert_eq!(got.detail["dmarc.policy"], "reject");
    assert!(!got.unfinished());
    let stored = serde_json::to_string(&got).unwrap();
    assert_eq!(serde_json::from_str::<Evaluated>(&stored).unwrap(), got);
}

#[tokio::test]
async fn a_forger_fails_and_a_forwarder_keeps_the_signature() {
    let key = Key::new();
    let dns = stage(&key, "quarantine").await;
    let forged = judge(MAIL, from("203.0.113.9"), &dns).await;
    assert_eq!(
        (forged.spf, forged.dmarc),
        (AuthOutcome::Fail, AuthOutcome::Fail)
    );
    assert!(forged.dkim.is_empty());
    let forwarded = judge(&key.signed("a.example", MAIL), from("203.0.113.9"), &dns).await;
    assert_eq!(
        (forwarded.spf, forwarded.dmarc),
        (AuthOutcome::Fail, AuthOutcome::Pass)
    );
    assert_eq!(
        forwarded.aligned,
        Aligned {
            spf: false,
            dkim: true
        }
    );
    // a proof for another domain proves nothing for this one
    dns.txt("s1._domainkey.evil.example", &key.1)
        .txt("evil.example", "v=spf1 ip4:203.0.113.9 -all");
    let mut delivery = from("203.0.113.9");
    delivery.mail_from = "x@evil.example";
    let other = judge(&key.signed("evil.example", MAIL), delivery, &dns).await;
    assert_eq!(other.spf, AuthOutcome::Pass);
    assert_eq!(other.dkim[0].outcome, AuthOutcome::Pass);
    assert_eq!(other.dmarc, AuthOutcome::Fail);
    assert_eq!(other.aligned, Aligned::default());
}

#[tokio::test]
async fn changed_mail_and_missing_keys_are_told_apart() {
    let key = Key::new();
    let dns = stage(&key, "none").await;
    let signed = key.signed("a.example", MAIL);
    let outcome = async |mail: String| {
        let got = judge(&mail, from("203.0.113.9"), &dns).await;
        got.dkim[0].outcome
    };
    let body = signed.replace("Hello Bob", "Hello Eve");
    assert_eq!(outcome(body).await, AuthOutcome::Fail);
    let head = signed.replace("Subject: Hello", "Subject: Pay now");
    assert_eq!(outcome(head).await, AuthOutcome::Fail);
    let gone = key.signed("gone.example", MAIL);
    assert_eq!(outcome(gone).await, AuthOutcome::PermError);
    dns.code("s1._domainkey.sick.example", ResponseCode::ServFail);
    let sick = key.signed("sick.example", MAIL);
    assert_eq!(outcome(sick).await, AuthOutcome::TempError);
}

#[tokio::test]
async fn bounces_are_checked_by_helo() {
    let key = Key::new();
    let dns = stage(&key, "none").await;
    dns.txt("out.a.example", "v=spf1 a -all")
        .addresses("out.a.example", 60, &["198.51.100.9"]);
    let mut delivery = from("198.51.100.9");
    delivery.mail_from = "";
    let got = judge(MAIL, delivery, &dns).await;
    assert_eq!(got.spf, AuthOutcome::Pass);
    assert_eq!(got.detail["spf.domain"], "out[.]a[.]example");
    delivery.ip = None;
    let unknown = judge(MAIL, delivery, &dns).await;
    assert_eq!(unknown.spf, AuthOutcome::None);
    let none = judge("no header at all", delivery, &dns).await;
    assert_eq!(none.dmarc, AuthOutcome::None);
}

#[tokio::test]
async fn two_senders_are_never_proven() {
    let key = Key::new();
    let dns = stage(&key, "reject").await;
    let two = MAIL.replace("From: ", "From: <ceo@bank.example>, ");
    let got = judge(&key.signed("a.example", &two), from("198.51.100.7"), &dns).await;
    assert_eq!(got.dmarc, AuthOutcome::None);
    assert_eq!(got.detail["dmarc.reason"], "From names several domains");
}

#[tokio::test]
async fn a_chain_of_forwarders_is_followed() {
    let key = Key::new();
    let dns = stage(&key, "none").await;
    let rsa = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let der = aws_lc_rs::encoding::AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&rsa);
    let der = der.unwrap().as_ref().to_vec();
    let public = {
        use aws_lc_rs::{encoding::AsDer, encoding::PublicKeyX509Der, signature::KeyPair};
        let public: PublicKeyX509Der<'_> = rsa.public_key().as_der().unwrap();
        STANDARD.encode(public.as_ref())
    };
    dns.txt(
        "s1._domainkey.list.example",
        &format!("v=DKIM1; k=rsa; p={public}"),
    );
    let signed = key.signed("a.example", MAIL);
    let message = AuthenticatedMessage::parse(signed.as_bytes()).unwrap();
    let asker = MessageAuthenticator(dns.resolver());
    let arc = asker.verify_arc(&message).await;
    let results = AuthenticationResults::new("mx.list.example");
    let seal = ArcSealer::from_key(
        RsaKey::<Sha256>::from_key_der(PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der)))
            .unwrap(),
    )
    .domain("list.example")
    .selector("s1")
    .headers(["From", "To", "Subject", "DKIM-Signature"])
    .seal(&message, &results, &arc)
    .unwrap();
    let sealed = format!("{}{signed}", seal.to_header());
    let got = judge(&sealed, from("203.0.113.9"), &dns).await;
    assert_eq!(got.arc, AuthOutcome::Pass, "{got:?}");
    assert_eq!(got.detail["arc.sealer"], "list[.]example");
    let changed = sealed.replace("Hello Bob", "Hello Eve");
    let got = judge(&changed, from("203.0.113.9"), &dns).await;
    assert_eq!(got.arc, AuthOutcome::Fail, "{got:?}");
}

#[tokio::test]
async fn hostile_counts_are_bounded() {
    let key = Key::new();
    let dns = stage(&key, "none").await;
    let signed = key.signed("a.example", MAIL);
    let head = signed.strip_suffix(MAIL).unwrap();
    let many = format!("{}{MAIL}", head.repeat(500));
    let got = judge(&many, from("198.51.100.7"), &dns).await;
    assert_eq!(got.dkim.len(), 10);
    assert_eq!(got.detail["dkim.dropped"], "490");
    let broken = format!("{}{MAIL}", "DKIM-Signature: v=9; nonsense\r\n".repeat(500));
    let got = judge(&broken, from("198.51.100.7"), &dns).await;
    assert_eq!(got.dkim.len(), 10);
    let sets: String = (1..=60)
        .map(|i| {
            format!("ARC-Seal: i={i}; a=rsa-sha256; t=1; cv=none; d=x.example; s=s; b=AAAA\r\n")
        })
        .collect();
    let got = judge(&format!("{sets}{MAIL}"), from("198.51.100.7"), &dns).await;
    assert_eq!(got.arc, AuthOutcome::PermError, "{got:?}");
}

#[tokio::test]
async fn a_silent_nameserver_is_no_verdict() {
    let key = Key::new();
    let dns = stage(&key, "reject").await;
    for name in ["a.example", "s1._domainkey.a.example", "_dmarc.a.example"] {
        dns.silent(name);
    }
    let begun = std::time::Instant::now();
    let got = judge(&key.signed("a.example", MAIL), from("203.0.113.9"), &dns).await;
    assert!(begun.elapsed() < Duration::from_secs(12));
    assert_eq!(got.spf, AuthOutcome::TempError);
    assert_eq!(got.dkim[0].outcome, AuthOutcome::TempError);
    assert_eq!(got.dmarc, AuthOutcome::TempError);
    assert!(got.unfinished());
}
