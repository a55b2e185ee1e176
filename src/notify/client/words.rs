//! What of a stranger's bytes may be stored and shown.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use zeroize::Zeroizing;

use crate::domain::{SigningKey, notification::EXCERPT_BYTES_MAX};

/// What is kept in place of an answer that holds a signing key.
const WITHHELD: &str = "(not kept: the answer holds the signing key)";

/// Characters that show nothing or turn what stands beside them: Unicode's format characters, and its line ends.
const UNSEEN: [(char, char); 22] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{110bd}', '\u{110cd}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// The beginning of a body, at most [`EXCERPT_BYTES_MAX`] bytes; nothing of one that holds any of `keys`.
pub(super) fn excerpt(body: &[u8], keys: &[SigningKey]) -> String {
    if keys.iter().any(|key| holds(body, key)) {
        tracing::warn!("a receiver answered with its own signing key; the answer is not kept");
        return WITHHELD.to_owned();
    }
    cleaned(body, EXCERPT_BYTES_MAX)
}

/// `bytes` as text: control and unseen characters as `\n`, `\u{202e}`, what is not UTF-8 as `\xff`. At most `room` bytes,
/// cut between characters or escapes.
pub(super) fn cleaned(bytes: &[u8], room: usize) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        let seen = chunk.valid().chars().map(|c| match c {
            c if is_unseen(c) => c.escape_default().to_string(),
            c => c.to_string(),
        });
        let raw = chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}"));
        for piece in seen.chain(raw) {
            if text.len().saturating_add(piece.len()) > room {
                return text;
            }
            text.push_str(&piece);
        }
    }
    text
}

/// The first `chars` characters.
pub(super) fn shortened(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}

fn is_unseen(c: char) -> bool {
    c.is_control() || UNSEEN.iter().any(|(first, last)| (*first..=*last).contains(&c))
}

/// Whether `body` holds the key: as it is, or in a form a receiver may print it in, hex in either case or base64 in either
/// alphabet, also with JSON's `\/` or percent-encoded.
fn holds(body: &[u8], key: &SigningKey) -> bool {
    let key = key.expose();
    if key.is_empty() {
        return false;
    }
    let forms = [
        Zeroizing::new(key.to_vec()),
        Zeroizing::new(STANDARD_NO_PAD.encode(key).into_bytes()),
        Zeroizing::new(URL_SAFE_NO_PAD.encode(key).into_bytes()),
    ];
    let hex = Zeroizing::new(hex::encode(key).into_bytes());
    [body.to_vec(), without_escaped_slashes(body), percent_decoded(body)].iter().any(|body| {
        let body = Zeroizing::new(body.as_slice().to_vec());
        forms.iter().any(|form| contains(&body, form)) || contains(&body.to_ascii_lowercase(), &hex)
    })
}

fn contains(body: &[u8], part: &[u8]) -> bool {
    body.windows(part.len()).any(|window| window == part)
}

fn without_escaped_slashes(body: &[u8]) -> Vec<u8> {
    let is_escape = |at: usize| body[at] == b'\\' && body.get(at + 1) == Some(&b'/');
    (0..body.len()).filter(|at| !is_escape(*at)).map(|at| body[at]).collect()
}

fn percent_decoded(body: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some((first, behind)) = rest.split_first() {
        let mut byte = [0];
        let is_escape = *first == b'%' && behind.len() >= 2 && hex::decode_to_slice(&behind[..2], &mut byte).is_ok();
        decoded.push(if is_escape { byte[0] } else { *first });
        rest = if is_escape { &behind[2..] } else { behind };
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_bytes_are_shown_and_do_nothing() {
        for (bytes, shown) in [
            (&b"plain"[..], "plain"),
            (b"a\r\n\tb\0\x1b[2J\x7f", "a\\r\\n\\tb\\u{0}\\u{1b}[2J\\u{7f}"),
            ("\u{9b}31m".as_bytes(), "\\u{9b}31m"),
            ("ok\u{202e}ko\u{2066}\u{200b}\u{feff}".as_bytes(), "ok\\u{202e}ko\\u{2066}\\u{200b}\\u{feff}"),
            ("\u{2028}\u{61c}\u{e0041}\u{ad}".as_bytes(), "\\u{2028}\\u{61c}\\u{e0041}\\u{ad}"),
            (b"\xff\xfes\0u\0", "\\xff\\xfes\\u{0}u\\u{0}"),
            (b"\xc0\xaf\xe2\x82", "\\xc0\\xaf\\xe2\\x82"),
            ("充值成功 é".as_bytes(), "充值成功 é"),
        ] {
            assert_eq!(cleaned(bytes, EXCERPT_BYTES_MAX), shown);
        }
    }

    #[test]
    fn excerpts_have_room_for_whole_characters_and_escapes() {
        for piece in ["x", "é", "充", "🕐", "\0", "\u{202e}"] {
            let text = cleaned(piece.repeat(2000).as_bytes(), EXCERPT_BYTES_MAX);
            let shown = cleaned(piece.as_bytes(), EXCERPT_BYTES_MAX);
            assert!(text.len() <= EXCERPT_BYTES_MAX && text.len() + shown.len() > EXCERPT_BYTES_MAX, "{piece:?}");
            assert_eq!(text, shown.repeat(text.len() / shown.len()));
        }
    }

    #[test]
    fn a_key_is_found_in_every_form_a_receiver_prints() {
        let key = SigningKey::kept([0xfb, 0xef, 0xff].into_iter().chain(1..30).collect());
        let (raw, text) = (key.expose(), STANDARD_NO_PAD.encode(key.expose()));
        let hex = hex::encode(raw);
        let percent: String = text.replace('+', "%2B").replace('/', "%2f");
        assert!(text.contains('/') && text.contains('+'), "the test's key exercises the escapes: {text}");
        for form in [
            raw.to_vec(),
            text.clone().into_bytes(),
            format!("whsec_{text}").into_bytes(),
            URL_SAFE_NO_PAD.encode(raw).into_bytes(),
            hex.clone().into_bytes(),
            hex.to_uppercase().into_bytes(),
            text.replace('/', "\\/").into_bytes(),
            percent.into_bytes(),
        ] {
            for body in
                [form.clone(), [b"{\"key\":\"", &form[..], b"\"}"].concat(), [&[b' '; 9000][..], &form].concat()]
            {
                assert_eq!(excerpt(&body, std::slice::from_ref(&key)), WITHHELD);
            }
            let most = &form[..form.len() - 1];
            assert_ne!(excerpt(most, std::slice::from_ref(&key)), WITHHELD, "a part is not the key");
        }
        assert_eq!(excerpt(b"thanks", &[key]), "thanks");
    }
}
