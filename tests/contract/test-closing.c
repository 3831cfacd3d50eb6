/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Closing or dropping a stream, a connection or a host is legal in every callback.
 * A scenario runs through all of them; at one place somebody does one of these
 * things. Each operation that was started ends once. */

#include <string.h>

#include "combination.h"

/* What is echoed: much on a good line, some hundred pieces where they are small. All
 * of the time goes there, and no more happens with more of them. */
#define SIZE      50000
#define SLOW_SIZE 2000

/* How long a scenario may take, how often it is looked whether it is over, and how long
 * it goes on behind that: whatever ended may not end again. */
#define LONGEST (20 * G_USEC_PER_SEC)
#define STEP    2000
#define TAIL    20000

typedef enum
{
  PLACE_CONNECTED,
  PLACE_ADDED,
  PLACE_OTHER_ADDED,
  PLACE_ITEMS_CHANGED,
  PLACE_OPENED,
  PLACE_HANDLER,
  PLACE_NEGOTIATED,
  PLACE_WRITTEN,
  PLACE_POLLED,
  PLACE_READ,
  PLACE_OTHER_READ,
  PLACE_OTHER_WRITTEN,
  PLACE_ENDED,
  PLACE_STREAM_CLOSED,
  PLACE_STATE,
  PLACE_REMOVED,
  PLACE_OTHER_REMOVED,
  PLACE_CONNECTION_CLOSED,
  PLACE_HOST_CLOSED,
  N_PLACES,
} Place;

static const char *const place_names[N_PLACES] = {
  "connected", "added",   "other-added",  "items-changed", "opened",        "handler",           "negotiated",
  "written",   "polled",  "read",         "other-read",    "other-written", "ended",             "stream-closed",
  "state",     "removed", "other-removed", "connection-closed", "host-closed",
};

typedef struct _Scenario Scenario;

struct _Scenario
{
  Pair *pair;
  Place place;
  void (*action) (Scenario *self);
  gboolean fired;
  gboolean over;
  guint n_pending;

  Lp2pConnection *connection;
  Lp2pConnection *other_connection;
  Lp2pStream *stream;
  Lp2pStream *accepted;
  GSource *source;
  guint8 *data;
  gsize size;
  guint8 buffer[4096];
  guint8 other_buffer[4096];
};

/* Every operation is counted: it must end, and only once. */
typedef struct
{
  Scenario *scenario;
  GAsyncReadyCallback callback;
  gboolean done;
} Operation;

static void
on_operation (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Operation *operation = user_data;
  Scenario *scenario = operation->scenario;

  g_assert_false (operation->done);
  operation->done = TRUE;
  g_assert_cmpuint (scenario->n_pending, >, 0);
  scenario->n_pending--;
  operation->callback (source, result, scenario);
  g_free (operation);
}

static Operation *
begin (Scenario *self, GAsyncReadyCallback callback)
{
  Operation *operation = g_new0 (Operation, 1);

  operation->scenario = self;
  operation->callback = callback;
  self->n_pending++;
  return operation;
}

static void
reach (Scenario *self, Place place)
{
  if (place != self->place || self->fired)
    return;
  self->fired = TRUE;
  self->action (self);
}

/* What somebody does */

static void
ignore_close (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_assert_true (lp2p_connection_close_finish (LP2P_CONNECTION (source), result, NULL));
}

static void
ignore_host_close (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_assert_true (lp2p_host_close_finish (LP2P_HOST (source), result, NULL));
}

static void
close_streams (Scenario *self)
{
  if (self->stream != NULL)
    g_io_stream_close (G_IO_STREAM (self->stream), NULL, NULL);
  if (self->accepted != NULL)
    g_io_stream_close (G_IO_STREAM (self->accepted), NULL, NULL);
}

static void
reset_streams (Scenario *self)
{
  if (self->stream != NULL)
    lp2p_stream_reset (self->stream, 1);
  if (self->accepted != NULL)
    lp2p_stream_reset (self->accepted, 2);
}

static void
drop_streams (Scenario *self)
{
  g_clear_object (&self->stream);
  g_clear_object (&self->accepted);
}

static void
close_connection (Scenario *self)
{
  if (self->connection != NULL)
    lp2p_connection_close_async (self->connection, NULL, on_operation, begin (self, ignore_close));
}

static void
close_other_connection (Scenario *self)
{
  if (self->other_connection != NULL)
    lp2p_connection_close_async (self->other_connection, NULL, on_operation, begin (self, ignore_close));
}

static void
abort_connection (Scenario *self)
{
  if (self->connection != NULL)
    lp2p_connection_abort (self->connection, 3);
}

static void
abort_other_connection (Scenario *self)
{
  if (self->other_connection != NULL)
    lp2p_connection_abort (self->other_connection, 3);
}

