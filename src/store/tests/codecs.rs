//! Keys and values: nothing is lost, nothing panics, order is what it should be.

use proptest::prelude::*;

use super::{arbitrary, *};
use crate::domain::{PolicyScope, TierFrom};
use crate::store::{
    codec::{self, Row},
    index::indexes_of,
    keys::Table,
    seal::Tallies,
    upgrade::Progress,
};

fn table_of(row: &Row) -> Table {
    Table::of_key(row.key().as_bytes()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn rows_come_back_as_they_went(row in arbitrary::row()) {
        let value = row.encode();
        prop_assert_eq!(Row::decode(table_of(&row), row.key().as_bytes(), &value), Ok(row));
    }

    #[test]
    fn a_changed_byte_is_an_error(row in arbitrary::row(), at in any::<prop::sample::Index>(), bit in 0..8) {
        let mut value = row.encode();
        let at = at.index(value.len());
        value[at] ^= 1_u8 << bit;
        prop_assert!(Row::decode(table_of(&row), row.key().as_bytes(), &value).is_err());
    }

    #[test]
    fn a_cut_value_is_an_error(row in arbitrary::row(), at in any::<prop::sample::Index>()) {
        let value = row.encode();
        let cut = &value[..at.index(value.len())];
        prop_assert!(Row::decode(table_of(&row), row.key().as_bytes(), cut).is_err());
    }

    /// The checksum is right, so every field has to look after itself.
    #[test]
    fn any_body_decodes_or_fails(row in arbitrary::row(), at in any::<prop::sample::Index>(), with in any::<[u8; 4]>()) {
        let value = row.encode();
        let mut body = value[1..value.len() - 4].to_vec();
        let at = at.index(body.len());
        for (byte, with) in body[at..].iter_mut().zip(with) {
            *byte = with;
        }
        let value = codec::wrap(|to| to.fixed(&body));
        if let Ok(read) = Row::decode(table_of(&row), row.key().as_bytes(), &value) {
            prop_assert_eq!(read.key(), row.key());
            prop_assert_eq!(read.encode(), value, "one value, one spelling");
        }
    }

    #[test]
    fn random_bytes_decode_or_fail(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let value = codec::wrap(|to| to.fixed(&body));
        for table in Table::ALL {
            prop_assert!(Row::decode(table, &[table.tag()], &value).is_err());
        }
        // Totality is what is tested: any answer but a panic will do.
        let _ = (Seal::decode(&value), Meta::decode(&value), Progress::decode(&value));
    }

    #[test]
    fn no_key_begins_another(one in arbitrary::row(), two in arbitrary::row()) {
        let keys = |row: &Row| -> Vec<Key> {
            indexes_of(row).into_iter().map(|(key, _)| key).chain([row.key()]).collect()
        };
        for one in keys(&one) {
            for two in keys(&two) {
                prop_assert!(one == two || !one.as_bytes().starts_with(two.as_bytes()), "{:?} {:?}", one.as_bytes(), two.as_bytes());
            }
        }
    }

    #[test]
    fn numbers_sort_as_bytes(one in any::<u64>(), two in any::<u64>()) {
        let key = |number| Key::header(&network(), Height(number)).into_bytes();
        prop_assert_eq!(one.cmp(&two), key(one).cmp(&key(two)));
    }

    #[test]
    fn names_sort_as_bytes(one in "[A-Za-z0-9_-]{1,6}", two in "[A-Za-z0-9_-]{1,6}") {
        let key = |name: &str| Key::app(&app_id(name)).into_bytes();
        prop_assert_eq!(one.cmp(&two), key(&one).cmp(&key(&two)));
    }
}

#[test]
fn a_beginning_covers_its_own_keys_only() {
    let (short, long) = (app_id("shop"), app_id("shop-2"));
    let order = OrderId::parse("1").unwrap();
    let range = Key::orders_of(&short).range();
    assert!(range.contains(&Key::order(&short, &order).into_bytes()));
    assert!(!range.contains(&Key::order(&long, &order).into_bytes()));
    for table in Table::ALL {
        let range = Key::table(table).range();
        assert!(Table::ALL.iter().all(|other| range.contains(&vec![other.tag(), 5]) == (table == *other)), "{table:?}");
        assert_eq!(Table::of_tag(table.tag()), Some(table));
    }
    let tags: Vec<_> = Table::ALL.iter().map(|table| table.tag()).collect();
    assert!(tags.is_sorted() && tags.last() < Some(&0xff), "a scan of everything ends at 0xff");
}

#[test]
fn a_printed_id_leads_to_the_bytes_behind_it() {
    let text = deposit("shop", 1, 1).text();
    let key = Key::deposit_by_text(&text).unwrap();
    assert_eq!(key.as_bytes().len(), 21);
    for wrong in ["", "dep_", "dep", &text[4..], &text.to_uppercase(), &format!("{text}a"), &text.replace('_', "-")] {
        assert!(Key::deposit_by_text(wrong).is_none(), "{wrong}");
    }
    let other = Key::deposit_by_text(&deposit("shop", 2, 1).text()).unwrap();
    assert_ne!(key, other);
}

#[test]
fn a_row_under_another_rows_key_is_an_error() {
    let row = Row::App(app("shop"));
    let other = Key::app(&app_id("bank"));
    assert!(Row::decode(Table::Apps, other.as_bytes(), &row.encode()).is_err());
}

#[test]
fn seals_come_back_as_they_went() {
    let rows = [(Key::app(&app_id("shop")).into_bytes(), Some(Row::App(app("shop")).encode()))];
    let seal = Seal::default().next(&[], &rows.to_vec());
    assert_eq!((seal.sequence, seal.tallies.of(Table::Apps).rows), (1, 1));
    assert_eq!(Seal::decode(&seal.encode()), Ok(seal.clone()));

    let old = rows[0].1.as_deref().unwrap();
    let gone = seal.next(&[(&rows[0].0, old)], &vec![(rows[0].0.clone(), None)]);
    assert_eq!(gone.tallies.of(Table::Apps), Tallies::default().of(Table::Apps), "what was added is taken away");
    assert_ne!(gone.running, seal.running);
}

/// An app that is not named stands between the others and takes none of their places.
#[test]
fn rules_of_every_app_and_of_one_have_keys_of_their_own() {
    let scope = |token: Option<u64>, app: Option<&str>, from: &str| PolicyScope {
        token: token.map(address),
        app: app.map(app_id),
        from: TierFrom::parse(from).unwrap(),
    };
    let scopes = [
        scope(None, None, "0"),
        scope(None, None, "10"),
        scope(None, Some("0"), "0"),
        scope(None, Some("shop"), "0"),
        scope(Some(1), None, "0"),
        scope(Some(1), Some("shop"), "0.5"),
    ];
    let keys: Vec<_> = scopes.iter().map(|scope| Key::policy(&network(), scope).into_bytes()).collect();
    for (place, one) in keys.iter().enumerate() {
        for (other, two) in keys.iter().enumerate() {
            assert!(place == other || !two.starts_with(one), "{place} begins {other}");
        }
    }
}
