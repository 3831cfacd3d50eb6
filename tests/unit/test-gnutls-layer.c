/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* TLS 1.3 on layers: both ends in this process, over two layers in memory. */

#include <errno.h>
#include <string.h>

#include "net/lp2p-gnutls-private.h"

#include <lp2p/net/lp2p-io-stream-layer.h>
#include <lp2p/net/lp2p-layer-io-stream.h>

#include "memory-layer.h"
#include "tls-session.h"

typedef struct _Fixture Fixture;

typedef struct
{
  Fixture *f;
  Lp2pLayer *layer;
  Lp2pLayer *below;
  guint n_read;
  guint n_write;
  guint n_failed;
} End;

struct _Fixture
{
  GMainContext *context;
  Lp2pLoop *loop;
  End client;
  End server;
};

static void
on_ready (Lp2pLayer *layer, Lp2pReady ready, gpointer data)
{
  End *end = data;

  g_assert_true (layer == end->layer);
  end->n_read += (ready & LP2P_READY_READ) != 0;
  end->n_write += (ready & LP2P_READY_WRITE) != 0;
}

static void
on_failed (Lp2pLayer *layer, const GError *error, gpointer data)
{
  g_assert_nonnull (error);
  ((End *) data)->n_failed++;
}

static const Lp2pLayerEvents events = { on_ready, on_failed };

static void
make_end (Fixture *f, End *end, gnutls_session_t session)
{
  end->f = f;
  end->layer = lp2p_gnutls_layer_new (end->below, session);
  lp2p_layer_set_events (end->layer, &events, end);
}

static void
set_up_raw (Fixture *f, gconstpointer options)
{
  f->context = g_main_context_new ();
  g_main_context_push_thread_default (f->context);
  f->loop = lp2p_loop_new (f->context, NULL);
  memory_layer_new_pair (f->loop, options, &f->client.below, &f->server.below);
  make_end (f, &f->client, tls_session_new (GNUTLS_CLIENT));
  make_end (f, &f->server, tls_session_new (GNUTLS_SERVER));
}

static void
settle (Fixture *f)
{
  while (g_main_context_iteration (f->context, FALSE))
    ;
}

/* Calls again only when told to, as a caller would. */
static void
shake_hands (Fixture *f)
{
  int client = lp2p_gnutls_layer_handshake (f->client.layer);
  int server = lp2p_gnutls_layer_handshake (f->server.layer);
  guint n_client = 0;
  guint n_server = 0;

  while (client == LP2P_IO_AGAIN || server == LP2P_IO_AGAIN)
    {
      g_main_context_iteration (f->context, FALSE);
      if (client == LP2P_IO_AGAIN && f->client.n_read > n_client)
        {
          n_client = f->client.n_read;
          client = lp2p_gnutls_layer_handshake (f->client.layer);
        }
      if (server == LP2P_IO_AGAIN && f->server.n_read > n_server)
        {
          n_server = f->server.n_read;
          server = lp2p_gnutls_layer_handshake (f->server.layer);
        }
    }
  g_assert_cmpint (client, ==, 0);
  g_assert_cmpint (server, ==, 0);
}

/* The client reads what only GnuTLS wants to see, such as session tickets. */
static void
forget (Fixture *f)
{
  char byte;

  settle (f);
  g_assert_cmpint (lp2p_layer_read (f->client.layer, &byte, 1), ==, LP2P_IO_AGAIN);
  g_assert_cmpint (lp2p_layer_read (f->server.layer, &byte, 1), ==, LP2P_IO_AGAIN);
  settle (f);
  f->client.n_read = f->client.n_write = f->server.n_read = f->server.n_write = 0;
}

static void
set_up (Fixture *f, gconstpointer options)
{
  set_up_raw (f, options);
  shake_hands (f);
  forget (f);
}

static void
set_up_plain (Fixture *f, gconstpointer options)
{
  set_up (f, NULL);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_clear_pointer (&f->client.layer, lp2p_layer_free);
  g_clear_pointer (&f->server.layer, lp2p_layer_free);
  settle (f);
  lp2p_loop_unref (f->loop);
  g_main_context_pop_thread_default (f->context);
  g_main_context_unref (f->context);
}