static void
close_host (Scenario *self)
{
  lp2p_host_close_async (self->pair->a->host, NULL, on_operation, begin (self, ignore_host_close));
}

static void
close_other_host (Scenario *self)
{
  lp2p_host_close_async (self->pair->b->host, NULL, on_operation, begin (self, ignore_host_close));
}

static void
drop_host (Scenario *self)
{
  g_clear_object (&self->pair->a->host);
}

static void
drop_other_host (Scenario *self)
{
  g_clear_object (&self->pair->b->host);
}

static void
drop_everything (Scenario *self)
{
  drop_streams (self);
  g_clear_object (&self->connection);
  g_clear_object (&self->other_connection);
  drop_host (self);
  drop_other_host (self);
}

/* A callback may wait in a main loop of its own, while the world goes on. */
static void
run_nested (Scenario *self)
{
  for (guint i = 0; i < 200; i++)
    if (!g_main_context_iteration (self->pair->world->context, FALSE) && !self->pair->world->real)
      test_world_jump (self->pair->world, 1000);
}

static void
abort_and_run_nested (Scenario *self)
{
  abort_connection (self);
  run_nested (self);
}

static const struct
{
  const char *name;
  void (*run) (Scenario *self);
} actions[] = {
  { "close-streams", close_streams },
  { "reset-streams", reset_streams },
  { "drop-streams", drop_streams },
  { "close-connection", close_connection },
  { "close-other-connection", close_other_connection },
  { "abort-connection", abort_connection },
  { "abort-other-connection", abort_other_connection },
  { "close-host", close_host },
  { "close-other-host", close_other_host },
  { "drop-host", drop_host },
  { "drop-other-host", drop_other_host },
  { "drop-everything", drop_everything },
  { "run-nested", run_nested },
  { "abort-and-run-nested", abort_and_run_nested },
};

/* The scenario. Where something failed, it ends. */

static GInputStream *
in (gpointer stream)
{
  return g_io_stream_get_input_stream (stream);
}

static GOutputStream *
out (gpointer stream)
{
  return g_io_stream_get_output_stream (stream);
}

static void
on_host_closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Scenario *self = user_data;

  g_assert_true (lp2p_host_close_finish (LP2P_HOST (source), result, NULL));
  self->over = TRUE;
  reach (self, PLACE_HOST_CLOSED);
}

static void
finish (Scenario *self)
{
  if (self->pair->a->host != NULL)
    lp2p_host_close_async (self->pair->a->host, NULL, on_operation, begin (self, on_host_closed));
  else
    self->over = TRUE;
}

static void
on_connection_closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Scenario *self = user_data;

  g_assert_true (lp2p_connection_close_finish (LP2P_CONNECTION (source), result, NULL));
  reach (self, PLACE_CONNECTION_CLOSED);
  finish (self);
}

static void
finish_connection (Scenario *self)
{
  if (self->connection != NULL)
    lp2p_connection_close_async (self->connection, NULL, on_operation, begin (self, on_connection_closed));
  else
    finish (self);
}

static void
on_stream_closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Scenario *self = user_data;

  g_io_stream_close_finish (G_IO_STREAM (source), result, NULL);
  reach (self, PLACE_STREAM_CLOSED);
  finish_connection (self);
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Scenario *self = user_data;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, NULL);

  reach (self, n == 0 ? PLACE_ENDED : PLACE_READ);
  if (n > 0 && self->stream != NULL)
    g_input_stream_read_async (in (self->stream), self->buffer, sizeof self->buffer, 0, NULL, on_operation,
                               begin (self, on_read));
  else if (self->stream != NULL && !g_io_stream_has_pending (G_IO_STREAM (self->stream)))
    g_io_stream_close_async (G_IO_STREAM (self->stream), 0, NULL, on_operation, begin (self, on_stream_closed));
  else
    finish_connection (self);
}

static void
ignore_output_close (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_output_stream_close_finish (G_OUTPUT_STREAM (source), result, NULL);
}

static void
on_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Scenario *self = user_data;
  gboolean ok = g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, NULL);

  reach (self, PLACE_WRITTEN);
  if (ok && self->stream != NULL)
    g_output_stream_close_async (out (self->stream), 0, NULL, on_operation, begin (self, ignore_output_close));
}

static void
on_negotiated (GObject *source, GAsyncResult *result, gpointer user_data)
{
  lp2p_stream_negotiate_finish (LP2P_STREAM (source), result, NULL);
  reach (user_data, PLACE_NEGOTIATED);
}

static gboolean
on_polled (GObject *pollable, gpointer user_data)
{
  reach (user_data, PLACE_POLLED);
  return G_SOURCE_REMOVE;
}

