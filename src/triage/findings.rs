//! What is kept of a dissected message for people and for the API: only display
//! forms and values that analysis needs again.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::role::Roles;
use crate::policy::dissect::Dissected;
use crate::{
    enrich::authenticate::Evaluated,
    file::FileReport,
    message::{AuthOutcome, Observable, Path, PathAnomaly, Person, registrable},
};

/// Characters of the body kept for the preview.
const PREVIEW: usize = 4000;
/// Observables kept.
const MOST_OBSERVABLES: usize = 1_000;
/// Files kept, members included.
const MOST_FILES: usize = 200;
/// Notes kept of one file.
const MOST_NOTES: usize = 20;

/// The findings of one message, stored as JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Findings {
    /// Selected header fields.
    pub headers: Value,
    /// Results that the trusted border recorded.
    pub authentication: Value,
    /// Results of our own checks, or a note why there are none.
    pub evaluated: Value,
    /// Signatures and encryption around it.
    pub protection: Value,
    /// The MIME parts in order, with their depth.
    pub structure: Value,
    /// The way it took.
    pub received: Value,
    /// Links, domains, addresses, hashes, with every place they stand in.
    pub observables: Value,
    /// What is wrong with the form.
    pub defects: Vec<String>,
    /// Attached files, as the message lists them.
    pub attachments: Value,
    /// The same files taken apart, with what lies inside.
    pub files: Value,
    /// The start of the visible text.
    pub text_preview: String,
}

fn people(list: &[Person]) -> Vec<String> {
    list.iter()
        .take(20)
        .map(|person| match &person.name {
            Some(name) => format!("{} <{}>", name.neutral(120), person.address),
            None => person.address.clone(),
        })
        .collect()
}

/// Makes the findings of a message. `observables` are those of the message and of
/// its files, `roles` tell whose they are.
#[must_use]
pub(super) fn of(
    message: &Dissected,
    observables: &[Observable],
    roles: &Roles,
    evaluated: Option<&Evaluated>,
    trusted: &[String],
) -> Findings {
    let parsed = &message.parsed;
    let recorded = parsed.authentication(trusted);
    let mut room = MOST_FILES;
    Findings {
        headers: json!({
            "from": people(&parsed.from),
            "to": people(&parsed.to),
            "cc": people(&parsed.cc),
            "reply_to": people(&parsed.reply_to),
            "return_path": parsed.claims.return_path.as_ref().map(|p| p.address.clone()),
            "subject": parsed.subject.neutral(500),
            "date": parsed.date,
            "message_id": parsed.message_id,
        }),
        authentication: json!(recorded),
        evaluated: own_checks(evaluated, recorded.is_some()),
        protection: json!(parsed.protection),
        structure: json!(parsed.structure),
        received: way(&message.path),
        observables: json!(
            observables
                .iter()
                .take(MOST_OBSERVABLES)
                .map(|one| observable(one, roles))
                .collect::<Vec<_>>()
        ),
        defects: parsed.defects.iter().map(ToString::to_string).collect(),
        attachments: parsed
            .attachments
            .iter()
            .map(|file| {
                json!({
                    "name": file.name.as_ref().map(|n| n.neutral(200)),
                    "content_type": file.media_type,
                    "size": file.size,
                    "sha256": file.sha256,
                })
            })
            .collect(),
        files: message
            .files
            .iter()
            .filter_map(|one| file(one, &mut room))
            .collect(),
        text_preview: parsed
            .visible_text()
            .chars()
            .filter(|c| *c != '\0')
            .take(PREVIEW)
            .collect(),
    }
}

fn own_checks(evaluated: Option<&Evaluated>, recorded: bool) -> Value {
    let Some(found) = evaluated else {
        let note = if recorded {
            "Not checked here: the result that your border recorded is used."
        } else {
            "Not checked here, and your border recorded nothing that counts."
        };
        return json!({ "note": note });
    };
    // of several signatures the one that proves something is told
    let dkim = found
        .dkim
        .iter()
        .map(|signature| signature.outcome)
        .find(|outcome| *outcome == AuthOutcome::Pass)
        .or_else(|| found.dkim.first().map(|signature| signature.outcome))
        .unwrap_or(AuthOutcome::None);
    json!({
        "spf": found.spf,
        "dkim": dkim,
        "dmarc": found.dmarc,
        "arc": found.arc,
        "signatures": found.dkim,
        "aligned": found.aligned,
        "detail": found.detail,
    })
}

