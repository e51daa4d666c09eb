//! Every question gets the door's answer, in its bytes.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use outlay::catalog::Catalog;
use serde_json::{Value, json};

use super::{Place, TODAY, long_job, small_job};
use crate::answer;

fn request(job: &Value) -> outlay::request::Request {
    outlay::from_value(job).expect("a job")
}

#[tokio::test]
async fn the_answers_are_the_doors() {
    let (place, catalog, job) = (Place::new().await, Catalog::built_in(), small_job());
    let mut other = job.clone();
    other["method"]["kind"] = json!("lora");
    let asked = request(&job);
    let both = json!({"before": job, "after": other});
    let why = json!({"job": job, "named": {"hardware": {"accelerators": ["h100-sxm"]}}});
    let mut named = job.clone();
    named["hardware"]["accelerators"] = json!(["h100-sxm"]);
    let wanted = [
        ("plan", job.clone(), answer::text(&outlay::plan(&asked, &catalog, TODAY).unwrap())),
        ("estimate", job.clone(), answer::text(&outlay::estimate(&asked, &catalog, TODAY).unwrap())),
        ("levers", job.clone(), answer::text(&outlay::levers(&asked, &catalog).unwrap())),
        ("diff", both, answer::text(&outlay::diff(&asked, &request(&other), &catalog, TODAY).unwrap())),
        ("why", why, answer::text(&outlay::why(&asked, &request(&named), &catalog, TODAY).unwrap())),
    ];
    for (name, body, text) in wanted {
        let came = place.post_json(&format!("/api/v1/{name}"), &body).await;
        assert_eq!(came.status, StatusCode::OK, "{name}: {}", came.text());
        assert_eq!(came.text(), text.unwrap(), "{name}");
        assert_eq!(came.header(header::CONTENT_TYPE), "application/json");
        assert_eq!(came.header(header::CACHE_CONTROL), "no-store");
    }
}

#[tokio::test]
async fn the_same_estimate_again_has_the_same_bytes() {
    let place = Place::new().await;
    let first = place.post_json("/api/v1/estimate", &small_job()).await;
    assert!(place.app.kept.weight() > first.text().len() as u64, "kept");
    let again = place.post_json("/api/v1/estimate", &small_job()).await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_eq!(again.header(header::CONTENT_TYPE), "application/json");
    // What is refused is not kept, nor is what rests on the hub.
    let weight = place.app.kept.weight();
    let mut other = small_job();
    other["model"] = json!({"base": "org/small"});
    assert_eq!(place.post_json("/api/v1/estimate", &other).await.status, StatusCode::OK);
    other["model"] = json!({"base": "nothing"});
    assert_eq!(place.post_json("/api/v1/estimate", &other).await.status, StatusCode::NOT_FOUND);
    assert_eq!(place.app.kept.weight(), weight);
}

#[tokio::test]
async fn laws_of_scale() {
    let (place, catalog) = (Place::new().await, Catalog::built_in());
    let wanted = outlay::scaling::Wanted { flops: Some(1e20), served: None };
    let door = outlay::scaling::optimum(&Default::default(), &wanted, &catalog).unwrap();
    let came = place.post_json("/api/v1/scaling/optimum", &json!({"flops": 1e20})).await;
    assert_eq!(came.text(), answer::text(&door).unwrap());
    let came = place.post_json("/api/v1/scaling/frontier", &json!({"from": 1e19, "to": 2e19})).await;
    let door = outlay::scaling::frontier(&Default::default(), 1e19, 2e19, &catalog).unwrap();
    assert_eq!(came.text(), answer::text(&door).unwrap());
    let rows = (1..=12).map(|n| {
        let (params, tokens) = (1e8 * f64::from(n), 2e9 * f64::from(n) * f64::from(n));
        format!("{params},{tokens},{}\n", 1.7 + 400.0 / params.powf(0.34) + 410.0 / tokens.powf(0.28))
    });
    let table = format!("params,tokens,loss\n{}", rows.collect::<String>());
    let body = json!({"table": table, "at": [{"params": 7e9, "tokens": 1.4e11}]});
    let came = place.post_json("/api/v1/scaling/fit", &body).await;
    assert_eq!(came.status, StatusCode::OK, "{}", came.text());
    assert_eq!(came.json()["laws"][0]["foreseen"][0]["params"], 7e9);
    let came = place.post_json("/api/v1/scaling/fit", &json!({"table": "params\n1", "fit_below": -1.0})).await;
    assert_eq!(came.problems(), [("out-of-range".to_owned(), "fit_below".to_owned())]);
}

