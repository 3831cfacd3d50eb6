/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include <lp2p/net/lp2p-loop.h>

G_BEGIN_DECLS

/*
 * Makes a GIOStream of something that can be read and written without
 * blocking. The struct is embedded in the GIOStream, whose class hands
 * get_input_stream, get_output_stream, close_fn, close_async and close_finish
 * on to the functions below.
 *
 * Callbacks run from the loop's run queue or from the main context, never
 * before the call that asked for them returned. Bytes that were moved are never
 * lost to a cancellation. Closing ends what is pending, once, with
 * G_IO_ERROR_CLOSED. No call needs a thread; synchronous ones move what they
 * can, or fail with G_IO_ERROR_WOULD_BLOCK.
 */
typedef struct _Lp2pAsyncIo Lp2pAsyncIo;

/* What the owner provides. None is called after close_side() for that side.
 *
 * read, writev: return as GIO's functions do: bytes, or -1 with an error,
 *   G_IO_ERROR_WOULD_BLOCK where nothing can be moved now. Then the owner calls
 *   lp2p_async_io_wake() when that changes
 * close_side: one or both directions end; called once for each
 * is_ready: whether a read or write would not block, as far as is known
 * run: (nullable): first thing in the run queue, before operations are tried
 * reset: (nullable): gives the whole stream up, with a code
 * set_wrong_thread: (nullable): the error of calls from another thread */
typedef struct
{
  gssize (*read) (GIOStream *stream, void *buffer, gsize size, GError **error);
  gssize (*writev) (GIOStream *stream,
                    const GOutputVector *vectors,
                    gsize n_vectors,
                    GError **error);
  void (*close_side) (GIOStream *stream, Lp2pReady side);
  gboolean (*is_ready) (GIOStream *stream, Lp2pReady side);
  void (*run) (GIOStream *stream);
  void (*reset) (GIOStream *stream, guint32 code);
  void (*set_wrong_thread) (GError **error);
} Lp2pAsyncIoFuncs;

/* Something asynchronous that waits, and holds a reference to the owner.
 *
 * size: of the buffer, or the number of vectors
 * done: bytes that were moved
 * error: (nullable): why nothing was
 * began: in which wake-up of the loop
 * wakeup: in which one its end is told, 0 if it is not over */
typedef struct
{
  GTask *task;
  GSource *cancel;
  union
  {
    guint8 *buffer;
    const GOutputVector *vectors;
  };
  gsize size;
  gsize done;
  GError *error;
  guint64 began;
  guint64 wakeup;
  gboolean cancelled;
} Lp2pAsyncOperation;

struct _Lp2pAsyncIo
{
  GIOStream *stream;
  const Lp2pAsyncIoFuncs *funcs;
  Lp2pLoop *loop;
  GInputStream *input;
  GOutputStream *output;
  Lp2pAsyncOperation reading;
  Lp2pAsyncOperation writing;
  GTask *closing;
  GSList *sources;
  Lp2pJob job;
  Lp2pReady closed;
};

void lp2p_async_io_init (Lp2pAsyncIo *self,
                         GIOStream *stream,
                         const Lp2pAsyncIoFuncs *funcs,
                         Lp2pLoop *loop);
void lp2p_async_io_clear (Lp2pAsyncIo *self);

/* Lets the run queue try again what waits. */
void lp2p_async_io_wake (Lp2pAsyncIo *self);
gsize lp2p_async_io_take_input (Lp2pAsyncIo *self, const guint8 *data, gsize size);
gsize lp2p_async_io_get_place (Lp2pAsyncIo *self, guint8 **place);

/* For the class of the owner. */
GInputStream *lp2p_async_io_get_input (Lp2pAsyncIo *self);
GOutputStream *lp2p_async_io_get_output (Lp2pAsyncIo *self);
gboolean lp2p_async_io_close (Lp2pAsyncIo *self, GError **error);
void lp2p_async_io_close_async (Lp2pAsyncIo *self,
                                int priority,
                                GCancellable *cancellable,
                                GAsyncReadyCallback callback,
                                gpointer user_data);
gboolean lp2p_async_io_close_finish (GAsyncResult *result, GError **error);

/* For operations of the owner's own. */
void lp2p_async_operation_begin (Lp2pAsyncOperation *self, Lp2pAsyncIo *io, GTask *task);
gboolean lp2p_async_operation_check_cancelled (Lp2pAsyncOperation *self);
void lp2p_async_operation_return (Lp2pAsyncOperation *self, gssize n, GError *error);

/* For the two sides. */
GTask *lp2p_async_io_new_task (gpointer source,
                               gpointer tag,
                               int priority,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer user_data);
gssize lp2p_async_io_read (Lp2pAsyncIo *self, void *buffer, gsize size, GError **error);
gssize lp2p_async_io_writev (Lp2pAsyncIo *self,
                             const GOutputVector *vectors,
                             gsize n_vectors,
                             GError **error);
void lp2p_async_io_start_read (Lp2pAsyncIo *self, GTask *task, void *buffer, gsize size);
void lp2p_async_io_start_write (Lp2pAsyncIo *self,
                                GTask *task,
                                const GOutputVector *vectors,
                                gsize n_vectors);
void lp2p_async_io_close_side (Lp2pAsyncIo *self, Lp2pReady side);
gboolean lp2p_async_io_is_ready (Lp2pAsyncIo *self, Lp2pReady side);
GSource *lp2p_async_io_create_source (Lp2pAsyncIo *self,
                                      Lp2pReady side,
                                      GObject *pollable,
                                      GCancellable *cancellable);
GInputStream *lp2p_async_input_new (Lp2pAsyncIo *io);
GOutputStream *lp2p_async_output_new (Lp2pAsyncIo *io);

/* For whoever was given the GIOStream. Returns FALSE where it is none of these
 * or cannot be reset. */
gboolean lp2p_async_io_reset (GIOStream *stream, guint32 code);
Lp2pAsyncIo *lp2p_async_input_get_io (GInputStream *input);

void lp2p_async_io_set_closed_error (GError **error);
void lp2p_async_io_set_would_block (GError **error);
gboolean lp2p_async_io_check_thread (Lp2pLoop *loop, const Lp2pAsyncIoFuncs *funcs, GError **error);

G_END_DECLS