static void
test_read_write (Fixture *f, gconstpointer data)
{
  char buffer[16] = "";
  GInputVector vectors[2] = { { buffer, 2 }, { buffer + 8, 8 } };
  const guint8 *bytes;
  Lp2pLayerInfo info;

  lp2p_layer_want (f->server.layer, LP2P_READY_READ);
  g_assert_cmpint (lp2p_layer_peek (f->server.layer, &bytes), ==, LP2P_IO_AGAIN);
  g_assert_cmpint (lp2p_layer_write (f->client.layer, "hello", 5, 0), ==, 5);
  settle (f);
  g_assert_cmpuint (f->server.n_read, ==, 1);

  /* What is left of a record is announced again. */
  g_assert_cmpint (lp2p_layer_read (f->server.layer, buffer, 1), ==, 1);
  settle (f);
  g_assert_cmpuint (f->server.n_read, ==, 2);
  g_assert_cmpint (lp2p_layer_peek (f->server.layer, &bytes), ==, 4);
  g_assert_cmpmem (bytes, 4, "ello", 4);
  lp2p_layer_consume (f->server.layer, 1);
  lp2p_layer_park (f->server.layer);
  settle (f);
  g_assert_cmpuint (f->server.n_read, ==, 3);
  g_assert_cmpint (lp2p_layer_peek (f->server.layer, &bytes), ==, 3);
  lp2p_layer_consume (f->server.layer, 1);
  g_assert_cmpint (lp2p_layer_readv (f->server.layer, vectors, 2), ==, 2);
  g_assert_cmpmem (buffer, 2, "lo", 2);

  /* Several records fill the vectors. */
  g_assert_cmpint (lp2p_layer_write (f->client.layer, "ab", 2, 0), ==, 2);
  g_assert_cmpint (lp2p_layer_write (f->client.layer, "cd", 2, 0), ==, 2);
  settle (f);
  g_assert_cmpint (lp2p_layer_peek (f->server.layer, &bytes), ==, 2);
  lp2p_layer_consume (f->server.layer, 1);
  g_assert_cmpint (lp2p_layer_readv (f->server.layer, vectors, 2), ==, 3);
  g_assert_cmpmem (buffer, 2, "bc", 2);
  g_assert_cmpmem (buffer + 8, 1, "d", 1);
  g_assert_cmpint (lp2p_layer_readv (f->server.layer, vectors, 2), ==, LP2P_IO_AGAIN);

  lp2p_layer_get_info (f->client.layer, &info);
  g_assert_cmpuint (info.record_size, ==, 16384);
  g_assert_cmpuint (info.overhead, ==, 22);
}

/* Bytes with a pattern one way, as fast as they go. */
static void
check_transfer (End *from, End *to, gsize total, gsize step)
{
  Fixture *f = from->f;
  g_autofree guint8 *bytes = g_malloc (step);
  gsize sent = 0;
  gsize received = 0;
  guint turn = 0;

  lp2p_layer_want (from->layer, LP2P_READY_WRITE);
  lp2p_layer_want (to->layer, LP2P_READY_READ);
  while (received < total)
    {
      gsize room = MIN (MIN (lp2p_layer_write_room (from->layer), total - sent), step);
      guint8 *lent;
      gssize n;

      for (gsize i = 0; i < room; i++)
        bytes[i] = (sent + i) % 251;
      /* A promise is a promise. */
      if (room > 0)
        g_assert_cmpint (
            lp2p_layer_write (from->layer, bytes, room, sent % 2 ? LP2P_WRITE_MORE : 0), ==, room);
      sent += room;
      if (room == 0 || sent == total)
        g_assert_cmpint (lp2p_layer_flush (from->layer), !=, LP2P_IO_FAILED);

      if (turn++ % 2 == 0)
        {
          n = lp2p_layer_peek (to->layer, (const guint8 **) &lent);
          for (gssize i = 0; i < n; i++)
            g_assert_cmpuint (lent[i], ==, (received + i) % 251);
          if (n > 1)
            n = n / 2;
          if (n > 0)
            lp2p_layer_consume (to->layer, n);
          if (turn % 3 == 0)
            lp2p_layer_park (to->layer);
        }
      else
        {
          n = lp2p_layer_read (to->layer, bytes, step);
          for (gssize i = 0; i < n; i++)
            g_assert_cmpuint (bytes[i], ==, (received + i) % 251);
        }
      received += MAX (n, 0);
      g_main_context_iteration (f->context, FALSE);
    }
}

static void
test_transfer (Fixture *f, gconstpointer options)
{
  gsize total = options != NULL ? 20000 : 2000000;

  check_transfer (&f->client, &f->server, total, 7);
  check_transfer (&f->server, &f->client, total, 5000);
  check_transfer (&f->client, &f->server, total, 100000);
}

static const MemoryLayerOptions tiny = { .capacity = 64, .max_peek = 1, .max_step = 5 };

/* Each event is heeded, none too many is needed: a reader that reads only when
 * told to gets all. */
