// SPDX-License-Identifier: LGPL-2.1-or-later

use std::time::{Duration, Instant};

use futures::{stream, AsyncReadExt, AsyncWriteExt, TryStreamExt};
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::Stream;
use libp2p::{Multiaddr, PeerId};
use rand::RngCore;
use serde_json::{json, Value};
use sha2::{Digest, Sha256};

use crate::node::{peer_of, Event, Node};
use crate::protocols::{self, DOWNLOAD, ECHO, HALF_CLOSE, PING, RESET, UPLOAD};
use crate::stack::transport_of;
use crate::{fail, number, Options};

const STEP_DEADLINE: Duration = Duration::from_secs(30);
const STEPS: [&str; 9] = [
    "connect",
    "identify",
    "ping",
    "upload",
    "download",
    "streams",
    "half-close",
    "reset",
    "wrong-peer",
];

type Outcome = Result<Value, String>;

/// Keeps the order of the list above; connect is always among them.
pub fn choose(list: Option<&String>) -> Vec<&'static str> {
    let Some(list) = list else {
        return STEPS.to_vec();
    };
    let names: Vec<&str> = list.split(',').collect();
    if let Some(unknown) = names.iter().find(|name| !STEPS.contains(name)) {
        fail(format!("unknown step {unknown}"));
    }
    STEPS.into_iter().filter(|step| *step == "connect" || names.contains(step)).collect()
}

fn check(condition: bool, message: impl Into<String>) -> Result<(), String> {
    condition.then_some(()).ok_or_else(|| message.into())
}

/// Names what was being done when an I/O error came.
fn during(what: &'static str) -> impl Fn(std::io::Error) -> String {
    move |error| format!("{what}: {error}")
}

async fn read_all(stream: &mut Stream) -> Result<Vec<u8>, String> {
    let mut data = Vec::new();
    stream.read_to_end(&mut data).await.map_err(during("read"))?;
    Ok(data)
}

pub struct Dialer {
    node: Node,
    address: Multiaddr,
    peer: PeerId,
    bytes: u64,
    streams: u64,
    parallel: u64,
}

impl Dialer {
    pub fn new(node: Node, address: Multiaddr, options: &Options) -> Self {
        Self {
            node,
            peer: peer_of(&address),
            address,
            bytes: number(options, "upload-bytes", 8388608),
            streams: number(options, "streams", 1000),
            parallel: number(options, "parallel", 256),
        }
    }

    /// Prints one JSON object per step. What cannot be tried without a connection
    /// is reported as failed too, so that every step has its line.
    pub async fn run(mut self, steps: Vec<&str>) -> bool {
        let (mut connected, mut all_ok) = (true, true);
        for step in steps {
            let start = Instant::now();
            let outcome = if connected {
                tokio::time::timeout(STEP_DEADLINE, self.step(step))
                    .await
                    .unwrap_or(Err("the deadline of 30 s has passed".into()))
            } else {
                Err("skipped: not connected".into())
            };
            let ok = outcome.is_ok();
            connected &= ok || step != "connect";
            all_ok &= ok;
            let (detail, error) = (outcome.as_ref().ok(), outcome.as_ref().err());
            let ms = start.elapsed().as_micros() as f64 / 1000.0;
            let line = json!({"step": step, "ok": ok, "ms": ms, "error": error, "detail": detail});
            println!("{line}");
        }
        all_ok
    }

    async fn step(&mut self, step: &str) -> Outcome {
        match step {
            "connect" => self.connect().await,
            "identify" => self.identify().await,
            "ping" => self.pings(100).await,
            "upload" => self.upload().await,
            "download" => self.download().await,
            "streams" => self.many_streams().await,
            "half-close" => self.half_close().await,
            "reset" => self.reset().await,
            "wrong-peer" => self.wrong_peer().await,
            _ => Err("unknown step".into()),
        }
    }

    async fn open(&self, protocol: &'static str) -> Result<Stream, String> {
        self.node.control.open(self.peer, protocol).await.map_err(|e| format!("open: {e}"))
    }

    async fn connect(&mut self) -> Outcome {
        self.node.connect(self.address.clone()).await?;
        let transport = transport_of(&self.address);
        let upgraded = transport != "quic-v1";
        Ok(json!({
            "peer": self.peer.to_string(), "transport": transport,
            "security": self.node.security.as_ref().filter(|_| upgraded),
            "muxer": self.node.muxer.as_ref().filter(|_| upgraded),
        }))
    }

