//! The gate of the pages: a session's cookie becomes a [`Visitor`], and a form of our own a [`Posted`].
//!
//! A form is taken only when it carries the token that follows from its cookie, and when the browser, where it says
//! from where the form comes, says that it comes from here. A cookie never opens the API, nor a token a page.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use fithire_kernel::body::{MAX_BYTES, limited};
use fithire_kernel::ids::Id;
use fithire_kernel::page::{Person, Shell, Toast};
use fithire_kernel::problem::{Code, Problem};
use fithire_kernel::scope::Allowed;
use poem::http::{Method, header};
use poem::web::cookie::{Cookie, CookieJar, SameSite};
use poem::web::{Multipart, Redirect};
use poem::{FromRequest, Request, RequestBody, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::guard::Caller;
use crate::model::Held;
use crate::oidc::{Arrived, Purpose, Returned, Underway};
use crate::pages::own_path;
use crate::secret;
use crate::sessions::Bell;
use crate::tokens::Identity;

/// The most bytes of a form with a file: some 100,000 coaches.
const MAX_FILE_BYTES: usize = 32 << 20;

/// Where the pages are.
#[derive(Clone, Debug)]
pub struct Site {
    origin: String,
    proxies: Vec<IpAddr>,
}

impl Site {
    /// A site by its origin, such as `https://jobs.example.com`, and the proxies before it, which alone are believed when
    /// they say for whom they ask. Plain http is for this machine only.
    #[must_use]
    pub fn new(origin: String, proxies: Vec<IpAddr>) -> Self {
        Self { origin, proxies }
    }

    /// Scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether it is reached by https, and so by others than this machine.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.origin.starts_with("https://")
    }

    /// Browsers take a cookie of this prefix only with `Secure`, without `Domain` and for the whole site.
    fn named(&self, name: &str) -> String {
        if self.is_secure() { format!("__Host-{name}") } else { name.to_owned() }
    }

    fn cookie(&self, name: &str, value: String) -> Cookie {
        let mut cookie = Cookie::new_with_str(self.named(name), value);
        cookie.set_path("/");
        cookie.set_http_only(true);
        cookie.set_same_site(SameSite::Lax);
        cookie.set_secure(self.is_secure());
        cookie
    }

    /// Whether a browser that names an origin names this site.
    fn is_from_here(&self, request: &Request) -> bool {
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        let Some(origin) = header(header::ORIGIN) else { return true };
        // A development server is reached by more names than one.
        let by_host = || header(header::HOST).is_some_and(|host| origin == format!("http://{host}"));
        origin == self.origin || (!self.is_secure() && by_host())
    }

    /// Passwords and sessions do not cross a network in the clear.
    fn check(&self, request: &Request) -> Result<(), Problem> {
        let host =
            request.headers().get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if self.is_secure() || is_loopback(host) {
            return Ok(());
        }
        let told = "signing in over plain http works on this machine only; set server.public_url to an https address";
        Err(Problem::new(Code::Forbidden).because(told))
    }
}

/// Where a request comes from: who is connected, or whom a proxy of ours names last. What anyone else writes into
/// `X-Forwarded-For` counts for nothing.
#[must_use]
pub fn address(request: &Request) -> Option<IpAddr> {
    let peer = request.remote_addr().as_socket_addr().map(SocketAddr::ip)?;
    let proxies = request.data::<Site>().map_or(&[][..], |site| &site.proxies);
    let named =
        request.headers().get_all("X-Forwarded-For").iter().map(|value| value.to_str().unwrap_or("?"));
    let named: Vec<Option<IpAddr>> = named.flat_map(|list| list.split(',')).map(hop).collect();
    let mut known = peer;
    for hop in named.into_iter().rev() {
        if !proxies.contains(&known) {
            break;
        }
        // What cannot be read hides what stands before it.
        let Some(hop) = hop else { break };
        known = hop;
    }
    Some(known)
}

/// An address as proxies write it, with or without a port.
fn hop(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    text.parse().ok().or_else(|| text.parse().ok().map(|socket: SocketAddr| socket.ip()))
}

