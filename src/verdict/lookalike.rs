//! Names made to be mistaken for others.

use unicode_security::skeleton;

use crate::message::registrable;

/// A label as the eye takes it: confusable letters folded, look-alike pairs of
/// ASCII replaced.
fn seen(label: &str) -> String {
    let unicode = if label.contains("xn--") {
        idna::domain_to_unicode(label).0
    } else {
        label.to_owned()
    };
    let folded: String = skeleton(&unicode.to_lowercase()).collect();
    folded
        .to_lowercase()
        .replace("rn", "m")
        .replace("vv", "w")
        .replace("cl", "d")
        .chars()
        .map(|c| match c {
            '0' => 'o',
            '1' | 'i' | '|' => 'l',
            '3' => 'e',
            '5' => 's',
            other => other,
        })
        .collect()
}

/// Whether one label is another in disguise: the same to the eye, or one slip of
/// the finger away (two in a long name). Equal labels are not.
pub(super) fn resembles(label: &str, genuine: &str) -> bool {
    if label == genuine || genuine.len() < 5 {
        return false;
    }
    if seen(label) == seen(genuine) {
        return true;
    }
    let allowed = if genuine.len() >= 9 { 2 } else { 1 };
    label.len().abs_diff(genuine.len()) <= allowed
        && label.chars().next() == genuine.chars().next()
        && strsim::damerau_levenshtein(label, genuine) <= allowed
}

fn label(domain: &str) -> &str {
    domain.split('.').next().unwrap_or_default()
}

/// Whether a host is made to be taken for one of the organisation's domains:
/// another ending, a disguise, or its name as part of another name. Gives the
/// domain it imitates.
pub(super) fn imitates<'o>(host: &str, own: &'o [String]) -> Option<&'o str> {
    let domain = registrable(host);
    if own.iter().any(|o| registrable(o) == domain) {
        return None;
    }
    let theirs = label(&domain);
    own.iter()
        .find(|genuine| {
            let whole = registrable(genuine);
            let name = label(&whole);
            if name.len() < 4 {
                return false;
            }
            theirs == name
                || resembles(theirs, name)
                || host
                    .split(['.', '-', '_'])
                    .any(|token| token == name || resembles(token, name))
                || (name.len() >= 7 && theirs.contains(name))
        })
        .map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disguises_are_seen_and_neighbours_are_not() {
        for (fake, real) in [
            ("northwlnd", "northwind"),
            ("rnicrosoft", "microsoft"),
            ("paypa1", "paypal"),
            ("xn--pypal-4ve", "paypal"),
            ("micorsoft", "microsoft"),
        ] {
            assert!(resembles(fake, real), "{fake}");
        }
        for (other, real) in [
            ("paypal", "paypal"),
            ("google", "goggles"),
            ("base", "case"),
            ("windows", "northwind"),
        ] {
            assert!(!resembles(other, real), "{other}");
        }
    }

    #[test]
    fn the_organisation_is_imitated_by_part_ending_and_slip() {
        let own = [
            "northwind.example".to_owned(),
            "northwind-labs.example".to_owned(),
        ];
        for host in [
            "login.northwlnd-support.example",
            "northwind.evil.example",
            "northwind.shop",
            "mynorthwindportal.example",
        ] {
            assert!(imitates(host, &own).is_some(), "{host}");
        }
        for host in [
            "portal.northwind.example",
            "mx.northwind-labs.example",
            "southwind.example",
            "contoso.example",
        ] {
            assert!(imitates(host, &own).is_none(), "{host}");
        }
    }
}
