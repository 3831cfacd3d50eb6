// SPDX-License-Identifier: LGPL-2.1-or-later

//! Raw streams of rust-libp2p. The ready-made crate libp2p-stream drops inbound
//! streams when several arrive in one turn, which our stream test provokes; this
//! behaviour queues them all.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::{ready, Ready};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures::channel::{mpsc, oneshot};
use futures::StreamExt;
use libp2p::core::transport::PortUse;
use libp2p::core::{upgrade::InboundUpgrade, upgrade::OutboundUpgrade, Endpoint, UpgradeInfo};
use libp2p::swarm::handler::{ConnectionEvent, DialUpgradeError};
use libp2p::swarm::{
    ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm,
    NetworkBehaviour, Stream, StreamProtocol, SubstreamProtocol, THandlerInEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};

pub type Answer = Result<Stream, String>;
type Request = (StreamProtocol, oneshot::Sender<Answer>);
type Openers = Arc<Mutex<HashMap<PeerId, mpsc::UnboundedSender<Request>>>>;

/// Opens streams to peers that are connected already.
#[derive(Clone)]
pub struct Control(Openers);

impl Control {
    pub async fn open(&self, peer: PeerId, protocol: &'static str) -> Answer {
        let (sender, receiver) = oneshot::channel();
        let request = (StreamProtocol::new(protocol), sender);
        let opener = self.0.lock().unwrap().get(&peer).cloned();
        opener
            .ok_or("not connected")?
            .unbounded_send(request)
            .map_err(|_| "the connection is closed")?;
        receiver.await.map_err(|_| "the connection was closed")?
    }
}

pub struct Behaviour {
    protocols: Vec<StreamProtocol>,
    inbound: mpsc::UnboundedSender<(StreamProtocol, Stream)>,
    openers: Openers,
}

impl Behaviour {
    /// Returns the behaviour, what opens streams, and the inbound ones.
    pub fn new(
        protocols: &[&'static str],
    ) -> (Self, Control, mpsc::UnboundedReceiver<(StreamProtocol, Stream)>) {
        let (inbound, receiver) = mpsc::unbounded();
        let openers = Openers::default();
        let control = Control(openers.clone());
        let protocols = protocols.iter().map(|p| StreamProtocol::new(p)).collect();
        (Self { protocols, inbound, openers }, control, receiver)
    }

    fn handler(&self, peer: PeerId) -> Handler {
        let (sender, requests) = mpsc::unbounded();
        self.openers.lock().unwrap().insert(peer, sender);
        Handler { protocols: self.protocols.clone(), inbound: self.inbound.clone(), requests }
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<Handler, ConnectionDenied> {
        Ok(self.handler(peer))
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<Handler, ConnectionDenied> {
        Ok(self.handler(peer))
    }

    fn on_swarm_event(&mut self, _: FromSwarm) {}

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: Infallible) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

pub struct Handler {
    protocols: Vec<StreamProtocol>,
    inbound: mpsc::UnboundedSender<(StreamProtocol, Stream)>,
    requests: mpsc::UnboundedReceiver<Request>,
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Infallible;
    type ToBehaviour = Infallible;
    type InboundProtocol = Upgrade;
    type OutboundProtocol = Upgrade;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = oneshot::Sender<Answer>;

    fn listen_protocol(&self) -> SubstreamProtocol<Upgrade> {
        SubstreamProtocol::new(Upgrade(self.protocols.clone()), ())
    }

    fn connection_keep_alive(&self) -> bool {
        true
    }

    fn on_behaviour_event(&mut self, event: Infallible) {
        match event {}
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<Upgrade, Upgrade, (), oneshot::Sender<Answer>>,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(e) => {
                let _ = self.inbound.unbounded_send(e.protocol);
            }
            ConnectionEvent::FullyNegotiatedOutbound(e) => {
                let _ = e.info.send(Ok(e.protocol.1));
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info, error }) => {
                let _ = info.send(Err(error.to_string()));
            }
            _ => {}
        }
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Upgrade, oneshot::Sender<Answer>, Infallible>> {
        let Poll::Ready(Some((protocol, sender))) = self.requests.poll_next_unpin(cx) else {
            return Poll::Pending;
        };
        Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest {
            protocol: SubstreamProtocol::new(Upgrade(vec![protocol]), sender),
        })
    }
}

/// Negotiates one of the named protocols and hands the stream over as it is.
pub struct Upgrade(Vec<StreamProtocol>);

impl UpgradeInfo for Upgrade {
    type Info = StreamProtocol;
    type InfoIter = std::vec::IntoIter<StreamProtocol>;

    fn protocol_info(&self) -> Self::InfoIter {
        self.0.clone().into_iter()
    }
}

impl InboundUpgrade<Stream> for Upgrade {
    type Output = (StreamProtocol, Stream);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_inbound(self, stream: Stream, protocol: StreamProtocol) -> Self::Future {
        ready(Ok((protocol, stream)))
    }
}

impl OutboundUpgrade<Stream> for Upgrade {
    type Output = (StreamProtocol, Stream);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_outbound(self, stream: Stream, protocol: StreamProtocol) -> Self::Future {
        ready(Ok((protocol, stream)))
    }
}
