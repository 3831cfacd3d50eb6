/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-identify-exchange.h"
#include "lp2p-identify-local.h"

#include <glib/gi18n-lib.h>
#include <string.h>

/* Handlers and addresses come and go in groups. */
#define PUSH_DELAY_US    (500 * G_TIME_SPAN_MILLISECOND)
#define PUSH_INTERVAL_US (5 * G_USEC_PER_SEC)
#define MAX_PUSHES       32

/* What a peer may push: on average as often as we do, and as many at a time as a
 * program that starts has changes. */
#define ACCEPT_PERIOD_US (8 * PUSH_INTERVAL_US)
#define MAX_ACCEPTED     8

#define MAX_PROTOCOL_VERSION 128

#define LP2P_TYPE_IDENTIFY_SERVICE (lp2p_identify_service_get_type ())
G_DECLARE_FINAL_TYPE (
    Lp2pIdentifyService, lp2p_identify_service, LP2P, IDENTIFY_SERVICE, Lp2pExtension)

struct _Lp2pIdentifyService
{
  Lp2pExtension parent_instance;

  Lp2pContext *context;
  Lp2pLoop *loop;
  char *group;
  Lp2pIdentifyLocal *local;
  /* Under way. */
  GPtrArray *exchanges;
  /* Connections that wait for their push. */
  GQueue to_push;
  guint n_pushing;
  Lp2pTimer push_timer;
  gint64 next_push;
};

G_DEFINE_FINAL_TYPE_WITH_CODE (Lp2pIdentifyService,
                               lp2p_identify_service,
                               LP2P_TYPE_EXTENSION,
                               G_IMPLEMENT_INTERFACE (LP2P_TYPE_SERVICE, NULL))

static const Lp2pOption options[] = {
  { "protocol-version", "s", "'lp2p/1.0.0'", 0, 0,
    N_("Which family of protocols this program belongs to, for peers to see") },
};

/* What is known of a connection. */
typedef struct
{
  /* The generation of what the peer got last, 0 for nothing yet, of what is on its way in
   * either kind of exchange, and of a push that failed. */
  guint told;
  guint serving;
  guint pushing;
  guint failed;
  /* How many pushes came in the period that ends then. */
  gint64 accept_end;
  guint n_accepted;
  guint accepting : 1;
} State;

static GQuark
state_quark (void)
{
  static GQuark quark;

  if (quark == 0)
    quark = g_quark_from_static_string ("lp2p-identify-state");
  return quark;
}

static State *
get_state (Lp2pConnection *connection)
{
  State *state = g_object_get_qdata (G_OBJECT (connection), state_quark ());

  if (state == NULL)
    {
      state = g_new0 (State, 1);
      g_object_set_qdata_full (G_OBJECT (connection), state_quark (), state, g_free);
    }
  return state;
}

/* What a peer said */

static gboolean
check_key (Lp2pIdentifyMessage *message, Lp2pPeerId *peer)
{
  g_autoptr (Lp2pPublicKey) key = NULL;
  gsize size;
  const guint8 *data;

  if (message->public_key == NULL)
    return TRUE;
  data = g_bytes_get_data (message->public_key, &size);
  key = lp2p_public_key_new_from_bytes (data, size, NULL);
  return key != NULL && lp2p_peer_id_matches_public_key (peer, key);
}

/* An address of @peer without its peer id; NULL when it is another's. */
static Lp2pMultiaddr *
strip (Lp2pMultiaddr *address, Lp2pPeerId *peer)
{
  g_autoptr (Lp2pPeerId) end = lp2p_peer_id_from_multiaddr (address);

  if (end != NULL && !lp2p_peer_id_equal (end, peer))
    return NULL;
  return lp2p_multiaddr_without_peer_id (address);
}

static void
note_observed (Lp2pIdentifyService *self, Lp2pConnection *connection, Lp2pMultiaddr *observed)
{
  Lp2pIdentity *identity = lp2p_context_get_identity (self->context);
  g_autoptr (Lp2pMultiaddr) address = NULL;

  /* Over a relay the peer sees the relay. */
  if (observed == NULL || lp2p_connection_get_limited (connection) ||
      lp2p_multiaddr_find (observed, LP2P_PROTOCOL_P2P_CIRCUIT, 0) >= 0)
    return;
  address = strip (observed, lp2p_identity_get_peer_id (identity));
  if (address != NULL)
    lp2p_context_add_observed_address (self->context, connection, address);
}

