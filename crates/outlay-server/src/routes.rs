//! The table of routes: what there is, who may ask, what is sent and what comes back.
//!
//! The router and the OpenAPI document are both made from it, so neither can know a route that the other does not.
//!
//! Does not know: how a route answers.

use axum::Router;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post};
use outlay::lists::{AcceleratorRow, ModelRow, OfferRow};
use outlay::request::Request;
use outlay::response::{Diff, Levers, Optimum, ScalingFit, Sized, Why as WhyAnswer};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;

use crate::App;
use crate::fault::{Refusal, Why};
use crate::guard::{self, Door};
use crate::plans::{NewPlan, SavedPlan};
use crate::token::Scope;
use crate::{about, ask, hub, lists, page, plans, watch};

/// The schema of a type.
pub(crate) type Shape = fn(&mut SchemaGenerator) -> Schema;

fn shape<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// Any JSON object.
fn object(_: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({"type": "object"})
}

/// What comes back when all is well.
#[derive(Clone, Copy)]
pub(crate) enum Comes {
    /// JSON of this shape.
    Json(u16, Shape),
    /// JSON of this shape, or events.
    Events(Shape),
    /// Text of this type.
    Text(&'static str),
    /// A redirect.
    Redirect,
    /// Nothing.
    Nothing,
}

/// What a parameter is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// A part of the path.
    Part,
    /// Text, any number of times.
    Texts,
    /// Text.
    Text,
    /// A number from 0 up.
    Number,
    /// A whole number from this to that.
    Whole(u64, u64),
}

/// A parameter of the path or the query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) about: &'static str,
}

/// One route.
#[derive(Clone, Copy)]
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    /// Its name in clients that are generated.
    pub(crate) id: &'static str,
    pub(crate) about: &'static str,
    pub(crate) door: Door,
    pub(crate) params: &'static [Param],
    pub(crate) body: Option<Shape>,
    pub(crate) comes: Comes,
    /// Statuses of what may be refused, beside those of every route.
    pub(crate) refused: &'static [u16],
    serve: fn() -> MethodRouter<App>,
}

const READ: Door = Door::Locked(Scope::Read);
const WRITE: Door = Door::Locked(Scope::Write);
/// Of every route that reads a job.
const JOB: &[u16] = &[400, 404, 408, 413, 415, 422, 502, 503];
const NAME: Param = Param { name: "name", kind: Kind::Texts, about: "only those whose name contains one of these" };
const ID: Param = Param { name: "id", kind: Kind::Part, about: "the plan's id" };

const fn question(path: &'static str, id: &'static str, about: &'static str) -> Route {
    Route {
        method: "post",
        path,
        id,
        about,
        door: READ,
        params: &[],
        body: Some(shape::<Request>),
        comes: Comes::Nothing,
        refused: JOB,
        serve: || get(|| async {}),
    }
}

const fn look(path: &'static str, id: &'static str, about: &'static str) -> Route {
    Route { method: "get", body: None, refused: &[400, 422], ..question(path, id, about) }
}

