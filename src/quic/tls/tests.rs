use std::fs;
use std::os::unix::fs::PermissionsExt;

use rustls::pki_types::ServerName;
use rustls::{
    ClientConfig, ClientConnection, ConfigBuilder, HandshakeKind, ServerConnection, WantsVersions,
};
use tempfile::TempDir;

use super::development::{
    Certified, MakeError, Party, TlsDirectory, issue, make_keys_directory, make_tls_directory,
};
use super::*;
use crate::quic::auth::{TokenIssuer, TokenVerifier, identity_of_certificate};
use crate::wire::{DeviceId, PersonId, Role, TenantId};

/// Certificates are checked against the real clock by rustls; 2100 or 1990 would fail here.
fn now() -> Timestamp {
    let since_epoch = std::time::UNIX_EPOCH.elapsed().unwrap();
    Timestamp(since_epoch.as_micros().try_into().unwrap())
}

fn town() -> (TempDir, TlsDirectory) {
    let place = TempDir::new().unwrap();
    let directory = make_tls_directory(&place.path().join("tls"), now()).unwrap();
    (place, directory)
}

fn client(directory: &TlsDirectory, identity: Option<&Certified>, alpn: &[u8]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&directory.ca).unwrap() {
        roots.add(certificate).unwrap();
    }
    let builder: ConfigBuilder<ClientConfig, WantsVersions> =
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(certified) => {
            let pem = certified.certificate_pem.as_bytes();
            let chain = vec![CertificateDer::from_pem_slice(pem).unwrap()];
            let key = PrivateKeyDer::from_pem_slice(certified.key_pem.as_bytes()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    config.alpn_protocols = vec![alpn.to_vec()];
    config
}

/// A whole handshake in memory; the server's side, or what either side said against it.
fn handshake(
    server: Arc<ServerConfig>,
    client: ClientConfig,
    name: &str,
) -> Result<ServerConnection, rustls::Error> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut server = ServerConnection::new(server).unwrap();
    for _ in 0..8 {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        let mut unread = bytes.as_slice();
        while !unread.is_empty() {
            server.read_tls(&mut unread).unwrap();
            server.process_new_packets()?;
        }
        let mut bytes = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        let mut unread = bytes.as_slice();
        while !unread.is_empty() {
            client.read_tls(&mut unread).unwrap();
            client.process_new_packets()?;
        }
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    Ok(server)
}

#[test]
fn a_client_reaches_a_development_server_by_every_name_of_this_machine() {
    let (_place, directory) = town();
    let server = server_config(&directory.server).unwrap();
    for name in ["localhost", "127.0.0.1", "::1"] {
        let client = client(&directory, None, ALPN);
        let met = handshake(Arc::clone(&server), client, name).unwrap();
        assert_eq!(met.alpn_protocol(), Some(ALPN));
        assert_eq!(
            met.negotiated_cipher_suite().unwrap().suite(),
            rustls::CipherSuite::TLS13_AES_128_GCM_SHA256,
            "the client offered AES-256 first"
        );
        assert_eq!(met.peer_certificates(), None);
    }
    let refused = handshake(server, client(&directory, None, ALPN), "example.org");
    assert!(refused.is_err(), "the certificate is not for that name");
}

#[test]
fn a_client_that_speaks_another_protocol_is_refused() {
    let (_place, directory) = town();
    let server = server_config(&directory.server).unwrap();
    let refused = handshake(server, client(&directory, None, b"h3"), "localhost");
    assert!(refused.is_err());
}

#[test]
fn a_client_certificate_of_our_ca_arrives_as_the_identity_it_names() {
    let (_place, directory) = town();
    let server = server_config(&directory.server).unwrap();
    let operator = Certified {
        certificate_pem: fs::read_to_string(&directory.operator).unwrap(),
        key_pem: fs::read_to_string(&directory.operator_key).unwrap(),
    };
    let gateway = issue(&directory, Party::Gateway(TenantId(7)), now()).unwrap();
    let tenant_operator = issue(&directory, Party::TenantOperator(TenantId(8)), now()).unwrap();
    for (certified, role, tenant) in [
        (operator, Role::Operator, 0),
        (gateway, Role::Gateway, 7),
        (tenant_operator, Role::Operator, 8),
    ] {
        let client = client(&directory, Some(&certified), ALPN);
        let met = handshake(Arc::clone(&server), client, "localhost").unwrap();
        let identity = identity_of_certificate(&met.peer_certificates().unwrap()[0]).unwrap();
        assert_eq!((identity.role, identity.tenant), (role, TenantId(tenant)));
        assert!(identity.expires > now());
    }
}

#[test]
fn a_session_is_resumed_until_the_files_are_read_again() {
    let (_place, directory) = town();
    let client = client(&directory, None, ALPN);
    let comes = |server: &Arc<ServerConfig>| {
        let met = handshake(Arc::clone(server), client.clone(), "localhost").unwrap();
        met.handshake_kind()
    };
    let server = server_config(&directory.server).unwrap();
    assert_eq!(comes(&server), Some(HandshakeKind::Full));
    assert_eq!(comes(&server), Some(HandshakeKind::Resumed));
    let reloaded = server_config(&directory.server).unwrap();
    assert_eq!(comes(&reloaded), Some(HandshakeKind::Full));
}

#[test]
fn a_resumed_session_shows_the_certificate_it_began_with() {
    let (_place, directory) = town();
    let server = server_config(&directory.server).unwrap();
    let gateway = issue(&directory, Party::Gateway(TenantId(7)), now()).unwrap();
    let client = client(&directory, Some(&gateway), ALPN);
    handshake(Arc::clone(&server), client.clone(), "localhost").unwrap();
    let met = handshake(server, client, "localhost").unwrap();
    assert_eq!(met.handshake_kind(), Some(HandshakeKind::Resumed));
    let identity = identity_of_certificate(&met.peer_certificates().unwrap()[0]).unwrap();
    assert_eq!(
        (identity.role, identity.tenant),
        (Role::Gateway, TenantId(7))
    );
}

#[test]
fn a_client_certificate_of_another_ca_is_refused() {
    let (_place, directory) = town();
    let (_elsewhere, others) = town();
    let server = server_config(&directory.server).unwrap();
    let stranger = issue(&others, Party::NodeOperator, now()).unwrap();
    let refused = handshake(
        server,
        client(&directory, Some(&stranger), ALPN),
        "localhost",
    );
    assert!(refused.is_err());
}

#[test]
fn an_expired_client_certificate_is_refused() {
    let (_place, directory) = town();
    let server = server_config(&directory.server).unwrap();
    let long_ago = now().plus_micros(-3 * 365 * 24 * 3_600_000_000);
    let expired = issue(&directory, Party::NodeOperator, long_ago).unwrap();
    let refused = handshake(
        server,
        client(&directory, Some(&expired), ALPN),
        "localhost",
    );
    assert!(refused.is_err());
}

#[test]
fn each_wrong_file_is_named() {
    let (place, directory) = town();
    let absent = place.path().join("absent.pem");
    let empty = place.path().join("empty.pem");
    fs::write(&empty, "").unwrap();
    let files = &directory.server;
    for (place, wrong) in [&absent, &empty].into_iter().flat_map(|wrong| {
        let with = |certificate: &Path, key: &Path, client_ca: &Path| TlsFiles {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            client_ca: client_ca.to_owned(),
        };
        [
            (wrong, with(wrong, &files.key, &files.client_ca)),
            (wrong, with(&files.certificate, wrong, &files.client_ca)),
            (wrong, with(&files.certificate, &files.key, wrong)),
        ]
    }) {
        let error = server_config(&wrong).unwrap_err();
        assert!(
            error.to_string().contains(place.to_str().unwrap()),
            "{error}"
        );
        match error {
            TlsError::Unreadable { .. } => assert_eq!(place, &absent),
            TlsError::WrongContent { .. } => assert_eq!(place, &empty),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_key_of_another_certificate_is_refused_naming_both_files() {
    let (_place, directory) = town();
    let files = TlsFiles {
        key: directory.operator_key.clone(),
        ..directory.server.clone()
    };
    let error = server_config(&files).unwrap_err();
    assert!(matches!(error, TlsError::WrongPair { .. }), "{error}");
}

#[test]
fn private_keys_are_readable_by_their_owner_only() {
    let (place, directory) = town();
    let keys = make_keys_directory(&place.path().join("keys")).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for private in [
        &directory.ca_key,
        &directory.server.key,
        &directory.operator_key,
        &keys.token_key,
    ] {
        assert_eq!(mode(private), 0o600, "{}", private.display());
    }
    assert_eq!(mode(&directory.path), 0o700);
    assert_eq!(mode(&keys.path), 0o700);
}

#[test]
fn the_keys_of_a_data_directory_sign_and_check_tokens() {
    let place = TempDir::new().unwrap();
    let keys = make_keys_directory(&place.path().join("keys")).unwrap();
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    let hour = std::time::Duration::from_secs(3600);
    let issuer = TokenIssuer::from_pem(&read(&keys.token_key)).unwrap();
    let verifier = TokenVerifier::from_pem(&read(&keys.token_public_key), hour).unwrap();
    let token = issuer.issue(TenantId(1), PersonId(2), DeviceId(3), now(), hour);
    assert!(verifier.verify(&token, now()).is_ok());
}

#[test]
fn nothing_that_exists_is_written_over() {
    let (place, directory) = town();
    let before = fs::read(&directory.ca_key).unwrap();
    let again = make_tls_directory(&directory.path, now());
    assert!(matches!(again, Err(MakeError::Exists { .. })));
    assert_eq!(fs::read(&directory.ca_key).unwrap(), before);

    let dangling = place.path().join("dangling");
    std::os::unix::fs::symlink(place.path().join("nowhere"), &dangling).unwrap();
    let through_link = make_keys_directory(&dangling);
    assert!(matches!(through_link, Err(MakeError::Exists { .. })));
}

#[test]
fn what_cannot_be_finished_leaves_nothing_behind() {
    let place = TempDir::new().unwrap();
    let missing_parent = place.path().join("missing").join("tls");
    let refused = make_tls_directory(&missing_parent, now());
    assert!(matches!(refused, Err(MakeError::Io { .. })));
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
}

#[test]
fn the_expiry_of_a_certificate_file_can_be_asked_for() {
    let (_place, directory) = town();
    let expiry = certificate_expiry(&directory.server.certificate).unwrap();
    let days = expiry.micros_since(now()) / (24 * 3_600_000_000);
    assert!((823..=825).contains(&days), "{days} days");
    let missing = certificate_expiry(&directory.path.join("absent"));
    assert!(matches!(missing, Err(TlsError::Unreadable { .. })));
}