static void
note_message (Lp2pIdentifyService *self, Lp2pConnection *connection, Lp2pIdentifyMessage *message)
{
  Lp2pPeerId *peer = lp2p_connection_get_remote_peer (connection);
  Lp2pPeerInfo info = {
    .addresses = message->addresses,
    .signed_record = message->signed_record,
    .agent_version = message->agent_version,
    .protocol_version = message->protocol_version,
  };

  if (!check_key (message, peer))
    {
      lp2p_log_connection (G_LOG_LEVEL_DEBUG, connection, "%s identified itself with the key of another peer",
                           lp2p_peer_id_get_string (peer));
      return;
    }

  if (message->protocols != NULL)
    info.protocols = (const char *const *) message->protocols->pdata;
  note_observed (self, connection, message->observed);
  lp2p_context_update_peer (self->context, peer, &info);
}

/* Pushing */

static void start_exchange (Lp2pIdentifyService *self,
                            Lp2pIdentifyKind kind,
                            Lp2pConnection *connection,
                            Lp2pStream *stream);

static void
schedule_push (Lp2pIdentifyService *self)
{
  gint64 soon = lp2p_loop_now (self->loop) + PUSH_DELAY_US;

  if (!lp2p_timer_is_set (&self->push_timer))
    lp2p_timer_set (&self->push_timer, MAX (soon, self->next_push));
}

static void
push_next (Lp2pIdentifyService *self)
{
  while (self->n_pushing < MAX_PUSHES && self->to_push.length > 0)
    {
      g_autoptr (Lp2pConnection) connection = g_queue_pop_head (&self->to_push);

      if (lp2p_connection_get_state (connection) < LP2P_CONNECTION_CLOSING)
        {
          self->n_pushing++;
          start_exchange (self, LP2P_IDENTIFY_PUSH, connection, NULL);
        }
    }
}

static gboolean
takes_pushes (Lp2pIdentifyService *self, Lp2pPeerId *peer)
{
  g_auto (GStrv) protocols = lp2p_context_dup_peer_protocols (self->context, peer);

  return protocols != NULL &&
         g_strv_contains ((const char *const *) protocols, LP2P_IDENTIFY_PUSH_PROTOCOL);
}

static gboolean
is_told (State *state, guint generation)
{
  return state->told == generation || state->serving == generation || state->pushing == generation;
}

/* Every peer is told once, over the best of its connections: they come in that
 * order. Those that still wait from the last time are among them. */
static void
collect_pushes (Lp2pIdentifyService *self)
{
  g_autoptr (GPtrArray) connections = lp2p_context_dup_connections (self->context, NULL);
  g_autoptr (GHashTable) told = g_hash_table_new (lp2p_peer_id_hash, lp2p_peer_id_equal);
  guint generation = lp2p_identify_local_get_generation (self->local);

  g_queue_clear_full (&self->to_push, g_object_unref);
  for (guint i = 0; i < connections->len; i++)
    if (is_told (get_state (g_ptr_array_index (connections, i)), generation))
      g_hash_table_add (told, lp2p_connection_get_remote_peer (g_ptr_array_index (connections, i)));
  for (guint i = 0; i < connections->len; i++)
    {
      Lp2pConnection *connection = g_ptr_array_index (connections, i);
      Lp2pPeerId *peer = lp2p_connection_get_remote_peer (connection);

      if (takes_pushes (self, peer) && g_hash_table_add (told, peer))
        g_queue_push_tail (&self->to_push, g_object_ref (connection));
    }
}

static void
on_push_due (Lp2pTimer *timer)
{
  Lp2pIdentifyService *self =
      (Lp2pIdentifyService *) ((guint8 *) timer -
                               G_STRUCT_OFFSET (Lp2pIdentifyService, push_timer));

  collect_pushes (self);
  if (self->to_push.length > 0)
    self->next_push = lp2p_loop_now (self->loop) + PUSH_INTERVAL_US;
  push_next (self);
}

static void
on_local_changed (Lp2pIdentifyService *self)
{
  lp2p_identify_local_invalidate (self->local);
  schedule_push (self);
}

/* Exchanges */

static const char *const kind_names[] = { "fetch", "serve", "push", "accept" };

