/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The side that serves: each stream of a peer that is named gets a local connection
 * of its own. */

#include "tools/forward/lp2p-forward-private.h"

#include "types/lp2p-i18n-private.h"

#include <string.h>

/* Of what a refused peer sends before it has read why; more breaks the stream. */
#define MAX_IGNORED (1024 * 1024)

/* @name: what peers ask for
 * @allowed: who may, besides those that may use all */
typedef struct
{
  char *name;
  ToolLocal *local;
  GHashTable *allowed;
  ToolForwardCounts counts;
} Service;

struct _ToolForwardIn
{
  ToolForward *forward;
  GPtrArray *services;
  GHashTable *allowed;
  GHashTable *links;
};

/* One stream of a peer, until it is over.
 * @service: what it is for, %NULL as long as that is not allowed
 * @request: what is asked for */
typedef struct
{
  ToolForwardIn *in;
  Lp2pStream *stream;
  Service *service;
  GCancellable *cancellable;
  guint timer;
  ToolSplice *splice;
  guint8 request[1 + TOOL_FORWARD_MAX_NAME];
  guint8 answer;
  gsize ignored;
} Link;

/* Services */

static GHashTable *
new_peers (void)
{
  return g_hash_table_new_full (lp2p_peer_id_hash, lp2p_peer_id_equal,
                                (GDestroyNotify) lp2p_peer_id_unref, NULL);
}

static void
service_free (gpointer pointer)
{
  Service *service = pointer;

  g_free (service->name);
  g_free (service->counts.error);
  g_clear_pointer (&service->local, tool_local_free);
  g_hash_table_unref (service->allowed);
  g_free (service);
}

ToolForwardIn *
tool_forward_in_new (void)
{
  ToolForwardIn *self = g_new0 (ToolForwardIn, 1);

  self->services = g_ptr_array_new_with_free_func (service_free);
  self->allowed = new_peers ();
  self->links = g_hash_table_new (NULL, NULL);
  return self;
}

void
tool_forward_in_free (ToolForwardIn *self)
{
  g_ptr_array_unref (self->services);
  g_hash_table_unref (self->allowed);
  g_hash_table_unref (self->links);
  g_free (self);
}

static Service *
find_service (ToolForwardIn *self, const char *name, gsize size)
{
  for (guint i = 0; i < self->services->len; i++)
    {
      Service *service = g_ptr_array_index (self->services, i);

      if (strlen (service->name) == size && strncmp (service->name, name, size) == 0)
        return service;
    }
  return NULL;
}

static gboolean
fail (GError **error, const char *text, const char *reason)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "\"%s\": %s", text, reason);
  return FALSE;
}

gboolean
tool_forward_in_add (ToolForwardIn *self, const char *text, GError **error)
{
  const char *equals = strchr (text, '=');
  gsize size = equals != NULL ? (gsize) (equals - text) : 0;
  ToolLocal *local;
  Service *service;

  if (!tool_forward_check_name (text, size))
    return fail (error, text, _("no service, expected NAME=LOCAL, the name of letters, digits, '.', '-' and '_'"));
  if (find_service (self, text, size) != NULL)
    return fail (error, text, _("there is a service of this name already"));
  local = tool_local_new (equals + 1, error);
  if (local == NULL)
    return FALSE;
  service = g_new0 (Service, 1);
  service->name = g_strndup (text, size);
  service->local = local;
  service->allowed = new_peers ();
  g_ptr_array_add (self->services, service);
  return TRUE;
}

/* The peers of a service, or behind the services those that may use all. */
static GHashTable *
find_peers (ToolForwardIn *self, GPtrArray *tables, const char *text, gsize size, GError **error)
{
  Service *service = find_service (self, text, size);
  guint i = self->services->len;

  if (size > 0 && (service == NULL || !g_ptr_array_find (self->services, service, &i)))
    {
      fail (error, text, _("there is no service of this name"));
      return NULL;
    }
  return g_ptr_array_index (tables, i);
}

static gboolean
allow (ToolForwardIn *self, GPtrArray *tables, const char *text, GError **error)
{
  const char *equals = strchr (text, '=');
  GHashTable *peers = find_peers (self, tables, text, equals != NULL ? (gsize) (equals - text) : 0, error);
  Lp2pPeerId *peer =
      peers != NULL ? lp2p_peer_id_new_from_string (equals != NULL ? equals + 1 : text, error) : NULL;

  if (peer != NULL)
    g_hash_table_add (peers, peer);
  return peer != NULL;
}

gboolean
tool_forward_in_set_allowed (ToolForwardIn *self, const char *const *texts, GError **error)
{
  g_autoptr (GPtrArray) tables = g_ptr_array_new_with_free_func ((GDestroyNotify) g_hash_table_unref);

  for (guint i = 0; i <= self->services->len; i++)
    g_ptr_array_add (tables, new_peers ());
  for (gsize i = 0; texts[i] != NULL; i++)
    if (!allow (self, tables, texts[i], error))
      return FALSE;
  for (guint i = self->services->len; i > 0; i--)
    {
      Service *service = g_ptr_array_index (self->services, i - 1);

      g_hash_table_unref (service->allowed);
      service->allowed = g_hash_table_ref (g_ptr_array_index (tables, i - 1));
    }
  g_hash_table_unref (self->allowed);
  self->allowed = g_hash_table_ref (g_ptr_array_index (tables, self->services->len));
  return TRUE;
}