/// Whether a host, with or without a port, is this machine.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The name of the session's cookie, after the prefix.
const SESSION: &str = "fithire";
/// The name of the cookie of someone who has not signed in, whose forms need a secret too.
const FORM: &str = "fithire-form";
/// The name of the cookie that says on the next page what has been done.
const DONE: &str = "fithire-done";

/// The name of the cookie of a sign-in that is on its way by another issuer.
const UNDERWAY: &str = "fithire-underway";
/// How long that may take.
const UNDERWAY_LASTS: Duration = Duration::from_mins(15);

/// The cookies of a request, and where they are.
pub(crate) struct Cookies<'r> {
    site: &'r Site,
    request: &'r Request,
}

impl<'r> Cookies<'r> {
    pub(crate) fn of(request: &'r Request) -> Result<Self, Problem> {
        let site = request.data::<Site>().ok_or_else(|| Problem::internal(&"the app has no site"))?;
        site.check(request)?;
        Ok(Self { site, request })
    }

    /// A cookie by the very name that the browser sent. The jar would decode `%5F_Host-…`, which any site of the domain may
    /// set, into a name that only this one may.
    fn get(&self, name: &str) -> Option<String> {
        let name = self.site.named(name);
        let headers =
            self.request.headers().get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs =
            headers.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(other, _)| *other == name).map(|(_, value)| value.to_owned())
    }

    fn add(&self, cookie: Cookie) {
        self.request.cookie().add(cookie);
    }

    pub(crate) fn session(&self) -> Option<String> {
        self.get(SESSION)
    }

    pub(crate) fn signed_out(&self) {
        self.forget(SESSION);
    }

    fn forget(&self, name: &str) {
        let mut cookie = self.site.cookie(name, String::new());
        cookie.make_removal();
        self.add(cookie);
    }

    /// The secret from which the token of forms follows; a stranger gets one.
    fn form_secret(&self) -> String {
        self.session().or_else(|| self.get(FORM)).unwrap_or_else(|| {
            let secret = secret::random();
            self.add(self.site.cookie(FORM, secret.clone()));
            secret
        })
    }

    /// The frame of a page for a stranger.
    pub(crate) fn shell(&self, form_secret: &str) -> Shell {
        Shell {
            person: None,
            form_token: secret::form_token(form_secret),
            here: self.request.original_uri().path().to_owned(),
            toast: self.done(),
        }
    }

    /// What has been done, which is said once. The page that a form leads to is asked for by GET.
    fn done(&self) -> Option<Toast> {
        let sealed = self.get(DONE).filter(|_| self.request.method() == Method::GET)?;
        self.forget(DONE);
        serde_json::from_str(&secret::opened(&sealed, &self.session()?)?).ok()
    }
}

/// Someone who need not have signed in: whoever opens the sign-in, a link to sign up, or a page on how things work.
pub struct Stranger {
    /// The frame of their pages.
    pub shell: Shell,
    /// Where they come from.
    pub address: Option<IpAddr>,
    session: Option<String>,
    underway: Option<String>,
    form_secret: String,
    site: Site,
    jar: CookieJar,
}

impl Stranger {
    /// Opens a session in a brand; one that was open is closed.
    ///
    /// # Errors
    /// When the account is no member of the brand.
    pub async fn sign_in(&self, identity: &Identity, account_id: Id, brand_id: Id) -> Result<(), Problem> {
        self.sign_in_since(identity, (account_id, brand_id), identity.clock.now()).await
    }

    /// The same for somebody whose password was looked at a moment ago.
    ///
    /// # Errors
    /// When the account is no member of the brand.
    pub(crate) async fn sign_in_since(
        &self,
        identity: &Identity,
        who: (Id, Id),
        since: DateTime<Utc>,
    ) -> Result<(), Problem> {
        if let Some(before) = &self.session {
            identity.close_session(before).await?;
        }
        let session = identity.open_session_since(who, since, self.address).await?;
        self.jar.add(self.site.cookie(SESSION, session));
        // The secret of a stranger's forms has done its duty.
        let mut form = self.site.cookie(FORM, String::new());
        form.make_removal();
        self.jar.add(form);
        Ok(())
    }
}

