// SPDX-License-Identifier: LGPL-2.1-or-later

//! The transports, security protocols and muxers that are offered, in the order
//! that the command line names them. rust-libp2p fixes them with types; what is
//! chosen at run time is put behind boxes here.

use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::Pin;

use futures::future::BoxFuture;
use futures::{AsyncRead, AsyncWrite, FutureExt};
use libp2p::core::muxing::{StreamMuxer, StreamMuxerBox};
use libp2p::core::transport::Boxed;
use libp2p::core::upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade, Version};
use libp2p::core::{Transport, UpgradeInfo};
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::{noise, quic, tcp, tls, yamux, Multiaddr, PeerId};
use libp2p_mplex as mplex;
use libp2p_websocket::{self as websocket, tls as web_tls};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use crate::Options;

/// What an option of the stack may be; the first is its default.
pub const OPTIONS: [(&str, &[&str]); 3] = [
    ("transport", &["tcp", "quic-v1", "ws", "wss"]),
    ("security", &["noise", "tls"]),
    ("muxer", &["yamux", "mplex"]),
];

/// Stream limit where the library's own default would refuse the tests.
const MANY: usize = 65536;

type Connections = Boxed<(PeerId, StreamMuxerBox)>;

pub fn transport(
    key: &Keypair,
    transports: &[&str],
    security: &[&str],
    muxers: &[&str],
    options: &Options,
) -> Result<Connections, Box<dyn Error>> {
    let make = |name: &&str| match *name {
        "quic-v1" => Ok(quic_transport(key)),
        "tcp" => upgraded(new_tcp(), key, security, muxers),
        _ => upgraded(web_socket(options)?, key, security, muxers),
    };
    let all: Vec<_> = transports.iter().map(make).collect::<Result<_, _>>()?;
    let either = |a: Connections, b| a.or_transport(b).map(|made, _| made.into_inner()).boxed();
    Ok(all.into_iter().reduce(either).expect("an option has at least one value"))
}

/// Which of the transports an address is for.
pub fn transport_of(address: &Multiaddr) -> &'static str {
    let has = |wanted: fn(&Protocol) -> bool| address.iter().any(|protocol| wanted(&protocol));
    if has(|protocol| matches!(protocol, Protocol::QuicV1)) {
        "quic-v1"
    } else if has(|protocol| matches!(protocol, Protocol::Wss(_) | Protocol::Tls)) {
        "wss"
    } else if has(|protocol| matches!(protocol, Protocol::Ws(_))) {
        "ws"
    } else {
        "tcp"
    }
}

/// TLS and the streams are part of it.
fn quic_transport(key: &Keypair) -> Connections {
    quic::tokio::Transport::new(quic::Config::new(key))
        .map(|(peer, connection), _| (peer, StreamMuxerBox::new(connection)))
        .boxed()
}

fn new_tcp() -> tcp::tokio::Transport {
    tcp::tokio::Transport::new(tcp::Config::default())
}

/// Certificates are for wss; all are in PEM files.
fn web_socket(
    options: &Options,
) -> Result<websocket::Config<tcp::tokio::Transport>, Box<dyn Error>> {
    let read = |name| CertificateDer::from_pem_file(&options[name]).map(|read| read.to_vec());
    let mut tls = web_tls::Config::builder();
    if options.contains_key("tls-certificate") {
        let key = PrivatePkcs8KeyDer::from_pem_file(&options["tls-key"])?;
        let key = web_tls::PrivateKey::new(key.secret_pkcs8_der().to_vec());
        tls.server(key, [web_tls::Certificate::new(read("tls-certificate")?)])?;
    }
    if options.contains_key("tls-trust") {
        tls.add_trust(&web_tls::Certificate::new(read("tls-trust")?))?;
    }
    let mut transport = websocket::Config::new(new_tcp());
    transport.set_tls_config(tls.finish());
    Ok(transport)
}

fn upgraded<T>(
    transport: T,
    key: &Keypair,
    security: &[&str],
    muxers: &[&str],
) -> Result<Connections, Box<dyn Error>>
where
    T: Transport<Output: Raw, Error: Send + Sync> + Send + Unpin + 'static,
    T::Dial: Send,
    T::ListenerUpgrade: Send,
{
    let security = security.iter().map(|name| Security::new(name, key));
    let muxers = muxers.iter().map(|name| Muxer::new(name));
    Ok(transport
        .upgrade(Version::V1Lazy)
        .authenticate(Offer(security.collect::<Result<_, _>>()?))
        .multiplex(Offer(muxers.collect()))
        .boxed())
}

trait Raw: AsyncRead + AsyncWrite + Send + Unpin + 'static {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Raw for T {}
type Secured = (PeerId, Pin<Box<dyn Raw>>);