#[tokio::test]
async fn catalogs_are_filtered() {
    let place = Place::new().await;
    let count = |came: super::Came| came.json().as_array().map_or(0, Vec::len);
    let all = count(place.get("/api/v1/hardware").await);
    let some = count(place.get("/api/v1/hardware?name=h100&name=a100&min_memory_gb=80").await);
    assert!(0 < some && some < all, "{some} of {all}");
    assert_eq!(count(place.get("/api/v1/offers").await), 40);
    assert!(count(place.get("/api/v1/offers?limit=0").await) > 100);
    let offers = place.get("/api/v1/offers?provider=vast&name=4090&limit=3").await.json();
    assert!(offers.as_array().unwrap().iter().all(|row| row["provider"] == "vast"), "{offers}");
    assert!(count(place.get("/api/v1/models?name=llama").await) > 3);
    for (path, code) in [
        ("/api/v1/models?nam=x", "unknown-key"),
        ("/api/v1/offers?limit=-1", "bad-amount"),
        ("/api/v1/hardware?min_memory_gb=nan", "bad-amount"),
        ("/api/v1/hardware?min_memory_gb=inf", "bad-amount"),
    ] {
        let came = place.get(path).await;
        assert_eq!((came.status, came.problems()[0].0.as_str()), (StatusCode::BAD_REQUEST, code), "{path}");
    }
    let came = place.get("/api/v1/offers?limit=1&limit=2").await;
    assert_eq!(came.problems(), [("contradiction".to_owned(), "?limit".to_owned())]);
}

#[tokio::test]
async fn problems_are_told_all_at_once_with_their_places() {
    let place = Place::new().await;
    let came = place.post_json("/api/v1/plan", &json!({"modle": {}, "method": {"knd": 1}, "train": 3})).await;
    assert_eq!(came.status, StatusCode::BAD_REQUEST);
    let at: Vec<String> = came.problems().into_iter().map(|(_, at)| at).collect();
    assert_eq!(at, ["method.knd", "modle", "train"]);
    let came = place.post_json("/api/v1/estimate", &json!({"model": {"base": "lama-3.1-8b"}})).await;
    assert_eq!(came.status, StatusCode::NOT_FOUND, "{}", came.text());
    let came = place.post_json("/api/v1/diff", &json!({"before": small_job(), "after": {"modle": {}}})).await;
    assert_eq!(came.problems(), [("unknown-key".to_owned(), "after.modle".to_owned())]);
    let mut nameless = small_job();
    nameless["model"] = json!({"base": "lama"});
    let came = place.post_json("/api/v1/diff", &json!({"before": small_job(), "after": nameless})).await;
    assert_eq!(came.problems()[0].1, "after.model.base", "{}", came.text());
    let came = place.post_json("/api/v1/diff", &json!({"before": small_job()})).await;
    assert_eq!(came.problems()[0].0, "missing");
    let came = place.post_json("/api/v1/why", &json!({"job": small_job(), "named": {"hardwear": {}}})).await;
    assert_eq!(came.problems()[0].1, "named.hardwear");
}

/// No plan is an answer, not a fault.
#[tokio::test]
async fn what_is_not_feasible_is_an_answer() {
    let place = Place::new().await;
    let mut job = small_job();
    job["limits"] = json!({"budget": "$0.0001"});
    let came = place.post_json("/api/v1/plan", &job).await;
    assert_eq!((came.status, came.json()["pick"].clone()), (StatusCode::OK, Value::Null));
}

#[tokio::test]
async fn a_model_of_the_hub_is_looked_up_and_a_path_is_not() {
    let place = Place::new().await;
    let mut job = small_job();
    job["model"] = json!({"base": "org/small"});
    let came = place.post_json("/api/v1/estimate", &job).await;
    assert_eq!(came.status, StatusCode::OK, "{}", came.text());
    let came = place.get("/api/v1/hub/org/small/config").await;
    assert_eq!(came.json()["hidden_size"], 2048);
    for (id, status) in [("org/broken", 422), ("org/nothing", 404), ("org/panics", 500), ("org/..%2f..", 404)] {
        let came = place.get(&format!("/api/v1/hub/{id}/config")).await;
        assert_eq!(came.status.as_u16(), status, "{id}: {}", came.text());
    }
    for base in ["/etc/passwd", "./config.json", "../../x/config.json", "Cargo.toml"] {
        job["model"] = json!({"base": base});
        let came = place.post_json("/api/v1/estimate", &job).await;
        assert_eq!(came.status, StatusCode::NOT_FOUND, "{base}: {}", came.text());
    }
}

