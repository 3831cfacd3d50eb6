/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A test program as libp2p's official interoperability suite wants it: the
 * environment says what it is, a Redis tells the dialer where the listener is,
 * standard output has the dialer's measurements, the exit status the result. */

#include "../peers/lp2p/lp2p-peer.h"
#include "redis.h"

#include <glib-unix.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Nobody waits longer for either side. */
#define DEADLINE_SECONDS 180
#define BLPOP_SECONDS    "60"
#define PING_SIZE        32

static const char *
variable (const char *name, const char *otherwise)
{
  const char *value = g_getenv (name);

  return value != NULL && *value != '\0' ? value : otherwise;
}

/* Waiting: nothing else happens in this program meanwhile. */

static void
on_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

static GAsyncResult *
wait_for (GAsyncResult **result)
{
  while (*result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return *result;
}

static gboolean
start (Lp2pHost *host, const PeerOptions *options, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  lp2p_host_start_async (host, NULL, on_done, &result);
  return lp2p_host_start_finish (host, wait_for (&result), error) &&
         peer_host_check_stack (host, options, error);
}

static void
end (Lp2pHost *host)
{
  g_autoptr (GAsyncResult) result = NULL;

  lp2p_host_close_async (host, NULL, on_done, &result);
  lp2p_host_close_finish (host, wait_for (&result), NULL);
}

/* Listening */

static gboolean
is_loopback (Lp2pMultiaddr *address)
{
  const char *text = lp2p_multiaddr_get_string (address);

  return g_str_has_prefix (text, "/ip4/127.") || g_str_has_prefix (text, "/ip6/::1/");
}

/* The dialer may be on another machine: loopback only if there is nothing else. */
static const char *
choose_address (GPtrArray *addresses)
{
  for (guint i = 0; i < addresses->len; i++)
    if (!is_loopback (g_ptr_array_index (addresses, i)))
      return lp2p_multiaddr_get_string (g_ptr_array_index (addresses, i));
  return addresses->len > 0 ? lp2p_multiaddr_get_string (g_ptr_array_index (addresses, 0)) : NULL;
}

static gboolean
publish (Lp2pHost *host, const char *redis, const char *key, GError **error)
{
  g_autoptr (GPtrArray) addresses = lp2p_host_dup_listen_addresses (host);
  const char *address = choose_address (addresses);
  g_autofree char *answer = NULL;

  if (address == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "no address to listen on");
      return FALSE;
    }
  g_printerr ("listening on %s\n", address);
  answer = redis_command (redis, error, "RPUSH", key, address, NULL);
  return answer != NULL;
}

static gboolean
on_terminated (gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
  return G_SOURCE_CONTINUE;
}

static Lp2pMultiaddr *
listen_address (const char *transport, GError **error)
{
  const char *ip = variable ("LISTENER_IP", "0.0.0.0");
  const char *port = g_str_equal (transport, "quic-v1") ? "udp/0/quic-v1"
                     : g_str_equal (transport, "ws")    ? "tcp/0/ws"
                     : g_str_equal (transport, "wss")   ? "tcp/0/tls/ws"
                                                        : "tcp/0";
  g_autofree char *text =
      g_strdup_printf ("/%s/%s/%s", strchr (ip, ':') != NULL ? "ip6" : "ip4", ip, port);

  return lp2p_multiaddr_new_from_string (text, error);
}

/* Serves until it is ended: the suite stops the listener when the dialer is done. */
static gboolean
run_listener (Lp2pHost *host,
              const char *transport,
              const char *redis,
              const char *key,
              GError **error)
{
  g_autoptr (Lp2pMultiaddr) address = listen_address (transport, error);
  g_autoptr (GAsyncResult) result = NULL;
  static gboolean ended = FALSE;

  if (address == NULL)
    return FALSE;
  /* Before the dialer can know of us. */
  g_unix_signal_add (SIGTERM, on_terminated, &ended);
  g_unix_signal_add (SIGINT, on_terminated, &ended);
  lp2p_host_listen_async (host, address, NULL, on_done, &result);
  if (!lp2p_host_listen_finish (host, wait_for (&result), error) ||
      !publish (host, redis, key, error))
    return FALSE;
  while (!ended)
    g_main_context_iteration (NULL, TRUE);
  return TRUE;
}

/* Dialing */

