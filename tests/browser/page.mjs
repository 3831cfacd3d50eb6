// SPDX-License-Identifier: LGPL-2.1-or-later

// js-libp2p as it is in browsers, for the steps that the js peer does in node. The
// query says what to dial; whoever serves the page gets a line for each step.
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { identify } from '@libp2p/identify'
import { ping } from '@libp2p/ping'
import { webSockets } from '@libp2p/websockets'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { MANY } from './protocols.mjs'
import { chooseSteps, runSteps } from './steps.mjs'

function tell (what, text) {
  return fetch(what, { method: 'POST', body: text })
}

async function run (query) {
  const node = await createLibp2p({
    transports: [webSockets()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({ maxInboundStreams: MANY, maxOutboundStreams: MANY })],
    // The library pings as well, from time to time, and gives up a connection where it may not.
    services: { identify: identify(), ping: ping({ maxInboundStreams: MANY, maxOutboundStreams: MANY }) },
    // Loopback addresses, and those without TLS, would be refused.
    connectionGater: { denyDialMultiaddr: () => false }
  })
  await runSteps(chooseSteps(), {
    node,
    address: multiaddr(query.get('address')),
    uploadBytes: Number(query.get('upload-bytes')),
    streams: Number(query.get('streams')),
    parallel: Number(query.get('streams')),
    report: line => tell('/step', line)
  })
  await node.stop()
}

try {
  await run(new URLSearchParams(location.search))
  await tell('/end', '')
} catch (error) {
  await tell('/failed', String(error))
}
