//! A `config.json` of the model hub, through what the command handed in.
//!
//! Asking the hub may take seconds, so it has slots of its own: a slow hub keeps no forecast waiting.
//!
//! Does not know: where the hub is, nor who asks it.

use axum::extract::State;
use axum::response::Response;
use outlay::Problem;
use outlay::catalog::config_json;
use outlay::problem::Code;
use outlay::request::Request;
use serde_json::Value;

use crate::App;
use crate::answer;
use crate::fault::Refusal;
use crate::pool::Ticket;
use crate::sent::Named;

/// What the server may ask of a model hub; called on threads where waiting is allowed.
pub trait Hub: Send + Sync {
    /// Whether a name has the form of one of the hub's ids.
    fn is_id(&self, name: &str) -> bool;

    /// The text of the `config.json` of an id.
    ///
    /// # Errors
    /// What the hub or its cache had to say.
    fn config(&self, id: &str) -> Result<String, Vec<Problem>>;
}

/// The id that must be asked for before a request can be answered.
pub(crate) fn wanted(app: &App, request: &Request) -> Option<String> {
    let base = request.model.base.as_ref()?;
    let given = request.model.config.is_some() || request.model.custom.is_some() || app.catalog.has_model(base);
    (!given && app.hub.is_id(base)).then(|| base.clone())
}

/// Asks the hub.
pub(crate) async fn config(app: &App, id: String) -> Result<Value, Refusal> {
    let hub = app.hub.clone();
    let work = move |_: &Ticket| {
        let text = hub.config(&id)?;
        config_json(&text).map_err(|error| {
            let message = format!("the config.json of {id} is not valid JSON: {error}");
            vec![Problem::new(Code::UnreadableModel, "model.base", message)]
        })
    };
    Ok(app.asks.run(&app.closing, work).await??)
}

/// The `config.json` of `org/name`.
pub(crate) async fn route(
    State(app): State<App>,
    Named((org, name)): Named<(String, String)>,
) -> Result<Response, Refusal> {
    let id = format!("{org}/{name}");
    if !app.hub.is_id(&id) {
        let problem = Problem::new(Code::UnknownModel, "the address", format!("{id:?} is not org/name of the hub"));
        return Err(problem.into());
    }
    Ok(answer::json(&config(&app, id).await?))
}
