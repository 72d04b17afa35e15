//! A publish-and-subscribe server as one is usually written on quinn: a task and a queue a connection,
//! on tokio's multi-threaded runtime, quinn's own defaults.
//!
//! A client opens a stream and says what it is: [`SUBSCRIBE`], or [`PUBLISH`] and then its frames. A
//! subscriber gets a stream of frames, the first of them empty. A frame is its length and a payload.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::bail;
use bytes::{BufMut, Bytes, BytesMut};
use quinn::{Connection, Endpoint, RecvStream, ServerConfig, TransportConfig};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::floor::end_with_input;
use super::process::READY;

/// The first byte of a subscriber's stream.
pub(super) const SUBSCRIBE: u8 = 0;
/// The first byte of a publisher's stream.
pub(super) const PUBLISH: u8 = 1;
/// Bytes of a frame's length, big-endian.
pub(super) const LENGTH_BYTES: usize = 2;
/// Frames that wait for a connection's task: a burst's whole window.
const QUEUE: usize = 64;
/// Both sides say that they live so often.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Everybody's queues.
type Subscribers = Arc<RwLock<Vec<Sender<Bytes>>>>;

/// Serves until the standard input ends.
pub(crate) fn serve(certificate: &Path, key: &Path) -> anyhow::Result<()> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(certificate)?.collect();
    let mut config = ServerConfig::with_single_cert(chain?, PrivateKeyDer::from_pem_file(key)?)?;
    let mut transport = TransportConfig::default();
    transport.keep_alive_interval(Some(KEEP_ALIVE));
    config.transport_config(Arc::new(transport));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(accept(config))
}

async fn accept(config: ServerConfig) -> anyhow::Result<()> {
    let endpoint = Endpoint::server(config, (Ipv4Addr::LOCALHOST, 0).into())?;
    println!("{READY}{}", endpoint.local_addr()?);
    end_with_input();
    let subscribers = Subscribers::default();
    while let Some(incoming) = endpoint.accept().await {
        let subscribers = subscribers.clone();
        tokio::spawn(async move {
            // A client that leaves ends its connection's task; nobody else is concerned.
            if let Ok(connection) = incoming.await {
                let _ = attend(connection, &subscribers).await;
            }
        });
    }
    Ok(())
}

async fn attend(connection: Connection, subscribers: &Subscribers) -> anyhow::Result<()> {
    let mut said = connection.accept_uni().await?;
    let mut role = [0];
    said.read_exact(&mut role).await?;
    match role {
        [SUBSCRIBE] => {
            let (sender, queue) = channel(QUEUE);
            let all = subscribers.write();
            all.unwrap_or_else(PoisonError::into_inner).push(sender);
            deliver(&connection, queue).await
        }
        [PUBLISH] => publish(&mut said, subscribers).await,
        [other] => bail!("a client is a {other}"),
    }
}

async fn deliver(connection: &Connection, mut queue: Receiver<Bytes>) -> anyhow::Result<()> {
    let mut stream = connection.open_uni().await?;
    stream.write_chunk(frame(&[])).await?;
    let mut frames = Vec::with_capacity(QUEUE);
    while queue.recv_many(&mut frames, QUEUE).await > 0 {
        stream.write_all_chunks(&mut frames).await?;
        frames.clear();
    }
    Ok(())
}

async fn publish(stream: &mut RecvStream, subscribers: &Subscribers) -> anyhow::Result<()> {
    loop {
        let mut length = [0; LENGTH_BYTES];
        stream.read_exact(&mut length).await?;
        let mut payload = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut payload).await?;
        let frame = frame(&payload);
        for (queue, frame) in offer(&frame, subscribers) {
            // A subscriber that has left has no queue any more.
            let _ = queue.send(frame).await;
        }
    }
}

/// Puts `frame` into all queues that have room; returns those that have none.
fn offer(frame: &Bytes, subscribers: &Subscribers) -> Vec<(Sender<Bytes>, Bytes)> {
    let all = subscribers.read();
    let all = all.unwrap_or_else(PoisonError::into_inner);
    let full = |queue: &Sender<Bytes>| match queue.try_send(frame.clone()) {
        Err(TrySendError::Full(frame)) => Some((queue.clone(), frame)),
        Ok(()) | Err(TrySendError::Closed(_)) => None,
    };
    all.iter().filter_map(full).collect()
}

fn frame(payload: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(LENGTH_BYTES + payload.len());
    frame.put_u16(payload.len() as u16);
    frame.put_slice(payload);
    frame.freeze()
}
