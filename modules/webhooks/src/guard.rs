//! Which addresses a webhook may reach.
//!
//! Whoever adds a webhook has this program send requests from where it stands, which may be inside a network that they
//! cannot reach themselves. So it sends to the public internet alone. An address is looked at twice: as it is written,
//! when a webhook is saved and before each message, and as its name is resolved, when a connection is made. The addresses
//! that were looked at are the ones that are connected to, so that a name which changes its meaning in between gains
//! nothing.
//!
//! What may be reached is listed, not what may not: of IPv4 everything that IANA has not set apart, of IPv6 global unicast
//! without what carries an IPv4 address or is for documentation. A NAT64 address is judged by the IPv4 address in it,
//! because networks without IPv4 give every host such a one.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The most characters of an address.
const LONGEST: usize = 2_000;

/// An address as it is written that may be sent to, or what is wrong with it. With `allow_private` any host and plain http
/// will do, for development.
pub(crate) fn check(url: &str, allow_private: bool) -> Result<Url, String> {
    let wrong = |told: &str| Err(told.to_owned());
    // The parser would drop some of these without a word.
    if url.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return wrong("has a space or a control character in it");
    }
    if url.chars().count() > LONGEST {
        return Err(format!("is longer than {LONGEST} characters"));
    }
    let Ok(parsed) = Url::parse(url) else {
        return wrong("is not a URL; write https://example.com/fithire");
    };
    match parsed.scheme() {
        "https" => {}
        "http" if allow_private => {}
        _ => return wrong("does not begin with https://"),
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return wrong("has a name or a password in it; messages are signed instead");
    }
    if parsed.fragment().is_some() {
        return wrong("has a part after #, which is never sent");
    }
    let Some(host) = parsed.host_str() else { return wrong("names no host") };
    if allow_private {
        return Ok(parsed);
    }
    check_host(host)?;
    match parsed.port_or_known_default() {
        Some(443 | 1024..) => Ok(parsed),
        _ => wrong("has a port below 1024 that is not 443"),
    }
}

/// The parser has written every form of an IPv4 address, such as `0x7f.1` or `2130706433`, as four numbers.
fn check_host(host: &str) -> Result<(), String> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return if is_public(address) { Ok(()) } else { Err(Private(address).to_string()) };
    }
    if host.ends_with('.') {
        return Err("has a host that ends with a dot; leave it out".to_owned());
    }
    let name = host.to_ascii_lowercase();
    if !name.contains('.') || name.ends_with(".localhost") {
        return Err(format!("names {host}, which only this machine or its own network knows"));
    }
    Ok(())
}

/// An address that is not of the public internet.
#[derive(Debug)]
struct Private(IpAddr);

impl fmt::Display for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "leads to {}, which is not an address of the public internet", self.0)
    }
}

impl std::error::Error for Private {}

/// Whether an address is of the public internet.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    // In turn: this network, private networks and this machine, multicast, reserved and broadcast; what customers of a provider
    // share; link-local, where clouds tell a machine its secrets; protocol assignments and documentation; the relays of
    // 6to4; benchmarks; documentation.
    !matches!(
        address.octets(),
        [0 | 10 | 127 | 224..=255, ..]
            | [172, 16..=31, ..]
            | [192, 168, ..]
            | [100, 64..=127, ..]
            | [169, 254, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
    )
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
            is_public_v4(Ipv4Addr::new(a, b, c, d))
        }
        // Protocol assignments, Teredo among them; documentation; 6to4.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // Global unicast. What is outside is mapped, compatible, unique local, link-local, multicast, this machine or nothing.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// Finds the addresses of a name.
pub(crate) type Lookup =
    Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> + Send + Sync>;

/// The machine's own way.
pub(crate) fn system_lookup() -> Lookup {
    Arc::new(|name| {
        Box::pin(
            async move { Ok(tokio::net::lookup_host((name, 0)).await?.map(|found| found.ip()).collect()) },
        )
    })
}

/// Resolves names to addresses that may be reached, for connections.
pub(crate) struct Guard {
    pub(crate) lookup: Lookup,
    pub(crate) allow_private: bool,
}

