//! Answering connections: HTTP/1.1 over TCP, as browsers, programs and whatever stands before a server speak it.
//!
//! Whoever connects has a while to say what is wanted, and is hung up on otherwise: connections that say nothing cost a
//! server the files that it may have open. What is written goes out at once.
//!
//! An answer that is [`Lasting`] takes the connection for itself: it ends with it.

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt as _;
use hyper::header::CONNECTION;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::endpoint::BoxEndpoint;
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Endpoint as _, EndpointExt as _, IntoEndpoint, Response};
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::clock::Clock;

/// How long a request's head may take from the one before. Longer than what stands before a server keeps a connection that it
/// does not use, mostly a minute: who hangs up first must be the one who asks, or a request could meet a closed door.
const PATIENCE: Duration = Duration::from_secs(75);
/// How long whoever listens to a [`Lasting`] answer may take nothing of it.
const STALLED: Duration = Duration::from_mins(2);
/// How long it waits when no connection can be taken: nearly always too many files are open.
const PAUSE: Duration = Duration::from_millis(100);

/// Marks an answer that is told bit by bit for as long as somebody listens. HTTP has nothing more to say on its connection, so
/// that each part goes to the socket as it is. Each answer has its own.
#[derive(Clone, Debug, Default)]
pub struct Lasting(Arc<OnceLock<TcpStream>>);

impl Lasting {
    /// An answer that has begun on a socket.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn over(socket: TcpStream) -> Self {
        Self(Arc::new(OnceLock::from(socket)))
    }

    /// Writes what the socket takes at once, and says how many bytes that was. Only while the answer waits for its next part:
    /// everything before has been written by then. Before the answer has begun, it takes nothing.
    #[must_use]
    pub fn write_now(&self, bytes: &[u8]) -> usize {
        // What is wrong with the socket is found by whoever writes the next part.
        self.0.get().map_or(0, |socket| socket.try_write(bytes).unwrap_or(0))
    }
}

/// A port that is listened on.
pub struct Listening {
    listener: TcpListener,
    address: SocketAddr,
}

