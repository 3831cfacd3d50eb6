/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-ws-server.h"

#include <glib/gi18n-lib.h>
#include <libsoup/soup.h>
#include <string.h>

#include "lp2p-ws-layer.h"

/* RFC 9110 has it, libsoup does not. */
#define STATUS_UPGRADE_REQUIRED 426

/* What libsoup is given of a connection, whose own bound is several times as large. Browsers
 * send a tenth of it. What is behind the request is among it, from a client that does not
 * wait for the answer. */
#define MAX_HEAD (16 * 1024)

/* For whoever finds the port with a browser. */
#define PAGE                                                              \
  "This port is for libp2p, over WebSocket.\n"                            \
  "\n"                                                                    \
  "There is nothing to see here: programs that speak libp2p connect to\n" \
  "this address. See https://libp2p.io.\n"

struct _Lp2pWsServer
{
  SoupServer *soup;
};

/*
 * stream: libsoup's, which the layer is under
 * refused: a request that is not read to its end, paused, or NULL
 */
struct _Lp2pWsVisit
{
  GIOStream *stream;
  GSocketAddress *remote_address;
  SoupServerMessage *refused;
  Lp2pJob refusal;
  const Lp2pWsVisitFuncs *funcs;
  gpointer user_data;
};

static G_DEFINE_QUARK (lp2p-ws-visit, visit);

/* Returns: (nullable): the visit that a request belongs to, while it lasts */
static Lp2pWsVisit *
find_visit (SoupServerMessage *message)
{
  GSocketAddress *remote = soup_server_message_get_remote_address (message);

  return remote != NULL ? g_object_get_qdata (G_OBJECT (remote), visit_quark ()) : NULL;
}

/* libsoup goes on with a request that was paused: it finds the stream closed. */
static void
visit_free (Lp2pWsVisit *self)
{
  g_object_set_qdata (G_OBJECT (self->remote_address), visit_quark (), NULL);
  g_object_unref (self->remote_address);
  lp2p_job_clear (&self->refusal);
  if (self->refused != NULL)
    soup_server_message_unpause (self->refused);
  g_clear_object (&self->refused);
  g_free (self);
}

static void
on_stream_gone (gpointer user_data, GObject *stream)
{
  Lp2pWsVisit *self = user_data;
  const Lp2pWsVisitFuncs *funcs = self->funcs;
  gpointer data = self->user_data;

  visit_free (self);
  funcs->ended (NULL, data);
}

/* Takes the layer back, and ends the visit without telling. */
static Lp2pLayer *
steal_layer (Lp2pWsVisit *self)
{
  Lp2pLayer *layer;

  g_object_weak_unref (G_OBJECT (self->stream), on_stream_gone, self);
  layer = lp2p_layer_steal_from_io_stream (self->stream);
  visit_free (self);
  return layer;
}

/* Requests with a body */

static void
run_refusal (Lp2pJob *job)
{
  Lp2pWsVisit *self = (Lp2pWsVisit *) ((char *) job - G_STRUCT_OFFSET (Lp2pWsVisit, refusal));
  const Lp2pWsVisitFuncs *funcs = self->funcs;
  gpointer data = self->user_data;

  lp2p_ws_visit_drop (self);
  funcs->ended (NULL, data);
}

static gboolean
has_body (SoupMessageHeaders *request)
{
  switch (soup_message_headers_get_encoding (request))
    {
    case SOUP_ENCODING_NONE:
      return FALSE;
    case SOUP_ENCODING_CONTENT_LENGTH:
      return soup_message_headers_get_content_length (request) > 0;
    default:
      return TRUE;
    }
}

/* libsoup reads a body to its end before it answers, and nobody has to end one. */
static void
refuse_body (Lp2pWsVisit *self, SoupServerMessage *message)
{
  soup_server_message_pause (message);
  self->refused = g_object_ref (message);
  lp2p_job_queue (&self->refusal);
}

/* What libsoup refuses by itself, before it asks here, it reads to its end too. */
static void
on_request_started (SoupServer *soup, SoupServerMessage *message, gpointer user_data)
{
  soup_message_body_set_accumulate (soup_server_message_get_request_body (message), FALSE);
}

/* Answers */

static void
begin_websocket (Lp2pWsVisit *self, SoupServerMessage *message)
{
  const Lp2pWsVisitFuncs *funcs = self->funcs;
  gpointer data = self->user_data;
  g_autoptr (SoupServerMessage) keep = g_object_ref (message);
  g_autoptr (GIOStream) stream = soup_server_message_steal_connection (message);
  g_autofree guint8 *early = g_malloc (MAX_HEAD);
  GInputStream *input = g_io_stream_get_input_stream (stream);
  gssize n = g_pollable_input_stream_read_nonblocking (G_POLLABLE_INPUT_STREAM (input), early, MAX_HEAD, NULL, NULL);
  Lp2pLayer *layer = steal_layer (self);

  if (layer != NULL)
    {
      lp2p_layer_flush (layer);
      layer = lp2p_ws_layer_new (layer, LP2P_ROLE_RESPONDER, early, MAX (n, 0));
    }
  funcs->ended (layer, data);
}

/* The answer has been handed to the layer, unless the visit was dropped meanwhile. */
static void
on_answered (SoupServerMessage *message, gpointer user_data)
{
  Lp2pWsVisit *visit = find_visit (message);

  if (visit != NULL)
    begin_websocket (visit, message);
}