/* Whoever takes pushes may have been told too early. */
static void
check_told (Lp2pIdentifyService *self, State *state)
{
  if (state->told != 0 && state->told != lp2p_identify_local_get_generation (self->local))
    schedule_push (self);
}

/* One that failed is tried once more. */
static void
push_over (Lp2pIdentifyService *self, State *state, gboolean ok)
{
  if (ok)
    state->told = MAX (state->told, state->pushing);
  else if (state->failed != state->pushing)
    {
      state->failed = state->pushing;
      schedule_push (self);
    }
  state->pushing = 0;
  self->n_pushing--;
  push_next (self);
}

static void
exchange_over (Lp2pIdentifyService *self, Lp2pIdentifyKind kind, State *state, gboolean ok)
{
  switch (kind)
    {
    case LP2P_IDENTIFY_FETCH:
      check_told (self, state);
      break;
    case LP2P_IDENTIFY_SERVE:
      if (ok)
        state->told = MAX (state->told, state->serving);
      state->serving = 0;
      check_told (self, state);
      break;
    case LP2P_IDENTIFY_ACCEPT:
      state->accepting = FALSE;
      break;
    case LP2P_IDENTIFY_PUSH:
    default:
      push_over (self, state, ok);
      break;
    }
}

static void
on_exchange_done (Lp2pIdentifyExchange *exchange,
                  Lp2pIdentifyMessage *message,
                  const GError *error,
                  gpointer user_data)
{
  g_autoptr (Lp2pIdentifyService) self = g_object_ref (user_data);
  g_autoptr (Lp2pConnection) connection =
      g_object_ref (lp2p_identify_exchange_get_connection (exchange));
  Lp2pIdentifyKind kind = lp2p_identify_exchange_get_kind (exchange);

  g_ptr_array_remove_fast (self->exchanges, exchange);
  if (error != NULL)
    lp2p_log_connection (G_LOG_LEVEL_DEBUG, connection, "identify with %s, %s: %s",
                         lp2p_peer_id_get_string (lp2p_connection_get_remote_peer (connection)),
                         kind_names[kind], error->message);
  exchange_over (self, kind, get_state (connection), error == NULL);
  if (message != NULL)
    note_message (self, connection, message);
}

static void
start_exchange (Lp2pIdentifyService *self,
                Lp2pIdentifyKind kind,
                Lp2pConnection *connection,
                Lp2pStream *stream)
{
  Lp2pIdentifyExchange *exchange =
      lp2p_identify_exchange_new (kind, connection, self->loop, on_exchange_done, self);
  g_autoptr (GBytes) message = NULL;
  State *state = get_state (connection);

  if (kind == LP2P_IDENTIFY_SERVE || kind == LP2P_IDENTIFY_PUSH)
    {
      *(kind == LP2P_IDENTIFY_SERVE ? &state->serving : &state->pushing) =
          lp2p_identify_local_get_generation (self->local);
      message =
          lp2p_identify_local_encode (self->local, lp2p_connection_get_remote_address (connection));
    }
  g_ptr_array_add (self->exchanges, exchange);
  lp2p_identify_exchange_start (exchange, stream, message);
}

static void
on_connection_added (Lp2pIdentifyService *self, Lp2pConnection *connection)
{
  start_exchange (self, LP2P_IDENTIFY_FETCH, connection, NULL);
}

/* One of each at a time is enough for every honest peer. */

static void
on_identify_stream (Lp2pStream *stream, gpointer user_data)
{
  Lp2pConnection *connection = lp2p_stream_get_connection (stream);
  State *state = get_state (connection);

  if (state->serving != 0)
    {
      lp2p_stream_reset (stream, LP2P_CODE_STREAM_RESOURCE_LIMIT);
      return;
    }
  start_exchange (user_data, LP2P_IDENTIFY_SERVE, connection, stream);
}

static gboolean
may_push (Lp2pIdentifyService *self, State *state)
{
  gint64 now = lp2p_loop_now (self->loop);

  if (now >= state->accept_end)
    {
      state->accept_end = now + ACCEPT_PERIOD_US;
      state->n_accepted = 0;
    }
  if (state->accepting || state->n_accepted >= MAX_ACCEPTED)
    return FALSE;
  state->n_accepted++;
  return TRUE;
}

