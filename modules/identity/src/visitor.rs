//! The gate of the pages: a session's cookie becomes a [`Visitor`], and a form of our own a [`Posted`].
//!
//! A form is taken only when it carries the token that follows from its cookie, and when the browser, where it says
//! from where the form comes, says that it comes from here. A cookie never opens the API, nor a token a page.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use fithire_kernel::page::{Person, Shell};
use fithire_kernel::problem::{Code, Problem};
use poem::http::header;
use poem::web::cookie::{Cookie, SameSite};
use poem::{FromRequest, Request, RequestBody, Result};
use serde::de::DeserializeOwned;

use crate::guard::Caller;
use crate::secret;
use crate::tokens::Identity;

/// The most bytes of a form.
const MAX_BYTES: usize = 1 << 20;

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

    fn is_secure(&self) -> bool {
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
pub(crate) fn address(request: &Request) -> Option<IpAddr> {
    let peer = request.remote_addr().as_socket_addr().map(SocketAddr::ip)?;
    let proxies = request.data::<Site>().map_or(&[][..], |site| &site.proxies);
    let named = request.headers().get_all("X-Forwarded-For").iter().filter_map(|value| value.to_str().ok());
    let named: Vec<IpAddr> =
        named.flat_map(|list| list.split(',')).filter_map(|one| one.trim().parse().ok()).collect();
    let mut hops = std::iter::once(peer).chain(named.into_iter().rev());
    hops.find(|hop| !proxies.contains(hop)).or(Some(peer))
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

    /// The session's cookie from now on. The one of a stranger's forms has done its duty.
    pub(crate) fn signed_in(&self, session: String) {
        self.add(self.site.cookie(SESSION, session));
        self.forget(FORM);
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
    pub(crate) fn shell(&self, request: &Request) -> Shell {
        Shell {
            person: None,
            form_token: secret::form_token(&self.form_secret()),
            here: request.original_uri().path().to_owned(),
        }
    }
}

/// Someone who has signed in to the pages, with what they may do at this moment.
pub struct Visitor {
    caller: Caller,
    shell: Shell,
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
}

impl<'a> FromRequest<'a> for Visitor {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> Result<Self> {
        let identity =
            request.data::<Arc<Identity>>().ok_or_else(|| Problem::internal(&"the app has no identity"))?;
        let cookies = Cookies::of(request)?;
        let caller = match cookies.session() {
            Some(session) => identity.session(&session).await?,
            None => None,
        };
        let caller = caller.ok_or_else(|| Problem::new(Code::Unauthenticated))?;
        let person = Person { name: caller.name().to_owned(), role: caller.role().as_str() };
        let shell = Shell { person: Some(person), ..cookies.shell(request) };
        Ok(Self { caller, shell })
    }
}

/// The fields of a form of ours.
#[derive(Debug)]
pub struct Posted<T>(pub T);

impl<'a, T: DeserializeOwned> FromRequest<'a> for Posted<T> {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> Result<Self> {
        let cookies = Cookies::of(request)?;
        let foreign = || {
            let told =
                "this form did not come from a page of ours, or its page is too old; open the page again";
            Problem::new(Code::Forbidden).because(told)
        };
        if !cookies.site.is_from_here(request) {
            return Err(foreign().into());
        }
        let bytes =
            body.take()?.into_bytes_limit(MAX_BYTES).await.map_err(|_| Problem::new(Code::TooLarge))?;
        let fields: Vec<(String, String)> =
            serde_urlencoded::from_bytes(&bytes).map_err(|_| Problem::new(Code::Malformed))?;
        // A database may refuse it, and no field of ours has it.
        if fields.iter().any(|(_, value)| value.contains('\0')) {
            return Err(Problem::new(Code::Malformed).because("a field has a NUL character").into());
        }
        let sent = fields.iter().find(|(name, _)| name == "form_token").map(|(_, token)| token.as_str());
        if !sent.is_some_and(|sent| secret::is_form_token(sent, &cookies.form_secret())) {
            return Err(foreign().into());
        }
        let form = serde_urlencoded::from_bytes(&bytes);
        form.map(Self).map_err(|error| Problem::new(Code::Malformed).because(error.to_string()).into())
    }
}
