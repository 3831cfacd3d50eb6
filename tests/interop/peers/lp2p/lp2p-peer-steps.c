/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The steps that are about the connection, and what all steps share. */

#include "lp2p-peer-dial.h"

#include <openssl/rand.h>
#include <string.h>

#define PING_SIZE 32

/* Of 1 byte, 2 bytes and so on. */
#define N_DATAGRAMS 1000

void
peer_open_async (PeerDialer *dialer,
                 const char *protocol,
                 GCancellable *cancellable,
                 GAsyncReadyCallback callback,
                 gpointer user_data)
{
  const char *const protocols[] = { protocol, NULL };

  lp2p_connection_open_stream_async (dialer->connection, protocols, LP2P_STREAM_NONE, cancellable,
                                     callback, user_data);
}

Lp2pStream *
peer_open_finish (GAsyncResult *result, GError **error)
{
  g_autoptr (GObject) connection = g_async_result_get_source_object (result);

  return lp2p_connection_open_stream_finish (LP2P_CONNECTION (connection), result, error);
}

void
peer_step_return (GTask *task, Lp2pStream *stream, char *detail, GError *error)
{
  if (stream != NULL && error != NULL)
    lp2p_stream_reset (stream, LP2P_CODE_NONE);
  else if (stream != NULL)
    g_io_stream_close_async (G_IO_STREAM (stream), G_PRIORITY_DEFAULT, NULL, NULL, NULL);

  if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, detail, g_free);
  g_object_unref (task);
}

/* connect */

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  PeerDialer *dialer = g_task_get_task_data (task);
  GError *error = NULL;
  Lp2pConnection *connection = lp2p_host_connect_finish (dialer->host, result, &error);
  char *detail = NULL;

  if (connection != NULL)
    {
      const char *muxer = lp2p_connection_get_muxer (connection);
      g_autofree char *quoted = muxer != NULL ? g_strdup_printf ("\"%s\"", muxer) : g_strdup ("null");

      dialer->connection = connection;
      detail = g_strdup_printf (
          "\"peer\":\"%s\",\"transport\":\"%s\",\"security\":\"%s\",\"muxer\":%s",
          lp2p_peer_id_get_string (lp2p_connection_get_remote_peer (connection)),
          lp2p_connection_get_transport (connection), lp2p_connection_get_security (connection), quoted);
    }
  peer_step_return (task, NULL, detail, error);
}

void
peer_step_connect (PeerDialer *dialer, GTask *task)
{
  g_task_set_task_data (task, dialer, NULL);
  lp2p_host_connect_async (dialer->host, dialer->address, g_task_get_cancellable (task),
                           on_connected, task);
}

/* first-byte: the least that an application may wait for */

typedef struct
{
  PeerDialer *dialer;
  Lp2pStream *stream;
  guint8 byte;
} FirstByte;

static void
first_byte_free (gpointer pointer)
{
  FirstByte *self = pointer;

  g_clear_object (&self->stream);
  g_free (self);
}

static void
on_first_byte_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  FirstByte *self = g_task_get_task_data (task);
  GError *error = NULL;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);

  if (n == 0)
    error = g_error_new (G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT, "the echo ended without a byte");
  peer_step_return (task, self->stream, NULL, error);
}

static void
on_first_byte_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  FirstByte *self = g_task_get_task_data (task);
  GError *error = NULL;

  if (g_output_stream_write_finish (G_OUTPUT_STREAM (source), result, &error) < 0)
    peer_step_return (task, self->stream, NULL, error);
  else
    g_input_stream_read_async (g_io_stream_get_input_stream (G_IO_STREAM (self->stream)),
                               &self->byte, 1, G_PRIORITY_DEFAULT, g_task_get_cancellable (task),
                               on_first_byte_read, task);
}

