/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What every transport must do, with as little of a host as it needs. */

#include <string.h>

#include "lp2p-test.h"
#include "test-context.h"
#include "test-end.h"

/* A peer that is nobody's. */
#define STRANGER "12D3KooWGQ4ncdUVMSaVrWrCU1fyM8ZdcVvuWa7MdwqkUu4SSDo4"

typedef struct
{
  const Lp2pTestTransport *kind;
  TestWorld *world;
  TestContext *near;
  TestContext *far;
  Lp2pTransport *dialer;
  Lp2pTransport *server;
} Fixture;

static TestContext *
new_context (Fixture *self)
{
  TestContext *context = test_context_new (self->world);
  g_autoptr (GError) error = NULL;

  if (self->kind->config != NULL)
    lp2p_config_load_data (context->config, self->kind->config, strlen (self->kind->config), "test", &error);
  g_assert_no_error (error);
  return context;
}

static void
set_up (Fixture *self, gconstpointer data)
{
  self->kind = data;
  self->world = test_world_new (self->kind->real);
  self->world->ticking = self->kind->timers;
  self->near = new_context (self);
  self->far = new_context (self);
  self->dialer = test_plugin_new (self->near, self->kind->plugin);
  self->server = test_plugin_new (self->far, self->kind->plugin);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  if (self->dialer != NULL)
    test_plugin_free (self->dialer);
  if (self->server != NULL)
    test_plugin_free (self->server);
  test_world_settle (self->world);
  g_assert_cmpint (self->far->n_half_open, ==, 0);
  g_assert_finalize_object (self->near);
  g_assert_finalize_object (self->far);
  test_world_free (self->world);
}

static Lp2pMultiaddr *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  Lp2pMultiaddr *address = lp2p_multiaddr_new_from_string (text, &error);

  g_assert_no_error (error);
  return address;
}

static Lp2pListener *
listen_on (Fixture *self, const char *text)
{
  g_autoptr (Lp2pMultiaddr) address = parse (text);
  g_autoptr (GError) error = NULL;
  Lp2pListener *listener = lp2p_transport_listen (self->server, address, &error);

  g_assert_no_error (error);
  return listener;
}

/* Addresses may come late. */
static Lp2pMultiaddr *
wait_for_address (Fixture *self, Lp2pListener *listener)
{
  g_autoptr (GPtrArray) addresses = NULL;

  test_until (self->world, lp2p_listener_get_bound_addresses (listener)->len > 0);
  addresses = lp2p_listener_dup_addresses (listener);
  g_assert_cmpuint (addresses->len, >, 0);
  return lp2p_multiaddr_ref (g_ptr_array_index (addresses, 0));
}

static void
start_dial (Fixture *self, Lp2pMultiaddr *address, GCancellable *cancellable, GAsyncResult **result)
{
  Lp2pDialOptions options = LP2P_DIAL_OPTIONS_INIT;

  lp2p_transport_dial_async (self->dialer, address, &options, cancellable, test_take_result, result);
  /* Never before the call returns. */
  g_assert_null (*result);
}

static Lp2pRawConnection *
finish_dial (Fixture *self, GAsyncResult **result, GError **error)
{
  Lp2pRawConnection *raw;

  test_until (self->world, *result != NULL);
  raw = lp2p_transport_dial_finish (self->dialer, *result, error);
  g_clear_object (result);
  return raw;
}

static Lp2pRawConnection *
dial (Fixture *self, Lp2pMultiaddr *address, GError **error)
{
  GAsyncResult *result = NULL;

  start_dial (self, address, NULL, &result);
  return finish_dial (self, &result, error);
}

static Lp2pRawConnection *
take_inbound (Fixture *self)
{
  test_until (self->world, self->far->inbound.length > 0);
  return test_context_take_inbound (self->far);
}

/* What it says of itself */