static void
test_events (Fixture *f, gconstpointer options)
{
  gsize total = 100000;
  g_autofree guint8 *bytes = g_malloc0 (total);
  gsize sent = 0;
  gsize received = 0;
  guint n_read = f->server.n_read;
  guint n_write = 0;
  gboolean may_write = TRUE;

  lp2p_layer_want (f->client.layer, LP2P_READY_WRITE);
  lp2p_layer_want (f->server.layer, LP2P_READY_READ);
  while (received < total)
    {
      if (may_write && sent < total)
        {
          gssize n = lp2p_layer_write (f->client.layer, bytes, total - sent, 0);

          sent += MAX (n, 0);
          may_write = FALSE;
        }
      g_main_context_iteration (f->context, FALSE);
      if (f->client.n_write > n_write)
        {
          n_write = f->client.n_write;
          may_write = TRUE;
        }
      if (f->server.n_read > n_read)
        {
          guint8 piece[1000];
          gssize n = lp2p_layer_read (f->server.layer, piece, sizeof piece);

          n_read = f->server.n_read;
          received += MAX (n, 0);
          lp2p_layer_park (f->server.layer);
        }
    }
  g_assert_cmpuint (received, ==, total);
}

static void
test_back_pressure (Fixture *f, gconstpointer data)
{
  g_autofree guint8 *bytes = g_malloc0 (100000);
  gsize taken = 0;
  gsize received = 0;
  gssize n;

  memory_layer_set_stalled (f->client.below, TRUE);
  while ((n = lp2p_layer_write (f->client.layer, bytes, 1000, 0)) > 0)
    taken += n;
  g_assert_cmpint (n, ==, LP2P_IO_AGAIN);
  g_assert_cmpuint (lp2p_layer_write_room (f->client.layer), ==, 0);
  g_assert_cmpint (lp2p_layer_flush (f->client.layer), ==, LP2P_IO_AGAIN);
  lp2p_layer_want (f->client.layer, LP2P_READY_WRITE);
  settle (f);
  g_assert_cmpuint (f->client.n_write, ==, 0);

  memory_layer_set_stalled (f->client.below, FALSE);
  settle (f);
  while (received < taken)
    {
      n = lp2p_layer_read (f->server.layer, bytes, 1000);
      received += MAX (n, 0);
      settle (f);
    }
  g_assert_cmpuint (f->client.n_write, >=, 1);
  g_assert_cmpuint (lp2p_layer_write_room (f->client.layer), >, 0);
  g_assert_cmpint (lp2p_layer_flush (f->client.layer), ==, 0);
}

/* One write takes more than fits below, but not without end. */
static void
test_large_write (Fixture *f, gconstpointer data)
{
  gsize total = 4 * 1024 * 1024;
  g_autofree guint8 *bytes = g_malloc0 (total);
  gssize n;

  memory_layer_set_stalled (f->client.below, TRUE);
  n = lp2p_layer_write (f->client.layer, bytes, total, 0);
  g_assert_cmpint (n, >, 16384);
  g_assert_cmpint (n, <, 512 * 1024);
  g_assert_cmpint (lp2p_layer_write (f->client.layer, bytes, 1, 0), ==, LP2P_IO_AGAIN);
}

/* What is written with more to follow shares a record and a write. */
static void
test_more (Fixture *f, gconstpointer data)
{
  guint64 before = memory_layer_get_written (f->client.below);
  char buffer[64];
  const guint8 *bytes;

  for (guint i = 0; i < 10; i++)
    g_assert_cmpint (lp2p_layer_write (f->client.layer, "abcd", 4, LP2P_WRITE_MORE), ==, 4);
  g_assert_cmpuint (memory_layer_get_written (f->client.below), ==, before);
  g_assert_cmpint (lp2p_layer_flush (f->client.layer), ==, 0);
  g_assert_cmpuint (memory_layer_get_written (f->client.below), ==, before + 40 + 22);
  settle (f);
  g_assert_cmpint (lp2p_layer_peek (f->server.layer, &bytes), ==, 40);
  g_assert_cmpint (lp2p_layer_read (f->server.layer, buffer, sizeof buffer), ==, 40);

  /* The reader may come in between. */
  g_assert_cmpint (lp2p_layer_write (f->client.layer, "abcd", 4, LP2P_WRITE_MORE), ==, 4);
  g_assert_cmpint (lp2p_layer_read (f->client.layer, buffer, sizeof buffer), ==, LP2P_IO_AGAIN);
  g_assert_cmpint (lp2p_layer_write (f->client.layer, "ef", 2, 0), ==, 2);
  settle (f);
  g_assert_cmpint (lp2p_layer_read (f->server.layer, buffer, sizeof buffer), ==, 6);
  g_assert_cmpmem (buffer, 6, "abcdef", 6);
}

