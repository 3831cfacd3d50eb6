/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/interfaces/lp2p-log.h>

#include "host/lp2p-connection-manager-private.h"

typedef struct
{
  Lp2pConnection *connection; /* not owned */
  GHashTable *holds;          /* tags, NULL while there are none */
  gint64 since;
  gboolean closing;
} Entry;

struct _Lp2pConnectionManager
{
  Lp2pLoop *loop;
  Lp2pConfig *config;
  GHashTable *entries;   /* Lp2pConnection to Entry */
  GHashTable *protected; /* Lp2pPeerId to a set of tags */
  Lp2pJob job;
  Lp2pTimer timer; /* until the grace of one that is too many is over */
};

static void
entry_free (gpointer pointer)
{
  Entry *entry = pointer;

  g_clear_pointer (&entry->holds, g_hash_table_unref);
  g_free (entry);
}

static guint
get_option (Lp2pConnectionManager *self, const char *key)
{
  return lp2p_config_get_uint (self->config, LP2P_CONFIG_GROUP_HOST, key);
}

/* Choosing */

static gboolean
is_held (Lp2pConnectionManager *self, const Entry *entry)
{
  return entry->closing || entry->holds != NULL ||
         lp2p_connection_manager_is_protected (self, lp2p_connection_get_remote_peer (entry->connection));
}

/* First what is missed least: without streams, over a relay, made by the peer (who
 * can make it again), old. */
static int
compare_entries (gconstpointer a, gconstpointer b)
{
  const Entry *first = *(const Entry *const *) a;
  const Entry *second = *(const Entry *const *) b;
  guint streams_first = lp2p_connection_get_n_streams (first->connection);
  guint streams_second = lp2p_connection_get_n_streams (second->connection);
  int relayed = (int) lp2p_connection_get_limited (second->connection) -
                (int) lp2p_connection_get_limited (first->connection);
  int inbound = (int) lp2p_connection_get_direction (second->connection) -
                (int) lp2p_connection_get_direction (first->connection);

  if (streams_first != streams_second)
    return streams_first < streams_second ? -1 : 1;
  if (relayed != 0)
    return relayed;
  if (inbound != 0)
    return inbound;
  return first->since < second->since ? -1 : first->since > second->since;
}

/* Those that may go, and when the next one may. */
static GPtrArray *
list_candidates (Lp2pConnectionManager *self, gint64 *next)
{
  GPtrArray *candidates = g_ptr_array_new ();
  gint64 grace = (gint64) get_option (self, "connection-grace") * G_USEC_PER_SEC;
  gint64 now = lp2p_loop_now (self->loop);
  GHashTableIter iter;
  gpointer value;

  *next = G_MAXINT64;
  g_hash_table_iter_init (&iter, self->entries);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Entry *entry = value;

      if (is_held (self, entry))
        continue;
      if (entry->since + grace <= now)
        g_ptr_array_add (candidates, entry);
      else
        *next = MIN (*next, entry->since + grace);
    }
  g_ptr_array_sort (candidates, compare_entries);
  return candidates;
}

Lp2pConnection *
lp2p_connection_manager_take_inbound (Lp2pConnectionManager *self)
{
  Entry *least = NULL;
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, self->entries);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Entry *entry = value;

      if (!is_held (self, entry) && lp2p_connection_get_direction (entry->connection) == LP2P_ROLE_RESPONDER &&
          (least == NULL || compare_entries (&entry, &least) < 0))
        least = entry;
    }
  if (least == NULL)
    return NULL;
  least->closing = TRUE;
  return least->connection;
}

static guint
count_open (Lp2pConnectionManager *self)
{
  GHashTableIter iter;
  gpointer value;
  guint n = 0;

  g_hash_table_iter_init (&iter, self->entries);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    n += !((Entry *) value)->closing;
  return n;
}

static void
trim (Lp2pConnectionManager *self)
{
  guint n = count_open (self);
  guint low = MIN (get_option (self, "connections-low"), get_option (self, "connections-high"));
  g_autoptr (GPtrArray) candidates = NULL;
  gint64 next;

  if (n <= get_option (self, "connections-high"))
    return;
  candidates = list_candidates (self, &next);
  for (guint i = 0; i < candidates->len && n > low; i++, n--)
    {
      Entry *entry = g_ptr_array_index (candidates, i);

      lp2p_log_connection (G_LOG_LEVEL_DEBUG, entry->connection, "Closing the connection to %s, one of %u",
                           lp2p_peer_id_get_string (lp2p_connection_get_remote_peer (entry->connection)), n);
      entry->closing = TRUE;
      lp2p_connection_abort (entry->connection, LP2P_CODE_CONNECTION_GARBAGE_COLLECTED);
    }
  if (n > get_option (self, "connections-high") && next != G_MAXINT64)
    lp2p_timer_set (&self->timer, next);
}

