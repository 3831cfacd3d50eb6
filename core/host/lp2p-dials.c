/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/lp2p-swarm-private.h"

#include "types/lp2p-i18n-private.h"

#define PLUGIN "host"
#define NEAR_KEY "near"
/* Longer than machines are away over night, shorter than leases of addresses. */
#define NEAR_LIFETIME_S (24 * 60 * 60)

#define SILENT_KEY "silent"
/* Long enough that somebody who dials again and again is not held up each time. */
#define SILENT_LIFETIME_S (10 * 60)

/* The least is what RFC 8305 calls the minimum of the connection attempt delay; near, a
 * busy machine takes longer than its network. The most is that of RFC 8305, and what is
 * usual with the world for what is near. */
#define PUBLIC_LEAST_US (100 * 1000)
#define PUBLIC_MOST_US (2 * G_USEC_PER_SEC)
#define NEAR_LEAST_US LP2P_DIAL_NEAR_DELAY_US
#define NEAR_MOST_US LP2P_DIAL_PUBLIC_DELAY_US

/* The kernel's list takes as long as a twentieth of a connection. */
#define NETWORKS_AGE_US G_USEC_PER_SEC

static void
forget_network (Lp2pDials *self)
{
  self->udp = self->ip6 = (Lp2pBlackHole) LP2P_BLACK_HOLE_INIT;
  for (guint i = 0; i < 2; i++)
    self->paces[i][0] = self->paces[i][1] = (Lp2pDialPace) LP2P_DIAL_PACE_INIT;
}

Lp2pDials *
lp2p_dials_new (Lp2pSwarm *swarm)
{
  Lp2pDials *self = g_new0 (Lp2pDials, 1);

  self->swarm = swarm;
  self->running = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_dial_unref);
  g_queue_init (&self->starved);
  self->backoff = lp2p_dial_backoff_new ();
  self->guesses = lp2p_dial_guesses_new ();
  self->racing = g_hash_table_new_full (NULL, NULL, NULL, g_object_unref);
  forget_network (self);
  return self;
}

void
lp2p_dials_free (Lp2pDials *self)
{
  g_ptr_array_unref (self->running);
  lp2p_dial_backoff_free (self->backoff);
  g_hash_table_unref (self->guesses);
  g_hash_table_unref (self->racing);
  g_clear_pointer (&self->networks, lp2p_dial_networks_unref);
  g_free (self->network);
  g_free (self);
}

void
lp2p_dials_close (Lp2pDials *self)
{
  while (self->running->len > 0)
    lp2p_dial_fail (g_ptr_array_index (self->running, 0),
                    g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, _("The host is closed")));
}

/* Nearness */

Lp2pDialNetworks *
lp2p_dials_get_networks (Lp2pDials *self)
{
  gint64 now = lp2p_loop_now (self->swarm->loop);

  if (self->networks == NULL || now - self->networks_at >= NETWORKS_AGE_US)
    {
      g_clear_pointer (&self->networks, lp2p_dial_networks_unref);
      self->networks = lp2p_dial_networks_new_from_system ();
      self->networks_at = now;
    }
  return lp2p_dial_networks_ref (self->networks);
}

void
lp2p_dials_get_nearness (Lp2pDials *self, Lp2pPeerId *peer, Lp2pDialFilter *filter)
{
  g_autoptr (GBytes) near = lp2p_context_get_peer_data (LP2P_CONTEXT (self->swarm), peer, PLUGIN, NEAR_KEY);
  const char *text;
  gsize size;

  if (near == NULL)
    return;
  text = g_bytes_get_data (near, &size);
  filter->same_machine = size == 1 && text[0] == 'm';
  filter->same_site = size == 1 && (text[0] == 'm' || text[0] == 's');
}

void
lp2p_dials_connected (Lp2pDials *self, Lp2pConnection *connection)
{
  Lp2pMultiaddr *address = lp2p_connection_get_remote_address (connection);
  gboolean machine = lp2p_multiaddr_is_loopback (address);
  g_autoptr (GBytes) near = NULL;

  if (lp2p_connection_get_limited (connection) || (!machine && !lp2p_multiaddr_is_private (address)))
    return;
  near = g_bytes_new_static (machine ? "m" : "s", 1);
  lp2p_context_set_peer_data (LP2P_CONTEXT (self->swarm), lp2p_connection_get_remote_peer (connection), PLUGIN, NEAR_KEY,
                              near, NEAR_LIFETIME_S, LP2P_PEER_DATA_NONE);
}

/* The network */

void
lp2p_dials_check_network (Lp2pDials *self)
{
  const char *network = lp2p_peer_store_get_network (self->swarm->peers);

  if (g_strcmp0 (network, self->network) == 0)
    return;
  forget_network (self);
  g_free (self->network);
  self->network = g_strdup (network);
}

gboolean
lp2p_dials_get_silent (Lp2pDials *self, Lp2pPeerId *peer)
{
  g_autoptr (GBytes) silent = lp2p_context_get_peer_data (LP2P_CONTEXT (self->swarm), peer, PLUGIN, SILENT_KEY);

  return silent != NULL;
}

void
lp2p_dials_set_silent (Lp2pDials *self, Lp2pPeerId *peer, gboolean silent)
{
  g_autoptr (GBytes) bytes = silent ? g_bytes_new_static ("y", 1) : NULL;

  if (silent || lp2p_dials_get_silent (self, peer))
    lp2p_context_set_peer_data (LP2P_CONTEXT (self->swarm), peer, PLUGIN, SILENT_KEY, bytes,
                                silent ? SILENT_LIFETIME_S : 0, LP2P_PEER_DATA_NONE);
}

gint64
lp2p_dials_get_delay (Lp2pDials *self, Lp2pDialScope scope, gboolean udp)
{
  gboolean near = scope <= LP2P_DIAL_SCOPE_LAN;
  const Lp2pDialPace *pace = &self->paces[near][udp];

  return near ? lp2p_dial_pace_get_delay (pace, LP2P_DIAL_NEAR_DELAY_US, NEAR_LEAST_US, NEAR_MOST_US)
              : lp2p_dial_pace_get_delay (pace, LP2P_DIAL_PUBLIC_DELAY_US, PUBLIC_LEAST_US, PUBLIC_MOST_US);
}

void
lp2p_dials_note_time (Lp2pDials *self, Lp2pDialScope scope, gboolean udp, gint64 took)
{
  lp2p_dial_pace_record (&self->paces[scope <= LP2P_DIAL_SCOPE_LAN][udp], took);
}
