use std::{fs, path::PathBuf, thread};

use tempfile::TempDir;

use super::*;
use crate::{
    config,
    domain::{Need, PolicyScope, Threshold},
    store::{MemoryEngine, Store},
    vault::Vault,
    writer::{
        Loading, Writer,
        handle::{NeedWish, PolicyChange},
    },
};

const FILE: &str = r#"[networks.main]
family = "evm"
chain_id = 1
genesis = "any"
confirmations = 12
[[networks.main.tokens]]
symbol = "USDT"
contract = "0xdAC17F958D2ee523a2206206994597C13D831ec7"
decimals = 6
[[networks.main.endpoints]]
name = "own"
url = "https://node.example/hunter2"
"#;

/// The file, a writer, and whoever asks.
struct World {
    _dir: TempDir,
    file: PathBuf,
    writer: WriterHandle,
    specs: SpecBoard,
    ask: mpsc::Sender<oneshot::Sender<Reloaded>>,
    stop: CancellationToken,
}

impl World {
    fn open() -> (Self, Reloads) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("depositd.toml");
        fs::write(&file, FILE).unwrap();
        fs::write(dir.path().join("master.key"), Vault::draw().unwrap().as_bytes()).unwrap();
        let credentials = ("CREDENTIALS_DIRECTORY".to_owned(), dir.path().display().to_string());
        let from = file.clone();
        let read: ReadAgain = Arc::new(move || config::load(Some(&from), std::iter::once(credentials.clone())));
        let config = read().unwrap_or_else(|errors| panic!("{}", errors.text()));
        let loading = Loading::of(config.networks.iter().map(|network| network.spec.clone()));
        let core = loading.finish(Store::in_memory(&MemoryEngine::new(), |_| ()).unwrap()).unwrap();
        let (writer, commands) = WriterHandle::new();
        let specs = core.specs();
        let work = Writer::new(core, &writer, commands);
        thread::spawn(move || work.run().unwrap());
        let (ask, asked) = mpsc::channel(1);
        let again = Again { asked, read };
        let reloads = Reloads { config, again, writer: writer.clone(), specs: specs.clone() };
        (Self { _dir: dir, file, writer, specs, ask, stop: CancellationToken::new() }, reloads)
    }

    async fn reload(&self, text: &str) -> Reloaded {
        fs::write(&self.file, text).unwrap();
        let (tell, told) = oneshot::channel();
        self.ask.send(tell).await.unwrap();
        told.await.unwrap()
    }

    fn base(&self) -> Need {
        self.specs.now()[&"main".parse().unwrap()].policy.base()
    }
}

fn confirmations(count: u32) -> Need {
    Need::of(Threshold::Confirmations(crate::domain::Confirmations::new(count).unwrap()))
}

#[tokio::test]
async fn all_of_it_is_taken_over_or_nothing() {
    let (world, reloads) = World::open();
    let script = async {
        let Reloaded::Done(keys, previews) = world.reload(FILE).await else { panic!("nothing is wrong") };
        assert_eq!((keys, previews.len()), (vec![], 0));
        let lower = FILE.replace("= 12", "= 5");
        let Reloaded::Done(keys, previews) = world.reload(&lower).await else { panic!("nothing is wrong") };
        assert_eq!((keys, previews.len()), (vec!["networks.main.confirmations".to_owned()], 1));
        assert_eq!(world.base(), confirmations(5));

        // What a reload could take over is not, beside what it cannot.
        let port = format!("{}[http]\npages = \"127.0.0.1:1\"\n", FILE.replace("= 12", "= 6"));
        let refused = world.reload(&port).await;
        assert_eq!(refused, Reloaded::RestartOnly(vec!["http.pages".to_owned()]));
        assert!(refused.status().contains("a restart is needed: http.pages"));
        let Reloaded::Invalid(errors) = world.reload(&FILE.replace("= 12", "= 0\nx = 1")).await else {
            panic!("two mistakes")
        };
        assert_eq!(errors.0.len(), 2);
        let refused = world.reload(&FILE.replace("hunter2", "hunter3")).await;
        assert_eq!(refused, Reloaded::RestartOnly(vec!["networks.main.endpoints[0].url".to_owned()]));
        assert!(!format!("{refused:?}{}", refused.status()).contains("hunter"));
        assert_eq!(world.base(), confirmations(5));

        // It is compared with what is in force, not with what was refused.
        let Reloaded::Done(keys, _) = world.reload(FILE).await else { panic!("nothing is wrong") };
        assert_eq!((keys, world.base()), (vec!["networks.main.confirmations".to_owned()], confirmations(12)));
        world.stop.cancel();
    };
    let (ended, ()) = tokio::join!(reloads.run(world.stop.clone()), script);
    ended.unwrap();
}

#[tokio::test]
async fn a_rule_that_was_set_while_running_goes_on_to_count_and_one_that_does_not_fit_is_refused() {
    let (world, mut reloads) = World::open();
    let act = Act { by: "uid 0".to_owned(), at: clock::now(), why: "a busy day".to_owned() };
    let change = PolicyChange {
        network: "main".parse().unwrap(),
        scope: PolicyScope::network(),
        need: Some(NeedWish { threshold: Some(confirmations(20).threshold), second_source: Some(false) }),
        dry_run: false,
        act,
        etag: None,
    };
    world.writer.change_policy(change).await.unwrap();
    fs::write(&world.file, FILE.replace("= 12", "= 15")).unwrap();
    let Reloaded::Done(_, previews) = reloads.take_over().await else { panic!("nothing is wrong") };
    assert_eq!(
        reloads.shadows(&"main".parse().unwrap(), &previews[0]),
        [
            "every token from 0: depositd.toml:5 says 15 confirmations, but 20 confirmations set by uid 0 goes on to count"
        ]
    );
    assert_eq!(world.base(), confirmations(20));
    fs::write(&world.file, FILE.replace("= 12", "= 30\nconfirmations_floor = 25")).unwrap();
    let Reloaded::Refused(Refusal::PolicyUnsound { problems, .. }) = reloads.take_over().await else {
        panic!("20 are below the floor")
    };
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(world.base(), confirmations(20));
}
