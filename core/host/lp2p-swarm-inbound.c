/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Inbound connections in their handshake: those that the host upgrades, and those of
 * transports that do without it. */

#include "host/lp2p-swarm-private.h"

#include "net/lp2p-tcp-hub-private.h"
#include "types/lp2p-i18n-private.h"

struct _Lp2pHandshake
{
  Lp2pHalfOpenEntry half_open;
  Lp2pSwarm *swarm;
  Lp2pMultiaddr *address;
  Lp2pHandshakeGiveUp give_up;
  gpointer user_data;
};

/* One of the host's own. */
typedef struct
{
  Lp2pHandshake handshake;
  GCancellable *cancellable;
} Inbound;

/* It is counted in the limits before that. */
static void
handshake_init (Lp2pHandshake *self, Lp2pSwarm *swarm, Lp2pMultiaddr *address, Lp2pHandshakeGiveUp give_up, gpointer user_data)
{
  self->swarm = g_object_ref (swarm);
  self->address = lp2p_multiaddr_ref (address);
  self->give_up = give_up;
  self->user_data = user_data;
  lp2p_half_open_add (&swarm->half_open, &self->half_open, address);
}

static void
handshake_uncount (Lp2pHandshake *self)
{
  if (self->half_open.group == NULL)
    return;
  lp2p_half_open_remove (&self->swarm->half_open, &self->half_open);
  lp2p_limits_end_handshake (self->swarm->limits, self->address);
}

static void
handshake_clear (Lp2pHandshake *self)
{
  handshake_uncount (self);
  lp2p_multiaddr_unref (self->address);
  g_object_unref (self->swarm);
}

/* It ends by itself; what it takes until then counts no longer. */
static void
handshake_give_up (Lp2pHandshake *self)
{
  handshake_uncount (self);
  self->give_up (self->user_data);
}

void
lp2p_swarm_drop_inbounds (Lp2pSwarm *self)
{
  Lp2pHalfOpenEntry *entry;

  while ((entry = lp2p_half_open_choose (&self->half_open)) != NULL)
    handshake_give_up ((Lp2pHandshake *) entry);
}

/* Admission */

/* A handshake goes, one of the same IP where that has too many: whoever is slow on
 * purpose must not keep others out until the deadline. One that is meant takes a few
 * round trips. */
static gboolean
make_room (Lp2pSwarm *self, Lp2pMultiaddr *address)
{
  Lp2pHandshake *handshake;

  if (!lp2p_limits_check_address (self->limits, address, NULL))
    return FALSE;
  if (lp2p_limits_has_place (self->limits, address))
    handshake = (Lp2pHandshake *) lp2p_half_open_choose (&self->half_open);
  else
    handshake = (Lp2pHandshake *) lp2p_half_open_choose_of_ip (&self->half_open, address);
  if (handshake == NULL)
    return FALSE;
  g_debug ("The handshake with %s makes room for one with %s", lp2p_multiaddr_get_string (handshake->address),
           lp2p_multiaddr_get_string (address));
  handshake_give_up (handshake);
  return TRUE;
}

static gboolean
count_handshake (Lp2pSwarm *self, Lp2pMultiaddr *remote_address, GError **error)
{
  g_autoptr (GError) reason = NULL;

  if (lp2p_limits_begin_handshake (self->limits, remote_address, &reason))
    return TRUE;
  if (make_room (self, remote_address))
    return lp2p_limits_begin_handshake (self->limits, remote_address, error);
  g_propagate_error (error, g_steal_pointer (&reason));
  return FALSE;
}

gboolean
lp2p_swarm_begin_inbound (Lp2pSwarm *self, Lp2pMultiaddr *remote_address, GError **error)
{
  if (!lp2p_swarm_check_open (self, error))
    return FALSE;
  if (self->gater != NULL && !lp2p_gater_allow_accept (self->gater, remote_address))
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_REFUSED_BY_GATER, _("The application refuses connections from %s"),
                   lp2p_multiaddr_get_string (remote_address));
      return FALSE;
    }
  return count_handshake (self, remote_address, error);
}

/* Those of transports */

