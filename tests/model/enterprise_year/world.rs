//! A real server on loopback over an engine on a real directory, under a clock of the test's own.

use core::fmt::Debug;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use throng::archive;
use throng::client::{
    Client, Credentials, Cursors, Deliveries, Delivery, Message, RequestError, Settings,
};
use throng::engine::{Engine, ExecuteError, ManualClock, Options};
use throng::log::Config;
use throng::log::storage::Directory;
use throng::model::command::{Reply, TaggedCommand};
use throng::model::event::{Event, decode_all};
use throng::model::{Refusal, Stamp};
use throng::quic::auth::{TokenIssuer, TokenVerifier};
use throng::quic::tls::development::{
    KeysDirectory, TlsDirectory, make_keys_directory, make_tls_directory,
};
use throng::quic::tls::{TlsFiles, server_config};
use throng::quic::{Limits, Server, ServerOptions};
use throng::wire::{
    ClientMessageId, DeviceId, Envelope, GroupId, Kind, PersonId, Priority, Published,
    RecordNumber, Refused, TenantId, Timestamp,
};

pub(crate) const TENANT: TenantId = TenantId(1);
const PATIENCE: Duration = Duration::from_secs(20);
/// Longer than the year: who came in January is still there in December.
const TOKEN_TTL: Duration = Duration::from_secs(400 * 86_400);

pub(crate) fn at(text: &str) -> Timestamp {
    let at: jiff::Timestamp = text.parse().unwrap();
    Timestamp(at.as_microsecond())
}

/// The house of one year.
pub(crate) struct World {
    pub(crate) directory: TempDir,
    pub(crate) engine: Engine,
    server: Server,
    clock: Arc<ManualClock>,
    tls: TlsDirectory,
    keys: KeysDirectory,
    next_message: u128,
}

impl World {
    pub(crate) fn open(begins: Timestamp) -> Self {
        let directory = tempfile::tempdir().unwrap();
        // Certificates are checked by the machine's own clock.
        let now = Timestamp(jiff::Timestamp::now().as_microsecond());
        let tls = make_tls_directory(&directory.path().join("tls"), now).unwrap();
        let keys = make_keys_directory(&directory.path().join("keys")).unwrap();
        let clock = Arc::new(ManualClock::at(begins));
        let engine = open_engine(directory.path(), &clock);
        let server = serve(&engine, &tls, &keys);
        Self {
            directory,
            engine,
            server,
            clock,
            tls,
            keys,
            next_message: 1,
        }
    }

    /// Stops everything, verifies the archive as an operator would, and starts again on the same
    /// directory.
    pub(crate) fn restart(self) -> (Self, archive::Report) {
        let Self {
            directory,
            engine,
            server,
            clock,
            tls,
            keys,
            next_message,
        } = self;
        drop(server);
        engine.close().unwrap();
        let storage = Directory::open(&directory.path().join("log")).unwrap();
        let report = archive::verify(&storage, 2, &|_| {}).unwrap();
        drop(storage);
        let engine = open_engine(directory.path(), &clock);
        let server = serve(&engine, &tls, &keys);
        let world = Self {
            directory,
            engine,
            server,
            clock,
            tls,
            keys,
            next_message,
        };
        (world, report)
    }

    /// Time passes until `until`.
    pub(crate) fn until(&self, until: &str) {
        let left = at(until).micros_since(self.engine.now());
        self.clock
            .advance(u64::try_from(left).expect("time goes on"));
    }

    fn settings(&self) -> Settings {
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(&self.tls.ca).unwrap() {
            roots.add(certificate.unwrap()).unwrap();
        }
        Settings::new(roots)
    }

    async fn connect(&self, credentials: Credentials) -> Result<Client, String> {
        let addr = self.server.local_addr();
        let (client, driver) = Client::connect(addr, "localhost", &credentials, &self.settings())
            .await
            .map_err(|error| error.to_string())?;
        tokio::spawn(driver.run());
        Ok(client)
    }

    /// The node's operator, acting for the tenant, over mTLS.
    pub(crate) async fn operator(&self) -> Client {
        let chain = CertificateDer::pem_file_iter(&self.tls.operator).unwrap();
        let credentials = Credentials::Certificate {
            chain: chain.collect::<Result<_, _>>().unwrap(),
            key: PrivateKeyDer::from_pem_file(&self.tls.operator_key).unwrap(),
            tenant: TENANT,
        };
        self.connect(credentials).await.unwrap()
    }

    /// A person by a signed token, from one of their devices.
    pub(crate) async fn person(&self, person: PersonId) -> Person {
        self.try_person(person, DeviceId(1)).await.unwrap()
    }

    pub(crate) async fn try_person(
        &self,
        person: PersonId,
        device: DeviceId,
    ) -> Result<Person, String> {
        let pem = std::fs::read_to_string(&self.keys.token_key).unwrap();
        let issuer = TokenIssuer::from_pem(&pem).unwrap();
        let token = issuer.issue(TENANT, person, device, self.engine.now(), TOKEN_TTL);
        let client = self.connect(Credentials::Token(token)).await?;
        Ok(Person { client, person })
    }

    /// Asks through the embedding API, for the enterprise.
    pub(crate) fn ask(&self, command: TaggedCommand) -> Result<Reply, Refusal> {
        match self.engine.call(TENANT, command) {
            Ok(reply) => Ok(reply),
            Err(ExecuteError::Refused(refusal)) => Err(refusal),
            Err(other) => panic!("{other}"),
        }
    }

