/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-macros.h>

G_BEGIN_DECLS

#define LP2P_TYPES_ERROR (lp2p_types_error_quark ())

/**
 * Lp2pTypesError:
 * @LP2P_TYPES_ERROR_INVALID_MULTIADDR: a multiaddr is malformed
 * @LP2P_TYPES_ERROR_INVALID_MULTIHASH: a multihash, or a multibase or base58
 *   text, is malformed
 * @LP2P_TYPES_ERROR_INVALID_PEER_ID: a peer id is malformed
 * @LP2P_TYPES_ERROR_INVALID_KEY: a public or private key is malformed
 * @LP2P_TYPES_ERROR_INVALID_ENVELOPE: a signed envelope is malformed
 * @LP2P_TYPES_ERROR_INVALID_RECORD: a peer record is malformed
 * @LP2P_TYPES_ERROR_INVALID_SIGNATURE: a signature does not verify
 * @LP2P_TYPES_ERROR_INVALID_CONFIG: a configuration file or option is invalid
 * @LP2P_TYPES_ERROR_TRUNCATED: the input ends too early
 * @LP2P_TYPES_ERROR_UNSUPPORTED: the input is valid, but of a kind that this
 *   library does not know
 * @LP2P_TYPES_ERROR_INVALID_TICKET: a ticket is malformed
 * @LP2P_TYPES_ERROR_EXPIRED: what is signed was valid once
 * @LP2P_TYPES_ERROR_NOT_YET_VALID: what is signed was made in the future
 *
 * Errors of the basic types.
 */
typedef enum
{
  LP2P_TYPES_ERROR_INVALID_MULTIADDR,
  LP2P_TYPES_ERROR_INVALID_MULTIHASH,
  LP2P_TYPES_ERROR_INVALID_PEER_ID,
  LP2P_TYPES_ERROR_INVALID_KEY,
  LP2P_TYPES_ERROR_INVALID_ENVELOPE,
  LP2P_TYPES_ERROR_INVALID_RECORD,
  LP2P_TYPES_ERROR_INVALID_SIGNATURE,
  LP2P_TYPES_ERROR_INVALID_CONFIG,
  LP2P_TYPES_ERROR_TRUNCATED,
  LP2P_TYPES_ERROR_UNSUPPORTED,
  LP2P_TYPES_ERROR_INVALID_TICKET,
  LP2P_TYPES_ERROR_EXPIRED,
  LP2P_TYPES_ERROR_NOT_YET_VALID,
} Lp2pTypesError;

LP2P_AVAILABLE_IN_1_0
GQuark lp2p_types_error_quark (void);

G_END_DECLS
