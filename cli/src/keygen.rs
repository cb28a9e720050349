//! `latchkey keygen`: keys that nobody can guess.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use miette::{Diagnostic, IntoDiagnostic as _};
use p256::elliptic_curve::sec1::ToEncodedPoint as _;
use p256::pkcs8::{EncodePrivateKey as _, LineEnding};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::new_file;
use crate::output::{self, Format};

/// Make a session key, or a signing key with its public half
///
/// Without options: 32 random bytes in base64url, for `session.keys`. With --client-key: a P-256 key, for `client_key`, and the public
/// JWK that the provider gets.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  export LATCHKEY_SESSION_KEY=$(latchkey keygen)
  latchkey keygen --client-key --out client-key.pem > client-key.pub.json
  latchkey keygen --client-key --jwk --out client-key.json > client-key.pub.json
  export CORP_CLIENT_KEY=\"$(cat client-key.json)\"")]
pub struct Arguments {
    /// A key to sign with: private_key_jwt, or `assertion`
    #[arg(long)]
    client_key: bool,
    /// The private key as a JWK, in one line and with a key id, instead of PEM
    #[arg(long, requires = "client_key")]
    jwk: bool,
    /// Write the private key into a new file that only you can read; - for the standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How to write the result
    #[arg(long, value_enum, default_value_t)]
    output: Format,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum KeygenError {
    /// Nothing unpredictable to be had.
    #[error("the system has no randomness")]
    NoRandomness,
}

/// Runs it.
pub fn run(arguments: &Arguments) -> miette::Result<ExitCode> {
    let (private, public) = if arguments.client_key {
        let (key, public) = signing_key()?;
        let private = if arguments.jwk { private_jwk(&key, &public).to_string() } else { pem(&key)? };
        (private, Some(public))
    } else {
        (session_key()?, None)
    };
    let file = arguments.out.as_deref().filter(|path| *path != Path::new("-"));
    let private = private.trim_end();
    if let Some(path) = file {
        new_file::write(path, &format!("{private}\n"))?;
    }
    let shown = file.is_none().then_some(private);
    let text = match (arguments.output, public) {
        (Format::Json, Some(public)) => format!("{:#}\n", json!({"private_key": shown, "public_jwk": public})),
        (Format::Json, None) => format!("{:#}\n", json!({"session_key": shown})),
        (Format::Text, public) => {
            let lines = shown.map(str::to_owned).into_iter().chain(public.map(|public| public.to_string()));
            lines.map(|line| line + "\n").collect()
        }
    };
    if let Err(error) = output::write(text.as_bytes()) {
        // Nobody has the other half of the key: it is of no use, and in the way of the next.
        file.map(fs::remove_file).transpose().into_diagnostic()?;
        return Err(error.into());
    }
    Ok(ExitCode::SUCCESS)
}

/// A new session key, as `session.keys` has it.
pub fn session_key() -> Result<String, KeygenError> {
    random().map(|key| URL_SAFE_NO_PAD.encode(key))
}

fn random() -> Result<[u8; 32], KeygenError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| KeygenError::NoRandomness)?;
    Ok(bytes)
}

fn signing_key() -> Result<(p256::SecretKey, Value), KeygenError> {
    // One of 2^32 random numbers is none of the curve's: then the next.
    let key =
        (0..8).find_map(|_| p256::SecretKey::from_slice(&random().ok()?).ok()).ok_or(KeygenError::NoRandomness)?;
    let point = key.public_key().to_encoded_point(false);
    let coordinate = |bytes: Option<&[u8]>| URL_SAFE_NO_PAD.encode(bytes.unwrap_or_default());
    let (x, y) = (coordinate(point.x().map(AsRef::as_ref)), coordinate(point.y().map(AsRef::as_ref)));
    // RFC 7638 §3: the members that are required, in order.
    let thumbprint = Sha256::digest(format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#));
    let kid = URL_SAFE_NO_PAD.encode(thumbprint);
    Ok((key, json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": kid, "alg": "ES256", "use": "sig"})))
}

fn pem(key: &p256::SecretKey) -> Result<String, KeygenError> {
    key.to_pkcs8_pem(LineEnding::LF).map(|pem| pem.to_string()).map_err(|_| KeygenError::NoRandomness)
}

fn private_jwk(key: &p256::SecretKey, public: &Value) -> Value {
    let mut jwk = public.clone();
    if let Some(members) = jwk.as_object_mut() {
        members.insert("d".to_owned(), URL_SAFE_NO_PAD.encode(key.to_bytes()).into());
    }
    jwk
}
