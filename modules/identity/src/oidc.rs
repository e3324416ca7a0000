//! Signing in to the pages by another issuer: `OpenID` Connect's authorization code with PKCE. Afterwards the session is our
//! own, as after a password.
//!
//! What a sign-in on its way needs is in a cookie of that browser alone: whoever comes back without it, or with another
//! `state`, did not begin here.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use fithire_kernel::ids::Id;
use fithire_kernel::problem::{Code, Problem};
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreIdTokenClaims, CoreJwsSigningAlgorithm, CoreProviderMetadata,
};
use openidconnect::{
    AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IssuerUrl, Nonce, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, Scope, TokenResponse as _,
};
use serde::{Deserialize, Serialize};

use crate::issuers::{Evidence, Issuer};
use crate::secret;
use crate::tokens::Identity;

/// How long what an issuer says of itself serves.
const FRESH: TimeDelta = TimeDelta::minutes(5);

/// How long nobody asks again after it did not answer.
const AGAIN: TimeDelta = TimeDelta::seconds(10);

/// What an issuer says of itself, since when that is known, and when it last did not answer.
#[derive(Default)]
pub(crate) struct Discovered {
    said: Option<(DateTime<Utc>, Arc<CoreProviderMetadata>)>,
    failed_at: Option<DateTime<Utc>>,
}

/// A client of an issuer that has been discovered.
type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// What brought somebody here, and where they go afterwards.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Purpose {
    /// A path of ours.
    pub next: String,
    /// The link of a brand to sign up by.
    pub link: String,
    /// The code of an invitation.
    pub code: String,
}

/// A sign-in on its way.
#[derive(Deserialize, Serialize)]
pub(crate) struct Underway {
    issuer: String,
    state: String,
    nonce: String,
    verifier: String,
    pub(crate) purpose: Purpose,
}

/// Somebody who has signed in by an issuer.
pub struct Arrived {
    /// Their account.
    pub account_id: Id,
    /// What they came for.
    pub purpose: Purpose,
    /// The brands in which the account has a membership.
    pub brands: Vec<Id>,
    pub(crate) evidence: Evidence,
}

/// What an issuer sends back.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Returned {
    code: String,
    state: String,
    error: String,
}

impl Identity {
    /// The issuers by whom people sign in to the pages: name and title.
    #[must_use]
    pub fn sign_ins(&self) -> Vec<(&str, &str)> {
        let issuers = self.issuers.iter().filter(|issuer| issuer.signs_in());
        issuers.map(|issuer| (&*issuer.settings.name, issuer.title())).collect()
    }

    fn issuer_named(&self, name: &str) -> Result<&Issuer, Problem> {
        let issuer = self.issuers.iter().find(|issuer| issuer.signs_in() && issuer.settings.name == name);
        issuer.ok_or_else(|| Problem::new(Code::NotFound))
    }

