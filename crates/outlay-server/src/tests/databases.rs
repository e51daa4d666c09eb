//! What is stored, over SQLite and over PostgreSQL alike; a database that goes away and comes back; a disk that is full.

use axum::http::{StatusCode, header};
use serde_json::json;
use tempfile::TempDir;

use super::postgres::{self, Cluster};
use super::{Place, file, small_job};
use crate::settings::Limits;
use crate::store::{PlanRow, Store, TokenRow};

/// An empty database of each kind that there is.
async fn each() -> Vec<(&'static str, String, Store, Option<TempDir>)> {
    let folder = tempfile::tempdir().unwrap();
    let address = crate::store::sqlite(&folder.path().join("x.db"));
    let mut all = vec![("SQLite", address.clone(), Store::open(&address).await.unwrap(), Some(folder))];
    if let Some(cluster) = postgres::shared() {
        let address = cluster.database();
        all.push(("PostgreSQL", address.clone(), Store::open(&address).await.unwrap(), None));
    }
    all
}

fn row(id: &str, created: i64) -> PlanRow {
    let job = json!({"model": {"base": "x"}, "note": "naïve ' \" \\ 𝄞"}).to_string();
    PlanRow { id: id.into(), title: "ein Titel".into(), job, state: "p=1".into(), shared: created % 2 == 0, created }
}

#[tokio::test]
async fn plans_are_kept_listed_and_forgotten() {
    for (kind, _, store, _folder) in each().await {
        for n in 0..5 {
            store.keep(&row(&n.to_string(), n)).await.unwrap();
        }
        assert_eq!(store.plan("3").await.unwrap(), Some(row("3", 3)), "{kind}");
        assert_eq!(store.plan("9").await.unwrap(), None, "{kind}");
        assert!(store.keep(&row("3", 3)).await.is_err(), "{kind}: an id stands once");
        let ids = |rows: Vec<PlanRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
        assert_eq!(ids(store.plans(2, 1).await.unwrap()), ["3", "2"], "{kind}");
        assert!(store.forget("3").await.unwrap() && !store.forget("3").await.unwrap(), "{kind}");
        assert_eq!(ids(store.plans(100, 0).await.unwrap()), ["4", "2", "1", "0"], "{kind}");
    }
}

#[tokio::test]
async fn tokens_are_kept_and_revoked() {
    for (kind, _, store, _folder) in each().await {
        let token = |id: &str, created| TokenRow {
            id: id.into(),
            name: "ci".into(),
            hash: "h".repeat(64),
            scope: "read".into(),
            created,
            revoked: 0,
        };
        store.add_token(&token("b", 2)).await.unwrap();
        store.add_token(&token("a", 1)).await.unwrap();
        assert_eq!(store.tokens().await.unwrap(), [token("a", 1), token("b", 2)], "{kind}");
        assert!(store.revoke("a", 9).await.unwrap() && !store.revoke("a", 9).await.unwrap(), "{kind}");
        assert_eq!(store.token("a").await.unwrap(), Some(TokenRow { revoked: 9, ..token("a", 1) }), "{kind}");
    }
}

/// Several processes begin at once on the same empty database, and find each other's rows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_processes_share_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let mut places = vec![(crate::store::sqlite(&folder.path().join("x.db")), "SQLite")];
    places.extend(postgres::shared().map(|cluster| (cluster.database(), "PostgreSQL")));
    for (address, kind) in places {
        let open = (0..4).map(|_| {
            let address = address.clone();
            tokio::spawn(async move { Store::open(&address).await.map_err(|broken| broken.to_string()) })
        });
        let mut stores = Vec::new();
        for store in open.collect::<Vec<_>>() {
            stores.push(store.await.unwrap().unwrap_or_else(|broken| panic!("{kind}: {broken}")));
        }
        for (n, store) in stores.iter().enumerate() {
            store.keep(&row(&n.to_string(), 1)).await.unwrap();
        }
        for store in &stores {
            assert_eq!(store.plans(10, 0).await.unwrap().len(), 4, "{kind}");
            store.close().await;
        }
    }
}

