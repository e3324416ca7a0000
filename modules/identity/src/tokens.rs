//! Sign-in and tokens: ES256 by a key of our own, an hour long, for one account in one brand.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError, RwLock};

use chrono::{DateTime, TimeDelta, Utc};
use fithire_kernel::audit::{self, Event};
use fithire_kernel::clock::Clock;
use fithire_kernel::db::Db;
use fithire_kernel::ids::{Id, Ids};
use fithire_kernel::problem::{Code, Problem};
use fithire_kernel::scope::{Actor, BrandScope, Limits};
use fithire_mail::Mail;
use jsonwebtoken::jwk::{Jwk, JwkSet, KeyAlgorithm, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use p256::pkcs8::{EncodePrivateKey, LineEnding};
use poem::Request;
use sea_query::{Expr, ExprTrait, Order};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use sqlx::FromRow;

use crate::arrivals::issued_after;
use crate::guard::Caller;
use crate::issuers::{Issuer, issuer_of};
use crate::keys;
use crate::letters::{self, Purpose};
use crate::members::{NewAccount, Settled, check_account, join};
use crate::model::{Accounts, Memberships, Role, SigningKeys};
use crate::passwords;
use crate::rates::{Rate, RateSettings, Rates, network};
use crate::sessions::Bell;

/// How long a token lasts.
const LIFETIME: TimeDelta = TimeDelta::hours(1);
/// How far two clocks may differ.
pub(crate) const SKEW: TimeDelta = TimeDelta::seconds(5);
/// Keys are read again for an unknown `kid`, but not more often than this.
const RELOAD: TimeDelta = TimeDelta::seconds(10);
/// In bytes.
pub(crate) const LONGEST_EMAIL: usize = 1_280;
pub(crate) const LONGEST_PASSWORD: usize = 4_096;
/// Attempts a minute, for one account and for one address.
const ATTEMPTS_BY_ACCOUNT: NonZeroU32 = NonZeroU32::new(10).expect("not zero");
/// Links to a new password an hour, for one account.
const RESETS: NonZeroU32 = NonZeroU32::new(5).expect("not zero");
const ATTEMPTS_BY_ADDRESS: NonZeroU32 = NonZeroU32::new(60).expect("not zero");

/// What an installation has chosen.
pub struct Setup {
    /// Where the world reaches it, which is also the issuer of its tokens.
    pub origin: String,
    /// Who else's tokens are taken.
    pub issuers: Vec<Issuer>,
    /// How messages go out.
    pub mail: Mail,
    /// How much anyone may ask.
    pub rates: RateSettings,
}

/// Signs people in and recognises them.
pub struct Identity {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    /// Of our own tokens; also where the pages are.
    pub(crate) origin: String,
    pub(crate) issuers: Vec<Issuer>,
    pub(crate) mail: Mail,
    keys: RwLock<Keys>,
    verified: Verified,
    by_account: Rate<String>,
    by_address: Rate<IpAddr>,
    /// Messages to an address by whoever has forgotten a password.
    pub(crate) resets: Rate<String>,
    rates: Rates,
}

/// A token that has just been issued.
#[derive(Clone, Debug)]
pub struct Token {
    /// A JWT.
    pub access_token: String,
    /// Seconds that it lasts.
    pub expires_in: i64,
}

/// What a token says. Everything is needed; what is missing or of another type makes the token invalid.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    /// The account.
    sub: String,
    /// The brand.
    brand: Id,
    iat: i64,
    /// Microseconds within the second of `iat`, so that a token of the second in which its account was signed out is told
    /// from one that came after; an earlier version does not say them.
    #[serde(default)]
    micros: u32,
    nbf: i64,
    exp: i64,
}

/// Our own tokens whose signature was found right, by their hash: verifying one costs more than everything else that a
/// request needs. A signature stays right; whether the token is still valid, and what its account may do, is asked each
/// time.
#[derive(Default)]
struct Verified(Mutex<HashMap<[u8; 32], Claims>>);

impl Verified {
    /// Some 200 bytes each.
    const MOST: usize = 20_000;

    fn hash(token: &str) -> [u8; 32] {
        Sha256::digest(token.as_bytes()).into()
    }

    fn find(&self, token: &str) -> Option<Claims> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&Self::hash(token)).cloned()
    }

    fn keep(&self, token: &str, claims: Claims) {
        let mut verified = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if verified.len() >= Self::MOST {
            verified.clear();
        }
        verified.insert(Self::hash(token), claims);
    }
}

/// Somebody whose password was right.
pub struct Recognised {
    /// The account.
    pub account_id: Id,
    /// The brands in which it has a membership.
    pub brands: Vec<Id>,
    /// When that was asked: what is opened by it ends with whatever changed since.
    pub at: DateTime<Utc>,
}

