//! Evidence class `sender`: who it claims to be, against where it comes from.

use crate::{
    message::registrable,
    verdict::{brands::BRANDS, case::Case, hosts, lookalike},
};

const FROM: &str = "header:From";
/// Desks of one's own house that strangers pretend to be.
const DESKS: [&str; 36] = [
    "helpdesk",
    "help desk",
    "it support",
    "it service",
    "it services",
    "it department",
    "it desk",
    "it admin",
    "it administrator",
    "it team",
    "service desk",
    "servicedesk",
    "mail administrator",
    "mail admin",
    "email admin",
    "email administrator",
    "system administrator",
    "sysadmin",
    "server administrator",
    "webmail",
    "mailbox",
    "mail server",
    "mail delivery",
    "postmaster",
    "administrator",
    "admin",
    "support desk",
    "hr department",
    "hr dept",
    "human resources",
    "hr",
    "payroll",
    "security team",
    "account team",
    "lists support",
    "mail support",
];

pub(super) fn run(case: &mut Case<'_>) {
    let Some(author) = case.author else {
        case.find("sender.missing", FROM, "no usable sender address");
        return;
    };
    organisation(case);
    brand(case);
    address(case, &author.address.clone());
    reply(case);
    if case.message.from.len() > 1 {
        case.find("sender.several", FROM, "several senders in one From");
    }
    recipient_house(case);
    let recipients = case.message.to.iter().chain(&case.message.cc);
    let to_self = recipients.clone().any(|p| p.address == author.address);
    if to_self && !case.is_proven() {
        case.find(
            "sender.is_recipient",
            FROM,
            "claims to come from its own recipient",
        );
    }
}

impl Case<'_> {
    /// Whether the border proved the author's domain.
    pub fn is_proven(&self) -> bool {
        self.findings.iter().any(|f| f.id == "auth.proven")
    }
}

fn organisation(case: &mut Case<'_>) {
    if case.is_own(&case.domain.clone()) {
        return;
    }
    let host = case
        .author
        .map(|a| a.domain().to_owned())
        .unwrap_or_default();
    let own = case.facts.organisation_domains.clone();
    if let Some(real) = lookalike::imitates(&host, &own) {
        let evidence = format!(
            "the sender's domain {} imitates {}",
            Case::shown(&host),
            Case::shown(real)
        );
        case.find("sender.org_lookalike", FROM, evidence);
    }
    let named = own.iter().any(|domain| {
        let label = registrable(domain);
        let label = label
            .split('.')
            .next()
            .unwrap_or_default()
            .replace('-', " ");
        label.len() >= 4 && case.name.contains(&format!(" {label} "))
    });
    if named {
        case.find(
            "sender.org_name",
            FROM,
            "an outside sender uses the organisation's name",
        );
    }
    if let Some(desk) = DESKS
        .iter()
        .find(|desk| case.name.contains(&format!(" {desk} ")))
    {
        case.find(
            "sender.desk_name",
            FROM,
            format!("an outside sender calls itself \"{desk}\""),
        );
    }
}

fn brand(case: &mut Case<'_>) {
    let host = case
        .author
        .map(|a| a.domain().to_owned())
        .unwrap_or_default();
    let domain = case.domain.clone();
    if let Some(brand) = BRANDS.iter().find(|b| b.named_in(&case.name)) {
        let name = brand.names.first().copied().unwrap_or_default();
        if BRANDS
            .iter()
            .any(|b| b.named_in(&case.name) && b.owns(&domain))
        {
            case.find(
                "sender.brand_own",
                FROM,
                format!("sent from a domain of {name}"),
            );
        } else {
            let evidence = format!(
                "calls itself {name}, but writes from {}",
                Case::shown(&domain)
            );
            case.find("sender.brand_name", FROM, evidence);
        }
    } else if !Case::is_branded(&domain)
        && let Some(brand) = BRANDS.iter().find(|b| b.named_in(&case.subject))
    {
        let name = brand.names.first().copied().unwrap_or_default();
        case.find(
            "sender.brand_subject",
            "header:Subject",
            format!("speaks of {name}, but writes from {}", Case::shown(&domain)),
        );
    }
    if Case::is_branded(&domain) || hosts::is_freemail(&domain) {
        return;
    }
    if let Some(token) = BRANDS.iter().find_map(|b| b.token_in(&host)) {
        let evidence = format!(
            "the foreign sender domain {} carries \"{token}\"",
            Case::shown(&host)
        );
        case.find("sender.brand_in_domain", FROM, evidence);
    }
    if let Some(real) = resembled(&domain) {
        let evidence = format!(
            "the sender's domain {} resembles {real}",
            Case::shown(&domain)
        );
        case.find("sender.brand_lookalike", FROM, evidence);
    }
}

