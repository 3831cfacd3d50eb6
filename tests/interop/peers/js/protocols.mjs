// SPDX-License-Identifier: LGPL-2.1-or-later
import { createHash } from 'node:crypto'
import { byteStream } from '@libp2p/utils'

export const PING = '/ipfs/ping/1.0.0'
export const ECHO = '/lp2p/echo/1.0.0'
export const UPLOAD = '/lp2p/upload/1.0.0'
export const DOWNLOAD = '/lp2p/download/1.0.0'
export const RESET = '/lp2p/reset/1.0.0'
export const HALF_CLOSE = '/lp2p/half-close/1.0.0'

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

// A reader that tells a reset from a clean end in every case: byteStream alone
// reports a reset that arrives between two reads as an end of file.
export function reader (stream, signal) {
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
    async * [Symbol.asyncIterator] () {
      for (let data = await this.read(); data != null; data = await this.read()) {
        yield data
      }
    }
  }
}

export async function readAll (source) {
  const chunks = []
  for await (const chunk of source) {
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

export async function write (stream, data, signal) {
  if (!stream.send(data)) {
    await stream.onDrain({ signal })
  }
}

async function serveEcho (stream) {
  for await (const data of reader(stream)) {
    await write(stream, data)
  }
}

async function serveUpload (stream) {
  const hash = createHash('sha256')
  for await (const data of reader(stream)) {
    hash.update(data)
  }
  await write(stream, hash.digest())
}

async function serveDownload (stream) {
  const count = Buffer.from(await reader(stream).exactly(8)).readBigUInt64BE()
  const hash = createHash('sha256')
  for (const chunk of pattern(Number(count))) {
    hash.update(chunk)
    await write(stream, chunk)
  }
  await write(stream, hash.digest())
}

async function serveReset (stream) {
  await reader(stream).exactly(1)
  stream.abort(new Error('reset as asked'))
}

async function serveHalfClose (stream) {
  const source = reader(stream)
  await stream.close()
  console.error(`half-close ${(await readAll(source)).length}`)
}

// Registers the test protocols. A handler that fails resets its stream, one
// that succeeds closes it.
export async function serve (node) {
  const handlers = {
    [ECHO]: serveEcho,
    [UPLOAD]: serveUpload,
    [DOWNLOAD]: serveDownload,
    [RESET]: serveReset,
    [HALF_CLOSE]: serveHalfClose
  }
  for (const [id, handler] of Object.entries(handlers)) {
    await node.handle(id, async stream => {
      try {
        await handler(stream)
        if (stream.status === 'open') {
          await stream.close()
        }
      } catch (error) {
        console.error(`${id}: ${error.message}`)
        stream.abort(error)
      }
    }, { maxInboundStreams: MANY, maxOutboundStreams: MANY })
  }
}