static void
on_first_byte_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  FirstByte *self = g_task_get_task_data (task);
  GError *error = NULL;

  if (LP2P_IS_HOST (source))
    self->stream = lp2p_host_open_stream_finish (LP2P_HOST (source), result, &error);
  else
    self->stream = peer_open_finish (result, &error);
  if (self->stream != NULL && LP2P_IS_HOST (source))
    self->dialer->connection = g_object_ref (lp2p_stream_get_connection (self->stream));
  if (self->stream == NULL)
    peer_step_return (task, NULL, NULL, error);
  else
    g_output_stream_write_async (g_io_stream_get_output_stream (G_IO_STREAM (self->stream)),
                                 &self->byte, 1, G_PRIORITY_DEFAULT, g_task_get_cancellable (task),
                                 on_first_byte_written, task);
}

void
peer_step_first_byte (PeerDialer *dialer, GTask *task)
{
  static const char *const protocols[] = { PEER_PROTOCOL_ECHO, NULL };
  FirstByte *self = g_new0 (FirstByte, 1);

  self->dialer = dialer;
  g_task_set_task_data (task, self, first_byte_free);
  if (dialer->connection == NULL)
    {
      g_autoptr (GPtrArray) addresses = g_ptr_array_new ();
      g_autoptr (Lp2pMultiaddr) plain = lp2p_multiaddr_without_peer_id (dialer->address);

      g_ptr_array_add (addresses, plain);
      lp2p_host_add_peer_addresses (dialer->host, dialer->peer, addresses, 3600);
      lp2p_host_open_stream_async (dialer->host, dialer->peer, protocols, LP2P_STREAM_REPLAY_SAFE,
                                   g_task_get_cancellable (task), on_first_byte_opened, task);
      return;
    }
  peer_open_async (dialer, PEER_PROTOCOL_ECHO, g_task_get_cancellable (task), on_first_byte_opened,
                   task);
}

/* identify */

typedef struct
{
  PeerDialer *dialer;
  gulong updated;
  GSource *deadline;
  gboolean over;
} Identify;

static void
identify_free (gpointer pointer)
{
  Identify *self = pointer;

  g_signal_handler_disconnect (self->dialer->host, self->updated);
  g_source_destroy (self->deadline);
  g_source_unref (self->deadline);
  g_free (self);
}

static char *
check_identified (PeerDialer *dialer, GStrv protocols, GError **error)
{
  static const char *const expected[] = { PEER_PROTOCOL_PING, PEER_PROTOCOL_ECHO };
  g_autoptr (GPtrArray) observed = lp2p_host_dup_observed_addresses (dialer->host);
  g_autofree char *all = g_strjoinv ("\",\"", protocols);
  g_autofree char *agent = lp2p_host_dup_peer_agent (dialer->host, dialer->peer);
  g_autofree char *quoted = peer_json_string (agent != NULL ? agent : "");
  g_autofree char *address = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (expected); i++)
    if (!g_strv_contains ((const char *const *) protocols, expected[i]))
      {
        g_set_error (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL, "the peer's protocols lack %s",
                     expected[i]);
        return NULL;
      }
  address = observed->len > 0 ? peer_json_string (lp2p_multiaddr_get_string (g_ptr_array_index (observed, 0)))
                              : g_strdup ("null");
  return g_strdup_printf ("\"agentVersion\":%s,\"protocols\":[\"%s\"],\"observedAddr\":%s", quoted, all, address);
}

static void
identify_end (GTask *task, char *detail, GError *error)
{
  Identify *self = g_task_get_task_data (task);

  self->over = TRUE;
  peer_step_return (task, NULL, detail, error);
}

static void
try_identify (GTask *task)
{
  Identify *self = g_task_get_task_data (task);
  g_auto (GStrv) protocols = NULL;
  GError *error = NULL;
  char *detail;

  if (self->over)
    return;
  protocols = lp2p_host_dup_peer_protocols (self->dialer->host, self->dialer->peer);
  if (protocols == NULL)
    return;
  detail = check_identified (self->dialer, protocols, &error);
  identify_end (task, detail, error);
}

static void
on_peer_updated (Lp2pHost *host, Lp2pPeerId *peer, gpointer user_data)
{
  GTask *task = user_data;
  Identify *self = g_task_get_task_data (task);

  if (lp2p_peer_id_equal (peer, self->dialer->peer))
    try_identify (task);
}

