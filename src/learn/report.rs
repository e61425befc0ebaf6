//! The figures as text and as a page with plots, which stands alone: no script, no
//! request.

use std::fmt::Write as _;

use super::figures::{Figures, Share};
use crate::verdict::model::Class;

/// Errors shown in the text.
const SHOWN: usize = 20;
/// Side of a plot, pixels.
const SIDE: f64 = 300.0;

fn percent(share: &Share) -> String {
    if share.all == 0 {
        return "none".to_owned();
    }
    format!(
        "{:.1} % [{:.1}-{:.1}] ({} of {})",
        share.value * 100.0,
        share.low * 100.0,
        share.high * 100.0,
        share.of,
        share.all
    )
}

/// What the figures are, each with its target where there is one.
fn headline(figures: &Figures) -> Vec<(&'static str, String, &'static str)> {
    let mut lines = vec![
        (
            "malicious recall at 99.5 % specificity against fine mail",
            percent(&figures.recall_against_fine),
            "95 %",
        ),
        (
            "the same, ranked against fine mail alone",
            percent(&figures.recall_against_fine_alone),
            "95 %",
        ),
        (
            "malicious recall at 99.5 % specificity against all the rest",
            percent(&figures.recall_against_rest),
            "75 %",
        ),
        (
            "three-way accuracy (malicious, spam, fine)",
            percent(&figures.three_way),
            "95 %",
        ),
        (
            "three-way accuracy with bulk among the unwanted",
            percent(&figures.three_way_bulk_unwanted),
            "95 %",
        ),
    ];
    if let Some(modern) = &figures.three_way_modern_html {
        lines.push((
            "three-way accuracy, modern mail with HTML",
            percent(modern),
            "92 %",
        ));
    }
    lines.push((
        "expected calibration error of malice",
        format!("{:.3}", figures.calibration_error),
        "0.030",
    ));
    let settled = &figures.settled;
    lines.extend([
        (
            "settled by the default policy without a person",
            percent(&settled.settled),
            "80 %",
        ),
        (
            "of these, malicious and closed or harmless and condemned",
            percent(&settled.wrong),
            "0.5 %",
        ),
        (
            "of those condemned, harmless",
            percent(&settled.condemned_harmless),
            "-",
        ),
        (
            "of those closed, malicious",
            percent(&settled.closed_malicious),
            "-",
        ),
        (
            "of those settled, another answer than malicious, spam, fine",
            percent(&settled.other_answer),
            "-",
        ),
    ]);
    lines
}

/// The figures as text; `how` says how the messages were judged.
#[must_use]
pub fn text(figures: &Figures, how: &str) -> String {
    let mut out = format!("{} messages; {how}\n\n", figures.messages);
    for (name, value, target) in headline(figures) {
        let _ = writeln!(out, "{name:<60} {value}   target {target}");
    }
    let _ = writeln!(
        out,
        "\n{:<11}{:>10}{:>10}{:>10}{:>10}   precision, recall",
        "label", "malicious", "spam", "bulk", "ham"
    );
    for (row, class) in figures.confusion.iter().zip(&figures.classes) {
        let _ = write!(out, "{:<11}", class.class.name());
        for cell in row {
            let _ = write!(out, "{cell:>10}");
        }
        let _ = writeln!(
            out,
            "   {:.3}, {:.3}",
            class.precision.value, class.recall.value
        );
    }
    out.push_str("\nmalicious mail by kind, found at 99.5 % specificity against fine mail\n");
    for (kind, share) in &figures.kinds {
        let kind = if kind.is_empty() { "-" } else { kind };
        let _ = writeln!(out, "{kind:<32} {}", percent(share));
    }
    if !figures.ablation.is_empty() {
        out.push_str(
            "\nwith other features: recall against fine, against all the rest, three-way accuracy\n",
        );
        for row in &figures.ablation {
            let _ = writeln!(
                out,
                "{:<32} {:.3}  {:.3}  {:.3}",
                row.what,
                row.recall_against_fine.value,
                row.recall_against_rest.value,
                row.three_way.value
            );
        }
    }
    out.push_str("\nprobability of malice: said, was, messages\n");
    for bin in &figures.calibration {
        let _ = writeln!(out, "{:.3}  {:.3}  {}", bin.said, bin.was, bin.messages);
    }
    let _ = writeln!(
        out,
        "\nthe surest errors, {SHOWN} of {}",
        figures.errors.len()
    );
    for miss in figures.errors.iter().take(SHOWN) {
        let _ = writeln!(
            out,
            "{}: {} ({}) called {}, malice {:.3}",
            miss.file,
            miss.label.name(),
            miss.kind,
            miss.called.name(),
            miss.malice
        );
    }
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

/// A plot of curves over a square from nought to `widest` and one.
fn plot(
    title: &str,
    across: &str,
    up: &str,
    widest: f64,
    curves: &[&[[f64; 2]]],
    diagonal: bool,
) -> String {
    let mut svg = format!(
        "<figure><svg viewBox=\"-46 -12 {w} {h}\" role=\"img\" aria-label=\"{title}\"><rect width=\"{SIDE}\" height=\"{SIDE}\" class=\"frame\"/>",
        w = SIDE + 66.0,
        h = SIDE + 56.0
    );
    for mark in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let at = SIDE * (1.0 - mark);
        let along = SIDE * mark;
        let _ = write!(
            svg,
            "<text x=\"-6\" y=\"{y:.0}\" text-anchor=\"end\">{mark}</text><text x=\"{along:.0}\" y=\"{bottom:.0}\" text-anchor=\"middle\">{value:.3}</text><path d=\"M0 {at:.0}H{SIDE}\" class=\"grid\"/>",
            y = at + 4.0,
            bottom = SIDE + 16.0,
            value = mark * widest
        );
    }
    if diagonal {
        let _ = write!(svg, "<path d=\"M0 {SIDE}L{SIDE} 0\" class=\"grid\"/>");
    }
    for (index, curve) in curves.iter().enumerate() {
        let points: Vec<String> = curve
            .iter()
            .filter(|[x, _]| *x <= widest)
            .map(|[x, y]| format!("{:.1},{:.1}", SIDE * x / widest, SIDE * (1.0 - y)))
            .collect();
        let _ = write!(
            svg,
            "<polyline points=\"{}\" class=\"c{index}\"/>",
            points.join(" ")
        );
    }
    let _ = write!(
        svg,
        "<text x=\"{middle:.0}\" y=\"{low:.0}\" text-anchor=\"middle\">{across}</text><text transform=\"translate(-34 {middle:.0}) rotate(-90)\" text-anchor=\"middle\">{up}</text></svg><figcaption>{title}</figcaption></figure>",
        middle = SIDE / 2.0,
        low = SIDE + 34.0
    );
    svg
}

