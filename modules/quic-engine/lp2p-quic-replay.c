/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whoever records a client's first packets and sends them again must not have their
 * early data taken twice (RFC 8446 section 8). */

#include "lp2p-quic-replay.h"

#include "lp2p-quic-seen.h"

/* Of what GnuTLS puts before the hash of a first message. */
#define START_SIZE 12

struct _Lp2pQuicReplay
{
  gnutls_anti_replay_t anti_replay; /* to which sessions point */
  GHashTable *ticket_keys;
  Lp2pQuicSeen *seen;
};

/* No ticket that was given holds any more, so that what came with them may be forgotten.
 * Sessions have copies of the keys, and none of them takes another first message early. */
static void
begin_anew (Lp2pQuicReplay *self)
{
  g_hash_table_remove_all (self->ticket_keys);
  lp2p_quic_seen_free (self->seen);
  self->seen = lp2p_quic_seen_new ();
}

/* Behind the time at which GnuTLS began to record: it begins anew now and then, and would
 * take once more what came shortly before. Somebody who sends a lot must not keep the early
 * data of others from being taken for as long as his is remembered. */
int
lp2p_quic_replay_add (gpointer data, time_t expires, const gnutls_datum_t *key, const gnutls_datum_t *value)
{
  Lp2pQuicReplay *self = data;

  if (key->size <= START_SIZE ||
      !lp2p_quic_seen_add (self->seen, key->data + START_SIZE, key->size - START_SIZE,
                           g_get_real_time () / G_USEC_PER_SEC, expires))
    return GNUTLS_E_DB_ENTRY_EXISTS;
  if (lp2p_quic_seen_is_full (self->seen))
    begin_anew (self);
  return 0;
}

gnutls_anti_replay_t
lp2p_quic_replay_get (Lp2pQuicReplay *self)
{
  return self->anti_replay;
}

Lp2pQuicReplay *
lp2p_quic_replay_new (GHashTable *ticket_keys)
{
  Lp2pQuicReplay *self = g_new0 (Lp2pQuicReplay, 1);

  self->ticket_keys = g_hash_table_ref (ticket_keys);
  self->seen = lp2p_quic_seen_new ();
  if (gnutls_anti_replay_init (&self->anti_replay) < 0)
    {
      self->anti_replay = NULL;
      return self;
    }
  gnutls_anti_replay_set_window (self->anti_replay, LP2P_QUIC_REPLAY_WINDOW * 1000);
  gnutls_anti_replay_set_add_function (self->anti_replay, lp2p_quic_replay_add);
  gnutls_anti_replay_set_ptr (self->anti_replay, self);
  return self;
}

void
lp2p_quic_replay_free (Lp2pQuicReplay *self)
{
  if (self->anti_replay != NULL)
    gnutls_anti_replay_deinit (self->anti_replay);
  lp2p_quic_seen_free (self->seen);
  g_hash_table_unref (self->ticket_keys);
  g_free (self);
}
