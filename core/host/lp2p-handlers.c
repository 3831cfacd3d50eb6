/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/lp2p-handlers-private.h"

struct _Lp2pHandlers
{
  GHashTable *by_protocol;
};

typedef struct
{
  Lp2pHandlerFlags flags;
  Lp2pStreamHandler func;
  gpointer user_data;
  GDestroyNotify destroy;
  guint refs;
} Handler;

/* A handler may replace or remove itself while it runs. */
static void
handler_unref (gpointer data)
{
  Handler *handler = data;

  if (--handler->refs > 0)
    return;
  if (handler->destroy != NULL)
    handler->destroy (handler->user_data);
  g_free (handler);
}

Lp2pHandlers *
lp2p_handlers_new (void)
{
  Lp2pHandlers *self = g_new0 (Lp2pHandlers, 1);

  self->by_protocol = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, handler_unref);
  return self;
}

void
lp2p_handlers_free (Lp2pHandlers *self)
{
  g_hash_table_unref (self->by_protocol);
  g_free (self);
}

void
lp2p_handlers_set (Lp2pHandlers *self, const char *protocol, Lp2pHandlerFlags flags, Lp2pStreamHandler func, gpointer user_data, GDestroyNotify destroy)
{
  Handler *handler = g_new0 (Handler, 1);

  handler->flags = flags;
  handler->func = func;
  handler->user_data = user_data;
  handler->destroy = destroy;
  handler->refs = 1;
  g_hash_table_replace (self->by_protocol, g_strdup (protocol), handler);
}

gboolean
lp2p_handlers_remove (Lp2pHandlers *self, const char *protocol)
{
  return g_hash_table_remove (self->by_protocol, protocol);
}

void
lp2p_handlers_clear (Lp2pHandlers *self)
{
  g_hash_table_remove_all (self->by_protocol);
}

static int
compare_strings (gconstpointer a, gconstpointer b)
{
  return g_strcmp0 (*(const char *const *) a, *(const char *const *) b);
}

GStrv
lp2p_handlers_dup_protocols (Lp2pHandlers *self)
{
  GPtrArray *protocols = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer protocol;

  g_hash_table_iter_init (&iter, self->by_protocol);
  while (g_hash_table_iter_next (&iter, &protocol, NULL))
    g_ptr_array_add (protocols, g_strdup (protocol));
  g_ptr_array_sort (protocols, compare_strings);
  g_ptr_array_add (protocols, NULL);
  return (GStrv) g_ptr_array_free (protocols, FALSE);
}

gboolean
lp2p_handlers_match (Lp2pHandlers *self, Lp2pConnection *connection, const char *protocol)
{
  Handler *handler = g_hash_table_lookup (self->by_protocol, protocol);

  if (handler == NULL)
    return FALSE;
  return !lp2p_connection_get_limited (connection) || (handler->flags & LP2P_HANDLER_ALLOW_LIMITED) != 0;
}

gboolean
lp2p_handlers_allows_early (Lp2pHandlers *self, const char *protocol)
{
  Handler *handler = g_hash_table_lookup (self->by_protocol, protocol);

  return handler != NULL && (handler->flags & LP2P_HANDLER_ALLOW_EARLY) != 0;
}

void
lp2p_handlers_serve (Lp2pHandlers *self, Lp2pStream *stream)
{
  Handler *handler = g_hash_table_lookup (self->by_protocol, lp2p_stream_get_protocol (stream));

  /* It may have gone since the protocol was agreed on. */
  if (handler == NULL)
    {
      lp2p_stream_reset (stream, LP2P_CODE_STREAM_PROTOCOL_NEGOTIATION_FAILED);
      return;
    }
  handler->refs++;
  handler->func (stream, handler->user_data);
  handler_unref (handler);
}
