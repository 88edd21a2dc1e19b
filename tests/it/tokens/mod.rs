//! Tokens for other services: their claims, rotation of refresh tokens and of signing keys.
//!
//! Most tests run over the memory store, with a clock that the test sets and several nodes. `program` and `forged`
//! start the real program. Independent libraries verify its tokens in `tests/deploy-checks/tokens.rs`.

#![expect(clippy::expect_used, reason = "a test fails by panicking, also in its helpers")]

mod forged;
mod minting;
mod program;
mod refresh;
mod rotation;
mod store_unavailable;

use std::sync::Arc;

use userd_core::clock::ManualClock;
use userd_core::random::{Random, SeededRandom};
use userd_core::{Actor, DisplayName, Email, Password, PasswordAttempt, PasswordPolicy, RefreshToken, Timestamp};
use userd_service::{
    Error, KeyDependencies, KeyEncryption, MintedToken, ServiceDependencies, Services, SignInRequest, SignInSuccess,
    SignUpRequest, SigningAlgorithm, SigningKeyService,
};
use userd_store::{KeyStore, Store};

use crate::http::{CHEAP_HASHES, PASSWORD, hasher, service_settings};
use userd_store::memory::MemoryStore;
use userd_test_support::program_tokens::token_kid;

const POLICY: PasswordPolicy = PasswordPolicy { chars_min: 8, chars_max: 128 };
const START: Timestamp = Timestamp::from_millis(1_795_357_862_007);
const LIFE_MS: u64 = 300_000;
const GRACE_MS: u64 = 10_000;
const IDLE_MS: u64 = 3_600_000;
const ABSOLUTE_MS: u64 = 86_400_000;

/// A store, a clock, and the nodes that use them.
struct TokenFixture {
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
    key_encryption: Option<[u8; 32]>,
    algorithm: SigningAlgorithm,
}

impl TokenFixture {
    fn new() -> Self {
        Self {
            store: Arc::new(MemoryStore::default()),
            clock: Arc::new(ManualClock::at(START)),
            key_encryption: None,
            algorithm: SigningAlgorithm::Es256,
        }
    }

    fn key_encryption(&self) -> Arc<KeyEncryption> {
        Arc::new(KeyEncryption::new(self.key_encryption.as_ref()))
    }

    /// A node with its own clock.
    fn node_with_clock(&self, clock: &Arc<ManualClock>, seed: u64) -> Services {
        let random: Arc<dyn Random> = Arc::new(SeededRandom::from_seed(seed));
        let dependencies = ServiceDependencies {
            store: Arc::clone(&self.store) as Arc<dyn Store>,
            hasher: hasher(&CHEAP_HASHES),
            key_encryption: self.key_encryption(),
            clock: Arc::clone(clock) as _,
            random,
        };
        let mut settings = service_settings();
        settings.tokens.algorithm = self.algorithm;
        Services::new(&dependencies, &settings)
    }

    fn node(&self) -> Services {
        self.node_with_clock(&self.clock, 2)
    }

    /// The operator's commands, with a correct clock.
    fn operator(&self) -> SigningKeyService {
        let dependencies = KeyDependencies {
            store: Arc::clone(&self.store) as Arc<dyn KeyStore>,
            key_encryption: self.key_encryption(),
            clock: Arc::clone(&self.clock) as _,
            random: Arc::new(SeededRandom::from_seed(9)),
        };
        SigningKeyService::new(dependencies, self.algorithm, LIFE_MS)
    }
}

fn client() -> &'static Actor {
    Actor::anonymous()
}

/// Ada signs up and in.
async fn ada(node: &Services) -> SignInSuccess {
    let sign_up = SignUpRequest {
        name: DisplayName::parse("Ada").expect("a name"),
        email: Email::parse("ada@example.org").expect("an e-mail"),
        password: Password::parse(PASSWORD, POLICY).expect("a password"),
    };
    node.users.sign_up(sign_up, client()).await.expect("she signs up");
    sign_in(node).await
}

async fn sign_in(node: &Services) -> SignInSuccess {
    let email = Email::parse("ada@example.org").expect("an e-mail");
    let password = PasswordAttempt::parse(PASSWORD).expect("an attempt");
    let sign_in = SignInRequest { email, password, refresh: true, device: None };
    node.sessions.sign_in(&sign_in, client()).await.expect("she signs in")
}

/// A token for other services from Ada's session.
async fn mint(node: &Services, ada: &SignInSuccess) -> MintedToken {
    let signed_in = node.sessions.authenticate(&ada.token).await.expect("she is signed in");
    node.tokens.mint(&signed_in, None).await.expect("a token")
}

async fn refresh(node: &Services, token: &RefreshToken) -> Result<(MintedToken, RefreshToken), Error> {
    node.tokens.refresh(token, None, client()).await
}

/// The id of the key that signed a token.
fn kid(minted: &MintedToken) -> String {
    token_kid(minted.token.expose())
}

/// The ids of the keys that a node publishes.
async fn published(node: &Services) -> Vec<String> {
    let keys = node.tokens.published_keys().await.expect("keys");
    keys.iter().map(|key| key.kid.clone()).collect()
}
