// SPDX-License-Identifier: LGPL-2.1-or-later
import { createHash } from 'node:crypto'
import { byteStream } from '@libp2p/utils'

export const PING = '/ipfs/ping/1.0.0'
export const ECHO = '/lp2p/echo/1.0.0'
export const UPLOAD = '/lp2p/upload/1.0.0'
export const DOWNLOAD = '/lp2p/download/1.0.0'
export const RESET = '/lp2p/reset/1.0.0'
export const HALF_CLOSE = '/lp2p/half-close/1.0.0'
export const PERF = '/perf/1.0.0'

// Stream limit where the library's own default would refuse the tests.
export const MANY = 65536

const CHUNK = 65536

// Yields the test pattern in chunks: byte i depends on i alone.
export function * pattern (size) {
  for (let start = 0; start < size; start += CHUNK) {
    const chunk = new Uint8Array(Math.min(CHUNK, size - start))
    for (let k = 0; k < chunk.length; k++) {
      const i = start + k
      chunk[k] = i * 167 + (i >>> 8) * 13 + (i >>> 16)
    }
    yield chunk
  }
}

// What is sent where only the amount counts.
export function * zeros (size) {
  const chunk = new Uint8Array(CHUNK)
  for (let start = 0; start < size; start += CHUNK) {
    yield chunk.subarray(0, Math.min(CHUNK, size - start))
  }
}

// Reads and writes a stream. Two traps of the library are avoided here: its byte
// stream reports a reset that arrives between two reads as an end of file, and
// stream.onDrain() waits only the first time.
export function channel (stream, signal) {
  const bytes = byteStream(stream, { maxBufferSize: Infinity })
  return {
    // Returns null at the end of the stream.
    async read () {
      const data = await bytes.read({ signal })
      if (data == null && (stream.status === 'reset' || stream.status === 'aborted')) {
        throw new Error(`the stream was ${stream.status}`)
      }
      return data?.subarray() ?? null
    },
    async exactly (count) {
      return (await bytes.read({ bytes: count, signal })).subarray()
    },
    async write (data) {
      await bytes.write(data, { signal })
    },
    async * [Symbol.asyncIterator] () {
      for (let data = await this.read(); data != null; data = await this.read()) {
        yield data
      }
    }
  }
}

// Some failures come as the event that told of them.
export function describe (error) {
  return error.message || error.error?.message || String(error.type ?? error)
}

export async function readAll (source) {
  const chunks = []
  for await (const chunk of source) {
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

async function serveEcho (stream, io) {
  for await (const data of io) {
    await io.write(data)
  }
}

async function serveUpload (stream, io) {
  const hash = createHash('sha256')
  for await (const data of io) {
    hash.update(data)
  }
  await io.write(hash.digest())
}

async function serveDownload (stream, io) {
  const count = Buffer.from(await io.exactly(8)).readBigUInt64BE()
  const hash = createHash('sha256')
  for (const chunk of pattern(Number(count))) {
    hash.update(chunk)
    await io.write(chunk)
  }
  await io.write(hash.digest())
}

async function serveReset (stream, io) {
  await io.exactly(1)
  stream.abort(new Error('reset as asked'))
}

async function serveHalfClose (stream, io) {
  await stream.close()
  console.error(`half-close ${(await readAll(io)).length}`)
}

async function servePerf (stream, io) {
  const count = Buffer.from(await io.exactly(8)).readBigUInt64BE()
  while (await io.read() != null) {}
  for (const chunk of zeros(Number(count))) {
    await io.write(chunk)
  }
}

// Registers the test protocols. A handler that fails resets its stream, one
// that succeeds closes it.
export async function serve (node) {
  const handlers = {
    [ECHO]: serveEcho,
    [UPLOAD]: serveUpload,
    [DOWNLOAD]: serveDownload,
    [RESET]: serveReset,
    [HALF_CLOSE]: serveHalfClose,
    [PERF]: servePerf
  }
  for (const [id, handler] of Object.entries(handlers)) {
    await node.handle(id, async stream => {
      try {
        await handler(stream, channel(stream))
        if (stream.status === 'open') {
          await stream.close()
        }
      } catch (error) {
        console.error(`${id}: ${describe(error)}`)
        stream.abort(new Error(describe(error)))
      }
    }, { maxInboundStreams: MANY, maxOutboundStreams: MANY })
  }
}
