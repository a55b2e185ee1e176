//! Receivers on loopback that keep connections open and answer 200 with nothing, on a thread of their own.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinSet,
};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Default)]
struct Book {
    /// First bytes of requests by `webhook-id`.
    seen: Mutex<BTreeMap<String, Instant>>,
    came: Notify,
    count: AtomicUsize,
    /// How long the first receiver takes for an answer, in milliseconds.
    slow_ms: AtomicU64,
}

/// As many receivers as there are ports.
pub struct Receivers {
    ports: Vec<u16>,
    book: Arc<Book>,
}

impl Receivers {
    pub fn start(count: usize) -> Self {
        let book = Arc::new(Book::default());
        let shared = Arc::clone(&book);
        let (ready, started) = mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let mut tasks = JoinSet::new();
                for number in 0..count {
                    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
                    ready.send(listener.local_addr().expect("an address").port()).expect("the benchmark waits");
                    tasks.spawn(accept(listener, number == 0, Arc::clone(&shared)));
                }
                drop(ready);
                tasks.join_all().await;
            });
        });
        Self { ports: started.iter().collect(), book }
    }

    pub fn ports(&self) -> &[u16] {
        &self.ports
    }

    /// Requests answered, or about to be.
    pub fn count(&self) -> usize {
        self.book.count.load(Ordering::SeqCst)
    }

    /// The first receiver takes so long from now on.
    pub fn slow_down(&self, pause: Duration) {
        self.book.slow_ms.store(u64::try_from(pause.as_millis()).expect("short"), Ordering::SeqCst);
    }

    pub fn forget(&self) {
        self.book.seen.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// When the first byte of the request with this id came.
    pub async fn wait_for(&self, id: &str) -> Instant {
        let begun = Instant::now();
        loop {
            let came = self.book.came.notified();
            if let Some(at) = self.book.seen.lock().unwrap_or_else(PoisonError::into_inner).get(id) {
                return *at;
            }
            assert!(begun.elapsed() < PATIENCE, "{id} does not come");
            let _ = tokio::time::timeout(Duration::from_millis(50), came).await;
        }
    }
}

async fn accept(listener: TcpListener, is_first: bool, book: Arc<Book>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        connections.spawn(serve(stream, is_first, Arc::clone(&book)));
    }
}

async fn serve(mut stream: TcpStream, is_first: bool, book: Arc<Book>) {
    let mut bytes = Vec::with_capacity(4096);
    loop {
        bytes.clear();
        let mut came = None;
        let wanted = loop {
            match stream.read_buf(&mut bytes).await {
                Ok(0) | Err(_) => return,
                Ok(_) => (),
            }
            came.get_or_insert_with(Instant::now);
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                let length = header(&bytes[..end], "content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
                break end + 4 + length;
            }
        };
        while bytes.len() < wanted {
            match stream.read_buf(&mut bytes).await {
                Ok(0) | Err(_) => return,
                Ok(_) => (),
            }
        }
        book.count.fetch_add(1, Ordering::SeqCst);
        if let (Some(id), Some(came)) = (header(&bytes, "webhook-id"), came) {
            book.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), came);
            book.came.notify_waiters();
        }
        let slow = Duration::from_millis(book.slow_ms.load(Ordering::SeqCst));
        if is_first && !slow.is_zero() {
            tokio::time::sleep(slow).await;
        }
        if stream.write_all(ANSWER).await.is_err() {
            return;
        }
    }
}

/// A header of a request whose names are written small.
fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    let head = &head[..head.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(head.len())];
    let lines = std::str::from_utf8(head).ok()?.split("\r\n");
    lines.filter_map(|line| line.split_once(": ")).find(|(first, _)| *first == name).map(|(_, value)| value)
}
