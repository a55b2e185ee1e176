//! Wrong files by table, with the place and key each error must name.

use super::*;

/// Key of the line that is replaced, what stands there instead, the one error.
const WRONG_LINES: &[(&str, &str, &str)] = &[
    ("family", "family = \"evn\"", "f.toml:2:10: networks.main.family: must be \"evm\" or \"tron\""),
    ("family", "family = 1", "f.toml:2:10: networks.main.family: must be text in quotes"),
    ("family", "", "f.toml:1:1: networks.main.family: must be set"),
    ("chain_id", "chain_id = 0", "f.toml:3:12: networks.main.chain_id: must be a whole number of at least 1"),
    ("chain_id", "chain_id = -1", "f.toml:3:12: networks.main.chain_id: must be a whole number of at least 1"),
    ("chain_id", "chain_id = 1.0", "f.toml:3:12: networks.main.chain_id: must be a whole number of at least 1"),
    ("chain_id", "chain_id = \"1\"", "f.toml:3:12: networks.main.chain_id: must be a whole number of at least 1"),
    ("genesis", "genesis = \"0xd4\"", "f.toml:4:11: networks.main.genesis: a hash is 64 hex digits"),
    ("genesis", "genesis = \"Any\"", "f.toml:4:11: networks.main.genesis: a hash is 64 hex digits"),
    (
        "confirmations",
        "confirmations = 0",
        "f.toml:5:17: networks.main.confirmations: must be a whole number from 1 to 2048",
    ),
    (
        "confirmations",
        "confirmations = \"final\"",
        "f.toml:5:17: networks.main.confirmations: must be a whole number from 1 to 2048, or \"finalized\"",
    ),
    (
        "confirmations",
        "confirmations = 129",
        "f.toml:5:17: networks.main.confirmations: must be at most half of window_blocks (256): a reorg that deep could not be taken back",
    ),
    (
        "confirmations",
        "confirmations = 12\nwindow_blocks = 20",
        "f.toml:5:17: networks.main.confirmations: must be at most half of window_blocks (20): a reorg that deep could not be taken back",
    ),
    (
        "confirmations",
        "confirmations = 12\nwindow_blocks = 5000",
        "f.toml:6:17: networks.main.window_blocks: must be a whole number from 2 to 4096",
    ),
    (
        "confirmations",
        "confirmations = 12\nbloom = \"yes\"",
        "f.toml:6:9: networks.main.bloom: must be \"strict\" or \"advisory\" or \"off\"",
    ),
    (
        "confirmations",
        "confirmations = 12\nstart = \"now\"",
        "f.toml:6:9: networks.main.start: must be \"head\" or a block's height",
    ),
    (
        "confirmations",
        "confirmations = 12\nagree = true",
        "f.toml:6:9: networks.main.agree: needs at least two endpoints",
    ),
    (
        "confirmations",
        "confirmations = 12\nsecond_source = 1",
        "f.toml:6:17: networks.main.second_source: must be true or false",
    ),
    (
        "confirmations",
        "confirmations = 12\nmode = \"solid\"",
        "f.toml:6:8: networks.main.mode: belongs to networks of the family \"tron\"; this one is \"evm\"",
    ),
    (
        "confirmations",
        "confirmations = 12\nhead_stall_after_s = 86401",
        "f.toml:6:22: networks.main.head_stall_after_s: must be a whole number from 0 to 86400",
    ),
    (
        "confirmations",
        "confirmations = 12\nfinality_stall_after_s = 3",
        "f.toml:6:26: networks.main.finality_stall_after_s: must be above poll_interval_ms (3000): between two looks nothing is seen",
    ),
    ("confirmations", "", "f.toml:1:1: networks.main.confirmations: must be set"),
    ("confirmations", "confirmations = 12\nnonsense = true", "f.toml:6:1: networks.main.nonsense: unknown key"),
    (
        "symbol",
        "symbol = \"US DT\"",
        "f.toml:8:10: networks.main.tokens[0].symbol: must be 1 to 16 characters of A-Z, a-z, 0-9, '.', '_' and '-'",
    ),
    ("symbol", "symbol = \"\"", "f.toml:8:10: networks.main.tokens[0].symbol: must not be empty"),
    (
        "contract",
        "contract = \"0xDAC17F958D2ee523a2206206994597C13D831ec7\"",
        "f.toml:9:12: networks.main.tokens[0].contract: the address checksum does not hold: a character is wrong",
    ),
    (
        "contract",
        "contract = \"TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t\"",
        "f.toml:9:12: networks.main.tokens[0].contract: not an EVM address: this looks like a TRON address; expected \
         0x and 40 hex digits",
    ),
    (
        "decimals",
        "decimals = 78",
        "f.toml:10:12: networks.main.tokens[0].decimals: must be a whole number from 0 to 77",
    ),
    ("minimum", "minimum = 0.5", "f.toml:11:11: networks.main.tokens[0].minimum: must be text in quotes"),
    (
        "minimum",
        "minimum = \"0.0000001\"",
        "f.toml:11:11: networks.main.tokens[0].minimum: the amount has more decimals than the token (6)",
    ),
    (
        "name",
        "name = \"Own Node\"",
        "f.toml:14:8: networks.main.endpoints[0].name: must be 1 to 64 characters of a-z, 0-9, '-', '_' and '.'",
    ),
    (
        "url",
        "url = \"ftp://node.example\"",
        "f.toml:15:7: networks.main.endpoints[0].url: must begin with https:// or http://",
    ),
    (
        "url",
        "url = \"https://me:pw@node.example\"",
        "f.toml:15:7: networks.main.endpoints[0].url: must not carry a user name or password: put the key into a file and name it in `key_file`",
    ),
    (
        "url",
        "url = \"https://node.example/{key}\"",
        "f.toml:15:7: networks.main.endpoints[0].url: has a place for {key}, but no `key_file` says what to put there",
    ),
    (
        "url",
        "url = \"https://node.example\"\nkey_file = \"k\"",
        "f.toml:16:12: networks.main.endpoints[0].key_file: is of no use: the URL has no {key} in it",
    ),
    (
        "url",
        "url = \"https://node.example/{key}\"\nkey_file = \"a/b\"",
        "f.toml:16:12: networks.main.endpoints[0].key_file: \"a/b\" is neither an absolute path nor a bare file name",
    ),
    (
        "url",
        "url = \"https://node.example/{key}\"\nkey_file = \"k\"",
        "f.toml:16:12: networks.main.endpoints[0].key_file: \"k\" is a bare name, but $CREDENTIALS_DIRECTORY is not set: use LoadCredential= or an absolute path",
    ),
    (
        "url",
        "url = \"https://node.example\"\napi_key = \"k\"",
        "f.toml:16:1: networks.main.endpoints[0].api_key: a secret is never written into the configuration",
    ),
    (
        "url",
        "url = \"https://node.example\"\nconnections = 4",
        "f.toml:16:15: networks.main.endpoints[0].connections: belongs to networks of the family \"tron\"; this one is \"evm\"",
    ),
    (
        "url",
        "url = \"https://node.example\"\ntimeout_ms = 1",
        "f.toml:16:14: networks.main.endpoints[0].timeout_ms: must be a whole number from 100 to 120000",
    ),
    (
        "url",
        "url = \"https://node.example\"\nrequests_per_second = 0",
        "f.toml:16:23: networks.main.endpoints[0].requests_per_second: must be a whole number from 1 to 10000",
    ),
];