guint
tool_forward_in_get_n_services (ToolForwardIn *self)
{
  return self->services->len;
}

const char *
tool_forward_in_get_name (ToolForwardIn *self, guint i)
{
  return ((Service *) g_ptr_array_index (self->services, i))->name;
}

const char *
tool_forward_in_get_local (ToolForwardIn *self, guint i)
{
  return tool_local_get_text (((Service *) g_ptr_array_index (self->services, i))->local);
}

const ToolForwardCounts *
tool_forward_in_get_counts (ToolForwardIn *self, guint i)
{
  static ToolForwardCounts counts;
  Service *service = g_ptr_array_index (self->services, i);
  GHashTableIter iter;
  gpointer pointer;

  counts = service->counts;
  g_hash_table_iter_init (&iter, self->links);
  while (g_hash_table_iter_next (&iter, &pointer, NULL))
    {
      Link *link = pointer;

      if (link->service != service || link->splice == NULL)
        continue;
      counts.sent += tool_splice_get_sent (link->splice);
      counts.received += tool_splice_get_received (link->splice);
    }
  return &counts;
}

/* One stream */

static void
link_free (Link *link)
{
  ToolForward *forward = link->in->forward;

  gboolean counted = link->service != NULL;

  if (counted)
    link->service->counts.open--;
  g_clear_handle_id (&link->timer, g_source_remove);
  g_hash_table_remove (link->in->links, link);
  g_clear_pointer (&link->splice, tool_splice_unref);
  g_object_unref (link->cancellable);
  g_object_unref (link->stream);
  g_free (link);
  if (counted)
    tool_forward_give_back (forward);
}

static void
note (Link *link, const char *what)
{
  Lp2pConnection *connection = lp2p_stream_get_connection (link->stream);

  /* Translators: a service, a peer, why the connection is over */
  tool_note (link->in->forward->options, _("%s for %s: %s"),
             link->service != NULL ? link->service->name : _("a service"),
             lp2p_peer_id_get_string (lp2p_connection_get_remote_peer (connection)), what);
}

static void
break_off (Link *link, const char *why)
{
  note (link, why);
  lp2p_stream_reset (link->stream, LP2P_CODE_NONE);
  link_free (link);
}

/* Refusing */

static void
on_ignored (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Link *link = user_data;
  gssize n = g_input_stream_skip_finish (G_INPUT_STREAM (source), result, NULL);

  link->ignored += n > 0 ? (gsize) n : 0;
  if (n > 0 && link->ignored < MAX_IGNORED)
    g_input_stream_skip_async (G_INPUT_STREAM (source), MAX_IGNORED, G_PRIORITY_DEFAULT,
                               link->cancellable, on_ignored, link);
  else
    break_off (link, tool_forward_describe (link->answer));
}

static void
on_refused (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Link *link = user_data;

  if (g_output_stream_write_finish (G_OUTPUT_STREAM (source), result, NULL) < 1)
    {
      break_off (link, tool_forward_describe (link->answer));
      return;
    }
  g_output_stream_close_async (G_OUTPUT_STREAM (source), G_PRIORITY_DEFAULT, NULL, NULL, NULL);
  g_input_stream_skip_async (g_io_stream_get_input_stream (G_IO_STREAM (link->stream)), MAX_IGNORED,
                             G_PRIORITY_DEFAULT, link->cancellable, on_ignored, link);
}

/* A reset right behind the answer could overtake it: the peer resets, when it has
 * read the answer. */
static void
refuse (Link *link, ToolForwardAnswer answer)
{
  link->answer = (guint8) answer;
  g_output_stream_write_async (g_io_stream_get_output_stream (G_IO_STREAM (link->stream)),
                               &link->answer, 1, G_PRIORITY_DEFAULT, link->cancellable, on_refused,
                               link);
}

/* Joining */

static void
on_done (ToolSplice *splice, const GError *error, gpointer user_data)
{
  Link *link = user_data;
  ToolForwardCounts *counts = &link->service->counts;

  if (tool_forward_counts_end (counts, link->service->name, splice, error))
    note (link, error->message);
  link_free (link);
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  static const guint8 answer = TOOL_FORWARD_CONNECTED;
  Link *link = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketConnection) connection = tool_local_connect_finish (result, &error);

  if (g_cancellable_is_cancelled (link->cancellable))
    {
      /* Else we are to end. */
      if (link->timer == 0)
        tool_forward_counts_fail (&link->service->counts, link->service->name, _("no connection in time"));
      break_off (link, _("given up"));
      return;
    }
  if (connection != NULL)
    link->splice = tool_splice_new (link->stream, connection, link->in->forward->poll, on_done,
                                    link, &error);
  if (link->splice == NULL)
    {
      tool_forward_counts_fail (&link->service->counts, link->service->name, error->message);
      refuse (link, TOOL_FORWARD_UNREACHABLE);
      return;
    }
  g_clear_handle_id (&link->timer, g_source_remove);
  tool_splice_start_sending (link->splice, &answer, 1);
  tool_splice_start_receiving (link->splice);
}

