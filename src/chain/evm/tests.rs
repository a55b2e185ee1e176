#![expect(clippy::wildcard_enum_match_arm, reason = "scripts tamper with one answer and pass the rest on")]

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{honest::*, *};
use crate::{
    chain::scripted::{Node, Out, node},
    domain::{
        AppId, DepositId, DepositState, EventVersion, Family, LogOrdinal, Reason, Timestamp, TokenAmount, TxHash,
        UserMark,
    },
};

pub(super) fn settings(node: &Node) -> EvmSettings {
    EvmSettings::new("eth-test".parse().unwrap(), "a".to_owned(), node.url.clone(), vec![USDT])
}

async fn read(node: &Node, from: u64, to: u64, near: bool) -> Result<Vec<Block>, SourceError> {
    EvmSource::new(settings(node)).unwrap().blocks(Height(from), Height(to), near).await
}

fn kind<T>(result: Result<T, SourceError>) -> &'static str {
    result.map_or_else(|error| error.doubt.kind(), |_| "ok")
}

/// The kind of doubt about block 1 when logs come as `tamper` makes them of one honest log.
async fn kind_of_log(tamper: impl Fn(&mut Value)) -> &'static str {
    let mut logs = vec![log(1, 0, 1, USDT, 5)];
    let honest = Honest { blocks: vec![vec![], logs.clone()] };
    tamper(&mut logs[0]);
    let node = node(move |method, params| match method {
        "eth_getLogs" => Out::Result(json!(logs)),
        _ => honest.answer(method, params),
    })
    .await;
    kind(read(&node, 1, 1, true).await)
}

#[tokio::test]
async fn ordinals_count_every_log_of_the_token_in_its_transaction() {
    let mut four_topics = log(1, 3, 1, USDT, 5);
    four_topics["topics"].as_array_mut().unwrap().push(json!(word(9)));
    let mut dirty = log(1, 4, 1, USDT, 5);
    dirty["topics"][2] = json!(word(0xbb));
    let mut short = log(1, 5, 1, USDT, 5);
    short["data"] = json!("0x05");
    let last = log(1, 6, 1, USDT, 9);
    let logs = vec![
        last.clone(),
        log(1, 0, 1, USDT, 5),
        log(1, 1, 1, OTHER, 5),
        log(1, 2, 1, USDT, 0),
        four_topics,
        dirty,
        short,
        last,
        log(1, 7, 2, USDT, 5),
    ];
    let honest = Honest { blocks: vec![vec![], logs] };
    let node = node(move |method, params| honest.answer(method, params)).await;
    let blocks = read(&node, 1, 1, true).await.unwrap();
    let found: Vec<_> = blocks[0].transfers.iter().map(|t| (t.tx.0[0], t.ordinal.0, t.amount)).collect();
    let amount = TokenAmount::of;
    assert_eq!(found, [(1, 0, amount(5)), (1, 5, amount(9)), (2, 0, amount(5))]);
    assert_eq!(blocks[0].transfers[0].from, Address([0xaa; 20]));
    assert_eq!(blocks[0].header.time, Timestamp(100));
}

#[tokio::test]
async fn every_log_must_be_one_that_was_asked_for() {
    assert_eq!(kind_of_log(|_| ()).await, "ok");
    for (field, value) in [
        ("blockHash", json!(word(7))),
        ("blockNumber", json!("0x2")),
        ("address", json!(hex_of(&OTHER.0))),
        ("topics", json!([word(7), account_word(1), account_word(2)])),
        ("topics", json!([])),
        ("removed", json!(true)),
        ("transactionHash", json!(word(0))),
    ] {
        assert_eq!(kind_of_log(|log| log[field] = value.clone()).await, "foreign_log", "{field}");
    }
    for (field, value) in [
        ("blockHash", Value::Null),
        ("logIndex", json!("0x00")),
        ("logIndex", json!(1)),
        ("data", json!("0xzz")),
        ("address", json!("0x12")),
        ("transactionHash", json!(null)),
    ] {
        assert_eq!(kind_of_log(|log| log[field] = value.clone()).await, "malformed", "{field}");
    }
}

#[tokio::test]
async fn an_index_twice_with_other_content_is_refused() {
    let honest = Honest { blocks: vec![vec![], vec![log(1, 0, 1, USDT, 5), log(1, 0, 1, USDT, 6)]] };
    let node = node(move |method, params| honest.answer(method, params)).await;
    assert_eq!(kind(read(&node, 1, 1, true).await), "foreign_log");
}

