//! What the routes are given.

use std::sync::Arc;

use super::{hooks::Subscribed, metrics::Metrics, rate::Rates};
use crate::{app::App, auth::ReporterVerifier, intake::Desk, jobs::Wake};

/// Everything the routes use; cheap to clone.
#[derive(Clone)]
pub struct State {
    /// The adapters.
    pub app: App,
    /// Where reports are handed in.
    pub desk: Desk,
    /// Whose tokens are believed.
    pub verifier: Arc<ReporterVerifier>,
    /// Wakes the workers after a decision.
    pub wake: Wake,
    /// The counters.
    pub metrics: Metrics,
    /// How many reports are taken of one person.
    pub rates: Arc<Rates>,
    /// The subscriptions whose notifications are believed.
    pub subscribed: Arc<Subscribed>,
    /// What links begin with, without a slash at the end.
    pub base_url: Arc<str>,
}

impl State {
    /// Puts the parts together. Links begin with the configured public URL.
    #[must_use]
    pub fn new(app: App, desk: Desk, verifier: Arc<ReporterVerifier>, wake: Wake) -> Self {
        let base_url = app.config.server.base_url().into();
        let rates = Arc::new(Rates::new(&app.config.server, &app.clock));
        Self {
            app,
            desk,
            verifier,
            wake,
            metrics: Metrics::install(),
            rates,
            subscribed: Arc::default(),
            base_url,
        }
    }

    /// The address of a path of this server.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }
}
