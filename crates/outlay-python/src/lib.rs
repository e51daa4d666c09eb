//! The native half of the Python package `outlay`: text in, text out.
//!
//! Jobs come as the text of a file (TOML or JSON) and answers go back as the JSON that the command prints with `--json`; the
//! Python half makes dataclasses of it. So there is no second description of any type here, and both ways in give the same
//! bytes. The price is that an answer is written and read once more, well below the time of a search.
//!
//! Does not know: files, the hub, the clock; the Python half hands in what they say.

use pyo3::prelude::*;

#[pymodule]
mod _native {
    use std::sync::LazyLock;
    use std::time::{Duration, Instant};

    use outlay::catalog::Catalog;
    use outlay::core::search::Progress;
    use outlay::problem::Code;
    use outlay::request::Request;
    use outlay::{Problem, lists};
    use pyo3::create_exception;
    use pyo3::exceptions::{PyRuntimeError, PyValueError};
    use pyo3::prelude::*;
    use serde_json::Value;

    static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::built_in);

    create_exception!(_native, Refused, PyValueError, "A job was refused; the argument is its problems as JSON.");

    #[pymodule_export]
    #[allow(non_upper_case_globals)]
    const __version__: &str = env!("CARGO_PKG_VERSION");

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("Refused", module.py().get_type::<Refused>())
    }

    /// The answer to a question about one job.
    #[pyfunction]
    #[pyo3(signature = (question, job, today, time_limit = None))]
    fn ask(py: Python<'_>, question: &str, job: &str, today: &str, time_limit: Option<f64>) -> PyResult<String> {
        let limit = match time_limit.map(Duration::try_from_secs_f64).transpose() {
            Ok(limit) => limit,
            Err(error) => return Err(PyValueError::new_err(format!("time_limit: {error}"))),
        };
        // Other threads of Python go on while the search runs.
        py.detach(|| {
            let request = read(job).map_err(refused)?;
            let start = Instant::now();
            let watch = |_: &Progress| limit.is_none_or(|limit| start.elapsed() < limit);
            match question {
                "plan" => written(outlay::plan_watched(&request, &CATALOG, today, &watch)),
                "estimate" => written(outlay::estimate(&request, &CATALOG, today)),
                "levers" => written(outlay::levers(&request, &CATALOG)),
                other => Err(PyValueError::new_err(format!("no question {other:?}"))),
            }
        })
    }

    /// What the change from one job to another does.
    #[pyfunction]
    fn diff(py: Python<'_>, before: &str, after: &str, today: &str) -> PyResult<String> {
        py.detach(|| {
            let (before, after) = match (read(before), read(after)) {
                (Ok(before), Ok(after)) => (before, after),
                (Err(mut one), other) => {
                    one.extend(other.err().unwrap_or_default());
                    return Err(refused(one));
                }
                (_, Err(problems)) => return Err(refused(problems)),
            };
            written(outlay::diff(&before, &after, &CATALOG, today))
        })
    }

    /// Model presets whose name contains one of these.
    #[pyfunction]
    #[allow(clippy::needless_pass_by_value)]
    fn models(names: Vec<String>) -> PyResult<String> {
        json(&lists::models(&CATALOG, &names))
    }

    /// Accelerators whose name contains one of these, with at least so much memory.
    #[pyfunction]
    #[allow(clippy::needless_pass_by_value)]
    fn hardware(names: Vec<String>, min_memory_gb: Option<f64>) -> PyResult<String> {
        json(&lists::accelerators(&CATALOG, &names, min_memory_gb))
    }

    /// Offers of accelerators or machines whose name contains one of these, of one provider.
    #[pyfunction]
    #[allow(clippy::needless_pass_by_value)]
    fn offers(names: Vec<String>, provider: Option<&str>) -> PyResult<String> {
        json(&lists::offers(&CATALOG, &names, provider))
    }

    /// The text of a job file as JSON, with a null for every key that it does not set.
    #[pyfunction]
    fn parse(text: &str) -> PyResult<String> {
        read(text).map_err(refused).and_then(|request| json(&request))
    }

    /// The text of a `config.json` as plain JSON.
    #[pyfunction]
    fn config(text: &str) -> PyResult<String> {
        let fault = |error: serde_json::Error| {
            let message = format!("the config.json is not valid JSON: {error}");
            refused(vec![Problem::new(Code::UnreadableModel, "model.base", message)])
        };
        outlay::catalog::config_json(text).map_err(fault).and_then(|value| json(&value))
    }

    /// Whether a model is a preset.
    #[pyfunction]
    fn has_model(name: &str) -> bool {
        CATALOG.has_model(name)
    }

    /// JSON as the command writes it.
    #[pyfunction]
    fn pretty(text: &str) -> PyResult<String> {
        let value: Value = serde_json::from_str(text).map_err(|error| PyValueError::new_err(error.to_string()))?;
        json(&value)
    }

    fn read(text: &str) -> Result<Request, Vec<Problem>> {
        if text.trim_start().starts_with('{') { outlay::from_json(text) } else { outlay::parse(text) }
    }

    fn written<T: serde::Serialize>(answer: Result<T, Vec<Problem>>) -> PyResult<String> {
        answer.map_err(refused).and_then(|answer| json(&answer))
    }

    fn json(answer: &impl serde::Serialize) -> PyResult<String> {
        outlay::json(answer).map_err(|error| PyRuntimeError::new_err(error.to_string()))
    }

    #[allow(clippy::needless_pass_by_value)]
    fn refused(problems: Vec<Problem>) -> PyErr {
        Refused::new_err(serde_json::to_string(&problems).unwrap_or_default())
    }
}
