/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/lp2p-dial-hint-private.h"

#define PLUGIN "host"
#define KEY "dial"
#define FORMAT "(sssb)"

/* People change what they run every few weeks; a hint that is wrong costs one
 * connection. */
#define LIFETIME_S (30 * 24 * 60 * 60)
/* A connection that was lost by chance looks as if the peer took nothing ahead, and
 * asking costs a round trip each time. */
#define WAITS_LIFETIME_S (24 * 60 * 60)

void
lp2p_dial_hint_clear (Lp2pDialHint *self)
{
  g_clear_pointer (&self->security, g_free);
  g_clear_pointer (&self->muxer, g_free);
  g_clear_pointer (&self->address, g_free);
}

/* The store may be a file that somebody else wrote. */
void
lp2p_dial_hint_decode (Lp2pDialHint *self, GBytes *bytes)
{
  g_autoptr (GVariant) variant =
      g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE (FORMAT), bytes, FALSE));

  *self = (Lp2pDialHint){ NULL };
  if (g_variant_is_normal_form (variant))
    g_variant_get (variant, FORMAT, &self->security, &self->muxer, &self->address, &self->waits);
}

GBytes *
lp2p_dial_hint_encode (const Lp2pDialHint *self)
{
  g_autoptr (GVariant) variant = g_variant_ref_sink (
      g_variant_new (FORMAT, self->security, self->muxer, self->address, self->waits));

  return g_variant_get_data_as_bytes (variant);
}

void
lp2p_dial_hint_load (Lp2pDialHint *self, Lp2pContext *context, Lp2pPeerId *peer)
{
  g_autoptr (GBytes) bytes = lp2p_context_get_peer_data (context, peer, PLUGIN, KEY);

  *self = (Lp2pDialHint){ NULL };
  if (bytes != NULL)
    lp2p_dial_hint_decode (self, bytes);
}

void
lp2p_dial_hint_store (const Lp2pDialHint *self, Lp2pContext *context, Lp2pPeerId *peer)
{
  g_autoptr (GBytes) bytes = lp2p_dial_hint_encode (self);
  g_autoptr (GBytes) before = lp2p_context_get_peer_data (context, peer, PLUGIN, KEY);

  if (before == NULL || !g_bytes_equal (before, bytes))
    lp2p_context_set_peer_data (context, peer, PLUGIN, KEY, bytes, self->waits ? WAITS_LIFETIME_S : LIFETIME_S,
                                LP2P_PEER_DATA_PERSISTENT);
}

void
lp2p_dial_hint_forget (Lp2pContext *context, Lp2pPeerId *peer)
{
  lp2p_context_set_peer_data (context, peer, PLUGIN, KEY, NULL, 0, LP2P_PEER_DATA_NONE);
}