/// What is appended, and the one error. The good file has 15 lines, so the section begins at line 16.
const WRONG_SECTIONS: &[(&str, &str)] = &[
    ("[stoer]\ndir = \"/x\"", "f.toml:16:2: stoer: unknown key"),
    ("[store]\ndir = \"store\"", "f.toml:17:7: store.dir: must be an absolute path"),
    (
        "[store]\ndir = \"/d\"\nwitness = \"/d/w\"",
        "f.toml:18:11: store.witness: must lie outside `dir`: a lost directory would take its witness with it",
    ),
    ("[store]\ncache_mb = 8", "f.toml:17:12: store.cache_mb: must be a whole number from 16 to 65536"),
    ("[api]\ntcp = \"0.0.0.0:7701\"", "f.toml:17:7: api.tcp: must be a loopback address: this listener has no TLS"),
    (
        "[api]\ntcp = \"localhost\"",
        "f.toml:17:7: api.tcp: must be an address and a port, for example \"127.0.0.1:9090\"",
    ),
    (
        "[api]\ntcp = \"127.0.0.1:7701\"",
        "f.toml:17:7: api.tcp: needs at least one [[api.tokens]]: every user of this host can reach it",
    ),
    ("[api]\ntoken = \"abc\"", "f.toml:17:1: api.token: a secret is never written into the configuration"),
    ("[notify]\ndeadline_ms = 60000", "f.toml:17:15: notify.deadline_ms: must be a whole number from 1000 to 30000"),
    (
        "[notify]\nconnect_ms = 16000",
        "f.toml:17:14: notify.connect_ms: must not be above deadline_ms, which it is part of",
    ),
    ("[egress]\nports = []", "f.toml:17:9: egress.ports: must list at least one port from 1 to 65535"),
    ("[egress]\nports = 443", "f.toml:17:9: egress.ports: must be a list in brackets"),
    (
        "[egress]\nallow = [\"10.0.0.1/8\"]",
        "f.toml:17:9: egress.allow: \"10.0.0.1/8\": bits are set behind the prefix; the block would be 10.0.0.0/8",
    ),
    (
        "[egress]\ndeny = [\"10.0.0\"]",
        "f.toml:17:8: egress.deny: \"10.0.0\": an address block is written as 192.0.2.0/24, 2001:db8::/32 or one address",
    ),
    (
        "[http]\npages = \"192.168.1.1:80\"",
        "f.toml:17:9: http.pages: must be a loopback address: this listener has no TLS",
    ),
    ("[log]\nformat = \"xml\"", "f.toml:17:10: log.format: must be \"auto\" or \"text\" or \"json\" or \"journal\""),
    (
        "[log]\nfilter = \"info,a=b=c\"",
        "f.toml:17:10: log.filter: error parsing level filter: expected one of \"off\", \"error\", \"warn\", \"info\", \"debug\", \"trace\", or a number 0-5",
    ),
    ("[stop]\ngrace_ms = 1", "f.toml:17:12: stop.grace_ms: must be a whole number from 100 to 300000"),
    ("[stop]\ngrace_ms = 1000\ngrace_ms = 2000", "f.toml:18:1: not TOML: duplicate key"),
    ("[stop\n", "f.toml:16:6: not TOML: unclosed table, expected `]`"),
];