/* A server that is GnuTLS alone. */

static ssize_t
foreign_push (gnutls_transport_ptr_t below, const void *data, size_t size)
{
  return lp2p_layer_write (below, data, size, LP2P_WRITE_NONE);
}

static ssize_t
foreign_pull (gnutls_transport_ptr_t below, void *data, size_t size)
{
  gssize n = lp2p_layer_read (below, data, size);

  if (n < 0)
    errno = EAGAIN;
  return MAX (n, -1);
}

static int
foreign_pull_timeout (gnutls_transport_ptr_t below, unsigned int milliseconds)
{
  const guint8 *data;

  return lp2p_layer_peek (below, &data) >= 0;
}

static gnutls_session_t
set_up_foreign (Fixture *f)
{
  gnutls_session_t session = tls_session_new (GNUTLS_SERVER);
  int client = LP2P_IO_AGAIN;
  int server = GNUTLS_E_AGAIN;

  f->context = g_main_context_new ();
  g_main_context_push_thread_default (f->context);
  f->loop = lp2p_loop_new (f->context, NULL);
  memory_layer_new_pair (f->loop, NULL, &f->client.below, &f->server.below);
  make_end (f, &f->client, tls_session_new (GNUTLS_CLIENT));
  gnutls_transport_set_ptr (session, f->server.below);
  gnutls_transport_set_push_function (session, foreign_push);
  gnutls_transport_set_pull_function (session, foreign_pull);
  gnutls_transport_set_pull_timeout_function (session, foreign_pull_timeout);
  while (client != 0 || server != 0)
    {
      if (client != 0)
        client = lp2p_gnutls_layer_handshake (f->client.layer);
      settle (f);
      if (server != 0)
        server = gnutls_handshake (session);
      settle (f);
      g_assert_cmpint (client, !=, LP2P_IO_FAILED);
      g_assert_false (gnutls_error_is_fatal (server));
    }
  return session;
}

static void
assert_answers (Fixture *f, gnutls_session_t session)
{
  char buffer[8];
  gssize n;

  g_assert_cmpint (gnutls_record_send (session, "x", 1), ==, 1);
  settle (f);
  g_assert_cmpint (lp2p_layer_read (f->client.layer, buffer, sizeof buffer), ==, 1);
  g_assert_cmpint (lp2p_layer_write (f->client.layer, "yz", 2, 0), ==, 2);
  settle (f);
  n = gnutls_record_recv (session, buffer, sizeof buffer);
  /* Other keys of ours come in front. */
  if (n == GNUTLS_E_AGAIN)
    n = gnutls_record_recv (session, buffer, sizeof buffer);
  g_assert_cmpmem (buffer, n, "yz", 2);
}

static void
tear_down_foreign (Fixture *f, gnutls_session_t session)
{
  gnutls_deinit (session);
  lp2p_layer_free (f->server.below);
  tear_down (f, NULL);
}

/* The other side updates its keys, and asks for other keys of ours, also more than
 * once before we say something. */
static void
test_key_update (void)
{
  Fixture f = { 0 };
  gnutls_session_t session = set_up_foreign (&f);
  char byte;

  assert_answers (&f, session);
  for (guint i = 0; i < 4; i++)
    {
      g_assert_cmpint (gnutls_session_key_update (session, i % 2 ? GNUTLS_KU_PEER : 0), ==, 0);
      assert_answers (&f, session);
    }
  for (guint i = 0; i < 3; i++)
    {
      g_assert_cmpint (gnutls_session_key_update (session, GNUTLS_KU_PEER), ==, 0);
      settle (&f);
      g_assert_cmpint (lp2p_layer_read (f.client.layer, &byte, 1), ==, LP2P_IO_AGAIN);
    }
  assert_answers (&f, session);
  tear_down_foreign (&f, session);
}

/* We update ours before too much is said with them. */
static void
test_worn_keys (void)
{
  Fixture f = { 0 };
  gnutls_session_t session = set_up_foreign (&f);
  Lp2pGnutlsLayer *layer = (Lp2pGnutlsLayer *) f.client.layer;
  const guint8 sequence[8] = { 0, 0, 0, 0, 0, 255, 255, 255 };

  assert_answers (&f, session);
  g_assert_cmpint (gnutls_record_set_state (session, TRUE, sequence), ==, 0);
  layer->send.sequence = (1 << 24) - 1;
  assert_answers (&f, session);
  g_assert_cmpuint (layer->send.sequence, ==, 1 << 24);
  assert_answers (&f, session);
  g_assert_cmpuint (layer->send.sequence, ==, 1);
  assert_answers (&f, session);
  tear_down_foreign (&f, session);
}