static Lp2pHandshake *
handshake_new (Lp2pSwarm *swarm, Lp2pMultiaddr *address, Lp2pHandshakeGiveUp give_up, gpointer user_data)
{
  Lp2pHandshake *self = g_new0 (Lp2pHandshake, 1);

  handshake_init (self, swarm, address, give_up, user_data);
  return self;
}

Lp2pHandshake *
lp2p_swarm_begin_handshake (Lp2pSwarm *self, Lp2pMultiaddr *remote_address, Lp2pHandshakeGiveUp give_up, gpointer user_data, GError **error)
{
  return lp2p_swarm_begin_inbound (self, remote_address, error) ? handshake_new (self, remote_address, give_up, user_data)
                                                                : NULL;
}

void
lp2p_swarm_advance_handshake (Lp2pSwarm *self, Lp2pHandshake *handshake)
{
  lp2p_half_open_advance (&self->half_open, &handshake->half_open);
}

void
lp2p_swarm_end_handshake (Lp2pSwarm *self, Lp2pHandshake *handshake)
{
  handshake_clear (handshake);
  g_free (handshake);
}

/* The limits count it on, for the one that is offered next. */
gboolean
lp2p_swarm_pass_on_handshake (Lp2pSwarm *self, Lp2pHandshake *handshake)
{
  gboolean counted = handshake->half_open.group != NULL;

  lp2p_half_open_remove (&self->half_open, &handshake->half_open);
  lp2p_swarm_end_handshake (self, handshake);
  return counted;
}

/* Those on a TCP port that transports share: silent ones count as what they are, and give
 * way as handshakes do. Whoever takes them begins anew, and asks the gater. */

static gpointer
begin_place (Lp2pMultiaddr *remote_address, void (*give_up) (gpointer waiting), gpointer waiting, gpointer swarm, GError **error)
{
  return lp2p_swarm_check_open (swarm, error) && count_handshake (swarm, remote_address, error)
             ? handshake_new (swarm, remote_address, give_up, waiting)
             : NULL;
}

static void
end_place (gpointer place)
{
  lp2p_swarm_end_handshake (((Lp2pHandshake *) place)->swarm, place);
}

void
lp2p_swarm_count_shared_ports (Lp2pSwarm *self)
{
  self->tcp_hub->places = (Lp2pTcpPlaces){ begin_place, end_place, self };
}

/* Those of the host */

static void
inbound_give_up (gpointer user_data)
{
  Inbound *self = user_data;

  g_cancellable_cancel (self->cancellable);
}

static Inbound *
inbound_new (Lp2pSwarm *swarm, Lp2pMultiaddr *address)
{
  Inbound *self = g_new0 (Inbound, 1);

  handshake_init (&self->handshake, swarm, address, inbound_give_up, self);
  self->cancellable = g_cancellable_new ();
  return self;
}

static void
inbound_free (Inbound *self)
{
  handshake_clear (&self->handshake);
  g_object_unref (self->cancellable);
  g_free (self);
}

static void
on_inbound_agreed (gpointer user_data)
{
  Lp2pHandshake *handshake = user_data;

  lp2p_swarm_advance_handshake (handshake->swarm, handshake);
}

static void
on_inbound_upgraded (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Inbound *inbound = user_data;
  g_autoptr (Lp2pSwarm) self = g_object_ref (inbound->handshake.swarm);
  g_autoptr (GError) error = NULL;
  Lp2pRawConnection *raw = lp2p_upgrade_finish (result, NULL, &error);

  if (raw == NULL)
    g_debug ("An inbound connection from %s came to nothing: %s",
             lp2p_multiaddr_get_string (inbound->handshake.address), error->message);
  inbound_free (inbound);
  if (raw != NULL)
    lp2p_swarm_add_connection (self, raw, NULL, NULL);
}

/* What was begun stays half open until the handshake is over. */
void
lp2p_swarm_offer_inbound (Lp2pSwarm *self, Lp2pRawConnection *raw)
{
  Inbound *inbound;

  if (raw->session != NULL)
    {
      lp2p_swarm_add_connection (self, raw, NULL, NULL);
      return;
    }
  inbound = inbound_new (self, raw->remote_address);
  if (self->closed)
    handshake_give_up (&inbound->handshake);
  lp2p_swarm_upgrade_raw (self, raw, NULL, NULL, on_inbound_agreed, inbound->cancellable, on_inbound_upgraded, inbound);
}