#[tokio::test]
async fn an_empty_list_against_the_bloom_is_settled_by_receipts_or_doubted() {
    let full = Honest { blocks: vec![vec![], vec![log(1, 0, 1, USDT, 5)]] };
    for (receipts, mode, expected) in [
        (Some(true), BloomMode::Strict, "empty_against_bloom"),
        (Some(false), BloomMode::Strict, "ok"),
        (None, BloomMode::Strict, "empty_against_bloom"),
        (None, BloomMode::Advisory, "ok"),
        (Some(true), BloomMode::Advisory, "empty_against_bloom"),
        (Some(true), BloomMode::Off, "ok"),
    ] {
        let full = full.clone();
        let node = node(move |method, params| match (method, receipts) {
            ("eth_getLogs", _) => Out::Result(json!([])),
            ("eth_getBlockReceipts", None) => Out::Error(-32601, "method not found"),
            ("eth_getBlockReceipts", Some(false)) => Out::Result(json!([receipt(1, "0x1", json!([]))])),
            _ => full.answer(method, params),
        })
        .await;
        let mut settings = settings(&node);
        settings.bloom = mode;
        for near_head in [true, false] {
            let source = EvmSource::new(settings.clone()).unwrap();
            assert_eq!(kind(source.blocks(Height(1), Height(1), near_head).await), expected, "{receipts:?} {mode:?}");
        }
    }
}

#[tokio::test]
async fn receipts_of_another_block_or_too_few_settle_nothing() {
    let full = Honest { blocks: vec![vec![], vec![log(1, 0, 1, USDT, 5)]] };
    for receipts in [json!([]), json!([receipt(2, "0x1", json!([]))])] {
        let full = full.clone();
        let node = node(move |method, params| match method {
            "eth_getLogs" => Out::Result(json!([])),
            "eth_getBlockReceipts" => Out::Result(receipts.clone()),
            _ => full.answer(method, params),
        })
        .await;
        assert_eq!(kind(read(&node, 1, 1, true).await), "malformed");
    }
}

#[tokio::test]
async fn a_log_the_bloom_excludes_is_foreign() {
    let empty = Honest { blocks: vec![vec![], vec![]] };
    let node = node(move |method, params| match method {
        "eth_getLogs" => Out::Result(json!([log(1, 0, 1, USDT, 5)])),
        _ => empty.answer(method, params),
    })
    .await;
    assert_eq!(kind(read(&node, 1, 1, true).await), "foreign_log");
}

#[tokio::test]
async fn a_block_or_its_logs_that_are_not_there_are_missing() {
    let honest = Arc::new(Honest { blocks: vec![vec![], vec![]] });
    let served = Arc::clone(&honest);
    let ok = node(move |method, params| served.answer(method, params)).await;
    assert_eq!(kind(read(&ok, 2, 2, true).await), "missing");
    for message in ["unknown block", "header not found", "block range extends beyond current head block"] {
        let served = Arc::clone(&honest);
        let node = node(move |method, params| match method {
            "eth_getLogs" => Out::Error(-32000, message),
            _ => served.answer(method, params),
        })
        .await;
        assert_eq!(kind(read(&node, 0, 1, false).await), "missing", "{message}");
    }
}

#[tokio::test]
async fn ranges_split_until_the_node_can_answer_and_lose_nothing() {
    let blocks: Vec<_> =
        (0..40).map(|height| vec![log(height, 0, 1, USDT, 5), log(height, 1, 2, USDT, height)]).collect();
    let honest = Honest { blocks };
    let node = node(move |method, params| match method {
        "eth_getLogs" if params[0]["blockHash"].is_null() => match honest.logs(&params[0]) {
            Value::Array(logs) if logs.len() > 12 => Out::Error(-32005, "query returned more than 12 results"),
            logs => Out::Result(logs),
        },
        _ => honest.answer(method, params),
    })
    .await;
    let blocks = read(&node, 0, 39, false).await.unwrap();
    assert_eq!(blocks.len(), 40);
    assert_eq!(blocks.iter().map(|block| block.transfers.len()).sum::<usize>(), 79, "the zero-value one is left out");
    assert!(blocks.windows(2).all(|pair| pair[1].header.is_on(pair[0].header.at)));
}