/* The session is only good for the handshake. */
static void
test_steal (Fixture *f, gconstpointer data)
{
  gnutls_session_t session = lp2p_gnutls_layer_steal_session (f->client.layer);

  g_assert_cmpint (gnutls_protocol_get_version (session), ==, GNUTLS_TLS1_3);
  gnutls_deinit (session);
  g_assert_null (lp2p_gnutls_layer_steal_session (f->client.layer));
  check_transfer (&f->client, &f->server, 100000, 5000);
  check_transfer (&f->server, &f->client, 100000, 5000);
}

/* Behind the handshake */

/* Sends a record of the client's that no layer would make. */
static void
send_record (Fixture *f, guint content, const char *bytes, gsize size)
{
  Lp2pTlsKeys *keys = &((Lp2pGnutlsLayer *) f->client.layer)->send;
  guint8 record[256];
  gsize n = lp2p_tls_record_seal (keys, content, &(GOutputVector){ bytes, size }, 1, record);

  g_assert_cmpint (lp2p_layer_write (f->client.below, record, n, 0), ==, n);
  settle (f);
}

typedef struct
{
  const char *name;
  guint content;
  const char *bytes;
  gsize size;
  const char *message;
  const char *alert;
} Bad;

static const Bad bad[] = {
  { "unknown-content", 99, "x", 1, "not expected", "Unexpected message" },
  { "unasked-message", 22, "\x0d\0\0\1x", 5, "not expected", "Unexpected message" },
  { "no-message", 22, "", 0, "not expected", "Unexpected message" },
  { "behind-key-update", 22, "\x18\0\0\1\0\4", 6, "not expected", "Unexpected message" },
  { "bad-key-update", 22, "\x18\0\0\1\2", 5, "malformed", "Decode error" },
  { "long-alert", 21, "\1\0\0", 3, "malformed", "Decode error" },
  { "no-alert", 21, "", 0, "malformed", "Decode error" },
};

static void
test_bad (Fixture *f, gconstpointer data)
{
  const Bad *test = data;
  char buffer[8];

  send_record (f, test->content, test->bytes, test->size);
  g_assert_cmpint (lp2p_layer_read (f->server.layer, buffer, sizeof buffer), ==, LP2P_IO_FAILED);
  g_assert_error (lp2p_layer_get_error (f->server.layer), G_TLS_ERROR, G_TLS_ERROR_MISC);
  g_assert_nonnull (strstr (lp2p_layer_get_error (f->server.layer)->message, test->message));
  settle (f);
  g_assert_cmpint (lp2p_layer_read (f->client.layer, buffer, sizeof buffer), ==, LP2P_IO_FAILED);
  g_assert_nonnull (strstr (lp2p_layer_get_error (f->client.layer)->message, test->alert));
}

/* Payload between the parts of a message. */
static void
test_cut_message (Fixture *f, gconstpointer data)
{
  char buffer[8];

  send_record (f, 22, "\4\0\0\3a", 5);
  send_record (f, 23, "x", 1);
  g_assert_cmpint (lp2p_layer_read (f->server.layer, buffer, sizeof buffer), ==, LP2P_IO_FAILED);
  g_assert_nonnull (strstr (lp2p_layer_get_error (f->server.layer)->message, "not expected"));
}

/* What means nothing does not disturb, and does not hold up others for long. */
static void
test_nothing (Fixture *f, gconstpointer data)
{
  char buffer[8];
  guint n = 1;

  lp2p_layer_want (f->server.layer, LP2P_READY_READ);
  send_record (f, 21, "\1\x5a", 2);
  send_record (f, 22, "\4\0\0\3a", 5);
  send_record (f, 22, "bc", 2);
  for (guint i = 0; i < 3 * LP2P_GNUTLS_MAX_CONTROL; i++)
    send_record (f, 23, "", 0);
  send_record (f, 23, "x", 1);
  while (lp2p_layer_read (f->server.layer, buffer, sizeof buffer) == LP2P_IO_AGAIN)
    {
      f->server.n_read = 0;
      settle (f);
      g_assert_cmpuint (f->server.n_read, >, 0);
      n++;
    }
  g_assert_cmpuint (n, ==, 4);
  g_assert_cmpint (buffer[0], ==, 'x');
}