    /// Where to send somebody who wants to sign in by an issuer, and what their browser keeps meanwhile.
    pub(crate) async fn begin(&self, name: &str, purpose: Purpose) -> Result<(String, Underway), Problem> {
        let issuer = self.issuer_named(name)?;
        let metadata = self.discovered(issuer, false).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state, nonce) = self
            .client(issuer, &metadata)?
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scope(Scope::new("email".to_owned()))
            .add_scope(Scope::new("profile".to_owned()))
            .set_pkce_challenge(challenge)
            .url();
        let underway = Underway {
            issuer: name.to_owned(),
            state: state.into_secret(),
            nonce: nonce.secret().clone(),
            verifier: verifier.into_secret(),
            purpose,
        };
        Ok((url.to_string(), underway))
    }

    /// Who has come back.
    ///
    /// # Errors
    /// 401 with what is not right, for the person; 503 when the issuer cannot be reached.
    pub(crate) async fn finish(
        &self,
        name: &str,
        underway: Option<Underway>,
        returned: Returned,
    ) -> Result<Arrived, Problem> {
        let refused = |told: String| Problem::new(Code::Unauthenticated).because(told);
        let issuer = self.issuer_named(name)?;
        let underway = underway
            .filter(|underway| underway.issuer == name && secret::same(&returned.state, &underway.state))
            .ok_or_else(|| {
                refused("this sign-in was begun in another browser, or too long ago; try again".to_owned())
            })?;
        if !returned.error.is_empty() || returned.code.is_empty() {
            return Err(refused(format!("{} did not sign you in", issuer.title())));
        }
        let metadata = self.discovered(issuer, false).await?;
        let client = self.client(issuer, &metadata)?;
        let http = |request| ask(issuer.http.clone(), request);
        let response = client
            .exchange_code(AuthorizationCode::new(returned.code))
            .map_err(|error| Problem::internal(&error))?
            .set_pkce_verifier(PkceCodeVerifier::new(underway.verifier))
            .request_async(&http)
            .await
            .map_err(|error| failed(issuer, &error))?;
        let token = response
            .id_token()
            .ok_or_else(|| refused(format!("{} did not say who you are", issuer.title())))?;
        let nonce = Nonce::new(underway.nonce);
        let claims = match token.claims(&verifier(&client), &nonce) {
            // It may have new keys since we asked.
            Err(ClaimsVerificationError::SignatureVerification(_)) => {
                let metadata = self.discovered(issuer, true).await?;
                let client = self.client(issuer, &metadata)?;
                token.claims(&verifier(&client), &nonce).cloned()
            }
            claims => claims.cloned(),
        };
        let claims = claims.map_err(|error| {
            tracing::warn!(%error, issuer = name, "a sign-in is not valid");
            refused(format!("the answer of {} was not valid; try again", issuer.title()))
        })?;
        let evidence = evidence(issuer, &claims);
        let account = self.account_behind(issuer, &evidence).await?;
        let account = account.ok_or_else(|| refused("your account has been disabled".to_owned()))?;
        let brands = account.brands();
        Ok(Arrived { account_id: account.id, purpose: underway.purpose, brands, evidence })
    }

    /// The brand that somebody who has signed in by an issuer goes to, of which they become a member if they may.
    ///
    /// # Errors
    /// 403 when there is none.
    pub async fn brand_of(&self, name: &str, arrived: &Arrived) -> Result<Id, Problem> {
        let issuer = self.issuer_named(name)?;
        for brand_id in &arrived.brands {
            if self.member_now(arrived.account_id, *brand_id).await?.is_some() {
                return Ok(*brand_id);
            }
        }
        let mut refusal = Problem::new(Code::Forbidden)
            .because("your account is not a member of any brand; ask who invited you");
        for brand_id in issuer.brands() {
            match self.admit(issuer, &arrived.evidence, (arrived.account_id, brand_id), None).await {
                Ok(()) => return Ok(brand_id),
                Err(problem) if problem.code == Code::Forbidden => refusal = problem,
                Err(problem) => return Err(problem),
            }
        }
        Err(refusal)
    }

    /// What an issuer says of itself. Whoever waits while it does not answer is told so with the first.
    async fn discovered(&self, issuer: &Issuer, again: bool) -> Result<Arc<CoreProviderMetadata>, Problem> {
        let mut known = issuer.discovered.lock().await;
        let now = self.clock.now();
        if let Some((at, metadata)) = &known.said
            && !again
            && now - *at < FRESH
        {
            return Ok(metadata.clone());
        }
        if known.failed_at.is_some_and(|at| now - at < AGAIN) {
            return Err(unreachable(issuer));
        }
        let url =
            IssuerUrl::new(issuer.settings.issuer.clone()).map_err(|error| Problem::internal(&error))?;
        let http = |request| ask(issuer.http.clone(), request);
        match CoreProviderMetadata::discover_async(url, &http).await {
            Ok(metadata) => {
                let metadata = Arc::new(metadata);
                *known = Discovered { said: Some((now, metadata.clone())), failed_at: None };
                Ok(metadata)
            }
            Err(error) => {
                known.failed_at = Some(now);
                Err(failed(issuer, &error))
            }
        }
    }

    fn client(&self, issuer: &Issuer, metadata: &CoreProviderMetadata) -> Result<Client, Problem> {
        let settings = &issuer.settings;
        let secret = settings.client_secret.as_ref().map(|secret| ClientSecret::new(secret.0.clone()));
        let id = ClientId::new(settings.client_id.clone().unwrap_or_default());
        let back = format!("{}/sign-in/with/{}/back", self.origin, settings.name);
        let back = RedirectUrl::new(back).map_err(|error| Problem::internal(&error))?;
        Ok(CoreClient::from_provider_metadata(metadata.clone(), id, secret).set_redirect_uri(back))
    }
}

/// Takes signatures by published keys alone: neither none nor one by the secret that we share.
fn verifier(client: &Client) -> openidconnect::core::CoreIdTokenVerifier<'_> {
    use CoreJwsSigningAlgorithm as Alg;
    client.id_token_verifier().set_allowed_algs([
        Alg::RsaSsaPkcs1V15Sha256,
        Alg::RsaSsaPkcs1V15Sha384,
        Alg::RsaSsaPkcs1V15Sha512,
        Alg::RsaSsaPssSha256,
        Alg::RsaSsaPssSha384,
        Alg::RsaSsaPssSha512,
        Alg::EcdsaP256Sha256,
        Alg::EcdsaP384Sha384,
        Alg::EdDsa,
    ])
}

fn evidence(issuer: &Issuer, claims: &CoreIdTokenClaims) -> Evidence {
    let believed = issuer.settings.trust_email && claims.email_verified() == Some(true);
    let name = claims.name().and_then(|names| names.get(None)).map(|name| name.to_string());
    Evidence {
        subject: claims.subject().to_string(),
        issued_at: claims.issue_time(),
        organisation: None,
        name,
        email: claims.email().filter(|_| believed).map(|email| email.to_string()),
    }
}

/// An issuer that does not do as it should; the log says what.
fn failed(issuer: &Issuer, error: &dyn std::error::Error) -> Problem {
    let causes: Vec<String> =
        std::iter::successors(error.source(), |error| error.source()).map(ToString::to_string).collect();
    tracing::warn!(issuer = issuer.settings.name, %error, cause = causes.join(": "), "an issuer does not answer as it should");
    unreachable(issuer)
}

fn unreachable(issuer: &Issuer) -> Problem {
    let told = format!("{} cannot be reached right now; try again in a moment", issuer.title());
    Problem { retry_after: Some(10), ..Problem::new(Code::Unavailable) }.because(told)
}

async fn ask(http: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, std::io::Error> {
    let other = std::io::Error::other::<reqwest::Error>;
    let response = http.execute(request.try_into().map_err(other)?).await.map_err(other)?;
    let mut answer = poem::http::Response::new(Vec::new());
    *answer.status_mut() = response.status();
    *answer.headers_mut() = response.headers().clone();
    *answer.body_mut() = response.bytes().await.map_err(other)?.to_vec();
    Ok(answer)
}