impl Guard {
    async fn addresses(lookup: Lookup, name: String, allow_private: bool) -> io::Result<Vec<IpAddr>> {
        let found = lookup(name).await?;
        let refused = found.iter().copied().find(|address| !allow_private && !is_public(*address));
        match refused {
            // One that is not right makes the name suspect, whatever else it has.
            Some(address) => Err(io::Error::other(Private(address))),
            None if found.is_empty() => Err(io::Error::other("the name of the host has no address")),
            None => Ok(found),
        }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let found = Self::addresses(self.lookup.clone(), name.as_str().to_owned(), self.allow_private);
        Box::pin(async move {
            let addresses = found.await?.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn only_addresses_of_the_public_internet_are_public() {
        let public = [
            "8.8.8.8",
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "203.0.112.255",
            "203.0.114.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2001:4860:4860::8888",
            "2001:200::1",
            "2a00:1450::1",
            "2003::1",
            "3ffe::1",
            "64:ff9b::808:808",
        ];
        let not = [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::ffff:8.8.8.8",
            "::10.0.0.1",
            "::8.8.8.8",
            "::ffff:0:8.8.8.8",
            "64:ff9b::a00:1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::808:808",
            "100::1",
            "2001::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "2002:a00:1::",
            "2002:808:808::1",
            "3fff::1",
            "3fff:fff::1",
            "5f00::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
            "1fff::1",
        ];
        for text in public {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
        for text in not {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn an_address_is_refused_in_whatever_form_it_is_written() {
        for url in [
            "https://example.com/fithire",
            "https://example.com:443/",
            "https://example.com:8443/a?b=c",
            "https://example.com:1024",
            "https://EXAMPLE.com",
            "https://8.8.8.8/",
            "https://[2606:4700:4700::1111]/",
            "https://münchen.example/",
        ] {
            assert!(check(url, false).is_ok(), "{url}: {:?}", check(url, false));
        }
        for url in [
            "",
            "x",
            "/path",
            "//example.com",
            "ftp://example.com/",
            "file:///etc/passwd",
            "http://example.com/",
            "HTTP://example.com/",
            "javascript:alert(1)",
            "https://",
            "https://user@example.com/",
            "https://user:secret@example.com/",
            "https://:secret@example.com/",
            "https://example.com/#part",
            "https://exam\nple.com/",
            "https://example.com/a b",
            " https://example.com/",
            "https://example.com:80/",
            "https://example.com:22/",
            "https://example.com:25/",
            "https://example.com:0/",
            "https://example.com:99999/",
            "https://localhost/",
            "https://LOCALHOST/",
            "https://localhost./",
            "https://a.localhost/",
            "https://intranet/",
            "https://example.com./",
            "https://127.0.0.1/",
            "https://127.0.0.1./",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0x7f.1/",
            "https://017700000001/",
            "https://0177.0.0.1/",
            "https://0/",
            "https://10.0.0.1:8443/",
            "https://169.254.169.254/latest/meta-data/",
            "https://[::1]/",
            "https://[::]/",
            "https://[::ffff:10.0.0.1]/",
            "https://[::ffff:a00:1]/",
            "https://[fd00::1]/",
            "https://[fe80::1]/",
            "https://[64:ff9b::10.0.0.1]/",
            "https://[2002:a00:1::]/",
            "https://①②⑦.⓪.⓪.①/",
            "https://127。0。0。1/",
        ] {
            assert!(check(url, false).is_err(), "{url}");
        }
        assert!(check(&format!("https://example.com/{}", "x".repeat(LONGEST)), false).is_err());
        for url in ["http://localhost:8080/", "http://127.0.0.1:9/", "https://intranet/", "http://[::1]:80/"]
        {
            assert!(check(url, true).is_ok(), "{url}");
        }
        for url in ["http://user@localhost/", "ftp://localhost/", "http://localhost/#part"] {
            assert!(check(url, true).is_err(), "{url}");
        }
    }

    /// A name with these addresses, the next ones each time that it is asked for.
    pub(crate) fn changing(answers: &'static [&'static [&'static str]]) -> Lookup {
        let asked = Arc::new(AtomicUsize::new(0));
        Arc::new(move |_| {
            let answer = answers[asked.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1)];
            Box::pin(async move { Ok(answer.iter().map(|text| text.parse().unwrap()).collect()) })
        })
    }

    #[tokio::test]
    async fn a_name_is_looked_at_each_time_and_one_wrong_address_is_enough() {
        let lookup = changing(&[&["8.8.8.8"], &["10.0.0.1"], &["8.8.8.8", "127.0.0.1"], &[], &["::1"]]);
        let guard = Guard { lookup, allow_private: false };
        let mut found = Vec::new();
        for _ in 0..5 {
            let resolved = guard.resolve("rebind.example".parse().unwrap()).await;
            found.push(resolved.map(Iterator::collect::<Vec<_>>).map_err(|error| error.to_string()));
        }
        assert_eq!(found[0].as_deref(), Ok(&["8.8.8.8:0".parse().unwrap()][..]));
        for (n, told) in [(1, "10.0.0.1"), (2, "127.0.0.1"), (3, "no address"), (4, "::1")] {
            assert!(found[n].as_ref().is_err_and(|error| error.contains(told)), "{:?}", found[n]);
        }
    }
}