struct Keys {
    /// The newest signs.
    signing: (String, EncodingKey),
    verifying: BTreeMap<String, DecodingKey>,
    public: JwkSet,
    read_at: DateTime<Utc>,
}

#[derive(FromRow)]
struct KeyRow {
    private_pem: String,
}

#[derive(FromRow)]
pub(crate) struct AccountRow {
    pub(crate) id: Id,
    password_hash: Option<String>,
    brands: String,
    pub(crate) disabled: bool,
}

#[derive(FromRow)]
struct MemberRow {
    role: String,
    region_id: Option<Id>,
    location_id: Option<Id>,
    name: String,
    brands: String,
    disabled: bool,
    signed_out_at: Option<DateTime<Utc>>,
}

impl Identity {
    /// Reads the signing keys; the first start of an installation makes one.
    ///
    /// # Errors
    /// When the database cannot be reached or a key cannot be read.
    pub async fn open(
        db: Db,
        (clock, ids): (Clock, Ids),
        Setup { origin, issuers, mail, rates }: Setup,
    ) -> Result<Self, Problem> {
        let mut keys = read_keys(&db, &clock).await?;
        if keys.is_none() {
            make_key(&db, &clock).await?;
            keys = read_keys(&db, &clock).await?;
        }
        let keys = keys.ok_or_else(|| Problem::internal(&"a key that was written is not there"))?;
        Ok(Self {
            db,
            clock,
            ids,
            origin,
            issuers,
            mail,
            keys: RwLock::new(keys),
            verified: Verified::default(),
            by_account: Rate::per_minute(ATTEMPTS_BY_ACCOUNT),
            by_address: Rate::per_minute(ATTEMPTS_BY_ADDRESS),
            resets: Rate::per_hour(RESETS),
            rates: Rates::new(rates),
        })
    }

    /// Signs in with a password. An account with several brands names the one it means.
    ///
    /// # Errors
    /// Those of [`Identity::recognise`]; 422 when the account has several brands and names none.
    pub async fn sign_in(
        &self,
        email: &str,
        password: String,
        brand: Option<Id>,
        address: Option<IpAddr>,
    ) -> Result<Token, Problem> {
        let Recognised { account_id, brands, at } = self.recognise(email, password, address).await?;
        let brand = match (brand, &brands[..]) {
            (Some(brand), _) if brands.contains(&brand) => brand,
            (None, [only]) => *only,
            (None, [_, _, ..]) => {
                return Err(Problem::field(
                    "/brand",
                    format!("is needed: the account has the brands {brands:?}"),
                ));
            }
            _ => return Err(wrong()),
        };
        let token = self.issue_at(account_id, brand, at)?;
        let scope = BrandScope::mint(brand, Actor::Account(account_id)).from(address);
        let mut tx = self.db.write(&scope).await?;
        let event = Event::new("token.issued", "account", account_id);
        audit::record(&mut tx, (&self.clock, &self.ids), event).await?;
        tx.commit().await?;
        Ok(token)
    }

    /// The account of an address and a password, and its brands.
    ///
    /// # Errors
    /// 401 when the address or password is not right, whichever it is; 429 after too many attempts.
    pub async fn recognise(
        &self,
        email: &str,
        password: String,
        address: Option<IpAddr>,
    ) -> Result<Recognised, Problem> {
        // Nobody has more; what is remembered of attempts stays small.
        if email.len() > LONGEST_EMAIL || password.len() > LONGEST_PASSWORD {
            return Err(wrong());
        }
        let email = email.trim().to_lowercase();
        self.throttle(&email, address)?;
        let at = self.clock.now();
        let account = self.account(&email).await?;
        let hash = account.as_ref().and_then(|account| account.password_hash.clone());
        let right = passwords::verify(password, hash).await?;
        let account = account.filter(|account| right && !account.disabled).ok_or_else(wrong)?;
        let brands = serde_json::from_str(&account.brands).map_err(|error| Problem::internal(&error))?;
        Ok(Recognised { account_id: account.id, brands, at })
    }

    /// Makes someone a coach of a brand, with a new account or, by its password, with the one that they have; answers the
    /// account. Whoever is a member already stays what they are.
    ///
    /// # Errors
    /// Every field that is not right; 429 after too many attempts.
    pub async fn sign_up(
        &self,
        new: NewAccount,
        brand_id: Id,
        address: Option<IpAddr>,
    ) -> Result<Id, Problem> {
        match self.sign_up_now(new.clone(), brand_id, address).await {
            // Somebody else has just taken the address, or the same person by a first click: whoever it is comes in by its
            // password, as if they had come later.
            Err(problem) if problem.code == Code::Conflict => self.sign_up_now(new, brand_id, address).await,
            settled => settled,
        }
    }

