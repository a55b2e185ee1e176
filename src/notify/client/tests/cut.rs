//! Bodies that do not end, under protocols that read them and such that do not.

use super::*;
use crate::domain::{V1Format, V1Scheme, V2Sign};

/// Money in the words of CrossingPay.
const MONEY: &str = r#"{"type":"deposit.confirmed","data":{"event_id":"dep_x_1","version":1,"app_id":"app1",
    "user_mark":"u","network":"tron","token":{"contract":"T","decimals":6},"tx_hash":"ab","block":{"height":7},
    "confirmations":19,"address":"T","amount":"5000000",
    "order":{"order_id":"o-1","expected_amount_decimal":"5"}}}"#;

/// A receiver that reads a request to the end of its body and plays `answer`.
fn plays(answer: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
                head.push(byte[0].to_ascii_lowercase());
            }
            let head = String::from_utf8(head).unwrap();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            stream.read_exact(&mut vec![0; length.parse().unwrap()]).unwrap();
            answer(&mut stream);
        }
    });
    address
}

fn cut_off(stream: &mut TcpStream) {
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nsuccess").unwrap();
    let _ = stream.shutdown(Shutdown::Write);
}

fn drips(stream: &mut TcpStream) {
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nsuccess");
    while stream.write_all(b" ").is_ok() {
        thread::sleep(Duration::from_millis(25));
    }
}

fn floods(stream: &mut TcpStream) {
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nsuccess");
    while stream.write_all(&[b' '; 4096]).is_ok() {}
}

fn drips_an_error(stream: &mut TcpStream) {
    let _ = stream.write_all(b"HTTP/1.1 500 E\r\ncontent-length: 99\r\n\r\nsuccess");
    while stream.write_all(b" ").is_ok() {
        thread::sleep(Duration::from_millis(25));
    }
}

fn whole(stream: &mut TcpStream) {
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nsuccess").unwrap();
}

#[tokio::test]
async fn half_a_body_acknowledges_nothing_where_the_body_is_read() {
    let refused = Outcome::Refused { retry_after_s: None, slow_down: false };
    let (late, broken) = (Outcome::Unreachable(Unreached::TimedOut), Outcome::Unreachable(Unreached::Broken));
    type Case = (fn(&mut TcpStream), &'static str, Outcome, Outcome);
    let table: [Case; 5] = [
        (whole, "", Outcome::Accepted, Outcome::Accepted),
        (cut_off, "body broken off", broken, Outcome::Accepted),
        (drips, "body not finished within the deadline", late, Outcome::Accepted),
        (floods, "body longer than 16 KiB", refused.clone(), Outcome::Accepted),
        (drips_an_error, "body not finished within the deadline", refused.clone(), refused),
    ];
    let v1 = Protocol::CrossingPayV1 { scheme: V1Scheme::HmacSha256Sorted, format: V1Format::Form };
    let v2 = Protocol::CrossingPayV2 { sign: V2Sign::A };
    for (answer, words, read, unread) in table {
        for (protocol, expected) in [(v1, &read), (v2, &read), (Protocol::StandardWebhooks, &unread)] {
            let app = App { protocol, ..app(&format!("http://{}/", plays(answer))) };
            let row = Notification { body: MONEY.as_bytes().to_vec(), ..row(&app) };
            let attempt = client(&settings()).post(&row, Some(&app)).await;
            assert_eq!(attempt.outcome, *expected, "{}: {}", protocol.word(), attempt.detail);
            assert!(attempt.detail.contains(words) && attempt.status.is_some(), "{}", attempt.detail);
            let fails = matches!(expected, Outcome::Unreachable(_));
            assert_eq!(
                crate::delivery::breaker::Sign::of(&attempt) == crate::delivery::breaker::Sign::Failed,
                fails || attempt.status == Some(500)
            );
        }
    }
}