/// The figures as a page.
#[must_use]
pub fn html(figures: &Figures, how: &str) -> String {
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"><title>Unhook: evaluation of the model</title><style>:root{{color-scheme:light dark}}body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}table{{border-collapse:collapse;margin:1rem 0}}th,td{{padding:.25rem .75rem;border-bottom:1px solid #8886;text-align:right}}th:first-child,td:first-child{{text-align:left}}svg{{width:100%;max-width:26rem;font-size:11px;fill:currentColor}}figure{{display:inline-block;margin:1rem 1rem 1rem 0;width:27rem;max-width:100%}}.frame{{fill:none;stroke:currentColor}}.grid{{stroke:#8884;fill:none}}polyline{{fill:none;stroke-width:2}}.c0{{stroke:#2166ac}}.c1{{stroke:#b2182b}}</style><h1>Evaluation of the model</h1><p>{} messages; {}</p>",
        figures.messages,
        escaped(how)
    );
    page.push_str("<table><tr><th>figure<th>measured, 95 % interval<th>target");
    for (name, value, target) in headline(figures) {
        let _ = write!(page, "<tr><td>{name}<td>{value}<td>{target}");
    }
    page.push_str("</table><h2>Labels and answers</h2><table><tr><th>label");
    for class in Class::ALL {
        let _ = write!(page, "<th>{}", class.name());
    }
    page.push_str("<th>precision<th>recall");
    for (row, class) in figures.confusion.iter().zip(&figures.classes) {
        let _ = write!(page, "<tr><td>{}", class.class.name());
        for cell in row {
            let _ = write!(page, "<td>{cell}");
        }
        let _ = write!(
            page,
            "<td>{:.3}<td>{:.3}",
            class.precision.value, class.recall.value
        );
    }
    page.push_str("</table>");
    let curve: Vec<[f64; 2]> = figures
        .calibration
        .iter()
        .map(|bin| [bin.said, bin.was])
        .collect();
    page.push_str(&plot(
        "Malice found, by false share of fine mail (blue) and of all the rest (red), to 2 %",
        "false share",
        "recall",
        0.02,
        &[&figures.roc_fine, &figures.roc_rest],
        false,
    ));
    page.push_str(&plot(
        "Probability of malice as said, and as it was",
        "said",
        "was",
        1.0,
        &[&curve],
        true,
    ));
    page.push_str("<h2>Malicious mail by kind</h2><table><tr><th>kind<th>found");
    for (kind, share) in &figures.kinds {
        let _ = write!(page, "<tr><td>{}<td>{}", escaped(kind), percent(share));
    }
    if !figures.ablation.is_empty() {
        page.push_str("</table><h2>With other features</h2><table><tr><th>features<th>recall against fine<th>against all the rest<th>three-way accuracy");
        for row in &figures.ablation {
            let _ = write!(
                page,
                "<tr><td>{}<td>{}<td>{}<td>{}",
                escaped(&row.what),
                percent(&row.recall_against_fine),
                percent(&row.recall_against_rest),
                percent(&row.three_way)
            );
        }
    }
    page.push_str(
        "</table><h2>Errors, the surest first</h2><table><tr><th>file<th>label<th>called<th>malice",
    );
    for miss in &figures.errors {
        let _ = write!(
            page,
            "<tr><td>{}<td>{} {}<td>{}<td>{:.3}",
            escaped(&miss.file),
            miss.label.name(),
            escaped(&miss.kind),
            miss.called.name(),
            miss.malice
        );
    }
    page.push_str("</table></html>\n");
    page
}
