/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-ws-dial.h"

#include <glib/gi18n-lib.h>
#include <gnutls/crypto.h>
#include <string.h>

#include <lp2p/net/lp2p-gnutls-layer.h>

#include "lp2p-ws-http.h"
#include "lp2p-ws-layer.h"

/* A dial: @layer is a socket first, then TLS on it, where @session is set until the
 * handshake is complete. */
typedef struct
{
  Lp2pDialing parent;
  const char *transport;
  Lp2pWsAddress address;
  char *host; /* its name, or its IP address where it has none */
  Lp2pWsTrust *trust;

  Lp2pLayer *layer;
  Lp2pMultiaddr *local_address;
  char *socket_id;
  gnutls_session_t session;
  GError *refusal; /* of what the server shows */
  GString *request; /* what is left of it */
  Lp2pWsReply *reply;
  GSource *cancel;
  Lp2pJob pump;
  Lp2pJob done;
  GError *error;
} Dial;

#define DIAL_OF(member, pointer) ((Dial *) ((char *) (pointer) - G_STRUCT_OFFSET (Dial, member)))

/* Ending */

static void
stop_working (Dial *self)
{
  lp2p_job_clear (&self->pump);
  lp2p_job_clear (&self->done);
  if (self->cancel != NULL)
    {
      g_source_destroy (self->cancel);
      g_source_unref (self->cancel);
    }
  if (self->layer != NULL)
    lp2p_layer_set_events (self->layer, NULL, NULL);
}

static void
dial_free (Dial *self)
{
  g_clear_pointer (&self->layer, lp2p_layer_free);
  g_clear_pointer (&self->local_address, lp2p_multiaddr_unref);
  g_clear_pointer (&self->reply, lp2p_ws_reply_free);
  g_clear_error (&self->refusal);
  g_clear_pointer (&self->trust, lp2p_ws_trust_unref);
  if (self->request != NULL)
    g_string_free (self->request, TRUE);
  lp2p_ws_address_clear (&self->address);
  g_free (self->host);
  g_free (self->socket_id);
  g_clear_error (&self->error);
  g_free (self);
}

/* Takes @error. */
static void
dial_end (Dial *self, Lp2pRawConnection *raw, GError *error)
{
  stop_working (self);
  if (raw == NULL && self->layer != NULL)
    lp2p_layer_abort (self->layer, 0);
  lp2p_dialing_end (&self->parent, raw, error);
  dial_free (self);
}

static Lp2pRawConnection *
make_raw (Dial *self)
{
  g_autoptr (Lp2pMultiaddr) suffix = lp2p_ws_address_make_suffix (&self->address);
  Lp2pLayer *layer = lp2p_ws_layer_new (g_steal_pointer (&self->layer), LP2P_ROLE_INITIATOR, NULL, 0);
  Lp2pRawConnection *raw = lp2p_raw_connection_new_layer (layer, self->transport, LP2P_ROLE_INITIATOR);

  raw->remote_address = lp2p_multiaddr_ref (self->parent.address);
  if (self->local_address != NULL)
    raw->local_address = lp2p_multiaddr_concat (self->local_address, suffix);
  raw->socket_id = g_steal_pointer (&self->socket_id);
  return raw;
}

/* The application is told from the run queue. */
static void
run_done (Lp2pJob *job)
{
  Dial *self = DIAL_OF (done, job);
  GError *error = g_steal_pointer (&self->error);

  dial_end (self, error == NULL ? make_raw (self) : NULL, error);
}

/* Takes @error. */
static void
done (Dial *self, GError *error)
{
  self->error = error;
  lp2p_layer_set_events (self->layer, NULL, NULL);
  lp2p_job_clear (&self->pump);
  lp2p_job_queue (&self->done);
}

static GError *
copy_layer_error (Dial *self)
{
  const GError *reason = lp2p_layer_get_error (self->layer);

  return reason != NULL ? g_error_copy (reason)
                        : g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, _("The connection is closed"));
}

/* TLS */

static GError *
explain_tls (Dial *self)
{
  g_autofree char *what = lp2p_ws_trust_explain (self->session);

  if (lp2p_gnutls_layer_get_same_role (self->layer))
    return g_error_new_literal (LP2P_ERROR, LP2P_ERROR_SAME_ROLE, _("The other side began a handshake of TLS as well"));
  if (what == NULL && self->refusal == NULL)
    return copy_layer_error (self);
  return g_error_new (G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE, _("The certificate of %s is not trusted: %s"),
                      self->host, self->refusal != NULL ? self->refusal->message : what);
}

/* Returns: 0, %LP2P_IO_AGAIN, or %LP2P_IO_FAILED when the dial is over */
static int
make_tls (Dial *self)
{
  int result;

  if (self->session == NULL)
    return 0;
  result = lp2p_gnutls_layer_handshake (self->layer);
  if (result == LP2P_IO_FAILED)
    done (self, explain_tls (self));
  else if (result == 0)
    {
      gnutls_deinit (lp2p_gnutls_layer_steal_session (self->layer));
      self->session = NULL;
    }
  return result;
}

/* The opening handshake */

static int
send_request (Dial *self)
{
  while (self->request->len > 0)
    {
      gssize n = lp2p_layer_write (self->layer, self->request->str, self->request->len, LP2P_WRITE_NONE);

      if (n == LP2P_IO_FAILED)
        {
          done (self, copy_layer_error (self));
          return LP2P_IO_FAILED;
        }
      if (n < 0)
        {
          lp2p_layer_want (self->layer, LP2P_READY_READ | LP2P_READY_WRITE);
          return LP2P_IO_AGAIN;
        }
      g_string_erase (self->request, 0, n);
    }
  lp2p_layer_flush (self->layer);
  return 0;
}

