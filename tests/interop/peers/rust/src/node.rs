// SPDX-License-Identifier: LGPL-2.1-or-later

use std::error::Error;
use std::time::Duration;

use futures::channel::mpsc;
use futures::StreamExt;
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{identify, ping, Multiaddr, PeerId, Swarm, SwarmBuilder};
use sha2::{Digest, Sha256};

use crate::{chosen, fail, protocols, stack, streams, Options};

#[derive(NetworkBehaviour)]
pub struct Behaviour {
    identify: identify::Behaviour,
    ping: Toggle<ping::Behaviour>,
    streams: streams::Behaviour,
}

/// What the rest of the program learns from the swarm.
pub enum Event {
    Listening(Multiaddr),
    Connected(PeerId),
    Disconnected(PeerId),
    DialFailed(String),
    Identified(Box<identify::Info>),
    IdentifyFailed(String),
}

enum Command {
    Dial(DialOpts),
    Disconnect(PeerId),
}

pub struct Node {
    pub id: PeerId,
    pub control: streams::Control,
    /// What is offered, where it is only one.
    pub security: Option<String>,
    pub muxer: Option<String>,
    events: mpsc::UnboundedReceiver<Event>,
    commands: mpsc::UnboundedSender<Command>,
}

pub fn peer_of(address: &Multiaddr) -> PeerId {
    match address.iter().last() {
        Some(Protocol::P2p(peer)) => peer,
        _ => fail(format!("the address {address} does not end in /p2p/...")),
    }
}

/// Every peer program derives the same Ed25519 key from the same seed.
fn identity(seed: Option<&String>) -> Keypair {
    match seed {
        None => Keypair::generate_ed25519(),
        Some(seed) => {
            let secret = Sha256::digest(format!("lp2p-peer-key-seed:{seed}"));
            Keypair::ed25519_from_bytes(secret.to_vec()).expect("32 bytes make a key")
        }
    }
}

/// rust-libp2p sends no signed record unless asked, and then one in a form that
/// go and js do not read.
fn identify_config(options: &Options, key: &Keypair) -> identify::Config {
    let version = "ipfs/0.1.0".to_string();
    match options.get("signed-record").map(String::as_str) {
        Some("legacy") => identify::Config::new_with_signed_peer_record(version, key),
        _ => identify::Config::new(version, key.public()),
    }
    .with_agent_version("lp2p-peer-rust rust-libp2p/0.56".into())
}

/// libp2p-mplex flushes the reset of a dropped stream with what is written next;
/// with the usual 15 seconds between pings, that may be long. libp2p-ping waits for
/// the next ping only when the muxer has woken it, which that of QUIC does not: there
/// pings are one more of our protocols.
fn ping_behaviour(transports: &[&str], muxers: &[&str]) -> Toggle<ping::Behaviour> {
    let config = if muxers.contains(&"mplex") {
        ping::Config::new().with_interval(Duration::from_secs(1))
    } else {
        ping::Config::new()
    };
    (!transports.contains(&"quic-v1")).then(|| ping::Behaviour::new(config)).into()
}

impl Node {
    pub fn start(options: &Options, listen: Option<Multiaddr>) -> Result<Self, Box<dyn Error>> {
        let security = chosen(options, "security");
        let muxers = chosen(options, "muxer");
        let key = identity(options.get("key-seed"));
        let transports = chosen(options, "transport");
        let transport = stack::transport(&key, &transports, &security, &muxers, options)?;
        let ping = ping_behaviour(&transports, &muxers);
        let served = &protocols::SERVED[usize::from(ping.is_enabled())..];
        let (behaviour, control, mut inbound) = streams::Behaviour::new(served);
        let mut swarm = SwarmBuilder::with_existing_identity(key)
            .with_tokio()
            .with_other_transport(|_| transport)?
            .with_behaviour(|key| Behaviour {
                identify: identify::Behaviour::new(identify_config(options, key)),
                ping,
                streams: behaviour,
            })?
            .with_swarm_config(|config| {
                config
                    .with_max_negotiating_inbound_streams(4096)
                    .with_idle_connection_timeout(Duration::from_secs(3600))
            })
            .build();
        let id = *swarm.local_peer_id();
        if let Some(address) = listen {
            swarm.listen_on(address)?;
        }
        tokio::spawn(async move {
            while let Some((protocol, stream)) = inbound.next().await {
                tokio::spawn(protocols::serve(protocol.to_string(), stream));
            }
        });
        let (event_sender, events) = mpsc::unbounded();
        let (commands, command_receiver) = mpsc::unbounded();
        tokio::spawn(drive(swarm, command_receiver, event_sender));
        let only = |names: &[&str]| (names.len() == 1).then(|| format!("/{}", names[0]));
        Ok(Self { id, control, security: only(&security), muxer: only(&muxers), events, commands })
    }

    /// Makes one more connection and returns whose it is.
    pub async fn connect(&mut self, address: Multiaddr) -> Result<PeerId, String> {
        let dial = DialOpts::peer_id(peer_of(&address))
            .addresses(vec![address])
            .condition(PeerCondition::Always)
            .build();
        let _ = self.commands.unbounded_send(Command::Dial(dial));
        loop {
            match self.next_event().await {
                Event::Connected(peer) => return Ok(peer),
                Event::DialFailed(reason) => return Err(reason),
                _ => {}
            }
        }
    }

    pub async fn disconnect(&mut self, peer: PeerId) {
        let _ = self.commands.unbounded_send(Command::Disconnect(peer));
        while !matches!(self.next_event().await, Event::Disconnected(other) if other == peer) {}
    }

    pub async fn next_event(&mut self) -> Event {
        self.events.next().await.expect("the swarm task never ends")
    }
}

/// Keeps the swarm going; returning, and so dropping it, closes its connections.
async fn drive(
    mut swarm: Swarm<Behaviour>,
    mut commands: mpsc::UnboundedReceiver<Command>,
    events: mpsc::UnboundedSender<Event>,
) {
    loop {
        let event = tokio::select! {
            command = commands.next() => match command {
                None => return,
                Some(Command::Dial(options)) => match swarm.dial(options) {
                    Ok(()) => continue,
                    Err(error) => Event::DialFailed(describe(&error)),
                },
                Some(Command::Disconnect(peer)) => match swarm.disconnect_peer_id(peer) {
                    Ok(()) => continue,
                    Err(()) => Event::Disconnected(peer),
                },
            },
            event = swarm.select_next_some() => match event {
                SwarmEvent::NewListenAddr { address, .. } => Event::Listening(address),
                SwarmEvent::ConnectionEstablished { peer_id, .. } => Event::Connected(peer_id),
                SwarmEvent::ConnectionClosed { peer_id, .. } => Event::Disconnected(peer_id),
                SwarmEvent::OutgoingConnectionError { error, .. } => {
                    Event::DialFailed(describe(&error))
                }
                SwarmEvent::Behaviour(BehaviourEvent::Identify(event)) => match event {
                    identify::Event::Received { info, .. } => Event::Identified(Box::new(info)),
                    identify::Event::Error { error, .. } => {
                        Event::IdentifyFailed(describe(&error))
                    }
                    _ => continue,
                },
                _ => continue,
            },
        };
        let _ = events.unbounded_send(event);
    }
}

/// An error and its causes on one line.
pub fn describe(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}
