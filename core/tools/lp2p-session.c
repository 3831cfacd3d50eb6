/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/lp2p-session-private.h"
#include "types/lp2p-i18n-private.h"

#include "tools/lp2p-keys-private.h"

#include <glib-unix.h>
#include <string.h>

#define PING_SIZE 32

/* Lives as long as the process. */
static GCancellable *interrupted;

/* Interrupts */

static gboolean
on_signal (gpointer user_data)
{
  tool_interrupt ();
  return G_SOURCE_CONTINUE;
}

/**
 * tool_watch_interrupts:
 *
 * Makes SIGINT and SIGTERM end the step that runs, so that the command can close
 * what it has opened.
 */
void
tool_watch_interrupts (void)
{
  if (interrupted != NULL)
    return;
  interrupted = g_cancellable_new ();
  g_unix_signal_add (SIGINT, on_signal, NULL);
  g_unix_signal_add (SIGTERM, on_signal, NULL);
}

void
tool_interrupt (void)
{
  g_cancellable_cancel (interrupted);
  g_main_context_wakeup (NULL);
}

gboolean
tool_is_interrupted (void)
{
  return g_cancellable_is_cancelled (interrupted);
}

/* Steps */

static gboolean
on_timeout (gpointer user_data)
{
  ToolWait *self = user_data;

  self->timed_out = TRUE;
  g_cancellable_cancel (self->cancellable);
  return G_SOURCE_REMOVE;
}

static void
on_interrupted (GCancellable *cancellable, gpointer user_data)
{
  g_cancellable_cancel (((ToolWait *) user_data)->cancellable);
}

/**
 * tool_wait_init:
 * @self: a step
 * @seconds: how long it may take, 0 for any time
 *
 * Prepares a step. Its call takes `cancellable`, tool_wait_ready() and @self.
 */
void
tool_wait_init (ToolWait *self, double seconds)
{
  memset (self, 0, sizeof *self);
  self->seconds = seconds;
  self->cancellable = g_cancellable_new ();
  if (interrupted != NULL)
    self->interrupt_id =
        g_cancellable_connect (interrupted, G_CALLBACK (on_interrupted), self, NULL);
  if (seconds > 0)
    {
      self->timer = g_timeout_source_new ((guint) MIN (seconds * 1000 + 0.5, G_MAXUINT));
      g_source_set_callback (self->timer, on_timeout, self, NULL);
      g_source_attach (self->timer, NULL);
    }
}

void
tool_wait_clear (ToolWait *self)
{
  if (self->timer != NULL)
    g_source_destroy (self->timer);
  g_clear_pointer (&self->timer, g_source_unref);
  if (self->interrupt_id != 0)
    g_cancellable_disconnect (interrupted, self->interrupt_id);
  self->interrupt_id = 0;
  g_clear_object (&self->cancellable);
  g_clear_object (&self->result);
}

void
tool_wait_ready (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ToolWait *self = user_data;

  self->result = g_object_ref (result);
  self->done = TRUE;
}

/* Runs until the call is finished, which it is soon after it was cancelled. */
GAsyncResult *
tool_wait_run (ToolWait *self)
{
  while (!self->done)
    g_main_context_iteration (NULL, TRUE);
  return self->result;
}

/**
 * tool_wait_explain:
 * @self: a step that is done
 * @error: its error, if any
 *
 * Makes "cancelled" say why.
 *
 * Returns: %FALSE
 */
gboolean
tool_wait_explain (ToolWait *self, GError **error)
{
  if (error == NULL || !g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return FALSE;
  g_clear_error (error);
  if (self->timed_out)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, _("timed out after %g s"), self->seconds);
  else
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, _("interrupted"));
  return FALSE;
}

/* Returns whether the time passed without an interrupt. No time is for what else
 * there is to do. */
gboolean
tool_sleep (double seconds)
{
  g_auto (ToolWait) wait = { NULL };

  if (seconds <= 0)
    {
      g_main_context_iteration (NULL, FALSE);
      return !tool_is_interrupted ();
    }
  tool_wait_init (&wait, seconds);
  while (!g_cancellable_is_cancelled (wait.cancellable))
    g_main_context_iteration (NULL, TRUE);
  return !tool_is_interrupted ();
}

/* Hosts */

