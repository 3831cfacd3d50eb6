// SPDX-License-Identifier: LGPL-2.1-or-later

//! What the benches ask for: throughput, connections per second, idle connections.

use std::time::Instant;

use futures::future::try_join_all;
use futures::AsyncWriteExt;
use libp2p::Multiaddr;
use serde_json::{json, Value};
use tokio::io::AsyncReadExt;

use crate::node::{self, Node};
use crate::{number, protocols, usage, Options};

type Done<T> = Result<T, String>;

fn start(options: &Options) -> Done<Node> {
    Node::start(options, None).map_err(|e| node::describe(e.as_ref()))
}

async fn connected(options: &Options, target: &Multiaddr) -> Done<(Node, libp2p::PeerId)> {
    let mut node = start(options)?;
    let peer = node.connect(target.clone()).await?;
    Ok((node, peer))
}

/// One direction of `/perf/1.0.0`, up to the end of the other side.
async fn transfer(node: &Node, peer: libp2p::PeerId, sent: u64, asked: u64) -> Done<Value> {
    let (start, cpu) = (Instant::now(), usage::cpu());
    let stream = node.control.open(peer, protocols::PERF).await?;
    let got = protocols::perf(stream, sent, asked).await.map_err(|e| e.to_string())?;
    if got != asked {
        return Err(format!("got {got} bytes, asked for {asked}"));
    }
    Ok(json!({
        "bytes": sent + asked,
        "seconds": start.elapsed().as_secs_f64(),
        "cpuSeconds": usage::cpu() - cpu,
    }))
}

pub async fn perf(options: &Options, target: Multiaddr) -> Done<()> {
    let (node, peer) = connected(options, &target).await?;
    let upload = transfer(&node, peer, number(options, "upload", 0), 0).await?;
    let download = transfer(&node, peer, 0, number(options, "download", 0)).await?;
    println!("{}", json!({"upload": upload, "download": download, "rss": usage::rss()}));
    Ok(())
}

/// Connects, has a few bytes echoed, closes, `count` times. It cannot be a ping:
/// this library pings at once by itself, and rust listeners end a stream of pings
/// when another one comes.
async fn connect_again(mut node: Node, target: &Multiaddr, count: u64) -> Done<()> {
    for _ in 0..count {
        let peer = node.connect(target.clone()).await?;
        let mut stream = node.control.open(peer, protocols::ECHO).await?;
        protocols::round_trip(&mut stream).await.map_err(|e| e.to_string())?;
        stream.close().await.map_err(|e| e.to_string())?;
        protocols::drain(&mut stream).await.map_err(|e| e.to_string())?;
        node.disconnect(peer).await;
    }
    Ok(())
}

pub async fn connect_loop(options: &Options, target: Multiaddr) -> Done<()> {
    let (count, parallel) = (number(options, "count", 1000), number(options, "parallel", 1));
    let share = |i| count / parallel + u64::from(i < count % parallel);
    let nodes = (0..parallel).map(|_| start(options)).collect::<Done<Vec<_>>>()?;
    let (began, cpu) = (Instant::now(), usage::cpu());
    let loops = (0..).zip(nodes).map(|(i, node)| connect_again(node, &target, share(i)));
    try_join_all(loops).await?;
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{}",
        json!({
            "connections": count,
            "seconds": seconds,
            "perSecond": count as f64 / seconds,
            "cpuSeconds": usage::cpu() - cpu,
        })
    );
    Ok(())
}

/// Keeps connections of as many identities until stdin ends.
pub async fn idle(options: &Options, target: Multiaddr) -> Done<()> {
    let count = number(options, "count", 100);
    let (rss, heap) = (usage::rss(), usage::heap());
    let mut nodes = Vec::new();
    for _ in 0..count {
        nodes.push(connected(options, &target).await?);
    }
    println!(
        "{}",
        json!({
            "connections": count,
            "rssGrowth": usage::rss() as i64 - rss as i64,
            "heapGrowth": usage::heap() as i64 - heap as i64,
        })
    );
    let _ = tokio::io::stdin().read_to_end(&mut Vec::new()).await;
    Ok(())
}
