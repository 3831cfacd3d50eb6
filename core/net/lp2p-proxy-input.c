/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "net/lp2p-proxy-input-private.h"

#include "types/lp2p-i18n-private.h"

struct _Lp2pProxyInput
{
  GFilterInputStream parent_instance;
};

G_DEFINE_FINAL_TYPE (Lp2pProxyInput, lp2p_proxy_input, G_TYPE_FILTER_INPUT_STREAM)

static GInputStream *
get_base (GInputStream *stream)
{
  return g_filter_input_stream_get_base_stream (G_FILTER_INPUT_STREAM (stream));
}

static gssize
check_end (gssize got, GError **error)
{
  if (got != 0)
    return got;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PROXY_FAILED,
                       _("it closed the connection before it had answered"));
  return -1;
}

static gssize
lp2p_proxy_input_read (GInputStream *stream, void *buffer, gsize count, GCancellable *cancellable, GError **error)
{
  return check_end (g_input_stream_read (get_base (stream), buffer, count, cancellable, error), error);
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  gssize got = check_end (g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error), &error);

  if (got < 0)
    g_task_return_error (task, error);
  else
    g_task_return_int (task, got);
}

static void
lp2p_proxy_input_read_async (GInputStream *stream,
                             void *buffer,
                             gsize count,
                             int io_priority,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer user_data)
{
  GTask *task = g_task_new (stream, cancellable, callback, user_data);

  g_task_set_source_tag (task, lp2p_proxy_input_read_async);
  g_input_stream_read_async (get_base (stream), buffer, count, io_priority, cancellable, on_read, task);
}

static gssize
lp2p_proxy_input_read_finish (GInputStream *stream, GAsyncResult *result, GError **error)
{
  return g_task_propagate_int (G_TASK (result), error);
}

static void
lp2p_proxy_input_class_init (Lp2pProxyInputClass *klass)
{
  GInputStreamClass *stream_class = G_INPUT_STREAM_CLASS (klass);

  stream_class->read_fn = lp2p_proxy_input_read;
  stream_class->read_async = lp2p_proxy_input_read_async;
  stream_class->read_finish = lp2p_proxy_input_read_finish;
}

static void
lp2p_proxy_input_init (Lp2pProxyInput *self)
{
}

GInputStream *
lp2p_proxy_input_new (GInputStream *base)
{
  return g_object_new (LP2P_TYPE_PROXY_INPUT, "base-stream", base, "close-base-stream", FALSE, NULL);
}
