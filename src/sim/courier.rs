//! What the simulated platforms send by themselves, as real HTTP: validation
//! requests, change notifications, pushes. To loopback addresses only.

use std::{
    sync::{
        Arc, Mutex, OnceLock,
        mpsc::{Sender, channel},
    },
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};

use super::tenant::lock;

/// How long an endpoint may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// One request to make.
#[derive(Debug, Clone)]
pub(super) struct Notice {
    pub url: String,
    pub body: serde_json::Value,
    /// A whole `Authorization` value.
    pub authorization: Option<String>,
}

/// What came of a validation request.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub status: u16,
    pub content_type: String,
    pub body: String,
}

enum Errand {
    Post(Notice),
    Ask(String, Sender<Option<Told>>),
    Settle(oneshot::Sender<()>),
}

/// A thread that makes the requests one after the other; started by the first.
#[derive(Debug, Default)]
pub(super) struct Courier {
    errands: OnceLock<Option<mpsc::UnboundedSender<Errand>>>,
    statuses: Arc<Mutex<Vec<u16>>>,
}

impl Courier {
    fn errands(&self) -> Option<&mpsc::UnboundedSender<Errand>> {
        let start = || {
            let (sender, receiver) = mpsc::unbounded_channel();
            let statuses = Arc::clone(&self.statuses);
            std::thread::Builder::new()
                .name("simulated-courier".into())
                .spawn(move || walk(receiver, &statuses))
                .map_err(|error| tracing::error!(%error, "no simulated notifications"))
                .ok()
                .map(|_| sender)
        };
        self.errands.get_or_init(start).as_ref()
    }

    /// Sends a notification after those before it. Whoever does not answer is
    /// not asked again.
    pub(super) fn send(&self, notice: Notice) {
        if let Some(errands) = self.errands() {
            let _ = errands.send(Errand::Post(notice));
        }
    }

    /// Posts an empty text and waits for the answer; `None` when none came.
    pub(super) fn ask(&self, url: String) -> Option<Told> {
        let (answer, answered) = channel();
        self.errands()?.send(Errand::Ask(url, answer)).ok()?;
        answered.recv().ok()?
    }

    /// Returns when all that was to be sent has been answered or given up.
    pub(super) async fn settle(&self) {
        let (done, settled) = oneshot::channel();
        let sent = match self.errands.get() {
            Some(Some(errands)) => errands.send(Errand::Settle(done)).is_ok(),
            _ => false,
        };
        if sent {
            let _ = settled.await;
        }
    }

    /// The status of every notification's answer, in order; 0 for none.
    pub(super) fn statuses(&self) -> Vec<u16> {
        lock(&self.statuses).clone()
    }
}

/// Whether a URL leads to this machine. The simulator calls nobody else.
pub(super) fn is_loopback(url: &str) -> bool {
    url::Url::parse(url).is_ok_and(|url| match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    })
}

fn walk(mut errands: mpsc::UnboundedReceiver<Errand>, statuses: &Mutex<Vec<u16>>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .build();
    let (Ok(runtime), Ok(client)) = (runtime, client) else {
        tracing::error!("simulated notifications cannot be sent");
        return;
    };
    runtime.block_on(async {
        while let Some(errand) = errands.recv().await {
            match errand {
                Errand::Post(notice) => {
                    let status = post(&client, notice).await;
                    lock(statuses).push(status);
                }
                Errand::Ask(url, answer) => {
                    let _ = answer.send(ask(&client, &url).await);
                }
                Errand::Settle(done) => {
                    let _ = done.send(());
                }
            }
        }
    });
}

async fn post(client: &reqwest::Client, notice: Notice) -> u16 {
    if !is_loopback(&notice.url) {
        return 0;
    }
    let mut request = client.post(&notice.url).json(&notice.body);
    if let Some(authorization) = notice.authorization {
        request = request.header("authorization", authorization);
    }
    match request.send().await {
        Ok(answer) => answer.status().as_u16(),
        Err(error) => {
            tracing::debug!(%error, "a simulated notification found nobody");
            0
        }
    }
}

async fn ask(client: &reqwest::Client, url: &str) -> Option<Told> {
    if !is_loopback(url) {
        return None;
    }
    let request = client
        .post(url)
        .header("content-type", "text/plain; charset=utf-8");
    let answer = request.body("").send().await.ok()?;
    let status = answer.status().as_u16();
    let content_type = answer
        .headers()
        .get("content-type")
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    Some(Told {
        status,
        content_type,
        body: answer.text().await.ok()?,
    })
}
