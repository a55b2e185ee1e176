//! The host's master key: closes signing keys before they are stored, and opens them to sign.
//!
//! ChaCha20-Poly1305 with a drawn nonce; the app's name and the key's mark are authenticated beside the key. What names,
//! seals and marks is derived from the master key by HMAC-SHA256, apart for each use. A mark is keyed, so that a short secret
//! cannot be guessed from it.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use crate::domain::{AppId, SealedKey, SigningKey, StoredKey, secret::MARK_BYTES};

/// Bytes of a master key.
pub const MASTER_KEY_BYTES: usize = 32;

/// Characters of a secret drawn for a merchant who types it.
const TEXT_SECRET_CHARS: usize = 32;
/// What it is drawn from.
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Why a key cannot be sealed or opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// A text that is no master key.
    #[error("no master key: it is the base64 of {MASTER_KEY_BYTES} bytes, `depositd master-key FILE` makes a new one")]
    Form,
    /// Sealed under a master key that is not here.
    #[error(
        "a signing key of app {app} is sealed under master key {master}, which is not configured: put it back, as \
         secrets.master_key_file or among secrets.previous_master_key_files"
    )]
    OtherMaster {
        /// Whose.
        app: AppId,
        /// The name of that master key.
        master: String,
    },
    /// Sealed for another app, or damaged.
    #[error(
        "a signing key of app {app}, sealed under master key {master}, cannot be opened: its row was damaged or moved"
    )]
    Damaged {
        /// Whose.
        app: AppId,
        /// The name of the master key that should open it.
        master: String,
    },
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    NoRandomness,
}

/// A master key as it is used.
struct Master {
    /// Names it, and says nothing of it.
    id: [u8; 8],
    seal: LessSafeKey,
    mark: Zeroizing<[u8; 32]>,
}

impl Master {
    fn parse(text: &str) -> Result<Self, VaultError> {
        let bytes = bytes_of(text)?;
        let mut id = [0; 8];
        id.copy_from_slice(&derived(&bytes, "depositd master key, name")[..8]);
        let seal = derived(&bytes, "depositd master key, sealing");
        let seal = UnboundKey::new(&CHACHA20_POLY1305, &*seal).map_err(|_| VaultError::Form)?;
        Ok(Self { id, seal: LessSafeKey::new(seal), mark: derived(&bytes, "depositd master key, marks") })
    }
}

fn bytes_of(text: &str) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let bytes = Zeroizing::new(STANDARD.decode(text.trim()).map_err(|_| VaultError::Form)?);
    if bytes.len() == MASTER_KEY_BYTES { Ok(bytes) } else { Err(VaultError::Form) }
}

/// Whether a text is a master key.
///
/// # Errors
/// [`VaultError::Form`].
pub fn check_form(text: &str) -> Result<(), VaultError> {
    bytes_of(text).map(drop)
}

/// A new secret for a merchant who types it: 32 characters of `A-Z a-z 0-9`, 190 bits.
///
/// # Errors
/// [`VaultError::NoRandomness`].
pub fn draw_text() -> Result<Zeroizing<String>, VaultError> {
    let mut text = Zeroizing::new(String::with_capacity(TEXT_SECRET_CHARS));
    let mut bytes = Zeroizing::new([0_u8; TEXT_SECRET_CHARS]);
    while text.len() < TEXT_SECRET_CHARS {
        getrandom::fill(&mut *bytes).map_err(|_| VaultError::NoRandomness)?;
        let missing = TEXT_SECRET_CHARS - text.len();
        // Bytes above the last whole run of the alphabet would make its beginning more likely.
        let fair = bytes.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < 256 - 256 % ALPHABET.len());
        text.extend(fair.take(missing).map(|byte| char::from(ALPHABET[byte % ALPHABET.len()])));
    }
    Ok(text)
}

fn derived(key: &[u8], purpose: &str) -> Zeroizing<[u8; 32]> {
    keyed(key, purpose.as_bytes())
}

fn keyed(key: &[u8], bytes: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(bytes);
    let mut code = mac.finalize().into_bytes();
    let mut kept = Zeroizing::new([0; 32]);
    kept.copy_from_slice(&code);
    code[..].zeroize();
    kept
}

