//! The one script. It adds what only the browser knows, and goes on by itself; every page works without it.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// Links marked `data-fragment` get the fragment of this page's address, unless they have one: as the login endpoint's parameter, or
/// as their own. Then the link or form marked `data-go` is followed. Fields of
/// a form hide its own members, whatever their names: `submit`, `tagName`.
pub(super) const SCRIPT: &str = "\
(function(){var d=document,h=location.hash.slice(1),g=d.querySelector(\"[data-go]\");\
if(h)d.querySelectorAll(\"a[data-fragment]\").forEach(function(a){\
if(a.dataset.fragment==\"own\"){if(!a.hash)a.hash=h}\
else if(!/[?&]fragment=/.test(a.search))a.search+=(a.search?\"&\":\"?\")+\"fragment=\"+encodeURIComponent(h)});\
if(g instanceof HTMLFormElement)HTMLFormElement.prototype.submit.call(g);else if(g)location.replace(g.href)})()";

/// The script as a source of `script-src`.
pub(super) fn source() -> &'static str {
    static SOURCE: LazyLock<String> =
        LazyLock::new(|| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(SCRIPT.as_bytes()))));
    &SOURCE
}
