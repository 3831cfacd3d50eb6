/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/lp2p-observed-private.h"

#include <lp2p/net/lp2p-tcp-hub.h>

/* More than a host behind several routers can have; a liar gets no further. */
#define MAX_SIGHTINGS 512

struct _Lp2pObserved
{
  /* Of Sighting, one for each connection. */
  GPtrArray *sightings;
};

typedef struct
{
  Lp2pConnection *connection;
  char *socket_id;
  Lp2pMultiaddr *address;
} Sighting;

typedef struct
{
  Lp2pMultiaddr *address;
  guint seen;
} Count;

static void
sighting_free (gpointer pointer)
{
  Sighting *sighting = pointer;

  lp2p_multiaddr_unref (sighting->address);
  g_free (sighting->socket_id);
  g_free (sighting);
}

Lp2pObserved *
lp2p_observed_new (void)
{
  Lp2pObserved *self = g_new0 (Lp2pObserved, 1);

  self->sightings = g_ptr_array_new_with_free_func (sighting_free);
  return self;
}

void
lp2p_observed_free (Lp2pObserved *self)
{
  g_ptr_array_unref (self->sightings);
  g_free (self);
}

void
lp2p_observed_remove_connection (Lp2pObserved *self, Lp2pConnection *connection)
{
  for (guint i = self->sightings->len; i > 0; i--)
    if (((Sighting *) g_ptr_array_index (self->sightings, i - 1))->connection == connection)
      g_ptr_array_remove_index_fast (self->sightings, i - 1);
}

/* Its peer sees the proxy. */
static gboolean
is_proxied (Lp2pConnection *connection)
{
  return g_strcmp0 (lp2p_connection_get_socket_id (connection), LP2P_SOCKET_ID_PROXY) == 0;
}

gboolean
lp2p_observed_add (Lp2pObserved *self, Lp2pConnection *connection, Lp2pMultiaddr *address)
{
  Sighting *sighting;
  gboolean known = FALSE;

  lp2p_observed_remove_connection (self, connection);
  if (self->sightings->len >= MAX_SIGHTINGS || is_proxied (connection))
    return FALSE;

  for (guint i = 0; i < self->sightings->len; i++)
    {
      sighting = g_ptr_array_index (self->sightings, i);
      known |= lp2p_multiaddr_equal (sighting->address, address);
    }
  sighting = g_new0 (Sighting, 1);
  sighting->connection = connection;
  sighting->socket_id = g_strdup (lp2p_connection_get_socket_id (connection));
  sighting->address = lp2p_multiaddr_ref (address);
  g_ptr_array_add (self->sightings, sighting);
  return !known;
}

static int
compare_counts (gconstpointer a, gconstpointer b)
{
  return (int) ((const Count *) b)->seen - (int) ((const Count *) a)->seen;
}

static void
count_address (GArray *counts, Lp2pMultiaddr *address)
{
  Count count = { address, 1 };

  for (guint i = 0; i < counts->len; i++)
    {
      Count *known = &g_array_index (counts, Count, i);

      if (lp2p_multiaddr_equal (known->address, address))
        {
          known->seen++;
          return;
        }
    }
  g_array_append_val (counts, count);
}

GPtrArray *
lp2p_observed_dup (Lp2pObserved *self, const char *socket_id)
{
  GPtrArray *addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);
  g_autoptr (GArray) counts = g_array_new (FALSE, FALSE, sizeof (Count));

  for (guint i = 0; i < self->sightings->len; i++)
    {
      Sighting *sighting = g_ptr_array_index (self->sightings, i);

      if (socket_id == NULL || g_strcmp0 (sighting->socket_id, socket_id) == 0)
        count_address (counts, sighting->address);
    }
  g_array_sort (counts, compare_counts);
  for (guint i = 0; i < counts->len; i++)
    g_ptr_array_add (addresses, lp2p_multiaddr_ref (g_array_index (counts, Count, i).address));
  return addresses;
}
