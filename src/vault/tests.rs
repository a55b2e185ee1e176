use super::*;
use crate::domain::Protocol;

const ONE: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const TWO: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

/// What follows from [`ONE`]; the last two for the key of 32 sevens, app `shop` and a nonce of 12 threes.
const EXPECTED_ID: &str = "8c1c86f4186e3f2a";
const EXPECTED_MARK_KEY: &str = "1c231120949b75db42ee5f2742a81a320b08fab63890dd4098d1bb9ce1dee405";
const EXPECTED_MARK: &str = "2b0aea863d1137b014b68ce1bf6eb187";
const EXPECTED_SEALED: &str =
    "7a9a6a11ebc923e19bd35d79e1fc869f04fb4ac968d0976a83f99217d5cf25d5c478088c3c3cb49d80f2d75b99837afb";

fn vault(current: &str, previous: &[&str]) -> Vault {
    Vault::new(current, previous.iter().copied()).unwrap()
}

fn app(name: &str) -> AppId {
    name.parse().unwrap()
}

fn key(bytes: &[u8]) -> SigningKey {
    SigningKey::kept(bytes.to_vec())
}

fn sealed(vault: &Vault, name: &str, bytes: &[u8]) -> SealedKey {
    match vault.seal(&app(name), &key(bytes)).unwrap() {
        StoredKey::Sealed(sealed) => sealed,
        StoredKey::Clear(_) => panic!("not sealed"),
    }
}

fn open(vault: &Vault, name: &str, sealed: &SealedKey) -> Result<SigningKey, VaultError> {
    vault.open(&app(name), &StoredKey::Sealed(sealed.clone()))
}

#[test]
fn what_was_sealed_is_opened_and_does_not_hold_the_key() {
    let vault = vault(ONE, &[]);
    for length in [1, 24, 32, 64, 128] {
        let bytes: Vec<u8> = (0..length).collect();
        let sealed = sealed(&vault, "shop", &bytes);
        assert_eq!(sealed.sealed.len(), bytes.len() + 16, "the key and its tag");
        assert_eq!(open(&vault, "shop", &sealed).unwrap(), key(&bytes));
        if length > 8 {
            assert!(!sealed.sealed.windows(8).any(|window| bytes.windows(8).any(|part| part == window)));
        }
    }
    let clear = StoredKey::Clear(key(b"from an older store"));
    assert_eq!(vault.open(&app("shop"), &clear).unwrap(), key(b"from an older store"));
    assert!(!vault.is_current(&clear));
}

#[test]
fn no_two_sealings_are_alike_and_marks_tell_keys_apart() {
    let (here, elsewhere) = (vault(ONE, &[]), vault(TWO, &[]));
    let (first, again) = (sealed(&here, "shop", &[7; 32]), sealed(&here, "shop", &[7; 32]));
    assert_ne!(first.nonce, again.nonce);
    assert_ne!(first.sealed, again.sealed);
    assert_eq!((first.master, first.mark), (again.master, again.mark));
    assert!(StoredKey::Sealed(first.clone()).is_same(&StoredKey::Sealed(again)));
    assert_ne!(first.mark, sealed(&here, "shop", &[8; 32]).mark);
    let other = sealed(&elsewhere, "shop", &[7; 32]);
    assert_ne!(first.master, other.master);
    assert_ne!(first.mark, other.mark, "a mark says nothing without its master key");
    assert!(!StoredKey::Sealed(first).is_same(&StoredKey::Sealed(other)));
}

#[test]
fn moved_to_another_app_it_does_not_open() {
    let vault = vault(ONE, &[]);
    let sealed = sealed(&vault, "shop", &[7; 32]);
    for other in ["shop2", "sho", "Shop", "bank"] {
        let error = open(&vault, other, &sealed).unwrap_err();
        assert_eq!(error, VaultError::Damaged { app: app(other), master: vault.name() });
    }
}

#[test]
fn with_any_byte_changed_it_does_not_open() {
    let vault = vault(ONE, &[]);
    let whole = sealed(&vault, "shop", &[7; 32]);
    let mut tried = 0;
    for bit in 0..8 {
        let damaged = |change: &mut dyn FnMut(&mut SealedKey)| {
            let mut changed = whole.clone();
            change(&mut changed);
            assert_ne!(changed, whole);
            open(&vault, "shop", &changed).expect_err("a changed byte")
        };
        for place in 0..whole.sealed.len() {
            let error = damaged(&mut |key| key.sealed[place] ^= 1 << bit);
            assert!(matches!(error, VaultError::Damaged { .. }), "{error}");
            tried += 1;
        }
        for place in 0..whole.nonce.len() {
            assert!(matches!(damaged(&mut |key| key.nonce[place] ^= 1 << bit), VaultError::Damaged { .. }));
        }
        for place in 0..whole.mark.len() {
            assert!(matches!(damaged(&mut |key| key.mark[place] ^= 1 << bit), VaultError::Damaged { .. }));
        }
        for place in 0..whole.master.len() {
            assert!(matches!(damaged(&mut |key| key.master[place] ^= 1 << bit), VaultError::OtherMaster { .. }));
        }
    }
    assert_eq!(tried, 8 * 48);
    for length in 0..whole.sealed.len() {
        let cut = SealedKey { sealed: whole.sealed[..length].to_vec(), ..whole.clone() };
        assert!(matches!(open(&vault, "shop", &cut), Err(VaultError::Damaged { .. })), "cut to {length}");
    }
}