impl Stranger {
    /// Sends somebody to another issuer to sign in there. To join a brand they come from a page of ours: no other site makes
    /// anybody a member by a link.
    ///
    /// # Errors
    /// 403 when they do not; 404 when there is no such issuer; 503 when it cannot be reached.
    pub async fn begin(
        &self,
        identity: &Identity,
        issuer: &str,
        purpose: Purpose,
        form_token: &str,
    ) -> Result<Redirect, Problem> {
        let joins = !(purpose.link.is_empty() && purpose.code.is_empty());
        if joins && !secret::is_form_token(form_token, &self.form_secret) {
            return Err(FromHere::foreign());
        }
        let (url, underway) = identity.begin(issuer, purpose).await?;
        let kept = serde_json::to_string(&underway).map_err(|error| Problem::internal(&error))?;
        let mut cookie = self.site.cookie(UNDERWAY, URL_SAFE_NO_PAD.encode(kept));
        cookie.set_max_age(UNDERWAY_LASTS);
        self.jar.add(cookie);
        Ok(Redirect::see_other(url))
    }

    fn underway(&self) -> Option<Underway> {
        let kept = self.underway.as_ref().and_then(|kept| URL_SAFE_NO_PAD.decode(kept).ok())?;
        serde_json::from_slice(&kept).ok()
    }

    /// What somebody wants who is on their way; nothing that is known where nobody is.
    #[must_use]
    pub fn purpose(&self) -> Purpose {
        self.underway().map(|underway| underway.purpose).unwrap_or_default()
    }

    /// Recognises somebody who comes back from there.
    ///
    /// # Errors
    /// 401 when they did not begin here or were not signed in; 503 when the issuer cannot be reached.
    pub async fn arrive(
        &self,
        identity: &Identity,
        issuer: &str,
        returned: Returned,
    ) -> Result<Arrived, Problem> {
        let underway = self.underway();
        let mut cookie = self.site.cookie(UNDERWAY, String::new());
        cookie.make_removal();
        self.jar.add(cookie);
        let mut arrived = identity.finish(issuer, underway, returned).await?;
        arrived.purpose.next = own_path(Some(&arrived.purpose.next));
        Ok(arrived)
    }
}

impl<'a> FromRequest<'a> for Stranger {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> Result<Self> {
        let cookies = Cookies::of(request)?;
        let caller = match (cookies.session(), request.data::<Arc<Identity>>()) {
            (Some(session), Some(identity)) => identity.session_with(&session, bell(request)).await?,
            _ => None,
        };
        let form_secret = cookies.form_secret();
        Ok(Self {
            shell: Shell {
                person: caller.as_ref().map(|(caller, unread)| person(caller, *unread)),
                ..cookies.shell(&form_secret)
            },
            form_secret,
            address: address(request),
            session: cookies.session(),
            underway: cookies.get(UNDERWAY),
            site: cookies.site.clone(),
            jar: request.cookie().clone(),
        })
    }
}

/// Someone who has signed in to the pages, with what they may do at this moment.
pub struct Visitor {
    caller: Caller,
    shell: Shell,
    session: String,
    site: Site,
    jar: CookieJar,
}

impl Visitor {
    /// Who it is and what they may do.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The frame of their pages.
    #[must_use]
    pub fn shell(&self) -> &Shell {
        &self.shell
    }

    /// Leads to a page that says, once, what has been done.
    #[must_use]
    pub fn done(&self, path: impl fmt::Display, toast: &Toast) -> Redirect {
        let text = serde_json::to_string(toast).unwrap_or_default();
        self.jar.add(self.site.cookie(DONE, secret::sealed(&text, &self.session)));
        Redirect::see_other(path)
    }

    /// A text that only a page of this session can have carried: for a form that takes back what was done.
    #[must_use]
    pub fn seal(&self, text: &str) -> String {
        secret::sealed(text, &self.session)
    }

    /// The text that was sealed in this session.
    #[must_use]
    pub fn open(&self, sealed: &str) -> Option<String> {
        secret::opened(sealed, &self.session)
    }

