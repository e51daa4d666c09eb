//! Tokens: each route of the published description asks for what it says it asks for.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};

use super::{Came, Place, small_job};
use crate::settings::Limits;
use crate::token::Scope;

/// Every operation of the document: method, path with its parts filled in, and who may ask.
fn operations() -> Vec<(String, String, Vec<Value>)> {
    let document: Value = serde_json::from_str(&crate::openapi()).unwrap();
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let path = path.replace("{id}", &"0".repeat(32)).replace("{org}", "org").replace("{name}", "small");
            all.push((method.to_uppercase(), path, operation["security"].as_array().unwrap().clone()));
        }
    }
    all
}

async fn ask(place: &Place, method: &str, path: &str, authorization: Option<&str>) -> Came {
    let mut request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
    if let Some(value) = authorization {
        request = request.header(header::AUTHORIZATION, value);
    }
    let body = if path.ends_with("plans") { json!({"job": small_job()}) } else { small_job() };
    place.send(request.body(Body::from(body.to_string())).unwrap()).await
}

#[tokio::test]
async fn each_route_of_the_description_asks_for_its_token() {
    let place = Place::with(Limits::default(), true).await;
    let (read, write) = (place.token(Scope::Read).await, place.token(Scope::Write).await);
    let revoked = place.token(Scope::Write).await;
    let id = revoked.split('_').nth(1).unwrap().to_owned();
    assert!(place.app.store.revoke(&id, 1).await.unwrap());
    let last = if write.ends_with('0') { '1' } else { '0' };
    let wrong = format!("Bearer {}{last}", &write[..write.len() - 1]);
    let mut locked = 0;
    for (method, path, security) in operations() {
        let route = format!("{method} {path}");
        if security.is_empty() {
            assert!(ask(&place, &method, &path, None).await.status.is_success(), "{route}");
            continue;
        }
        let bad = [None, Some("Bearer"), Some("Bearer x"), Some("Basic eDp5"), Some(wrong.as_str())];
        let gone = format!("Bearer {revoked}");
        for authorization in bad.into_iter().chain([Some(gone.as_str())]) {
            let came = ask(&place, &method, &path, authorization).await;
            assert_eq!(came.status, StatusCode::UNAUTHORIZED, "{route} with {authorization:?}: {}", came.text());
            assert!(came.header(header::WWW_AUTHENTICATE).starts_with("Bearer"), "{route}");
        }
        let scope = security.iter().find_map(|one| one["token"][0].as_str()).unwrap();
        let came = ask(&place, &method, &path, Some(&format!("Bearer {read}"))).await;
        assert_eq!(came.status == StatusCode::FORBIDDEN, scope == "write", "{route}: {}", came.text());
        let came = ask(&place, &method, &path, Some(&format!("bearer {write}"))).await;
        assert!(!matches!(came.status.as_u16(), 401 | 403), "{route}: {}", came.text());
        locked += 1;
    }
    assert!(locked >= 18, "{locked} routes");
    // Nothing was stored but what the one good token stored.
    assert_eq!(place.app.store.plans(10, 0).await.unwrap().len(), 1);
}

#[tokio::test]
async fn private_plans_are_for_holders_of_tokens_and_shared_ones_for_all() {
    let place = Place::with(Limits::default(), true).await;
    let write = format!("Bearer {}", place.token(Scope::Write).await);
    let store = |shared: bool| {
        let body = json!({"job": small_job(), "shared": shared, "title": "ours"}).to_string();
        let request = Request::post("/api/v1/plans").header(header::CONTENT_TYPE, "application/json");
        place.send(request.header(header::AUTHORIZATION, &write).body(Body::from(body)).unwrap())
    };
    let (shared, private) = (store(true).await.json(), store(false).await.json());
    for address in ["/api/v1/plans/", "/s/"] {
        let at = |plan: &Value| format!("{address}{}", plan["id"].as_str().unwrap());
        assert!(ask(&place, "GET", &at(&shared), None).await.status.as_u16() < 400);
        let kept = ask(&place, "GET", &at(&private), None).await;
        // The same whether it exists or not.
        let nothing = ask(&place, "GET", &format!("{address}{}", "0".repeat(32)), None).await;
        assert_eq!((kept.status, kept.text()), (StatusCode::UNAUTHORIZED, nothing.text()));
        assert!(ask(&place, "GET", &at(&private), Some(&write)).await.status.as_u16() < 400);
    }
    let came = ask(&place, "DELETE", &format!("/api/v1/plans/{}", shared["id"].as_str().unwrap()), None).await;
    assert_eq!(came.status, StatusCode::UNAUTHORIZED);
}

/// Where no token is asked for, a page that has made its own name point here gets nothing.
#[tokio::test]
async fn without_tokens_only_names_of_this_machine_are_answered() {
    let mut place = Place::new().await;
    let hosts = Some(vec!["localhost".into(), "127.0.0.1".into()]);
    let app = crate::App::new(
        place.app.store.clone(),
        crate::guard::Guard { tokens: false, hosts },
        Limits::default(),
        std::sync::Arc::new(super::OneModel),
        std::sync::Arc::new(|| super::TODAY.into()),
    );
    place.router = crate::routes::router(&app);
    for (host, status) in
        [("localhost:8383", 200), ("127.0.0.1", 200), ("LocalHost", 200), ("evil.example:8383", 421), ("", 421)]
    {
        let request = Request::get("/api/v1/models").header(header::HOST, host).body(Body::empty()).unwrap();
        assert_eq!(place.send(request).await.status.as_u16(), status, "{host}");
    }
}
