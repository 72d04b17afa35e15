use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp(1_900_000_000_000_000);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

const TENANT: TenantId = TenantId(7);
const PERSON: PersonId = PersonId(1 << 40);
const DEVICE: DeviceId = DeviceId(2);

fn pair() -> (TokenIssuer, TokenVerifier) {
    let keys = TokenKeys::generate().unwrap();
    (
        TokenIssuer::from_pem(&keys.private_pem).unwrap(),
        TokenVerifier::from_pem(&keys.public_pem, DAY).unwrap(),
    )
}

/// A token with claims, header and key of one's choice.
fn forged(header: &jsonwebtoken::Header, claims: &serde_json::Value, key: &EncodingKey) -> String {
    jsonwebtoken::encode(header, claims, key).unwrap()
}

fn claims() -> serde_json::Value {
    let now = NOW.0 / MICROS_PER_SECOND;
    serde_json::json!({
        "iss": "throng", "aud": "throng", "tenant": 7, "person": 9, "device": 2,
        "iat": now, "exp": now + 60,
    })
}

fn refused_with(change: impl FnOnce(&mut serde_json::Map<String, serde_json::Value>)) -> AuthError {
    let (issuer, verifier) = pair();
    let mut claims = claims();
    change(claims.as_object_mut().unwrap());
    let header = jsonwebtoken::Header::new(Algorithm::EdDSA);
    verifier
        .verify(&forged(&header, &claims, &issuer.key), NOW)
        .unwrap_err()
}

#[test]
fn a_token_speaks_for_the_person_and_device_it_was_issued_for_until_it_expires() {
    let (issuer, verifier) = pair();
    let token = issuer.issue(TENANT, PERSON, DEVICE, NOW, HOUR);
    let identity = verifier.verify(&token, NOW).unwrap();
    assert_eq!(
        identity,
        Identity {
            role: Role::Person,
            tenant: TENANT,
            person: PERSON,
            device: DEVICE,
            platform: Platform::Unknown,
            second_factor: false,
            expires: NOW.plus_micros(3_605_000_000),
        }
    );
    let last = identity.expires.plus_micros(-1);
    assert_eq!(verifier.verify(&token, last), Ok(identity));
    let bearer = Bearer {
        platform: Platform::Mobile,
        second_factor: true,
        ..Bearer::new(TENANT, PERSON, DEVICE)
    };
    let token = issuer.issue_to(&bearer, NOW, HOUR);
    let identity = verifier.verify(&token, NOW).unwrap();
    assert!(identity.second_factor);
    assert_eq!(identity.platform, Platform::Mobile);
    assert_eq!(
        verifier.verify(&token, identity.expires),
        Err(AuthError::Expired {
            expired_at: NOW.plus_micros(3_600_000_000)
        })
    );
}

#[test]
fn a_token_from_the_future_is_refused_beyond_the_leeway() {
    let (issuer, verifier) = pair();
    let near = issuer.issue(TENANT, PERSON, DEVICE, NOW.plus_micros(5_000_000), HOUR);
    assert!(verifier.verify(&near, NOW).is_ok());
    let far = issuer.issue(TENANT, PERSON, DEVICE, NOW.plus_micros(6_000_000), HOUR);
    let refused = verifier.verify(&far, NOW).unwrap_err();
    assert!(matches!(refused, AuthError::NotYetValid { .. }));
    let not_before = refused_with(|claims| {
        claims.insert("nbf".into(), (NOW.0 / MICROS_PER_SECOND + 30).into());
    });
    assert!(matches!(not_before, AuthError::NotYetValid { .. }));
}

#[test]
fn a_token_that_would_live_longer_than_allowed_is_refused() {
    let (issuer, verifier) = pair();
    let day = issuer.issue(TENANT, PERSON, DEVICE, NOW, DAY);
    assert!(verifier.verify(&day, NOW).is_ok());
    let longer = issuer.issue(TENANT, PERSON, DEVICE, NOW, DAY + Duration::from_secs(6));
    let refused = verifier.verify(&longer, NOW).unwrap_err();
    assert!(matches!(refused, AuthError::LivesTooLong { .. }));
    let forever = refused_with(|claims| {
        claims.insert("exp".into(), i64::MAX.into());
    });
    assert!(matches!(forever, AuthError::LivesTooLong { .. }));
}