/// The master keys of this host: the current one, and older ones that still open.
pub struct Vault {
    current: Master,
    previous: Vec<Master>,
}

impl Vault {
    /// From the texts of the key files.
    ///
    /// # Errors
    /// [`VaultError::Form`].
    pub fn new<'a>(current: &str, previous: impl IntoIterator<Item = &'a str>) -> Result<Self, VaultError> {
        let previous: Result<Vec<Master>, VaultError> = previous.into_iter().map(Master::parse).collect();
        Ok(Self { current: Master::parse(current)?, previous: previous? })
    }

    /// The text of a new master key.
    ///
    /// # Errors
    /// [`VaultError::NoRandomness`].
    pub fn draw() -> Result<Zeroizing<String>, VaultError> {
        let mut bytes = Zeroizing::new([0; MASTER_KEY_BYTES]);
        getrandom::fill(&mut *bytes).map_err(|_| VaultError::NoRandomness)?;
        Ok(Zeroizing::new(STANDARD.encode(*bytes)))
    }

    /// Closes a key of `app` under the current master key.
    ///
    /// # Errors
    /// [`VaultError::NoRandomness`].
    pub fn seal(&self, app: &AppId, key: &SigningKey) -> Result<StoredKey, VaultError> {
        let mut nonce = [0; 12];
        getrandom::fill(&mut nonce).map_err(|_| VaultError::NoRandomness)?;
        let mut mark = [0; MARK_BYTES];
        mark.copy_from_slice(&keyed(&*self.current.mark, key.expose())[..MARK_BYTES]);
        // Room for the tag, so that the key in clear is not left behind where the bytes were before.
        let mut sealed = Zeroizing::new(Vec::with_capacity(key.expose().len() + CHACHA20_POLY1305.tag_len()));
        sealed.extend_from_slice(key.expose());
        self.current
            .seal
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), beside(app, &mark), &mut *sealed)
            .expect("a signing key is shorter than what ChaCha20-Poly1305 takes");
        let sealed = std::mem::take(&mut *sealed);
        Ok(StoredKey::Sealed(SealedKey { master: self.current.id, mark, nonce, sealed }))
    }

    /// Opens a key of `app`, whichever of the master keys it is closed under.
    ///
    /// # Errors
    /// [`VaultError::OtherMaster`], [`VaultError::Damaged`].
    pub fn open(&self, app: &AppId, key: &StoredKey) -> Result<SigningKey, VaultError> {
        let sealed = match key {
            StoredKey::Clear(key) => return Ok(key.clone()),
            StoredKey::Sealed(sealed) => sealed,
        };
        let other = || VaultError::OtherMaster { app: app.clone(), master: hex::encode(sealed.master) };
        let all = std::iter::once(&self.current).chain(&self.previous);
        let master = all.into_iter().find(|master| master.id == sealed.master).ok_or_else(other)?;
        let mut bytes = Zeroizing::new(sealed.sealed.clone());
        let nonce = Nonce::assume_unique_for_key(sealed.nonce);
        let opened = master.seal.open_in_place(nonce, beside(app, &sealed.mark), &mut bytes);
        let damaged = |_| VaultError::Damaged { app: app.clone(), master: hex::encode(master.id) };
        let opened = opened.map_err(damaged)?;
        Ok(SigningKey::kept(opened.to_vec()))
    }

    /// The name of the current master key: 16 hex digits that say nothing of it.
    pub fn name(&self) -> String {
        hex::encode(self.current.id)
    }

    /// Whether a stored key is closed under the current master key.
    pub fn is_current(&self, key: &StoredKey) -> bool {
        matches!(key, StoredKey::Sealed(sealed) if sealed.master == self.current.id)
    }
}

/// What is authenticated beside the key: neither can it be moved to another app's row nor its mark be exchanged.
fn beside(app: &AppId, mark: &[u8; MARK_BYTES]) -> Aad<Vec<u8>> {
    Aad::from([b"depositd signing key of ", app.as_str().as_bytes(), b"\0", mark].concat())
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault({})", self.name())
    }
}

#[cfg(test)]
mod tests;
