/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/forward/lp2p-forward-splice-private.h"

#include "types/lp2p-i18n-private.h"

#include <errno.h>
#include <gio/gio.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* Moved in one step: the larger, the less each byte costs. What the target does not
 * take of it is kept, so steps are small when much is kept already: 4,096 connections
 * that all stand still in both directions hold less than 200 MiB. */
#define LARGE_CHUNK (256 * 1024)
#define SMALL_CHUNK (16 * 1024)
#define MUCH_KEPT   (64 * 1024 * 1024)

/* Steps in one turn of a direction, before others have theirs. */
#define MAX_CHUNKS_A_TURN 2

/* What a stream that has nothing to read may put down. The rest of what comes with
 * it is read at once, so thousands of idle streams need not hold more. */
#define PROBE_SIZE 2048

/* Bytes on their way through, and how many are kept in all. */
static guint8 scratch[LARGE_CHUNK];
static gsize all_kept;

/* One direction.
 * @kept: what the target did not take yet; as long as there is some, nothing more
 *   is read from the source
 * @waiting: for the stream, in a call that will come back
 * @ended: the end of the source was passed on */
typedef struct
{
  guint8 *kept;
  gsize begin;
  gsize end;
  guint64 bytes;
  gboolean started;
  gboolean waiting;
  gboolean ended;
} Half;

struct _ToolSplice
{
  guint refs; /* one of the splice as long as it is not over, one of each call */
  ToolWatch watch;
  Lp2pStream *stream;
  GSocketConnection *connection;
  int fd;
  Half sending;
  Half receiving;
  guint8 probe[PROBE_SIZE];
  gulong broken_id;
  ToolSpliceDone done;
  gpointer user_data;
  gboolean over;
};

static void send_more (ToolSplice *self);
static void receive_more (ToolSplice *self);

/* What is kept */

static gsize
get_chunk_size (void)
{
  return all_kept < MUCH_KEPT ? LARGE_CHUNK : SMALL_CHUNK;
}

static void
half_keep (Half *self, const guint8 *data, gsize size)
{
  self->kept = g_memdup2 (data, size);
  self->begin = 0;
  self->end = size;
  all_kept += size;
}

static void
half_forget (Half *self)
{
  if (self->kept != NULL)
    all_kept -= self->end;
  g_clear_pointer (&self->kept, g_free);
}

/* Whether nothing is left. */
static gboolean
half_take (Half *self, gsize n)
{
  self->begin += n;
  if (self->begin < self->end)
    return FALSE;
  half_forget (self);
  return TRUE;
}

/* The end */

ToolSplice *
tool_splice_ref (ToolSplice *self)
{
  self->refs++;
  return self;
}

void
tool_splice_unref (ToolSplice *self)
{
  if (--self->refs > 0)
    return;
  half_forget (&self->sending);
  half_forget (&self->receiving);
  g_object_unref (self->stream);
  g_object_unref (self->connection);
  g_free (self);
}

/* A socket that is closed with this set sends a reset, where its kind has one. */
void
tool_splice_refuse (GSocketConnection *connection)
{
  const struct linger linger = { .l_onoff = 1, .l_linger = 0 };
  int fd = g_socket_get_fd (g_socket_connection_get_socket (connection));

  setsockopt (fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  g_io_stream_close (G_IO_STREAM (connection), NULL, NULL);
}

static void
end (ToolSplice *self, const GError *error)
{
  if (self->over)
    return;
  self->over = TRUE;
  tool_watch_remove (&self->watch);
  g_signal_handler_disconnect (self->stream, self->broken_id);
  if (error != NULL)
    {
      tool_splice_refuse (self->connection);
      lp2p_stream_reset (self->stream, LP2P_CODE_NONE);
    }
  g_io_stream_close (G_IO_STREAM (self->connection), NULL, NULL);
  g_io_stream_close (G_IO_STREAM (self->stream), NULL, NULL);
  self->done (self, error, self->user_data);
  tool_splice_unref (self);
}

void
tool_splice_break (ToolSplice *self, const GError *error)
{
  end (self, error);
}

static void
break_with_errno (ToolSplice *self, int code)
{
  g_autoptr (GError) error = g_error_new (G_IO_ERROR, g_io_error_from_errno (code),
                                          _("the local socket: %s"), g_strerror (code));

  end (self, error);
}

static void
break_with_stream_error (ToolSplice *self, const GError *error)
{
  g_autoptr (GError) why = g_error_copy (error);

  g_prefix_error (&why, _("the stream: "));
  end (self, why);
}

static void
half_ended (ToolSplice *self, Half *half)
{
  half->ended = TRUE;
  if (self->sending.ended && self->receiving.ended)
    end (self, NULL);
}

/* From the socket to the stream */

static void
on_sending_closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (ToolSplice) self = user_data;
  g_autoptr (GError) error = NULL;

  if (self->over)
    return;
  if (g_output_stream_close_finish (G_OUTPUT_STREAM (source), result, &error))
    half_ended (self, &self->sending);
  else
    break_with_stream_error (self, error);
}

