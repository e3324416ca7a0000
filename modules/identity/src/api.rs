//! `POST /auth/token`, the public keys of our tokens, and `POST /auth/webhook`.

use std::sync::Arc;

use fithire_kernel::body::{Body, Raw};
use fithire_kernel::ids::Id;
use fithire_kernel::problem::Problem;
use poem::Request;
use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::types::ParseFromJSON as _;
use poem_openapi::{Object, OpenApi, Tags};

use crate::tokens::Identity;
use crate::visitor::address;

/// The operations of sign-in.
pub struct Api;

/// An e-mail address and a password.
#[derive(Object)]
#[oai(deny_unknown_fields)]
struct Credentials {
    /// The address of the account.
    #[oai(validator(min_length = 1, max_length = 320))]
    email: String,
    /// Its password.
    #[oai(validator(min_length = 1, max_length = 1024))]
    password: String,
    /// The brand that is meant, where the account has several.
    brand: Option<i64>,
}

/// A token for the header `Authorization: Bearer …`.
#[derive(Object)]
#[expect(clippy::struct_field_names, reason = "the names of RFC 6749")]
struct AccessToken {
    /// The token, a JWT.
    access_token: String,
    /// Always `Bearer`.
    token_type: String,
    /// Seconds that it lasts.
    expires_in: i64,
}

/// A JSON Web Key Set (RFC 7517).
#[derive(Object)]
struct KeySet {
    /// One, or two for a while after it was changed.
    keys: Vec<PublicKey>,
}

/// A key that verifies tokens.
#[derive(Object)]
struct PublicKey {
    /// Which kind: always `EC`.
    kty: String,
    /// What for: always `sig`.
    #[oai(rename = "use")]
    usage: String,
    /// Its id, as the header of a token names it.
    kid: String,
    /// Always `ES256`.
    alg: String,
    /// Always `P-256`.
    crv: String,
    /// A coordinate of its point.
    x: String,
    /// The other.
    y: String,
}

/// A message has been taken.
#[derive(Object)]
struct Received {
    /// Always true.
    received: bool,
}

/// Where the document lists them.
#[derive(Tags)]
enum Tag {
    /// Tokens for accounts, the keys that verify them, and messages of identity providers.
    #[oai(rename = "Sign-in")]
    SignIn,
}

#[expect(clippy::unused_async, reason = "operations are async")]
#[OpenApi(tag = "Tag::SignIn")]
impl Api {
    /// Sign in
    ///
    /// Answers a token for one account in one brand. It lasts an hour.
    #[oai(path = "/auth/token", method = "post", operation_id = "create_token")]
    async fn create_token(
        &self,
        identity: Data<&Arc<Identity>>,
        request: &Request,
        credentials: Body<Credentials>,
    ) -> Result<Json<AccessToken>, Problem> {
        let Body(Credentials { email, password, brand }) = credentials;
        let brand: Option<Id> = brand;
        let token = identity.sign_in(&email, password, brand, address(request)).await?;
        Ok(Json(AccessToken {
            access_token: token.access_token,
            token_type: "Bearer".to_owned(),
            expires_in: token.expires_in,
        }))
    }

    /// Public keys
    ///
    /// The keys that verify our tokens, as a JSON Web Key Set.
    #[oai(path = "/auth/jwks.json", method = "get", operation_id = "get_keys")]
    async fn get_keys(&self, identity: Data<&Arc<Identity>>) -> Result<Json<KeySet>, Problem> {
        let keys = serde_json::to_value(identity.public_keys()).map_err(|error| Problem::internal(&error))?;
        let keys = KeySet::parse_from_json(Some(keys));
        keys.map(Json).map_err(|error| Problem::internal(&error.into_message()))
    }

    /// Take a message of an identity provider
    ///
    /// Users that are made, changed or deleted, and who belongs to an organisation, as Clerk says it: `user.created`,
    /// `user.updated`, `user.deleted`, `organizationMembership.created`, `.updated` and `.deleted`; other types are taken
    /// and change nothing. A message is signed over its bytes by the scheme of Standard Webhooks, in the headers `svix-id`,
    /// `svix-timestamp` and `svix-signature` (or `webhook-…`), within five minutes. The same message takes effect once.
    #[oai(path = "/auth/webhook", method = "post", operation_id = "receive_webhook")]
    async fn receive_webhook(
        &self,
        identity: Data<&Arc<Identity>>,
        request: &Request,
        body: Raw,
    ) -> Result<Json<Received>, Problem> {
        identity.take_message(request.headers(), &body.0).await?;
        Ok(Json(Received { received: true }))
    }
}
