// SPDX-License-Identifier: LGPL-2.1-or-later

// What node has everywhere.
export { Buffer } from 'buffer'