    async fn sign_up_now(
        &self,
        new: NewAccount,
        brand_id: Id,
        address: Option<IpAddr>,
    ) -> Result<Id, Problem> {
        let account = self.known_or_ready(new, address).await?;
        let is_new = matches!(account, Settled::New(_));
        let scope = BrandScope::mint(brand_id, Actor::System).from(address);
        let mut tx = self.db.write(&scope).await?;
        let account_id = account.settle(&mut tx, (&self.clock, &self.ids)).await?;
        join(&mut tx, (&self.clock, &scope), account_id, Role::Coach).await?;
        let event = Event::new("member.joined", "account", account_id).with(json!({"by": "link"}));
        audit::record(&mut tx, (&self.clock, &self.ids), event).await?;
        if is_new {
            letters::ask(&mut tx, (&self.clock, &self.ids), account_id, Purpose::Confirm).await?;
        }
        tx.commit().await?;
        Ok(account_id)
    }

    /// The same for an account that has signed in by another issuer.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn sign_up_as(
        &self,
        account_id: Id,
        brand_id: Id,
        address: Option<IpAddr>,
    ) -> Result<(), Problem> {
        let scope = BrandScope::mint(brand_id, Actor::System).from(address);
        let mut tx = self.db.write(&scope).await?;
        join(&mut tx, (&self.clock, &scope), account_id, Role::Coach).await?;
        let event = Event::new("member.joined", "account", account_id).with(json!({"by": "link"}));
        audit::record(&mut tx, (&self.clock, &self.ids), event).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The account of somebody who comes in, by its password, or one to be where the address has none.
    pub(crate) async fn known_or_ready(
        &self,
        new: NewAccount,
        address: Option<IpAddr>,
    ) -> Result<Settled, Problem> {
        let errors = check_account(&new);
        if !errors.is_empty() {
            return Err(Problem::invalid(errors));
        }
        let email = new.email.trim().to_lowercase();
        if self.account(&email).await?.is_none() {
            self.throttle(&email, address)?;
            return new.ready().await.map(Settled::New);
        }
        let known = self.recognise(&email, new.password, address).await;
        known.map(|known| Settled::Known(known.account_id)).map_err(|problem| match problem.code {
            Code::Unauthenticated => {
                Problem::field("/password", "is not the one of this address, which has an account already")
            }
            _ => problem,
        })
    }

    pub(crate) fn throttle(&self, email: &String, address: Option<IpAddr>) -> Result<(), Problem> {
        self.throttle_address(address)?;
        self.by_account.check(email, "too many attempts to sign in").map(|_| ())
    }

    pub(crate) fn throttle_address(&self, address: Option<IpAddr>) -> Result<(), Problem> {
        address.map_or(Ok(()), |address| {
            self.by_address.check(&network(address), "too many attempts").map(|_| ())
        })
    }

    pub(crate) async fn account(&self, email: &str) -> Result<Option<AccountRow>, Problem> {
        let mut tx = self.db.read_global().await?;
        let mut select = tx.select(Accounts::Table);
        select
            .columns([Accounts::Id, Accounts::PasswordHash, Accounts::Brands, Accounts::Disabled])
            .and_where(Expr::col(Accounts::Email).eq(email));
        Ok(tx.optional(&select).await?)
    }

    /// Counts a request of its address.
    ///
    /// # Errors
    /// 429 when there were too many.
    pub fn count(&self, request: &Request) -> Result<(), Problem> {
        let Some(address) = crate::visitor::address(request) else { return Ok(()) };
        self.rates.from(address, request.data())
    }

    /// Counts a request of somebody who has been recognised.
    pub(crate) fn count_of(&self, caller: &Caller, request: &Request) -> Result<(), Problem> {
        self.rates.of(caller.scope().actor(), request.data())
    }

    /// How messages go out.
    #[must_use]
    pub fn mail(&self) -> &Mail {
        &self.mail
    }

    /// A token for an account that has been recognised.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn issue(&self, account_id: Id, brand_id: Id) -> Result<Token, Problem> {
        self.issue_at(account_id, brand_id, self.clock.now())
    }

    fn issue_at(&self, account_id: Id, brand_id: Id, at: DateTime<Utc>) -> Result<Token, Problem> {
        let now = at.timestamp();
        let expires_in = LIFETIME.num_seconds();
        let claims = Claims {
            iss: self.origin.clone(),
            sub: account_id.to_string(),
            brand: brand_id,
            iat: now,
            micros: at.timestamp_subsec_micros(),
            nbf: now,
            exp: now + expires_in,
        };
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let header = Header { kid: Some(keys.signing.0.clone()), ..Header::new(Algorithm::ES256) };
        let access_token = jsonwebtoken::encode(&header, &claims, &keys.signing.1)
            .map_err(|error| Problem::internal(&error))?;
        Ok(Token { access_token, expires_in })
    }

    /// The keys that verify our tokens, for anyone.
    #[must_use]
    pub fn public_keys(&self) -> JwkSet {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).public.clone()
    }

    /// Who a token is, and what they may do now.
    ///
    /// # Errors
    /// 401 whatever is wrong with the token, the account or its membership.
    pub async fn caller(&self, token: &str, address: Option<IpAddr>) -> Result<Caller, Problem> {
        let refused = || Problem::new(Code::Unauthenticated).because("the token is not valid; sign in again");
        if token.starts_with(keys::PREFIX) {
            let refused = || Problem::new(Code::Unauthenticated).because("the key is not valid");
            return self.key_caller(token).await?.ok_or_else(refused);
        }
        let by = issuer_of(token).ok_or_else(refused)?;
        if let Some(issuer) = self.issuers.iter().find(|issuer| issuer.settings.issuer == by) {
            let evidence = issuer.verify(token, self.clock.now()).await?.ok_or_else(refused)?;
            return self.arrived(issuer, &evidence, address).await;
        }
        let claims = self.verify(token).await?.ok_or_else(refused)?;
        let account_id: Id = claims.sub.parse().map_err(|_| refused())?;
        let nanos = claims.micros.checked_mul(1_000).ok_or_else(refused)?;
        let issued_at = DateTime::from_timestamp(claims.iat, nanos).ok_or_else(refused)?;
        self.member(account_id, claims.brand, issued_at).await?.ok_or_else(refused)
    }

    /// An account as a member of a brand, with what they may do now, by something that was issued then; nobody when it is
    /// disabled, no member, or was signed out everywhere since.
    pub(crate) async fn member(
        &self,
        account_id: Id,
        brand_id: Id,
        issued_at: DateTime<Utc>,
    ) -> Result<Option<Caller>, Problem> {
        let member = self.member_with((account_id, brand_id), issued_at, None).await?;
        Ok(member.map(|(caller, _)| caller))
    }

    /// The same, with how much they have not read where a bell is there to ask.
    pub(crate) async fn member_with(
        &self,
        (account_id, brand_id): (Id, Id),
        issued_at: DateTime<Utc>,
        bell: Option<Bell>,
    ) -> Result<Option<(Caller, i64)>, Problem> {
        let scope = BrandScope::mint(brand_id, Actor::Account(account_id));
        let within = self.db.within(&scope);
        let mut select = within.select(Memberships::Table);
        let account =
            Expr::col((Accounts::Table, Accounts::Id)).equals((Memberships::Table, Memberships::AccountId));
        within.join_global(&mut select, Accounts::Table, account);
        select
            .columns([Memberships::Role, Memberships::RegionId, Memberships::LocationId])
            .columns([Accounts::Name, Accounts::Brands, Accounts::Disabled, Accounts::SignedOutAt])
            .and_where(Expr::col(Memberships::AccountId).eq(account_id));
        let mut selects = vec![select];
        selects.extend(bell.map(|Bell(ask)| ask(&within, account_id)));
        let mut seen = self.db.glimpse(&within, &selects).await?;
        let row: Option<MemberRow> = seen.optional()?;
        let unread: Option<(i64,)> = if bell.is_some() { seen.optional()? } else { None };
        let lasts = |at: DateTime<Utc>| issued_after(issued_at, at);
        Ok(row.filter(|row| !row.disabled && row.signed_out_at.is_none_or(lasts)).and_then(|row| {
            let limits = Limits { region_id: row.region_id, location_id: row.location_id };
            let brands = serde_json::from_str(&row.brands).unwrap_or_default();
            let caller = Caller::new(scope, account_id, Role::read(&row.role)?, limits);
            let caller = caller.with_account(row.name, brands).since(issued_at);
            Some((caller, unread.map_or(0, |(unread,)| unread)))
        }))
    }

    /// The same for somebody who has just been recognised.
    pub(crate) async fn member_now(&self, account_id: Id, brand_id: Id) -> Result<Option<Caller>, Problem> {
        self.member(account_id, brand_id, self.clock.now()).await
    }

    /// The claims of a token that one of our keys has signed and that is valid now.
    async fn verify(&self, token: &str) -> Result<Option<Claims>, Problem> {
        let claims = match self.verified.find(token) {
            Some(claims) => Some(claims),
            None => self.verify_signature(token).await?,
        };
        Ok(claims.filter(|claims| self.is_current(claims)))
    }

    async fn verify_signature(&self, token: &str) -> Result<Option<Claims>, Problem> {
        let Ok(header) = jsonwebtoken::decode_header(token) else { return Ok(None) };
        let (Algorithm::ES256, Some(kid)) = (header.alg, header.kid) else { return Ok(None) };
        let Some(key) = self.key(&kid).await? else { return Ok(None) };
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_issuer(&[&self.origin]);
        // Times are judged each time, by our own clock.
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        let Ok(data) = jsonwebtoken::decode::<Claims>(token, &key, &validation) else { return Ok(None) };
        self.verified.keep(token, data.claims.clone());
        Ok(Some(data.claims))
    }

    /// Whether the times of a token are those of now.
    fn is_current(&self, claims: &Claims) -> bool {
        let now = self.clock.now();
        let at = |seconds| DateTime::from_timestamp(seconds, 0);
        let begun = at(claims.nbf).is_some_and(|from| from <= now + SKEW);
        let lasts = at(claims.exp).is_some_and(|until| now - SKEW < until);
        begun && lasts
    }

    /// The key of that id. An unknown one may be another replica's new key: the keys are read again, at most once
    /// per [`RELOAD`], so that a flood of made-up ids reads nothing.
    async fn key(&self, kid: &str) -> Result<Option<DecodingKey>, Problem> {
        {
            let now = self.clock.now();
            let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
            if let Some(key) = keys.verifying.get(kid) {
                return Ok(Some(key.clone()));
            }
            if now - keys.read_at < RELOAD {
                return Ok(None);
            }
            keys.read_at = now;
        }
        let Some(read) = read_keys(&self.db, &self.clock).await? else { return Ok(None) };
        let key = read.verifying.get(kid).cloned();
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(key)
    }
}

