//! Evidence class `structure`: how it is built, and the marks of ordinary mail.

use crate::{message::LinkPlace, verdict::case::Case};

pub(super) fn run(case: &mut Case<'_>) {
    html(case);
    ordinary(case);
    if case.message.ambiguous() {
        let defects: Vec<String> = case
            .message
            .defects
            .iter()
            .map(ToString::to_string)
            .collect();
        case.find(
            "mime.ambiguous",
            "mime",
            format!("programs may show it differently: {}", defects.join(", ")),
        );
    }
}

fn html(case: &mut Case<'_>) {
    let Some(view) = &case.message.view else {
        case.find("text.plain", "body", "plain text");
        return;
    };
    let place = "body:html";
    let form = view.links.iter().any(|l| l.place == LinkPlace::Form);
    let hidden = view.hidden.split_whitespace().count();
    let visible = case.word_count;
    let clickable = view.clickable().count();
    let (password, scripts, images) = (view.password_field, view.scripts, view.images);
    if form || view.fields > 1 {
        case.find("form.in_mail", place, "a form inside the mail");
    }
    if password {
        case.find(
            "form.password",
            place,
            "asks for a password inside the mail",
        );
    }
    if scripts > 0 {
        case.find("html.script", place, "a script inside the mail");
    }
    if hidden >= 30 && hidden > visible {
        case.find(
            "html.hidden_text",
            place,
            format!("{hidden} hidden words against {visible} visible ones"),
        );
    }
    if images > 0 && visible <= 25 && clickable > 0 {
        case.find(
            "html.image_only",
            place,
            "hardly any text: a picture to click",
        );
    }
    if case.message.text.is_none() {
        case.find("html.only", place, "HTML without a text version");
    }
    if visible <= 60 && clickable > 0 {
        case.find("html.short", place, "little text and a link");
    }
}

/// Marks of ordinary and of mass mail. Senders can forge them: they weigh little.
fn ordinary(case: &mut Case<'_>) {
    let list = case.message.list.clone();
    if !case.message.in_reply_to.is_empty() || !case.message.references.is_empty() {
        case.find(
            "thread.reply",
            "header:References",
            "part of a conversation",
        );
    }
    if list.id || list.post {
        case.find(
            "list.discussion",
            "header:List-Id",
            "came through a mailing list",
        );
    }
    if list.unsubscribe || list.one_click || list.precedence || list.mailer {
        case.find(
            "list.bulk",
            "header:List-Unsubscribe",
            "names itself mass mail",
        );
    }
    if list.automatic {
        case.find(
            "list.automatic",
            "header:Auto-Submitted",
            "written by a program",
        );
    }
    let text = case
        .message
        .text
        .as_ref()
        .map_or("", |t| t.exposed().as_str());
    let lines = text.lines().take(2_000);
    let quoted = lines
        .clone()
        .filter(|l| l.trim_start().starts_with('>'))
        .count();
    if quoted >= 3 {
        case.find("text.quotes", "body:text", "quotes an earlier mail");
    }
    let code = lines
        .filter(|l| {
            l.starts_with("+++ ")
                || l.starts_with("--- a/")
                || l.starts_with("@@ ")
                || l.starts_with("diff ")
                || l.trim_end().ends_with([';', '{', '}'])
                || l.contains("()")
                || l.contains("#include")
        })
        .count();
    if code >= 4 {
        case.find("text.code", "body:text", "holds program text or patches");
    }
}