static void
on_push_stream (Lp2pStream *stream, gpointer user_data)
{
  Lp2pConnection *connection = lp2p_stream_get_connection (stream);
  State *state = get_state (connection);

  if (!may_push (user_data, state))
    {
      lp2p_stream_reset (stream, LP2P_CODE_STREAM_RESOURCE_LIMIT);
      return;
    }
  state->accepting = TRUE;
  start_exchange (user_data, LP2P_IDENTIFY_ACCEPT, connection, stream);
}

/* The extension */

static gboolean
check_options (Lp2pIdentifyService *self, GError **error)
{
  Lp2pConfig *config = lp2p_context_get_config (self->context);
  g_autofree char *version = NULL;

  if (!lp2p_config_register_group (config, self->group, options, G_N_ELEMENTS (options), error))
    return FALSE;
  version = lp2p_config_get_string (config, self->group, "protocol-version");
  if (strlen (version) <= MAX_PROTOCOL_VERSION)
    return TRUE;
  g_set_error (error, LP2P_ERROR, LP2P_ERROR_FAILED,
               _("protocol-version in [%s]: got a text of %zu bytes, expected at most %d"),
               self->group, strlen (version), MAX_PROTOCOL_VERSION);
  return FALSE;
}

static gboolean
lp2p_identify_service_start (Lp2pExtension *extension, GError **error)
{
  Lp2pIdentifyService *self = LP2P_IDENTIFY_SERVICE (extension);

  self->context = lp2p_extension_get_context (extension);
  self->loop = lp2p_context_get_loop (self->context);
  self->group = g_strdup_printf ("plugin %s", lp2p_extension_get_name (extension));
  if (!check_options (self, error))
    return FALSE;

  self->local = lp2p_identify_local_new (self->context, self->group);
  lp2p_timer_init (&self->push_timer, self->loop, on_push_due);
  lp2p_context_set_stream_handler (self->context, LP2P_IDENTIFY_PROTOCOL,
                                   LP2P_HANDLER_ALLOW_LIMITED, on_identify_stream, self, NULL);
  lp2p_context_set_stream_handler (self->context, LP2P_IDENTIFY_PUSH_PROTOCOL,
                                   LP2P_HANDLER_ALLOW_LIMITED, on_push_stream, self, NULL);
  g_signal_connect_object (self->context, "connection-added", G_CALLBACK (on_connection_added),
                           self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->context, "protocols-changed", G_CALLBACK (on_local_changed), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->context, "addresses-changed", G_CALLBACK (on_local_changed), self,
                           G_CONNECT_SWAPPED);
  return TRUE;
}

static void
cancel_exchange (gpointer exchange, gpointer user_data)
{
  lp2p_identify_exchange_cancel (exchange);
}

static void
lp2p_identify_service_stop (Lp2pExtension *extension)
{
  Lp2pIdentifyService *self = LP2P_IDENTIFY_SERVICE (extension);

  if (self->local == NULL)
    return;
  g_signal_handlers_disconnect_by_data (self->context, self);
  lp2p_context_remove_stream_handler (self->context, LP2P_IDENTIFY_PROTOCOL);
  lp2p_context_remove_stream_handler (self->context, LP2P_IDENTIFY_PUSH_PROTOCOL);
  lp2p_timer_clear (&self->push_timer);
  g_queue_clear_full (&self->to_push, g_object_unref);
  g_ptr_array_foreach (self->exchanges, cancel_exchange, NULL);
  g_ptr_array_set_size (self->exchanges, 0);
  g_clear_pointer (&self->local, lp2p_identify_local_free);
}

static void
lp2p_identify_service_finalize (GObject *object)
{
  Lp2pIdentifyService *self = LP2P_IDENTIFY_SERVICE (object);

  g_ptr_array_unref (self->exchanges);
  g_free (self->group);
  G_OBJECT_CLASS (lp2p_identify_service_parent_class)->finalize (object);
}

static void
lp2p_identify_service_class_init (Lp2pIdentifyServiceClass *klass)
{
  Lp2pExtensionClass *extension_class = LP2P_EXTENSION_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = lp2p_identify_service_finalize;
  extension_class->start = lp2p_identify_service_start;
  extension_class->stop = lp2p_identify_service_stop;
}

static void
lp2p_identify_service_init (Lp2pIdentifyService *self)
{
  self->exchanges = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_identify_exchange_unref);
  g_queue_init (&self->to_push);
}

LP2P_PLUGIN_DEFINE ({ "identify", lp2p_identify_service_get_type })
