use clap::Parser;

use super::*;
use crate::{
    api::proto::v1::{News, Protocol, ProtocolOptions, V1Format, V1Scheme, V2Sign},
    cli::{Cli, Command},
};

fn parse(line: &str) -> Result<AppCommand, clap::Error> {
    Cli::try_parse_from(format!("depositd app {line}").split(' ')).map(|cli| {
        let Command::App(command) = cli.command else { panic!("not about apps: {:?}", cli.command) };
        command
    })
}

fn created(more: &str) -> CreateAppRequest {
    let line = format!("create shop --notify-url https://a.example/ --secret-file f{more}");
    let AppCommand::Create(new) = parse(&line).unwrap() else { panic!("an app is created") };
    create(*new, "whsec_x".to_owned())
}

fn updated(more: &str) -> UpdateAppRequest {
    let AppCommand::Update(changed) = parse(&format!("update shop --reason r{more}")).unwrap() else {
        panic!("an app is changed")
    };
    update(*changed)
}

#[test]
fn how_an_app_is_told_is_said_by_options() {
    let plain = created("");
    assert_eq!((plain.protocol(), plain.protocol_options, plain.news), (Protocol::Unspecified, None, None));
    let first = created(" --protocol crossingpay-v1 --v1-scheme sha1-kv-upper --v1-format json");
    let v1 = ProtocolOptions { v1_scheme: V1Scheme::Sha1KvUpper.into(), v1_format: V1Format::Json.into(), v2_sign: 0 };
    assert_eq!((first.protocol(), first.protocol_options), (Protocol::CrossingpayV1, Some(v1)));
    let second = created(" --protocol crossingpay-v2 --v2-sign b --events detected,expired");
    assert_eq!(second.protocol_options.map(|options| options.v2_sign()), Some(V2Sign::B));
    let news = News { detected: Some(true), unmatched: Some(false), expired: Some(true), cancelled: Some(false) };
    assert_eq!(second.news, Some(news));
    assert!(parse("create shop --notify-url u --secret-file f --protocol guess").is_err());
}

#[test]
fn a_change_names_something_and_leaves_the_rest() {
    for nothing in ["update shop --reason r", "update shop --grace-seconds 1"] {
        assert!(parse(nothing).is_err(), "{nothing}");
    }
    let empty = UpdateAppRequest { app_id: "shop".into(), reason: "r".into(), ..UpdateAppRequest::default() };
    assert_eq!(updated(" --grace-seconds 7"), UpdateAppRequest { grace_seconds: Some(7), ..empty.clone() });
    let moved = UpdateAppRequest { notify_url: "https://b.example/".into(), ..empty.clone() };
    assert_eq!(updated(" --notify-url https://b.example/"), moved);
    let hosts = |hosts: &[&str]| Some(NotifyHosts { hosts: hosts.iter().map(ToString::to_string).collect() });
    assert_eq!(updated(" --notify-host a --notify-host b").notify_hosts, hosts(&["a", "b"]));
    assert_eq!(updated(" --no-notify-hosts").notify_hosts, hosts(&[]));
    assert!(parse("update shop --reason r --no-notify-hosts --notify-host a").is_err());
    let silent = News { detected: Some(false), unmatched: Some(false), expired: Some(false), cancelled: Some(false) };
    assert_eq!(updated(" --events none"), UpdateAppRequest { news: Some(silent), ..empty.clone() });
    assert_eq!(updated(" --protocol udun"), UpdateAppRequest { protocol: Protocol::Udun.into(), ..empty });
}

#[test]
fn an_app_as_table_and_as_json() {
    let app = App {
        app_id: "shop".into(),
        protocol: Protocol::CrossingpayV1.into(),
        protocol_options: Some(ProtocolOptions {
            v1_scheme: V1Scheme::HmacSha256Sorted.into(),
            v1_format: V1Format::Form.into(),
            v2_sign: 0,
        }),
        news: Some(News { unmatched: Some(true), expired: Some(true), ..News::default() }),
        ..App::default()
    };
    let shown = shown(&app);
    assert_eq!(shown.rows[0][2..4], ["crossingpay_v1 hmac_sha256_sorted form", "unmatched expired"]);
    assert_eq!(shown.json["protocol"], "PROTOCOL_CROSSINGPAY_V1");
    let options =
        json!({ "v1_scheme": "V1_SCHEME_HMAC_SHA256_SORTED", "v1_format": "V1_FORMAT_FORM", "v2_sign": null });
    assert_eq!(shown.json["protocol_options"], options);
    let news = json!({ "detected": false, "unmatched": true, "expired": true, "cancelled": false });
    assert_eq!(shown.json["news"], news);
    assert_eq!(super::shown(&App::default()).rows[0][3], "none");
}