    /// Goes on in another brand of the same account: the session there takes the place of this one.
    ///
    /// # Errors
    /// 404 when the account is no member of the brand.
    pub async fn switch(&self, identity: &Identity, brand_id: Id) -> Result<(), Problem> {
        let account_id = self.caller.account_id();
        let since = self.caller.opened_at();
        let gone = || Problem::new(Code::NotFound);
        let member = identity.member(account_id, brand_id, since).await?;
        member.ok_or_else(gone)?;
        let origin = self.caller.scope().origin();
        let opened = identity.open_session_since((account_id, brand_id), since, origin).await;
        let session = opened.map_err(|problem| match problem.code {
            Code::Unauthenticated => gone(),
            _ => problem,
        })?;
        // Not before: whoever has been removed there meanwhile stays where they are.
        identity.close_session(&self.session).await?;
        self.jar.add(self.site.cookie(SESSION, session));
        Ok(())
    }
}

impl Visitor {
    /// Goes on with a new session after everything that was open has been signed out, and says what has been done.
    ///
    /// # Errors
    /// When the account is no member of the brand any more.
    pub async fn renewed(&self, identity: &Identity, path: &str, toast: &Toast) -> Result<Redirect, Problem> {
        let brand_id = self.caller.scope().brand_id();
        identity.close_session(&self.session).await?;
        let origin = self.caller.scope().origin();
        let session = identity.open_session(self.caller.account_id(), brand_id, origin).await?;
        let text = serde_json::to_string(toast).unwrap_or_default();
        self.jar.add(self.site.cookie(DONE, secret::sealed(&text, &session)));
        self.jar.add(self.site.cookie(SESSION, session));
        Ok(Redirect::see_other(path))
    }
}

/// Somebody as the frame of a page shows them.
fn person(caller: &Caller, unread: i64) -> Person {
    Person {
        name: caller.name().to_owned(),
        role: caller.role().as_str(),
        several: caller.brands().len() > 1,
        unread,
    }
}

fn bell(request: &Request) -> Option<Bell> {
    request.data::<Bell>().copied()
}

impl<'a> FromRequest<'a> for Visitor {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> Result<Self> {
        let identity =
            request.data::<Arc<Identity>>().ok_or_else(|| Problem::internal(&"the app has no identity"))?;
        let cookies = Cookies::of(request)?;
        let nobody = || Problem::new(Code::Unauthenticated);
        let session = cookies.session().ok_or_else(nobody)?;
        let known = identity.session_with(&session, bell(request)).await?;
        let (caller, unread) = known.ok_or_else(nobody)?;
        let caller = caller.from(address(request));
        identity.count_of(&caller, request)?;
        let shell = Shell { person: Some(person(&caller, unread)), ..cookies.shell(&cookies.form_secret()) };
        Ok(Self { caller, shell, session, site: cookies.site.clone(), jar: request.cookie().clone() })
    }
}

/// Somebody's page that looks on by itself, which is no use of their session.
pub struct Onlooker {
    caller: Caller,
    session: String,
}

impl Onlooker {
    /// Who it is and what they may do.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Whether the session is still open, and its person what they were.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn is_still_there(&self, identity: &Identity) -> Result<bool, Problem> {
        let what = |caller: &Caller| (caller.account_id(), caller.role(), caller.limits());
        let now = identity.session_unnoticed(&self.session).await?;
        Ok(now.is_some_and(|now| what(&now) == what(&self.caller)))
    }
}

impl<'a> FromRequest<'a> for Onlooker {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> Result<Self> {
        let identity =
            request.data::<Arc<Identity>>().ok_or_else(|| Problem::internal(&"the app has no identity"))?;
        let nobody = || Problem::new(Code::Unauthenticated);
        let session = Cookies::of(request)?.session().ok_or_else(nobody)?;
        let caller = identity.session_unnoticed(&session).await?.ok_or_else(nobody)?.from(address(request));
        identity.count_of(&caller, request)?;
        Ok(Self { caller, session })
    }
}

/// The fields of a form of ours.
#[derive(Debug)]
pub struct Posted<T>(pub T);

