use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::api::proto::v1::{AddressRecord, AppRecord, OrderRecord, OrderRecordLine, PaymentRecord};

fn records(addresses: u64) -> Vec<Record> {
    let app = AppRecord { app_id: "shop".into(), notify_url: "https://shop.example/é".into(), ..AppRecord::default() };
    let address = |number: u64| AddressRecord {
        network: "net".into(),
        address: format!("0x{number:040x}"),
        app_id: "shop".into(),
        standing_from: Some(number),
        created_ms: u64::MAX,
        ..AddressRecord::default()
    };
    let order = OrderRecord {
        app_id: "other".into(),
        order_id: "{\"end\":1}\u{2028}".into(),
        username: Some(String::new()),
        lines: vec![OrderRecordLine { network: "net".into(), since_time: Some(7), ..OrderRecordLine::default() }],
        payment: Some(PaymentRecord { log_ordinal: 3, ..PaymentRecord::default() }),
        ..OrderRecord::default()
    };
    let addresses = (0..addresses).map(|number| Record::Address(address(number)));
    [Record::App(app)].into_iter().chain(addresses).chain([Record::Order(order)]).collect()
}

fn write(path: &Path, records: &[Record]) -> End {
    let mut writing = Writing::begin(path, 1_763_000_000_000).unwrap();
    records.iter().for_each(|record| writing.record(record).unwrap());
    writing.finish().unwrap()
}

#[test]
fn what_was_written_is_read_in_batches_with_its_lines() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("all.jsonl");
    let written = records(2500);
    let half = Writing::begin(&path, 1).unwrap();
    assert!(!path.exists(), "it has its name only once it is whole");
    drop(half);
    let partial = dir.path().join("all.jsonl.partial");
    fs::set_permissions(&partial, fs::Permissions::from_mode(0o644)).unwrap();
    let end = write(&path, &written);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let whole = check(&path).unwrap();
    assert_eq!((&whole.end, whole.apps.len()), (&end, 1));
    assert_eq!(whole.app_ids, BTreeSet::from(["shop".to_owned(), "other".to_owned()]));

    let batches: Vec<Batch> = Batches::of(&path, &end).unwrap().collect::<Result<_, _>>().unwrap();
    assert!(
        batches.len() >= 3
            && batches.iter().all(|(numbers, records)| {
                numbers.len() == records.len() && (1..=BATCH_LEN_MAX).contains(&records.len())
            })
    );
    let numbers: Vec<u64> = batches.iter().flat_map(|(numbers, _)| numbers.clone()).collect();
    assert_eq!(numbers, (2..=2503).collect::<Vec<_>>(), "the header is line 1");
    let read: Vec<Record> = batches.into_iter().flat_map(|(_, records)| records).filter_map(|r| r.record).collect();
    assert_eq!(read, written);
}

#[test]
fn a_file_without_records_is_whole_and_has_no_batches() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("none");
    let end = write(&path, &[]);
    assert_eq!(check(&path).unwrap().end, end);
    assert_eq!(Batches::of(&path, &end).unwrap().count(), 0);
}

#[test]
fn every_byte_counts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let end = write(&path, &records(3));
    let whole = fs::read(&path).unwrap();
    for cut in 0..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        assert!(check(&path).is_err(), "cut at {cut}");
    }
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(&path, changed).unwrap();
        assert!(check(&path).is_err(), "byte {at} changed");
    }
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    for gone in 0..lines.len() {
        let rest: Vec<u8> =
            lines.iter().enumerate().filter(|(at, _)| *at != gone).flat_map(|(_, l)| l.to_vec()).collect();
        fs::write(&path, rest).unwrap();
        assert!(check(&path).is_err(), "line {gone} left out");
    }
    let swapped = [lines[0], lines[2], lines[1], &lines[3..].concat()].concat();
    for wrong in [swapped, [whole.as_slice(), b"\n"].concat(), [whole.as_slice(), lines[1]].concat(), Vec::new()] {
        fs::write(&path, wrong).unwrap();
        assert!(check(&path).is_err());
    }
    fs::write(&path, &whole).unwrap();
    assert_eq!(check(&path).unwrap().end, end);
}

#[test]
fn what_the_line_is_wrong_about_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    write(&path, &records(1));
    let text = fs::read_to_string(&path).unwrap();
    for (from, to, said) in [
        ("\"version\":2", "\"version\":3", "line 1 has version 3"),
        ("depositd registrations", "something else", "line 1 is not the first line of an export"),
        ("\"standing_from\":0", "\"standing_until\":0", "line 3 holds nothing this program knows"),
        ("\"standing_from\":0", "\"standing_from\":1", "line 5 does not fit the lines before it"),
        ("\"count\":3", "\"count\":4", "line 5 does not fit the lines before it"),
    ] {
        assert!(text.contains(from), "{from}");
        fs::write(&path, text.replace(from, to)).unwrap();
        let failure = check(&path).unwrap_err().to_string();
        assert!(failure.contains(said) && failure.ends_with("nothing was imported"), "{failure}");
    }
}

#[test]
fn a_file_that_changes_between_the_check_and_the_import_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let end = write(&path, &records(1));
    write(&path, &records(2));
    assert!(Batches::of(&path, &end).unwrap().any(|batch| batch.is_err()));
}