#[tokio::test]
async fn a_search_tells_how_far_it_is() {
    let place = Place::new().await;
    let events = |job: Value, more: &str| {
        let asked = Request::post(format!("/api/v1/plan{more}"));
        let asked = asked.header(header::CONTENT_TYPE, "application/json").header(header::ACCEPT, "text/event-stream");
        place.send(asked.body(Body::from(job.to_string())).unwrap())
    };
    let came = events(small_job(), "").await;
    assert_eq!(came.header(header::CONTENT_TYPE), "text/event-stream");
    let plain = place.post_json("/api/v1/plan", &small_job()).await;
    let answer: Vec<&str> = came.text().rsplit("event: answer\n").next().unwrap().lines().collect();
    let data: Vec<&str> = answer.iter().filter_map(|line| line.strip_prefix("data: ")).collect();
    assert_eq!(data.join("\n") + "\n", plain.text());
    let came = events(long_job(), "?time_limit=0.3").await;
    assert!(came.text().starts_with("event: progress\ndata: {\"settled\":"), "{}", came.text());
    assert!(came.text().contains("the search was ended early"), "{}", came.text());
    let came = events(json!({"modle": {}}), "").await;
    assert_eq!(came.status, StatusCode::BAD_REQUEST);
    let came = events(json!({"model": {"base": "lama"}}), "").await;
    assert!(came.text().starts_with("event: problems\ndata: {"), "{}", came.text());
}

#[tokio::test]
async fn the_page_and_the_description_are_kept_by_their_tags() {
    let place = Place::new().await;
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/api/v1/openapi.json", "application/json"),
        ("/api/v1/docs", "text/html; charset=utf-8"),
        ("/api/v1/docs.css", "text/css; charset=utf-8"),
    ] {
        let came = place.get(path).await;
        assert_eq!((came.status, came.header(header::CONTENT_TYPE)), (StatusCode::OK, kind), "{path}");
        assert_eq!(came.header(header::CACHE_CONTROL), "no-cache", "{path}");
        let again = Request::get(path).header(header::IF_NONE_MATCH, came.header(header::ETAG));
        let again = place.send(again.body(Body::empty()).unwrap()).await;
        assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0), "{path}");
    }
    for encoding in ["gzip", "br"] {
        let small = Request::get("/api/v1/openapi.json").header(header::ACCEPT_ENCODING, encoding);
        let small = place.send(small.body(Body::empty()).unwrap()).await;
        assert_eq!(small.header(header::CONTENT_ENCODING), encoding);
        assert!(small.body.len() < 60_000, "{}", small.body.len());
    }
    let came = place.get("/nothing/here.js").await;
    assert_eq!((came.status, came.problems()[0].0.as_str()), (StatusCode::NOT_FOUND, "not-found"));
}

#[tokio::test]
async fn health_counters_ids_and_headers_of_safety() {
    let place = Place::new().await;
    let came = place.get("/healthz").await;
    assert_eq!((came.json()["status"].as_str(), came.json()["database"].as_str()), (Some("ok"), Some("ok")));
    let policy = came.header(header::CONTENT_SECURITY_POLICY);
    assert!(policy.contains("script-src 'self' 'wasm-unsafe-eval';") && policy.contains("frame-ancestors 'none'"));
    assert_eq!(came.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
    assert_eq!(came.header("x-request-id").len(), 16);
    let given = |id: &str| Request::get("/healthz").header("x-request-id", id).body(Body::empty()).unwrap();
    assert_eq!(place.send(given("proxy-7.a_b")).await.header("x-request-id"), "proxy-7.a_b");
    assert_ne!(place.send(given("a b; <x>")).await.header("x-request-id"), "a b; <x>");
    let text = place.get("/metrics").await;
    let line = "outlay_http_requests_total{method=\"GET\",route=\"/healthz\",status=\"200\"} 3";
    assert!(text.text().contains(line), "{}", text.text());
    assert!(text.text().contains("outlay_memory_resident_bytes "), "{}", text.text());
}
