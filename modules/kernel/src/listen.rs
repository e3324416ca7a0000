//! Answering connections: HTTP/1.1 over TCP, as browsers, programs and whatever stands before a server speak it.
//!
//! Whoever connects has a while to say what is wanted, and is hung up on otherwise: connections that say nothing cost a
//! server the files that it may have open. What is written goes out at once.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::endpoint::BoxEndpoint;
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Endpoint as _, EndpointExt as _, IntoEndpoint};
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long a request's head may take from the one before. Longer than what stands before a server keeps a connection that it
/// does not use, mostly a minute: who hangs up first must be the one who asks, or a request could meet a closed door.
const PATIENCE: Duration = Duration::from_secs(75);
/// How long it waits when no connection can be taken: nearly always too many files are open.
const PAUSE: Duration = Duration::from_millis(100);

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
    let service = service_fn(|request| {
        let (routes, here, from) = (routes.clone(), here.clone(), from.clone());
        async move {
            let response = routes.get_response((request, here, from, Scheme::HTTP).into()).await;
            Ok::<hyper::Response<_>, Infallible>(response.into())
        }
    });
    let mut http = http1::Builder::new();
    // One write of one piece costs the system less than one of a head, a body and an end.
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE).writev(false);
    let mut connection = pin!(http.serve_connection(TokioIo::new(socket), service));
    tokio::select! {
        biased;
        _ = &mut connection => return,
        _ = stopped.changed() => {}
    }
    connection.as_mut().graceful_shutdown();
    // That somebody has gone is nothing to tell anybody.
    let _ = connection.await;
}

#[cfg(test)]
mod tests {
    use poem::Route;
    use poem::endpoint::make_sync;
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
        let routes = Route::new().at("/", make_sync(|_| "hello")).at("/slow", slow);
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
}
