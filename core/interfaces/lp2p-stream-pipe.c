/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A stream that is connected with another input and output. */

#include <lp2p/interfaces/lp2p-connection.h>
#include <lp2p/interfaces/lp2p-stream.h>

/* @inner: ends the other direction when one has failed
 * @left: how many directions go on
 * @error: of the first that failed */
typedef struct
{
  GCancellable *inner;
  gulong handler;
  guint left;
  GError *error;
} Pipe;

static void
pipe_free (gpointer pointer)
{
  Pipe *self = pointer;

  g_object_unref (self->inner);
  g_clear_error (&self->error);
  g_free (self);
}

static void
on_cancelled (GCancellable *cancellable, gpointer inner)
{
  g_cancellable_cancel (inner);
}

static void
finish (GTask *task)
{
  Pipe *self = g_task_get_task_data (task);

  g_cancellable_disconnect (g_task_get_cancellable (task), self->handler);
  if (self->error == NULL)
    {
      g_task_return_boolean (task, TRUE);
      return;
    }
  lp2p_stream_reset (g_task_get_source_object (task), LP2P_CODE_NONE);
  g_task_return_error (task, g_steal_pointer (&self->error));
}

/* Takes @error, which may be %NULL. */
static void
end_direction (GTask *task, GError *error)
{
  Pipe *self = g_task_get_task_data (task);

  if (error != NULL)
    g_cancellable_cancel (self->inner);
  if (error != NULL && self->error == NULL)
    self->error = error;
  else
    g_clear_error (&error);
  if (--self->left == 0)
    finish (task);
}

static void
on_closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;

  g_output_stream_close_finish (G_OUTPUT_STREAM (source), result, &error);
  end_direction (task, error);
}

/* Only what came to its end is closed: a splice that closes by itself does that after a
 * failure, too, and a peer that has a part would take it for the whole. */
static void
on_copied (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Pipe *self = g_task_get_task_data (task);
  GError *error = NULL;

  if (g_output_stream_splice_finish (G_OUTPUT_STREAM (source), result, &error) < 0)
    end_direction (task, error);
  else
    g_output_stream_close_async (G_OUTPUT_STREAM (source), g_task_get_priority (task), self->inner, on_closed,
                                 g_object_ref (task));
}

static void
start (GTask *task, GInputStream *from, GOutputStream *to)
{
  Pipe *self = g_task_get_task_data (task);

  self->left++;
  g_output_stream_splice_async (to, from, G_OUTPUT_STREAM_SPLICE_NONE, g_task_get_priority (task), self->inner,
                                on_copied, g_object_ref (task));
}

/**
 * lp2p_stream_pipe_async:
 * @self: a stream
 * @input: what the peer is to get
 * @output: where to put what comes from the peer
 * @io_priority: the priority of the I/O
 * @cancellable: (nullable): to give up
 * @callback: called when both directions have ended
 * @user_data: passed on
 *
 * Connects a stream with an input and an output, such as those of a terminal, of a
 * process or of a socket, until both have ended. Each direction ends by itself: behind
 * the last byte of @input our direction of the stream is closed, and behind the last
 * byte of the peer @output is. Who reads slower than the other writes holds it up.
 *
 * An error in one direction ends the other one, too, and resets the stream.
 */
void
lp2p_stream_pipe_async (Lp2pStream *self,
                          GInputStream *input,
                          GOutputStream *output,
                          int io_priority,
                          GCancellable *cancellable,
                          GAsyncReadyCallback callback,
                          gpointer user_data)
{
  g_autoptr (GTask) task = NULL;
  Pipe *pipe;

  g_return_if_fail (LP2P_IS_STREAM (self));
  g_return_if_fail (G_IS_INPUT_STREAM (input));
  g_return_if_fail (G_IS_OUTPUT_STREAM (output));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, lp2p_stream_pipe_async);
  g_task_set_priority (task, io_priority);
  pipe = g_new0 (Pipe, 1);
  pipe->inner = g_cancellable_new ();
  g_task_set_task_data (task, pipe, pipe_free);
  if (cancellable != NULL)
    pipe->handler = g_cancellable_connect (cancellable, G_CALLBACK (on_cancelled), g_object_ref (pipe->inner),
                                             g_object_unref);
  start (task, input, g_io_stream_get_output_stream (G_IO_STREAM (self)));
  start (task, g_io_stream_get_input_stream (G_IO_STREAM (self)), output);
}

/**
 * lp2p_stream_pipe_finish:
 * @self: a stream
 * @result: what the callback was given
 * @error: where to put the error
 *
 * Finishes [method@Stream.pipe_async].
 *
 * Returns: whether both directions came to their ends
 */
gboolean
lp2p_stream_pipe_finish (Lp2pStream *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  return g_task_propagate_boolean (G_TASK (result), error);
}