/// Every route.
pub(crate) const ROUTES: &[Route] = &[
    Route {
        params: &[Param {
            name: "time_limit",
            kind: Kind::Number,
            about: "end the search after so many seconds with the best so far; the server has a limit of its own",
        }],
        comes: Comes::Events(shape::<outlay::response::Response>),
        serve: || post(ask::plan),
        ..question(
            "/api/v1/plan",
            "plan",
            "What to rent, how to lay the job out on it, for how long, for how much. With `Accept: text/event-stream` the \
             answer comes as an `answer` event (or `problems`) after `progress` events.",
        )
    },
    Route {
        comes: Comes::Json(200, shape::<outlay::response::Response>),
        serve: || post(ask::estimate),
        ..question("/api/v1/estimate", "estimate", "The forecast of exactly the machines and layout named.")
    },
    Route {
        comes: Comes::Json(200, shape::<Levers>),
        serve: || post(ask::levers),
        ..question(
            "/api/v1/levers",
            "levers",
            "Every lever one step each way: what it does to cost, time, memory and loss.",
        )
    },
    Route {
        body: Some(shape::<ask::DiffAsked>),
        comes: Comes::Json(200, shape::<Diff>),
        serve: || post(ask::diff),
        ..question("/api/v1/diff", "diff", "What a change to a job does to its bill.")
    },
    Route {
        body: Some(shape::<ask::WhyAsked>),
        comes: Comes::Json(200, shape::<WhyAnswer>),
        serve: || post(ask::why),
        ..question(
            "/api/v1/why",
            "why",
            "Where a plan that you name stands beside the best, and which terms make it lose.",
        )
    },
    Route {
        body: Some(shape::<ask::OptimumAsked>),
        comes: Comes::Json(200, shape::<Optimum>),
        serve: || post(ask::optimum),
        ..question(
            "/api/v1/scaling/optimum",
            "scaling_optimum",
            "The size and tokens that make the most of a budget (`job.limits.budget`) or of compute (`flops`).",
        )
    },
    Route {
        body: Some(shape::<ask::FrontierAsked>),
        comes: Comes::Json(200, shape::<Vec<Sized>>),
        serve: || post(ask::frontier),
        ..question("/api/v1/scaling/frontier", "scaling_frontier", "Loss against cost, from small to large models.")
    },
    Route {
        body: Some(shape::<ask::FitAsked>),
        comes: Comes::Json(200, shape::<ScalingFit>),
        serve: || post(ask::fit),
        ..question("/api/v1/scaling/fit", "scaling_fit", "A law of scale fitted to a table of runs.")
    },
    Route {
        params: &[NAME],
        comes: Comes::Json(200, shape::<Vec<ModelRow>>),
        serve: || get(lists::models),
        ..look("/api/v1/models", "models", "Model presets.")
    },
    Route {
        params: &[
            NAME,
            Param { name: "min_memory_gb", kind: Kind::Number, about: "only those with at least so much memory" },
        ],
        comes: Comes::Json(200, shape::<Vec<AcceleratorRow>>),
        serve: || get(lists::hardware),
        ..look("/api/v1/hardware", "hardware", "Accelerators.")
    },
    Route {
        params: &[
            NAME,
            Param { name: "provider", kind: Kind::Text, about: "only this provider" },
            Param {
                name: "limit",
                kind: Kind::Whole(0, u64::MAX),
                about: "at most so many rows; 40 if left out, 0: all",
            },
        ],
        comes: Comes::Json(200, shape::<Vec<OfferRow>>),
        serve: || get(lists::offers),
        ..look("/api/v1/offers", "offers", "Offers, cheapest accelerator-hour first.")
    },
    Route {
        params: &[
            Param { name: "org", kind: Kind::Part, about: "organisation" },
            Param { name: "name", kind: Kind::Part, about: "model" },
        ],
        comes: Comes::Json(200, object),
        refused: &[400, 404, 422, 502, 503],
        serve: || get(hub::route),
        ..look("/api/v1/hub/{org}/{name}/config", "hub_config", "The config.json of a model of the hub.")
    },
    Route {
        door: WRITE,
        body: Some(shape::<NewPlan>),
        comes: Comes::Json(201, shape::<SavedPlan>),
        refused: &[400, 408, 413, 415, 422, 503, 507],
        serve: || post(plans::store),
        ..question("/api/v1/plans", "store_plan", "Stores a job under a link.")
    },
    Route {
        params: &[
            Param { name: "limit", kind: Kind::Whole(1, 100), about: "at most so many; 100 if left out" },
            Param { name: "offset", kind: Kind::Whole(0, u64::MAX), about: "leave out so many" },
        ],
        comes: Comes::Json(200, shape::<Vec<SavedPlan>>),
        refused: &[400, 422, 503],
        serve: || get(plans::list),
        ..look("/api/v1/plans", "plans", "Stored jobs, newest first.")
    },
    Route {
        door: Door::Kept,
        params: &[ID],
        comes: Comes::Json(200, shape::<SavedPlan>),
        refused: &[400, 404, 503],
        serve: || get(plans::read),
        ..look("/api/v1/plans/{id}", "stored_plan", "A stored job; a shared one needs no token.")
    },
    Route {
        method: "delete",
        door: WRITE,
        params: &[ID],
        comes: Comes::Nothing,
        refused: &[400, 404, 503, 507],
        serve: || delete(plans::delete),
        ..look("/api/v1/plans/{id}", "delete_plan", "Deletes a stored job.")
    },
    Route {
        door: Door::Kept,
        params: &[ID],
        comes: Comes::Redirect,
        refused: &[400, 404, 503],
        serve: || get(plans::open),
        ..look("/s/{id}", "open_plan", "Opens a stored job in the page; a shared one needs no token.")
    },
    Route {
        door: Door::Open,
        comes: Comes::Json(200, object),
        refused: &[],
        serve: || get(about::document),
        ..look("/api/v1/openapi.json", "openapi", "This description, as OpenAPI 3.1.")
    },
    Route {
        door: Door::Open,
        comes: Comes::Text("text/html"),
        refused: &[],
        serve: || get(about::docs),
        ..look("/api/v1/docs", "docs", "This description, for people.")
    },
    Route {
        door: Door::Open,
        comes: Comes::Text("text/css"),
        refused: &[],
        serve: || get(about::style),
        ..look("/api/v1/docs.css", "docs_style", "How the description for people looks.")
    },
    Route {
        door: Door::Open,
        comes: Comes::Json(200, shape::<about::Health>),
        refused: &[],
        serve: || get(about::health),
        ..look("/healthz", "health", "Whether the server answers, and its database.")
    },
    Route {
        comes: Comes::Text("text/plain"),
        refused: &[],
        serve: || get(about::metrics),
        ..look("/metrics", "metrics", "What is counted, for Prometheus.")
    },
];

/// The service.
pub(crate) fn router(app: &App) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let guarded = (route.serve)().route_layer(from_fn_with_state((app.clone(), route.door), guard::check));
        router = router.route(route.path, guarded);
    }
    router
        .method_not_allowed_fallback(wrong_method)
        .fallback(page::file)
        .layer(CatchPanicLayer::custom(broken))
        .layer(CompressionLayer::new())
        .layer(from_fn_with_state(app.clone(), watch::around))
        .with_state(app.clone())
}

async fn wrong_method(method: Method, uri: axum::http::Uri) -> Response {
    let path: String = uri.path().chars().take(200).collect();
    let method: String = method.as_str().chars().take(20).collect();
    Refusal::new(Why::WrongMethod, "the method", format!("{path} does not know {method}")).into_response()
}

fn broken(_: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a fault of ours: a route panicked");
    Refusal::new(Why::Internal, "", "this is a fault of outlay, not of your input").into_response()
}