static void
test_half_close (Fixture *f, gconstpointer data)
{
  char buffer[8];

  lp2p_gnutls_layer_set_require_close_notify (f->server.layer, TRUE);
  lp2p_gnutls_layer_set_require_close_notify (f->client.layer, TRUE);
  lp2p_layer_want (f->server.layer, LP2P_READY_READ);
  g_assert_cmpint (lp2p_layer_write (f->client.layer, "end", 3, LP2P_WRITE_MORE), ==, 3);
  memory_layer_set_stalled (f->client.below, TRUE);
  g_assert_cmpint (lp2p_layer_shutdown_write (f->client.layer), ==, LP2P_IO_AGAIN);
  g_assert_cmpuint (lp2p_layer_write_room (f->client.layer), ==, 0);
  memory_layer_set_stalled (f->client.below, FALSE);
  settle (f);
  g_assert_cmpuint (f->client.n_write, ==, 1);
  g_assert_cmpint (lp2p_layer_shutdown_write (f->client.layer), ==, 0);

  /* The end that comes with the bytes is announced. */
  g_assert_cmpint (lp2p_layer_read (f->server.layer, buffer, sizeof buffer), ==, 3);
  f->server.n_read = 0;
  settle (f);
  g_assert_cmpuint (f->server.n_read, ==, 1);
  g_assert_cmpint (lp2p_layer_read (f->server.layer, buffer, sizeof buffer), ==, 0);
  settle (f);
  g_assert_cmpuint (f->server.n_read, ==, 1);

  /* The other direction goes on. */
  g_assert_cmpint (lp2p_layer_write (f->server.layer, "more", 4, 0), ==, 4);
  settle (f);
  g_assert_cmpint (lp2p_layer_read (f->client.layer, buffer, sizeof buffer), ==, 4);
  g_assert_cmpint (lp2p_layer_shutdown_write (f->server.layer), ==, 0);
  settle (f);
  g_assert_cmpint (lp2p_layer_read (f->client.layer, buffer, sizeof buffer), ==, 0);
}

/* An end without close_notify. */
static void
test_truncated (Fixture *f, gconstpointer strict)
{
  char buffer[8];

  lp2p_gnutls_layer_set_require_close_notify (f->server.layer, strict != NULL);
  g_assert_cmpint (lp2p_layer_write (f->client.layer, "end", 3, 0), ==, 3);
  g_assert_cmpint (lp2p_layer_shutdown_write (f->client.below), ==, 0);
  settle (f);
  g_assert_cmpint (lp2p_layer_read (f->server.layer, buffer, sizeof buffer), ==, 3);
  if (strict != NULL)
    {
      g_assert_cmpint (lp2p_layer_read (f->server.layer, buffer, sizeof buffer), ==,
                       LP2P_IO_FAILED);
      g_assert_error (lp2p_layer_get_error (f->server.layer), G_TLS_ERROR, G_TLS_ERROR_EOF);
      return;
    }
  g_assert_cmpint (lp2p_layer_read (f->server.layer, buffer, sizeof buffer), ==, 0);
  g_assert_cmpint (lp2p_layer_write (f->server.layer, "more", 4, 0), ==, 4);
  settle (f);
  g_assert_cmpint (lp2p_layer_read (f->client.layer, buffer, sizeof buffer), ==, 4);
}

/* Bytes that are none of ours are found out, and the other side is told. */
static void
test_tampered (Fixture *f, gconstpointer data)
{
  static const guint8 record[] = { 0x17, 3,  3,  0,  20, 1,  2,  3,  4,  5,  6,  7, 8,
                                   9,    10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20 };
  char buffer[8];

  lp2p_layer_write (f->client.below, record, sizeof record, 0);
  settle (f);
  g_assert_cmpint (lp2p_layer_read (f->server.layer, buffer, sizeof buffer), ==, LP2P_IO_FAILED);
  g_assert_error (lp2p_layer_get_error (f->server.layer), G_TLS_ERROR, G_TLS_ERROR_MISC);
  g_assert_cmpint (lp2p_layer_write (f->server.layer, "x", 1, 0), ==, LP2P_IO_FAILED);
  settle (f);
  g_assert_cmpint (lp2p_layer_read (f->client.layer, buffer, sizeof buffer), ==, LP2P_IO_FAILED);
  g_assert_nonnull (strstr (lp2p_layer_get_error (f->client.layer)->message, "alert"));
}

static void
test_broken (Fixture *f, gconstpointer data)
{
  char buffer[8];

  lp2p_layer_want (f->server.layer, LP2P_READY_READ);
  memory_layer_break (f->server.below);
  settle (f);
  g_assert_cmpuint (f->server.n_read, ==, 1);
  g_assert_cmpint (lp2p_layer_read (f->server.layer, buffer, sizeof buffer), ==, LP2P_IO_FAILED);
  g_assert_cmpstr (lp2p_layer_get_error (f->server.layer)->message, ==, "The connection broke");
  g_assert_cmpint (lp2p_layer_write (f->server.layer, "x", 1, 0), ==, LP2P_IO_FAILED);
}