#[tokio::test]
async fn what_was_stored_is_there_after_a_new_start() {
    for (kind, address, store, _folder) in each().await {
        store.keep(&row("1", 1)).await.unwrap();
        store.close().await;
        let again = Store::open(&address).await.unwrap();
        assert_eq!(again.plan("1").await.unwrap(), Some(row("1", 1)), "{kind}");
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_made_unless_the_address_says_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, query: &str| format!("sqlite:{}{query}", folder.path().join(name).display());
    for (name, query) in [("a.db", ""), ("b.db", "?cache=private"), ("c.db", "?mode=rwc")] {
        let store = Store::open(&at(name, query)).await.unwrap();
        store.keep(&row("1", 1)).await.unwrap();
        store.close().await;
        assert!(folder.path().join(name).exists(), "{name}");
        // There it is opened as it is.
        let again = Store::open(&at(name, query)).await.unwrap();
        assert_eq!(again.plan("1").await.unwrap(), Some(row("1", 1)), "{name}");
    }
    assert!(Store::open(&at("d.db", "?mode=rw")).await.is_err());
    assert!(!folder.path().join("d.db").exists());
    assert!(Store::open(&at("no/such/folder.db", "")).await.is_err());
}

#[tokio::test]
async fn a_full_disk_is_said_and_survived() {
    let (store, _folder) = file().await;
    let place = Place::over(store, Limits::default(), false);
    let pool = place.app.store.pool().clone();
    // The same error as that of a disk without room, from a bound on the file, which each connection has for itself.
    let bound = async |pages: &'static str| {
        let mut all = Vec::new();
        for _ in 0..pool.options().get_max_connections() {
            all.push(pool.acquire().await.unwrap());
        }
        for connection in &mut all {
            sqlx::query(pages).execute(&mut **connection).await.unwrap();
        }
    };
    bound("pragma max_page_count = 20").await;
    let plan = json!({"job": small_job(), "state": "x".repeat(10_000)});
    let mut came = place.post_json("/api/v1/plans", &plan).await;
    assert_eq!(came.status, StatusCode::CREATED, "{}", came.text());
    for _ in 0..20 {
        came = place.post_json("/api/v1/plans", &plan).await;
    }
    assert_eq!((came.status, came.problems()[0].0.as_str()), (StatusCode::INSUFFICIENT_STORAGE, "disk-full"));
    assert_eq!(place.post_json("/api/v1/estimate", &small_job()).await.status, StatusCode::OK);
    assert_eq!(place.get("/api/v1/plans").await.status, StatusCode::OK);
    bound("pragma max_page_count = 100000").await;
    assert_eq!(place.post_json("/api/v1/plans", &plan).await.status, StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_may_go_away_and_come_back() {
    let Some(mut cluster) = Cluster::start() else { return };
    let store = Store::open(&cluster.database()).await.unwrap();
    let place = Place::over(store, Limits::default(), false);
    let plan = json!({"job": small_job()});
    let id = place.post_json("/api/v1/plans", &plan).await.json()["id"].as_str().unwrap().to_owned();
    cluster.stop();
    for _ in 0..2 {
        let came = place.get(&format!("/s/{id}")).await;
        assert_eq!((came.status, came.header(header::RETRY_AFTER)), (StatusCode::SERVICE_UNAVAILABLE, "5"));
        assert_eq!(came.problems()[0].0, "database-away");
        assert!(!came.text().contains("outlay-pg"), "the address of the database is nobody's business");
    }
    assert_eq!(place.get("/healthz").await.json()["database"], "away");
    assert_eq!(place.post_json("/api/v1/estimate", &small_job()).await.status, StatusCode::OK);
    cluster.run();
    let came = place.get(&format!("/api/v1/plans/{id}")).await;
    assert_eq!(came.status, StatusCode::OK, "{}", came.text());
    assert_eq!(place.get("/healthz").await.json()["database"], "ok");
}