static void
test_match (Fixture *self, gconstpointer data)
{
  Lp2pTransportFlags flags = lp2p_transport_get_flags (self->dialer);

  g_assert_cmpint (flags & (LP2P_TRANSPORT_DIALS | LP2P_TRANSPORT_LISTENS), !=, 0);
  for (guint i = 0; self->kind->matches[i] != NULL; i++)
    {
      g_autoptr (Lp2pMultiaddr) address = parse (self->kind->matches[i]);

      g_test_message ("%s", self->kind->matches[i]);
      g_assert_true (lp2p_transport_match (self->dialer, address));
      g_assert_cmpuint (lp2p_transport_get_dial_rank (self->dialer, address), <, 1000);
    }
  for (guint i = 0; self->kind->strange[i] != NULL; i++)
    {
      g_autoptr (Lp2pMultiaddr) address = parse (self->kind->strange[i]);

      g_test_message ("%s", self->kind->strange[i]);
      g_assert_false (lp2p_transport_match (self->dialer, address));
    }
}

/* An address that is not its own is an error, not a crash. */
static void
test_strange_addresses (Fixture *self, gconstpointer data)
{
  for (guint i = 0; self->kind->strange[i] != NULL; i++)
    {
      g_autoptr (Lp2pMultiaddr) address = parse (self->kind->strange[i]);
      g_autoptr (GError) error = NULL;

      g_assert_null (lp2p_transport_listen (self->server, address, &error));
      g_assert_nonnull (error);
      g_clear_error (&error);
      g_assert_null (dial (self, address, &error));
      g_assert_nonnull (error);
    }
}

/* Listening */

static void
test_listen (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pListener) listener = listen_on (self, self->kind->listen);
  g_autoptr (Lp2pMultiaddr) address = wait_for_address (self, listener);
  g_autoptr (GError) error = NULL;

  g_assert_cmpstr (lp2p_listener_get_transport (listener), ==, self->kind->plugin);
  g_assert_nonnull (lp2p_listener_get_socket_id (listener));
  g_assert_cmpstr (lp2p_multiaddr_get_string (address), !=, self->kind->listen);
  g_assert_true (lp2p_transport_match (self->dialer, address));
  g_assert_false (lp2p_listener_is_closed (listener));

  /* The place is taken. */
  g_assert_null (lp2p_transport_listen (self->server, address, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE);
  lp2p_listener_close (listener);
  lp2p_listener_close (listener);
  g_assert_true (lp2p_listener_is_closed (listener));
}

static void
test_several_listeners (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pListener) one = listen_on (self, self->kind->listen);
  g_autoptr (Lp2pListener) two = listen_on (self, self->kind->listen);
  g_autoptr (Lp2pMultiaddr) first = wait_for_address (self, one);
  g_autoptr (Lp2pMultiaddr) second = wait_for_address (self, two);
  Lp2pMultiaddr *addresses[] = { first, second, first };

  g_assert_cmpstr (lp2p_multiaddr_get_string (first), !=, lp2p_multiaddr_get_string (second));
  g_assert_cmpstr (lp2p_listener_get_socket_id (one), !=, lp2p_listener_get_socket_id (two));
  for (guint i = 0; i < G_N_ELEMENTS (addresses); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (Lp2pRawConnection) out = dial (self, addresses[i], &error);
      g_autoptr (Lp2pRawConnection) in = NULL;

      g_assert_no_error (error);
      in = take_inbound (self);
      g_assert_cmpstr (in->socket_id, ==, lp2p_listener_get_socket_id (i == 1 ? two : one));
    }
}

/* The last reference is as good as closing. */
static void
test_drop_listener (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  Lp2pListener *listener = listen_on (self, self->kind->listen);
  g_autoptr (Lp2pMultiaddr) address = wait_for_address (self, listener);

  g_object_unref (listener);
  test_world_settle (self->world);
  g_assert_null (dial (self, address, &error));
  g_assert_nonnull (error);
}