static gboolean
on_identify_deadline (GCancellable *cancellable, gpointer user_data)
{
  GTask *task = user_data;
  Identify *self = g_task_get_task_data (task);

  if (!self->over)
    identify_end (task, NULL,
                  g_error_new (G_IO_ERROR, G_IO_ERROR_CANCELLED, "the peer said nothing"));
  return G_SOURCE_REMOVE;
}

void
peer_step_identify (PeerDialer *dialer, GTask *task)
{
  Identify *self = g_new0 (Identify, 1);

  self->dialer = dialer;
  self->updated =
      g_signal_connect (dialer->host, "peer-updated", G_CALLBACK (on_peer_updated), task);
  self->deadline = g_cancellable_source_new (g_task_get_cancellable (task));
  g_source_set_callback (self->deadline, G_SOURCE_FUNC (on_identify_deadline), task, NULL);
  g_source_attach (self->deadline, NULL);
  g_task_set_task_data (task, self, identify_free);
  try_identify (task);
}

/* ping */

typedef struct
{
  Lp2pStream *stream;
  guint left;
  guint8 sent[PING_SIZE];
  guint8 got[PING_SIZE];
} Ping;

static void
ping_free (gpointer pointer)
{
  Ping *self = pointer;

  g_clear_object (&self->stream);
  g_free (self);
}

static void ping_next (GTask *task);

static void
on_ping_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  Ping *self = g_task_get_task_data (task);
  GError *error = NULL;
  gsize n;

  if (g_input_stream_read_all_finish (G_INPUT_STREAM (source), result, &n, &error) &&
      (n < PING_SIZE || memcmp (self->sent, self->got, PING_SIZE) != 0))
    error =
        g_error_new (LP2P_ERROR, LP2P_ERROR_PROTOCOL, "the echo of %u bytes differs", (guint) n);
  if (error != NULL)
    {
      g_prefix_error (&error, "ping, %u left: ", self->left);
      peer_step_return (task, self->stream, NULL, error);
      return;
    }
  self->left--;
  ping_next (task);
}

static void
on_ping_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  Ping *self = g_task_get_task_data (task);
  GError *error = NULL;

  if (!g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, &error))
    {
      peer_step_return (task, self->stream, NULL, error);
      return;
    }
  g_input_stream_read_all_async (g_io_stream_get_input_stream (G_IO_STREAM (self->stream)),
                                 self->got, PING_SIZE, G_PRIORITY_DEFAULT,
                                 g_task_get_cancellable (task), on_ping_read, task);
}

static void
ping_next (GTask *task)
{
  Ping *self = g_task_get_task_data (task);

  if (self->left == 0)
    {
      peer_step_return (task, self->stream, NULL, NULL);
      return;
    }
  RAND_bytes (self->sent, PING_SIZE);
  g_output_stream_write_all_async (g_io_stream_get_output_stream (G_IO_STREAM (self->stream)),
                                   self->sent, PING_SIZE, G_PRIORITY_DEFAULT,
                                   g_task_get_cancellable (task), on_ping_written, task);
}

static void
on_ping_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  Ping *self = g_task_get_task_data (task);
  GError *error = NULL;

  self->stream = peer_open_finish (result, &error);
  if (self->stream != NULL)
    ping_next (task);
  else
    peer_step_return (task, NULL, NULL, error);
}

void
peer_ping_async (PeerDialer *dialer,
                 guint round_trips,
                 GCancellable *cancellable,
                 GAsyncReadyCallback callback,
                 gpointer user_data)
{
  GTask *task = g_task_new (NULL, cancellable, callback, user_data);
  Ping *self = g_new0 (Ping, 1);

  self->left = round_trips;
  g_task_set_source_tag (task, peer_ping_async);
  g_task_set_check_cancellable (task, FALSE);
  g_task_set_task_data (task, self, ping_free);
  peer_open_async (dialer, PEER_PROTOCOL_PING, cancellable, on_ping_opened, task);
}

gboolean
peer_ping_finish (GAsyncResult *result, GError **error)
{
  g_task_propagate_pointer (G_TASK (result), error);
  return error == NULL || *error == NULL;
}

