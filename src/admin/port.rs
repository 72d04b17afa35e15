//! The HTTP server: read-only pages.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::sync::oneshot;

use super::{Metrics, Vitals, published};
use crate::log::Storage;

/// How often histograms are folded while nobody scrapes.
const FOLD_EVERY: Duration = Duration::from_secs(5);

/// A running HTTP port. It stops when it is told to, or dropped.
pub struct AdminPort {
    local_addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone)]
struct Shown {
    metrics: Metrics,
    vitals: Arc<dyn Vitals>,
}

impl AdminPort {
    /// Serves on a listener that is bound already, on a thread of its own; the transparency log too,
    /// where one is published.
    ///
    /// # Errors
    /// When the system gives no thread, or not what a runtime needs.
    pub fn start(
        listener: TcpListener,
        metrics: Metrics,
        vitals: Arc<dyn Vitals>,
        published: Option<Arc<dyn Storage>>,
    ) -> io::Result<Self> {
        let local_addr = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("throng-http".to_owned())
            .spawn(move || {
                let shown = Shown { metrics, vitals };
                let served = runtime.block_on(serve(listener, shown, published, stopped));
                if let Err(error) = served {
                    tracing::error!(%error, "the HTTP port has stopped; deliveries go on");
                }
            })?;
        Ok(Self {
            local_addr,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Stops at once; requests under way are cut off, they are only being read to.
    pub fn stop(mut self) {
        self.halt();
    }

    fn halt(&mut self) {
        // A thread that is gone already has nobody to tell.
        let _ = self.stop.take().map(|stop| stop.send(()));
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the HTTP port's thread panicked; deliveries were not affected");
        }
    }
}

impl Drop for AdminPort {
    fn drop(&mut self) {
        self.halt();
    }
}

async fn serve(
    listener: TcpListener,
    shown: Shown,
    published: Option<Arc<dyn Storage>>,
    stopped: oneshot::Receiver<()>,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let metrics = shown.metrics.clone();
    let pages = Router::new()
        .route("/metrics", get(metrics_page))
        .route("/healthz", get(health_page))
        .route("/readyz", get(readiness_page))
        .with_state(shown)
        .merge(published::pages(published));
    let server = axum::serve(listener, pages).into_future();
    tokio::select! {
        served = server => served,
        () = fold_forever(metrics) => Ok(()),
        _ = stopped => Ok(()),
    }
}

async fn fold_forever(metrics: Metrics) {
    let mut turns = tokio::time::interval(FOLD_EVERY);
    loop {
        turns.tick().await;
        metrics.fold();
    }
}

async fn metrics_page(State(shown): State<Shown>) -> impl IntoResponse {
    shown.vitals.record();
    let format = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (format, shown.metrics.render())
}

/// The process lives and this thread answers; whether to send traffic is [`readiness_page`]'s.
async fn health_page() -> impl IntoResponse {
    json(StatusCode::OK, r#"{"alive":true}"#.to_owned())
}

async fn readiness_page(State(shown): State<Shown>) -> impl IntoResponse {
    let readiness = shown.vitals.readiness();
    let status = if readiness.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    json(status, readiness.json())
}

fn json(status: StatusCode, mut body: String) -> impl IntoResponse {
    body.push('\n');
    (status, [(header::CONTENT_TYPE, "application/json")], body)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::sync::Mutex;

    use super::*;
    use crate::admin::Readiness;
    use crate::log::Memory;

    struct Patient(Mutex<Readiness>);

    impl Vitals for Patient {
        fn readiness(&self) -> Readiness {
            *self.0.lock().unwrap()
        }

        fn record(&self) {
            ::metrics::gauge!("throng_test_pulse").set(60.0);
        }
    }

    fn write(storage: &dyn Storage, name: &str, len: usize) {
        write_all(storage, name, &vec![b'a'; len]);
    }

    fn write_all(storage: &dyn Storage, name: &str, bytes: &[u8]) {
        let file = storage.create(name).unwrap();
        file.write_at(&mut [io::IoSlice::new(bytes)], 0).unwrap();
    }

    /// What auditors fetch, and nothing else of what is stored beside it.
    fn transparency_log(address: SocketAddr, tlog: &dyn Storage) {
        for path in [
            "/checkpoint",
            "/tile/0/000",
            "/tile/entries/000.p/3",
            "/cosigned",
        ] {
            assert_eq!(
                get(address, path).0,
                "404",
                "{path}: nothing is published yet"
            );
        }
        write(tlog, "cosigned", 10);
        write(tlog, "timestamps/0/70.checkpoint", 9);
        write(tlog, "timestamps/0/70.tsr", 11);
        write(tlog, "tile/0/000", 8_192);
        write_all(tlog, "checkpoint", b"a\n255\n");
        assert_eq!(get(address, "/tile/0/000").0, "404", "not signed yet");
        write_all(tlog, "checkpoint", b"a\n65536\n");
        write(tlog, "secret", 9);
        write(tlog, "tile/0/256", 8_192);
        write(tlog, "tile/entries/000.p/3", 3 * 34);
        write(tlog, "tile/1/000", 8_191);
        let fetch = |path| {
            let answer = answer(address, path);
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            (head.to_lowercase(), body.len())
        };
        for (path, kind, kept, len) in [
            ("/checkpoint", "text/plain; charset=utf-8", "no-cache", 8),
            ("/cosigned", "text/plain; charset=utf-8", "no-cache", 10),
            ("/timestamps", "text/plain; charset=utf-8", "no-cache", 16),
            (
                "/timestamps/0/70.tsr",
                "application/timestamp-reply",
                "public, max-age=31536000, immutable",
                11,
            ),
            (
                "/timestamps/0/70.checkpoint",
                "text/plain; charset=utf-8",
                "public, max-age=31536000, immutable",
                9,
            ),
            (
                "/tile/0/000",
                "application/octet-stream",
                "public, max-age=31536000, immutable",
                8_192,
            ),
            (
                "/tile/entries/000.p/3",
                "application/octet-stream",
                "public, max-age=60",
                102,
            ),
        ] {
            let (head, found) = fetch(path);
            assert!(head.starts_with("http/1.1 200"), "{path}: {head}");
            assert!(
                head.contains(&format!("\ncontent-type: {kind}\r")),
                "{path}: {head}"
            );
            assert!(
                head.contains(&format!("\ncache-control: {kept}\r")),
                "{path}: {head}"
            );
            assert_eq!(found, len, "{path}");
        }
        assert_eq!(
            get(address, "/tile/1/000").0,
            "500",
            "shorter than its name says"
        );
        for path in [
            "/secret",
            "/tile/secret",
            "/tile/../secret",
            "/tile/0/../../secret",
            "/tile/%2e%2e/secret",
            "/tile/0/%30%30%30",
            "/tile/0/000/",
            "/tile//0/000",
            "/tile/0/001",
            "/tile/0/256",
            "/tile/0/000.new",
            "/tile/0/0",
            "/checkpoint/",
            "/tile/",
            "/tile/entries/000.p/03",
            "/timestamps/",
            "/timestamps/0/70",
            "/timestamps/0/71.tsr",
            "/timestamps/0/070.tsr",
            "/timestamps/../secret",
            "/timestamps/0/../../secret",
            "/cosigned/",
        ] {
            assert_eq!(get(address, path).0, "404", "{path}");
        }
    }

    fn get(address: SocketAddr, path: &str) -> (String, String) {
        let answer = answer(address, path);
        let status = answer.split_whitespace().nth(1).unwrap().to_owned();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        (status, body.to_owned())
    }

    fn answer(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: throng\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// One test: the process has one recorder.
    #[test]
    fn the_pages_say_how_the_server_is_and_the_port_is_free_again_after_a_stop() {
        let ready = Readiness {
            log: true,
            shards: true,
            draining: false,
        };
        let patient = Arc::new(Patient(Mutex::new(ready)));
        let metrics = Metrics::install().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let tlog = Arc::new(Memory::new());
        let pages: Arc<dyn Storage> = Arc::clone(&tlog) as _;
        let port =
            AdminPort::start(listener, metrics, Arc::clone(&patient) as _, Some(pages)).unwrap();
        let address = port.local_addr();

        let (status, body) = get(address, "/healthz");
        assert_eq!(
            (status.as_str(), body.as_str()),
            ("200", "{\"alive\":true}\n")
        );

        let (status, body) = get(address, "/readyz");
        let all_well = "{\"ready\":true,\"log\":true,\"shards\":true,\"draining\":false}\n";
        assert_eq!((status.as_str(), body.as_str()), ("200", all_well));
        for ailing in [
            Readiness {
                log: false,
                ..ready
            },
            Readiness {
                shards: false,
                ..ready
            },
            Readiness {
                draining: true,
                ..ready
            },
        ] {
            *patient.0.lock().unwrap() = ailing;
            let (status, body) = get(address, "/readyz");
            assert_eq!(status, "503");
            assert!(body.starts_with("{\"ready\":false,"), "{body}");
            assert_eq!(get(address, "/healthz").0, "200", "{ailing:?}");
        }

        let (status, body) = get(address, "/metrics");
        assert_eq!(status, "200");
        assert!(body.contains("throng_test_pulse 60"), "{body}");
        assert_eq!(get(address, "/elsewhere").0, "404");

        transparency_log(address, &*tlog);
        port.stop();
        TcpListener::bind(address).unwrap();
    }
}