/* Dialing */

static void
check_raw (Fixture *self, Lp2pRawConnection *raw, Lp2pRole role)
{
  Lp2pTransportFlags flags = lp2p_transport_get_flags (self->dialer);

  g_assert_cmpstr (raw->transport, ==, self->kind->plugin);
  g_assert_true (raw->transport == g_intern_string (self->kind->plugin));
  g_assert_cmpint (raw->transport_role, ==, role);
  g_assert_nonnull (raw->remote_address);
  g_assert_cmpint (lp2p_multiaddr_find (raw->remote_address, LP2P_PROTOCOL_P2P, 0), <, 0);
  g_assert_false (raw->limited);
  if ((flags & LP2P_TRANSPORT_NEEDS_UPGRADE) != 0)
    {
      g_assert_nonnull (raw->layer);
      g_assert_null (raw->session);
      g_assert_null (raw->remote_peer);
    }
  else
    {
      g_assert_null (raw->layer);
      g_assert_nonnull (raw->session);
    }
}

static void
exchange (Fixture *self, Lp2pRawConnection *out, Lp2pRawConnection *in)
{
  TestEnd a;
  TestEnd b;

  test_end_init (&a, self->world, lp2p_raw_connection_steal_layer (out));
  test_end_init (&b, self->world, lp2p_raw_connection_steal_layer (in));
  a.end_after = b.end_after = TRUE;
  test_end_send (&a, 5000, 100);
  test_end_send (&b, 7000, 1000);
  test_until (self->world, test_end_run (&a) && test_end_run (&b) && a.eof && b.eof);
  g_assert_cmpuint (a.received, ==, 7000);
  g_assert_cmpuint (b.received, ==, 5000);
  test_end_clear (&a);
  test_end_clear (&b);
}

static void
test_dial (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pListener) listener = listen_on (self, self->kind->listen);
  g_autoptr (Lp2pMultiaddr) address = wait_for_address (self, listener);
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pRawConnection) out = dial (self, address, &error);
  g_autoptr (Lp2pRawConnection) in = NULL;

  g_assert_no_error (error);
  in = take_inbound (self);
  /* Also by those that have something to do before the offer. */
  g_assert_cmpuint (self->far->n_begun, ==, 1);
  g_assert_cmpint (self->far->n_half_open, ==, 0);
  check_raw (self, out, LP2P_ROLE_INITIATOR);
  check_raw (self, in, LP2P_ROLE_RESPONDER);
  g_assert_cmpstr (lp2p_multiaddr_get_string (out->remote_address), ==, lp2p_multiaddr_get_string (address));
  g_assert_nonnull (in->local_address);
  g_assert_cmpstr (lp2p_multiaddr_get_string (in->local_address), ==, lp2p_multiaddr_get_string (address));
  if (out->local_address != NULL)
    g_assert_cmpstr (lp2p_multiaddr_get_string (out->local_address), ==,
                     lp2p_multiaddr_get_string (in->remote_address));

  if (out->layer != NULL)
    exchange (self, out, in);
}

static void
test_many_dials (Fixture *self, gconstpointer data)
{
  enum { N = 50 };
  g_autoptr (Lp2pListener) listener = listen_on (self, self->kind->listen);
  g_autoptr (Lp2pMultiaddr) address = wait_for_address (self, listener);
  GAsyncResult *results[N] = { NULL };
  Lp2pRawConnection *raws[N];

  for (guint i = 0; i < N; i++)
    start_dial (self, address, NULL, &results[i]);
  for (guint i = 0; i < N; i++)
    {
      g_autoptr (GError) error = NULL;

      raws[i] = finish_dial (self, &results[i], &error);
      g_assert_no_error (error);
    }
  test_until (self->world, self->far->inbound.length == N);
  for (guint i = 0; i < N; i++)
    lp2p_raw_connection_free (raws[i]);
}

