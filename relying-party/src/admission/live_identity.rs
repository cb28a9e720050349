//! An identity that was verified, and what was evaluated for it: the next request with the same credential finds it ready.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use super::assertion::Assertion;
use super::passage::ExchangedToken;
use crate::config::IdentityHeader;
use crate::policy::expression::Expression;
use crate::policy::identity::{Identity, Subject};
use crate::policy::request_view::RequestView;

/// A verified identity.
pub struct LiveIdentity {
    identity: Identity,
    /// Rule index → whether its requirement holds. Only for requirements that do not look at the request.
    requirements: RefCell<BTreeMap<usize, bool>>,
    /// The identity headers that do not look at the request and have a value.
    headers: OnceCell<Rc<[(String, String)]>>,
    /// The same of the properties for the host.
    properties: OnceCell<Rc<[(String, String)]>>,
    /// The last assertion of it.
    pub(super) assertion: RefCell<Option<Rc<Assertion>>>,
    /// The same identity as a backend sees it that got another access token, and that token.
    pub(super) exchanged: RefCell<Option<(Rc<ExchangedToken>, Rc<Self>)>>,
}

impl LiveIdentity {
    /// Nothing has been evaluated for it yet.
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            requirements: RefCell::default(),
            headers: OnceCell::new(),
            properties: OnceCell::new(),
            assertion: RefCell::default(),
            exchanged: RefCell::default(),
        }
    }

    /// Who it is.
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Whether `require`, of the rule with this index, holds. What cannot be evaluated does not hold.
    pub fn meets(&self, rule: usize, require: &Expression, request: Option<&RequestView<'_>>) -> bool {
        let evaluate = || require.holds(&Subject::new(&self.identity), request).unwrap_or(false);
        if require.references().request {
            return evaluate();
        }
        *self.requirements.borrow_mut().entry(rule).or_insert_with(evaluate)
    }

    /// The scopes with which `require` would hold; `None` when scopes do not decide it.
    pub fn scopes_wanting(&self, require: &Expression, request: Option<&RequestView<'_>>) -> Option<Vec<String>> {
        let asked = require.references().scopes.iter();
        let wanting: Vec<_> = asked.filter(|scope| !self.identity.scopes.contains(scope)).cloned().collect();
        let mut better = self.identity.clone();
        better.scopes.extend_from_slice(&wanting);
        let would_hold = !wanting.is_empty() && require.holds(&Subject::new(&better), request).unwrap_or(false);
        would_hold.then_some(wanting)
    }

    /// The names and values of the identity headers that have a value.
    pub fn headers(&self, headers: &[IdentityHeader], request: Option<&RequestView<'_>>) -> Rc<[(String, String)]> {
        self.values(&self.headers, headers, request)
    }

    /// The same of the properties for the host.
    pub fn properties(
        &self,
        properties: &[IdentityHeader],
        request: Option<&RequestView<'_>>,
    ) -> Rc<[(String, String)]> {
        self.values(&self.properties, properties, request)
    }

    fn values(
        &self,
        kept: &OnceCell<Rc<[(String, String)]>>,
        headers: &[IdentityHeader],
        request: Option<&RequestView<'_>>,
    ) -> Rc<[(String, String)]> {
        let looks_at_request = |header: &&IdentityHeader| header.value.references().request;
        let constant = kept.get_or_init(|| {
            let subject = Subject::new(&self.identity);
            evaluate(headers, |header| header.value.text(&subject, None).filter(|_| !looks_at_request(&header)))
        });
        if !headers.iter().any(|header| looks_at_request(&header)) {
            return Rc::clone(constant);
        }
        let subject = Subject::new(&self.identity);
        evaluate(headers, |header| match constant.iter().find(|(name, _)| *name == header.name) {
            Some((_, value)) => Some(value.clone()),
            None => looks_at_request(&header).then(|| header.value.text(&subject, request)).flatten(),
        })
    }
}

fn evaluate(headers: &[IdentityHeader], value: impl Fn(&IdentityHeader) -> Option<String>) -> Rc<[(String, String)]> {
    headers.iter().filter_map(|header| Some((header.name.clone(), value(header)?))).collect()
}
