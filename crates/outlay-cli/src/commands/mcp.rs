//! `outlay mcp`: the door for agents, a server of the Model Context Protocol over stdin and stdout.
//!
//! Each tool is a command under its own name: the schemas of what goes in and comes out are those of the door, the
//! structured content is what the command prints with `--json`, the text what it prints with `--markdown`. Faults of a job
//! are errors of the tool, all at once, which an agent can read and mend; they are never errors of the protocol. To spare an
//! agent's context, the trees of terms are left out of plans other than the pick unless `terms` asks for them.
//!
//! Does not know: how messages are framed; that is the SDK's.

use std::sync::Arc;

use outlay::catalog::Catalog;
use outlay::request::Request;
use outlay::response::{Plan, Response};
use outlay::{lists, schema};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation, JsonObject, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool, ToolAnnotations,
};
use rmcp::service::{RequestContext, RoleServer, ServerInitializeError};
use rmcp::{ErrorData, ServerHandler, ServiceExt};
use serde_json::{Map, Value, json};

use super::{hardware, levers, models, offers};
use crate::cli::Answer;
use crate::context::Context;
use crate::failure::{Failure, Fault};
use crate::job::look_up;
use crate::render::{answer, difference};

/// Rows of a list, and of levers, where nobody says how many are wanted.
const ROWS: usize = 30;

/// Serve agents: the Model Context Protocol over stdin and stdout
///
/// A client starts this command and lists its tools: plan, estimate, levers, diff, models, hardware, offers.
/// For example: claude mcp add outlay -- outlay mcp
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {}

/// Serves until the client closes the pipe.
pub(crate) fn run(_: &Args, context: &Context) -> Result<Answer, Failure> {
    let broken = |what: &str| Failure::Internal(format!("the server could not go on: {what}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| broken(&error.to_string()))?;
    let server = Server { desk: Arc::new(Desk { catalog: Catalog::built_in(), context: context.clone() }) };
    let ended = runtime.block_on(async {
        match server.serve(rmcp::transport::stdio()).await {
            Ok(running) => running.waiting().await.map(|_| ()).map_err(|error| broken(&error.to_string())),
            // A client that leaves before it has said anything has had enough.
            Err(ServerInitializeError::ConnectionClosed(_)) => Ok(()),
            Err(error) => {
                let fault = Fault::new("not-mcp", error.to_string(), "stdin");
                Err(fault.help("this command is started by an agent's client, which speaks the protocol").into())
            }
        }
    });
    // A search that nobody waits for any more does not keep the process.
    runtime.shutdown_background();
    ended.map(|()| Answer::new(String::new()))
}

struct Server {
    desk: Arc<Desk>,
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let about = Implementation::new("outlay", env!("CARGO_PKG_VERSION"));
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build()).with_server_info(about).with_instructions(
            "Forecasts what training or fine-tuning a language model costs, how long it takes, on which hardware, whether \
             it fits in memory, and how sure that is. `plan` searches machines and layouts for a job; `estimate` forecasts \
             exactly the machines named; `levers` ranks changes; `diff` compares two jobs. A job needs model.base; say the \
             amount of data too. Every figure comes with an 80 % interval; null is unknown, never zero.",
        )
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(TOOLS.iter().map(Spec::tool).collect()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        TOOLS.iter().find(|spec| spec.name == name).map(Spec::tool)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(spec) = TOOLS.iter().find(|spec| spec.name == request.name) else {
            let names: Vec<&str> = TOOLS.iter().map(|spec| spec.name).collect();
            let message = format!("no tool `{}`; there are {}", request.name, names.join(", "));
            return Err(ErrorData::invalid_params(message, None));
        };
        let (desk, given, cancelled) = (self.desk.clone(), request.arguments.unwrap_or_default(), context.ct.clone());
        let goes_on = move || !cancelled.is_cancelled();
        let answered = tokio::task::spawn_blocking(move || {
            let call = Call { desk: &desk, given: &given, goes_on: &goes_on };
            call.known(spec).and_then(|()| (spec.answer)(&call))
        });
        let told = answered.await.unwrap_or_else(|panic| Err(Failure::Internal(panic.to_string())));
        Ok(told.map_or_else(|failure| refusal(&failure), Told::result).into())
    }
}

/// What a tool has to say.
struct Told {
    text: String,
    value: Value,
}

impl Told {
    fn new(text: String, value: serde_json::Result<Value>) -> Result<Self, Failure> {
        let value = value.map_err(|error| Failure::Internal(format!("the answer is not JSON: {error}")))?;
        Ok(Self { text, value })
    }

    fn result(self) -> CallToolResult {
        let mut result = CallToolResult::structured(self.value);
        result.content = vec![ContentBlock::text(plain(&self.text))];
        result
    }
}

/// Every fault, for reading and for programs.
fn refusal(failure: &Failure) -> CallToolResult {
    let problem =
        |fault: &Fault| json!({ "code": fault.code, "at": fault.at, "message": fault.message, "help": fault.help });
    let problems: Vec<Value> = match failure {
        Failure::Faults(faults) => faults.iter().map(problem).collect(),
        Failure::Internal(_) => Vec::new(),
    };
    let mut result = CallToolResult::structured_error(json!({ "problems": problems }));
    result.content = vec![ContentBlock::text(plain(&failure.tell()))];
    result
}

/// Without colours.
fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

/// What every call shares.
struct Desk {
    catalog: Catalog,
    context: Context,
}

/// One call of a tool.
struct Call<'a> {
    desk: &'a Desk,
    given: &'a JsonObject,
    goes_on: &'a dyn Fn() -> bool,
}