static void
test_refused (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pMultiaddr) address = parse (self->kind->refused);
  g_autoptr (GError) error = NULL;

  g_assert_null (dial (self, address, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
}

/* The host wants nobody: the dialer is not left waiting. */
static void
test_gate (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pListener) listener = listen_on (self, self->kind->listen);
  g_autoptr (Lp2pMultiaddr) address = wait_for_address (self, listener);
  g_autoptr (GError) error = NULL;
  Lp2pRawConnection *raw;

  self->far->refuse = TRUE;
  raw = dial (self, address, &error);
  if (raw != NULL && raw->layer != NULL)
    {
      TestEnd end;

      test_end_init (&end, self->world, lp2p_raw_connection_steal_layer (raw));
      test_until (self->world, test_end_run (&end) && (end.eof || end.failed));
      test_end_clear (&end);
      lp2p_raw_connection_free (raw);
    }
  else
    {
      g_assert_null (raw);
      g_assert_nonnull (error);
    }
  g_assert_cmpuint (self->far->inbound.length, ==, 0);

  /* That held for this connection only. */
  self->far->refuse = FALSE;
  g_clear_error (&error);
  raw = dial (self, address, &error);
  g_assert_no_error (error);
  lp2p_raw_connection_free (raw);
}

static void
test_cancel_before (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pListener) listener = listen_on (self, self->kind->listen);
  g_autoptr (Lp2pMultiaddr) address = wait_for_address (self, listener);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  GAsyncResult *result = NULL;

  g_cancellable_cancel (cancellable);
  start_dial (self, address, cancellable, &result);
  g_assert_null (finish_dial (self, &result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* At every step: either it is cancelled, or it is there. */
static void
test_cancel (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pListener) listener = listen_on (self, self->kind->listen);
  g_autoptr (Lp2pMultiaddr) address = wait_for_address (self, listener);

  for (guint steps = 0; steps < 60; steps++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (GError) error = NULL;
      GAsyncResult *result = NULL;
      Lp2pRawConnection *raw;

      start_dial (self, address, cancellable, &result);
      for (guint i = 0; i < steps; i++)
        if (!g_main_context_iteration (self->world->context, FALSE) && !self->kind->real)
          test_world_jump (self->world, 2000);
      g_cancellable_cancel (cancellable);
      raw = finish_dial (self, &result, &error);
      if (raw != NULL)
        lp2p_raw_connection_free (raw);
      else
        g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    }
  test_world_advance (self->world, G_USEC_PER_SEC);
  test_context_drop_inbound (self->far);
}

/* Closing while others dial: those end one way or the other, and connections
 * that were made stay. */
static void
test_close_while_dialing (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pRawConnection) kept = NULL;
  g_autoptr (Lp2pRawConnection) kept_in = NULL;

  for (guint steps = 0; steps < 30; steps++)
    {
      g_autoptr (Lp2pListener) listener = listen_on (self, self->kind->listen);
      g_autoptr (Lp2pMultiaddr) address = wait_for_address (self, listener);
      g_autoptr (GError) error = NULL;
      g_autoptr (Lp2pRawConnection) raw = NULL;
      GAsyncResult *result = NULL;

      if (kept == NULL)
        {
          kept = dial (self, address, NULL);
          kept_in = take_inbound (self);
        }
      start_dial (self, address, NULL, &result);
      for (guint i = 0; i < steps; i++)
        if (!g_main_context_iteration (self->world->context, FALSE) && !self->kind->real)
          test_world_jump (self->world, 4000);
      lp2p_listener_close (listener);
      raw = finish_dial (self, &result, &error);
      g_assert_true (raw != NULL || error != NULL);

      g_clear_error (&error);
      g_assert_null (dial (self, address, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
    }
  test_context_drop_inbound (self->far);
  if (kept->layer != NULL)
    exchange (self, kept, kept_in);
}

/* A host that closes: what is pending ends, and says so. */
static void
test_stop_while_dialing (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pListener) listener = listen_on (self, self->kind->listen);
  g_autoptr (Lp2pMultiaddr) address = wait_for_address (self, listener);
  g_autoptr (GError) error = NULL;
  GAsyncResult *result = NULL;
  Lp2pRawConnection *raw;

  start_dial (self, address, NULL, &result);
  lp2p_extension_stop (LP2P_EXTENSION (self->dialer));
  raw = finish_dial (self, &result, &error);
  if (raw != NULL)
    lp2p_raw_connection_free (raw);
  else
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);

  lp2p_extension_stop (LP2P_EXTENSION (self->server));
  g_assert_true (lp2p_listener_is_closed (listener));
}

