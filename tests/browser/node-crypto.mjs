// SPDX-License-Identifier: LGPL-2.1-or-later

// As much of node's own module as the steps need.
import { sha256 } from '@noble/hashes/sha2.js'
import { Buffer } from 'buffer'

export function createHash () {
  const hash = sha256.create()
  return {
    update (data) {
      hash.update(data)
      return this
    },
    digest: () => Buffer.from(hash.digest())
  }
}

export function randomBytes (size) {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(size)))
}