#[test]
fn a_token_of_another_issuers_key_is_refused_and_one_of_several_keys_is_enough() {
    let (ours, verifier) = pair();
    let (theirs, _) = pair();
    let token = theirs.issue(TENANT, PERSON, DEVICE, NOW, HOUR);
    assert_eq!(verifier.verify(&token, NOW), Err(AuthError::WrongSignature));
    let (old, new) = (
        TokenKeys::generate().unwrap(),
        TokenKeys::generate().unwrap(),
    );
    let both = format!("{}\n{}\n", old.public_pem, new.public_pem);
    let both = TokenVerifier::from_pem(&both, DAY).unwrap();
    for private in [&old.private_pem, &new.private_pem] {
        let issuer = TokenIssuer::from_pem(private).unwrap();
        let token = issuer.issue(TENANT, PERSON, DEVICE, NOW, HOUR);
        assert!(both.verify(&token, NOW).is_ok());
    }
    let token = ours.issue(TENANT, PERSON, DEVICE, NOW, HOUR);
    assert_eq!(both.verify(&token, NOW), Err(AuthError::WrongSignature));
}

#[test]
fn a_token_signed_with_the_public_key_as_a_shared_secret_is_refused() {
    let keys = TokenKeys::generate().unwrap();
    let verifier = TokenVerifier::from_pem(&keys.public_pem, DAY).unwrap();
    let header = jsonwebtoken::Header::new(Algorithm::HS256);
    let secret = EncodingKey::from_secret(keys.public_pem.as_bytes());
    assert_eq!(
        verifier.verify(&forged(&header, &claims(), &secret), NOW),
        Err(AuthError::WrongAlgorithm)
    );
}

#[test]
fn an_unsigned_token_is_refused() {
    let (_, verifier) = pair();
    // {"alg":"none"} . {} . nothing
    let refused = verifier.verify("eyJhbGciOiJub25lIn0.e30.", NOW);
    assert_eq!(refused, Err(AuthError::NotAToken));
}

#[test]
fn a_token_whose_claims_are_changed_after_signing_is_refused() {
    let (issuer, verifier) = pair();
    let mine = issuer.issue(TENANT, PersonId(1), DEVICE, NOW, HOUR);
    let theirs = issuer.issue(TENANT, PersonId(2), DEVICE, NOW, HOUR);
    let (_, signature) = mine.rsplit_once('.').unwrap();
    let (claims, _) = theirs.rsplit_once('.').unwrap();
    assert_eq!(
        verifier.verify(&format!("{claims}.{signature}"), NOW),
        Err(AuthError::WrongSignature)
    );
}

#[test]
fn a_token_for_another_audience_or_from_another_issuer_is_refused() {
    for claim in ["iss", "aud"] {
        let other = refused_with(|claims| {
            claims.insert(claim.into(), "elsewhere".into());
        });
        assert_eq!(other, AuthError::WrongAudience, "{claim}");
        let missing = refused_with(|claims| {
            claims.remove(claim);
        });
        assert_eq!(missing, AuthError::WrongAudience, "{claim}");
    }
}

#[test]
fn every_claim_is_required_and_in_range() {
    for claim in ["tenant", "person", "device", "iat", "exp"] {
        let missing = refused_with(|claims| {
            claims.remove(claim);
        });
        assert_eq!(missing, AuthError::WrongClaims, "{claim} missing");
        let text = refused_with(|claims| {
            claims.insert(claim.into(), "7".into());
        });
        assert_eq!(text, AuthError::WrongClaims, "{claim} as text");
    }
    let text = refused_with(|claims| {
        claims.insert("nbf".into(), "7".into());
    });
    assert_eq!(
        text,
        AuthError::WrongClaims,
        "nbf need not be there, but not as text"
    );
    for claim in ["tenant", "device"] {
        let large = refused_with(|claims| {
            claims.insert(claim.into(), (1_u64 << 32).into());
        });
        assert_eq!(large, AuthError::WrongClaims, "{claim} beyond 32 bits");
    }
    for claim in ["tenant", "person", "device"] {
        for wrong in [0, -1] {
            let refused = refused_with(|claims| {
                claims.insert(claim.into(), wrong.into());
            });
            assert_eq!(refused, AuthError::WrongClaims, "{claim} = {wrong}");
        }
    }
}

#[test]
fn an_oversized_token_is_not_looked_into() {
    let (_, verifier) = pair();
    let len = TOKEN_LEN_MAX + 1;
    assert_eq!(
        verifier.verify(&"a".repeat(len), NOW),
        Err(AuthError::TokenTooLong { len })
    );
}