/* Hole punching */

typedef struct
{
  Lp2pListener *listener; /* of whoever dials */
  Lp2pMultiaddr *address;
  Lp2pListener *other;
  Lp2pMultiaddr *other_address;
  Lp2pPeerId *dialer;
  Lp2pDialOptions options;
} Punch;

static void
punch_clear (Punch *self)
{
  g_clear_object (&self->listener);
  g_clear_object (&self->other);
  lp2p_multiaddr_unref (self->address);
  lp2p_multiaddr_unref (self->other_address);
  lp2p_peer_id_unref (self->dialer);
}

/* Returns FALSE where the transport does not punch. */
static gboolean
punch_init (Punch *self, Fixture *f, gint64 time)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pMultiaddr) any = parse (f->kind->listen);
  gint64 now = lp2p_loop_now (lp2p_context_get_loop (LP2P_CONTEXT (f->far)));

  if ((lp2p_transport_get_flags (f->dialer) & LP2P_TRANSPORT_PUNCHES) == 0)
    {
      g_test_skip ("it does not punch");
      return FALSE;
    }
  self->listener = lp2p_transport_listen (f->dialer, any, &error);
  g_assert_no_error (error);
  self->address = wait_for_address (f, self->listener);
  self->other = listen_on (f, f->kind->listen);
  self->other_address = wait_for_address (f, self->other);
  self->dialer = lp2p_peer_id_new_from_public_key (
      lp2p_identity_get_public_key (lp2p_context_get_identity (LP2P_CONTEXT (f->near))));
  self->options = (Lp2pDialOptions){ .punch_at = now, .punch_deadline = now + time };
  return TRUE;
}

static Lp2pRawConnection *
finish_punch (Fixture *self, GAsyncResult **result, GError **error)
{
  Lp2pRawConnection *raw;

  test_until (self->world, *result != NULL);
  raw = lp2p_transport_punch_finish (self->server, *result, error);
  g_clear_object (result);
  return raw;
}

/* Whoever punches gets the connection, and the listener does not. */
static void
test_punch (Fixture *self, gconstpointer data)
{
  Punch punch = { 0 };

  if (!punch_init (&punch, self, 60 * (gint64) G_USEC_PER_SEC))
    return;
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (Lp2pRawConnection) out = NULL;
      g_autoptr (Lp2pRawConnection) in = NULL;
      GAsyncResult *punched = NULL;

      /* With the peer known, and without. */
      punch.options.expected_peer = i == 0 ? punch.dialer : NULL;
      lp2p_transport_punch_async (self->server, punch.address, &punch.options, NULL, test_take_result, &punched);
      g_assert_null (punched);
      out = dial (self, punch.other_address, &error);
      g_assert_no_error (error);
      in = finish_punch (self, &punched, &error);
      g_assert_no_error (error);
      check_raw (self, out, LP2P_ROLE_INITIATOR);
      check_raw (self, in, LP2P_ROLE_RESPONDER);
      g_assert_cmpstr (lp2p_multiaddr_get_string (in->remote_address), ==,
                       lp2p_multiaddr_get_string (punch.address));
      g_assert_true (lp2p_peer_id_equal (in->remote_peer, punch.dialer));
      g_assert_cmpuint (self->far->inbound.length, ==, 0);
      g_assert_cmpint (self->far->n_half_open, ==, 0);
    }
  punch_clear (&punch);
}

