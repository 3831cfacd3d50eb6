// SPDX-License-Identifier: LGPL-2.1-or-later

//! The rust peer of the interop tests: rust-libp2p as the others meet it in the
//! wild, behind the command line described in ../README.md.

mod bench;
mod node;
mod protocols;
mod stack;
mod steps;
mod streams;
mod usage;

use std::collections::HashMap;
use std::error::Error;
use std::process::exit;

use libp2p::Multiaddr;
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{signal, SignalKind};

pub type Options = HashMap<String, String>;

const COMMON_OPTIONS: [&str; 4] = ["key-seed", "tls-certificate", "tls-key", "tls-trust"];
const DIAL_OPTIONS: [&str; 5] = ["signed-record", "upload-bytes", "streams", "parallel", "steps"];
const BENCH_OPTIONS: [&str; 4] = ["upload", "download", "count", "parallel"];

/// Ends the program for mistakes of the caller: exit status 2.
pub fn fail(message: impl std::fmt::Display) -> ! {
    eprintln!("peer-rust: {message}");
    exit(2)
}

/// Takes `--name value` and `--name=value`; all else is a positional argument.
fn parse(args: &[String], known: &[&str]) -> (Options, Vec<String>) {
    let mut options = Options::new();
    let mut positionals = Vec::new();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let Some(option) = arg.strip_prefix("--") else {
            positionals.push(arg.clone());
            continue;
        };
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, Some(value.to_string())),
            None => (option, rest.next().cloned()),
        };
        let of_stack = stack::OPTIONS.iter().any(|option| option.0 == name);
        if !known.contains(&name) && !COMMON_OPTIONS.contains(&name) && !of_stack {
            fail(format!("unknown option --{name}"));
        }
        let value = value.unwrap_or_else(|| fail(format!("--{name} needs a value")));
        options.insert(name.to_string(), value);
    }
    for (name, values) in stack::OPTIONS {
        if let Some(value) = chosen(&options, name).iter().find(|v| !values.contains(v)) {
            fail(format!("{name} \"{value}\" is not supported, use {}", values.join(" or ")));
        }
    }
    (options, positionals)
}

/// The values of an option of the stack, the preferred one first.
pub fn chosen<'a>(options: &'a Options, name: &str) -> Vec<&'a str> {
    let default = stack::OPTIONS.iter().find(|option| option.0 == name).map_or("", |o| o.1[0]);
    options.get(name).map_or(default, String::as_str).split(',').collect()
}

pub fn number(options: &Options, name: &str, default: u64) -> u64 {
    options.get(name).map_or(default, |text| {
        text.parse().unwrap_or_else(|e| fail(format!("--{name} {text}: {e}")))
    })
}

fn address(text: &str) -> Multiaddr {
    text.parse().unwrap_or_else(|e| fail(format!("address {text}: {e}")))
}

async fn listen(args: &[String]) -> Result<bool, Box<dyn Error>> {
    let (options, positionals) = parse(args, &["address", "signed-record"]);
    if !positionals.is_empty() {
        fail(format!("listen takes no argument {}", positionals[0]));
    }
    let wanted = options.get("address").map_or("/ip4/127.0.0.1/tcp/0", String::as_str);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut asked = signal(SignalKind::user_defined1())?;
    let mut node = node::Node::start(&options, Some(address(wanted)))?;
    loop {
        if let node::Event::Listening(address) = node.next_event().await {
            println!("{address}/p2p/{}", node.id);
            break;
        }
    }
    let (mut stdin, mut buffer) = (tokio::io::stdin(), [0; 64]);
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(true),
            _ = asked.recv() => usage::report(),
            count = stdin.read(&mut buffer) => if matches!(count, Ok(0) | Err(_)) {
                return Ok(true);
            },
        }
    }
}

/// For the commands that dial: their options and the one address.
fn parse_target(command: &str, args: &[String], known: &[&str]) -> (Options, Multiaddr) {
    let (options, positionals) = parse(args, known);
    match &positionals[..] {
        [target] => (options, address(target)),
        _ => fail(format!("usage: run {command} ADDRESS [options]")),
    }
}

async fn dial(args: &[String]) -> Result<bool, Box<dyn Error>> {
    let (options, target) = parse_target("dial", args, &DIAL_OPTIONS);
    let steps = steps::choose(options.get("steps"));
    let node = node::Node::start(&options, None)?;
    Ok(steps::Dialer::new(node, target, &options).run(steps).await)
}

async fn bench(command: &str, args: &[String]) -> Result<bool, Box<dyn Error>> {
    let (options, target) = parse_target(command, args, &BENCH_OPTIONS);
    match command {
        "perf" => bench::perf(&options, target).await?,
        "connect-loop" => bench::connect_loop(&options, target).await?,
        _ => bench::idle(&options, target).await?,
    }
    Ok(true)
}

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let done = match args.first().map(String::as_str) {
        Some("listen") => listen(&args[1..]).await,
        Some("dial") => dial(&args[1..]).await,
        Some(command @ ("perf" | "connect-loop" | "idle")) => bench(command, &args[1..]).await,
        _ => fail("usage: run listen|dial|perf|connect-loop|idle [options]"),
    };
    // Not by returning: the thread that waits for stdin would hold us up.
    exit(match done {
        Ok(true) => 0,
        Ok(false) => 1,
        Err(error) => {
            eprintln!("peer-rust: {}", node::describe(error.as_ref()));
            1
        }
    })
}