static void
answer (SoupServerMessage *message, guint status, const char *text)
{
  soup_server_message_set_status (message, status, status == STATUS_UPGRADE_REQUIRED ? "Upgrade Required" : NULL);
  soup_server_message_set_response (message, "text/plain; charset=utf-8", SOUP_MEMORY_COPY, text, strlen (text));
}

/* RFC 6455 section 4.4: another version is told which one would do. */
static void
refuse (SoupServerMessage *message, const GError *reason)
{
  SoupMessageHeaders *response = soup_server_message_get_response_headers (message);
  const char *version =
      soup_message_headers_get_one (soup_server_message_get_request_headers (message), "Sec-WebSocket-Version");

  answer (message, g_strcmp0 (version, "13") == 0 ? SOUP_STATUS_BAD_REQUEST : STATUS_UPGRADE_REQUIRED,
          reason->message);
  soup_message_headers_replace (response, "Upgrade", "websocket");
  soup_message_headers_replace (response, "Sec-WebSocket-Version", "13");
}

static void
take_request (Lp2pWsVisit *self, SoupServerMessage *message, const char *path)
{
  SoupMessageHeaders *request = soup_server_message_get_request_headers (message);
  const char *method = soup_server_message_get_method (message);
  g_autoptr (GError) error = NULL;
  guint status;

  /* libsoup would put as many parts together as a client asks for. */
  soup_message_headers_remove (request, "Range");
  if (method != SOUP_METHOD_GET && method != SOUP_METHOD_HEAD)
    {
      answer (message, SOUP_STATUS_METHOD_NOT_ALLOWED, PAGE);
      return;
    }
  if (method == SOUP_METHOD_HEAD || !soup_message_headers_header_contains (request, "Upgrade", "websocket"))
    {
      answer (message, SOUP_STATUS_OK, PAGE);
      return;
    }
  if (!soup_websocket_server_check_handshake (message, NULL, NULL, NULL, &error))
    {
      refuse (message, error);
      return;
    }
  status = self->funcs->admit (path, request, self->user_data);
  if (status != 0)
    {
      answer (message, status, PAGE);
      return;
    }
  if (soup_websocket_server_process_handshake (message, NULL, NULL, NULL, NULL))
    g_signal_connect (message, "wrote-informational", G_CALLBACK (on_answered), NULL);
}

static void
on_request (SoupServer *soup, SoupServerMessage *message, const char *path, GHashTable *query, gpointer user_data)
{
  Lp2pWsVisit *visit = find_visit (message);

  if (visit != NULL && has_body (soup_server_message_get_request_headers (message)))
    {
      refuse_body (visit, message);
      return;
    }
  if (visit == NULL)
    soup_server_message_set_status (message, SOUP_STATUS_INTERNAL_SERVER_ERROR, NULL);
  else
    take_request (visit, message, path);
  /* One request is what a connection is for. */
  if (soup_server_message_get_status (message) != SOUP_STATUS_SWITCHING_PROTOCOLS)
    soup_message_headers_replace (soup_server_message_get_response_headers (message), "Connection", "close");
}

Lp2pWsServer *
lp2p_ws_server_new (void)
{
  Lp2pWsServer *self = g_new0 (Lp2pWsServer, 1);

  self->soup = g_object_new (SOUP_TYPE_SERVER, NULL);
  g_signal_connect (self->soup, "request-started", G_CALLBACK (on_request_started), NULL);
  soup_server_add_early_handler (self->soup, NULL, on_request, self, NULL);
  return self;
}

/* No visit may be left. */
void
lp2p_ws_server_free (Lp2pWsServer *self)
{
  g_object_unref (self->soup);
  g_free (self);
}

/* Takes @layer, on which nothing has been read. @visit is set before anything happens,
 * and is there until it has ended, which may be before this returns, or was dropped. */
void
lp2p_ws_server_receive (Lp2pWsServer *self,
                        Lp2pLayer *layer,
                        GSocketAddress *local_address,
                        GSocketAddress *remote_address,
                        const Lp2pWsVisitFuncs *funcs,
                        gpointer user_data,
                        Lp2pWsVisit **visit)
{
  GMainContext *context = lp2p_loop_get_context (layer->loop);
  /* Where libsoup does not want it, the visit ends with it. */
  g_autoptr (GIOStream) stream = lp2p_layer_to_io_stream (layer);
  g_autoptr (GError) error = NULL;

  lp2p_layer_io_stream_limit_input (stream, MAX_HEAD);
  *visit = g_new0 (Lp2pWsVisit, 1);
  (*visit)->stream = stream;
  lp2p_job_init (&(*visit)->refusal, layer->loop, LP2P_JOB_RUN, run_refusal);
  (*visit)->remote_address = g_object_ref (remote_address);
  (*visit)->funcs = funcs;
  (*visit)->user_data = user_data;
  g_object_weak_ref (G_OBJECT (stream), on_stream_gone, *visit);
  g_object_set_qdata (G_OBJECT (remote_address), visit_quark (), *visit);

  g_main_context_push_thread_default (context);
  if (!soup_server_accept_iostream (self->soup, stream, local_address, remote_address, &error))
    g_debug ("HTTP cannot begin: %s", error->message);
  g_main_context_pop_thread_default (context);
}

/* Gives the connection up. */
void
lp2p_ws_visit_drop (Lp2pWsVisit *self)
{
  Lp2pLayer *layer = steal_layer (self);

  if (layer == NULL)
    return;
  lp2p_layer_abort (layer, 0);
  lp2p_layer_free (layer);
}
