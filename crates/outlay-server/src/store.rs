//! What outlasts a request: saved plans and the hashes of tokens, in SQLite or PostgreSQL.
//!
//! One driver for both and one SQL that both read, so that every test runs over either. Text and whole numbers are all
//! that is stored. Migrations run at the start, under a lock where several processes share a PostgreSQL. A database that
//! goes away is an answer (503, come again), not an end: connections are tried before they are used and made anew.
//!
//! Does not know: what a plan or a token means.

use std::path::Path;
use std::time::Duration;

use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyPool, Row, SqlSafeStr};

use crate::fault::{Refusal, Why};

/// Longest that anything is asked of the database.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest that a connection is waited for.
const CONNECT: Duration = Duration::from_secs(3);
/// Connections that are kept.
const CONNECTIONS: u32 = 8;

/// Each is one step, in order; what has run once is never changed, only followed by another.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (
        1,
        "plans",
        "create table plans (
            id text primary key,
            title text not null,
            job text not null,
            state text not null,
            shared bigint not null,
            created bigint not null
        );
        create index plans_by_age on plans (created, id);",
    ),
    (
        2,
        "tokens",
        "create table tokens (
            id text primary key,
            name text not null,
            hash text not null,
            scope text not null,
            created bigint not null,
            revoked bigint not null
        );",
    ),
];

/// A database.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pool: AnyPool,
}

/// A saved plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlanRow {
    pub(crate) id: String,
    pub(crate) title: String,
    /// The request, as JSON.
    pub(crate) job: String,
    /// The page's state, or empty.
    pub(crate) state: String,
    /// Whoever has its address may read it.
    pub(crate) shared: bool,
    /// Seconds since 1970.
    pub(crate) created: i64,
}

/// A token as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TokenRow {
    pub(crate) id: String,
    pub(crate) name: String,
    /// SHA-256 of the secret, in hexadecimal digits.
    pub(crate) hash: String,
    pub(crate) scope: String,
    pub(crate) created: i64,
    /// Seconds since 1970; 0: it is good.
    pub(crate) revoked: i64,
}

/// What the database had to say.
#[derive(Debug)]
pub(crate) struct Broken(sqlx::Error);

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl From<sqlx::Error> for Broken {
    fn from(error: sqlx::Error) -> Self {
        Self(error)
    }
}

impl From<Broken> for Refusal {
    fn from(broken: Broken) -> Self {
        // Said in the log, not to the client: it may name hosts and files.
        tracing::error!(error = %broken, "the database");
        if broken.is_full() {
            return Self::new(Why::DiskFull, "", "the disk of the database is full; nothing was stored")
                .help("the operator has to make room; forecasts work all the same");
        }
        Self::new(Why::Database, "", "the database does not answer").help("ask again in a few seconds")
    }
}

impl Broken {
    /// SQLITE_FULL, or PostgreSQL's `disk_full`.
    fn is_full(&self) -> bool {
        let code = self.0.as_database_error().and_then(|error| error.code());
        matches!(code.as_deref(), Some("13" | "53100"))
    }
}

/// The address of a file of SQLite.
pub(crate) fn sqlite(path: &Path) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-".contains(byte);
    let bytes = path.as_os_str().as_encoded_bytes();
    let text: String =
        bytes.iter().map(|b| if plain(b) { char::from(*b).to_string() } else { format!("%{b:02X}") }).collect();
    format!("sqlite://{text}?mode=rwc")
}

/// The address under which a file of SQLite is made where there is none, unless it says itself how it is opened.
fn made(address: &str) -> String {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let said = !path.starts_with("sqlite:") || query.split('&').any(|key| key.starts_with("mode="));
    if said {
        return address.to_owned();
    }
    let and = if query.is_empty() { "" } else { "&" };
    format!("{path}?{query}{and}mode=rwc")
}

impl Store {
    /// Opens a database by its address and brings it up to date; a file of SQLite is made where there is none.
    ///
    /// # Errors
    /// An address that is none, a database that does not answer or is of a later version.
    pub(crate) async fn open(address: &str) -> Result<Self, Broken> {
        sqlx::any::install_default_drivers();
        let files = address.starts_with("sqlite:");
        let options = AnyPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(CONNECT);
        let pool = options.connect(&made(address)).await?;
        if files {
            // Readers do not wait for a writer; the setting stays in the file.
            sqlx::query("pragma journal_mode = wal").execute(&pool).await?;
        }
        let store = Self { pool };
        // Two processes that begin with the same empty file: the one that comes second finds the work done.
        if store.migrate().await.is_err() {
            store.migrate().await?;
        }
        Ok(store)
    }

