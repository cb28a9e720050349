//! The module that is deployed: where the proxy takes it from, and its digest.

use std::fs;
use std::path::PathBuf;

use miette::Diagnostic;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::ModuleArguments;
use crate::discovery::{self, DiscoveryFailure};

/// A module of today has 2.5 MB.
const LONGEST: u64 = 64 * 1024 * 1024;

/// Where a module is, and what it is.
pub struct Module {
    /// Where the proxy takes it from.
    pub place: Place,
    /// SHA-256 in hexadecimal: of the module, or of the image's manifest.
    pub sha256: String,
}

/// Where the proxy takes a module from.
pub enum Place {
    /// A file of the proxy's machine.
    File(String),
    /// A web server.
    Web(Url),
    /// A registry of images, without `oci://`.
    Image(String),
}

/// Why it is not known which module is meant.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ModuleError {
    /// The file is not here.
    #[error("cannot read the module {name}")]
    #[diagnostic(help(
        "--module FILE names dist/latchkey.wasm, as scripts/build makes it; when it is elsewhere, --sha256 says which one it is"
    ))]
    Unreadable {
        name: String,
        #[source]
        cause: std::io::Error,
    },
    /// The file is something else.
    #[error("{name} is no WebAssembly module")]
    NoModule { name: String },
    /// An image without its digest.
    #[error("which image? A tag may be moved to another one")]
    #[diagnostic(help(
        "pin it: --module oci://registry.example.org/latchkey@sha256:…, or --sha256 with the digest of its manifest"
    ))]
    NotPinned,
    /// The digest is none.
    #[error("--sha256 is not 64 hexadecimal digits")]
    NoDigest,
    /// Digests that contradict each other.
    #[error("--sha256 is not the digest of {name}, which is {found}")]
    #[diagnostic(help("it is another module: do not deploy it before you know why"))]
    Differs { name: String, found: String },
    /// The web server does not answer.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Unreachable(#[from] DiscoveryFailure),
    /// The web server has no module there.
    #[error("{url} answered with status {status}")]
    Status { url: String, status: u16 },
    /// The target does not know such places.
    #[error("{target} cannot take a module from there")]
    #[diagnostic(help("{instead}"))]
    Unsuitable { target: &'static str, instead: &'static str },
}

impl Module {
    /// Finds the digest, unless it is given: of a file by reading it, of a module on the web by fetching it.
    pub fn find(arguments: &ModuleArguments) -> Result<Self, ModuleError> {
        let given = arguments.sha256.as_deref().map(digest).transpose()?;
        let text = arguments.module.as_str();
        if let Some(image) = text.strip_prefix("oci://") {
            let named = image.rsplit_once("@sha256:").map(|(_, named)| digest(named)).transpose()?;
            let sha256 = named.clone().or(given.clone()).ok_or(ModuleError::NotPinned)?;
            return match (named, given) {
                (Some(named), Some(given)) if named != given => {
                    Err(ModuleError::Differs { name: text.to_owned(), found: named })
                }
                _ => Ok(Self { place: Place::Image(image.to_owned()), sha256 }),
            };
        }
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let place = url.map_or_else(|| Place::File(text.to_owned()), Place::Web);
        let sha256 = match (&place, given) {
            (Place::File(name), given) => match (fs::read(PathBuf::from(name)), given) {
                (Ok(bytes), given) => of_bytes(name, &bytes, given)?,
                // It is where the proxy is, and not here.
                (Err(_), Some(given)) => given,
                (Err(cause), None) => return Err(ModuleError::Unreadable { name: name.clone(), cause }),
            },
            (_, Some(given)) => given,
            (_, None) => {
                let (status, bytes) = discovery::fetch_up_to(text, LONGEST)?;
                if status != 200 {
                    return Err(ModuleError::Status { url: text.to_owned(), status });
                }
                of_bytes(text, &bytes, None)?
            }
        };
        Ok(Self { place, sha256 })
    }
}

fn digest(text: &str) -> Result<String, ModuleError> {
    let text = text.strip_prefix("sha256:").unwrap_or(text).to_ascii_lowercase();
    let is_digest = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_digest.then_some(text).ok_or(ModuleError::NoDigest)
}

fn of_bytes(name: &str, bytes: &[u8], given: Option<String>) -> Result<String, ModuleError> {
    if !bytes.starts_with(b"\0asm") {
        return Err(ModuleError::NoModule { name: name.to_owned() });
    }
    let found: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    match given {
        Some(given) if given != found => Err(ModuleError::Differs { name: name.to_owned(), found }),
        _ => Ok(found),
    }
}