static void
end_sending (ToolSplice *self)
{
  self->sending.waiting = TRUE;
  g_output_stream_close_async (g_io_stream_get_output_stream (G_IO_STREAM (self->stream)),
                               G_PRIORITY_DEFAULT, NULL, on_sending_closed, tool_splice_ref (self));
}

static void write_kept (ToolSplice *self);

static void
on_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (ToolSplice) self = user_data;
  g_autoptr (GError) error = NULL;
  gssize n = g_output_stream_write_finish (G_OUTPUT_STREAM (source), result, &error);

  self->sending.waiting = FALSE;
  if (self->over)
    return;
  if (n < 0)
    break_with_stream_error (self, error);
  else if (half_take (&self->sending, (gsize) n))
    send_more (self);
  else
    write_kept (self);
}

static void
write_kept (ToolSplice *self)
{
  Half *half = &self->sending;

  half->waiting = TRUE;
  g_output_stream_write_async (g_io_stream_get_output_stream (G_IO_STREAM (self->stream)),
                               half->kept + half->begin, half->end - half->begin,
                               G_PRIORITY_DEFAULT, NULL, on_written, tool_splice_ref (self));
}

/* Whether the stream took all of it. */
static gboolean
write_now (ToolSplice *self, const guint8 *data, gsize size)
{
  GOutputStream *output = g_io_stream_get_output_stream (G_IO_STREAM (self->stream));
  g_autoptr (GError) error = NULL;
  gssize n = g_pollable_output_stream_write_nonblocking (G_POLLABLE_OUTPUT_STREAM (output), data,
                                                         size, NULL, &error);

  if (n == (gssize) size)
    return TRUE;
  if (n < 0 && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    {
      break_with_stream_error (self, error);
      return FALSE;
    }
  n = MAX (n, 0);
  half_keep (&self->sending, data + n, size - (gsize) n);
  write_kept (self);
  return FALSE;
}

static void
send_more (ToolSplice *self)
{
  Half *half = &self->sending;

  if (self->over || !half->started || half->waiting || half->ended)
    return;
  for (guint i = 0; i < MAX_CHUNKS_A_TURN; i++)
    {
      gssize n = recv (self->fd, scratch, get_chunk_size (), MSG_DONTWAIT);

      if (n == 0)
        {
          end_sending (self);
          return;
        }
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0 && errno != EAGAIN)
        break_with_errno (self, errno);
      if (n < 0)
        return;
      half->bytes += (guint64) n;
      if (!write_now (self, scratch, (gsize) n))
        return;
    }
  tool_watch_again (&self->watch);
}

/* From the stream to the socket */

static void
end_receiving (ToolSplice *self)
{
  /* Where the other side has gone already there is nobody to tell. */
  shutdown (self->fd, SHUT_WR);
  half_ended (self, &self->receiving);
}

/* Whether the socket took all of it. */
static gboolean
deliver (ToolSplice *self, const guint8 *data, gsize size, gssize *n)
{
  do
    *n = send (self->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
  while (*n < 0 && errno == EINTR);
  if (*n < 0 && errno != EAGAIN)
    {
      break_with_errno (self, errno);
      return FALSE;
    }
  *n = MAX (*n, 0);
  return *n == (gssize) size;
}

static gboolean
deliver_or_keep (ToolSplice *self, const guint8 *data, gsize size)
{
  gssize n;
  gboolean all = deliver (self, data, size, &n);

  self->receiving.bytes += size;
  if (!all && !self->over)
    half_keep (&self->receiving, data + n, size - (gsize) n);
  return all;
}

static void
deliver_kept (ToolSplice *self)
{
  Half *half = &self->receiving;
  gssize n;

  deliver (self, half->kept + half->begin, half->end - half->begin, &n);
  if (!self->over && half_take (half, (gsize) n))
    receive_more (self);
}

static void
on_probed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (ToolSplice) self = user_data;
  g_autoptr (GError) error = NULL;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);

  self->receiving.waiting = FALSE;
  if (self->over)
    return;
  if (n < 0)
    break_with_stream_error (self, error);
  else if (n == 0)
    end_receiving (self);
  else if (deliver_or_keep (self, self->probe, (gsize) n))
    receive_more (self);
}

