//! Plans and links, from storing to deleting.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::{Place, small_job};

#[tokio::test]
async fn a_plan_from_storing_to_deleting() {
    let place = Place::new().await;
    let stored = place.post_json("/api/v1/plans", &json!({"job": small_job(), "title": "the first"})).await;
    assert_eq!(stored.status, StatusCode::CREATED, "{}", stored.text());
    let plan = stored.json();
    let id = plan["id"].as_str().unwrap();
    assert_eq!((plan["job"].clone(), plan["title"].as_str()), (small_job(), Some("the first")));
    assert_eq!(stored.header(header::LOCATION), format!("/api/v1/plans/{id}"));
    let opened = place.get(&format!("/s/{id}")).await;
    assert_eq!(opened.status, StatusCode::SEE_OTHER);
    // The first version of the page's links: base64url of the job as `j`.
    let state = opened.header(header::LOCATION).strip_prefix("/#1j").expect("a link of the page");
    let state: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(state).unwrap()).unwrap();
    assert_eq!(state, json!({"j": small_job()}));
    assert_eq!(place.get("/api/v1/plans").await.json()[0], plan);
    let delete = || Request::delete(format!("/api/v1/plans/{id}")).body(Body::empty()).unwrap();
    assert_eq!(place.send(delete()).await.status, StatusCode::NO_CONTENT);
    assert_eq!(place.send(delete()).await.status, StatusCode::NOT_FOUND);
    assert_eq!(place.get(&format!("/s/{id}")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_link_opens_the_state_that_the_page_stored() {
    let place = Place::new().await;
    let state = "p=1.eJyrVkrLz1eyUkpKLFKqBQA-_~";
    let plan = place.post_json("/api/v1/plans", &json!({"job": small_job(), "state": state})).await.json();
    let opened = place.get(plan["link"].as_str().unwrap()).await;
    assert_eq!(opened.header(header::LOCATION), format!("/#{state}"));
}

/// A job that no address bears is shown as it is stored.
#[tokio::test]
async fn a_job_too_long_for_a_link_is_shown_as_json() {
    let place = Place::new().await;
    let mut job = small_job();
    job["model"]["config"] = json!({"note": "x".repeat(20_000)});
    let plan = place.post_json("/api/v1/plans", &json!({"job": job})).await.json();
    let opened = place.get(plan["link"].as_str().unwrap()).await;
    assert_eq!(opened.header(header::LOCATION), format!("/api/v1/plans/{}", plan["id"].as_str().unwrap()));
}

#[tokio::test]
async fn what_is_no_plan_is_not_stored() {
    let place = Place::new().await;
    for (body, at) in [
        (json!({"job": {"modle": {}}}), "job.modle"),
        (json!({"job": small_job(), "title": "a\nb"}), "title"),
        (json!({"job": small_job(), "title": "a".repeat(201)}), "title"),
        (json!({"title": "x"}), "the body"),
        (json!({"job": small_job(), "owner": 1}), "the body"),
    ] {
        let came = place.post_json("/api/v1/plans", &body).await;
        assert!(matches!(came.status.as_u16(), 400 | 422), "{body}: {}", came.text());
        assert_eq!(came.problems()[0].1, at, "{body}");
    }
    for query in ["limit=0", "limit=101", "limit=x", "ofset=1"] {
        assert!(place.get(&format!("/api/v1/plans?{query}")).await.status.is_client_error(), "{query}");
    }
    assert_eq!(place.get("/api/v1/plans?offset=18446744073709551615").await.json(), json!([]));
}
