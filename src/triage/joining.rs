//! How a judged submission comes to a campaign and to a case, and what is kept of why.

use crate::{
    domain::{Assessment, CampaignId, Verdict, VerdictSource},
    message::{Fingerprint, Variant},
    remediation,
    store::{
        Rows, StoreError,
        campaign::Campaign,
        membership::{How, Membership},
    },
};

use super::{case::Case, kin};

impl Case<'_> {
    pub(super) fn print(&self) -> Option<Fingerprint> {
        let print = self.submission.fingerprint.clone();
        print.and_then(|print| serde_json::from_value(print).ok())
    }

    /// Why it belongs to the case of a campaign whose message it is.
    pub(super) fn same_message(&self, opened: bool, campaign: &Campaign) -> Membership {
        let named = self.print().is_some_and(|print| print.message_id.is_some());
        let reason = match (opened, named) {
            (true, _) => "the first report of this message",
            (false, true) => "same Message-ID, sender, text and links",
            (false, false) => "no Message-ID, but same sender, subject, text and links",
        };
        self.member(campaign.case(), How::Exact, 1.0, vec![reason.to_owned()])
    }

    fn member(&self, case: CampaignId, how: How, score: f64, reasons: Vec<String>) -> Membership {
        Membership {
            campaign: case,
            submission: self.submission.id,
            how,
            score,
            reasons,
            at: self.now(),
            by: "unhook".to_owned(),
        }
    }

    /// Opens a campaign for a message that is the same as none known: in the case of a
    /// confirmed one that it is a variant of, or as a case of its own.
    pub(super) async fn open(
        &self,
        rows: &Rows<'_>,
        key: String,
        assessment: &Assessment,
    ) -> Result<(Campaign, Membership), StoreError> {
        let now = self.now();
        let print = self.print();
        let mut new = self.open_campaign(key, assessment);
        let mut kin = match &print {
            Some(print) => kin::kin_of(rows, print).await?,
            None => None,
        };
        if let Some(found) = &kin {
            // another decision, or a merge, may have come between
            let case = rows.hold_campaign(found.case).await?;
            let still =
                case.is_some_and(|c| c.verdict == Verdict::Malicious && c.variant_of.is_none());
            if !still {
                kin = None;
            }
        }
        if let Some(kin) = &kin {
            new.variant_of = Some(kin.case);
            let closes = matches!(new.verdict, Verdict::Spam | Verdict::Bulk | Verdict::Benign);
            if closes {
                // never more than that: what looks alike is no decision to pull
                new.verdict = Verdict::Suspicious;
            }
        }
        rows.save_campaign(&new).await?;
        if let Some(print) = &print {
            rows.keep_campaign_keys(new.id, &print.kin_keys()).await?;
        }
        if new.verdict == Verdict::Malicious {
            remediation::pull_all(rows, &new, None, now).await?;
        }
        let member = match kin {
            Some(kin::Kin { case, evidence }) => {
                rows.record(kin::joined(&new, case, &evidence, now)).await?;
                let Variant { score, reasons } = evidence;
                self.member(case, How::Variant, score, reasons)
            }
            None => {
                kin::gather(rows, &new, now).await?;
                self.same_message(true, &new)
            }
        };
        Ok((new, member))
    }

    fn open_campaign(&self, exact_key: String, assessment: &Assessment) -> Campaign {
        let now = self.now();
        let verdict = self.by_policy(assessment);
        Campaign {
            id: CampaignId::new(now),
            seed: self.submission.id,
            exact_key,
            title: self.submission.subject.clone(),
            sender: self.submission.sender.clone(),
            verdict,
            verdict_source: VerdictSource::Policy,
            decision_version: 1,
            variant_of: None,
            created_at: now,
            updated_at: now,
        }
    }
}
