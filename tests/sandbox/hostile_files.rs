//! A process for files whose work has been taken over: the name of each file says
//! what it tries. `tests/sandbox.rs` starts it where Unhook would start itself.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    missing_docs,
    reason = "what a test or bench does not expect must stop it"
)]

use std::{
    error::Error,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    net::{TcpListener, TcpStream, UdpSocket},
    os::unix::net::UnixStream,
    process::{Command, exit},
    thread,
    time::Duration,
};

use rustix::process::{Resource, Rlimit, Signal, kill_current_process_group, setrlimit};
use unhook::{
    file::{FileLimits, FileReport, Given, Note, NoteKind, Rules, dissect},
    message::Untrusted,
    sandbox::{ChildOptions, child},
};

fn main() {
    let mode = std::env::args().nth(1).unwrap_or_default();
    match mode.as_str() {
        "babble" => {
            io::stdout().write_all(&[b'x'; 4_096]).ok();
        }
        // the whole work, as the program itself does it
        "honest" => {
            let served = child::run(io::stdin(), io::stdout(), &ChildOptions::default());
            exit(i32::from(served.is_err()));
        }
        _ => {
            let served = child::serve(
                io::stdin().lock(),
                io::stdout(),
                &ChildOptions::default(),
                work,
            );
            exit(i32::from(served.is_err()));
        }
    }
}

fn work(
    files: &[Given],
    passwords: &[String],
    rules: &Rules,
    limits: &FileLimits,
) -> Vec<FileReport> {
    let mut reports = dissect(files, passwords, rules, limits);
    for (file, report) in files.iter().zip(&mut reports) {
        let outcome = act(file.name.as_deref().unwrap_or_default(), report);
        report.notes.push(Note {
            kind: NoteKind::Script,
            detail: Untrusted::new(match outcome {
                Ok(()) => "done".to_owned(),
                Err(error) => format!("refused: {error}"),
            }),
        });
    }
    reports
}

/// Tries what the name asks for.
fn act(name: &str, report: &mut FileReport) -> Result<(), Box<dyn Error>> {
    match name {
        "spin" => loop {
            std::hint::spin_loop();
        },
        "sleep" => thread::sleep(Duration::from_secs(3_600)),
        "hog" => {
            let mut held = Vec::new();
            loop {
                held.push(vec![1_u8; 1 << 20]);
            }
        }
        "panic" => panic!("a parser fell"),
        "recurse" => exit(deep(1)),
        "garbage" => {
            say(b"\x05\0\0\0\0\0\0\0hello")?;
            thread::sleep(Duration::from_secs(3_600));
        }
        "endless" => {
            say(&[0xff; 64])?;
            thread::sleep(Duration::from_secs(3_600));
        }
        "liar" => report.place = "attachment:99".to_owned(),
        "size" => {
            report.size = 1;
            report.hashes.sha256 = "0".repeat(64);
            report.hashes.md5 = "<script>".to_owned();
        }
        "verbose" => {
            let text = "t".repeat(200 << 10);
            report.members = (0..300)
                .map(|number| FileReport {
                    place: format!("{}/{number}", report.place),
                    text: Some(Untrusted::new(text.clone())),
                    ..FileReport::default()
                })
                .collect();
        }
        "socket" => drop(TcpStream::connect("127.0.0.1:9")?),
        "listen" => drop(TcpListener::bind("127.0.0.1:0")?),
        "datagram" => drop(UdpSocket::bind("127.0.0.1:0")?),
        "pair" => drop(UnixStream::pair()?),
        "exec" => drop(Command::new("/bin/true").status()?),
        "thread" => drop(thread::Builder::new().spawn(|| ())?),
        "read" => drop(fs::read("/etc/hostname")?),
        "list" => drop(fs::read_dir("/")?),
        "write" => drop(File::create("/tmp/unhook-escaped")?),
        "append" => drop(OpenOptions::new().append(true).open("/dev/null")?),
        "remove" => fs::remove_file("/tmp/unhook-kept")?,
        "rename" => fs::rename("/tmp/unhook-kept", "/tmp/unhook-moved")?,
        "kill" => kill_current_process_group(Signal::URG)?,
        "limits" => setrlimit(
            Resource::Data,
            Rlimit {
                current: None,
                maximum: None,
            },
        )?,
        _ => {}
    }
    Ok(())
}

/// Calls itself until the stack is used up.
fn deep(level: i32) -> i32 {
    let held = std::hint::black_box([level; 1_024]);
    if level == i32::MAX {
        return 0;
    }
    held.iter()
        .fold(deep(level.saturating_add(1)), |a, b| a.wrapping_add(*b))
}

fn say(bytes: &[u8]) -> io::Result<()> {
    io::stdout().write_all(bytes)?;
    io::stdout().flush()
}
