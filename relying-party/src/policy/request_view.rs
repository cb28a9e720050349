//! A request, as expressions see it.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use cel::common::types::{CelMap, CelMapKey, CelString};
use cel::common::value::Val;

use super::identity::text;
use super::managed_headers::ManagedHeaders;
use super::matcher::host_of;
use super::path::RequestPath;
use crate::http::{Headers, RequestHead};

/// Credentials are for this filter and the backend, not for rules.
const HIDDEN_HEADERS: [&str; 2] = ["authorization", "cookie"];

/// The variable `request`.
#[derive(Clone, Debug)]
pub struct RequestView<'a> {
    method: &'a str,
    path: &'a str,
    host: Cow<'a, str>,
    headers: &'a Headers,
    managed: &'a ManagedHeaders,
}

impl<'a> RequestView<'a> {
    /// The literal path, the host as rules compare it, and the headers without credentials and without those that only this
    /// filter may set.
    pub fn new(head: &'a RequestHead, path: &'a RequestPath, managed: &'a ManagedHeaders) -> Self {
        let host = host_of(head.authority());
        Self { method: head.method(), path: path.literal(), host, headers: head.headers(), managed }
    }

    /// The view as a CEL map; `with_headers` when the expression asks for them.
    pub(super) fn to_cel(&self, with_headers: bool) -> Box<dyn Val + '_> {
        let mut members = HashMap::from([
            (key("method"), text(self.method)),
            (key("path"), text(self.path)),
            (key("host"), text(&self.host)),
        ]);
        if with_headers {
            members.insert(key("headers"), self.headers_to_cel());
        }
        Box::new(CelMap::from(members))
    }

    /// Repeated fields are one value, joined by commas (RFC 9110 §5.3). A field with a value that is not UTF-8 is left out whole,
    /// so that no rule decides by half of it.
    fn headers_to_cel(&self) -> Box<dyn Val + '_> {
        let mut fields: BTreeMap<&str, Option<Cow<'_, str>>> = BTreeMap::new();
        for (name, value) in self.headers.iter() {
            if name.starts_with(':') || HIDDEN_HEADERS.contains(&name) || self.managed.is_managed(name) {
                continue;
            }
            let value = std::str::from_utf8(value).ok();
            fields
                .entry(name)
                .and_modify(|joined| {
                    *joined = joined.take().zip(value).map(|(joined, value)| Cow::Owned(format!("{joined},{value}")));
                })
                .or_insert_with(|| value.map(Cow::Borrowed));
        }
        let fields: HashMap<_, Box<dyn Val + '_>> = fields
            .into_iter()
            .filter_map(|(name, value)| Some((key(name), value?)))
            .map(|(name, value)| match value {
                Cow::Borrowed(value) => (name, text(value)),
                Cow::Owned(value) => (name, Box::new(CelString::from(value)) as Box<dyn Val + '_>),
            })
            .collect();
        Box::new(CelMap::from(fields))
    }
}

fn key(name: &str) -> CelMapKey<'_> {
    CelMapKey::String(CelString::from(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::expression::Expression;
    use crate::policy::identity::Subject;
    use crate::policy::identity::tests::alice;

    #[test]
    fn a_request_shows_neither_credentials_nor_headers_that_are_ours_to_set() {
        let field = |name: &str, value: &[u8]| (name.to_owned(), value.to_vec());
        let head = RequestHead::new(Headers::new(vec![
            field(":method", b"POST"),
            field(":authority", b"API.example.org.:8443"),
            field(":path", b"/caf%C3%A9?x=1"),
            field("cookie", b"session=1"),
            field("authorization", b"Bearer x"),
            field("x-auth-sub", b"root"),
            field("x_auth.sub", b"root"),
            field("accept", b"text/html"),
            field("accept", b"*/*"),
            field("x-bytes", b"good"),
            field("x-bytes", b"\xff"),
            field("x-bytes", b"good"),
        ]));
        let path = RequestPath::parse(head.path_and_query().unwrap()).unwrap();
        let managed = ManagedHeaders::new(["x-auth-sub"]);
        let view = RequestView::new(&head, &path, &managed);
        let identity = alice();
        let text = |source: &str| Expression::compile(source).unwrap().text(&Subject::new(&identity), Some(&view));
        assert_eq!(
            text("json(request)").as_deref(),
            Some(r#"{"headers":{"accept":"text/html,*/*"},"host":"api.example.org","method":"POST","path":"/café"}"#)
        );
        assert_eq!(text("request.headers['accept'] + request.method").as_deref(), Some("text/html,*/*POST"));
    }
}