static void
on_pinged (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GError *error = NULL;
  gboolean ok = peer_ping_finish (result, &error);

  peer_step_return (user_data, NULL, ok ? g_strdup ("\"roundTrips\":100") : NULL, error);
}

void
peer_step_ping (PeerDialer *dialer, GTask *task)
{
  peer_ping_async (dialer, 100, g_task_get_cancellable (task), on_pinged, task);
}

/* quiet: for a while nothing is sent that the application has asked for */

static gboolean
on_quiet_over (gpointer user_data)
{
  GTask *task = user_data;

  peer_ping_async (g_task_get_task_data (task), 1, g_task_get_cancellable (task), on_pinged, task);
  return G_SOURCE_REMOVE;
}

void
peer_step_quiet (PeerDialer *dialer, GTask *task)
{
  g_task_set_task_data (task, dialer, NULL);
  g_timeout_add_seconds ((guint) dialer->options->quiet, on_quiet_over, task);
}

/* datagrams: which nobody has asked for */

static void
on_pinged_behind_datagrams (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GTask *task = user_data;
  GError *error = NULL;

  if (peer_ping_finish (result, &error))
    peer_step_return (task, NULL, g_strdup_printf ("\"datagrams\":%d", N_DATAGRAMS), NULL);
  else
    peer_step_return (task, NULL, NULL, error);
}

static GError *
send_datagrams (GObject *datagrams)
{
  guint8 bytes[N_DATAGRAMS] = { 0 };
  GError *error = NULL;

  if (datagrams == NULL || lp2p_datagrams_get_max_size (LP2P_DATAGRAMS (datagrams)) < N_DATAGRAMS)
    return g_error_new_literal (LP2P_ERROR, LP2P_ERROR_NOT_SUPPORTED, "the peer takes no datagrams");
  /* What finds no place in the queue is lost, as it may be anywhere. */
  for (guint i = 0; i < N_DATAGRAMS && error == NULL; i++)
    {
      g_autoptr (GBytes) datagram = g_bytes_new (bytes, i + 1);

      lp2p_datagrams_send (LP2P_DATAGRAMS (datagrams), datagram, &error);
      if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        g_clear_error (&error);
    }
  return error;
}

void
peer_step_datagrams (PeerDialer *dialer, GTask *task)
{
  GError *error = send_datagrams (lp2p_connection_get_capability (dialer->connection, LP2P_TYPE_DATAGRAMS));

  if (error != NULL)
    peer_step_return (task, NULL, NULL, error);
  else
    peer_ping_async (dialer, 1, g_task_get_cancellable (task), on_pinged_behind_datagrams, task);
}

/* wrong-peer */

static void
on_wrong_peer (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) refusal = NULL;
  g_autoptr (Lp2pConnection) connection =
      lp2p_host_connect_finish (LP2P_HOST (source), result, &refusal);
  g_autofree char *quoted = NULL;
  GError *error = NULL;
  char *detail = NULL;

  if (connection != NULL)
    error = g_error_new (LP2P_ERROR, LP2P_ERROR_WRONG_PEER,
                         "the connection to a wrong peer id was accepted");
  else if (!g_error_matches (refusal, LP2P_ERROR, LP2P_ERROR_WRONG_PEER))
    error = g_steal_pointer (&refusal);
  if (error == NULL)
    {
      quoted = peer_json_string (refusal->message);
      detail = g_strdup_printf ("\"refusal\":%s", quoted);
    }
  peer_step_return (user_data, NULL, detail, error);
}

void
peer_step_wrong_peer (PeerDialer *dialer, GTask *task)
{
  g_autoptr (Lp2pIdentity) wrong = peer_identity_new (NULL, NULL);
  g_autoptr (Lp2pMultiaddr) plain = lp2p_multiaddr_without_peer_id (dialer->address);
  g_autoptr (Lp2pMultiaddr) address =
      lp2p_multiaddr_with_peer_id (plain, lp2p_identity_get_peer_id (wrong));

  lp2p_host_connect_async (dialer->host, address, g_task_get_cancellable (task), on_wrong_peer,
                           task);
}