#[test]
fn an_older_master_key_opens_and_one_that_is_gone_is_named() {
    let old = vault(ONE, &[]);
    let sealed = sealed(&old, "shop", &[7; 32]);
    let both = vault(TWO, &[ONE]);
    assert_eq!(open(&both, "shop", &sealed).unwrap(), key(&[7; 32]));
    assert!(!both.is_current(&StoredKey::Sealed(sealed.clone())) && old.is_current(&StoredKey::Sealed(sealed.clone())));
    let error = open(&vault(TWO, &[]), "shop", &sealed).unwrap_err();
    assert_eq!(error, VaultError::OtherMaster { app: app("shop"), master: old.name() });
    let text = error.to_string();
    assert!(text.contains("app shop") && text.contains(&old.name()) && text.contains("previous_master_key_files"));
}

/// Computed with Python's hmac, hashlib and cryptography: another program must be able to open a store's keys.
#[test]
fn the_derivation_is_what_it_says() {
    let master = Master::parse(ONE).unwrap();
    assert_eq!(hex::encode(master.id), EXPECTED_ID);
    assert_eq!(hex::encode(*master.mark), EXPECTED_MARK_KEY);
    let sealed = SealedKey {
        master: master.id,
        mark: hex::decode(EXPECTED_MARK).unwrap().try_into().unwrap(),
        nonce: [3; 12],
        sealed: hex::decode(EXPECTED_SEALED).unwrap(),
    };
    assert_eq!(open(&vault(ONE, &[]), "shop", &sealed).unwrap(), key(&[7; 32]));
}

#[test]
fn only_the_base64_of_32_bytes_is_a_master_key() {
    for good in [ONE.to_owned(), format!("{ONE}\n"), format!("  {ONE} \n")] {
        assert_eq!(check_form(&good), Ok(()));
    }
    let long = STANDARD.encode([1; 33]);
    for wrong in ["", "unread", "AQEB", &ONE[1..], &ONE[..43], &long, &hex::encode([1; 32]), &ONE.replace('A', "_")] {
        assert_eq!(check_form(wrong), Err(VaultError::Form), "{wrong}");
        assert!(Vault::new(wrong, []).is_err() && Vault::new(ONE, [wrong]).is_err());
    }
    let drawn = [Vault::draw().unwrap(), Vault::draw().unwrap()];
    assert!(drawn.iter().all(|text| check_form(text).is_ok()) && drawn[0] != drawn[1]);
}

#[test]
fn a_drawn_text_is_one_that_any_merchant_can_type() {
    let drawn: Vec<_> = (0..200).map(|_| draw_text().unwrap()).collect();
    let mut seen = std::collections::BTreeSet::new();
    for text in &drawn {
        assert_eq!(text.len(), TEXT_SECRET_CHARS);
        assert!(SigningKey::for_protocol(Protocol::Udun, text.as_bytes().to_vec()).is_some());
        seen.extend(text.bytes());
    }
    // 6400 draws from 62: that one is never drawn happens once in 10^43 runs.
    assert_eq!(seen, ALPHABET.iter().copied().collect());
    assert_ne!(drawn[0], drawn[1]);
}

#[test]
fn nothing_secret_is_printed() {
    let vault = vault(ONE, &[TWO]);
    let stored = vault.seal(&app("shop"), &key(b"a secret that nobody may see")).unwrap();
    let sealed = sealed(&vault, "shop", b"a secret that nobody may see");
    let errors = [
        VaultError::Form,
        VaultError::NoRandomness,
        VaultError::OtherMaster { app: app("shop"), master: vault.name() },
        VaultError::Damaged { app: app("shop"), master: vault.name() },
    ];
    let clear = StoredKey::Clear(key(b"a secret that nobody may see"));
    let mut text = format!("{vault:?} {stored:?} {sealed:?} {clear:?} {:?}", key(b"a secret that nobody may see"));
    for error in errors {
        text.push_str(&format!("{error} {error:?}"));
    }
    for shut in ["secret that", "AQEB", "AgIC", &hex::encode(&sealed.sealed[..4]), &hex::encode([1; 4])] {
        assert!(!text.contains(shut), "{shut} is in {text}");
    }
    assert!(format!("{vault:?}").contains(&vault.name()));
}
