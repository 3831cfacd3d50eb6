/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * abuser MODE ADDRESS SECURITY MUXER CONNECTIONS STREAMS: one peer that opens so many
 * connections with a listener, and on each of them
 *
 *   fill   so many streams, into which it writes for ever without reading
 *   busy   so many streams, into which it writes for ever and reads what comes back
 *   reset  streams that it resets behind their first byte, so many at a time; where the
 *          listener ends such a connection, it makes another one
 *   burst  so many streams; for each line on stdin it writes a byte into each of them at
 *          once, prints "sent", and when all are answered "done", and which one of all the
 *          first answer was
 *   leave  nothing: it leaves without a word, and makes another one
 *
 * It prints "ready" when it is known which connections the listener takes, with burst
 * when all streams are open, and when stdin ends how many connections there were in all,
 * how many streams it opened, and of how many it was told that they are reset.
 */

#include "lp2p-peer.h"

#include <glib-unix.h>
#include <stdio.h>
#include <unistd.h>

#define WRITE_SIZE (64 * 1024)

typedef enum
{
  FILL,
  BUSY,
  RESET,
  BURST,
  LEAVE,
  N_MODES,
} Mode;

static const char *const mode_names[N_MODES] = { "fill", "busy", "reset", "burst", "leave" };

typedef struct
{
  PeerOptions options;
  GMainLoop *loop;
  Lp2pMultiaddr *address;
  Mode mode;
  guint n_streams; /* of each connection */
  GPtrArray *slots; /* that wait for a burst */
  guint n_expected; /* answers that are to come */
  guint32 first;    /* of them, as the listener counts them */

  guint connecting;
  guint connected;
  guint64 opened;
  guint64 refused;
} Abuser;

/* One connection, made again each time. */
typedef struct
{
  Abuser *abuser;
  Lp2pHost *host;
  Lp2pConnection *connection;
  guint n_slots;
} Line;

/* One stream after the other. */
typedef struct
{
  Line *line;
  Lp2pStream *stream;
  guint32 number;
} Slot;

static const guint8 data[WRITE_SIZE];
static guint8 echoed[WRITE_SIZE];

static void line_connect (Line *self);
static void slot_open (Slot *self);
static void slot_write (Slot *self);

static void
slot_free (Slot *self)
{
  Line *line = self->line;

  g_clear_object (&self->stream);
  g_free (self);
  if (--line->n_slots > 0)
    return;
  g_clear_object (&line->connection);
  if (line->abuser->mode == RESET)
    line_connect (line);
}

static void
say (const char *what)
{
  puts (what);
  fflush (stdout);
}

static void
on_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Slot *self = user_data;
  Abuser *abuser = self->line->abuser;

  if (g_output_stream_write_finish (G_OUTPUT_STREAM (source), result, NULL) < 0)
    abuser->refused++;
  else if (abuser->mode == BURST)
    return;
  else if (abuser->mode != RESET)
    {
      slot_write (self);
      return;
    }
  if (abuser->mode != RESET)
    {
      /* It may still be reading. */
      if (abuser->mode == FILL)
        slot_free (self);
      return;
    }
  lp2p_stream_reset (self->stream, LP2P_CODE_NONE);
  g_clear_object (&self->stream);
  slot_open (self);
}

static void
slot_write (Slot *self)
{
  g_output_stream_write_async (g_io_stream_get_output_stream (G_IO_STREAM (self->stream)), data,
                               self->line->abuser->mode >= RESET ? 1 : sizeof data, G_PRIORITY_DEFAULT, NULL,
                               on_written, self);
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  if (result == NULL || g_input_stream_read_finish (G_INPUT_STREAM (source), result, NULL) > 0)
    g_input_stream_read_async (G_INPUT_STREAM (source), echoed, sizeof echoed, G_PRIORITY_DEFAULT, NULL, on_read, NULL);
}

static void slot_listen (Slot *self);

static void
on_answered (GObject *source, GAsyncResult *result, gpointer user_data)
{
  static gboolean began = FALSE;
  Slot *self = user_data;
  Abuser *abuser = self->line->abuser;
  gsize n;

  if (!g_input_stream_read_all_finish (G_INPUT_STREAM (source), result, &n, NULL) || n != PEER_ORDER_SIZE)
    return;
  slot_listen (self);
  abuser->first = MIN (abuser->first, GUINT32_FROM_BE (self->number));
  if (--abuser->n_expected > 0)
    return;
  if (began)
    printf ("done %u\n", abuser->first);
  else
    puts ("ready");
  fflush (stdout);
  began = TRUE;
}

static void
slot_listen (Slot *self)
{
  g_input_stream_read_all_async (g_io_stream_get_input_stream (G_IO_STREAM (self->stream)), &self->number,
                                 PEER_ORDER_SIZE, G_PRIORITY_DEFAULT, NULL, on_answered, self);
}