static gboolean
ping (Lp2pStream *stream, GError **error)
{
  GInputStream *input = g_io_stream_get_input_stream (G_IO_STREAM (stream));
  GOutputStream *output = g_io_stream_get_output_stream (G_IO_STREAM (stream));
  g_autoptr (GAsyncResult) written = NULL;
  g_autoptr (GAsyncResult) read = NULL;
  guint8 sent[PING_SIZE];
  guint8 got[PING_SIZE];
  gsize n;

  RAND_bytes (sent, sizeof sent);
  g_output_stream_write_all_async (output, sent, sizeof sent, G_PRIORITY_DEFAULT, NULL, on_done,
                                   &written);
  if (!g_output_stream_write_all_finish (output, wait_for (&written), NULL, error))
    return FALSE;
  g_input_stream_read_all_async (input, got, sizeof got, G_PRIORITY_DEFAULT, NULL, on_done, &read);
  if (!g_input_stream_read_all_finish (input, wait_for (&read), &n, error))
    return FALSE;
  if (n == sizeof got && memcmp (sent, got, sizeof got) == 0)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "the answer to the ping differs");
  return FALSE;
}

static Lp2pStream *
open_ping (Lp2pConnection *connection, GError **error)
{
  const char *const protocols[] = { PEER_PROTOCOL_PING, NULL };
  g_autoptr (GAsyncResult) result = NULL;

  lp2p_connection_open_stream_async (connection, protocols, LP2P_STREAM_NONE, NULL, on_done,
                                     &result);
  return lp2p_connection_open_stream_finish (connection, wait_for (&result), error);
}

static void
print_latency (gint64 handshake, gint64 ping)
{
  char number[2][G_ASCII_DTOSTR_BUF_SIZE];

  printf ("latency:\n  handshake_plus_one_rtt: %s\n  ping_rtt: %s\n  unit: ms\n",
          g_ascii_formatd (number[0], sizeof number[0], "%.3f", handshake / 1000.0),
          g_ascii_formatd (number[1], sizeof number[1], "%.3f", ping / 1000.0));
}

static gboolean
run_dialer (Lp2pHost *host, const char *redis, const char *key, GError **error)
{
  g_autofree char *text = redis_command (redis, error, "BLPOP", key, BLPOP_SECONDS, NULL);
  g_autoptr (Lp2pMultiaddr) address =
      text != NULL ? lp2p_multiaddr_new_from_string (text, error) : NULL;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (Lp2pStream) stream = NULL;
  gint64 began, connected;

  if (address == NULL)
    return FALSE;
  g_printerr ("dialing %s\n", text);
  began = g_get_monotonic_time ();
  lp2p_host_connect_async (host, address, NULL, on_done, &result);
  connection = lp2p_host_connect_finish (host, wait_for (&result), error);
  stream = connection != NULL ? open_ping (connection, error) : NULL;
  if (stream == NULL || !ping (stream, error))
    return FALSE;
  connected = g_get_monotonic_time ();
  if (!ping (stream, error))
    return FALSE;
  print_latency (connected - began, g_get_monotonic_time () - connected);
  return TRUE;
}

int
main (void)
{
  g_autofree char *transport = g_strdup (variable ("TRANSPORT", "tcp"));
  /* Where the transport has both built in, neither is named, or it means nothing. */
  g_autofree char *security = g_strdup (variable ("SECURE_CHANNEL", "noise"));
  g_autofree char *muxer = g_strdup (variable ("MUXER", "yamux"));
  g_autofree char *certificate = g_strdup (g_getenv ("TLS_CERTIFICATE"));
  g_autofree char *private_key = g_strdup (g_getenv ("TLS_KEY"));
  g_autofree char *trust = g_strdup (g_getenv ("TLS_TRUST"));
  PeerOptions options = {
    .transport = transport,
    .security = security,
    .muxer = muxer,
    .tls_certificate = certificate,
    .tls_key = private_key,
    .tls_trust = trust,
  };
  g_autofree char *key = g_strconcat (variable ("TEST_KEY", ""), "_listener_multiaddr", NULL);
  const char *redis = variable ("REDIS_ADDR", "redis:6379");
  gboolean dialer = g_ascii_strcasecmp (variable ("IS_DIALER", "false"), "true") == 0;
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pHost) host = NULL;
  gboolean ok;

  /* Whatever hangs ends here, with the status of a failure. */
  alarm (DEADLINE_SECONDS);
  if (g_ascii_strcasecmp (variable ("DEBUG", "false"), "true") == 0)
    g_log_set_debug_enabled (TRUE);

  host = peer_host_new (&options, &error);
  ok = host != NULL && start (host, &options, &error) &&
       (dialer ? run_dialer (host, redis, key, &error)
               : run_listener (host, transport, redis, key, &error));
  if (!ok)
    g_printerr ("lp2p-interop: %s\n", error->message);
  if (host != NULL)
    end (host);
  return ok ? 0 : 1;
}
