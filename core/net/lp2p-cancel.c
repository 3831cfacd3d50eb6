/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "net/lp2p-cancel-private.h"

GSource *
lp2p_cancel_watch (Lp2pLoop *loop, GCancellable *cancellable, GCancellableSourceFunc func, gpointer data)
{
  GSource *source;

  if (cancellable == NULL)
    return NULL;
  source = g_cancellable_source_new (cancellable);
  g_source_set_static_name (source, "lp2p cancel");
  g_source_set_callback (source, G_SOURCE_FUNC (func), data, NULL);
  g_source_attach (source, lp2p_loop_get_context (loop));
  return source;
}

void
lp2p_cancel_drop (gpointer source)
{
  g_source_destroy (source);
  g_source_unref (source);
}
