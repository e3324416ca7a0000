//! The gate of the API: a bearer token becomes a [`Caller`], and a caller the proof of a privilege.

use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use fithire_kernel::ids::Id;
use fithire_kernel::problem::{Code, Problem};
use fithire_kernel::scope::{Allowed, BrandScope, Limits};
use poem::Request;
use poem::http::header;
use poem_openapi::SecurityScheme;
use poem_openapi::auth::Bearer;

use crate::model::{Held, Role};
use crate::tokens::Identity;
use crate::visitor::address;

/// Someone who has been recognised, with what they may do at this moment.
#[derive(Clone, Debug)]
pub struct Caller {
    scope: BrandScope,
    account_id: Id,
    role: Role,
    limits: Limits,
    name: String,
    brands: Vec<Id>,
    since: DateTime<Utc>,
}

impl Caller {
    pub(crate) fn new(scope: BrandScope, account_id: Id, role: Role, limits: Limits) -> Self {
        Self {
            scope,
            account_id,
            role,
            limits,
            name: String::new(),
            brands: Vec::new(),
            since: DateTime::UNIX_EPOCH,
        }
    }

    /// A program with a key: no account, and no other brand.
    pub(crate) fn of_key(scope: BrandScope, role: Role, limits: Limits, name: String) -> Self {
        Self { name, ..Self::new(scope, 0, role, limits) }
    }

    /// The same with what is known of the account.
    pub(crate) fn with_account(self, name: String, brands: Vec<Id>) -> Self {
        Self { name, brands, ..self }
    }

    /// The same, by something that was opened then.
    pub(crate) fn since(self, since: DateTime<Utc>) -> Self {
        Self { since, ..self }
    }

    /// When what they are recognised by was opened.
    pub(crate) fn opened_at(&self) -> DateTime<Utc> {
        self.since
    }

    /// The same, asking from an address.
    pub(crate) fn from(self, address: Option<IpAddr>) -> Self {
        Self { scope: self.scope.from(address), ..self }
    }

    /// The brand that the caller is in.
    #[must_use]
    pub fn scope(&self) -> &BrandScope {
        &self.scope
    }

    /// The account; 0, which is nobody's, for a program with a key.
    #[must_use]
    pub fn account_id(&self) -> Id {
        self.account_id
    }

    /// The role in this brand.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The part of the brand that the role reaches.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// What others see.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Every brand in which the account has a membership.
    #[must_use]
    pub fn brands(&self) -> &[Id] {
        &self.brands
    }

    /// Proof that the caller holds a privilege.
    ///
    /// # Errors
    /// 403 when the role lacks it.
    pub fn allowed<P: Held>(&self) -> Result<Allowed<P>, Problem> {
        if P::by(self.role) {
            Ok(Allowed::mint(self.scope.clone(), self.limits))
        } else {
            tracing::debug!(privilege = P::NAME, account.id = self.account_id, "refused");
            Err(Problem::new(Code::Forbidden).because("your role in this brand does not include this"))
        }
    }
}

/// `Authorization: Bearer TOKEN`, from `POST /auth/token`, or a key of the brand, `fhk_…`.
#[derive(SecurityScheme)]
#[oai(rename = "token", ty = "bearer", bearer_format = "JWT", checker = "recognise")]
pub struct Signed(pub Caller);

async fn recognise(request: &Request, bearer: Bearer) -> poem::Result<Caller> {
    if let Some(Known(caller)) = request.data() {
        return Ok(caller.clone());
    }
    Ok(caller_by(request, &bearer.token).await?)
}

/// Somebody whom a middleware has recognised already.
#[derive(Clone)]
struct Known(Caller);

/// Recognises who sends a request to the API, once for everything that follows: for what stands before its operation.
///
/// # Errors
/// 401 when nobody is signed in, 429 when they ask too much.
pub async fn recognised(request: &mut Request) -> Result<Caller, Problem> {
    let sent = request.header(header::AUTHORIZATION).and_then(|sent| sent.split_once(' '));
    let token = sent.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token);
    let token = token.ok_or_else(|| Problem::new(Code::Unauthenticated))?.to_owned();
    let caller = caller_by(request, &token).await?;
    request.set_data(Known(caller.clone()));
    Ok(caller)
}

async fn caller_by(request: &Request, token: &str) -> Result<Caller, Problem> {
    let identity =
        request.data::<Arc<Identity>>().ok_or_else(|| Problem::internal(&"the app has no identity"))?;
    let from = address(request);
    let caller = identity.caller(token, from).await?;
    identity.count_of(&caller, request)?;
    Ok(caller.from(from))
}
