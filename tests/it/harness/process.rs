//! The built binary as a process of its own: killed, stopped, refused.

use std::{
    fs::File,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use super::{World, gateway::Gateway, wait_until};

/// Longest wait for a process to end.
const END: Duration = Duration::from_secs(20);

/// A running daemon. Dropping it kills it.
#[derive(Debug)]
pub struct Binary(Child);

fn command(config: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_depositd"));
    command.args(["run", "--config"]).arg(config).env_remove("JOURNAL_STREAM").stdin(Stdio::null());
    // A test that wants to hear what the service manager is told listens there; for the others nobody does.
    command.env("NOTIFY_SOCKET", config.with_file_name("notify"));
    command
}

impl Binary {
    /// Starts it on the world's configuration; its log goes into the world's directory.
    pub fn spawn(world: &World) -> Self {
        let config = world.configure();
        let log = File::options().create(true).append(true).open(world.dir.path().join("log")).expect("a log file");
        let child = command(&config).stdout(Stdio::null()).stderr(log).spawn().expect("the binary starts");
        Self(child)
    }

    /// Starts it and waits until it answers.
    pub async fn start(world: &World) -> (Self, Gateway) {
        let mut binary = Self::spawn(world);
        let target = format!("unix:{}", world.socket().display());
        let mut gateway = None;
        wait_until("the daemon to answer", async || {
            if let Ok(Some(status)) = binary.0.try_wait() {
                let log = std::fs::read_to_string(world.dir.path().join("log")).unwrap_or_default();
                panic!("the daemon ended with {status}:\n{log}");
            }
            gateway = depositd::api::connect(&target).await.ok().map(Gateway::over);
            gateway.is_some()
        })
        .await;
        (binary, gateway.expect("connected"))
    }

    /// `kill -9`: nothing is finished, nothing is said.
    pub fn kill(mut self) {
        self.0.kill().expect("the process is there");
        self.0.wait().expect("the process ends");
    }

    /// SIGHUP: the configuration is to be read again.
    pub fn hangup(&self) {
        let sent = Command::new("kill").args(["-HUP", &self.0.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// SIGTERM, and the exit status of the ordered stop.
    pub fn terminate(mut self) -> ExitStatus {
        let sent = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
        ended(&mut self.0)
    }
}

impl Drop for Binary {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn ended(child: &mut Child) -> ExitStatus {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("the process can be asked") {
            return status;
        }
        assert!(begun.elapsed() < END, "the process does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Runs the daemon where it must refuse to start: its exit code, and everything it said.
pub fn refusal(world: &World) -> (i32, String) {
    let log = world.dir.path().join("refusal");
    let file = File::create(&log).expect("a log file");
    let out = file.try_clone().expect("a second handle");
    // Killed if it does not refuse after all.
    let mut binary = Binary(command(&world.configure()).stdout(out).stderr(file).spawn().expect("the binary starts"));
    let status = ended(&mut binary.0);
    let text = std::fs::read_to_string(&log).expect("what it said");
    assert!(!text.contains("panicked"), "{text}");
    (status.code().expect("it ended by itself"), text)
}

/// One of the pages: status and body.
pub fn page(pages: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(pages).expect("the pages are served");
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").expect("the request is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer in text");
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    (status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}
