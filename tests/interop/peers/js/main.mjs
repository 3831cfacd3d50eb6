// SPDX-License-Identifier: LGPL-2.1-or-later

// The js peer of the interop tests: js-libp2p as the others meet it in the
// wild, behind the command line described in ../README.md.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { parseArgs } from 'node:util'
import { noise } from '@chainsafe/libp2p-noise'
import { quic } from '@chainsafe/libp2p-quic'
import { yamux } from '@chainsafe/libp2p-yamux'
import { generateKeyPair, generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import { mplex } from '@libp2p/mplex'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { webSockets } from '@libp2p/websockets'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { connectLoop, idle, perf, reportUsage } from './bench.mjs'
import { MANY, serve } from './protocols.mjs'
import { chooseSteps, runSteps } from './steps.mjs'

const stacks = {
  transport: { tcp: () => tcp(), 'quic-v1': () => quic(), ws: () => webSockets(), wss: secureWebSockets },
  security: { noise: () => noise(), tls: () => tls() },
  muxer: {
    yamux: () => yamux({ maxInboundStreams: MANY, maxOutboundStreams: MANY }),
    mplex: () => mplex({ disconnectThreshold: MANY })
  }
}

const commonOptions = {
  transport: { type: 'string', default: 'tcp' },
  security: { type: 'string', default: 'noise' },
  muxer: { type: 'string', default: 'yamux' },
  'key-seed': { type: 'string' },
  'tls-certificate': { type: 'string' },
  'tls-key': { type: 'string' },
  'tls-trust': { type: 'string' }
}

// Ends the program for mistakes of the caller: exit status 2.
function fail (message) {
  console.error(`peer-js: ${message}`)
  process.exit(2)
}

function parse (args, options, positionals) {
  try {
    const parsed = parseArgs({ args, options: { ...commonOptions, ...options }, allowPositionals: true })
    if (parsed.positionals.length !== positionals.length) {
      throw new Error(`expected the arguments [${positionals}], got [${parsed.positionals}]`)
    }
    for (const [kind, choices] of Object.entries(stacks)) {
      const unknown = parsed.values[kind].split(',').find(name => choices[name] == null)
      if (unknown != null) {
        throw new Error(`${kind} "${unknown}" is not supported, use ${Object.keys(choices).join(' or ')}`)
      }
    }
    return parsed
  } catch (error) {
    fail(error.message)
  }
}

// Every peer program derives the same Ed25519 key from the same seed.
async function identity (seed) {
  if (seed == null) {
    return generateKeyPair('Ed25519')
  }
  return generateKeyPairFromSeed('Ed25519', createHash('sha256').update(`lp2p-peer-key-seed:${seed}`).digest())
}

function version () {
  const file = new URL('./node_modules/libp2p/package.json', import.meta.url)
  return JSON.parse(readFileSync(file, 'utf8')).version
}

// The WebSocket of node takes what all of node trusts.
function secureWebSockets (values) {
  if (values['tls-trust'] != null) {
    setDefaultCACertificates([...getCACertificates(), readFileSync(values['tls-trust'], 'utf8')])
  }
  if (values['tls-certificate'] == null) {
    return webSockets()
  }
  return webSockets({ https: { cert: readFileSync(values['tls-certificate']), key: readFileSync(values['tls-key']) } })
}

// What an option of the stack names, the preferred one first.
function chosen (values, kind) {
  return values[kind].split(',').map(name => stacks[kind][name](values))
}

async function newNode (values, listen) {
  return createLibp2p({
    privateKey: await identity(values['key-seed']),
    nodeInfo: { userAgent: `lp2p-peer-js js-libp2p/${version()}` },
    addresses: { listen },
    transports: chosen(values, 'transport'),
    connectionEncrypters: chosen(values, 'security'),
    streamMuxers: chosen(values, 'muxer'),
    services: { identify: identify(), ping: ping() },
    // It pings as well, and takes an answer that is late on a busy machine for a lost connection.
    connectionMonitor: { enabled: false },
    // Loopback addresses would be refused, and peers that connect often delayed.
    connectionGater: { denyDialMultiaddr: () => false },
    connectionManager: { inboundConnectionThreshold: Infinity, maxIncomingPendingConnections: MANY }
  })
}

async function listen (args) {
  const { values } = parse(args, { address: { type: 'string', default: '/ip4/127.0.0.1/tcp/0' } }, [])
  // Before anybody knows of us; node would start its debugger.
  process.on('SIGUSR1', reportUsage)
  const node = await newNode(values, [values.address])
  await serve(node)
  console.log(node.getMultiaddrs()[0].toString())

  await new Promise(resolve => {
    process.once('SIGTERM', resolve)
    process.once('SIGINT', resolve)
    process.stdin.once('close', resolve).once('end', resolve).resume()
  })
  await node.stop()
}

async function dial (args) {
  const { values, positionals } = parse(args, {
    'upload-bytes': { type: 'string', default: '8388608' },
    streams: { type: 'string', default: '1000' },
    parallel: { type: 'string', default: '256' },
    steps: { type: 'string' }
  }, ['ADDRESS'])
  let steps, address
  try {
    steps = chooseSteps(values.steps)
    address = multiaddr(positionals[0])
  } catch (error) {
    fail(error.message)
  }
  const node = await newNode(values, [])
  const allOk = await runSteps(steps, {
    node,
    address,
    uploadBytes: Number(values['upload-bytes']),
    streams: Number(values.streams),
    parallel: Number(values.parallel)
  })
  await node.stop()
  return allOk ? 0 : 1
}

// Its nodes end with the program.
async function bench (run, args) {
  const defaults = { upload: 0, download: 0, count: 100, parallel: 1 }
  const options = Object.entries(defaults).map(([name, value]) => [name, { type: 'string', default: `${value}` }])
  const { values, positionals } = parse(args, Object.fromEntries(options), ['ADDRESS'])
  const numbers = Object.keys(defaults).map(name => [name, Number(values[name])])
  await run(() => newNode(values, []), multiaddr(positionals[0]), Object.fromEntries(numbers))
}

const benches = { perf, 'connect-loop': connectLoop, idle }
const commands = { listen, dial }
for (const [name, run] of Object.entries(benches)) {
  commands[name] = args => bench(run, args)
}
const command = commands[process.argv[2]]
if (command == null) {
  fail(`usage: run ${Object.keys(commands).join('|')} [options]`)
}
try {
  process.exit(await command(process.argv.slice(3)) ?? 0)
} catch (error) {
  console.error(error)
  process.exit(1)
}