fn way(path: &Path) -> Value {
    let hops: Vec<Value> = path
        .hops
        .iter()
        .enumerate()
        .map(|(index, hop)| {
            let mut from: Vec<String> = [hop.rdns.clone(), hop.helo.clone()]
                .into_iter()
                .flatten()
                .collect();
            from.dedup();
            from.extend(hop.ip.map(|ip| format!("[{ip}]")));
            json!({
                "from": from.join(" "),
                "by": hop.by,
                "with": hop.with,
                "at": hop.time,
                "trusted": path.border.is_some_and(|border| index <= border),
                "border": path.border == Some(index),
                "oddities": path.anomalies.iter().filter(|a| hop_of(a) == Some(index)).map(odd).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "hops": hops,
        "sending_ip": path.sending_ip,
        "helo": path.helo,
        "oddities": path.anomalies.iter().filter(|a| hop_of(a).is_none()).map(odd).collect::<Vec<_>>(),
    })
}

const fn hop_of(anomaly: &PathAnomaly) -> Option<usize> {
    match anomaly {
        PathAnomaly::Backwards { hop, .. }
        | PathAnomaly::Future { hop, .. }
        | PathAnomaly::Damaged { hop, .. } => Some(*hop),
        PathAnomaly::DateFar { .. } => None,
    }
}

fn odd(anomaly: &PathAnomaly) -> String {
    match anomaly {
        PathAnomaly::Backwards { seconds, .. } => {
            format!("{} earlier than the hop below it", span(*seconds))
        }
        PathAnomaly::Future { seconds, .. } => {
            format!("{} later than its arrival", span(*seconds))
        }
        PathAnomaly::Damaged { damage, .. } => {
            let how = json!(damage);
            format!(
                "damaged: {}",
                how.as_str().unwrap_or_default().replace('_', " ")
            )
        }
        PathAnomaly::DateFar { hours } if *hours > 0 => {
            format!("the Date header lies {hours} hours after its arrival")
        }
        PathAnomaly::DateFar { hours } => {
            format!(
                "the Date header lies {} hours before its arrival",
                hours.abs()
            )
        }
    }
}

fn span(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} seconds"),
        120..7_200 => format!("{} minutes", seconds / 60),
        7_200..172_800 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// An observable with what is known of it beyond its value.
fn observable(one: &Observable, roles: &Roles) -> Value {
    let mut shown = json!(one);
    if let Some(shown) = shown.as_object_mut() {
        // it repeats a stranger's text at length
        shown.remove("link");
        shown.insert("role".to_owned(), json!(roles.role(one)));
    }
    if let (Some(shown), Some(link)) = (shown.as_object_mut(), &one.link) {
        shown.insert("private".to_owned(), json!(link.private));
        shown.insert("wrapped_by".to_owned(), json!(link.wrapped_by));
        let look = link.idn.as_ref().filter(|idn| idn.unicode != idn.ascii);
        shown.insert(
            "looks_like".to_owned(),
            json!(look.map(|idn| idn.unicode.clone())),
        );
        // a text that shows another host of the same domain deceives nobody
        let other = link
            .shown_host
            .as_ref()
            .filter(|host| registrable(host) != link.domain);
        shown.insert("shown_host".to_owned(), json!(other));
    }
    shown
}

/// A file as people see it: no text, no links, names and details neutralised.
fn file(report: &FileReport, room: &mut usize) -> Option<Value> {
    *room = room.checked_sub(1)?;
    Some(json!({
        "place": report.place,
        "name": report.name.as_ref().map(|name| name.neutral(200)),
        "claimed": report.claimed,
        "kind": report.kind,
        "size": report.size,
        "hashes": report.hashes,
        "notes": report.notes.iter().take(MOST_NOTES).map(|note| json!({
            "kind": note.kind,
            "detail": note.detail.neutral(200),
        })).collect::<Vec<_>>(),
        "links": report.links.len(),
        "rules": report.rules,
        "stops": report.stops.iter().map(|stop| stop.words()).collect::<Vec<_>>(),
        "members": report.members.iter().filter_map(|one| file(one, room)).collect::<Vec<_>>(),
    }))
}
