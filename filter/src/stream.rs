//! A stream's callbacks. A request is held in headers, body and trailers until its verdict stands: with
//! `allow_on_headers_stop_iteration` a body callback that lets go would release it.

use std::cell::RefCell;
use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;
use relying_party::http::Response;

use crate::host;
use crate::shell::Shell;

pub(crate) struct StreamContext {
    context: u32,
    shell: Option<Rc<RefCell<Shell>>>,
}

impl StreamContext {
    pub(crate) const fn new(context: u32, shell: Option<Rc<RefCell<Shell>>>) -> Self {
        Self { context, shell }
    }

    fn ask(&self, question: impl FnOnce(&mut Shell) -> bool) -> Action {
        match &self.shell {
            Some(shell) if question(&mut shell.borrow_mut()) => Action::Continue,
            Some(_) | None => Action::Pause,
        }
    }
}

impl Context for StreamContext {
    fn on_done(&mut self) -> bool {
        if let Some(shell) = &self.shell {
            shell.borrow_mut().closed(self.context);
        }
        true
    }

    fn on_http_call_response(&mut self, token: u32, header_count: usize, body_size: usize, _: usize) {
        if let Some(shell) = &self.shell {
            let outcome = host::callout_outcome(header_count, body_size);
            shell.borrow_mut().callout_completed(token, outcome, self.context);
        }
    }
}

impl HttpContext for StreamContext {
    fn on_http_request_headers(&mut self, _: usize, ends: bool) -> Action {
        if self.shell.is_none() {
            // A host that runs streams without an accepted configuration gets no request through.
            host::publish("reason", "configuration.missing");
            host::respond(&Response { status: 503, headers: Vec::new(), body: Vec::new() });
            return Action::Pause;
        }
        self.ask(|shell| shell.request(self.context, host::request_head(), ends))
    }

    fn on_http_request_body(&mut self, size: usize, ends: bool) -> Action {
        self.ask(|shell| shell.body(self.context, size, ends))
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        self.ask(|shell| shell.trailers(self.context))
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        if let Some(shell) = &self.shell {
            host::add_response_cookies(&shell.borrow_mut().response(self.context));
        }
        Action::Continue
    }
}
