//! The one stylesheet.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// System font, one calm card, light or dark as the reader prefers. Focus stays visible; borders appear in forced colours.
pub(super) const STYLE: &str = "\
:root{color-scheme:light dark;--page:#f3f4f6;--card:#fff;--line:#dfe2e7;--text:#1b1f24;--quiet:#59626e;--go:#1d5bb8;--on:#fff}\
@media(prefers-color-scheme:dark){:root{--page:#121519;--card:#1c2026;--line:#323841;--text:#e7eaee;--quiet:#a2abb7;--go:#8db7f7;--on:#0d1c33}}\
*{box-sizing:border-box}\
body{margin:0;min-height:100vh;display:grid;align-items:start;justify-items:center;padding:12vh 1rem 2rem;background:var(--page);color:var(--text);\
font:1rem/1.55 system-ui,-apple-system,\"Segoe UI\",Roboto,sans-serif}\
main{width:100%;max-width:27rem;padding:2rem;background:var(--card);border:1px solid var(--line);border-radius:12px;box-shadow:0 1px 3px rgba(0,0,0,.08)}\
h1{margin:0 0 .75rem;font-size:1.375rem;line-height:1.3;font-weight:600}\
p{margin:0 0 .75rem}\
form{margin:0}\
ul{margin:0;padding:0;list-style:none}\
label{display:block;font-weight:600}\
input[type=email]{display:block;width:100%;margin-top:.375rem;padding:.7rem 1rem;border:1px solid var(--quiet);border-radius:8px;background:var(--page);\
color:var(--text);font:inherit}\
input:focus-visible{outline:3px solid var(--go);outline-offset:1px}\
form+p{margin-top:1.5rem;color:var(--quiet)}\
form~ul .button{background:transparent;color:var(--go);border-color:var(--line)}\
[role=alert]{padding:.5rem .75rem;border-left:4px solid var(--go);background:var(--page)}\
.button{display:block;width:100%;margin-top:.75rem;padding:.7rem 1rem;border:1px solid var(--go);border-radius:8px;background:var(--go);color:var(--on);\
font:inherit;font-weight:600;text-align:center;text-decoration:none;cursor:pointer;overflow-wrap:anywhere}\
.button:hover{filter:brightness(1.08)}\
.button:focus-visible{outline:3px solid var(--go);outline-offset:2px}\
p+.button,p+form,p+ul{margin-top:1.25rem}\
.button~.button,form~.button{background:transparent;color:var(--go);border-color:var(--line)}\
table{width:100%;margin:1rem 0;border-collapse:collapse}\
caption{padding-bottom:.25rem;text-align:left;color:var(--quiet);font-size:.875rem}\
th,td{padding:.375rem 0;border-top:1px solid var(--line);font-weight:400;text-align:left;overflow-wrap:anywhere}\
td{padding-left:1rem;text-align:right;white-space:nowrap}\
dl{display:grid;grid-template-columns:auto 1fr;gap:.125rem .75rem;margin:1.5rem 0 0;padding-top:1rem;border-top:1px solid var(--line);color:var(--quiet);font-size:.8125rem}\
dd{margin:0;overflow-wrap:anywhere}\
code{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.9em}";

/// The stylesheet as a source of `style-src`.
pub(super) fn source() -> &'static str {
    static SOURCE: LazyLock<String> =
        LazyLock::new(|| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(STYLE.as_bytes()))));
    &SOURCE
}
