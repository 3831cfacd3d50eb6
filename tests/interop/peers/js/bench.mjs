// SPDX-License-Identifier: LGPL-2.1-or-later
import { randomBytes } from 'node:crypto'
import { ECHO, PERF, channel, readAll, zeros } from './protocols.mjs'

// Seconds of CPU time, the user's and the system's.
function cpuSeconds () {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

// What a collection of garbage leaves.
function heapBytes () {
  global.gc()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

// CPU time of reports, most of it for collecting garbage; none of them counts it.
let reporting = 0

export function reportUsage () {
  const cpu = cpuSeconds()
  const rss = process.memoryUsage.rss()
  console.error(`cpu ${(cpu - reporting).toFixed(6)}\nrss ${rss}\nheap ${heapBytes()}`)
  reporting += cpuSeconds() - cpu
}

// One direction of the perf protocol, up to the other side's end.
async function transfer (connection, sent, asked) {
  const start = performance.now()
  const cpu = cpuSeconds()
  const stream = await connection.newStream(PERF)
  const io = channel(stream)
  const count = Buffer.alloc(8)
  count.writeBigUInt64BE(BigInt(asked))
  await io.write(count)
  for (const chunk of zeros(sent)) {
    await io.write(chunk)
  }
  await stream.close()
  let got = 0
  for await (const data of io) {
    got += data.length
  }
  if (got !== asked) {
    throw new Error(`got ${got} bytes, asked for ${asked}`)
  }
  return { bytes: sent + asked, seconds: (performance.now() - start) / 1000, cpuSeconds: cpuSeconds() - cpu }
}

export async function perf (startNode, address, { upload: uploadBytes, download: downloadBytes }) {
  const node = await startNode()
  const connection = await node.dial(address)
  const upload = await transfer(connection, uploadBytes, 0)
  const download = await transfer(connection, 0, downloadBytes)
  console.log(JSON.stringify({ upload, download, rss: process.memoryUsage().rss }))
}

// Has a few bytes echoed.
async function roundTrip (connection) {
  const sent = randomBytes(32)
  const stream = await connection.newStream(ECHO)
  const io = channel(stream)
  await io.write(sent)
  await stream.close()
  if (!sent.equals(await readAll(io))) {
    throw new Error('the echo differs')
  }
}

async function connectAgain (node, address, count) {
  for (let i = 0; i < count; i++) {
    const connection = await node.dial(address)
    await roundTrip(connection)
    await connection.close()
  }
}

export async function connectLoop (startNode, address, { count, parallel }) {
  const nodes = []
  // Starting those that would have nothing to do takes long.
  for (let i = 0; i < Math.min(parallel, count); i++) {
    nodes.push(await startNode())
  }
  const start = performance.now()
  const cpu = cpuSeconds()
  const share = i => Math.floor(count / parallel) + (i < count % parallel ? 1 : 0)
  await Promise.all(nodes.map((node, i) => connectAgain(node, address, share(i))))
  const seconds = (performance.now() - start) / 1000
  console.log(JSON.stringify({
    connections: count, seconds, perSecond: count / seconds, cpuSeconds: cpuSeconds() - cpu
  }))
}

// Keeps connections of as many identities until stdin ends.
export async function idle (startNode, address, { count }) {
  const { rss } = process.memoryUsage()
  const heap = heapBytes()
  for (let i = 0; i < count; i++) {
    const node = await startNode()
    await node.dial(address)
  }
  console.log(JSON.stringify({
    connections: count, rssGrowth: process.memoryUsage.rss() - rss, heapGrowth: heapBytes() - heap
  }))
  for await (const _ of process.stdin) {}
}