/// The fields of a form that has none beside its token.
#[derive(Debug, Deserialize)]
pub struct Nothing {}

/// Whether a form came from here. Both questions are put before anything of it counts.
struct FromHere<'r> {
    cookies: Cookies<'r>,
}

impl<'r> FromHere<'r> {
    /// Asks the browser.
    fn of(request: &'r Request) -> Result<Self, Problem> {
        let cookies = Cookies::of(request)?;
        if cookies.site.is_from_here(request) { Ok(Self { cookies }) } else { Err(Self::foreign()) }
    }

    /// Asks the form.
    fn check(&self, fields: &[(String, String)]) -> Result<(), Problem> {
        // A database may refuse it, and no field of ours has it.
        if fields.iter().any(|(_, value)| value.contains('\0')) {
            return Err(Problem::new(Code::Malformed).because("a field has a NUL character"));
        }
        let sent = fields.iter().find(|(name, _)| name == "form_token").map(|(_, token)| token.as_str());
        if sent.is_some_and(|sent| secret::is_form_token(sent, &self.cookies.form_secret())) {
            Ok(())
        } else {
            Err(Self::foreign())
        }
    }

    fn foreign() -> Problem {
        let told = "this form did not come from a page of ours, or its page is too old; open the page again";
        Problem::new(Code::Forbidden).because(told)
    }
}

impl<'a, T: DeserializeOwned> FromRequest<'a> for Posted<T> {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> Result<Self> {
        let from_here = FromHere::of(request)?;
        let bytes = limited(body.take()?, MAX_BYTES).await?;
        let fields: Vec<(String, String)> =
            serde_urlencoded::from_bytes(&bytes).map_err(|_| Problem::new(Code::Malformed))?;
        from_here.check(&fields)?;
        let form = serde_urlencoded::from_bytes(&bytes);
        form.map(Self).map_err(|error| Problem::new(Code::Malformed).because(error.to_string()).into())
    }
}

/// The fields of a form of ours and its file, from somebody who holds a privilege: nobody else's file is read.
pub struct Uploaded<P> {
    /// Who sent it.
    pub visitor: Visitor,
    /// The proof of the privilege.
    pub allowed: Allowed<P>,
    /// By name.
    pub fields: BTreeMap<String, String>,
    /// What the file is called, and what is in it; an empty name where none was chosen.
    pub file: (String, Vec<u8>),
    /// While it is held, not too many others hold a file in memory.
    _place: SemaphorePermit<'static>,
}

/// As many files are in memory at once; more wait.
static PLACES: Semaphore = Semaphore::const_new(2);

impl<'a, P: Held> FromRequest<'a> for Uploaded<P> {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> Result<Self> {
        let visitor = Visitor::from_request(request, body).await?;
        let allowed = visitor.caller().allowed::<P>()?;
        let from_here = FromHere::of(request)?;
        let place = PLACES.acquire().await.map_err(|error| Problem::internal(&error))?;
        // The whole body is held to the limit before its parts are looked at.
        let bytes = limited(body.take()?, MAX_FILE_BYTES).await.map_err(|problem| match problem.code {
            Code::TooLarge => problem.because(format!("a file has at most {} MB here", MAX_FILE_BYTES >> 20)),
            _ => problem,
        })?;
        let mut body = RequestBody::new(bytes.into());
        let broken = |_| Problem::new(Code::Malformed);
        let mut parts = Multipart::from_request(request, &mut body).await.map_err(broken)?;
        let (mut fields, mut file) = (Vec::new(), (String::new(), Vec::new()));
        while let Some(part) = parts.next_field().await.map_err(|_| Problem::new(Code::Malformed))? {
            let name = part.name().unwrap_or_default().to_owned();
            let read = |_| Problem::new(Code::Malformed);
            match part.file_name().map(str::to_owned) {
                Some(file_name) => file = (file_name, part.bytes().await.map_err(read)?),
                None => fields.push((name, part.text().await.map_err(read)?)),
            }
        }
        from_here.check(&fields)?;
        Ok(Self { visitor, allowed, fields: fields.into_iter().collect(), file, _place: place })
    }
}