impl Call<'_> {
    /// No argument that the tool does not have, and each of its kind.
    fn known(&self, spec: &Spec) -> Result<(), Failure> {
        let Value::Object(known) = (spec.takes)() else { return Ok(()) };
        let strange = self.given.keys().filter(|name| !known.contains_key(name.as_str())).map(|name| {
            let names: Vec<&str> = known.keys().map(String::as_str).collect();
            Fault::new("unknown-key", format!("unknown argument `{name}`"), name.clone()).help(format!(
                "{} takes {}",
                spec.name,
                names.join(", ")
            ))
        });
        let mistyped = self.given.iter().filter_map(|(name, value)| {
            let kind = known.get(name)?.get("type")?.as_str()?;
            let fits = match kind {
                "boolean" => value.is_boolean(),
                "integer" => value.is_u64(),
                "number" => value.is_number(),
                "string" => value.is_string(),
                "array" => value.as_array().is_some_and(|all| all.iter().all(Value::is_string)),
                _ => true,
            };
            (!fits).then(|| Fault::new("wrong-type", format!("{value} is no {kind}"), name.clone()))
        });
        let faults: Vec<Fault> = strange.chain(mistyped).collect();
        if faults.is_empty() { Ok(()) } else { Err(Failure::Faults(faults)) }
    }

    /// The job of an argument: a table of sections, or the text of a job file.
    fn job(&self, name: &str) -> Result<Request, Failure> {
        let parsed = match self.given.get(name) {
            None | Some(Value::Null) => {
                let fault = Fault::new("missing", format!("no {name}"), name);
                return Err(fault
                    .help("as {\"model\": {\"base\": \"llama-3.1-8b\"}, \"data\": {\"tokens\": \"6M\"}}")
                    .into());
            }
            Some(Value::String(text)) if text.trim_start().starts_with('{') => outlay::from_json(text),
            Some(Value::String(text)) => outlay::parse(text),
            Some(sections) => outlay::from_json(&sections.to_string()),
        };
        let mut request = parsed.map_err(|problems| faults(name, problems))?;
        look_up(&mut request, None, &self.desk.catalog, &self.desk.context)
            .map_err(|fault| Failure::Faults(vec![within(name, fault)]))?;
        Ok(request)
    }

    fn today(&self) -> String {
        self.desk.context.day()
    }

    fn switch(&self, name: &str) -> bool {
        self.given.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    fn names(&self) -> Vec<String> {
        let given = self.given.get("names").and_then(Value::as_array).into_iter().flatten();
        given.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.given.get(name).and_then(Value::as_str)
    }

    fn limit(&self) -> usize {
        match self.given.get("limit").and_then(Value::as_u64) {
            None => ROWS,
            Some(0) => usize::MAX,
            Some(limit) => usize::try_from(limit).unwrap_or(usize::MAX),
        }
    }
}

/// Problems of a job, each with the argument it stands in.
fn faults(name: &str, problems: Vec<outlay::Problem>) -> Failure {
    Failure::Faults(problems.into_iter().map(|problem| within(name, problem.into())).collect())
}

/// Where there is one job, its keys speak for themselves.
fn within(name: &str, mut fault: Fault) -> Fault {
    if name != "job" {
        fault.at = format!("{} in {name}", fault.at);
    }
    fault
}