#[tokio::test]
async fn a_list_cut_at_a_round_length_is_split() {
    let logs = |height| (0..40).map(|index| log(height, index, 1, USDT, 5)).collect::<Vec<_>>();
    let honest = Honest { blocks: (0..4).map(logs).collect() };
    let node = node(move |method, params| match (method, honest.answer(method, params)) {
        ("eth_getLogs", Out::Result(Value::Array(mut logs))) => {
            logs.truncate(100);
            Out::Result(json!(logs))
        }
        (_, honest) => honest,
    })
    .await;
    let blocks = read(&node, 0, 3, false).await.unwrap();
    assert!(blocks.iter().all(|block| block.transfers.len() == 40));
}

#[tokio::test]
async fn a_log_outside_the_range_and_broken_links_are_doubted() {
    let honest = Arc::new(Honest { blocks: vec![vec![]; 4] });
    let served = Arc::clone(&honest);
    let outside = node(move |method, params| match method {
        "eth_getLogs" => Out::Result(json!([log(3, 0, 1, USDT, 5)])),
        _ => served.answer(method, params),
    })
    .await;
    assert_eq!(kind(read(&outside, 0, 1, false).await), "foreign_log");
    let broken = node(move |method, params| match honest.answer(method, params) {
        Out::Result(mut header) if header["number"] == "0x2" => {
            header["parentHash"] = json!(word(3));
            Out::Result(header)
        }
        other => other,
    })
    .await;
    assert_eq!(kind(read(&broken, 0, 3, false).await), "broken_chain");
    let source = EvmSource::new(settings(&broken)).unwrap();
    assert_eq!(kind(source.headers(Height(0), Height(3)).await), "broken_chain");
}

#[tokio::test]
async fn endpoints_without_batches_are_asked_call_by_call() {
    let honest = Honest { blocks: vec![vec![]; 6] };
    let node = node(move |method, params| match method {
        "batch" => Out::Error(-32600, "batch requests are not allowed"),
        _ => honest.answer(method, params),
    })
    .await;
    let source = EvmSource::new(settings(&node)).unwrap();
    for _ in 0..2 {
        assert_eq!(source.headers(Height(0), Height(5)).await.unwrap().len(), 6);
    }
    assert_eq!((node.count("batch"), node.count("eth_getBlockByNumber")), (1, 12));
}

#[tokio::test]
async fn the_head_comes_with_what_is_final_if_the_node_knows() {
    let honest = Arc::new(Honest { blocks: vec![vec![]; 5] });
    let served = Arc::clone(&honest);
    let knows = node(move |method, params| served.answer(method, params)).await;
    let head = EvmSource::new(settings(&knows)).unwrap().head().await.unwrap();
    assert_eq!((head.best.height, head.finalized.map(|last| last.height)), (Height(4), Some(Height(2))));
    let served = Arc::clone(&honest);
    let ignorant = node(move |method, params| match params[0].as_str() {
        Some("finalized") => Out::Error(-32602, "invalid argument 0: hex string without 0x prefix"),
        _ => served.answer(method, params),
    })
    .await;
    let source = EvmSource::new(settings(&ignorant)).unwrap();
    for _ in 0..2 {
        assert_eq!(source.head().await.unwrap().finalized, None);
    }
    assert_eq!(ignorant.count("eth_getBlockByNumber"), 3, "the tag is asked for once");
    let above = node(move |method, params| match params[0].as_str() {
        Some("latest") => Out::Result(honest.header(1)),
        _ => honest.answer(method, params),
    })
    .await;
    assert_eq!(kind(EvmSource::new(settings(&above)).unwrap().head().await), "malformed");
}

#[tokio::test]
async fn a_header_of_another_height_is_no_answer() {
    let honest = Honest { blocks: vec![vec![]; 3] };
    let node = node(move |_, _| Out::Result(honest.header(2))).await;
    let source = EvmSource::new(settings(&node)).unwrap();
    assert_eq!(kind(source.headers(Height(1), Height(1)).await), "malformed");
}

fn deposit(ordinal: u32) -> Deposit {
    Deposit {
        by_hand: false,
        hold: None,
        id: DepositId {
            network: "eth-test".parse().unwrap(),
            tx: TxHash([1; 32]),
            token: USDT,
            ordinal: LogOrdinal(ordinal),
        },
        family: Family::Evm,
        from: Address([0xaa; 20]),
        to: Address([0xbb; 20]),
        amount: TokenAmount::of(5),
        included_at: BlockRef { height: Height(1), hash: BlockHash(block_hash(1)) },
        block_time: Timestamp(100),
        state: DepositState::Detected,
        version: EventVersion::default(),
        unmatched_told: false,
        first_seen: Height(1),
        app: "shop".parse::<AppId>().unwrap(),
        user_mark: UserMark::parse("u").unwrap(),
        order: None,
        reason: Reason::Pending,
    }
}

