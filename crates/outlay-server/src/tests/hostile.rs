//! What strangers send: broken, huge, nested, doubled, misnamed. Each is refused with its reason, none breaks anything.

use axum::body::{Body, Bytes};
use axum::http::{Method, Request, StatusCode, header};
use serde_json::json;

use super::{Place, small_job};
use crate::settings::Limits;

#[tokio::test]
async fn hostile_json() {
    let place = Place::new().await;
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(50_000), close.repeat(50_000));
    for (name, body) in [
        ("nothing", String::new()),
        ("no JSON", "<job/>".into()),
        ("deep lists", deep("[", "]")),
        ("deep objects", deep("{\"a\":", "}")),
        ("a huge number", "{\"data\": {\"tokens\": 1e999}}".into()),
        ("a key twice", "{\"model\": {\"base\": \"llama-3.1-8b\", \"base\": \"llama-3.1-70b\"}}".into()),
        ("two values", "{} {}".into()),
        ("a lone surrogate", "{\"model\": {\"base\": \"\\ud800\"}}".into()),
    ] {
        let came = place.post("/api/v1/plan", body).await;
        assert_eq!((came.status, came.problems()[0].0.as_str()), (StatusCode::BAD_REQUEST, "bad-syntax"), "{name}");
    }
    for body in ["[]", "null", "3", "\"x\"", "{\"model\": []}", "{\"train\": {\"epochs\": {}}}"] {
        let came = place.post("/api/v1/plan", body).await;
        assert_eq!(came.status, StatusCode::BAD_REQUEST, "{body}: {}", came.text());
    }
    let came = place.post("/api/v1/plan", vec![0xff, 0xfe, 0x00]).await;
    assert_eq!(came.status, StatusCode::BAD_REQUEST);
}

/// Numbers that can be read and cannot be: an answer or a problem, in any case no crash and no `null` for a sum.
#[tokio::test]
async fn huge_and_tiny_figures() {
    let place = Place::new().await;
    for value in
        [json!(1e308), json!(1e-308), json!(-1), json!(0), json!(u64::MAX), json!("1e400"), json!("9".repeat(400))]
    {
        for (section, key) in [
            ("data", "tokens"),
            ("data", "seq_len"),
            ("data", "epochs"),
            ("train", "global_batch"),
            ("hardware", "gpus"),
            ("hardware", "max_gpus"),
            ("layout", "tp"),
            ("limits", "budget"),
            ("method", "rank"),
        ] {
            let mut job = small_job();
            job[section][key] = value.clone();
            let came = place.post_json("/api/v1/estimate", &job).await;
            let code = came.status.as_u16();
            assert!(matches!(code, 200 | 400 | 404 | 422), "{section}.{key} = {value}: {code} {}", came.text());
        }
    }
}

#[tokio::test]
async fn bodies_that_are_too_large() {
    let place = Place::new().await;
    // 100 MB that are told beforehand are not even begun.
    let told = Request::post("/api/v1/plan")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONTENT_LENGTH, 100_000_000);
    let came = place.send(told.body(Body::from("x")).unwrap()).await;
    assert_eq!((came.status, came.problems()[0].0.as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "too-large"));
    // 100 MB that come in pieces are let go at the limit.
    let pieces =
        futures_util::stream::iter((0..1_600).map(|_| Ok::<_, std::io::Error>(Bytes::from(vec![b' '; 65_536]))));
    let came = place.post("/api/v1/plan", Body::from_stream(pieces)).await;
    assert_eq!(came.status, StatusCode::PAYLOAD_TOO_LARGE);
    // Together they may take so much and no more.
    let place = Place::with(Limits { bodies: 4 << 10, ..Limits::default() }, false).await;
    let sized = |body: String| {
        let request = Request::post("/api/v1/estimate").header(header::CONTENT_TYPE, "application/json");
        place.send(request.header(header::CONTENT_LENGTH, body.len()).body(Body::from(body)).unwrap())
    };
    let came = sized(" ".repeat(5 << 10)).await;
    assert_eq!((came.status, came.header(header::RETRY_AFTER)), (StatusCode::SERVICE_UNAVAILABLE, "1"));
    assert_eq!(sized(small_job().to_string()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn only_json_is_read() {
    let place = Place::new().await;
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "application/jsonp"]
    {
        let request = Request::post("/api/v1/plans").header(header::CONTENT_TYPE, kind);
        let came = place.send(request.body(Body::from(json!({"job": small_job()}).to_string())).unwrap()).await;
        assert_eq!(
            (came.status, came.problems()[0].0.as_str()),
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-json"),
            "{kind}"
        );
    }
    let request = Request::post("/api/v1/estimate").header(header::CONTENT_TYPE, "Application/JSON; charset=utf-8");
    assert_eq!(place.send(request.body(Body::from(small_job().to_string())).unwrap()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn addresses_and_methods() {
    let place = Place::new().await;
    for path in [
        "/api/v1/",
        "/api/v1/nothing",
        "/api/v1/plans/",
        "/api/v1/plans/..%2f..%2fetc",
        "/api/v1/plans/%ff%fe",
        "/s/",
        "/s/%00",
        "/../../etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "//",
        "/index.html/",
        "/s/%3Cscript%3E",
        &format!("/s/{}", "a".repeat(30_000)),
    ] {
        let came = place.get(path).await;
        let code = came.status.as_u16();
        assert!(matches!(code, 400 | 404), "{path}: {code} {}", came.text());
        assert!(!came.problems().is_empty(), "{path}: {}", came.text());
        assert!(came.body.len() < 2_000, "{path}: echoed");
    }
    for method in [
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::TRACE,
        Method::OPTIONS,
        Method::from_bytes(b"QUERY").unwrap(),
    ] {
        for path in ["/api/v1/plan", "/api/v1/models", "/"] {
            let request = Request::builder().method(method.clone()).uri(path).body(Body::empty()).unwrap();
            let came = place.send(request).await;
            assert_eq!(came.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
            assert!(!came.header(header::ALLOW).is_empty(), "{method} {path}");
        }
    }
}

/// Names of users come back as data, never as markup, and never into a header.
#[tokio::test]
async fn names_stay_data() {
    let place = Place::new().await;
    let script = "<script>alert(1)</script>";
    let mut job = small_job();
    job["model"] = json!({"base": script});
    let came = place.post_json("/api/v1/plan", &job).await;
    assert_eq!(came.status, StatusCode::NOT_FOUND);
    assert_eq!(came.header(header::CONTENT_TYPE), "application/json");
    let stored = place.post_json("/api/v1/plans", &json!({"job": small_job(), "title": script})).await;
    assert_eq!(stored.json()["title"], script);
    assert_eq!(stored.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
    for state in ["p=a\r\nset-cookie: x=1", "p=a b", "<script>", "p=\u{fc}", &"x".repeat(20_000)] {
        let came = place.post_json("/api/v1/plans", &json!({"job": small_job(), "state": state})).await;
        assert_eq!((came.status, came.problems()[0].1.as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "state"));
    }
    let long = "a".repeat(500_000);
    job["model"] = json!({"base": long});
    let start = std::time::Instant::now();
    assert_eq!(place.post_json("/api/v1/estimate", &job).await.status, StatusCode::NOT_FOUND);
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
}
