//! The writer's thread over a store in memory.

use std::thread;

use super::*;
use crate::{
    domain::{App, NotifyUrl, Protocol, SigningKey, app::LiveKey},
    store::{MemoryEngine, ROW_BYTES_MAX, Store},
};

fn app(name: &str) -> App {
    App {
        id: name.parse().unwrap(),
        protocol: Protocol::StandardWebhooks,
        notify_url: NotifyUrl::checked("https://merchant.example/hook".to_owned()).unwrap(),
        notify_hosts: vec!["merchant.example".to_owned()],
        keys: vec![LiveKey { key: SigningKey::new(vec![7; 32]).unwrap(), until: None }],
        created: Millis(1),
    }
}

#[tokio::test]
async fn a_row_that_does_not_fit_refuses_its_command_and_nothing_else() {
    let store = Store::in_memory(&MemoryEngine::default(), |_| ()).unwrap();
    let core = Loading::of([]).finish(store).unwrap();
    let reader = core.store().reader();
    let (handle, commands) = WriterHandle::new();
    let writer = Writer::new(core, &handle, commands);
    let thread = thread::spawn(move || writer.run());

    let mut large = app("bank");
    large.notify_hosts = vec!["h".repeat(ROW_BYTES_MAX)];
    let refused = handle.create_app(large.clone()).await.unwrap_err();
    assert!(matches!(&refused, Refusal::Invalid(why) if why.contains("at most 4096 fit")), "{refused:?}");
    assert_eq!(reader.app(&large.id).unwrap(), None);

    let shop = handle.create_app(app("shop")).await.unwrap();
    assert_eq!(reader.app(&shop.id).unwrap(), Some(shop), "the writer goes on, and its store is well");
    drop(handle);
    thread.join().unwrap().unwrap();
}