static Lp2pIdentity *
make_identity (ToolOptions *options, GError **error)
{
  Lp2pIdentity *identity = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, error);

  if (identity != NULL)
    tool_note (options, _("temporary identity %s"),
               lp2p_peer_id_get_string (lp2p_identity_get_peer_id (identity)));
  return identity;
}

/**
 * tool_load_kept_identity:
 * @options: the common options
 * @config: the configuration
 * @identity: (out) (nullable): return location for the identity
 * @error: return location for an error
 *
 * Loads the identity of --identity, or else the one that the configuration names, or
 * else the one that `lp2p id` keeps.
 *
 * Returns: whether nothing is wrong; @identity is %NULL then where none is kept
 */
gboolean
tool_load_kept_identity (ToolOptions *options, Lp2pConfig *config, Lp2pIdentity **identity, GError **error)
{
  g_autofree char *configured = lp2p_config_get_string (config, LP2P_CONFIG_GROUP_HOST, "identity");
  const char *name = configured[0] != '\0' ? configured : TOOL_KEY_NAME;
  g_autoptr (GError) local_error = NULL;
  g_auto (ToolWait) wait = { 0 };

  if (options->identity_file != NULL)
    {
      tool_note (options, _("identity in %s"), options->identity_file);
      *identity = lp2p_identity_load_file (options->identity_file, LP2P_IDENTITY_FILE_NONE, error);
      return *identity != NULL;
    }

  /* It may take the user some time to unlock a key store. */
  tool_wait_init (&wait, 0);
  lp2p_key_stores_load_async (config, name, wait.cancellable, tool_wait_ready, &wait);
  *identity = lp2p_key_stores_load_finish (tool_wait_run (&wait), &local_error);
  if (*identity != NULL)
    tool_note (options, _("identity %s"), name);
  else if (configured[0] != '\0' || !g_error_matches (local_error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      tool_wait_explain (&wait, error);
      return FALSE;
    }
  return TRUE;
}

/**
 * tool_load_identity:
 * @options: the common options
 * @config: the configuration
 * @for_listening: whether this is the peer that others look for
 * @error: return location for an error
 *
 * Loads the identity of --identity, or else, for a listener, the one of the
 * configuration or the one that `lp2p id` keeps. Otherwise it is a temporary one:
 * also for what only dials, which could not reach a listener on the same machine
 * if both were the same peer.
 *
 * Returns: (transfer full): the identity
 */
Lp2pIdentity *
tool_load_identity (ToolOptions *options,
                    Lp2pConfig *config,
                    gboolean for_listening,
                    GError **error)
{
  Lp2pIdentity *identity = NULL;

  if ((for_listening || options->identity_file != NULL) &&
      !tool_load_kept_identity (options, config, &identity, error))
    return NULL;
  return identity != NULL ? identity : make_identity (options, error);
}

/**
 * tool_host_start:
 * @config: its configuration
 * @identity: its identity
 * @error: return location for an error
 *
 * Makes a host and starts it.
 *
 * Returns: (transfer full): the host
 */
Lp2pHost *
tool_host_start (Lp2pConfig *config, Lp2pIdentity *identity, GError **error)
{
  g_autoptr (Lp2pHost) host = lp2p_host_new (config, identity);
  g_auto (ToolWait) wait;

  tool_wait_init (&wait, TOOL_STEP_SECONDS);
  lp2p_host_start_async (host, wait.cancellable, tool_wait_ready, &wait);
  if (lp2p_host_start_finish (host, tool_wait_run (&wait), error))
    return g_steal_pointer (&host);
  tool_wait_explain (&wait, error);
  tool_host_close (host);
  return NULL;
}

gboolean
tool_host_listen (Lp2pHost *host, Lp2pMultiaddr *address, GError **error)
{
  g_auto (ToolWait) wait;

  tool_wait_init (&wait, TOOL_STEP_SECONDS);
  lp2p_host_listen_async (host, address, wait.cancellable, tool_wait_ready, &wait);
  return lp2p_host_listen_finish (host, tool_wait_run (&wait), error) ||
         tool_wait_explain (&wait, error);
}

Lp2pConnection *
tool_host_connect (Lp2pHost *host, Lp2pMultiaddr *address, double seconds, GError **error)
{
  Lp2pConnection *connection;
  g_auto (ToolWait) wait;

  tool_wait_init (&wait, seconds);
  lp2p_host_connect_async (host, address, wait.cancellable, tool_wait_ready, &wait);
  connection = lp2p_host_connect_finish (host, tool_wait_run (&wait), error);
  if (connection == NULL)
    tool_wait_explain (&wait, error);
  return connection;
}

/* An interrupt does not cut this short: closing is what it asks for. */
void
tool_host_close (Lp2pHost *host)
{
  ToolWait wait = { NULL };

  lp2p_host_close_async (host, NULL, tool_wait_ready, &wait);
  lp2p_host_close_finish (host, tool_wait_run (&wait), NULL);
  tool_wait_clear (&wait);
}

/* Streams */

/* Opens a stream and waits until the peer has agreed to the protocol. */
Lp2pStream *
tool_connection_open_stream (Lp2pConnection *connection,
                             const char *protocol,
                             double seconds,
                             GError **error)
{
  const char *const protocols[] = { protocol, NULL };
  g_autoptr (Lp2pStream) stream = NULL;
  g_auto (ToolWait) wait;
  g_auto (ToolWait) agreed;

  tool_wait_init (&wait, seconds);
  tool_wait_init (&agreed, seconds);
  lp2p_connection_open_stream_async (connection, protocols, LP2P_STREAM_NONE, wait.cancellable,
                                     tool_wait_ready, &wait);
  stream = lp2p_connection_open_stream_finish (connection, tool_wait_run (&wait), error);
  if (stream == NULL)
    {
      tool_wait_explain (&wait, error);
      return NULL;
    }
  lp2p_stream_negotiate_async (stream, G_PRIORITY_DEFAULT, agreed.cancellable, tool_wait_ready,
                               &agreed);
  if (!lp2p_stream_negotiate_finish (stream, tool_wait_run (&agreed), error))
    {
      tool_wait_explain (&agreed, error);
      return NULL;
    }
  return g_steal_pointer (&stream);
}

/* Writes what the stream takes at once. */
gssize
tool_stream_write (Lp2pStream *stream, const void *data, gsize size, double seconds, GError **error)
{
  GOutputStream *output = g_io_stream_get_output_stream (G_IO_STREAM (stream));
  g_auto (ToolWait) wait;
  gssize n;

  tool_wait_init (&wait, seconds);
  g_output_stream_write_async (output, data, size, G_PRIORITY_DEFAULT, wait.cancellable,
                               tool_wait_ready, &wait);
  n = g_output_stream_write_finish (output, tool_wait_run (&wait), error);
  if (n < 0)
    tool_wait_explain (&wait, error);
  return n;
}

gboolean
tool_stream_write_all (
    Lp2pStream *stream, const void *data, gsize size, double seconds, GError **error)
{
  gsize done = 0;

  while (done < size)
    {
      gssize n =
          tool_stream_write (stream, (const guint8 *) data + done, size - done, seconds, error);

      if (n < 0)
        return FALSE;
      done += (gsize) n;
    }
  return TRUE;
}

/* Reads what is there; 0 is the end. */
gssize
tool_stream_read (Lp2pStream *stream, void *buffer, gsize size, double seconds, GError **error)
{
  GInputStream *input = g_io_stream_get_input_stream (G_IO_STREAM (stream));
  g_auto (ToolWait) wait;
  gssize n;

  tool_wait_init (&wait, seconds);
  g_input_stream_read_async (input, buffer, size, G_PRIORITY_DEFAULT, wait.cancellable,
                             tool_wait_ready, &wait);
  n = g_input_stream_read_finish (input, tool_wait_run (&wait), error);
  if (n < 0)
    tool_wait_explain (&wait, error);
  return n;
}

gboolean
tool_stream_read_all (Lp2pStream *stream, void *buffer, gsize size, double seconds, GError **error)
{
  gsize done = 0;

  while (done < size)
    {
      gssize n = tool_stream_read (stream, (guint8 *) buffer + done, size - done, seconds, error);

      if (n < 0)
        return FALSE;
      if (n == 0)
        {
          g_set_error (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL,
                       _("the peer ended the stream after %zu bytes, expected %zu"),
                       done, size);
          return FALSE;
        }
      done += (gsize) n;
    }
  return TRUE;
}

/* Tells the peer that there is no more from here. */
gboolean
tool_stream_end_writing (Lp2pStream *stream, double seconds, GError **error)
{
  GOutputStream *output = g_io_stream_get_output_stream (G_IO_STREAM (stream));
  g_auto (ToolWait) wait;

  tool_wait_init (&wait, seconds);
  g_output_stream_close_async (output, G_PRIORITY_DEFAULT, wait.cancellable, tool_wait_ready,
                               &wait);
  return g_output_stream_close_finish (output, tool_wait_run (&wait), error) ||
         tool_wait_explain (&wait, error);
}

/**
 * tool_stream_ping:
 * @stream: a stream of the ping protocol
 * @seconds: how long the answer may take
 * @time: (out): the round trip, in milliseconds
 * @error: return location for an error
 *
 * Sends 32 bytes that nobody can foresee and waits for them to come back.
 *
 * Returns: whether they did
 */
gboolean
tool_stream_ping (Lp2pStream *stream, double seconds, double *time, GError **error)
{
  guint32 sent[PING_SIZE / sizeof (guint32)];
  guint32 received[G_N_ELEMENTS (sent)];
  gint64 start;

  for (gsize i = 0; i < G_N_ELEMENTS (sent); i++)
    sent[i] = g_random_int ();
  start = g_get_monotonic_time ();
  if (!tool_stream_write_all (stream, sent, sizeof sent, seconds, error) ||
      !tool_stream_read_all (stream, received, sizeof received, seconds, error))
    return FALSE;
  *time = (double) (g_get_monotonic_time () - start) / 1000;
  if (memcmp (sent, received, sizeof sent) == 0)
    return TRUE;
  g_set_error_literal (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL,
                       _("the answer has other bytes than the ping"));
  return FALSE;
}

/* Dialing */

static Lp2pHost *
start_dialer (ToolLine *line, GError **error)
{
  g_autoptr (Lp2pConfig) config = tool_options_load_config (line->options, error);
  g_autoptr (Lp2pIdentity) identity = NULL;

  if (config == NULL)
    return NULL;
  /* The addresses of the configuration are those of a listener that may run. */
  if (!lp2p_config_set_from_string (config, LP2P_CONFIG_GROUP_HOST, "listen", "[]", error))
    return NULL;
  identity = tool_load_identity (line->options, config, FALSE, error);
  if (identity == NULL)
    return NULL;
  return tool_host_start (config, identity, error);
}

/**
 * tool_describe_connection:
 * @connection: a connection
 *
 * Tells whom it leads to and what it is made of. The muxer is left out as long as the
 * peer has not agreed to one, where the handshake does not settle that.
 *
 * Returns: (transfer full): the description
 */
char *
tool_describe_connection (Lp2pConnection *connection)
{
  const char *muxer = lp2p_connection_get_muxer (connection);

  /* Translators: a peer, transport, security protocol, and ", " with a muxer, if any */
  return g_strdup_printf (_("%s by %s, %s%s%s"),
                          lp2p_peer_id_get_string (lp2p_connection_get_remote_peer (connection)),
                          lp2p_connection_get_transport (connection),
                          lp2p_connection_get_security (connection), muxer != NULL ? ", " : "",
                          muxer != NULL ? muxer : "");
}

/**
 * tool_dial:
 * @line: the line of the command
 * @text: an address
 * @seconds: how long connecting may take
 * @dial: what to fill; to be closed also after a failure
 *
 * Starts a host that only dials and connects it to an address. A failure is
 * reported.
 *
 * Returns: %TOOL_EXIT_OK or what the command is to end with
 */
int
tool_dial (ToolLine *line, const char *text, double seconds, ToolDial *dial)
{
  const char *what = line->command->name;
  g_autoptr (Lp2pMultiaddr) address = NULL;
  g_autofree char *connection = NULL;
  g_autoptr (GError) error = NULL;

  address = lp2p_multiaddr_new_from_string (text, &error);
  if (address == NULL)
    return tool_fail (TOOL_EXIT_USAGE, what, "%s", error->message);

  tool_watch_interrupts ();
  dial->host = start_dialer (line, &error);
  if (dial->host != NULL)
    dial->connection = tool_host_connect (dial->host, address, seconds, &error);
  if (dial->connection == NULL)
    return tool_fail_error (what, error);
  connection = tool_describe_connection (dial->connection);
  tool_note (line->options, _("connected to %s"), connection);
  return TOOL_EXIT_OK;
}

void
tool_dial_close (ToolDial *self)
{
  g_clear_object (&self->connection);
  if (self->host != NULL)
    tool_host_close (self->host);
  g_clear_object (&self->host);
}