static void
test_abort (Fixture *f, gconstpointer data)
{
  char buffer[8];

  g_assert_cmpint (lp2p_layer_write (f->client.layer, "x", 1, LP2P_WRITE_MORE), ==, 1);
  lp2p_layer_abort (f->client.layer, 0);
  g_assert_cmpint (lp2p_layer_read (f->client.layer, buffer, sizeof buffer), ==, LP2P_IO_FAILED);
  g_assert_cmpint (lp2p_layer_write (f->client.layer, "x", 1, 0), ==, LP2P_IO_FAILED);
  g_assert_cmpint (lp2p_layer_flush (f->client.layer), ==, LP2P_IO_FAILED);
  g_assert_cmpint (lp2p_layer_shutdown_write (f->client.layer), ==, LP2P_IO_FAILED);
  g_assert_error (lp2p_layer_get_error (f->client.layer), G_IO_ERROR, G_IO_ERROR_CLOSED);
  lp2p_layer_want (f->client.layer, LP2P_READY_READ);
  settle (f);
  g_assert_cmpint (lp2p_layer_read (f->server.layer, buffer, sizeof buffer), ==, LP2P_IO_FAILED);
}

static int
refuse (gnutls_session_t session)
{
  return GNUTLS_E_CERTIFICATE_ERROR;
}

static void
test_refused (Fixture *f, gconstpointer data)
{
  int client = LP2P_IO_AGAIN;
  int server = LP2P_IO_AGAIN;

  tls_session_set_verify (refuse);
  for (guint i = 0; i < 20 && (client == LP2P_IO_AGAIN || server == LP2P_IO_AGAIN); i++)
    {
      if (client == LP2P_IO_AGAIN)
        client = lp2p_gnutls_layer_handshake (f->client.layer);
      if (server == LP2P_IO_AGAIN)
        server = lp2p_gnutls_layer_handshake (f->server.layer);
      settle (f);
    }
  tls_session_set_verify (NULL);
  g_assert_cmpint (client, ==, LP2P_IO_FAILED);
  g_assert_cmpint (server, ==, LP2P_IO_FAILED);
  g_assert_error (lp2p_layer_get_error (f->client.layer), G_TLS_ERROR, G_TLS_ERROR_HANDSHAKE);
  g_assert_error (lp2p_layer_get_error (f->server.layer), G_TLS_ERROR, G_TLS_ERROR_HANDSHAKE);
  g_assert_nonnull (strstr (lp2p_layer_get_error (f->server.layer)->message, "Certificate is bad"));
  g_assert_cmpint (lp2p_gnutls_layer_handshake (f->server.layer), ==, LP2P_IO_FAILED);
  g_assert_false (lp2p_gnutls_layer_get_same_role (f->client.layer));
  g_assert_false (lp2p_gnutls_layer_get_same_role (f->server.layer));
}

/* The first that the client hears is what a client says. */
static void
test_same_role (Fixture *f, gconstpointer data)
{
  const guint8 *hello;
  gssize n;

  g_assert_cmpint (lp2p_gnutls_layer_handshake (f->client.layer), ==, LP2P_IO_AGAIN);
  settle (f);
  g_assert_false (lp2p_gnutls_layer_get_same_role (f->client.layer));
  while ((n = lp2p_layer_peek (f->server.below, &hello)) > 0)
    {
      g_assert_cmpint (lp2p_layer_write (f->server.below, hello, n, 0), ==, n);
      lp2p_layer_consume (f->server.below, n);
    }
  settle (f);
  g_assert_cmpint (lp2p_gnutls_layer_handshake (f->client.layer), ==, LP2P_IO_FAILED);
  g_assert_error (lp2p_layer_get_error (f->client.layer), G_TLS_ERROR, G_TLS_ERROR_HANDSHAKE);
  g_assert_true (lp2p_gnutls_layer_get_same_role (f->client.layer));
}

static void
test_not_tls (Fixture *f, gconstpointer data)
{
  lp2p_layer_write (f->client.below, "GET / HTTP/1.1\r\n\r\n", 18, 0);
  settle (f);
  g_assert_cmpint (lp2p_gnutls_layer_handshake (f->server.layer), ==, LP2P_IO_FAILED);
  g_assert_error (lp2p_layer_get_error (f->server.layer), G_TLS_ERROR, G_TLS_ERROR_NOT_TLS);
}

