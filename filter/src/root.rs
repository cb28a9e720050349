//! The root context: one plugin configuration.

use std::cell::RefCell;
use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;
use relying_party::config::Config;
use relying_party::gateway::Gateway;

use crate::host;
use crate::shell::Shell;
use crate::stream::StreamContext;

pub(crate) struct Root {
    context: u32,
    /// `None` until a configuration has been accepted.
    shell: Option<Rc<RefCell<Shell>>>,
}

impl Root {
    pub(crate) const fn new(context: u32) -> Self {
        Self { context, shell: None }
    }
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, header_count: usize, body_size: usize, _: usize) {
        if let Some(shell) = &self.shell {
            let outcome = host::callout_outcome(header_count, body_size);
            shell.borrow_mut().callout_completed(token, outcome, self.context);
        }
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        match Config::parse(&host::plugin_configuration(size), &|name| std::env::var(name).ok()) {
            Ok(config) => {
                let mut shell = Shell::new(Gateway::new(config), self.context);
                shell.start();
                self.shell = Some(Rc::new(RefCell::new(shell)));
                true
            }
            Err(errors) => {
                host::log_error(&format!("latchkey: the configuration is refused\n{errors}"));
                false
            }
        }
    }

    fn on_tick(&mut self) {
        if let Some(shell) = &self.shell {
            shell.borrow_mut().tick();
        }
    }

    fn create_http_context(&self, context: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(StreamContext::new(context, self.shell.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}
