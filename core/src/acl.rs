//! Signed requests: the access control of RocketMQ 4.x, which 5.x understands too (`AclClientRPCHook`, `AclUtils`,
//! `AclSigner`).

use core::fmt;

use base64ct::{Base64, Encoding as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

/// Who signs (`SessionCredentials`).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SessionCredentials<'c> {
    access_key: &'c str,
    secret_key: &'c str,
    security_token: Option<&'c str>,
}

impl<'c> SessionCredentials<'c> {
    /// The name and the secret of an account; in 5.x they are user and password.
    pub const fn new(access_key: &'c str, secret_key: &'c str) -> Self {
        Self { access_key, secret_key, security_token: None }
    }

    /// Adds the token of a session.
    #[must_use]
    pub const fn with_security_token(mut self, security_token: &'c str) -> Self {
        self.security_token = Some(security_token);
        self
    }

    /// The account.
    pub const fn access_key(&self) -> &'c str {
        self.access_key
    }

    /// The token of a session.
    pub const fn security_token(&self) -> Option<&'c str> {
        self.security_token
    }
}

/// Without the secret, so that it gets into no log.
impl fmt::Debug for SessionCredentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionCredentials").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

/// A signature in Base64.
pub(crate) type Signature = [u8; 28];

/// Computes a signature from the content piece by piece.
pub(crate) struct Signer(Hmac<Sha1>);

impl Signer {
    /// None only if a secret could not be a key, which any can.
    pub(crate) fn new(credentials: &SessionCredentials<'_>) -> Option<Self> {
        Hmac::new_from_slice(credentials.secret_key.as_bytes()).ok().map(Self)
    }

    pub(crate) fn update(&mut self, content: &[u8]) {
        self.0.update(content);
    }

    pub(crate) fn finish(self) -> Option<Signature> {
        let mut signature = [0; 28];
        Base64::encode(&self.0.finalize().into_bytes(), &mut signature).ok()?;
        Some(signature)
    }
}