trait Named {
    fn name(&self) -> &'static str;
}

/// Upgrades of which the two sides agree on one.
#[derive(Clone)]
struct Offer<T>(Vec<T>);

impl<T: Named> Offer<T> {
    fn chosen(self, name: &str) -> T {
        self.0.into_iter().find(|choice| choice.name() == name).expect("it was offered")
    }
}

impl<T: Named> UpgradeInfo for Offer<T> {
    type Info = &'static str;
    type InfoIter = std::vec::IntoIter<&'static str>;

    fn protocol_info(&self) -> Self::InfoIter {
        self.0.iter().map(Named::name).collect::<Vec<_>>().into_iter()
    }
}

#[derive(Clone)]
enum Security {
    Noise(noise::Config),
    Tls(Box<tls::Config>),
}

impl Security {
    fn new(name: &str, key: &Keypair) -> Result<Self, Box<dyn Error>> {
        Ok(match name {
            "tls" => Self::Tls(Box::new(tls::Config::new(key)?)),
            _ => Self::Noise(noise::Config::new(key)?),
        })
    }
}

impl Named for Security {
    fn name(&self) -> &'static str {
        match self {
            Self::Noise(_) => "/noise",
            Self::Tls(_) => "/tls/1.0.0",
        }
    }
}

fn secured<S: Raw, E: Error + Send + Sync + 'static>(
    upgrade: impl Future<Output = Result<(PeerId, S), E>> + Send + 'static,
) -> BoxFuture<'static, io::Result<Secured>> {
    async { upgrade.await.map(|(peer, stream)| (peer, Box::pin(stream) as _)) }
        .map(|done| done.map_err(io::Error::other))
        .boxed()
}

impl<C: Raw> InboundConnectionUpgrade<C> for Offer<Security> {
    type Output = Secured;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Secured>>;

    fn upgrade_inbound(self, connection: C, name: &'static str) -> Self::Future {
        match self.chosen(name) {
            Security::Noise(config) => secured(config.upgrade_inbound(connection, name)),
            Security::Tls(config) => secured(config.upgrade_inbound(connection, name)),
        }
    }
}

impl<C: Raw> OutboundConnectionUpgrade<C> for Offer<Security> {
    type Output = Secured;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Secured>>;

    fn upgrade_outbound(self, connection: C, name: &'static str) -> Self::Future {
        match self.chosen(name) {
            Security::Noise(config) => secured(config.upgrade_outbound(connection, name)),
            Security::Tls(config) => secured(config.upgrade_outbound(connection, name)),
        }
    }
}

#[derive(Clone)]
enum Muxer {
    Yamux(yamux::Config),
    Mplex(mplex::Config),
}

impl Muxer {
    fn new(name: &str) -> Self {
        if name != "mplex" {
            return Self::Yamux(yamux::Config::default());
        }
        let mut config = mplex::Config::new();
        config.set_max_num_streams(MANY);
        Self::Mplex(config)
    }
}

impl Named for Muxer {
    fn name(&self) -> &'static str {
        match self {
            Self::Yamux(_) => "/yamux/1.0.0",
            Self::Mplex(_) => "/mplex/6.7.0",
        }
    }
}

fn muxed<M, E>(
    upgrade: impl Future<Output = Result<M, E>> + Send + 'static,
) -> BoxFuture<'static, io::Result<StreamMuxerBox>>
where
    M: StreamMuxer<Substream: Send, Error: Send + Sync> + Send + 'static,
    E: Error + Send + Sync + 'static,
{
    async { upgrade.await.map(StreamMuxerBox::new).map_err(io::Error::other) }.boxed()
}

impl<C: Raw> InboundConnectionUpgrade<C> for Offer<Muxer> {
    type Output = StreamMuxerBox;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<StreamMuxerBox>>;

    fn upgrade_inbound(self, connection: C, name: &'static str) -> Self::Future {
        match self.chosen(name) {
            Muxer::Yamux(config) => muxed(config.upgrade_inbound(connection, name)),
            Muxer::Mplex(config) => muxed(config.upgrade_inbound(connection, name)),
        }
    }
}

impl<C: Raw> OutboundConnectionUpgrade<C> for Offer<Muxer> {
    type Output = StreamMuxerBox;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<StreamMuxerBox>>;

    fn upgrade_outbound(self, connection: C, name: &'static str) -> Self::Future {
        match self.chosen(name) {
            Muxer::Yamux(config) => muxed(config.upgrade_outbound(connection, name)),
            Muxer::Mplex(config) => muxed(config.upgrade_outbound(connection, name)),
        }
    }
}