static void
on_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Slot *self = user_data;
  Abuser *abuser = self->line->abuser;

  self->stream = lp2p_connection_open_stream_finish (LP2P_CONNECTION (source), result, NULL);
  if (self->stream == NULL)
    {
      slot_free (self);
      return;
    }
  abuser->opened++;
  if (abuser->mode == BUSY)
    on_read (G_OBJECT (g_io_stream_get_input_stream (G_IO_STREAM (self->stream))), NULL, NULL);
  if (abuser->mode == BURST)
    {
      slot_listen (self);
      g_ptr_array_add (abuser->slots, self);
    }
  slot_write (self);
}

static void
slot_open (Slot *self)
{
  const char *const protocols[] = { self->line->abuser->mode == BURST ? PEER_PROTOCOL_ORDER : PEER_PROTOCOL_ECHO, NULL };

  lp2p_connection_open_stream_async (self->line->connection, protocols, LP2P_STREAM_NONE, NULL, on_opened, self);
}

static void
tell_ready (Abuser *self)
{
  if (self->connecting > 0 && --self->connecting == 0 && self->mode != BURST)
    say ("ready");
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Line *self = user_data;
  Abuser *abuser = self->abuser;

  self->connection = lp2p_host_connect_finish (self->host, result, NULL);
  if (self->connection != NULL)
    {
      abuser->connected++;
      self->n_slots = abuser->n_streams;
      for (guint i = 0; i < self->n_slots; i++)
        {
          Slot *slot = g_new0 (Slot, 1);

          slot->line = self;
          slot_open (slot);
        }
    }
  tell_ready (abuser);
  if (abuser->mode != LEAVE)
    return;
  if (self->connection != NULL)
    lp2p_connection_abort (self->connection, LP2P_CODE_NONE);
  g_clear_object (&self->connection);
  line_connect (self);
}

static void
line_connect (Line *self)
{
  lp2p_host_connect_async (self->host, self->abuser->address, NULL, on_connected, self);
}

static void
on_started (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;

  if (!lp2p_host_start_finish (LP2P_HOST (source), result, &error))
    g_error ("%s", error->message);
  line_connect (user_data);
}

/* Behind the loop of the hosts: what was written is on its way. */
static gboolean
tell_sent (gpointer user_data)
{
  say ("sent");
  return G_SOURCE_REMOVE;
}

static void
burst (Abuser *self)
{
  self->n_expected = self->slots->len;
  self->first = G_MAXUINT32;
  for (guint i = 0; i < self->slots->len; i++)
    slot_write (g_ptr_array_index (self->slots, i));
  g_idle_add_full (G_PRIORITY_LOW, tell_sent, NULL, NULL);
}

static gboolean
on_stdin (int fd, GIOCondition condition, gpointer user_data)
{
  Abuser *self = user_data;
  char line[16];

  if (read (fd, line, sizeof line) > 0)
    {
      burst (self);
      return G_SOURCE_CONTINUE;
    }
  printf ("%u %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT "\n", self->connected, self->opened, self->refused);
  fflush (stdout);
  /* Not in order: the system tells the listener. */
  _exit (0);
}

/* Hosts of one identity: each has one connection. */
static void
start (Abuser *self, guint n_connections)
{
  self->connecting = n_connections;
  for (guint i = 0; i < n_connections; i++)
    {
      g_autoptr (GError) error = NULL;
      Line *line = g_new0 (Line, 1);

      line->abuser = self;
      line->host = peer_host_new (&self->options, &error);
      if (line->host == NULL)
        g_error ("%s", error->message);
      lp2p_host_start_async (line->host, NULL, on_started, line);
    }
}

int
main (int argc, char **argv)
{
  Abuser self = { .options = { .transport = "tcp", .key_seed = "4" } };

  if (argc != 7)
    {
      g_printerr ("usage: abuser fill|busy|reset|burst|leave ADDRESS SECURITY MUXER CONNECTIONS STREAMS\n");
      return 2;
    }
  while (self.mode < N_MODES - 1 && !g_str_equal (argv[1], mode_names[self.mode]))
    self.mode++;
  self.address = lp2p_multiaddr_new_from_string (argv[2], NULL);
  self.options.security = argv[3];
  self.options.muxer = argv[4];
  self.n_streams = (guint) g_ascii_strtoull (argv[6], NULL, 10);
  self.slots = g_ptr_array_new ();
  self.n_expected = self.n_streams * (guint) g_ascii_strtoull (argv[5], NULL, 10);
  self.loop = g_main_loop_new (NULL, FALSE);
  g_unix_fd_add (STDIN_FILENO, G_IO_IN | G_IO_HUP, on_stdin, &self);
  start (&self, (guint) g_ascii_strtoull (argv[5], NULL, 10));
  g_main_loop_run (self.loop);
  return 0;
}