#[test]
fn a_wrong_line_is_named_with_its_place_and_key() {
    for (key, line, expected) in WRONG_LINES {
        assert_eq!(with_line(key, line), [*expected], "{line}");
    }
}

#[test]
fn a_wrong_section_is_named_with_its_place_and_key() {
    let hash = "ab".repeat(32);
    let token = |name: &str, hash: &str| {
        format!("[[api.tokens]]\nname = \"{name}\"\nsha256 = \"{hash}\"\nscopes = [\"read\"]\n")
    };
    let twice = token("a", &hash) + &token("a", &"cd".repeat(32));
    let same_hash = token("a", &hash) + &token("b", &hash);
    let no_scope = format!("[[api.tokens]]\nname = \"a\"\nsha256 = \"{hash}\"\nscopes = [\"root\"]\n");
    let rows = [
        (twice, "f.toml:21:8: api.tokens[1].name: another token has this name"),
        (same_hash, "f.toml:22:10: api.tokens[1].sha256: another token has this hash"),
        (no_scope, "f.toml:19:10: api.tokens[0].scopes: \"root\" is not one of: orders, read, admin"),
    ];
    let fixed = WRONG_SECTIONS.iter().map(|(section, expected)| ((*section).to_owned(), *expected));
    for (section, expected) in fixed.chain(rows) {
        assert_eq!(summaries(load_text(&format!("{GOOD}{section}"), &[])), [expected], "{section}");
    }
    assert_eq!(
        summaries(load_text("stop = 3\n[store]\n", &[]))[0],
        "f.toml: networks: at least one network must be configured"
    );
}
