/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Early connections of dials. One that resumes a session is handed out before its peer
 * has answered, and that may never happen at this address: so the dial goes on with the
 * others. Where one of them leads to the peer first, or the session ends, the connection
 * and what was sent early go on over the other one. */

#include "host/lp2p-swarm-private.h"
#include "interfaces/lp2p-connection-private.h"
#include "types/lp2p-i18n-private.h"

void
lp2p_dials_add_early (Lp2pDials *self, Lp2pConnection *connection, GCancellable *dial)
{
  lp2p_connection_set_racing (connection, TRUE);
  g_hash_table_insert (self->racing, connection, g_object_ref (dial));
}

void
lp2p_dials_remove_early (Lp2pDials *self, Lp2pConnection *connection)
{
  if (g_hash_table_remove (self->racing, connection))
    lp2p_connection_set_racing (connection, FALSE);
}

Lp2pConnection *
lp2p_dials_find_early (Lp2pDials *self, GCancellable *dial)
{
  GHashTableIter iter;
  gpointer connection;
  gpointer of;

  g_hash_table_iter_init (&iter, self->racing);
  while (g_hash_table_iter_next (&iter, &connection, &of))
    if (of == dial && lp2p_connection_may_resume (connection))
      return g_object_ref (connection);
  return NULL;
}

void
lp2p_dials_end_race (Lp2pDials *self, GCancellable *dial, const GError *error)
{
  g_autoptr (GError) slower = g_error_new_literal (LP2P_ERROR, LP2P_ERROR_CONNECTION_LOST,
                                                   _("Another connection to the peer was there first"));
  GHashTableIter iter;
  gpointer connection;
  gpointer of;

  g_hash_table_iter_init (&iter, self->racing);
  while (g_hash_table_iter_next (&iter, &connection, &of))
    {
      if (of != dial)
        continue;
      lp2p_connection_set_racing (connection, FALSE);
      lp2p_connection_give_up (connection, error != NULL ? error : slower);
      g_hash_table_iter_remove (&iter);
    }
}
