//! Damage anywhere but in a log never gives another block: it gives the same one or a doubt.

use proptest::prelude::*;

use super::{
    super::{BlockIds, whole::Whole},
    build::{FAKE, Made, Tx, USDC, USDT, paid, read_texts},
};

fn made() -> (String, String, Whole) {
    let made = Made::of(vec![
        Tx::call(vec![paid(USDT, 1, 5), paid(FAKE, 2, 6)]),
        Tx::plain("TransferContract"),
        Tx::failed("OUT_OF_TIME", vec![paid(USDT, 3, 7)]),
        Tx::call(vec![paid(USDC, 4, 0), paid(USDC, 4, 8)]),
    ]);
    (made.block.to_string(), made.infos.to_string(), made.read().unwrap())
}

/// Whether a place in the infos belongs to a list of logs, its key included.
fn is_in_logs(infos: &str, place: usize) -> bool {
    let starts = infos.match_indices("\"log\":[").map(|(at, _)| at);
    starts.map(|at| at..at + infos[at..].find("],\"receipt\"").unwrap() + 2).any(|logs| logs.contains(&place))
}

#[derive(Clone, Copy, Debug)]
enum Damage {
    Set(u8),
    Remove,
    Cut,
    Double,
}

fn damage() -> impl Strategy<Value = Damage> {
    let sets = prop_oneof![any::<u8>(), prop::sample::select(b"0123456789abcdef\"{}[],:\\ -".to_vec())];
    prop_oneof![6 => sets.prop_map(Damage::Set), 2 => Just(Damage::Remove), 1 => Just(Damage::Cut), 1 => Just(Damage::Double)]
}

fn damaged(text: &str, place: usize, damage: Damage) -> Option<String> {
    let mut bytes = text.as_bytes().to_vec();
    match damage {
        Damage::Set(byte) => bytes[place] = byte,
        Damage::Remove => drop(bytes.remove(place)),
        Damage::Cut => bytes.truncate(place),
        Damage::Double => bytes.insert(place, bytes[place]),
    }
    String::from_utf8(bytes).ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn damage_gives_the_same_block_or_a_doubt(place: prop::sample::Index, damage in damage(), in_block: bool) {
        let (block, infos, good) = made();
        let text = if in_block { &block } else { &infos };
        let place = place.index(text.len());
        prop_assume!(in_block || !is_in_logs(&infos, place));
        let Some(text) = damaged(text, place, damage) else { return Ok(()) };
        let (block, infos) = if in_block { (&text, &infos) } else { (&block, &text) };
        if let Ok(whole) = read_texts(block, infos, BlockIds::Strict) {
            prop_assert_eq!(whole, good);
        }
    }
}