static void
test_handshake_ends (Fixture *f, gconstpointer data)
{
  char byte;

  g_assert_cmpint (lp2p_gnutls_layer_handshake (f->server.layer), ==, LP2P_IO_AGAIN);
  g_assert_cmpint (lp2p_layer_read (f->server.layer, &byte, 1), ==, LP2P_IO_AGAIN);
  g_assert_cmpint (lp2p_layer_write (f->server.layer, "x", 1, 0), ==, LP2P_IO_AGAIN);
  g_assert_cmpuint (lp2p_layer_write_room (f->server.layer), ==, 0);
  g_assert_cmpint (lp2p_gnutls_layer_handshake (f->client.layer), ==, LP2P_IO_AGAIN);
  g_assert_cmpint (lp2p_layer_shutdown_write (f->client.below), ==, 0);
  settle (f);
  while (lp2p_gnutls_layer_handshake (f->server.layer) == LP2P_IO_AGAIN)
    settle (f);
  g_assert_error (lp2p_layer_get_error (f->server.layer), G_TLS_ERROR, G_TLS_ERROR_EOF);
}

/* Freed at any point, also with bytes on their way in and out. */
static void
test_free (Fixture *f, gconstpointer data)
{
  g_autofree guint8 *bytes = g_malloc0 (100000);
  const guint8 *lent;

  lp2p_layer_write (f->server.layer, "hello", 5, 0);
  settle (f);
  g_assert_cmpint (lp2p_layer_peek (f->client.layer, &lent), ==, 5);
  memory_layer_set_stalled (f->client.below, TRUE);
  g_assert_cmpint (lp2p_layer_write (f->client.layer, bytes, 100000, 0), >, 0);
  lp2p_layer_flush (f->client.layer);
  lp2p_layer_want (f->client.layer, LP2P_READY_READ | LP2P_READY_WRITE);
}

/* The adapters on top of each other: TLS, as a GIOStream, as a layer. */
static void
test_sandwich (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 2; i++)
    {
      End *end = i == 0 ? &f->client : &f->server;
      g_autoptr (GIOStream) stream = lp2p_layer_to_io_stream (end->layer);

      end->layer = lp2p_io_stream_layer_new (f->loop, stream, &error);
      g_assert_no_error (error);
      lp2p_layer_set_events (end->layer, &events, end);
    }
  check_transfer (&f->client, &f->server, 300000, 20000);
  check_transfer (&f->server, &f->client, 300000, 20000);
}

#define ADD(name, test, setup, options)                                                            \
  g_test_add ("/gnutls-layer/" name, Fixture, options, setup, test_##test, tear_down)

int
main (int argc, char **argv)
{
  static const MemoryLayerOptions small = { .capacity = 10000 };
  int result;

  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  ADD ("read-write", read_write, set_up, NULL);
  ADD ("transfer", transfer, set_up, NULL);
  ADD ("one-byte", transfer, set_up, &tiny);
  ADD ("events", events, set_up, &small);
  ADD ("events/tiny", events, set_up, &tiny);
  ADD ("back-pressure", back_pressure, set_up, NULL);
  ADD ("large-write", large_write, set_up, NULL);
  ADD ("more", more, set_up, NULL);
  g_test_add_func ("/gnutls-layer/key-update", test_key_update);
  g_test_add_func ("/gnutls-layer/worn-keys", test_worn_keys);
  ADD ("steal", steal, set_up, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *name = g_strconcat ("/gnutls-layer/bad/", bad[i].name, NULL);

      g_test_add (name, Fixture, &bad[i], set_up_plain, test_bad, tear_down);
    }
  ADD ("cut-message", cut_message, set_up, NULL);
  ADD ("nothing", nothing, set_up, NULL);
  ADD ("half-close", half_close, set_up, NULL);
  ADD ("truncated", truncated, set_up_plain, NULL);
  ADD ("truncated/strict", truncated, set_up_plain, "strict");
  ADD ("tampered", tampered, set_up, NULL);
  ADD ("broken", broken, set_up, NULL);
  ADD ("abort", abort, set_up, NULL);
  ADD ("refused", refused, set_up_raw, NULL);
  ADD ("same-role", same_role, set_up_raw, NULL);
  ADD ("not-tls", not_tls, set_up_raw, NULL);
  ADD ("handshake-ends", handshake_ends, set_up_raw, NULL);
  ADD ("free", free, set_up, &small);
  ADD ("sandwich", sandwich, set_up, NULL);
  result = g_test_run ();
  tls_session_forget ();
  return result;
}