static void
on_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Scenario *self = user_data;
  g_autoptr (Lp2pStream) stream =
      lp2p_connection_open_stream_finish (LP2P_CONNECTION (source), result, NULL);

  if (stream == NULL)
    {
      finish_connection (self);
      return;
    }
  self->stream = g_object_ref (stream);
  self->source = g_pollable_input_stream_create_source (G_POLLABLE_INPUT_STREAM (in (stream)), NULL);
  g_source_set_callback (self->source, G_SOURCE_FUNC (on_polled), self, NULL);
  g_source_attach (self->source, self->pair->world->context);
  lp2p_stream_negotiate_async (stream, 0, NULL, on_operation, begin (self, on_negotiated));
  g_output_stream_write_all_async (out (stream), self->data, self->size, 0, NULL, on_operation, begin (self, on_written));
  g_input_stream_read_async (in (stream), self->buffer, sizeof self->buffer, 0, NULL, on_operation,
                             begin (self, on_read));
  reach (self, PLACE_OPENED);
}

static void
on_state (Lp2pConnection *connection, GParamSpec *pspec, gpointer user_data)
{
  reach (user_data, PLACE_STATE);
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  static const char *const protocols[] = { TEST_PROTOCOL, NULL };
  Scenario *self = user_data;
  g_autoptr (Lp2pConnection) connection = lp2p_host_connect_finish (LP2P_HOST (source), result, NULL);

  if (connection == NULL)
    {
      finish_connection (self);
      return;
    }
  if (self->connection == NULL)
    {
      self->connection = g_object_ref (connection);
      g_signal_connect (connection, "notify::state", G_CALLBACK (on_state), self);
    }
  reach (self, PLACE_CONNECTED);
  if (self->connection != NULL)
    lp2p_connection_open_stream_async (self->connection, protocols, 0, NULL, on_operation, begin (self, on_opened));
  else
    finish_connection (self);
}

/* Signals */

static void
on_added (Lp2pHost *host, Lp2pConnection *connection, gpointer user_data)
{
  Scenario *self = user_data;

  if (self->connection == NULL)
    {
      self->connection = g_object_ref (connection);
      g_signal_connect (connection, "notify::state", G_CALLBACK (on_state), self);
    }
  reach (self, PLACE_ADDED);
}

static void
on_other_added (Lp2pHost *host, Lp2pConnection *connection, gpointer user_data)
{
  Scenario *self = user_data;

  g_set_object (&self->other_connection, connection);
  reach (self, PLACE_OTHER_ADDED);
}

static void
on_removed (Lp2pHost *host, Lp2pConnection *connection, gpointer user_data)
{
  reach (user_data, PLACE_REMOVED);
}

static void
on_other_removed (Lp2pHost *host, Lp2pConnection *connection, gpointer user_data)
{
  reach (user_data, PLACE_OTHER_REMOVED);
}

static void
on_items_changed (GListModel *model, guint position, guint removed, guint added, gpointer user_data)
{
  reach (user_data, PLACE_ITEMS_CHANGED);
}

/* The other side echoes what it gets. */

static void
on_other_read (GObject *source, GAsyncResult *result, gpointer user_data);

static void
read_other (Scenario *self)
{
  if (self->accepted != NULL)
    g_input_stream_read_async (in (self->accepted), self->other_buffer, sizeof self->other_buffer, 0, NULL,
                               on_operation, begin (self, on_other_read));
}

static void
on_other_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Scenario *self = user_data;
  gboolean ok = g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, NULL);

  reach (self, PLACE_OTHER_WRITTEN);
  if (ok)
    read_other (self);
}

static void
on_other_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Scenario *self = user_data;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, NULL);

  reach (self, PLACE_OTHER_READ);
  if (n > 0 && self->accepted != NULL)
    g_output_stream_write_all_async (out (self->accepted), self->other_buffer, n, 0, NULL, on_operation,
                                     begin (self, on_other_written));
  else
    g_clear_object (&self->accepted);
}

static void
on_accepted (Lp2pStream *stream, gpointer user_data)
{
  Scenario *self = user_data;

  if (self->accepted == NULL)
    self->accepted = g_object_ref (stream);
  reach (self, PLACE_HANDLER);
  read_other (self);
}

static void
start (Scenario *self)
{
  Pair *pair = self->pair;
  g_autoptr (Lp2pMultiaddr) address = test_host_dup_address (pair->b);

  self->size = pair->combination->transport->config != NULL ? SLOW_SIZE : SIZE;
  self->data = g_malloc0 (self->size);
  lp2p_host_set_stream_handler (pair->b->host, TEST_PROTOCOL, LP2P_HANDLER_NONE, on_accepted, self, NULL);
  g_signal_connect (pair->a->host, "connection-added", G_CALLBACK (on_added), self);
  g_signal_connect (pair->b->host, "connection-added", G_CALLBACK (on_other_added), self);
  g_signal_connect (pair->a->host, "connection-removed", G_CALLBACK (on_removed), self);
  g_signal_connect (pair->b->host, "connection-removed", G_CALLBACK (on_other_removed), self);
  g_signal_connect (lp2p_host_get_connections (pair->a->host), "items-changed", G_CALLBACK (on_items_changed), self);
  lp2p_host_connect_async (pair->a->host, address, NULL, on_operation, begin (self, on_connected));
}