#[tokio::test]
async fn evidence_is_the_same_log_in_a_successful_receipt() {
    let logs = json!([log(1, 4, 1, OTHER, 5), log(1, 5, 1, USDT, 0), log(1, 6, 1, USDT, 5)]);
    for (answer, expected) in [
        (receipt(1, "0x1", logs.clone()), Ok(true)),
        (receipt(1, "0x0", json!([])), Ok(false)),
        (Value::Null, Ok(false)),
        (receipt(1, "0x1", json!([])), Ok(false)),
        (receipt(1, "0x0", logs.clone()), Err("malformed")),
        (receipt(2, "0x1", logs.clone()), Err("foreign_log")),
        (json!({"status": "0x1"}), Err("malformed")),
    ] {
        let shown = answer.to_string();
        let node = node(move |_, _| Out::Result(answer.clone())).await;
        let source = EvmSource::new(settings(&node)).unwrap();
        let found = source.evidence(&deposit(1), Threshold::Finalized).await.map_err(|error| error.doubt.kind());
        assert_eq!(
            found.map(|found| found.is_some_and(|evidence| evidence.supports(&deposit(1)))),
            expected,
            "{shown}"
        );
    }
}

#[tokio::test]
async fn identity_and_decimals_are_read_strictly() {
    let honest = Honest { blocks: vec![vec![]] };
    let good = node(move |method, params| honest.answer(method, params)).await;
    let source = EvmSource::new(settings(&good)).unwrap();
    let identity = Identity { chain_id: 1, genesis: BlockHash(block_hash(0)) };
    assert_eq!(source.identify().await.unwrap(), identity);
    assert_eq!(source.decimals(USDT).await.unwrap(), 6);
    for answer in ["0x", "0x06", &format!("0x{:064x}", 78), &format!("0x{:064x}", 262)] {
        let answer = answer.to_owned();
        let node = node(move |_, _| Out::Result(json!(answer))).await;
        assert_eq!(kind(EvmSource::new(settings(&node)).unwrap().decimals(USDT).await), "malformed");
    }
}

#[tokio::test]
async fn http_trouble_is_told_apart_and_shows_no_secret() {
    let raw = |status: u16, headers: Vec<(&'static str, String)>, body: Vec<u8>| {
        node(move |_, _| Out::Http(status, headers.clone(), body.clone()))
    };
    let throttled = raw(429, vec![("retry-after", "7".to_owned())], vec![]).await;
    let doubt = EvmSource::new(settings(&throttled)).unwrap().head().await.unwrap_err().doubt;
    assert!(matches!(doubt, Doubt::Throttled { retry_after_ms: Some(7000), .. }), "{doubt}");
    let huge = raw(200, vec![], vec![b' '; 70_000]).await;
    let mut small = settings(&huge);
    small.http.body_bytes_max = 65_536;
    assert_eq!(kind(EvmSource::new(small).unwrap().head().await), "malformed");
    let redirect = raw(302, vec![("location", "http://127.0.0.1:1/".to_owned())], vec![]).await;
    let mut settings_of_redirect = settings(&redirect);
    settings_of_redirect.has_finalized = false;
    assert_eq!(kind(EvmSource::new(settings_of_redirect).unwrap().head().await), "refused");
    let gone = settings(&raw(200, vec![], vec![]).await);
    let error = EvmSource::new(gone).unwrap().head().await.unwrap_err();
    assert_eq!(error.doubt.kind(), "transport");
    assert!(!error.to_string().contains("s3cret"), "{error}");
}

#[tokio::test]
async fn an_answer_that_hangs_is_given_up_and_paced_calls_take_their_time() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let honest = Honest { blocks: vec![vec![]; 2] };
    let paced = node(move |method, params| honest.answer(method, params)).await;
    let mut hanging = settings(&paced);
    hanging.url = format!("http://{}/", silent.local_addr().unwrap()).parse().unwrap();
    hanging.http.connect = Duration::from_millis(50);
    hanging.http.first_byte = Duration::from_millis(50);
    assert_eq!(kind(EvmSource::new(hanging).unwrap().head().await), "transport");
    let mut settings = settings(&paced);
    settings.http.requests_per_second = NonZeroU32::new(50);
    let source = EvmSource::new(settings).unwrap();
    let start = std::time::Instant::now();
    for _ in 0..10 {
        source.decimals(USDT).await.unwrap();
    }
    assert!(start.elapsed() >= Duration::from_millis(150), "ten calls at 50 a second: {:?}", start.elapsed());
}
