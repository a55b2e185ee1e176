//! RLP and the root of a Merkle Patricia trie, as far as `receiptsRoot` needs them (yellow paper, appendices B and D).

use super::{bloom::keccak256, tx::Tx};

/// A byte string in RLP.
pub(super) fn rlp_bytes(bytes: &[u8]) -> Vec<u8> {
    match bytes {
        [byte] if *byte < 0x80 => vec![*byte],
        _ => [rlp_length(0x80, bytes.len()), bytes.to_vec()].concat(),
    }
}

/// A list of items that are RLP already.
pub(super) fn rlp_list(items: &[Vec<u8>]) -> Vec<u8> {
    let content = items.concat();
    [rlp_length(0xc0, content.len()), content].concat()
}

/// A number in RLP: big-endian without leading zeros.
pub(super) fn rlp_number(number: usize) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    rlp_bytes(&bytes[zeros..])
}

fn rlp_length(offset: u8, length: usize) -> Vec<u8> {
    match u8::try_from(length) {
        Ok(short) if short < 56 => vec![offset + short],
        Ok(_) | Err(_) => {
            let bytes = length.to_be_bytes();
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            let size = u8::try_from(bytes.len() - zeros).expect("a length has at most eight bytes");
            [&[offset + 55 + size], &bytes[zeros..]].concat()
        }
    }
}

/// The receipt of a type 2 transaction as consensus encodes it.
pub(super) fn receipt(tx: &Tx, cumulative_gas: usize, bloom: &[u8]) -> Vec<u8> {
    let logs: Vec<Vec<u8>> = tx
        .logs
        .iter()
        .map(|log| {
            let topics: Vec<Vec<u8>> = log.topics.iter().map(|topic| rlp_bytes(topic)).collect();
            rlp_list(&[rlp_bytes(&log.address.0), rlp_list(&topics), rlp_bytes(&log.data)])
        })
        .collect();
    let status = rlp_number(usize::from(tx.succeeded));
    let fields = [status, rlp_number(cumulative_gas), rlp_bytes(bloom), rlp_list(&logs)];
    [vec![2], rlp_list(&fields)].concat()
}

/// Root of the trie that holds `values` under the RLP of their places.
pub(super) fn ordered_root(values: &[Vec<u8>]) -> [u8; 32] {
    root(values.iter().enumerate().map(|(place, value)| (rlp_number(place), value.clone())).collect())
}

/// A key in nibbles, and its value.
type Entry = (Vec<u8>, Vec<u8>);

/// Root of the trie of these pairs; keys are distinct.
fn root(pairs: Vec<(Vec<u8>, Vec<u8>)>) -> [u8; 32] {
    let nibbles = |key: Vec<u8>| key.iter().flat_map(|byte| [byte >> 4, byte & 15]).collect();
    let mut entries: Vec<Entry> = pairs.into_iter().map(|(key, value)| (nibbles(key), value)).collect();
    entries.sort();
    if entries.is_empty() { keccak256(&[&rlp_bytes(&[])]) } else { keccak256(&[&node(&entries, 0)]) }
}

/// RLP of the node that holds `entries` (sorted, not empty), whose keys agree in their first `depth` nibbles.
fn node(entries: &[Entry], depth: usize) -> Vec<u8> {
    let (first, last) = (&entries[0], &entries[entries.len() - 1]);
    if entries.len() == 1 {
        return rlp_list(&[rlp_bytes(&hex_prefix(&first.0[depth..], true)), rlp_bytes(&first.1)]);
    }
    let pairs = first.0[depth..].iter().zip(&last.0[depth..]);
    let shared = pairs.take_while(|(one, other)| one == other).count();
    if shared > 0 {
        let path = hex_prefix(&first.0[depth..depth + shared], false);
        return rlp_list(&[rlp_bytes(&path), reference(node(entries, depth + shared))]);
    }
    let ends_here = first.0.len() == depth;
    let value = if ends_here { rlp_bytes(&first.1) } else { rlp_bytes(&[]) };
    let mut rest = if ends_here { &entries[1..] } else { entries };
    let mut items = Vec::with_capacity(17);
    for nibble in 0..16 {
        let (here, above) = rest.split_at(rest.partition_point(|(key, _)| key[depth] <= nibble));
        items.push(if here.is_empty() { rlp_bytes(&[]) } else { reference(node(here, depth + 1)) });
        rest = above;
    }
    items.push(value);
    rlp_list(&items)
}

/// How a node stands in the one above: itself if short, otherwise its hash.
fn reference(node: Vec<u8>) -> Vec<u8> {
    if node.len() < 32 { node } else { rlp_bytes(&keccak256(&[&node])) }
}

/// Nibbles packed in bytes, with a flag for leaves and one for odd lengths in front.
fn hex_prefix(nibbles: &[u8], leaf: bool) -> Vec<u8> {
    let flag = if leaf { 2 } else { 0 };
    let (head, rest) =
        if nibbles.len() % 2 == 1 { ((flag + 1) << 4 | nibbles[0], &nibbles[1..]) } else { (flag << 4, nibbles) };
    std::iter::once(head).chain(rest.chunks(2).map(|pair| pair[0] << 4 | pair[1])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root_of(pairs: &[(&str, &str)]) -> String {
        hex::encode(root(
            pairs.iter().map(|(key, value)| (key.as_bytes().to_vec(), value.as_bytes().to_vec())).collect(),
        ))
    }

    /// The vectors of go-ethereum's own trie tests.
    #[test]
    fn roots_are_the_published_ones() {
        let dogs = [("doe", "reindeer"), ("dog", "puppy"), ("dogglesworth", "cat")];
        assert_eq!(root_of(&dogs), "8aad789dff2f538bca5d8ea56e8abe10f4c7ba3a5dea95fea4cd6e7c3a1168d3");
        let single = [("A", "a".repeat(50))].map(|(key, value)| (key, value));
        let single: Vec<(&str, &str)> = single.iter().map(|(key, value)| (*key, value.as_str())).collect();
        assert_eq!(root_of(&single), "d23786fb4a010da3ce639d66d5e904a11dbc02746d1ce25029e53290cabf28ab");
        assert_eq!(root_of(&[]), "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");
    }

    #[test]
    fn lengths_and_numbers_are_canonical() {
        assert_eq!(rlp_bytes(b"dog"), b"\x83dog");
        assert_eq!(rlp_list(&[rlp_bytes(b"cat"), rlp_bytes(b"dog")]), b"\xc8\x83cat\x83dog");
        assert_eq!((rlp_number(0), rlp_number(15), rlp_number(1024)), (vec![0x80], vec![15], vec![0x82, 4, 0]));
        assert_eq!(rlp_bytes(&[7; 56])[..2], [0xb8, 56]);
        assert_eq!(rlp_bytes(&[7; 256])[..3], [0xb9, 1, 0]);
    }
}
