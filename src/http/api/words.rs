//! The closed sets of words, as the OpenAPI document shows them. The domain
//! stays free of it; a test holds the two together.

use utoipa::ToSchema;

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident, $of:path { $($variant:ident),+ $(,)? })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, ToSchema)]
            #[schema(rename_all = "snake_case")]
            #[expect(missing_docs, reason = "the words of the domain, explained there")]
            pub enum $name { $($variant),+ }
        )*

        #[cfg(test)]
        mod tests {
            use utoipa::PartialSchema as _;

            /// Every word of the document is one of the domain's.
            #[test]
            fn the_document_and_the_domain_say_the_same_words() {
                $(
                    let schema = serde_json::to_value(super::$name::schema()).expect("schema");
                    let words = schema["enum"].as_array().expect("enum").clone();
                    assert_eq!(words.len(), [$(stringify!($variant)),+].len());
                    for word in words {
                        let word = word.as_str().expect("word");
                        let parsed = word.parse::<$of>();
                        assert!(parsed.is_ok(), "{}: {word}", stringify!($name));
                    }
                )*
            }
        }
    };
}

words! {
    /// What a submission was judged to be.
    VerdictWord, crate::domain::Verdict {
        Malicious, Suspicious, Spam, Bulk, Benign, Simulation, Unknown,
    }
    /// The client that sent a report.
    ClientWord, crate::domain::ReportClient { Outlook, Gmail, Api }
    /// Why a message was reported.
    ReasonWord, crate::domain::ReportReason { Phishing, Spam, Other }
    /// How far a report got.
    StatusWord, crate::domain::ReportStatus { Received, InReview, Closed }
    /// How far the server got at fetching the evidence itself.
    EvidenceWord, crate::domain::EvidenceState { Pending, Fetched, Mismatch, Missing }
    /// What the decision in force wants for a copy.
    DesiredWord, crate::domain::Desired { Pulled, InPlace }
    /// What is known about a copy.
    ObservedWord, crate::domain::Observed {
        Found, Moving, Pulled, Restoring, Restored, Gone, Changed, Failed,
    }
    /// What is known about the calendar entry of an invitation.
    EntryWord, crate::domain::EntryState {
        Sought, Found, Removing, Removed, Returning, Returned, Gone, Left,
    }
    /// Why a copy is a target.
    RoleWord, crate::domain::PullRole { Reported, Copy, Forward }
    /// What a value is of which the organisation says something.
    IndicatorKindWord, crate::domain::AskedKind { Url, Host, Domain, Ip, Sha256, Email }
    /// How the organisation sees a value.
    IndicatorReputationWord, crate::domain::Reputation { Bad, Doubtful, Good }
    /// A mail platform.
    ProviderWord, crate::domain::Provider { Graph, Gmail }
}