static void
read_reply (Dial *self)
{
  for (;;)
    {
      const guint8 *data;
      GError *error = NULL;
      gsize used = 0;
      gssize n = lp2p_layer_peek (self->layer, &data);
      Lp2pWsReplyStatus status;

      if (n == LP2P_IO_AGAIN)
        {
          lp2p_layer_park (self->layer);
          lp2p_layer_want (self->layer, LP2P_READY_READ);
          return;
        }
      if (n <= 0)
        {
          done (self, n == 0 ? g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED,
                                                    _("The server closed the connection instead of beginning a WebSocket"))
                             : copy_layer_error (self));
          return;
        }
      status = lp2p_ws_reply_input (self->reply, data, n, &used, &error);
      lp2p_layer_consume (self->layer, used);
      if (status != LP2P_WS_REPLY_MORE)
        {
          lp2p_layer_park (self->layer);
          done (self, error);
          return;
        }
    }
}

static void
run_pump (Lp2pJob *job)
{
  Dial *self = DIAL_OF (pump, job);

  if (make_tls (self) == 0 && send_request (self) == 0)
    read_reply (self);
}

static void
on_layer_ready (Lp2pLayer *layer, Lp2pReady ready, gpointer data)
{
  lp2p_job_queue (&((Dial *) data)->pump);
}

static void
on_layer_failed (Lp2pLayer *layer, const GError *error, gpointer data)
{
  lp2p_job_queue (&((Dial *) data)->pump);
}

static const Lp2pLayerEvents layer_events = {
  .ready = on_layer_ready,
  .failed = on_layer_failed,
};

/* Beginning */

static gboolean
write_request (Dial *self, GError **error)
{
  guint8 nonce[LP2P_WS_NONCE_SIZE];
  g_autofree char *host = lp2p_ws_address_make_host (&self->address, self->host);
  Lp2pWsRequest request = { .host = host, .path = self->address.path };
  g_autofree char *key = NULL;

  if (gnutls_rnd (GNUTLS_RND_NONCE, nonce, sizeof nonce) < 0)
    {
      g_set_error_literal (error, LP2P_ERROR, LP2P_ERROR_FAILED, _("WebSocket: there are no random bytes"));
      return FALSE;
    }
  key = lp2p_ws_key_new (nonce);
  self->request = g_string_new (NULL);
  self->reply = lp2p_ws_reply_new (key);
  return lp2p_ws_request_write (&request, key, self->request, error);
}

/* What it was waiting for is of interest where there was no time left. */
static gboolean
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  Dial *self = user_data;
  const char *format = self->session != NULL ? _("the TLS handshake with %s was not complete")
                                             : _("%s did not begin a WebSocket");

  dial_end (self, NULL, g_error_new (G_IO_ERROR, G_IO_ERROR_CANCELLED, format, self->host));
  return G_SOURCE_REMOVE;
}

static void
begin_work (Dial *self)
{
  Lp2pLoop *loop = self->layer->loop;

  lp2p_job_init (&self->pump, loop, LP2P_JOB_PUMP, run_pump);
  lp2p_job_init (&self->done, loop, LP2P_JOB_RUN, run_done);
  self->cancel = g_cancellable_source_new (self->parent.cancellable);
  g_source_set_callback (self->cancel, G_SOURCE_FUNC (on_cancelled), self, NULL);
  g_source_attach (self->cancel, lp2p_loop_get_context (loop));
  lp2p_layer_set_events (self->layer, &layer_events, self);
  lp2p_job_queue (&self->pump);
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Dial *self = user_data;
  GError *error = NULL;

  self->layer = lp2p_tcp_hub_dial_finish (LP2P_TCP_HUB (source), result, &self->local_address, &self->socket_id, &error);
  if (self->layer == NULL || !write_request (self, &error))
    {
      dial_end (self, NULL, error);
      return;
    }
  if (self->trust != NULL)
    {
      self->session = lp2p_ws_trust_new_session (self->trust, self->host, &self->refusal, &error);
      if (self->session == NULL)
        {
          dial_end (self, NULL, error);
          return;
        }
      self->layer = lp2p_gnutls_layer_new (self->layer, self->session);
    }
  begin_work (self);
}

/* Whose certificate is wanted, and whom a request is for. The dot that ends a name in
 * the DNS is in neither.
 *
 * Returns: (transfer full) */
static char *
make_host_name (const Lp2pWsAddress *address, const Lp2pWsDialParams *params)
{
  const char *name = address->server_name != NULL ? address->server_name
                     : params->host_name != NULL  ? params->host_name
                                                  : address->host;

  return g_strndup (name, strlen (name) - g_str_has_suffix (name, "."));
}

void
lp2p_ws_dial_start (Lp2pTcpHub *hub,
                    Lp2pDialings *dialings,
                    Lp2pMultiaddr *address,
                    Lp2pWsDialParams *params,
                    GTask *task)
{
  Dial *self = g_new0 (Dial, 1);
  g_autoptr (Lp2pMultiaddr) plain = lp2p_multiaddr_slice (address, 0, params->address.end);

  lp2p_dialing_begin (&self->parent, dialings, task, plain);
  self->transport = params->transport;
  self->address = params->address;
  params->address = (Lp2pWsAddress){ 0 };
  self->host = make_host_name (&self->address, params);
  self->trust = params->trust != NULL ? lp2p_ws_trust_ref (params->trust) : NULL;
  lp2p_tcp_hub_dial_async (hub, self->parent.address, params->host_name, params->flags, self->parent.cancellable,
                           on_connected, self);
}