/// The brand label that a domain's label imitates.
pub(super) fn resembled(domain: &str) -> Option<&'static str> {
    let label = domain.split('.').next()?;
    BRANDS
        .iter()
        .filter(|brand| !brand.common)
        .flat_map(|brand| brand.labels)
        .filter(|real| real.len() >= 6)
        .find(|real| {
            label
                .split('-')
                .any(|part| lookalike::resembles(part, real))
        })
        .copied()
}

fn address(case: &mut Case<'_>, address: &str) {
    let (local, host) = address.rsplit_once('@').unwrap_or_default();
    let domain = case.domain.clone();
    if hosts::is_freemail(&domain) {
        case.find(
            "sender.freemail",
            FROM,
            format!(
                "sent from the free mailbox provider {}",
                Case::shown(&domain)
            ),
        );
    }
    if hosts::is_odd_tld(&domain) {
        case.find(
            "sender.odd_ending",
            FROM,
            format!("unusual domain ending: {}", Case::shown(&domain)),
        );
    }
    if host.contains("xn--") {
        case.find(
            "sender.punycode",
            FROM,
            format!(
                "the sender's domain {} holds foreign letters",
                Case::shown(host)
            ),
        );
    }
    if domain.ends_with("onmicrosoft.com") || hosts::is_free_hosting(host) {
        case.find(
            "sender.throwaway",
            FROM,
            format!("sent from a throw-away domain {}", Case::shown(host)),
        );
    }
    if host.split('.').count() >= 4 {
        case.find(
            "sender.deep_host",
            FROM,
            format!("sent from the deep sub-domain {}", Case::shown(host)),
        );
    }
    let digits = local.bytes().filter(u8::is_ascii_digit).count();
    let longest = local
        .split(['.', '-', '_', '+'])
        .map(str::len)
        .max()
        .unwrap_or_default();
    if (digits >= 5 && local.len() >= 10) || longest >= 22 {
        case.find(
            "sender.random_local",
            FROM,
            format!("random-looking sender address {}", Case::shown(address)),
        );
    }
    if let Some(name) = case.author.and_then(|a| a.name.as_ref()) {
        let inside = name
            .exposed()
            .split(|c: char| c.is_whitespace() || "<>()\"',;".contains(c))
            .find(|word| {
                word.contains('@') && word.contains('.') && !word.eq_ignore_ascii_case(address)
            });
        if let Some(inside) = inside {
            let theirs = inside.rsplit_once('@').map_or("", |(_, d)| d);
            if registrable(theirs) != domain {
                let evidence = format!(
                    "the display name shows another address, {}",
                    Case::shown(inside)
                );
                case.find("sender.address_in_name", FROM, evidence);
            }
        }
        if name.exposed().chars().any(crate::message::is_invisible) {
            case.find(
                "sender.disguised_name",
                FROM,
                "invisible characters in the display name",
            );
        }
    }
}

fn reply(case: &mut Case<'_>) {
    let Some(reply) = case
        .message
        .reply_to
        .iter()
        .find(|p| !p.domain().is_empty())
    else {
        return;
    };
    let target = registrable(reply.domain());
    if target == case.domain || case.message.list.post {
        return;
    }
    let place = "header:Reply-To";
    let shown = Case::shown(&target);
    if hosts::is_freemail(&target) {
        let evidence = format!("answers go to a free mailbox at {shown}, not to the sender");
        case.find("sender.reply_freemail", place, evidence);
    } else {
        case.find(
            "sender.reply_elsewhere",
            place,
            format!("answers go to another domain, {shown}"),
        );
    }
}

/// An outside sender that dresses in the recipient's own house.
fn recipient_house(case: &mut Case<'_>) {
    let house = case
        .message
        .to
        .first()
        .map(|person| registrable(person.domain()))
        .filter(|house| !house.is_empty() && *house != case.domain && !hosts::is_freemail(house));
    let Some(house) = house else { return };
    let label = house.split('.').next().unwrap_or_default().to_owned();
    if label.len() < 5 || case.message.list.post || case.message.list.id {
        return;
    }
    let word = format!(" {label} ");
    if case.name.contains(&word) {
        case.find(
            "sender.recipient_house",
            FROM,
            "an outside sender carries the name of the recipient's organisation",
        );
    }
    if case.subject.contains(&word) {
        case.find(
            "subject.recipient_house",
            "header:Subject",
            "the subject names the recipient's organisation",
        );
    }
}
