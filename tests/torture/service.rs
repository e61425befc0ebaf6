//! The parent's hold on the child: starting, asking, killing, and what it used.

use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    time::{Duration, Instant},
};

use crate::{
    child::{CHILD, COMES_UP},
    orders::{Answer, Order, Reply, Request},
};

const SIGKILL: i32 = 9;
/// How often the child's memory and files are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// The most that any child of a seed used.
#[derive(Debug, Default)]
pub struct Peaks {
    /// Resident memory, in KiB.
    pub memory: AtomicU64,
    /// Open file descriptors.
    pub files: AtomicU64,
    /// How often they were looked at.
    pub looks: AtomicU64,
}

/// Ends the child from any thread.
#[derive(Debug, Clone)]
pub struct Executioner(Arc<Mutex<Child>>);

impl Executioner {
    /// SIGKILL; returns when the process is gone.
    pub fn kill(&self) {
        let mut child = self.0.lock().expect("lock");
        let _ = child.kill();
        child.wait().expect("waited");
    }
}

/// A child that runs, or ran.
pub struct Service {
    executioner: Executioner,
    stdin: ChildStdin,
    replies: Receiver<Reply>,
    /// Orders without an answer so far.
    open: HashMap<u64, Order>,
    last: u64,
}

/// What came in.
pub enum News {
    Answer(Order, Answer),
    /// Nothing within the time.
    Silence,
    /// The child is gone.
    Over,
}

impl Service {
    /// Starts one over a folder; it is up when this returns, or gone already.
    pub fn start(folder: &Path, ahead_ms: i64, peaks: &Arc<Peaks>) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .env(CHILD, format!("{ahead_ms} {}", folder.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the child starts");
        let (out, stdin) = (child.stdout.take(), child.stdin.take());
        let (heard, replies) = channel();
        let out = BufReader::new(out.expect("piped"));
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                // A line that its death cut off was never said.
                let Ok(reply) = serde_json::from_str(&line) else {
                    return;
                };
                if heard.send(reply).is_err() {
                    return;
                }
            }
        });
        observe(child.id(), Arc::clone(peaks));
        Self {
            executioner: Executioner(Arc::new(Mutex::new(child))),
            stdin: stdin.expect("piped"),
            replies,
            open: HashMap::from([(0, Order::Approve)]),
            last: 0,
        }
    }

    /// Waits until it is up; false when it ended before.
    pub fn is_up(&mut self) -> bool {
        matches!(self.news(COMES_UP), News::Answer(_, Answer::Up))
    }

    pub fn executioner(&self) -> Executioner {
        self.executioner.clone()
    }

    /// Whether it ended by SIGKILL, and not by an end of its own.
    pub fn was_killed(&self) -> bool {
        let mut child = self.executioner.0.lock().expect("lock");
        child.wait().expect("waited").signal() == Some(SIGKILL)
    }

    pub fn send(&mut self, order: Order, ahead_ms: i64) {
        self.last += 1;
        let request = Request {
            n: self.last,
            ahead_ms,
            order: order.clone(),
        };
        self.open.insert(self.last, order);
        let line = serde_json::to_string(&request).expect("an order");
        // It may be gone: that shows when its answers are read.
        let _ = writeln!(self.stdin, "{line}").and_then(|()| self.stdin.flush());
    }

    /// Orders without an answer.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// The next thing that happens within a time.
    pub fn news(&mut self, within: Duration) -> News {
        match self.replies.recv_timeout(within) {
            Ok(Reply { n, answer }) => match self.open.remove(&n) {
                Some(order) => News::Answer(order, answer),
                None => panic!("an answer to nothing that was asked: {answer:?}"),
            },
            Err(RecvTimeoutError::Timeout) => News::Silence,
            Err(RecvTimeoutError::Disconnected) => News::Over,
        }
    }

    /// Asks for one thing and waits for its answer alone.
    pub fn ask(&mut self, order: Order, ahead_ms: i64, within: Duration) -> Result<Answer, String> {
        let name = format!("{order:?}");
        self.send(order, ahead_ms);
        let end = Instant::now() + within;
        loop {
            match self.news(end.saturating_duration_since(Instant::now())) {
                News::Answer(_, answer) if self.open.is_empty() => return Ok(answer),
                News::Answer(..) => {}
                News::Silence => return Err(format!("{name}: no answer within {within:?}")),
                News::Over => return Err(format!("{name}: the service ended by itself")),
            }
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.executioner.kill();
    }
}

/// Looks at what a process uses for as long as it is there.
fn observe(pid: u32, peaks: Arc<Peaks>) {
    std::thread::spawn(move || {
        let folder = format!("/proc/{pid}");
        loop {
            let Ok(status) = std::fs::read_to_string(format!("{folder}/status")) else {
                return;
            };
            let of = |name: &str| {
                let line = status.lines().find_map(|line| line.strip_prefix(name))?;
                line.split_whitespace().next()?.parse::<u64>().ok()
            };
            // One that is dead and not yet waited for has no memory any more.
            let Some(memory) = of("VmHWM:") else { return };
            peaks.memory.fetch_max(memory, Ordering::SeqCst);
            if let Ok(files) = std::fs::read_dir(format!("{folder}/fd")) {
                let files = u64::try_from(files.count()).unwrap_or(u64::MAX);
                peaks.files.fetch_max(files, Ordering::SeqCst);
            }
            peaks.looks.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(LOOK_EVERY);
        }
    });
}
