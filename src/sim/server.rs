//! HTTP on loopback: one thread with its own actix system.

use std::{
    io,
    net::TcpListener,
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer, body::SizedStream, http::StatusCode, web,
};
use bytes::Bytes;
use futures::stream;
use tokio::sync::oneshot;

use super::{
    call::{Call, Reply},
    smtp,
    tenant::Tenant,
};

/// Largest request body taken.
const LARGEST: usize = 160 * 1024 * 1024;

/// The running server; stops when dropped.
#[derive(Debug)]
pub(super) struct Server {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn start(
        tenant: Arc<Tenant>,
        http: TcpListener,
        smtp: TcpListener,
    ) -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let (ready, started) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("simulated-tenant".into())
            .spawn(move || {
                let system = actix_web::rt::System::new();
                system.block_on(async move {
                    let for_mail = Arc::clone(&tenant);
                    match listen(tenant, http) {
                        Ok(server) => {
                            let handle = server.handle();
                            actix_web::rt::spawn(smtp::serve(smtp, for_mail));
                            let _ = ready.send(Ok(()));
                            tokio::select! {
                                _ = server => {}
                                _ = stopped => handle.stop(false).await,
                            }
                        }
                        Err(error) => {
                            let _ = ready.send(Err(error));
                        }
                    }
                });
            })?;
        started
            .recv()
            .map_err(|_| io::Error::other("the simulated tenant did not start"))??;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    pub(super) fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn listen(tenant: Arc<Tenant>, http: TcpListener) -> io::Result<actix_web::dev::Server> {
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(Arc::clone(&tenant)))
            .app_data(web::PayloadConfig::new(LARGEST))
            .default_service(web::to(serve))
    })
    .workers(2)
    .shutdown_timeout(0)
    .disable_signals()
    .listen(http)?
    .run();
    Ok(server)
}

async fn serve(request: HttpRequest, body: Bytes, tenant: web::Data<Arc<Tenant>>) -> HttpResponse {
    let headers = request
        .headers()
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect();
    let target = request
        .uri()
        .path_and_query()
        .map_or("/", |target| target.as_str());
    let call = Call::new(request.method().as_str(), target, headers, body);
    // held until the answer is on its way
    let (crowd, _busy) = match tenant.mailbox_of(&call) {
        Some(mailbox) => {
            let (crowd, busy) = tenant.enter(mailbox);
            (crowd, Some(busy))
        }
        None => (1, None),
    };
    let reply = tenant.answer(&call, crowd);
    if reply.wire.delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(reply.wire.delay_ms)).await;
    }
    respond(reply)
}

fn respond(reply: Reply) -> HttpResponse {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    for (name, value) in reply.headers {
        response.insert_header((name, value));
    }
    let broken = || io::Error::from(io::ErrorKind::ConnectionAborted);
    if reply.wire.lost {
        // a body that fails at once: the connection closes before the head is
        // flushed
        let nothing = stream::iter([Err::<Bytes, _>(broken())]);
        return response.body(SizedStream::new(1, nothing));
    }
    match reply.wire.cut_at {
        Some(at) if at < reply.body.len() => {
            let size = u64::try_from(reply.body.len()).unwrap_or(u64::MAX);
            let first = reply.body.slice(..at);
            let parts = stream::unfold(0, move |step| {
                let first = first.clone();
                async move {
                    match step {
                        0 => Some((Ok(first), 1)),
                        1 => {
                            // lets what was written reach the other side
                            tokio::time::sleep(Duration::from_millis(30)).await;
                            Some((Err(io::Error::from(io::ErrorKind::ConnectionAborted)), 2))
                        }
                        _ => None,
                    }
                }
            });
            response.body(SizedStream::new(size, Box::pin(parts)))
        }
        _ => response.body(reply.body),
    }
}
