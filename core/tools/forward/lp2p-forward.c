/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/forward/lp2p-forward-private.h"

#include "types/lp2p-i18n-private.h"

/* How long to wait until a descriptor may be free. */
#define RETRY_SECONDS 1

const char *
tool_forward_describe (guint8 answer)
{
  switch (answer)
    {
    case TOOL_FORWARD_CONNECTED:
      return _("connected");
    case TOOL_FORWARD_REFUSED:
      return _("the peer has no such service for us");
    case TOOL_FORWARD_UNREACHABLE:
      return _("the peer cannot reach the service itself");
    case TOOL_FORWARD_BUSY:
      return _("the peer has as many connections as it takes");
    default:
      return _("the peer refused, and why is not known");
    }
}

void
tool_forward_counts_fail (ToolForwardCounts *self, const char *service, const char *reason)
{
  self->failed++;
  if (g_strcmp0 (self->error, reason) == 0)
    return;
  g_free (self->error);
  self->error = g_strdup (reason);
  tool_fail (TOOL_EXIT_FAILURE, "forward", "%s: %s", service, reason);
}

gboolean
tool_forward_counts_end (ToolForwardCounts *self,
                         const char *service,
                         ToolSplice *splice,
                         const GError *error)
{
  self->sent += tool_splice_get_sent (splice);
  self->received += tool_splice_get_received (splice);
  if (error != NULL && g_error_matches (error, LP2P_ERROR, LP2P_ERROR_LIMIT))
    tool_forward_counts_fail (self, service, error->message);
  else if (error != NULL)
    self->failed++;
  return error != NULL && !g_error_matches (error, LP2P_ERROR, LP2P_ERROR_LIMIT);
}

void
tool_forward_take (ToolForward *self)
{
  self->n++;
}

/* Whoever waited for room accepts again. */
static void
resume (ToolForward *self)
{
  self->starved = FALSE;
  for (guint i = 0; i < self->outs->len; i++)
    tool_forward_out_resume (g_ptr_array_index (self->outs, i));
}

void
tool_forward_give_back (ToolForward *self)
{
  self->n--;
  if (self->starved)
    resume (self);
}

static gboolean
on_retry (gpointer user_data)
{
  ToolForward *self = user_data;

  self->retry = 0;
  resume (self);
  return G_SOURCE_REMOVE;
}

/* Nothing could be accepted for want of something that others may hold: no connection of ours
 * has to end for that to be over. */
void
tool_forward_retry (ToolForward *self)
{
  self->starved = TRUE;
  if (self->retry == 0)
    self->retry = g_timeout_add_seconds (RETRY_SECONDS, on_retry, self);
}

void
tool_forward_stop (ToolForward *self)
{
  g_clear_handle_id (&self->retry, g_source_remove);
}
