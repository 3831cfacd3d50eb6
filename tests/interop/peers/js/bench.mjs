// SPDX-License-Identifier: LGPL-2.1-or-later
import { PERF, channel, zeros } from './protocols.mjs'

// Seconds of CPU time, the user's and the system's.
function cpuSeconds () {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

export function reportUsage () {
  const { rss, heapUsed, external } = process.memoryUsage()
  console.error(`cpu ${cpuSeconds().toFixed(6)}\nrss ${rss}\nheap ${heapUsed + external}`)
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

export async function perf (node, address, uploadBytes, downloadBytes) {
  const connection = await node.dial(address)
  const upload = await transfer(connection, uploadBytes, 0)
  const download = await transfer(connection, 0, downloadBytes)
  console.log(JSON.stringify({ upload, download, rss: process.memoryUsage().rss }))
}
