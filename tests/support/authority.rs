//! A timestamp authority: `openssl ts` behind scripts, one that is honest and some that are not.
//!
//! Needs OpenSSL: `apt-get install openssl`.

#![allow(dead_code)] // Each test binary uses its own part.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

const CONFIG: &str = "[tsa]
default_tsa = one
[one]
serial = ./serial
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
clock_precision_digits = 3
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
signer_digest = sha256
";

const REPLY: &str = "openssl ts -reply -config tsa.cnf -queryfile /dev/stdin -signer cert.pem \
                     -inkey key.pem -out /dev/stdout";
/// The digest that is asked for, in hex.
const DIGEST: &str = "$(head -c 56 | tail -c 32 | od -An -v -tx1 | tr -d ' \\n')";

/// An authority with a key of its own.
pub(crate) struct OpenSsl {
    place: TempDir,
}

impl OpenSsl {
    pub(crate) fn new() -> Self {
        let place = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        fs::write(place.path().join("tsa.cnf"), CONFIG).unwrap();
        let strict = CONFIG.replace("digests = sha256", "digests = sha512");
        fs::write(place.path().join("strict.cnf"), strict).unwrap();
        let authority = Self { place };
        let made = authority.openssl(&[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            "key.pem",
            "-out",
            "cert.pem",
            "-days",
            "30",
            "-subj",
            "/CN=Authority",
            "-addext",
            "extendedKeyUsage=critical,timeStamping",
        ]);
        assert!(made.status.success(), "{made:?}");
        authority
    }

    fn openssl(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("openssl");
        command.current_dir(self.place.path()).args(arguments);
        command
            .output()
            .expect("OpenSSL is needed: apt-get install openssl")
    }

    fn script(&self, name: &str, text: &str) -> String {
        let path = self.place.path().join(name);
        let text =
            format!("#!/bin/sh\nexec 2>/dev/null\ncd \"$(dirname \"$0\")\" || exit\n{text}\n");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The command that asks it.
    pub(crate) fn honest(&self) -> String {
        self.script("honest", REPLY)
    }

    /// Timestamps something else.
    pub(crate) fn of_something_else(&self) -> String {
        let query = "openssl ts -query -data tsa.cnf -sha256 -cert";
        self.script("else", &format!("{query} | {REPLY}"))
    }

    /// Timestamps what was asked for, on another request with this flag.
    pub(crate) fn of_another_request(&self, flag: &str) -> String {
        let query = format!("openssl ts -query -digest {DIGEST} -sha256 -cert {flag}");
        self.script("another", &format!("{query} | {REPLY}"))
    }

    /// Rejects what was asked for.
    pub(crate) fn rejecting(&self) -> String {
        self.script("rejecting", &REPLY.replace("tsa.cnf", "strict.cnf"))
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.place.path().join("cert.pem")
    }

    /// What an auditor does: whether the authority has signed that it saw this file.
    pub(crate) fn verifies(&self, data: &Path, reply: &Path) -> bool {
        let (data, reply) = (data.to_str().unwrap(), reply.to_str().unwrap());
        let trusted = ["-CAfile", "cert.pem"];
        let asked = [
            &["ts", "-verify", "-data", data, "-in", reply][..],
            &trusted,
        ]
        .concat();
        let said = self.openssl(&asked);
        said.status.success() && String::from_utf8_lossy(&said.stdout).contains("Verification: OK")
    }
}
