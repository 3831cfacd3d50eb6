// SPDX-License-Identifier: LGPL-2.1-or-later

use std::error::Error;
use std::time::Duration;

use futures::channel::mpsc;
use futures::StreamExt;
use libp2p::identity::Keypair;
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{identify, noise, ping, tcp, yamux, Multiaddr, PeerId, Swarm, SwarmBuilder};
use sha2::{Digest, Sha256};

use crate::{protocols, streams, Options};

#[derive(NetworkBehaviour)]
pub struct Behaviour {
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    streams: streams::Behaviour,
}

/// What the rest of the program learns from the swarm.
pub enum Event {
    Listening(Multiaddr),
    Connected(PeerId),
    DialFailed(String),
    Identified(Box<identify::Info>),
    IdentifyFailed(String),
}

pub struct Node {
    pub id: PeerId,
    pub control: streams::Control,
    pub events: mpsc::UnboundedReceiver<Event>,
    dials: mpsc::UnboundedSender<DialOpts>,
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

impl Node {
    pub fn start(options: &Options, listen: Option<Multiaddr>) -> Result<Self, Box<dyn Error>> {
        let (behaviour, control, mut inbound) = streams::Behaviour::new(&protocols::SERVED);
        let mut swarm = SwarmBuilder::with_existing_identity(identity(options.get("key-seed")))
            .with_tokio()
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)?
            .with_behaviour(|key| Behaviour {
                identify: identify::Behaviour::new(identify_config(options, key)),
                ping: ping::Behaviour::default(),
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
        let (dials, dial_receiver) = mpsc::unbounded();
        tokio::spawn(drive(swarm, dial_receiver, event_sender));
        Ok(Self { id, control, events, dials })
    }

    pub fn dial(&self, peer: PeerId, address: Multiaddr) {
        let options = DialOpts::peer_id(peer).addresses(vec![address]).build();
        let _ = self.dials.unbounded_send(options);
    }

    pub async fn next_event(&mut self) -> Event {
        self.events.next().await.expect("the swarm task never ends")
    }
}

/// Keeps the swarm going; returning, and so dropping it, closes its connections.
async fn drive(
    mut swarm: Swarm<Behaviour>,
    mut dials: mpsc::UnboundedReceiver<DialOpts>,
    events: mpsc::UnboundedSender<Event>,
) {
    loop {
        let event = tokio::select! {
            dial = dials.next() => match dial {
                None => return,
                Some(options) => match swarm.dial(options) {
                    Ok(()) => continue,
                    Err(error) => Event::DialFailed(describe(&error)),
                },
            },
            event = swarm.select_next_some() => match event {
                SwarmEvent::NewListenAddr { address, .. } => Event::Listening(address),
                SwarmEvent::ConnectionEstablished { peer_id, .. } => Event::Connected(peer_id),
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
