use super::*;

fn closed() -> EgressPolicy {
    EgressPolicy::default()
}

fn development() -> EgressPolicy {
    EgressPolicy { allow_insecure_loopback: true, ..EgressPolicy::default() }
}

fn blocks(texts: &[&str]) -> Vec<Cidr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn judge(policy: &EgressPolicy, text: &str) -> Result<(), Denial> {
    policy.judge(text.parse().unwrap_or_else(|_| panic!("{text}")))
}

/// Every block of the list: first and last address inside, and the neighbours that must stay reachable (`-`: none, the
/// neighbour is special too).
const EDGES: [(&str, &str, &str, &str); 37] = [
    ("-", "0.0.0.0", "0.255.255.255", "1.0.0.0"),
    ("9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"),
    ("100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"),
    ("126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"),
    ("169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"),
    ("172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"),
    ("191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"),
    ("192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"),
    ("192.31.195.255", "192.31.196.0", "192.31.196.255", "192.31.197.0"),
    ("192.52.192.255", "192.52.193.0", "192.52.193.255", "192.52.194.0"),
    ("192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0"),
    ("192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"),
    ("192.175.47.255", "192.175.48.0", "192.175.48.255", "192.175.49.0"),
    ("198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"),
    ("198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0"),
    ("203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0"),
    ("223.255.255.255", "224.0.0.0", "239.255.255.255", "-"),
    ("-", "240.0.0.0", "255.255.255.255", "-"),
    ("168.63.129.15", "168.63.129.16", "168.63.129.16", "168.63.129.17"),
    ("-", "::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2000::"),
    ("3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "-"),
    ("2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::"),
    ("2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::"),
    ("2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::"),
    (
        "2620:4f:7fff:ffff:ffff:ffff:ffff:ffff",
        "2620:4f:8000::",
        "2620:4f:8000:ffff:ffff:ffff:ffff:ffff",
        "2620:4f:8001::",
    ),
    ("3ffd:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3ffe::", "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "-"),
    ("-", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::"),
    // Blocks outside 2000::/3, by name; their neighbours are outside too.
    ("-", "::1", "::1", "-"),
    ("-", "::ffff:0:0:0", "::ffff:0:ffff:ffff", "-"),
    ("-", "64:ff9b::", "64:ff9b::ffff:ffff", "-"),
    ("-", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "-"),
    ("-", "100::", "100::1:ffff:ffff:ffff:ffff", "-"),
    ("-", "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "-"),
    ("-", "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "-"),
    ("-", "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "-"),
    ("-", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", "-"),
    ("-", "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "-"),
];

#[test]
fn every_block_ends_where_it_ends() {
    for (below, first, last, above) in EDGES {
        for inside in [first, last] {
            assert!(judge(&closed(), inside).is_err(), "{inside} must be denied");
        }
        for outside in [below, above].into_iter().filter(|text| *text != "-") {
            assert_eq!(judge(&closed(), outside), Ok(()), "{outside} must be reachable");
        }
        if first.parse::<Ipv4Addr>().is_ok() {
            for spelling in [format!("::ffff:{first}"), format!("::ffff:{last}")] {
                assert!(judge(&closed(), &spelling).is_err(), "{spelling} must be denied");
            }
        }
    }
    assert_eq!(judge(&closed(), "::ffff:93.184.215.14"), Ok(()), "a mapped public address is that address");
}

#[test]
fn denials_have_names() {
    for (text, denial) in [
        ("127.0.0.1", Denial::Loopback),
        ("::1", Denial::Loopback),
        ("::ffff:127.8.8.8", Denial::Loopback),
        ("10.1.2.3", Denial::Private),
        ("100.64.0.1", Denial::Private),
        ("fd12::1", Denial::Private),
        ("169.254.1.1", Denial::LinkLocal),
        ("fe80::1", Denial::LinkLocal),
        ("fec0::1", Denial::LinkLocal),
        ("224.0.0.1", Denial::Multicast),
        ("255.255.255.255", Denial::Multicast),
        ("ff02::1", Denial::Multicast),
        ("::7f00:1", Denial::Reserved),
        ("::ffff:0:7f00:1", Denial::Reserved),
        ("2002:7f00:1::", Denial::Reserved),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", Denial::Reserved),
        ("64:ff9b::a00:1", Denial::Reserved),
    ] {
        assert_eq!(judge(&closed(), text), Err(denial), "{text}");
    }
}

const METADATA: [&str; 9] = [
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "192.0.0.192",
    "168.63.129.16",
    "fd00:ec2::254",
    "fd20:ce::254",
    "::ffff:169.254.169.254",
    "::ffff:a83f:8110",
];

#[test]
fn nothing_opens_metadata_addresses() {
    let open = EgressPolicy { allow: blocks(&["0.0.0.0/0", "::/0"]), nat64: true, ..development() };
    for text in METADATA.into_iter().chain(["64:ff9b::a9fe:a9fe"]) {
        assert_eq!(judge(&open, text), Err(Denial::Metadata), "{text}");
    }
    for text in ["10.0.0.1", "fe80::1", "127.0.0.1", "224.0.0.1", "3fff::1"] {
        assert_eq!(judge(&open, text), Ok(()), "{text}");
    }
}

#[test]
fn deny_outranks_allow_and_allow_outranks_the_table() {
    let policy = EgressPolicy {
        allow: blocks(&["10.1.0.0/16", "fd00:1::/32", "93.184.0.0/16"]),
        deny: blocks(&["10.1.2.0/24", "93.184.215.14", "::ffff:8.8.8.0/120", "2606:4700::/32"]),
        ..closed()
    };
    for (text, verdict) in [
        ("10.1.1.255", Ok(())),
        ("::ffff:10.1.3.0", Ok(())),
        ("10.2.0.0", Err(Denial::Private)),
        ("10.1.2.0", Err(Denial::Operator)),
        ("::ffff:10.1.2.255", Err(Denial::Operator)),
        ("fd00:1::1", Ok(())),
        ("fd00:2::1", Err(Denial::Private)),
        ("93.184.215.14", Err(Denial::Operator)),
        ("93.184.215.15", Ok(())),
        ("8.8.8.8", Err(Denial::Operator)),
        ("8.8.4.4", Ok(())),
        ("2606:4700::1", Err(Denial::Operator)),
    ] {
        assert_eq!(judge(&policy, text), verdict, "{text}");
    }
}

#[test]
fn loopback_and_nat64_open_only_what_they_name() {
    for text in ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1"] {
        assert_eq!(judge(&development(), text), Ok(()), "{text}");
    }
    for text in ["0.0.0.0", "10.0.0.1", "::", "fe80::1", "::7f00:1"] {
        assert!(judge(&development(), text).is_err(), "{text}");
    }
    let nat64 = EgressPolicy { nat64: true, ..closed() };
    assert_eq!(judge(&nat64, "64:ff9b::5db8:d70e"), Ok(()));
    assert_eq!(judge(&nat64, "64:ff9b::a00:1"), Err(Denial::Private));
    assert_eq!(judge(&nat64, "64:ff9b::7f00:1"), Err(Denial::Loopback));
    assert_eq!(judge(&nat64, "64:ff9b:1::5db8:d70e"), Err(Denial::Reserved));
}

fn check(policy: &EgressPolicy, text: &str, hosts: &[&str]) -> Result<String, UrlRefusal> {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    check_url(policy, text, &hosts).map(|url| url.as_str().to_owned())
}

#[test]
fn urls_are_returned_as_clients_read_them() {
    for (text, read) in [
        ("https://m.example/notify", "https://m.example/notify"),
        ("HTTPS://M.Example:443/a/../b?c=%20", "https://m.example/b?c=%20"),
        ("https://m.example./x", "https://m.example/x"),
        ("https://m.example", "https://m.example/"),
        ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://93.184.215.14/", "https://93.184.215.14/"),
        ("https://0x5db8d70e/", "https://93.184.215.14/"),
        ("https://[2606:2800:21f::1]/", "https://[2606:2800:21f::1]/"),
    ] {
        let hosts = ["m.example", "Bücher.example.", "93.184.215.14", "[2606:2800:21f::1]"];
        assert_eq!(check(&closed(), text, &hosts).as_deref(), Ok(read), "{text}");
    }
    assert_eq!(host_of("https://M.Example./x").as_deref(), Some("m.example"));
    assert_eq!(host_of("/x"), None);
}

#[test]
fn every_spelling_of_an_inside_address_is_that_address() {
    let spellings = [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "①②⑦.0.0.1",
        "127。0。0。1",
        "0x7F.0x0.0x0.0x1",
        "%31%32%37.0.0.1",
        "0",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "10.1",
        "0xa000001",
        "012.0.0.1",
        "167772161",
        "192.168.1",
        "0xc0a80101",
        "172.16.1",
        "169.254.169.254",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "169.16689662",
        "[::ffff:a9fe:a9fe]",
        "100.100.100.200",
        "0x64.0x64.0x64.0xc8",
        "168.63.129.16",
        "0xa83f8110",
        "255.255.255.255",
        "4294967295",
        "224.1",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "a.localhost",
        "a.localhost.",
        "localhost.localdomain",
        "ｌｏｃａｌｈｏｓｔ",
        "%6cocalhost",
    ];
    for host in spellings {
        let url = format!("https://{host}/x");
        let refusal = check(&closed(), &url, &[host]);
        assert!(matches!(refusal, Err(UrlRefusal::Address(_))), "{url}: {refusal:?}");
    }
}

#[test]
fn forms_are_refused_by_name() {
    let long = format!("https://m.example/{}", "x".repeat(255));
    for (text, word) in [
        ("http://m.example/", "scheme"),
        ("ftp://m.example/", "scheme"),
        ("ws://m.example/", "scheme"),
        ("https://u@m.example/", "userinfo"),
        ("https://u:p@m.example/", "userinfo"),
        ("https://:p@m.example/", "userinfo"),
        ("https://m.example@evil.example/", "userinfo"),
        ("https://m.example/#", "fragment"),
        ("https://m.example/#x", "fragment"),
        ("https://m.example:80/", "port"),
        ("https://m.example:8443/", "port"),
        ("https://m.example:0/", "port"),
        ("https://evil.example/", "host"),
        ("https://m.example.evil.example/", "host"),
        ("https://xm.example/", "host"),
        ("https://a.m.example/", "host"),
        ("https://evil.example\\@m.example/", "host"),
        ("https://93.184.215.14/", "literal"),
        ("https://[2606:2800:21f::1]/", "literal"),
        ("https://m.example../", "form"),
        ("https://./", "form"),
        ("https://", "form"),
        ("https:///", "form"),
        ("m.example/", "form"),
        ("/notify", "form"),
        ("", "form"),
        ("mailto:a@m.example", "form"),
        ("https://m.example/a b", "form"),
        ("https://m.example/\n", "form"),
        ("https://m.exa\tmple/", "form"),
        (" https://m.example/", "form"),
        ("https://m.example:99999/", "form"),
        ("https://256.1.1.1/", "form"),
        ("https://[::1/", "form"),
        ("https://m%00.example/", "form"),
        (long.as_str(), "too_long"),
    ] {
        assert_eq!(check(&closed(), text, &["m.example"]).map_err(|refusal| refusal.word()), Err(word), "{text}");
    }
}

#[test]
fn development_opens_http_on_loopback_alone() {
    for text in ["http://127.0.0.1:8080/x", "http://localhost:9/x", "https://[::1]:1234/", "http://127.9.9.9/"] {
        let host = host_of(text).unwrap();
        assert!(check(&development(), text, &[&host]).is_ok(), "{text}");
        assert!(check(&closed(), text, &[&host]).is_err(), "{text}");
        assert!(check(&development(), text, &["m.example"]).is_err(), "listed hosts only: {text}");
    }
    for (text, word) in
        [("http://m.example/", "scheme"), ("https://m.example:8080/", "port"), ("http://10.0.0.1/", "scheme")]
    {
        let host = host_of(text).unwrap();
        assert_eq!(check(&development(), text, &[&host]).map_err(|refusal| refusal.word()), Err(word), "{text}");
    }
}

#[test]
fn blocks_are_read_strictly() {
    for (text, shown) in [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("192.0.2.7", "192.0.2.7/32"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("::1", "::1/128"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::/0", "::/0"),
    ] {
        assert_eq!(text.parse::<Cidr>().map(|block| block.to_string()).as_deref(), Ok(shown));
    }
    for text in ["", "10.0.0.0/", "10.0.0.0/+8", "10/8", "10.0.0.0/8/8", "::/0000", "x", " 10.0.0.0/8"] {
        assert_eq!(text.parse::<Cidr>(), Err(CidrError::Form), "{text:?}");
    }
    assert_eq!("10.0.0.0/33".parse::<Cidr>(), Err(CidrError::Length(32)));
    assert_eq!("::/129".parse::<Cidr>(), Err(CidrError::Length(128)));
    assert_eq!("10.0.0.1/8".parse::<Cidr>(), Err(CidrError::HostBits("10.0.0.0/8".parse().unwrap())));
}

#[test]
fn nothing_opens_metadata_inside_a_tunnel_or_a_translator() {
    let open = EgressPolicy { allow: blocks(&["0.0.0.0/0", "::/0"]), ..development() };
    let shut = EgressPolicy { deny: blocks(&["93.184.215.14"]), ..open.clone() };
    // 169.254.169.254 is a9fe:a9fe, turned 5601:5601; 93.184.215.14 is 5db8:d70e, turned a247:28f1.
    for (metadata, denied) in [
        ("::a9fe:a9fe", "::5db8:d70e"),
        ("::ffff:a9fe:a9fe", "::ffff:5db8:d70e"),
        ("::ffff:0:a9fe:a9fe", "::ffff:0:5db8:d70e"),
        ("64:ff9b::a9fe:a9fe", "64:ff9b::5db8:d70e"),
        ("64:ff9b:1::a9fe:a9fe", "64:ff9b:1::5db8:d70e"),
        ("64:ff9b:1:a9fe:a9:fe00::", "64:ff9b:1:5db8:d7:e00::"),
        ("64:ff9b:1:a9:fe:a9fe::", "64:ff9b:1:5d:b8:d70e::"),
        ("64:ff9b:1:0:a9:fea9:fe00:0", "64:ff9b:1:0:5d:b8d7:e00:0"),
        ("2002:a9fe:a9fe::1", "2002:5db8:d70e::1"),
        ("2001:0:a9fe:a9fe::1", "2001:0:5db8:d70e::1"),
        ("2001:0:4136:e378:8000:63bf:5601:5601", "2001:0:4136:e378:8000:63bf:a247:28f1"),
    ] {
        assert_eq!(judge(&open, metadata), Err(Denial::Metadata), "{metadata}");
        assert_eq!(judge(&shut, denied), Err(Denial::Operator), "{denied}");
        assert_eq!(judge(&open, denied), Ok(()), "the operator opened all: {denied}");
        assert_eq!(judge(&closed(), denied).is_ok(), denied == "::ffff:5db8:d70e", "{denied}");
    }
}

/// Every line of operations.md §1.3, as written there.
#[test]
fn every_line_of_the_list_is_denied() {
    let lines = "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 \
        192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 \
        203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 168.63.129.16/32 ::/128 ::1/128 ::/96 ::ffff:0:0:0/96 64:ff9b::/96 \
        64:ff9b:1::/48 100::/64 100:0:0:1::/64 5f00::/16 fe80::/10 fec0::/10 ff00::/8 fc00::/7 2001::/23 2001::/32 \
        2001:2::/48 2001:3::/32 2001:10::/28 2001:20::/28 2001:30::/28 2001:db8::/32 2002::/16 2620:4f:8000::/48 \
        3ffe::/16 3fff::/20";
    let mut judged = 0;
    for line in lines.split_whitespace() {
        let (net, prefix) = line.split_once('/').unwrap();
        let prefix: u32 = prefix.parse().unwrap();
        // First, last and something between.
        let inside: Vec<IpAddr> = match net.parse().unwrap() {
            IpAddr::V4(v4) => {
                let hosts = u32::MAX.checked_shr(prefix).unwrap_or(0);
                [0, hosts / 3, hosts].map(|host| IpAddr::V4((u32::from(v4) | host).into())).to_vec()
            }
            IpAddr::V6(v6) => {
                let hosts = u128::MAX.checked_shr(prefix).unwrap_or(0);
                [0, hosts / 3, hosts].map(|host| IpAddr::V6((u128::from(v6) | host).into())).to_vec()
            }
        };
        for address in inside {
            assert!(closed().judge(address).is_err(), "{line}: {address}");
            judged += 1;
        }
    }
    assert_eq!(judged, 44 * 3);
}