    async fn migrate(&self) -> Result<(), Broken> {
        let step = |(version, name, sql): &(i64, &'static str, &'static str)| {
            Migration::new(*version, (*name).into(), MigrationType::Simple, (*sql).into_sql_str(), false)
        };
        let migrator = Migrator::with_migrations(MIGRATIONS.iter().map(step).collect());
        migrator.run(&self.pool).await.map_err(|error| Broken(sqlx::Error::Migrate(Box::new(error))))
    }

    /// The database answers.
    pub(crate) async fn ping(&self) -> Result<(), Broken> {
        timed(async { sqlx::query("select 1").execute(&self.pool).await.map(drop) }).await
    }

    /// Stores a plan.
    pub(crate) async fn keep(&self, plan: &PlanRow) -> Result<(), Broken> {
        let insert =
            sqlx::query("insert into plans (id, title, job, state, shared, created) values ($1, $2, $3, $4, $5, $6)")
                .bind(&plan.id)
                .bind(&plan.title)
                .bind(&plan.job)
                .bind(&plan.state)
                .bind(i64::from(plan.shared))
                .bind(plan.created);
        timed(async { insert.execute(&self.pool).await.map(drop) }).await
    }

    /// A plan by its id.
    pub(crate) async fn plan(&self, id: &str) -> Result<Option<PlanRow>, Broken> {
        let select = sqlx::query("select id, title, job, state, shared, created from plans where id = $1").bind(id);
        let row = timed(async { select.fetch_optional(&self.pool).await }).await?;
        Ok(row.map(|row| plan(&row)).transpose()?)
    }

    /// Plans, newest first: so many, after so many.
    pub(crate) async fn plans(&self, limit: i64, offset: i64) -> Result<Vec<PlanRow>, Broken> {
        let select = sqlx::query(
            "select id, title, job, state, shared, created from plans order by created desc, id limit $1 offset $2",
        );
        let select = select.bind(limit).bind(offset);
        let rows = timed(async { select.fetch_all(&self.pool).await }).await?;
        Ok(rows.iter().map(plan).collect::<Result<_, _>>()?)
    }

    /// Deletes a plan; whether there was one.
    pub(crate) async fn forget(&self, id: &str) -> Result<bool, Broken> {
        let delete = sqlx::query("delete from plans where id = $1").bind(id);
        timed(async { delete.execute(&self.pool).await.map(|done| done.rows_affected() > 0) }).await
    }

    /// Stores a token.
    pub(crate) async fn add_token(&self, token: &TokenRow) -> Result<(), Broken> {
        let insert =
            sqlx::query("insert into tokens (id, name, hash, scope, created, revoked) values ($1, $2, $3, $4, $5, $6)")
                .bind(&token.id)
                .bind(&token.name)
                .bind(&token.hash)
                .bind(&token.scope)
                .bind(token.created)
                .bind(token.revoked);
        timed(async { insert.execute(&self.pool).await.map(drop) }).await
    }

    /// A token by its id.
    pub(crate) async fn token(&self, id: &str) -> Result<Option<TokenRow>, Broken> {
        let select = sqlx::query("select id, name, hash, scope, created, revoked from tokens where id = $1").bind(id);
        let row = timed(async { select.fetch_optional(&self.pool).await }).await?;
        Ok(row.map(|row| token(&row)).transpose()?)
    }

    /// Every token, oldest first.
    pub(crate) async fn tokens(&self) -> Result<Vec<TokenRow>, Broken> {
        let select = sqlx::query("select id, name, hash, scope, created, revoked from tokens order by created, id");
        let rows = timed(async { select.fetch_all(&self.pool).await }).await?;
        Ok(rows.iter().map(token).collect::<Result<_, _>>()?)
    }

    /// Revokes a token; whether there was one to revoke.
    pub(crate) async fn revoke(&self, id: &str, now: i64) -> Result<bool, Broken> {
        let update = sqlx::query("update tokens set revoked = $1 where id = $2 and revoked = 0").bind(now).bind(id);
        timed(async { update.execute(&self.pool).await.map(|done| done.rows_affected() > 0) }).await
    }

    /// Says farewell to the database.
    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }

    /// For tests that need the database in a state of their own.
    #[cfg(test)]
    pub(crate) fn pool(&self) -> &AnyPool {
        &self.pool
    }
}

async fn timed<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, Broken> {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map_err(Broken)
}

fn plan(row: &AnyRow) -> Result<PlanRow, sqlx::Error> {
    Ok(PlanRow {
        id: row.try_get("id")?,
        title: row.try_get("title")?,
        job: row.try_get("job")?,
        state: row.try_get("state")?,
        shared: row.try_get::<i64, _>("shared")? != 0,
        created: row.try_get("created")?,
    })
}

fn token(row: &AnyRow) -> Result<TokenRow, sqlx::Error> {
    Ok(TokenRow {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        hash: row.try_get("hash")?,
        scope: row.try_get("scope")?,
        created: row.try_get("created")?,
        revoked: row.try_get("revoked")?,
    })
}