static void
run_job (Lp2pJob *job)
{
  trim ((Lp2pConnectionManager *) ((guint8 *) job - G_STRUCT_OFFSET (Lp2pConnectionManager, job)));
}

static void
on_timer (Lp2pTimer *timer)
{
  lp2p_job_queue (&((Lp2pConnectionManager *) ((guint8 *) timer - G_STRUCT_OFFSET (Lp2pConnectionManager, timer)))->job);
}

/* Connections */

void
lp2p_connection_manager_add (Lp2pConnectionManager *self, Lp2pConnection *connection)
{
  Entry *entry = g_new0 (Entry, 1);

  entry->connection = connection;
  entry->since = lp2p_loop_now (self->loop);
  g_hash_table_insert (self->entries, connection, entry);
  lp2p_job_queue (&self->job);
}

void
lp2p_connection_manager_remove (Lp2pConnectionManager *self, Lp2pConnection *connection)
{
  g_hash_table_remove (self->entries, connection);
}

/* Holding */

static GHashTable *
set_tag (GHashTable *tags, const char *tag, gboolean add)
{
  if (add && tags == NULL)
    tags = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  if (add)
    g_hash_table_add (tags, g_strdup (tag));
  else if (tags != NULL)
    g_hash_table_remove (tags, tag);
  if (tags != NULL && g_hash_table_size (tags) == 0)
    g_clear_pointer (&tags, g_hash_table_unref);
  return tags;
}

void
lp2p_connection_manager_hold (Lp2pConnectionManager *self, Lp2pConnection *connection, const char *tag, gboolean hold)
{
  Entry *entry = g_hash_table_lookup (self->entries, connection);

  if (entry == NULL)
    return;
  entry->holds = set_tag (entry->holds, tag, hold);
  if (!hold)
    lp2p_job_queue (&self->job);
}

void
lp2p_connection_manager_protect (Lp2pConnectionManager *self, Lp2pPeerId *peer, const char *tag, gboolean protect)
{
  GHashTable *tags = g_hash_table_lookup (self->protected, peer);

  tags = set_tag (tags != NULL ? g_hash_table_ref (tags) : NULL, tag, protect);
  if (tags != NULL)
    g_hash_table_replace (self->protected, lp2p_peer_id_ref (peer), tags);
  else
    g_hash_table_remove (self->protected, peer);
  if (!protect)
    lp2p_job_queue (&self->job);
}

gboolean
lp2p_connection_manager_is_protected (Lp2pConnectionManager *self, Lp2pPeerId *peer)
{
  return g_hash_table_contains (self->protected, peer);
}

/* The manager */

static void
on_config_changed (Lp2pConfig *config, const char *group, const char *key, gpointer user_data)
{
  lp2p_job_queue (&((Lp2pConnectionManager *) user_data)->job);
}

Lp2pConnectionManager *
lp2p_connection_manager_new (Lp2pLoop *loop, Lp2pConfig *config)
{
  Lp2pConnectionManager *self = g_new0 (Lp2pConnectionManager, 1);

  self->loop = lp2p_loop_ref (loop);
  self->config = g_object_ref (config);
  self->entries = g_hash_table_new_full (NULL, NULL, NULL, entry_free);
  self->protected = g_hash_table_new_full (lp2p_peer_id_hash, lp2p_peer_id_equal, (GDestroyNotify) lp2p_peer_id_unref,
                                           (GDestroyNotify) g_hash_table_unref);
  lp2p_job_init (&self->job, loop, LP2P_JOB_RUN, run_job);
  lp2p_timer_init (&self->timer, loop, on_timer);
  g_signal_connect (config, "changed", G_CALLBACK (on_config_changed), self);
  return self;
}

void
lp2p_connection_manager_free (Lp2pConnectionManager *self)
{
  g_signal_handlers_disconnect_by_data (self->config, self);
  lp2p_job_clear (&self->job);
  lp2p_timer_clear (&self->timer);
  g_hash_table_unref (self->entries);
  g_hash_table_unref (self->protected);
  g_object_unref (self->config);
  lp2p_loop_unref (self->loop);
  g_free (self);
}