/* Somebody else comes in: that is for the listener. Nobody comes: that is an error. */
static void
test_punch_in_vain (Fixture *self, gconstpointer data)
{
  Punch punch = { 0 };
  g_autoptr (Lp2pPeerId) stranger = lp2p_peer_id_new_from_string (STRANGER, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pRawConnection) out = NULL;
  g_autoptr (Lp2pRawConnection) in = NULL;
  GAsyncResult *punched = NULL;

  if (!punch_init (&punch, self, 300 * 1000))
    return;
  punch.options.expected_peer = stranger;
  lp2p_transport_punch_async (self->server, punch.address, &punch.options, NULL, test_take_result, &punched);
  out = dial (self, punch.other_address, &error);
  g_assert_no_error (error);
  in = take_inbound (self);
  check_raw (self, in, LP2P_ROLE_RESPONDER);
  g_assert_null (finish_punch (self, &punched, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  punch_clear (&punch);
}

static void
test_punch_cancel (Fixture *self, gconstpointer data)
{
  Punch punch = { 0 };
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pRawConnection) out = NULL;
  g_autoptr (Lp2pRawConnection) in = NULL;
  GAsyncResult *punched = NULL;

  if (!punch_init (&punch, self, 60 * (gint64) G_USEC_PER_SEC))
    return;
  lp2p_transport_punch_async (self->server, punch.address, &punch.options, cancellable, test_take_result, &punched);
  g_cancellable_cancel (cancellable);
  g_assert_null (finish_punch (self, &punched, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);

  out = dial (self, punch.other_address, &error);
  g_assert_no_error (error);
  in = take_inbound (self);

  /* And a host that closes. */
  lp2p_transport_punch_async (self->server, punch.address, &punch.options, NULL, test_take_result, &punched);
  lp2p_extension_stop (LP2P_EXTENSION (self->server));
  g_assert_null (finish_punch (self, &punched, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  punch_clear (&punch);
}

/* Nobody can come in. */
static void
test_punch_without_listener (Fixture *self, gconstpointer data)
{
  Punch punch = { 0 };
  g_autoptr (GError) error = NULL;
  GAsyncResult *punched = NULL;

  if (!punch_init (&punch, self, 60 * (gint64) G_USEC_PER_SEC))
    return;
  lp2p_listener_close (punch.other);
  test_world_settle (self->world);
  lp2p_transport_punch_async (self->server, punch.address, &punch.options, NULL, test_take_result, &punched);
  g_assert_null (finish_punch (self, &punched, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  punch_clear (&punch);
}

static const struct
{
  const char *name;
  void (*test) (Fixture *self, gconstpointer data);
} tests[] = {
  { "match", test_match },
  { "strange-addresses", test_strange_addresses },
  { "listen", test_listen },
  { "several-listeners", test_several_listeners },
  { "drop-listener", test_drop_listener },
  { "dial", test_dial },
  { "many-dials", test_many_dials },
  { "refused", test_refused },
  { "gate", test_gate },
  { "cancel-before", test_cancel_before },
  { "cancel", test_cancel },
  { "close-while-dialing", test_close_while_dialing },
  { "stop-while-dialing", test_stop_while_dialing },
  { "punch", test_punch },
  { "punch-in-vain", test_punch_in_vain },
  { "punch-cancel", test_punch_cancel },
  { "punch-without-listener", test_punch_without_listener },
};

void
lp2p_test_add_transport (const Lp2pTestTransport *transport)
{
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    {
      g_autofree char *path = g_strdup_printf ("/transport/%s/%s", transport->name, tests[i].name);

      g_test_add (path, Fixture, transport, set_up, tests[i].test, tear_down);
    }
}