    /// The log's records from `from` on, and what happened in each.
    pub(crate) fn records(&self, from: RecordNumber) -> Vec<(Stamp, Vec<Event>)> {
        let reader = self.engine.reader();
        let mut records = Vec::new();
        loop {
            let next = RecordNumber(from.0 + records.len() as u64);
            let read = reader.read(next, 1 << 20).unwrap();
            if read.is_empty() {
                return records;
            }
            records.extend(read.iter().map(|record| {
                let fields = record.envelope.header().fields();
                let stamp = Stamp {
                    record: fields.record,
                    timestamp: fields.timestamp,
                    tenant: fields.tenant,
                    sender: fields.sender,
                    device: fields.device,
                    client_message_id: fields.client_message_id,
                    kind: fields.kind,
                    priority: fields.priority,
                };
                (stamp, decode_all(&record.private).unwrap())
            }));
        }
    }

    /// A name no message has had.
    pub(crate) fn fresh(&mut self) -> ClientMessageId {
        self.next_message += 1;
        ClientMessageId(self.next_message)
    }
}

fn open_engine(directory: &Path, clock: &Arc<ManualClock>) -> Engine {
    let storage = Directory::open(&directory.join("log")).unwrap();
    let mut options = Options::default();
    options.log = Config::default().with_segment_bytes(8 << 20);
    Engine::open_on(Arc::new(storage), options, clock.clone(), [7; 32]).unwrap()
}

fn serve(engine: &Engine, tls: &TlsDirectory, keys: &KeysDirectory) -> Server {
    let public = std::fs::read_to_string(&keys.token_public_key).unwrap();
    let verifier = TokenVerifier::from_pem(&public, TOKEN_TTL).unwrap();
    let files = TlsFiles {
        certificate: tls.server.certificate.clone(),
        key: tls.server.key.clone(),
        client_ca: tls.server.client_ca.clone(),
    };
    let options = ServerOptions {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        shards: 2,
        tls: server_config(&files).unwrap(),
        tokens: Arc::new(move |token: &str, now| verifier.verify(token, now)),
        limits: Limits::default(),
        shard: throng::shard::Config::default(),
    };
    Server::start(engine, options).unwrap()
}

/// A person's connection.
pub(crate) struct Person {
    pub(crate) client: Client,
    pub(crate) person: PersonId,
}

impl Person {
    pub(crate) async fn ask(&self, command: TaggedCommand) -> Result<Reply, Refused> {
        answered(self.client.command(command).await)
    }

    pub(crate) async fn say(
        &self,
        group: GroupId,
        id: ClientMessageId,
        text: &str,
    ) -> Result<Published, Refused> {
        let message = Message {
            group,
            kind: Kind::Text,
            priority: Priority::Normal,
            client_message_id: id,
            body: text.as_bytes().to_vec().into(),
        };
        answered(self.client.publish(message).await)
    }

    /// Comes online and reads from their own joins on.
    pub(crate) async fn attach(&self) -> Reading {
        let attached = self.client.attach(Cursors::default(), false).await;
        let (_, deliveries) = attached.unwrap();
        Reading {
            deliveries,
            _connection: self.client.clone(),
            seen: HashMap::new(),
        }
    }
}

/// What a person reads.
pub(crate) struct Reading {
    deliveries: Deliveries,
    /// Which ends with its last handle.
    _connection: Client,
    pub(crate) seen: HashMap<GroupId, Vec<Envelope>>,
}

impl Reading {
    /// Reads until something in `group` is of `kind`.
    pub(crate) async fn until(&mut self, group: GroupId, kind: Kind) -> Envelope {
        let reading = async {
            loop {
                match self.deliveries.next().await {
                    Some(Delivery::Envelope(envelope)) => {
                        let header = envelope.header();
                        let (of, is) = (header.group(), header.kind());
                        self.seen.entry(of).or_default().push(envelope.clone());
                        if (of, is) == (group, kind) {
                            return envelope;
                        }
                    }
                    Some(Delivery::Skip { .. }) => {}
                    None => panic!("the connection ended before a {kind:?} in group {group}"),
                }
            }
        };
        let patient = tokio::time::timeout(PATIENCE, reading).await;
        patient.unwrap_or_else(|_| {
            let seen = self.seen.get(&group).into_iter().flatten();
            let seen: Vec<_> = seen
                .map(|it| (it.header().sequence(), it.header().kind()))
                .collect();
            panic!("no {kind:?} in group {group} came, only {seen:?}")
        })
    }

    /// Reads until the connection ends, as a leaver's does.
    pub(crate) async fn until_the_end(&mut self) {
        let reading = async { while self.deliveries.next().await.is_some() {} };
        tokio::time::timeout(PATIENCE, reading)
            .await
            .expect("the connection ends");
    }
}

pub(crate) fn answered<T>(result: Result<T, RequestError>) -> Result<T, Refused> {
    match result {
        Ok(answer) => Ok(answer),
        Err(RequestError::Refused(refused)) => Err(refused),
        Err(other) => panic!("{other}"),
    }
}

/// Asserts that exactly this was the rule that refused.
pub(crate) fn refused<T: Debug>(answer: Result<T, Refused>, rule: &Refusal) {
    let refused = answer.expect_err("a rule refuses this");
    assert_eq!(refused.text, rule.to_string());
    assert_eq!(refused.code, rule.code());
}

/// The body of the one reply there may be.
macro_rules! reply {
    ($answer:expr, $kind:ident) => {
        match $answer {
            Ok(Reply::$kind(body)) => body,
            other => panic!("expected {}, got {other:?}", stringify!($kind)),
        }
    };
}
pub(crate) use reply;
