/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/codec/lp2p-codec-error.h>

G_BEGIN_DECLS

/**
 * LP2P_MULTISTREAM_MAX_MESSAGE:
 *
 * The most bytes a message may have, newline included, length prefix not.
 *
 * Since: 1.0
 */
#define LP2P_MULTISTREAM_MAX_MESSAGE 1024

/**
 * LP2P_MULTISTREAM_MAX_PROPOSALS:
 *
 * How many protocols a dialer may propose before a listener gives up.
 *
 * Since: 1.0
 */
#define LP2P_MULTISTREAM_MAX_PROPOSALS 64

/**
 * Lp2pMultistreamStatus:
 * @LP2P_MULTISTREAM_MORE: the negotiation needs more input
 * @LP2P_MULTISTREAM_DONE: a protocol is agreed
 * @LP2P_MULTISTREAM_FAILED: the negotiation has failed for good
 *
 * Where a negotiation stands.
 *
 * Since: 1.0
 */
typedef enum
{
  LP2P_MULTISTREAM_MORE,
  LP2P_MULTISTREAM_DONE,
  LP2P_MULTISTREAM_FAILED,
} Lp2pMultistreamStatus;

typedef struct _Lp2pMultistream Lp2pMultistream;

/**
 * Lp2pMultistreamMatch:
 * @protocol: what the dialer proposes
 * @data: user data
 *
 * Says whether a listener accepts a protocol. It must not free the negotiation
 * that calls it.
 *
 * Returns: %TRUE to accept it
 *
 * Since: 1.0
 */
typedef gboolean (*Lp2pMultistreamMatch) (const char *protocol, gpointer data);

LP2P_AVAILABLE_IN_1_0
gboolean lp2p_multistream_is_protocol_name (const char *name);

LP2P_AVAILABLE_IN_1_0
Lp2pMultistream *lp2p_multistream_new_dialer (const char *const *protocols);
LP2P_AVAILABLE_IN_1_0
Lp2pMultistream *lp2p_multistream_new_listener (Lp2pMultistreamMatch match, gpointer data);
LP2P_AVAILABLE_IN_1_0
void lp2p_multistream_free (Lp2pMultistream *self);

LP2P_AVAILABLE_IN_1_0
Lp2pMultistreamStatus lp2p_multistream_input (Lp2pMultistream *self,
                                              const guint8 *data,
                                              gsize len,
                                              gsize *consumed,
                                              GError **error);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_multistream_take_output (Lp2pMultistream *self, GByteArray *out);

LP2P_AVAILABLE_IN_1_0
Lp2pMultistreamStatus lp2p_multistream_get_status (Lp2pMultistream *self);
LP2P_AVAILABLE_IN_1_0
const char *lp2p_multistream_get_protocol (Lp2pMultistream *self);
LP2P_AVAILABLE_IN_1_0
const char *lp2p_multistream_get_proposed (Lp2pMultistream *self);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_multistream_can_send_early (Lp2pMultistream *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pMultistream, lp2p_multistream_free)

G_END_DECLS
