//! The content of a token.

use serde_json::json;
use userd_core::Timestamp;
use userd_service::{Error, SigningAlgorithm};

use super::{ABSOLUTE_MS, LIFE_MS, START, TokenFixture, ada, mint};
use userd_test_support::program_tokens::token_parts;

#[tokio::test]
async fn a_token_has_issuer_audience_subject_session_and_lifetime() {
    for algorithm in SigningAlgorithm::ALL {
        let fixture = TokenFixture { algorithm, ..TokenFixture::new() };
        let node = fixture.node();
        let ada = ada(&node).await;
        let minted = mint(&node, &ada).await;
        let (header, mut claims) = token_parts(minted.token.expose());
        assert_eq!((&header["typ"], &header["alg"]), (&json!("JWT"), &json!(algorithm.as_str())));
        assert_eq!(header.as_object().expect("an object").len(), 3, "{header}");
        let id = claims["jti"].take();
        assert_eq!(id.as_str().map(str::len), Some(22), "16 random bytes");
        let iat = START.as_millis() / 1000;
        let expected = json!({
            "iss": "https://accounts.example.org",
            "aud": "userd",
            "sub": ada.user.id.to_string(),
            "sid": ada.session.id.to_string(),
            "iat": iat,
            "exp": iat + LIFE_MS / 1000,
            "jti": null,
        });
        assert_eq!(claims, expected);
        assert_eq!(minted.expires_at, Timestamp::from_millis((iat + LIFE_MS / 1000) * 1000));
        let (_, next) = token_parts(mint(&node, &ada).await.token.expose());
        assert_ne!(next["jti"], id, "each token has an id of its own");
    }
}

#[tokio::test]
async fn a_token_ends_with_its_session_at_the_latest() {
    let fixture = TokenFixture::new();
    let node = fixture.node();
    let ada = ada(&node).await;
    let steps = ABSOLUTE_MS / 1_800_000;
    for _ in 1..steps {
        fixture.clock.advance_ms(1_800_000);
        node.sessions.authenticate(&ada.token).await.expect("used every half hour");
    }
    fixture.clock.advance_ms(1_800_000 - 60_000);
    let (_, claims) = token_parts(mint(&node, &ada).await.token.expose());
    assert_eq!(claims["exp"], json!(ada.expires_at.as_millis() / 1000));
    assert!(claims["exp"].as_u64() < claims["iat"].as_u64().map(|iat| iat + LIFE_MS / 1000));
}

#[tokio::test]
async fn only_configured_audiences_are_served() {
    let fixture = TokenFixture::new();
    let node = fixture.node();
    let ada = ada(&node).await;
    let signed_in = node.sessions.authenticate(&ada.token).await.expect("she is signed in");
    let minted = node.tokens.mint(&signed_in, Some("billing")).await.expect("a token");
    assert_eq!(token_parts(minted.token.expose()).1["aud"], json!("billing"));
    for audience in ["", "Billing", "userd,billing", "elsewhere"] {
        let refused = node.tokens.mint(&signed_in, Some(audience)).await;
        assert!(matches!(refused, Err(Error::UnknownAudience)), "{audience:?}: {refused:?}");
    }
    let token = ada.refresh.as_ref().expect("a refresh token");
    let refused = node.tokens.refresh(token, Some("elsewhere"), super::client()).await;
    assert!(matches!(refused, Err(Error::UnknownAudience)));
    fixture.clock.advance_ms(60_000);
    super::refresh(&node, token).await.expect("the refused request used nothing up");
}

#[tokio::test]
async fn no_output_about_a_token_contains_the_token() {
    let fixture = TokenFixture::new();
    let node = fixture.node();
    let ada = ada(&node).await;
    let minted = mint(&node, &ada).await;
    let signature = minted.token.expose().rsplit('.').next().expect("a signature").to_owned();
    assert!(!format!("{minted:?}").contains(&signature));
}