static gboolean
is_allowed (ToolForwardIn *self, const Service *service, Lp2pStream *stream)
{
  Lp2pPeerId *peer = lp2p_connection_get_remote_peer (lp2p_stream_get_connection (stream));

  return g_hash_table_contains (self->allowed, peer) ||
         g_hash_table_contains (service->allowed, peer);
}

/* Whether the peer may have anything at all. */
static gboolean
is_named (ToolForwardIn *self, Lp2pStream *stream)
{
  for (guint i = 0; i < self->services->len; i++)
    if (is_allowed (self, g_ptr_array_index (self->services, i), stream))
      return TRUE;
  return FALSE;
}

/* Who asks for what is not there learns as little as who may not have it. */
static void
serve (Link *link, const char *name, gsize size)
{
  ToolForwardIn *self = link->in;
  Service *service = find_service (self, name, size);

  if (service == NULL || !is_allowed (self, service, link->stream))
    {
      refuse (link, TOOL_FORWARD_REFUSED);
      return;
    }
  if (self->forward->n >= self->forward->max)
    {
      refuse (link, TOOL_FORWARD_BUSY);
      return;
    }
  link->service = service;
  service->counts.open++;
  service->counts.total++;
  tool_forward_take (self->forward);
  tool_local_connect_async (service->local, link->cancellable, on_connected, link);
}

/* The request */

static void take_request (Link *link, gsize filled);

static void
on_name (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Link *link = user_data;
  g_autoptr (GError) error = NULL;
  gsize n;

  if (g_input_stream_read_all_finish (G_INPUT_STREAM (source), result, &n, &error))
    take_request (link, 1 + n);
  else
    break_off (link, error->message);
}

/* Reads no more than the request: what is behind it is for the service. */
static void
take_request (Link *link, gsize filled)
{
  Lp2pCursor cursor = LP2P_CURSOR_INIT (link->request, filled);
  g_autoptr (GError) error = NULL;
  const char *name;
  gsize size;
  gssize missing = tool_forward_read_request (&cursor, &name, &size, &error);

  if (missing == 0)
    serve (link, name, size);
  else if (missing > 0 && filled == 1)
    g_input_stream_read_all_async (g_io_stream_get_input_stream (G_IO_STREAM (link->stream)),
                                   link->request + 1, (gsize) missing, G_PRIORITY_DEFAULT,
                                   link->cancellable, on_name, link);
  else
    break_off (link, error != NULL ? error->message : _("the stream ended before the request"));
}

static void
on_size (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Link *link = user_data;
  g_autoptr (GError) error = NULL;

  if (g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error) == 1)
    take_request (link, 1);
  else
    break_off (link, error != NULL ? error->message : _("the stream ended before the request"));
}

static gboolean
on_deadline (gpointer user_data)
{
  Link *link = user_data;

  link->timer = 0;
  g_cancellable_cancel (link->cancellable);
  return G_SOURCE_REMOVE;
}

static void
on_stream (Lp2pStream *stream, gpointer user_data)
{
  ToolForwardIn *self = user_data;
  Link *link = g_new0 (Link, 1);

  link->in = self;
  link->stream = g_object_ref (stream);
  link->cancellable = g_cancellable_new ();
  link->timer = g_timeout_add_seconds (TOOL_FORWARD_SECONDS, on_deadline, link);
  g_hash_table_add (self->links, link);
  if (!is_named (self, stream))
    refuse (link, TOOL_FORWARD_REFUSED);
  else
    g_input_stream_read_async (g_io_stream_get_input_stream (G_IO_STREAM (stream)), link->request, 1,
                               G_PRIORITY_DEFAULT, link->cancellable, on_size, link);
}

void
tool_forward_in_start (ToolForwardIn *self, ToolForward *forward)
{
  self->forward = forward;
  if (self->services->len > 0)
    lp2p_host_set_stream_handler (forward->host, TOOL_FORWARD_PROTOCOL, LP2P_HANDLER_NONE,
                                  on_stream, self, NULL);
}

void
tool_forward_in_stop (ToolForwardIn *self)
{
  g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, _("interrupted"));
  g_autoptr (GList) links = g_hash_table_get_keys (self->links);

  if (self->services->len > 0)
    lp2p_host_remove_stream_handler (self->forward->host, TOOL_FORWARD_PROTOCOL);
  for (GList *l = links; l != NULL; l = l->next)
    {
      Link *link = l->data;

      if (link->splice != NULL)
        tool_splice_break (link->splice, error);
      else
        g_cancellable_cancel (link->cancellable);
    }
}

gboolean
tool_forward_in_is_idle (ToolForwardIn *self)
{
  return g_hash_table_size (self->links) == 0;
}
