// SPDX-License-Identifier: LGPL-2.1-or-later

use std::io;

use futures::{AsyncReadExt, AsyncWriteExt};
use libp2p::swarm::Stream;
use rand::RngCore;
use sha2::{Digest, Sha256};

pub const PING: &str = "/ipfs/ping/1.0.0";
pub const ECHO: &str = "/lp2p/echo/1.0.0";
pub const UPLOAD: &str = "/lp2p/upload/1.0.0";
pub const DOWNLOAD: &str = "/lp2p/download/1.0.0";
pub const RESET: &str = "/lp2p/reset/1.0.0";
pub const HALF_CLOSE: &str = "/lp2p/half-close/1.0.0";
pub const PERF: &str = "/perf/1.0.0";
/// The first only where libp2p-ping does not serve it.
pub const SERVED: [&str; 7] = [PING, ECHO, UPLOAD, DOWNLOAD, RESET, HALF_CLOSE, PERF];

pub const CHUNK: u64 = 65536;

/// The bytes of the test pattern from `start` on, at most a chunk of them.
pub fn pattern(start: u64, end: u64) -> Vec<u8> {
    (start..end.min(start + CHUNK))
        .map(|i| (i.wrapping_mul(167) + (i >> 8).wrapping_mul(13) + (i >> 16)) as u8)
        .collect()
}

/// Writes `size` bytes of the pattern and returns their hash.
pub async fn write_pattern(stream: &mut Stream, size: u64) -> io::Result<Vec<u8>> {
    let mut hash = Sha256::new();
    for start in (0..size).step_by(CHUNK as usize) {
        let chunk = pattern(start, size);
        hash.update(&chunk);
        stream.write_all(&chunk).await?;
    }
    Ok(hash.finalize().to_vec())
}

/// Serves one inbound stream. Dropping a stream that was not closed resets it,
/// so that every failure ends in a reset.
pub async fn serve(protocol: String, mut stream: Stream) {
    let done = match protocol.as_str() {
        PING | ECHO => serve_echo(stream).await,
        UPLOAD => serve_upload(stream).await,
        DOWNLOAD => serve_download(stream).await,
        RESET => stream.read_exact(&mut [0]).await,
        HALF_CLOSE => serve_half_close(stream).await,
        PERF => serve_perf(stream).await,
        _ => Ok(()),
    };
    if let Err(error) = done {
        eprintln!("{protocol}: {error}");
    }
}

async fn serve_echo(stream: Stream) -> io::Result<()> {
    let (reader, mut writer) = stream.split();
    futures::io::copy(reader, &mut writer).await?;
    writer.close().await
}

async fn serve_upload(mut stream: Stream) -> io::Result<()> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; CHUNK as usize];
    loop {
        match stream.read(&mut buffer).await? {
            0 => break,
            n => hash.update(&buffer[..n]),
        }
    }
    stream.write_all(&hash.finalize()).await?;
    stream.close().await
}

async fn serve_download(mut stream: Stream) -> io::Result<()> {
    let mut count = [0; 8];
    stream.read_exact(&mut count).await?;
    let hash = write_pattern(&mut stream, u64::from_be_bytes(count)).await?;
    stream.write_all(&hash).await?;
    stream.close().await
}

async fn serve_half_close(mut stream: Stream) -> io::Result<()> {
    stream.close().await?;
    let count = futures::io::copy(&mut stream, &mut futures::io::sink()).await?;
    eprintln!("half-close {count}");
    Ok(())
}

/// What is sent means nothing; only how much does.
async fn send_zeros(stream: &mut Stream, size: u64) -> io::Result<()> {
    let zeros = vec![0; CHUNK as usize];
    for start in (0..size).step_by(zeros.len()) {
        stream.write_all(&zeros[..(size - start).min(CHUNK) as usize]).await?;
    }
    Ok(())
}

/// Reads to the end and counts.
pub async fn drain(stream: &mut Stream) -> io::Result<u64> {
    let (mut buffer, mut count) = (vec![0; CHUNK as usize], 0);
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(count),
            n => count += n as u64,
        }
    }
}

async fn serve_perf(mut stream: Stream) -> io::Result<()> {
    let mut count = [0; 8];
    stream.read_exact(&mut count).await?;
    drain(&mut stream).await?;
    send_zeros(&mut stream, u64::from_be_bytes(count)).await?;
    stream.close().await
}

/// Sends some bytes, asks for others, and returns how many of them came.
pub async fn perf(mut stream: Stream, sent: u64, asked: u64) -> io::Result<u64> {
    stream.write_all(&asked.to_be_bytes()).await?;
    send_zeros(&mut stream, sent).await?;
    stream.close().await?;
    drain(&mut stream).await
}

/// Sends 32 random bytes and expects them back.
pub async fn round_trip(stream: &mut Stream) -> io::Result<()> {
    let (mut sent, mut got) = ([0; 32], [0; 32]);
    rand::thread_rng().fill_bytes(&mut sent);
    stream.write_all(&sent).await?;
    stream.flush().await?;
    stream.read_exact(&mut got).await?;
    (sent == got).then_some(()).ok_or_else(|| io::Error::other("the echo differs"))
}
