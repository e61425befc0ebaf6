//! Domains that so many use that they say nothing of who made a message.

/// Domains where anybody's links, or the mail of many senders, come from: they say
/// nothing about who made a message. Registrable domains.
const COMMON: [&str; 96] = [
    "1drv.ms",
    "adobe.com",
    "amazon.com",
    "amazonaws.com",
    "amazonses.com",
    "aol.com",
    "apple.com",
    "atlassian.net",
    "azureedge.net",
    "bit.ly",
    "box.com",
    "calendly.com",
    "campaign-archive.com",
    "canva.com",
    "constantcontact.com",
    "cvent.com",
    "docusign.com",
    "docusign.net",
    "dropbox.com",
    "eventbrite.com",
    "exacttarget.com",
    "exct.net",
    "facebook.com",
    "github.com",
    "gmail.com",
    "gmx.de",
    "gmx.net",
    "goo.gl",
    "google.com",
    "googleapis.com",
    "googlemail.com",
    "googleusercontent.com",
    "gstatic.com",
    "hotmail.com",
    "hs-sites.com",
    "hubspot.com",
    "hubspotlinks.com",
    "icloud.com",
    "instagram.com",
    "intuit.com",
    "jotform.com",
    "klaviyomail.com",
    "linkedin.com",
    "list-manage.com",
    "live.com",
    "lnkd.in",
    "mailchi.mp",
    "mailchimp.com",
    "mailchimpapp.net",
    "mailgun.org",
    "mailjet.com",
    "mandrillapp.com",
    "mcsv.net",
    "microsoft.com",
    "microsoftonline.com",
    "mktomail.com",
    "msn.com",
    "notion.so",
    "office.com",
    "office.net",
    "office365.com",
    "onedrive.com",
    "onmicrosoft.com",
    "outlook.com",
    "ow.ly",
    "paypal.com",
    "pinterest.com",
    "proton.me",
    "protonmail.com",
    "qrco.de",
    "rebrand.ly",
    "rs6.net",
    "salesforce.com",
    "sendgrid.com",
    "sendgrid.net",
    "sendinblue.com",
    "sharepoint.com",
    "slack.com",
    "sparkpostmail.com",
    "t.co",
    "tiktok.com",
    "tinyurl.com",
    "twitter.com",
    "typeform.com",
    "vimeo.com",
    "w3.org",
    "web.de",
    "wetransfer.com",
    "whatsapp.com",
    "wikipedia.org",
    "windows.net",
    "x.com",
    "yahoo.com",
    "youtu.be",
    "youtube.com",
    "zoom.us",
];

/// Whether a registrable domain is used by so many that it proves nothing.
#[must_use]
pub fn is_common(domain: &str) -> bool {
    COMMON.binary_search(&domain).is_ok()
        || domain.ends_with(".onmicrosoft.com")
        || domain.ends_with(".amazonaws.com")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domains_are_in_order() {
        assert!(COMMON.is_sorted());
        assert!(is_common("google.com") && !is_common("portal-a.example"));
    }
}