    async fn identify(&mut self) -> Outcome {
        let info = loop {
            match self.node.next_event().await {
                Event::Identified(info) => break info,
                Event::IdentifyFailed(error) => return Err(error),
                _ => {}
            }
        };
        let protocols: Vec<String> = info.protocols.iter().map(|p| p.to_string()).collect();
        for id in [PING, ECHO] {
            let found = protocols.iter().any(|p| p == id);
            check(found, format!("the peer's protocols {protocols:?} lack {id}"))?;
        }
        check(!info.observed_addr.is_empty(), "the peer sent no observed address")?;
        Ok(json!({
            "agentVersion": info.agent_version,
            "protocols": protocols,
            "observedAddr": info.observed_addr.to_string(),
            "signedRecord": info.signed_peer_record.is_some(),
        }))
    }

    async fn pings(&self, count: u32) -> Outcome {
        let mut stream = self.open(PING).await?;
        for i in 0..count {
            protocols::round_trip(&mut stream).await.map_err(|e| format!("ping {i}: {e}"))?;
        }
        stream.close().await.map_err(during("ping close"))?;
        Ok(json!({"roundTrips": count}))
    }

    async fn upload(&self) -> Outcome {
        let mut stream = self.open(UPLOAD).await?;
        let hash =
            protocols::write_pattern(&mut stream, self.bytes).await.map_err(during("write"))?;
        stream.close().await.map_err(during("close"))?;
        check(read_all(&mut stream).await? == hash, "the peer's hash differs from ours")?;
        Ok(json!({"bytes": self.bytes}))
    }

    async fn download(&self) -> Outcome {
        let mut stream = self.open(DOWNLOAD).await?;
        stream.write_all(&self.bytes.to_be_bytes()).await.map_err(during("write"))?;
        stream.flush().await.map_err(during("flush"))?;
        let got = read_all(&mut stream).await?;
        stream.close().await.map_err(during("close"))?;
        let size = self.bytes as usize;
        check(got.len() == size + 32, format!("got {} bytes, not {size} and a hash", got.len()))?;
        let (data, hash) = got.split_at(size);
        for (i, chunk) in data.chunks(protocols::CHUNK as usize).enumerate() {
            let expected = protocols::pattern(i as u64 * protocols::CHUNK, self.bytes);
            check(chunk == expected, "the data differs from the pattern")?;
        }
        check(Sha256::digest(data)[..] == *hash, "the peer's hash differs from ours")?;
        Ok(json!({"bytes": self.bytes}))
    }

    async fn echo_once(&self, index: u64) -> Result<(), String> {
        let mut data = vec![0; 1024];
        rand::thread_rng().fill_bytes(&mut data);
        let mut stream = self.open(ECHO).await?;
        stream.write_all(&data).await.map_err(during("write"))?;
        stream.close().await.map_err(during("close"))?;
        let got = read_all(&mut stream).await?;
        check(got == data, format!("stream {index}: the echo differs (got {})", got.len()))
    }

    async fn many_streams(&self) -> Outcome {
        stream::iter((0..self.streams).map(|index| Ok(self.echo_once(index))))
            .try_buffer_unordered(self.parallel as usize)
            .try_for_each(|()| async { Ok::<(), String>(()) })
            .await?;
        Ok(json!({"streams": self.streams, "parallel": self.parallel}))
    }

    async fn half_close(&self) -> Outcome {
        let mut stream = self.open(HALF_CLOSE).await?;
        let got = read_all(&mut stream).await?;
        check(got.is_empty(), format!("expected only the peer's end, got {} bytes", got.len()))?;
        stream.write_all(&[0; 1000]).await.map_err(during("write after the peer's end"))?;
        stream.close().await.map_err(during("close"))?;
        self.pings(1).await?;
        Ok(json!({"bytes": 1000}))
    }

    /// rust-yamux shows a reset to readers as an end of file. Only writing tells
    /// the two apart: after a clean end it still works, after a reset it fails.
    async fn reset(&self) -> Outcome {
        let mut stream = self.open(RESET).await?;
        stream.write_all(&[1]).await.map_err(during("write"))?;
        stream.flush().await.map_err(during("flush"))?;
        let error = match read_all(&mut stream).await {
            Err(error) => error,
            Ok(_) => match stream.write_all(&[1]).await {
                Err(error) => format!("end of file, then write: {error}"),
                Ok(()) => return Err("the stream ended cleanly instead of being reset".into()),
            },
        };
        self.pings(1).await?;
        Ok(json!({"streamError": error}))
    }

    async fn wrong_peer(&mut self) -> Outcome {
        let wrong = Keypair::generate_ed25519().public().to_peer_id();
        let mut address = self.address.clone();
        address.pop();
        match self.node.connect(address.with(Protocol::P2p(wrong))).await {
            Err(refusal) => Ok(json!({"refusal": refusal})),
            Ok(_) => Err("the connection to a wrong peer id was accepted".into()),
        }
    }
}
