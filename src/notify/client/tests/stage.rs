//! Receivers that misbehave, a trap nobody may touch, and names that lead where a test wants.

use std::{
    fmt, io,
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use futures::future::{BoxFuture, pending, ready};

use super::BODY;
use crate::notify::LookUp;

/// How long a receiver that holds a connection holds it: beyond every deadline of these tests.
const HOLD: Duration = Duration::from_secs(5);

/// What a receiver does with each connection.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Reads the request, says this, closes in order.
    Says(Vec<u8>),
    /// Reads the request, says this and holds the line.
    Holds(Vec<u8>),
    /// Reads the request, says the first, then the second again and again, slowly.
    Drips(Vec<u8>, &'static [u8]),
    /// The same as fast as it goes.
    Floods(Vec<u8>, &'static [u8]),
    /// Says this, and resets the connection: what was sent to it is unread.
    Resets(Vec<u8>),
    /// Says this at once, before any request, and closes.
    Greets(&'static [u8]),
    /// Reads and writes nothing.
    Hangs,
}

/// A receiver on loopback; a thread for each connection.
pub(super) fn receiver(act: Act) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, act) = (stream.unwrap(), act.clone());
            thread::spawn(move || play(stream, act));
        }
    });
    address
}

fn play(mut stream: TcpStream, act: Act) {
    let _ = stream.set_write_timeout(Some(HOLD));
    match act {
        Act::Says(bytes) => {
            request(&mut stream);
            let _ = stream.write_all(&bytes);
            close(stream);
        }
        Act::Holds(bytes) => {
            request(&mut stream);
            let _ = stream.write_all(&bytes);
            thread::sleep(HOLD);
        }
        Act::Drips(head, piece) => {
            request(&mut stream);
            let _ = stream.write_all(&head);
            while stream.write_all(piece).is_ok() {
                thread::sleep(Duration::from_millis(25));
            }
        }
        Act::Floods(head, piece) => {
            request(&mut stream);
            let many = piece.repeat(4096 / piece.len() + 1);
            let _ = stream.write_all(&head);
            while stream.write_all(&many).is_ok() {}
        }
        Act::Resets(bytes) => {
            let mut one = [0];
            let _ = stream.read(&mut one);
            let _ = stream.write_all(&bytes);
            // Time for the answer to be read before the reset throws it away.
            thread::sleep(Duration::from_millis(50));
        }
        Act::Greets(bytes) => {
            let _ = stream.write_all(bytes);
            close(stream);
        }
        Act::Hangs => thread::sleep(HOLD),
    }
}

/// Reads up to the end of the notification's body.
pub(super) fn request(stream: &mut impl Read) -> Vec<u8> {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(BODY) && matches!(stream.read(&mut byte), Ok(1)) {
        request.extend(byte);
    }
    request
}

/// Ends the sending side and reads what still comes, so that no reset overtakes the answer.
fn close(mut stream: TcpStream) {
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let _ = stream.set_read_timeout(Some(HOLD));
    let _ = io::copy(&mut stream, &mut io::sink());
}

/// Listens on every address of this host that can be had, on one port, and counts who comes.
pub(super) struct Trap {
    pub(super) port: u16,
    pub(super) addresses: Vec<IpAddr>,
    visits: Arc<AtomicUsize>,
}

impl Trap {
    /// Set on 127.0.0.1, ::1 and this host's own addresses; 127.0.0.2 on the same port stays free.
    pub(super) fn set() -> Self {
        loop {
            let first = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = first.local_addr().unwrap().port();
            let others = ["::1".parse().unwrap()].into_iter().chain(own_addresses());
            let bound: Option<Vec<TcpListener>> =
                others.map(|address| TcpListener::bind((address, port)).ok()).collect();
            let free = TcpListener::bind(("127.0.0.2", port)).is_ok();
            if let (Some(bound), true) = (bound, free) {
                return Self::watch(port, bound.into_iter().chain([first]).collect());
            }
        }
    }

    fn watch(port: u16, listeners: Vec<TcpListener>) -> Self {
        let visits = Arc::new(AtomicUsize::new(0));
        let addresses = listeners.iter().map(|listener| listener.local_addr().unwrap().ip()).collect();
        for listener in listeners {
            let visits = Arc::clone(&visits);
            thread::spawn(move || {
                for stream in listener.incoming() {
                    visits.fetch_add(1, Ordering::SeqCst);
                    let _ = stream.unwrap().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
                }
            });
        }
        Self { port, addresses, visits }
    }

    /// Connections so far. Proves first that the trap is awake: one visit is made on each address and not counted.
    pub(super) fn visits(&self) -> usize {
        let before = self.visits.load(Ordering::SeqCst);
        for (n, address) in self.addresses.iter().enumerate() {
            TcpStream::connect((*address, self.port)).unwrap();
            while self.visits.load(Ordering::SeqCst) <= before + n {
                thread::sleep(Duration::from_millis(1));
            }
        }
        self.visits.fetch_sub(self.addresses.len(), Ordering::SeqCst) - self.addresses.len()
    }
}

/// The addresses this host would send from, without loopback.
pub(super) fn own_addresses() -> Vec<IpAddr> {
    let own = |any: &str, there: &str| {
        let socket = UdpSocket::bind((any, 0)).ok()?;
        socket.connect((there, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
    };
    [own("0.0.0.0", "203.0.113.7"), own("::", "2600::1")].into_iter().flatten().collect()
}

/// What a look-up comes to.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    Is(Vec<IpAddr>),
    Fails,
    Never,
}

/// The addresses of a reply.
pub(super) fn is(texts: &[&str]) -> Reply {
    Reply::Is(texts.iter().map(|text| text.parse().unwrap()).collect())
}

type Replies = dyn Fn(&str, usize) -> Reply + Send + Sync;

/// A test's own resolver: the name and how many look-ups came before decide.
pub(super) struct Names {
    replies: Box<Replies>,
    asked: AtomicUsize,
}

impl Names {
    pub(super) fn new(replies: impl Fn(&str, usize) -> Reply + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { replies: Box::new(replies), asked: AtomicUsize::new(0) })
    }

    /// Look-ups so far.
    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Names")
    }
}

impl LookUp for Names {
    fn look_up(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        match (self.replies)(&name, self.asked.fetch_add(1, Ordering::SeqCst)) {
            Reply::Is(addresses) => Box::pin(ready(Ok(addresses))),
            Reply::Fails => Box::pin(ready(Err(io::Error::other("SERVFAIL")))),
            Reply::Never => Box::pin(pending()),
        }
    }
}
