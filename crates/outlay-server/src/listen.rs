//! Connections: how many, how slow they may be, and how they end.
//!
//! The library's own loop knows no time limits, so connections are taken here: the head of a request must arrive in time
//! (which also ends connections that nobody uses), and so must a client's reading of the answer. On the way out no new
//! connection is taken, searches end with the best they have, and whoever is being answered gets a grace.
//!
//! Does not know: what is answered.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;

use crate::App;

/// Largest head of a request, in bytes.
const HEAD: usize = 64 * 1024;
/// Pause after the system had no connection to give.
const PAUSE: Duration = Duration::from_millis(100);

/// A connection whose client must not be too slow.
type Io = TokioIo<Pin<Box<TimeoutStream<TcpStream>>>>;

/// Counts a connection, until dropped.
struct Open(App);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.metrics.connections.dec();
    }
}

/// Answers until `stop`.
pub(crate) async fn serve(listener: TcpListener, router: Router, app: App, stop: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(app.limits.connections));
    let graceful = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        // A place before a connection: whoever finds none waits in the system's queue.
        let place = tokio::select! {
            place = places.clone().acquire_owned() => place.ok(),
            () = &mut stop => break,
        };
        let stream = tokio::select! {
            taken = listener.accept() => match taken {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "no connection could be taken");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            },
            () = &mut stop => break,
        };
        let connection = graceful.watch(connection(stream, router.clone(), &app));
        app.metrics.connections.inc();
        let open = Open(app.clone());
        tokio::spawn(async move {
            // A client that leaves or is too slow is no fault of ours.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended");
            }
            drop((open, place));
        });
    }
    drop(listener);
    tracing::info!("ending: no new connections, searches end with the best they have");
    app.closing.store(true, Ordering::Relaxed);
    if tokio::time::timeout(app.limits.grace, graceful.shutdown()).await.is_err() {
        tracing::warn!("some clients had no answer when the grace was over");
    }
}

fn connection(stream: TcpStream, router: Router, app: &App) -> http1::Connection<Io, TowerToHyperService<Router>> {
    // Answers are small and wanted at once.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(app.limits.body_time));
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(app.limits.head_time)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(Box::pin(stream)), TowerToHyperService::new(router))
}

/// Whoever runs this process wants it to end.
pub(crate) async fn signal() {
    let interrupt = async {
        // Without a handler the process ends all the same, less gently.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        let terminate = async {
            match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
                Ok(mut signal) => drop(signal.recv().await),
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! { () = interrupt => {}, () = terminate => {} }
    }
    #[cfg(not(unix))]
    interrupt.await;
}
