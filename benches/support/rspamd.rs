//! rspamd with the rules it is shipped with, one worker, cut off from the network.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Modules that ask the network; without it they would only wait.
const ASKING: [&str; 14] = [
    "rbl",
    "surbl",
    "dkim",
    "dkim_signing",
    "arc",
    "dmarc",
    "spf",
    "asn",
    "fuzzy_check",
    "mx_check",
    "url_redirector",
    "phishing",
    "p0f",
    "hfilter",
];

/// A running rspamd; ended with its folder when dropped.
pub struct Rspamd {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Rspamd {
    /// Starts it, or says why that cannot be.
    pub fn start() -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let at = folder.path();
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|socket| socket.local_addr())
            .map_err(|e| e.to_string())?
            .port();
        let write = |name: &str, text: &str| {
            let path = at.join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, text).expect("written");
        };
        write(
            "override.d/worker-normal.inc",
            &format!("bind_socket = \"127.0.0.1:{port}\"; count = 1;"),
        );
        for worker in ["controller", "proxy", "fuzzy"] {
            write(
                &format!("override.d/worker-{worker}.inc"),
                "enabled = false;",
            );
        }
        write(
            "override.d/options.inc",
            "dns { nameserver = [\"127.0.0.1:1:1\"]; timeout = 0.01s; retransmits = 1; }",
        );
        write(
            "override.d/logging.inc",
            "type = \"console\"; level = \"error\";",
        );
        for module in ASKING {
            write(&format!("override.d/{module}.conf"), "enabled = false;");
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let open = std::fs::Permissions::from_mode(0o777);
            std::fs::set_permissions(at, open).expect("opened");
        }
        let child = Command::new("rspamd")
            .args(["-f", "-i", "-c", "/etc/rspamd/rspamd.conf"])
            .arg(format!("--var=LOCAL_CONFDIR={}", at.display()))
            .arg(format!("--var=DBDIR={}", at.display()))
            .arg(format!("--var=RUNDIR={}", at.display()))
            .arg(format!("--var=LOGDIR={}", at.display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| format!("it is not installed ({e})"))?;
        let mut started = Self {
            child,
            port,
            _folder: folder,
        };
        let patience = Instant::now() + Duration::from_secs(90);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Ok(Some(status)) = started.child.try_wait() {
                return Err(format!("it ended with {status}"));
            }
            if Instant::now() > patience {
                return Err("it did not listen within 90 s".to_owned());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        // its rules are compiled behind the first messages
        for _ in 0..20 {
            started.one(b"From: a@b.example\r\nSubject: warm\r\n\r\nwarm\r\n");
        }
        Ok(started)
    }

    /// Scans all messages one after another; the fastest of two runs.
    pub fn scan(&self, mail: &[Vec<u8>]) -> Duration {
        (0..2)
            .map(|_| {
                let began = Instant::now();
                for raw in mail {
                    self.one(raw);
                }
                began.elapsed()
            })
            .min()
            .expect("two runs")
    }

    fn one(&self, raw: &[u8]) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        let head = format!(
            "POST /checkv2 HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            raw.len()
        );
        stream.write_all(head.as_bytes()).expect("sent");
        stream.write_all(raw).expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("answered");
        assert!(answer.starts_with(b"HTTP/1.1 200"), "it refused a message");
    }
}

impl Drop for Rspamd {
    fn drop(&mut self) {
        // its workers end with it
        let _ = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        let _ = self.child.wait();
    }
}
