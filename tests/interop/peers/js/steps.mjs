// SPDX-License-Identifier: LGPL-2.1-or-later
import { createHash, randomBytes } from 'node:crypto'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { DOWNLOAD, ECHO, HALF_CLOSE, MANY, PING, RESET, UPLOAD, channel, describe, pattern, readAll } from './protocols.mjs'

const STEP_DEADLINE_MS = 30000

function check (condition, message) {
  if (!condition) {
    throw new Error(message)
  }
}

async function open (t, id) {
  const stream = await t.connection.newStream(id, { signal: t.signal, maxOutboundStreams: MANY })
  return { stream, io: channel(stream, t.signal) }
}

function transportOf (protocols) {
  if (protocols.includes('quic-v1')) {
    return 'quic-v1'
  }
  if (protocols.includes('wss') || (protocols.includes('ws') && protocols.includes('tls'))) {
    return 'wss'
  }
  return protocols.includes('ws') ? 'ws' : 'tcp'
}

async function connect (t) {
  t.identified = Promise.withResolvers()
  t.node.addEventListener('peer:identify', event => t.identified.resolve(event.detail), { once: true })
  t.connection = await t.node.dial(t.address, { signal: t.signal })
  // The transport that has streams of its own names itself there.
  t.quic = t.connection.multiplexer === 'quic'
  return {
    peer: t.connection.remotePeer.toString(),
    transport: transportOf(t.address.getComponents().map(component => component.name)),
    security: t.quic ? null : t.connection.encryption,
    muxer: t.quic ? null : t.connection.multiplexer
  }
}

async function identify (t) {
  const { agentVersion, protocols, observedAddr, signedPeerRecord } = await t.identified.promise
  for (const id of [PING, ECHO]) {
    check(protocols.includes(id), `the peer's protocols ${protocols} lack ${id}`)
  }
  check(observedAddr != null, 'the peer sent no observed address')
  return { agentVersion, protocols, observedAddr: observedAddr.toString(), signedRecord: signedPeerRecord != null }
}

async function pings (t, count) {
  const { stream, io } = await open(t, PING)
  for (let i = 0; i < count; i++) {
    const sent = randomBytes(32)
    await io.write(sent)
    check(sent.equals(Buffer.from(await io.exactly(32))), `ping ${i}: the echo differs`)
  }
  await stream.close({ signal: t.signal })
}

async function ping (t) {
  await pings(t, 100)
  return { roundTrips: 100 }
}

async function upload (t) {
  const { stream, io } = await open(t, UPLOAD)
  const hash = createHash('sha256')
  for (const chunk of pattern(t.uploadBytes)) {
    hash.update(chunk)
    await io.write(chunk)
  }
  await stream.close({ signal: t.signal })
  const answer = await readAll(io)
  check(answer.equals(hash.digest()), `the peer's hash ${answer.toString('hex')} differs from ours`)
  return { bytes: t.uploadBytes }
}

async function download (t) {
  const { stream, io } = await open(t, DOWNLOAD)
  const count = Buffer.alloc(8)
  count.writeBigUInt64BE(BigInt(t.uploadBytes))
  await io.write(count)
  const got = await readAll(io)
  await stream.close({ signal: t.signal })
  check(got.length === t.uploadBytes + 32, `got ${got.length} bytes, expected ${t.uploadBytes} and a hash`)
  const data = got.subarray(0, t.uploadBytes)
  check(data.equals(Buffer.concat([...pattern(t.uploadBytes)])), 'the data differs from the pattern')
  check(createHash('sha256').update(data).digest().equals(got.subarray(t.uploadBytes)), "the peer's hash differs from ours")
  return { bytes: t.uploadBytes }
}

async function echoOnce (t) {
  const { stream, io } = await open(t, ECHO)
  const data = randomBytes(1024)
  await io.write(data)
  await stream.close({ signal: t.signal })
  const got = await readAll(io)
  check(got.equals(data), `the echo of ${data.length} bytes differs (got ${got.length})`)
}

async function streams (t) {
  let started = 0
  async function worker () {
    while (started < t.streams) {
      const index = started++
      try {
        await echoOnce(t)
      } catch (error) {
        throw new Error(`stream ${index}: ${describe(error)}`)
      }
    }
  }
  await Promise.all(Array.from({ length: t.parallel }, worker))
  return { streams: t.streams, parallel: t.parallel }
}

async function halfClose (t) {
  const { stream, io } = await open(t, HALF_CLOSE)
  const got = await readAll(io)
  check(got.length === 0, `expected only the end of the peer's side, got ${got.length} bytes`)
  await io.write(Buffer.alloc(1000))
  await stream.close({ signal: t.signal })
  await pings(t, 1)
  return { bytes: 1000 }
}

// QUIC streams of the library show a reset to readers as an end of file. Only
// writing tells the two apart: after a clean end it still works, after a reset
// it fails.
async function reset (t) {
  const { stream, io } = await open(t, RESET)
  await io.write(Buffer.of(1))
  let streamError
  try {
    await readAll(io)
    if (t.quic) {
      // Behind an echo the peer's wish to read no more has come, too.
      await echoOnce(t)
      await io.write(Buffer.of(1))
    }
  } catch (error) {
    t.signal.throwIfAborted()
    streamError = describe(error)
  }
  check(streamError != null, 'the stream ended cleanly instead of being reset')
  await pings(t, 1)
  return { streamError }
}

async function wrongPeer (t) {
  const wrong = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
  const address = t.address.decapsulate('/p2p').encapsulate(`/p2p/${wrong}`)
  let refusal
  try {
    await t.node.dial(address, { signal: t.signal })
  } catch (error) {
    t.signal.throwIfAborted()
    refusal = [error, ...error.errors ?? []].map(e => `${e.name}: ${e.message}`).join('; ')
  }
  check(refusal != null, 'the connection to a wrong peer id was accepted')
  return { refusal }
}

const allSteps = {
  connect,
  identify,
  ping,
  upload,
  download,
  streams,
  'half-close': halfClose,
  reset,
  'wrong-peer': wrongPeer
}

// Keeps the order of the list above; connect is always among them.
export function chooseSteps (list) {
  const names = list?.split(',') ?? Object.keys(allSteps)
  const unknown = names.find(name => allSteps[name] == null)
  check(unknown == null, `unknown step "${unknown}"`)
  return Object.entries(allSteps).filter(([name]) => name === 'connect' || names.includes(name))
}

async function runStep (run, t) {
  t.signal = AbortSignal.timeout(STEP_DEADLINE_MS)
  const expired = new Promise((resolve, reject) => {
    t.signal.addEventListener('abort', () => reject(t.signal.reason))
  })
  return Promise.race([run(t), expired])
}

// Prints one JSON object per step, or reports it elsewhere. What cannot be tried without
// a connection is reported as failed too, so that every step has its line.
export async function runSteps (steps, t) {
  const report = t.report ?? console.log
  let allOk = true
  for (const [step, run] of steps) {
    const start = performance.now()
    const line = { step, ok: false, ms: 0, error: null, detail: null }
    try {
      check(step === 'connect' || t.connection != null, 'skipped: not connected')
      line.detail = await runStep(run, t)
      line.ok = true
    } catch (error) {
      line.error = describe(error)
      allOk = false
    }
    line.ms = Math.round((performance.now() - start) * 1000) / 1000
    await report(JSON.stringify(line))
  }
  return allOk
}