static void
probe (ToolSplice *self)
{
  self->receiving.waiting = TRUE;
  g_input_stream_read_async (g_io_stream_get_input_stream (G_IO_STREAM (self->stream)), self->probe,
                             sizeof self->probe, G_PRIORITY_DEFAULT, NULL, on_probed,
                             tool_splice_ref (self));
}

static void
receive_more (ToolSplice *self)
{
  GInputStream *input = g_io_stream_get_input_stream (G_IO_STREAM (self->stream));
  Half *half = &self->receiving;

  if (self->over || !half->started || half->waiting || half->ended || half->kept != NULL)
    return;
  for (guint i = 0; i < MAX_CHUNKS_A_TURN; i++)
    {
      g_autoptr (GError) error = NULL;
      gssize n = g_pollable_input_stream_read_nonblocking (G_POLLABLE_INPUT_STREAM (input), scratch,
                                                           get_chunk_size (), NULL, &error);

      if (n == 0)
        {
          end_receiving (self);
          return;
        }
      if (n < 0 && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        break;
      if (n < 0)
        {
          break_with_stream_error (self, error);
          return;
        }
      if (!deliver_or_keep (self, scratch, (gsize) n))
        return;
    }
  /* Comes back when there is more, or when the others had their turn. */
  probe (self);
}

/* The two sides */

static void
on_watch (ToolWatch *watch, guint32 events)
{
  ToolSplice *self = (ToolSplice *) ((guint8 *) watch - G_STRUCT_OFFSET (ToolSplice, watch));
  g_autoptr (ToolSplice) keep = tool_splice_ref (self);

  if ((events & EPOLLERR) != 0)
    {
      int code = 0;
      socklen_t size = sizeof code;

      if (getsockopt (self->fd, SOL_SOCKET, SO_ERROR, &code, &size) == 0 && code != 0)
        {
          break_with_errno (self, code);
          return;
        }
    }
  if ((events & EPOLLOUT) != 0 && self->receiving.kept != NULL)
    deliver_kept (self);
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) != 0)
    send_more (self);
}

/* Who reads is told why; what it gets instead of an error is of no use any more. */
static GError *
find_reason (Lp2pStream *stream)
{
  GInputStream *input = g_io_stream_get_input_stream (G_IO_STREAM (stream));
  g_autoptr (GError) error = NULL;
  guint8 byte;

  g_pollable_input_stream_read_nonblocking (G_POLLABLE_INPUT_STREAM (input), &byte, 1, NULL, &error);
  if (error != NULL && error->domain == LP2P_ERROR)
    return g_steal_pointer (&error);
  return g_error_new_literal (LP2P_ERROR, LP2P_ERROR_RESET, _("the stream: it was reset, or its connection lost"));
}

/* Also while nothing is read from the stream, nor written to it. */
static void
on_broken (Lp2pStream *stream, gpointer user_data)
{
  g_autoptr (GError) error = find_reason (stream);

  end (user_data, error);
}

/**
 * tool_splice_new:
 * @stream: the stream
 * @connection: the local socket
 * @poll: what watches the socket
 * @done: called once, never before this returns
 * @user_data: passed on
 * @error: return location for an error
 *
 * Joins the two. Nothing is moved before a direction is started.
 *
 * Returns: (transfer full): what lives at least until it is over
 */
ToolSplice *
tool_splice_new (Lp2pStream *stream,
                 GSocketConnection *connection,
                 ToolPoll *poll,
                 ToolSpliceDone done,
                 gpointer user_data,
                 GError **error)
{
  ToolSplice *self = g_new0 (ToolSplice, 1);
  const int yes = 1;

  self->refs = 1;
  self->stream = g_object_ref (stream);
  self->connection = g_object_ref (connection);
  self->fd = g_socket_get_fd (g_socket_connection_get_socket (connection));
  self->done = done;
  self->user_data = user_data;
  if (!tool_watch_add (&self->watch, poll, self->fd, on_watch, error))
    {
      tool_splice_unref (self);
      return NULL;
    }
  /* What comes in one piece goes on in one; of no use to a UNIX socket. */
  setsockopt (self->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  self->broken_id = g_signal_connect (stream, "broken", G_CALLBACK (on_broken), self);
  return tool_splice_ref (self);
}

void
tool_splice_start_sending (ToolSplice *self, const guint8 *prefix, gsize size)
{
  if (self->over)
    return;
  self->sending.started = TRUE;
  half_keep (&self->sending, prefix, size);
  write_kept (self);
}

void
tool_splice_start_receiving (ToolSplice *self)
{
  if (self->over)
    return;
  self->receiving.started = TRUE;
  probe (self);
}

guint64
tool_splice_get_sent (ToolSplice *self)
{
  return self->sending.bytes;
}

guint64
tool_splice_get_received (ToolSplice *self)
{
  return self->receiving.bytes;
}