impl Listening {
    /// Listens; port 0 picks a free one.
    ///
    /// # Errors
    /// When nothing can be listened on there.
    pub async fn on(address: impl ToSocketAddrs) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until asked to stop; what is under way then may take so much longer.
    pub async fn answer<E>(self, routes: E, stopping: impl Future<Output = ()>, drain: Duration)
    where
        E: IntoEndpoint,
        E::Endpoint: 'static,
    {
        let routes = Arc::new(routes.into_endpoint().map_to_response().boxed());
        let (stop, stopped) = watch::channel(());
        let mut connections = JoinSet::new();
        let mut stopping = pin!(stopping);
        loop {
            let accepted = tokio::select! {
                () = &mut stopping => break,
                accepted = self.listener.accept() => accepted,
            };
            while connections.try_join_next().is_some() {}
            match accepted {
                Ok((socket, from)) => {
                    let ends = (LocalAddr(self.address.into()), RemoteAddr(from.into()));
                    connections.spawn(converse(socket, ends, routes.clone(), stopped.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        drop(self.listener);
        stop.send_replace(());
        // Whoever is not done by then is hung up on, with the set.
        let all = async { while connections.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(drain, all).await;
    }
}

/// Answers the requests of a connection, one after another.
async fn converse(
    socket: TcpStream,
    (here, from): (LocalAddr, RemoteAddr),
    routes: Arc<BoxEndpoint<'static>>,
    mut stopped: watch::Receiver<()>,
) {
    // What is written is whole: there is nothing to wait for that could go with it.
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "a connection is gone already");
    }
    let lasting = Mutex::new(None);
    let service = service_fn(|request| {
        let (routes, here, from, lasting) = (routes.clone(), here.clone(), from.clone(), &lasting);
        async move {
            let response = routes.get_response((request, here, from, Scheme::HTTP).into()).await;
            let Some(lasts) = response.data::<Lasting>().cloned() else {
                return Ok::<hyper::Response<_>, Infallible>(response.into());
            };
            *lasting.lock().unwrap_or_else(PoisonError::into_inner) = Some((response, lasts));
            pending().await
        }
    });
    let mut http = http1::Builder::new();
    // One write of one piece costs the system less than one of a head, a body and an end.
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE).writev(false);
    let mut connection = http.serve_connection(TokioIo::new(socket), service);
    let mut is_stopping = false;
    let answer = loop {
        let ended = poll_fn(|context| match Pin::new(&mut connection).poll(context) {
            // That somebody has gone is nothing to tell anybody.
            Poll::Ready(_) => Poll::Ready(None),
            Poll::Pending => {
                let lasting = lasting.lock().unwrap_or_else(PoisonError::into_inner).take();
                if lasting.is_some() { Poll::Ready(lasting) } else { Poll::Pending }
            }
        });
        tokio::select! {
            biased;
            lasting = ended => break lasting,
            _ = stopped.changed(), if !is_stopping => is_stopping = true,
        }
        Pin::new(&mut connection).graceful_shutdown();
    };
    if let Some((response, lasts)) = answer {
        // Answers before this one have been written, or hyper had not read on; whoever sends on and reads nothing may miss some.
        let socket = connection.into_parts().io.into_inner();
        let _ = tell(socket, response, lasts).await;
    }
}

/// Writes an answer as it comes, until it ends or whoever listens has gone.
async fn tell(socket: TcpStream, response: Response, lasts: Lasting) -> io::Result<()> {
    lasts.0.set(socket).map_err(|_| io::Error::other("an answer has one connection"))?;
    let Some(socket) = lasts.0.get() else { return Ok(()) };
    write(socket, &head(&response)).await?;
    let mut parts = response.into_body().into_bytes_stream();
    loop {
        tokio::select! {
            biased;
            part = parts.next() => match part {
                Some(part) => write(socket, &part?).await?,
                None => return Ok(()),
            },
            gone = hung_up(socket) => return gone,
        }
    }
}

async fn write(socket: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match socket.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                tokio::time::timeout(STALLED, socket.writable()).await??;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Waits until whoever has asked hangs up. What they say before is not heard, and they are hung up on when it is too much.
async fn hung_up(socket: &TcpStream) -> io::Result<()> {
    const TOO_MUCH: usize = 1 << 16;
    let mut heard = 0;
    loop {
        socket.readable().await?;
        match socket.try_read(&mut [0; 1_024]) {
            Ok(0) => return Ok(()),
            Ok(length) => {
                heard += length;
                if heard > TOO_MUCH {
                    return Ok(());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// The head of an answer that ends with its connection (RFC 9112, 6.3).
fn head(response: &Response) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {}\r\n", response.status()).into_bytes();
    let date = Clock::System.now().format("%a, %d %b %Y %T GMT").to_string();
    let headers = response.headers().iter().filter(|(name, _)| *name != CONNECTION);
    let headers = headers.map(|(name, value)| (name.as_str(), value.as_bytes()));
    for (name, value) in headers.chain([("date", date.as_bytes()), ("connection", b"close")]) {
        head.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    head.extend(b"\r\n");
    head
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use poem::endpoint::make_sync;
    use poem::{Body, Route, get};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::oneshot;

    use super::*;

    const GREETING: &str = "GET / HTTP/1.1\r\nHost: here\r\n\r\n";

    /// A server that greets, and takes a while for it elsewhere.
    async fn greeting() -> (SocketAddr, oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
        let listening = Listening::on(("127.0.0.1", 0)).await.unwrap();
        let address = listening.address();
        let slow = poem::endpoint::make(async |_| {
            tokio::time::sleep(Duration::from_secs(3)).await;
            "at last"
        });
        let lasting = poem::endpoint::make(async |_| {
            let parts = stream::iter(["one\n", "two\n"]).chain(stream::once(async {
                tokio::time::sleep(Duration::from_secs(3)).await;
                "three\n"
            }));
            let mut response = Response::builder()
                .content_type("text/plain")
                .body(Body::from_bytes_stream(parts.map(Ok::<_, io::Error>)));
            response.set_data(Lasting::default());
            response
        });
        // Not in one line: a test takes such lines for pages of the program.
        let lasting = get(lasting);
        let routes = Route::new().at("/", make_sync(|_| "hello")).at("/slow", slow).at("/lasting", lasting);
        let (stop, stopping) = oneshot::channel::<()>();
        let stopping = async { drop(stopping.await) };
        let serving = tokio::spawn(listening.answer(routes, stopping, Duration::from_secs(5)));
        (address, stop, serving)
    }

    async fn answer(socket: &mut TcpStream) -> String {
        let mut bytes = [0; 1_024];
        let length = socket.read(&mut bytes).await.unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_says_nothing_is_hung_up_on() {
        let (address, _stop, _serving) = greeting().await;
        let mut socket = TcpStream::connect(address).await.unwrap();
        for _ in 0..2 {
            socket.write_all(GREETING.as_bytes()).await.unwrap();
            assert!(answer(&mut socket).await.ends_with("hello"));
            tokio::time::sleep(PATIENCE * 9 / 10).await;
        }
        socket.write_all(&GREETING.as_bytes()[..20]).await.unwrap();
        let began = tokio::time::Instant::now();
        assert_eq!(answer(&mut socket).await, "");
        assert!(began.elapsed() <= PATIENCE);
    }

    #[tokio::test]
    async fn what_is_under_way_is_finished() {
        let (address, stop, serving) = greeting().await;
        let [mut asking, mut idle] =
            [TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap()];
        asking.write_all(GREETING.replace("/ ", "/slow ").as_bytes()).await.unwrap();
        idle.write_all(GREETING.as_bytes()).await.unwrap();
        assert!(answer(&mut idle).await.ends_with("hello"));
        stop.send(()).unwrap();
        assert_eq!(answer(&mut idle).await, "", "who waits for nothing is let go");
        assert!(answer(&mut asking).await.ends_with("at last"));
        serving.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err(), "nobody is taken any more");
    }

    #[tokio::test]
    async fn a_lasting_answer_takes_the_connection_and_ends_with_it() {
        let (address, _stop, _serving) = greeting().await;
        let mut socket = TcpStream::connect(address).await.unwrap();
        // After another request, and with one more behind it that nobody answers.
        socket.write_all(GREETING.as_bytes()).await.unwrap();
        assert!(answer(&mut socket).await.ends_with("hello"));
        let asked = GREETING.replace("/ ", "/lasting ");
        socket.write_all((asked + GREETING).as_bytes()).await.unwrap();
        let mut all = String::new();
        socket.read_to_string(&mut all).await.unwrap();
        let (head, body) = all.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ndate: "), "{head}");
        assert!(head.ends_with(" GMT\r\nconnection: close"), "{head}");
        assert_eq!(body, "one\ntwo\nthree\n");
    }

    #[tokio::test]
    async fn a_lasting_answer_to_a_head_is_its_head() {
        let (address, _stop, _serving) = greeting().await;
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(GREETING.replace("GET / ", "HEAD /lasting ").as_bytes()).await.unwrap();
        let mut all = String::new();
        socket.read_to_string(&mut all).await.unwrap();
        assert!(all.contains("content-type: text/plain") && all.ends_with("\r\n\r\n"), "{all}");
    }

    #[tokio::test]
    async fn whoever_hangs_up_or_talks_into_a_lasting_answer_ends_it() {
        let (address, _stop, _serving) = greeting().await;
        let asked = GREETING.replace("/ ", "/lasting ");
        for talks in [false, true] {
            let mut socket = TcpStream::connect(address).await.unwrap();
            socket.write_all(asked.as_bytes()).await.unwrap();
            assert!(answer(&mut socket).await.starts_with("HTTP/1.1 200"));
            if talks {
                // More than it hears: in the end nobody takes it.
                while socket.write_all(&[b'x'; 4_096]).await.is_ok() {}
            } else {
                socket.shutdown().await.unwrap();
            }
            let mut rest = Vec::new();
            let _ = socket.read_to_end(&mut rest).await;
            assert!(!String::from_utf8_lossy(&rest).contains("three"), "it did not go on");
        }
    }

    #[tokio::test]
    async fn a_lasting_answer_is_finished_when_the_server_stops() {
        let (address, stop, serving) = greeting().await;
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(GREETING.replace("/ ", "/lasting ").as_bytes()).await.unwrap();
        let begun = answer(&mut socket).await;
        assert!(begun.starts_with("HTTP/1.1 200"), "{begun}");
        stop.send(()).unwrap();
        let mut rest = String::new();
        socket.read_to_string(&mut rest).await.unwrap();
        assert!((begun + &rest).ends_with("three\n"));
        serving.await.unwrap();
    }
}
