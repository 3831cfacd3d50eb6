/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the listener and the dialer both do with streams. */

#include "lp2p-peer-stream.h"

#include <string.h>

#define SEND_SIZE (128 * 1024)
#define ROW_SIZE  256

PeerHash *
peer_hash_new (void)
{
  PeerHash *hash = EVP_MD_CTX_new ();

  EVP_DigestInit_ex (hash, EVP_sha256 (), NULL);
  return hash;
}

void
peer_hash_update (PeerHash *hash, const guint8 *data, gsize size)
{
  EVP_DigestUpdate (hash, data, size);
}

void
peer_hash_finish (PeerHash *hash, guint8 digest[PEER_HASH_SIZE])
{
  EVP_DigestFinal_ex (hash, digest, NULL);
}

/* Whole rows, whose length the compiler knows, are made many bytes at once. */
static void
fill_row (guint8 *buffer, guint8 start)
{
  for (guint i = 0; i < ROW_SIZE; i++)
    buffer[i] = (guint8) (i * 167 + start);
}

/* Within a row only i * 167 changes. */
void
peer_pattern_fill (guint64 offset, guint8 *buffer, gsize size)
{
  while (size > 0)
    {
      guint first = offset % ROW_SIZE;
      gsize n = MIN (size, ROW_SIZE - first);
      guint8 start = (offset >> 8) * 13 + (offset >> 16);

      if (n == ROW_SIZE)
        fill_row (buffer, start);
      for (gsize i = 0; n < ROW_SIZE && i < n; i++)
        buffer[i] = (guint8) ((first + i) * 167 + start);
      buffer += n;
      offset += n;
      size -= n;
    }
}

/* Sending */

typedef struct
{
  PeerHash *hash;
  guint64 size;
  guint64 filled;
  guint8 digest[PEER_HASH_SIZE];
  guint8 buffer[SEND_SIZE];
} Send;

static void
send_free (gpointer pointer)
{
  Send *send = pointer;

  EVP_MD_CTX_free (send->hash);
  g_free (send);
}

static void send_next (GTask *task);

static void
on_sent (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;

  if (g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, &error))
    send_next (task);
  else
    g_task_return_error (task, error);
}

static void
send_next (GTask *task)
{
  Send *send = g_task_get_task_data (task);
  gsize n = MIN (send->size - send->filled, SEND_SIZE);

  if (n == 0)
    {
      peer_hash_finish (send->hash, send->digest);
      g_task_return_boolean (task, TRUE);
      return;
    }
  peer_pattern_fill (send->filled, send->buffer, n);
  peer_hash_update (send->hash, send->buffer, n);
  send->filled += n;
  g_output_stream_write_all_async (g_task_get_source_object (task), send->buffer, n,
                                   G_PRIORITY_DEFAULT, g_task_get_cancellable (task), on_sent,
                                   g_object_ref (task));
}

void
peer_send_pattern_async (GOutputStream *output,
                         guint64 size,
                         GCancellable *cancellable,
                         GAsyncReadyCallback callback,
                         gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (output, cancellable, callback, user_data);
  Send *send = g_new (Send, 1);

  send->hash = peer_hash_new ();
  send->size = size;
  send->filled = 0;
  g_task_set_source_tag (task, peer_send_pattern_async);
  g_task_set_task_data (task, send, send_free);
  send_next (task);
}

gboolean
peer_send_pattern_finish (GOutputStream *output,
                          GAsyncResult *result,
                          guint8 digest[PEER_HASH_SIZE],
                          GError **error)
{
  Send *send = g_task_get_task_data (G_TASK (result));

  if (!g_task_propagate_boolean (G_TASK (result), error))
    return FALSE;
  memcpy (digest, send->digest, PEER_HASH_SIZE);
  return TRUE;
}

/* Reading */

typedef struct
{
  PeerPieceFunc func;
  gpointer func_data;
  gsize size;
  guint8 buffer[];
} Read;

static void read_next (GTask *task);

static void
on_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Read *read = g_task_get_task_data (task);
  GError *error = NULL;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);

  if (n < 0 || (n > 0 && !read->func (read->buffer, n, read->func_data, &error)))
    g_task_return_error (task, error);
  else if (n == 0)
    g_task_return_boolean (task, TRUE);
  else
    read_next (task);
}

static void
read_next (GTask *task)
{
  Read *read = g_task_get_task_data (task);

  g_input_stream_read_async (g_task_get_source_object (task), read->buffer, read->size,
                             G_PRIORITY_DEFAULT, g_task_get_cancellable (task), on_read,
                             g_object_ref (task));
}

void
peer_read_pieces_async (GInputStream *input,
                        gsize buffer_size,
                        PeerPieceFunc func,
                        gpointer func_data,
                        GCancellable *cancellable,
                        GAsyncReadyCallback callback,
                        gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (input, cancellable, callback, user_data);
  Read *read = g_malloc (sizeof *read + buffer_size);

  read->func = func;
  read->func_data = func_data;
  read->size = buffer_size;
  g_task_set_source_tag (task, peer_read_pieces_async);
  g_task_set_task_data (task, read, g_free);
  read_next (task);
}

gboolean
peer_read_pieces_finish (GInputStream *input, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}