fn wrong() -> Problem {
    Problem::new(Code::Unauthenticated).because("the e-mail address or the password is not right")
}

async fn make_key(db: &Db, clock: &Clock) -> Result<(), Problem> {
    let secret = p256::SecretKey::random(&mut p256::elliptic_curve::rand_core::OsRng);
    let pem = secret.to_pkcs8_pem(LineEnding::LF).map_err(|error| Problem::internal(&error))?;
    let (kid, _) = public_key(&pem)?;
    let mut tx = db.write_global().await?;
    let columns = [SigningKeys::Kid, SigningKeys::PrivatePem, SigningKeys::CreatedAt];
    tx.run(&tx.insert(&columns, [vec![kid.into(), pem.as_str().into(), clock.now().into()]])).await?;
    tx.commit().await?;
    Ok(())
}

/// The public half of a key, and its id: its thumbprint (RFC 7638).
fn public_key(pem: &str) -> Result<(String, Jwk), Problem> {
    let internal = |error: jsonwebtoken::errors::Error| Problem::internal(&error);
    let key = EncodingKey::from_ec_pem(pem.as_bytes()).map_err(internal)?;
    let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).map_err(internal)?;
    let kid = jwk.thumbprint(ThumbprintHash::SHA256).map_err(internal)?;
    jwk.common.key_id = Some(kid.clone());
    jwk.common.key_algorithm = Some(KeyAlgorithm::ES256);
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    Ok((kid, jwk))
}

/// Every key of the installation; nothing when there is none yet.
async fn read_keys(db: &Db, clock: &Clock) -> Result<Option<Keys>, Problem> {
    let internal = |error: jsonwebtoken::errors::Error| Problem::internal(&error);
    let mut tx = db.read_global().await?;
    let mut select = tx.select(SigningKeys::Table);
    select
        .column(SigningKeys::PrivatePem)
        .order_by(SigningKeys::CreatedAt, Order::Asc)
        .order_by(SigningKeys::Kid, Order::Asc);
    let rows: Vec<KeyRow> = tx.all(&select).await?;
    let mut signing = None;
    let mut verifying = BTreeMap::new();
    let mut public = JwkSet { keys: Vec::new() };
    for row in rows {
        let (kid, jwk) = public_key(&row.private_pem)?;
        verifying.insert(kid.clone(), DecodingKey::from_jwk(&jwk).map_err(internal)?);
        public.keys.push(jwk);
        signing = Some((kid, EncodingKey::from_ec_pem(row.private_pem.as_bytes()).map_err(internal)?));
    }
    Ok(signing.map(|signing| Keys { signing, verifying, public, read_at: clock.now() }))
}