static void
clear (Scenario *self)
{
  if (self->connection != NULL)
    g_signal_handlers_disconnect_by_data (self->connection, self);
  drop_streams (self);
  g_clear_object (&self->connection);
  g_clear_object (&self->other_connection);
  if (self->source != NULL)
    {
      g_source_destroy (self->source);
      g_source_unref (self->source);
    }
  /* Whoever is left says goodbye without the scenario. */
  if (self->pair->a->host != NULL)
    g_signal_handlers_disconnect_by_data (self->pair->a->host, self);
  if (self->pair->b->host != NULL)
    g_signal_handlers_disconnect_by_data (self->pair->b->host, self);
  if (self->pair->a->host != NULL)
    g_signal_handlers_disconnect_by_data (lp2p_host_get_connections (self->pair->a->host), self);
  g_free (self->data);
}

static gboolean
is_over (const Scenario *self)
{
  return self->over && self->n_pending == 0;
}

static void
run_scenario (Pair *pair, Place place, guint action)
{
  Scenario scenario = { .pair = pair, .place = place, .action = actions[action].run };

  g_test_message ("%s: %s", place_names[place], actions[action].name);
  start (&scenario);
  for (guint i = 0; i < LONGEST / STEP && !is_over (&scenario); i++)
    test_world_advance (pair->world, STEP);
  if (pair->world->real)
    test_until (pair->world, is_over (&scenario));
  test_world_advance (pair->world, TAIL);
  g_assert_true (scenario.over);
  g_assert_cmpuint (scenario.n_pending, ==, 0);
  g_assert_true (scenario.fired);
  clear (&scenario);
}

static void
renew_hosts (Pair *pair)
{
  test_host_free (pair->a);
  test_host_free (pair->b);
  pair->a = pair_new_host (pair, NULL);
  pair->b = pair_new_host (pair, NULL);
}

static void
run_place (Pair *pair, Place place)
{
  for (guint action = 0; action < G_N_ELEMENTS (actions); action++)
    {
      if (action > 0)
        renew_hosts (pair);
      /* Where there is no host any more it cannot be closed. */
      run_scenario (pair, place, action);
    }
}

#define PLACE_TEST(function, place)                       \
  static void function (Pair *self, gconstpointer data)   \
  {                                                       \
    run_place (self, place);                              \
  }

PLACE_TEST (test_connected, PLACE_CONNECTED)
PLACE_TEST (test_added, PLACE_ADDED)
PLACE_TEST (test_other_added, PLACE_OTHER_ADDED)
PLACE_TEST (test_items_changed, PLACE_ITEMS_CHANGED)
PLACE_TEST (test_opened, PLACE_OPENED)
PLACE_TEST (test_handler, PLACE_HANDLER)
PLACE_TEST (test_negotiated, PLACE_NEGOTIATED)
PLACE_TEST (test_written, PLACE_WRITTEN)
PLACE_TEST (test_polled, PLACE_POLLED)
PLACE_TEST (test_read, PLACE_READ)
PLACE_TEST (test_other_read, PLACE_OTHER_READ)
PLACE_TEST (test_other_written, PLACE_OTHER_WRITTEN)
PLACE_TEST (test_ended, PLACE_ENDED)
PLACE_TEST (test_stream_closed, PLACE_STREAM_CLOSED)
PLACE_TEST (test_state, PLACE_STATE)
PLACE_TEST (test_removed, PLACE_REMOVED)
PLACE_TEST (test_other_removed, PLACE_OTHER_REMOVED)
PLACE_TEST (test_connection_closed, PLACE_CONNECTION_CLOSED)
PLACE_TEST (test_host_closed, PLACE_HOST_CLOSED)

static const PairTest tests[] = {
  { "connected", test_connected },
  { "added", test_added },
  { "other-added", test_other_added },
  { "items-changed", test_items_changed },
  { "opened", test_opened },
  { "handler", test_handler },
  { "negotiated", test_negotiated },
  { "written", test_written },
  { "polled", test_polled },
  { "read", test_read },
  { "other-read", test_other_read },
  { "other-written", test_other_written },
  { "ended", test_ended },
  { "stream-closed", test_stream_closed },
  { "state", test_state },
  { "removed", test_removed },
  { "other-removed", test_other_removed },
  { "connection-closed", test_connection_closed },
  { "host-closed", test_host_closed },
};

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  combination_add_tests ("closing", tests, G_N_ELEMENTS (tests));
  return g_test_run ();
}