/// A tool: its name, what it is for, what it takes and gives, and how it answers.
struct Spec {
    name: &'static str,
    title: &'static str,
    about: &'static str,
    takes: fn() -> Value,
    needs: &'static [&'static str],
    gives: fn() -> Value,
    answer: fn(&Call<'_>) -> Result<Told, Failure>,
}

const TOOLS: &[Spec] = &[
    Spec {
        name: "plan",
        title: "Plan a training job",
        about: "Find the best hardware and layout for training or fine-tuning a language model: what to rent, for how \
                long, for how much, with 80 % intervals, alternatives and why they lost. pick is null if nothing is \
                feasible; relaxations then say what would have to give.",
        takes: || json!({ "job": job_schema(), "terms": terms_schema() }),
        needs: &["job"],
        gives: || read(&schema::response()),
        answer: |call| {
            let request = call.job("job")?;
            let goes_on = |_: &outlay::core::search::Progress| (call.goes_on)();
            let response = outlay::plan_watched(&request, &call.desk.catalog, &call.today(), &goes_on);
            told(call, response.map_err(|problems| faults("job", problems))?)
        },
    },
    Spec {
        name: "estimate",
        title: "Forecast one configuration",
        about: "Forecast exactly the machines and layout that the job names (hardware.accelerators and hardware.gpus, parts \
                of layout): memory by part, step time by part, hours, money, each with its interval, and whether it fits.",
        takes: || json!({ "job": job_schema(), "terms": terms_schema() }),
        needs: &["job"],
        gives: || read(&schema::response()),
        answer: |call| {
            let response = outlay::estimate(&call.job("job")?, &call.desk.catalog, &call.today());
            told(call, response.map_err(|problems| faults("job", problems))?)
        },
    },
    Spec {
        name: "levers",
        title: "Rank changes to a job",
        about: "Move every lever of a job one step each way (precision, batch, method, layout, purchase, data, …) and say \
                what each does to cost, time, memory and expected loss; what moves the bill most comes first.",
        takes: || json!({ "job": job_schema(), "limit": limit_schema() }),
        needs: &["job"],
        gives: || read(&schema::levers()),
        answer: |call| {
            let all = outlay::levers(&call.job("job")?, &call.desk.catalog);
            let mut all = all.map_err(|problems| faults("job", problems))?;
            let text = levers::markdown(&all, call.limit());
            all.levers.truncate(call.limit());
            Told::new(text, serde_json::to_value(&all))
        },
    },
    Spec {
        name: "diff",
        title: "Compare two jobs",
        about: "Plan two jobs and say what the change from one to the other does to cost, time, memory, fit and expected \
                loss, term by term.",
        takes: || json!({ "before": job_schema(), "after": job_schema() }),
        needs: &["before", "after"],
        gives: || read(&schema::diff()),
        answer: |call| {
            let (before, after) = match (call.job("before"), call.job("after")) {
                (Ok(before), Ok(after)) => (before, after),
                (Err(Failure::Faults(mut one)), Err(Failure::Faults(other))) => {
                    one.extend(other);
                    return Err(Failure::Faults(one));
                }
                (Err(failure), _) | (_, Err(failure)) => return Err(failure),
            };
            let mut wrong = Vec::new();
            for (name, request) in [("before", &before), ("after", &after)] {
                if let Err(Failure::Faults(all)) =
                    outlay::check(request, &call.desk.catalog).map_err(|problems| faults(name, problems))
                {
                    wrong.extend(all);
                }
            }
            if !wrong.is_empty() {
                return Err(Failure::Faults(wrong));
            }
            let diff = outlay::diff(&before, &after, &call.desk.catalog, &call.today());
            let diff = diff.map_err(|problems| faults("job", problems))?;
            Told::new(difference::markdown(&diff), serde_json::to_value(&diff))
        },
    },
    Spec {
        name: "models",
        title: "Look up models",
        about: "List model presets with their parameters, layers and width. Any org/name of the Hugging Face hub or path of \
                a config.json works as model.base too.",
        takes: || json!({ "names": names_schema() }),
        needs: &[],
        gives: || rows_schema("models", "ModelRow"),
        answer: |call| {
            let rows = lists::models(&call.desk.catalog, &call.names());
            Told::new(models::table(&rows).markdown(), Ok(json!({ "models": rows })))
        },
    },
    Spec {
        name: "hardware",
        title: "Look up accelerators",
        about: "List accelerators with memory, bandwidth, dense peaks, power and lowest on-demand price.",
        takes: || {
            let least = json!({ "type": "number", "description": "Only those with at least so much memory, in GB." });
            json!({ "names": names_schema(), "min_memory_gb": least })
        },
        needs: &[],
        gives: || rows_schema("accelerators", "AcceleratorRow"),
        answer: |call| {
            let least = call.given.get("min_memory_gb").and_then(Value::as_f64);
            let rows = lists::accelerators(&call.desk.catalog, &call.names(), least);
            Told::new(hardware::table(&rows).markdown(), Ok(json!({ "accelerators": rows })))
        },
    },
    Spec {
        name: "offers",
        title: "Look up prices",
        about: "List what can be rented, cheapest accelerator-hour first, with provider, region, kind of purchase and day of \
                the price.",
        takes: || {
            let provider = json!({ "type": "string", "description": "Only this provider." });
            json!({ "names": names_schema(), "provider": provider, "limit": limit_schema() })
        },
        needs: &[],
        gives: || rows_schema("offers", "OfferRow"),
        answer: |call| {
            let mut rows = lists::offers(&call.desk.catalog, &call.names(), call.text("provider"));
            rows.truncate(call.limit());
            Told::new(offers::table(&rows).markdown(), Ok(json!({ "offers": rows })))
        },
    },
];

