//! `unhook model`: train the statistical model, and measure it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use super::{
    ConfigFile,
    policy::{app, operator},
    start,
};
use crate::{
    config::{files::Files, policy::Policy},
    learn::{
        FOLDS, Way, ablation,
        corpus::Corpus,
        figures::{Figures, Share},
        judge, report, train_on,
    },
    policy::{force, learning},
    sandbox::Sandbox,
    verdict::{Engine, model::Model},
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Train a model on a folder of labelled mail
    Train(TrainOptions),
    /// Measure a model on a folder of labelled mail
    Evaluate(EvaluateOptions),
}

#[derive(Debug, Args)]
#[command(
    after_help = "The folder holds a manifest.tsv (columns file, label and, where known, group, sub, \
                  era, html) or a folder for each label: phishing, spam, bulk, ham. The same mail \
                  gives the same file."
)]
pub(super) struct TrainOptions {
    /// The labelled mail
    #[arg(long, value_name = "DIR")]
    corpus: PathBuf,
    /// The model to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// What it is trained on, in words; stands in the model
    #[arg(long, value_name = "WORDS", default_value = "mail of one's own")]
    says: String,
    /// Learn from what analysts decided as well, compare with the model in force on mail
    /// that was held back, and put the new one into force if it is better
    #[arg(long)]
    from_history: bool,
    #[command(flatten)]
    file: ConfigFile,
}

#[derive(Debug, Args)]
#[command(
    after_help = "A model that was trained on any of the mail is not measured by it: every message is \
                  then judged by one of five models, each trained without the message's group."
)]
pub(super) struct EvaluateOptions {
    /// The labelled mail
    #[arg(long, value_name = "DIR")]
    corpus: PathBuf,
    /// The model; the one that comes with Unhook when absent
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
    /// Write report.txt, report.json and report.html into this folder too
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Measure too what other features would change: some minutes more
    #[arg(long)]
    ablation: bool,
    /// Another split, where the mail is split
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

pub(super) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Train(options) if options.from_history => learn(&options).await,
        Command::Train(options) => train(&options),
        Command::Evaluate(options) => evaluate(&options),
    }
}

fn sandbox() -> Sandbox {
    start::sandbox(&Files::default())
}

fn read(folder: &Path) -> anyhow::Result<Corpus> {
    let bar = ProgressBar::new_spinner();
    bar.set_style(ProgressStyle::with_template(
        "reading: {pos} messages, {elapsed}",
    )?);
    let corpus = Corpus::read(folder, &sandbox(), |count| bar.set_position(count as u64));
    bar.finish();
    Ok(corpus?)
}

fn train(options: &TrainOptions) -> anyhow::Result<ExitCode> {
    let corpus = read(&options.corpus)?;
    eprintln!("training on {} messages: some minutes", corpus.mails.len());
    let file = train_on(&corpus, &options.says)?;
    fs::write(&options.out, &file)
        .with_context(|| format!("{} cannot be written", options.out.display()))?;
    say!(
        "{}: {:.1} MB, trained on {} messages",
        options.out.display(),
        file.len() as f64 / 1e6,
        corpus.mails.len()
    );
    Ok(ExitCode::SUCCESS)
}

async fn learn(options: &TrainOptions) -> anyhow::Result<ExitCode> {
    let app = app(&options.file).await?;
    let corpus = read(&options.corpus)?;
    let bar = ProgressBar::new_spinner();
    bar.set_style(ProgressStyle::with_template(
        "history: {pos} decisions, {elapsed}",
    )?);
    let history = learning::history(&app, |count| bar.set_position(count as u64)).await?;
    bar.finish();
    let engine = force::engine(&app).await?;
    let before = engine.model().context("there is no model in force")?;
    let kept = force::kept(&app, before.version()).await?;
    let (file, found) =
        learning::learn(&corpus, &history, (before, &kept), &options.says, |part| {
            eprintln!("part {part} of {FOLDS} is judged");
        })?;
    fs::write(&options.out, &file)
        .with_context(|| format!("{} cannot be written", options.out.display()))?;
    let version = learning::keep(&app, file, &found, &operator()).await?;
    let percent = |share: &Share| {
        format!(
            "{:.1} % [{:.1}-{:.1}]",
            share.value * 100.0,
            share.low * 100.0,
            share.high * 100.0
        )
    };
    say!(
        "model {version}, of {} messages of the collection and {} decisions of analysts",
        found.collection,
        found.history
    );
    say!("{:<52}{:>24}{:>24}", "", "in force", "new");
    say!(
        "{:<52}{:>24.3}{:>24.3}",
        "logarithmic loss on the history, held back",
        found.loss_before,
        found.loss_after
    );
    say!(
        "{:<52}{:>24}{:>24}",
        "as the analysts decided",
        percent(&found.right_before),
        percent(&found.right_after)
    );
    say!(
        "{:<52}{:>24}{:>24}",
        "recall at 99.5 % specificity on the collection",
        percent(&found.recall_before),
        percent(&found.recall_after)
    );
    let done = if found.better {
        "in force from now on"
    } else {
        "kept, not put into force"
    };
    say!("{done}: {}", found.why);
    Ok(ExitCode::SUCCESS)
}

fn evaluate(options: &EvaluateOptions) -> anyhow::Result<ExitCode> {
    let shipped;
    let read_model;
    let (model, kept) = match &options.model {
        None => {
            shipped = Model::shipped().context("the model that comes with Unhook")?;
            (shipped.0.as_ref(), &shipped.1)
        }
        Some(path) => {
            let file =
                fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
            read_model = Model::from_bytes(&file)
                .with_context(|| format!("{} is no model", path.display()))?;
            (&read_model.0, &read_model.1)
        }
    };
    let corpus = read(&options.corpus)?;
    let engine = Engine::new(Policy::default())?;
    let (way, judged) = judge(
        &corpus,
        (model, kept),
        options.seed,
        &engine,
        &sandbox(),
        |part| eprintln!("part {part} of {FOLDS} is judged"),
    )?;
    let how = match way {
        Way::Unseen => "judged by the model, which was trained on none of them".to_owned(),
        Way::HeldBack => format!(
            "each judged by one of {FOLDS} models that was trained without its group (split {})",
            options.seed
        ),
    };
    let mut figures = Figures::of(&judged);
    if options.ablation {
        figures.ablation = ablation(&corpus, options.seed, |row| {
            eprintln!("measured {}", row.what);
        })?;
    }
    let text = report::text(&figures, &how);
    let json = serde_json::to_string_pretty(&figures)?;
    if let Some(folder) = &options.out {
        fs::create_dir_all(folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
        for (name, content) in [
            ("report.txt", &text),
            ("report.json", &json),
            ("report.html", &report::html(&figures, &how)),
        ] {
            let path = folder.join(name);
            fs::write(&path, content)
                .with_context(|| format!("{} cannot be written", path.display()))?;
        }
    }
    say!("{}", if options.json { &json } else { &text });
    Ok(ExitCode::SUCCESS)
}