#[test]
fn only_ed25519_keys_are_token_keys_and_each_half_only_in_its_place() {
    let keys = TokenKeys::generate().unwrap();
    let ec = rcgen::KeyPair::generate().unwrap();
    for wrong in [&keys.public_pem, &ec.serialize_pem(), "", "-----BEGIN"] {
        assert!(TokenIssuer::from_pem(wrong).is_err(), "{wrong}");
    }
    let with_rubbish = format!("{}rubbish", keys.public_pem);
    let half_good = format!("{}{}", keys.public_pem, ec.public_key_pem());
    for wrong in [
        &keys.private_pem,
        &ec.public_key_pem(),
        "",
        &with_rubbish,
        &half_good,
    ] {
        assert!(TokenVerifier::from_pem(wrong, DAY).is_err(), "{wrong}");
    }
}

fn certificate(uris: &[&str]) -> Vec<u8> {
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2030, 1, 1);
    for uri in uris {
        let uri = rcgen::SanType::URI((*uri).try_into().unwrap());
        params.subject_alt_names.push(uri);
    }
    let key = rcgen::KeyPair::generate().unwrap();
    params.self_signed(&key).unwrap().der().to_vec()
}

fn identity_of(uris: &[&str]) -> Result<(Role, u32), AuthError> {
    identity_of_certificate(&certificate(uris)).map(|identity| (identity.role, identity.tenant.0))
}

#[test]
fn a_certificate_speaks_for_the_one_party_its_uri_names_until_it_expires() {
    for (uri, party) in [
        ("throng://node/operator", (Role::Operator, 0)),
        ("throng://tenant/7/operator", (Role::Operator, 7)),
        (
            "throng://tenant/4294967295/gateway",
            (Role::Gateway, u32::MAX),
        ),
    ] {
        assert_eq!(identity_of(&[uri]), Ok(party), "{uri}");
    }
    let with_others = ["https://example.org/", "throng://tenant/7/gateway"];
    assert_eq!(identity_of(&with_others), Ok((Role::Gateway, 7)));

    let identity = identity_of_certificate(&certificate(&["throng://node/operator"])).unwrap();
    assert_eq!(identity.expires, timestamp(1_893_456_000), "2030-01-01");
    assert_eq!(
        (identity.person, identity.device),
        (PersonId(0), DeviceId(0))
    );
}

#[test]
fn a_certificate_without_exactly_one_known_uri_speaks_for_nobody() {
    assert_eq!(identity_of(&[]), Err(AuthError::NoIdentity));
    assert_eq!(
        identity_of(&["https://node/operator"]),
        Err(AuthError::NoIdentity)
    );
    assert_eq!(
        identity_of(&["throng://node/operator", "throng://tenant/7/gateway"]),
        Err(AuthError::ManyIdentities { count: 2 })
    );
    for uri in [
        "throng://",
        "throng://node/gateway",
        "throng://node/operator/",
        "throng://tenant/0/operator",
        "throng://tenant/07/operator",
        "throng://tenant/+7/operator",
        "throng://tenant/7/person",
        "throng://tenant/7",
        "throng://tenant/4294967296/operator",
        "throng://tenant//operator",
    ] {
        assert_eq!(
            identity_of(&[uri]),
            Err(AuthError::UnknownIdentity),
            "{uri}"
        );
    }
}

#[test]
fn trailing_bytes_after_a_certificate_are_refused() {
    let mut der = certificate(&["throng://node/operator"]);
    der.push(0);
    assert_eq!(
        identity_of_certificate(&der),
        Err(AuthError::NotACertificate)
    );
}

proptest! {
    #[test]
    fn any_text_is_refused_as_a_token_without_a_panic(text in "\\PC{0,300}") {
        let (_, verifier) = pair();
        prop_assert!(verifier.verify(&text, NOW).is_err());
    }

    #[test]
    fn a_changed_character_of_a_token_never_changes_who_it_speaks_for(
        at in 0_usize..250, to in "[A-Za-z0-9_.=-]",
    ) {
        let (issuer, verifier) = pair();
        let mut token = issuer.issue(TENANT, PERSON, DEVICE, NOW, HOUR);
        let at = at % token.len();
        token.replace_range(at..=at, &to);
        if let Ok(identity) = verifier.verify(&token, NOW) {
            prop_assert_eq!((identity.tenant, identity.person), (TENANT, PERSON));
        }
    }

    #[test]
    fn any_bytes_are_refused_as_a_certificate_without_a_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        prop_assert!(identity_of_certificate(&bytes).is_err());
    }

    #[test]
    fn a_damaged_certificate_never_panics(at in any::<usize>(), to in any::<u8>(), len in any::<usize>()) {
        let mut der = certificate(&["throng://tenant/7/gateway"]);
        let at = at % der.len();
        der[at] = to;
        der.truncate(der.len() - len % 8);
        let _ = identity_of_certificate(&der);
    }
}