impl Spec {
    fn tool(&self) -> Tool {
        let mut takes = json!({
            "type": "object",
            "properties": (self.takes)(),
            "required": self.needs,
            "additionalProperties": false,
        });
        if !self.needs.is_empty() {
            takes["$defs"] = job_definitions();
        }
        let hints = ToolAnnotations::new().read_only(true).idempotent(true).open_world(false);
        let tool = Tool::new(self.name, self.about, Arc::new(object(takes)));
        tool.with_title(self.title).with_raw_output_schema(Arc::new(object((self.gives)()))).with_annotations(hints)
    }
}

/// A response, as short as it is wanted.
fn told(call: &Call<'_>, mut response: Response) -> Result<Told, Failure> {
    let text = answer::markdown(&response);
    if !call.switch("terms") {
        let losers = response.losers.iter_mut().map(|loser| &mut loser.plan);
        let relaxed = response.relaxations.iter_mut().map(|relaxation| &mut relaxation.plan);
        response.front.iter_mut().chain(losers).chain(relaxed).for_each(fold);
    }
    Told::new(text, serde_json::to_value(&response))
}

/// Leaves the sums of a plan and drops what they are the sums of.
fn fold(plan: &mut Plan) {
    let terms = &mut plan.terms;
    for term in [&mut terms.memory, &mut terms.step, &mut terms.run] {
        term.parts.clear();
    }
    terms.bill.iter_mut().for_each(|bill| bill.parts.clear());
}

fn job_schema() -> Value {
    json!({
        "description": "A job: a table of sections, or the text of a job file in TOML or JSON. model.base is needed; \
                        amounts may be written as \"6M\", \"$500\", \"48h\". What is left out gets its default, which the \
                        answer names.",
        "anyOf": [{ "$ref": "#/$defs/Request" }, { "type": "string" }],
    })
}

/// The job's schema and those it refers to, as definitions of another one.
fn job_definitions() -> Value {
    let mut request = object(read(&schema::request()));
    let mut definitions = request.remove("$defs").map(object).unwrap_or_default();
    request.remove("$schema");
    definitions.insert("Request".into(), Value::Object(request));
    Value::Object(definitions)
}

fn terms_schema() -> Value {
    json!({ "type": "boolean", "description": "Also give the trees of terms of every plan that is not the pick." })
}

fn limit_schema() -> Value {
    json!({ "type": "integer", "minimum": 0, "description": format!("At most so many rows; 0: all; {ROWS} if left out.") })
}

fn names_schema() -> Value {
    let items = json!({ "type": "string" });
    json!({ "type": "array", "items": items, "description": "Only those whose name contains one of these." })
}

/// An object with a list of rows.
fn rows_schema(name: &str, row: &str) -> Value {
    let definitions = object(read(&schema::lists())).remove("$defs").unwrap_or_default();
    let rows = json!({ "type": "array", "items": { "$ref": format!("#/$defs/{row}") } });
    json!({ "type": "object", "properties": { name: rows }, "required": [name], "$defs": { row: definitions[row] } })
}

fn read(schema: &str) -> Value {
    serde_json::from_str(schema).unwrap_or_default()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
