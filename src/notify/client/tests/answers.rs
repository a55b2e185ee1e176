//! Hostile answers over plain loopback: bytes and behaviour, and what each must come to.

use super::{
    stage::{Act, Trap, receiver},
    *,
};

/// What is expected.
#[derive(Clone, Copy, Debug)]
enum Want {
    /// A 2xx whose status line and headers are whole: a status protocol takes it, whatever the body does.
    Taken,
    Refused,
    /// Refused, with a pause of at least a minute.
    Slow,
    /// Refused, with the receiver's wish within these seconds.
    Wish(u64, u64),
    Gone,
    Broken,
    TimedOut,
}

type Variant = (&'static str, Act, Want);

fn says(name: &'static str, bytes: impl AsRef<[u8]>, want: Want) -> Variant {
    (name, Act::Says(bytes.as_ref().to_vec()), want)
}

/// A whole answer of this status with these header lines and no body.
fn status(line: &'static str, headers: &str, want: Want) -> Variant {
    (line, Act::Says(format!("HTTP/1.1 {line}\r\n{headers}content-length: 0\r\n\r\n").into_bytes()), want)
}

fn statuses() -> Vec<Variant> {
    use Want::{Broken, Gone, Refused, Slow, Taken};
    let mut all: Vec<Variant> = [
        ("201 Created", Taken),
        ("202 Accepted", Taken),
        ("206 Partial Content", Taken),
        ("299 Odd", Taken),
        ("300 Choices", Refused),
        ("304 Not Modified", Refused),
        ("305 Use Proxy", Refused),
        ("399 Odd", Refused),
        ("400 Bad", Refused),
        ("401 Who", Refused),
        ("403 No", Refused),
        ("404 Where", Refused),
        ("405 Not so", Refused),
        ("407 Proxy", Refused),
        ("408 Late", Refused),
        ("409 Twice", Refused),
        ("410 Gone", Gone),
        ("413 Large", Refused),
        ("418 Teapot", Refused),
        ("425 Early", Refused),
        ("431 Headers", Refused),
        ("451 Law", Refused),
        ("500 E", Refused),
        ("501 E", Refused),
        ("502 E", Slow),
        ("504 E", Slow),
        ("505 E", Refused),
        ("599 E", Refused),
        ("600 Odd", Refused),
        ("999 Odd", Refused),
        ("099 Odd", Broken),
        ("000 Odd", Broken),
        ("1000 Odd", Broken),
        ("20 OK", Broken),
        ("2OO OK", Broken),
        ("-200 OK", Broken),
        ("+200 OK", Broken),
        ("0x200 OK", Broken),
        ("200OK", Broken),
        ("OK 200", Broken),
        ("", Broken),
    ]
    .into_iter()
    .map(|(line, want)| status(line, "", want))
    .collect();
    all.extend([
        says("204 with a body", "HTTP/1.1 204 N\r\ncontent-length: 5\r\n\r\nhello", Taken),
        says("205 with a body", "HTTP/1.1 205 R\r\n\r\nhello", Taken),
        says("101", "HTTP/1.1 101 S\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", Refused),
        says("101 and then 200", "HTTP/1.1 101 S\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", Refused),
        says("100 and no more", "HTTP/1.1 100 C\r\n\r\n", Broken),
        says("199 and no more", "HTTP/1.1 199 C\r\n\r\n", Broken),
        says("100, then 500", "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 500 E\r\ncontent-length: 0\r\n\r\n", Refused),
        says("103, then 200", "HTTP/1.1 103 H\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", Taken),
        says(
            "500 and 200 in one go",
            "HTTP/1.1 500 E\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            Refused,
        ),
    ]);
    all
}

fn wishes() -> Vec<Variant> {
    use Want::{Refused, Slow, Wish};
    let huge = u64::MAX;
    vec![
        status("429 W", "retry-after: 120\r\n", Wish(120, 120)),
        status("503 W", "Retry-After:   7  \r\n", Wish(7, 7)),
        status("429 W", "retry-after: Fri, 31 Dec 9999 23:59:59 GMT\r\n", Wish(200_000_000_000, huge)),
        status("503 W", "retry-after: Friday, 31-Dec-60 23:59:59 GMT\r\n", Wish(900_000_000, huge)),
        status("503 W", "retry-after: 99999999999999999999999\r\n", Wish(huge, huge)),
        status("429 W", "retry-after: 0\r\n", Slow),
        status("429 W", "retry-after: -5\r\n", Slow),
        status("429 W", "retry-after: 1.5\r\n", Slow),
        status("429 W", "retry-after: soon\r\n", Slow),
        status("429 W", "retry-after:\r\n", Slow),
        status("503 W", "retry-after: Sun, 06 Nov 1994 08:49:37 GMT\r\n", Slow),
        status("503 W", "retry-after: 5, 10\r\n", Slow),
        status("503 W", "retry-after: 5\r\nretry-after: 10\r\n", Slow),
        status("503 W", "retry-after: 5\r\nretry-after: 5\r\n", Slow),
        status("503 W", "retry-after: \u{ff15}\r\n", Slow),
        status("502 W", "retry-after: 5\r\n", Slow),
        status("500 W", "retry-after: 5\r\n", Refused),
        status("404 W", "retry-after: 5\r\n", Refused),
    ]
}

fn lines() -> Vec<Variant> {
    use Want::{Broken, Taken};
    let rest = "\r\ncontent-length: 0\r\n\r\n";
    let mut all: Vec<Variant> = [
        "HTTP/1.1200 OK",
        "HTTP/2 200 OK",
        "HTTP/3.0 200 OK",
        "HTTP/1.2 200 OK",
        "HTTP/11 200 OK",
        "http/1.1 200 OK",
        "HTP/1.1 200 OK",
        "ICY 200 OK",
        " HTTP/1.1 200 OK",
        "200 OK",
        "HTTP/1.1\t200 OK",
        "HTTP/1.1 200 O\0K",
        "SSH-2.0-OpenSSH_9.2p1",
        "220 mail.example ESMTP",
        "POST / HTTP/1.1",
        "success",
    ]
    .into_iter()
    .map(|line| says(line, format!("{line}{rest}"), Broken))
    .collect();
    all.extend([
        says("HTTP/0.9 page", "<html>success</html>", Broken),
        says("HTTP/0.9 word", "success", Broken),
        says("nothing", "", Broken),
        says("line ends only", "\r\n\r\n\r\n", Broken),
        says("one letter", "H", Broken),
        says("cut in the status line", "HTTP/1.1 200", Broken),
        says("cut behind the status line", "HTTP/1.1 200 OK\r\n", Broken),
        says("cut in a header", "HTTP/1.1 200 OK\r\nx: y", Broken),
        says("cut before the blank line", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n", Broken),
        says("NUL bytes", [0; 64], Broken),
        says("0xff bytes", [0xff; 64], Broken),
        says("UTF-16", b"\xff\xfeH\0T\0T\0P\0/\x001\0.\x001\0 \x002\x000\x000\0\r\0\n\0\r\0\n\0", Broken),
        says("TLS alert", b"\x15\x03\x03\x00\x02\x02\x28", Broken),
        says("HTTP/2 preface", b"\x00\x00\x00\x04\x00\x00\x00\x00\x00", Broken),
        says("old HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\n", Taken),
        says("no reason", "HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", Taken),
        says("bare line feeds", "HTTP/1.1 200 OK\ncontent-length: 0\n\n", Taken),
    ]);
    all
}

fn lengths() -> Vec<Variant> {
    use Want::{Broken, Refused, Taken};
    let with =
        |name, headers: &str, body: &str, want| says(name, format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n{body}"), want);
    let chunked = "transfer-encoding: chunked";
    vec![
        with("two lengths", "content-length: 5\r\ncontent-length: 6", "hello!", Broken),
        with("two lengths in one", "content-length: 5, 6", "hello!", Broken),
        with("the same length twice", "content-length: 5\r\ncontent-length: 5", "hello", Taken),
        with("negative length", "content-length: -1", "", Broken),
        with("signed length", "content-length: +5", "hello", Broken),
        with("hex length", "content-length: 0x5", "hello", Broken),
        with("length in words", "content-length: five", "hello", Broken),
        with("empty length", "content-length: ", "", Broken),
        with("length beyond 64 bits", "content-length: 99999999999999999999", "", Broken),
        with("length beyond what comes", "content-length: 99999", "short", Taken),
        with("bad chunk size", chunked, "zz\r\nhello\r\n0\r\n\r\n", Taken),
        with("negative chunk size", chunked, "-5\r\nhello\r\n0\r\n\r\n", Taken),
        with("chunk size beyond 64 bits", chunked, "FFFFFFFFFFFFFFFFF\r\nhello", Taken),
        with("chunk without end", chunked, "5\r\nhel", Taken),
        with("chunks without end", chunked, "5\r\nhello\r\n", Taken),
        with("chunk longer than said", chunked, "2\r\nhello\r\n0\r\n\r\n", Taken),
        with("length and chunks", "content-length: 3\r\ntransfer-encoding: chunked", "0\r\n\r\n", Taken),
        with("gzip that is none", "content-encoding: gzip\r\ncontent-length: 7", "success", Taken),
        says(
            "500 with bad chunks",
            "HTTP/1.1 500 E\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nHTTP/1.1 200 OK\r\n\r\n",
            Refused,
        ),
    ]
}

fn headers() -> Vec<Variant> {
    use Want::{Broken, Taken};
    let with = |name, header: String, want| {
        says(name, format!("HTTP/1.1 200 OK\r\n{header}\r\ncontent-length: 0\r\n\r\n"), want)
    };
    vec![
        with("15 KiB of header", format!("x: {}", "y".repeat(15 * 1024)), Taken),
        with("17 KiB of header", format!("x: {}", "y".repeat(17 * 1024)), Broken),
        with(
            "17 KiB in 60 headers",
            (0..60).map(|n| format!("x{n}: {}\r\n", "y".repeat(290))).collect::<String>() + "z: ",
            Broken,
        ),
        with("1 MiB of header", format!("x: {}", "y".repeat(1 << 20)), Broken),
        with("300 headers", (0..300).map(|n| format!("x{n}: y\r\n")).collect::<String>() + "z: ", Broken),
        with("NUL in a header", "x: a\0b".to_owned(), Broken),
        with("NUL in a name", "x\0y: a".to_owned(), Broken),
        with("folded header", "x: a\r\n b".to_owned(), Broken),
        with("blank before the colon", "x : a".to_owned(), Broken),
        with("no colon", "x".to_owned(), Broken),
        with("no name", ": a".to_owned(), Broken),
        with("carriage return inside", "x: a\rb: c".to_owned(), Broken),
        with("strange letters", "x: é\u{202e}".to_owned(), Taken),
        ("endless header", Act::Floods(b"HTTP/1.1 200 OK\r\nx: ".to_vec(), b"y"), Broken),
        ("endless headers", Act::Floods(b"HTTP/1.1 200 OK\r\n".to_vec(), b"x: y\r\n"), Broken),
        ("endless status line", Act::Floods(b"HTTP/1.1 200 ".to_vec(), b"y"), Broken),
    ]
}

fn conduct() -> Vec<Variant> {
    use Want::{Broken, Refused, Taken, TimedOut};
    let ok = |rest: &str| format!("HTTP/1.1 200 OK\r\n{rest}").into_bytes();
    let no = |rest: &str| format!("HTTP/1.1 500 E\r\n{rest}").into_bytes();
    vec![
        ("100 for ever", Act::Floods(Vec::new(), b"HTTP/1.1 100 Continue\r\n\r\n"), TimedOut),
        ("103 for ever, slowly", Act::Drips(Vec::new(), b"HTTP/1.1 103 H\r\n\r\n"), TimedOut),
        ("blank lines for ever", Act::Drips(Vec::new(), b"\r\n"), TimedOut),
        ("dripped status line", Act::Drips(b"HTTP/1.1 200 ".to_vec(), b"O"), TimedOut),
        ("dripped header", Act::Drips(ok("x: "), b"y"), TimedOut),
        ("dripped headers", Act::Drips(ok(""), b"x: y\r\n"), TimedOut),
        ("dripped body of a 200", Act::Drips(ok("content-length: 9999\r\n\r\n"), b"x"), Taken),
        ("dripped body of a 500", Act::Drips(no("content-length: 9999\r\n\r\n"), b"x"), Refused),
        ("dripped chunks of a 500", Act::Drips(no("transfer-encoding: chunked\r\n\r\n"), b"1\r\nx\r\n"), Refused),
        ("endless body of a 200", Act::Floods(ok("\r\n"), b"success"), Taken),
        ("endless body of a 500", Act::Floods(no("\r\n"), b"success"), Refused),
        ("endless chunks", Act::Floods(no("transfer-encoding: chunked\r\n\r\n"), b"7\r\nsuccess\r\n"), Refused),
        ("endless chunk extension", Act::Floods(no("transfer-encoding: chunked\r\n\r\n1;"), b"x"), Refused),
        ("endless trailers", Act::Floods(no("transfer-encoding: chunked\r\n\r\n0\r\n"), b"x: y\r\n"), Refused),
        ("no answer", Act::Holds(Vec::new()), TimedOut),
        ("held in the status line", Act::Holds(b"HTTP/1.1 200".to_vec()), TimedOut),
        ("held before the blank line", Act::Holds(ok("content-length: 0\r\n")), TimedOut),
        ("held in the body", Act::Holds(no("content-length: 5\r\n\r\nhel")), Refused),
        ("accepted and hung", Act::Hangs, TimedOut),
        ("closed at once", Act::Greets(b""), Broken),
        ("SSH speaks first", Act::Greets(b"SSH-2.0-OpenSSH_9.2p1\r\n"), Broken),
        ("reset", Act::Resets(Vec::new()), Broken),
        ("reset in the status line", Act::Resets(b"HTTP/1.1 200".to_vec()), Broken),
        ("reset in the headers", Act::Resets(ok("content-length: 0\r\n")), Broken),
        ("reset in the body", Act::Resets(no("content-length: 5\r\n\r\nhel")), Refused),
    ]
}

fn is_as_wanted(attempt: &Attempt, want: Want) -> bool {
    let plain = Outcome::Refused { retry_after_s: None, slow_down: false };
    match (want, &attempt.outcome) {
        (Want::Taken, outcome) => *outcome == Outcome::Accepted,
        (Want::Refused, outcome) => *outcome == plain,
        (Want::Slow, outcome) => *outcome == Outcome::Refused { retry_after_s: None, slow_down: true },
        (Want::Wish(least, most), Outcome::Refused { retry_after_s: Some(wish), slow_down: true }) => {
            (least..=most).contains(wish)
        }
        (Want::Gone, outcome) => *outcome == Outcome::Gone,
        (Want::Broken, outcome) => *outcome == Outcome::Unreachable(Unreached::Broken),
        (Want::TimedOut, outcome) => *outcome == Outcome::Unreachable(Unreached::TimedOut),
        (Want::Wish(..), _) => false,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_is_mistaken_and_nobody_else_waits() {
    let variants: Vec<Variant> =
        [statuses(), wishes(), lines(), lengths(), headers(), conduct()].into_iter().flatten().collect();
    assert!(variants.len() >= 140, "{} variants", variants.len());
    let settings = NotifySettings { deadline: Duration::from_millis(1500), ..settings() };
    let client = &client(&settings);
    let healthy = receiver(Act::Says(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".to_vec()));
    let post = |to: SocketAddr| async move {
        let app = app(&format!("http://{to}/hook?token=geheim"));
        client.post(&row(&app), Some(&app)).await
    };
    let mut wrong = Vec::new();
    for batch in variants.chunks(16) {
        let hostile = batch.iter().map(|(_, act, _)| receiver(act.clone())).map(post);
        let beside = async {
            let mut slowest = 0;
            for _ in 0..8 {
                let attempt = post(healthy).await;
                let is_accepted = attempt.outcome == Outcome::Accepted;
                slowest = slowest.max(if is_accepted { attempt.took_ms } else { u64::MAX });
            }
            slowest
        };
        let (attempts, slowest) = futures::join!(futures::future::join_all(hostile), beside);
        if slowest > 1000 {
            wrong.push(format!("the healthy receiver waited {slowest} ms beside {:?}", batch.first()));
        }
        for ((name, _, want), attempt) in batch.iter().zip(attempts) {
            let in_time = attempt.took_ms < 2500 && attempt.peer == Some([127, 0, 0, 1].into());
            let silent = !attempt.detail.contains("geheim") && !attempt.detail.contains("127.0.0.1");
            if !is_as_wanted(&attempt, *want) || !in_time || !silent {
                let shown: String = format!("{attempt:?}").chars().take(600).collect();
                wrong.push(format!("{name}: wanted {want:?}: {shown}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn no_redirect_leads_anywhere() {
    let trap = Trap::set();
    let client = client(&settings());
    for code in [301, 302, 303, 307, 308, 300, 201, 200] {
        for target in [
            format!("http://127.0.0.1:{}/", trap.port),
            format!("//127.0.0.1:{}/", trap.port),
            format!("http://[::1]:{}/", trap.port),
        ] {
            let answer = format!(
                "HTTP/1.1 {code} R\r\nconnection: close\r\nlocation: {target}\r\nrefresh: 0; url={target}\r\nlink: <{target}>; \
                rel=preconnect\r\ncontent-location: {target}\r\nalt-svc: h2=\"127.0.0.1:{}\"\r\ncontent-length: 0\r\n\r\n",
                trap.port
            );
            let app = app(&format!("http://{}/", receiver(Act::Says(answer.into_bytes()))));
            for _ in 0..2 {
                let attempt = client.post(&row(&app), Some(&app)).await;
                assert_eq!(attempt.outcome == Outcome::Accepted, code < 300, "{code} {target}: {}", attempt.detail);
                assert_eq!(attempt.status, Some(code));
            }
        }
    }
    assert_eq!(trap.visits(), 0);
}

/// An answer nobody asked for, on a connection that would be used again, must not become the next attempt's answer.
#[tokio::test]
async fn an_answer_sent_ahead_acknowledges_nothing() {
    let ahead = b"HTTP/1.1 500 E\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    let address = receiver(Act::Holds(ahead.to_vec()));
    let client = client(&settings());
    let app = app(&format!("http://{address}/"));
    for _ in 0..5 {
        let attempt = client.post(&row(&app), Some(&app)).await;
        assert_ne!(attempt.outcome, Outcome::Accepted, "{}", attempt.detail);
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

#[tokio::test]
async fn what_cannot_be_connected_to_is_said() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let attempt = post(closed).await;
    assert_eq!(attempt.outcome, Outcome::Unreachable(Unreached::Connect), "{}", attempt.detail);
    assert_eq!(attempt.peer, Some([127, 0, 0, 1].into()));

    // A listener whose queue is full drops what else comes: connecting takes for ever.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let full = socket.listen(1).unwrap();
    let address = full.local_addr().unwrap();
    let wait = Duration::from_millis(200);
    let _queue: Vec<_> = (0..6).filter_map(|_| TcpStream::connect_timeout(&address, wait).ok()).collect();
    let attempt = post(address).await;
    assert_eq!(attempt.outcome, Outcome::Unreachable(Unreached::TimedOut), "{}", attempt.detail);
    assert!((400..2000).contains(&attempt.took_ms), "connecting has its own part of the deadline: {}", attempt.took_ms);
}

#[tokio::test]
async fn an_excerpt_never_holds_the_key() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    for (shown, kept) in [
        (STANDARD.encode(KEY), "(not kept: the answer holds the signing key)"),
        (hex::encode(KEY), "(not kept: the answer holds the signing key)"),
        ("signature ok".to_owned(), "{\"expected\":\"signature ok\"}"),
    ] {
        let body = format!("{{\"expected\":\"{shown}\"}}");
        let answer = format!("HTTP/1.1 400 B\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let attempt = post(receiver(Act::Says(answer.into_bytes()))).await;
        assert_eq!(attempt.excerpt, kept);
    }
}
