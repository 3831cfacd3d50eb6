/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/forward/lp2p-forward-private.h"

#include "types/lp2p-i18n-private.h"

/**
 * tool_forward_check_name:
 * @name: (array length=size): what may be the name of a service
 * @size: its size
 *
 * Returns: whether it is one: 1 to 64 letters, digits, dots, hyphens and
 *   underscores, the first one a letter or digit
 */
gboolean
tool_forward_check_name (const char *name, gsize size)
{
  if (size == 0 || size > TOOL_FORWARD_MAX_NAME || !g_ascii_isalnum (name[0]))
    return FALSE;
  for (gsize i = 1; i < size; i++)
    if (!g_ascii_isalnum (name[i]) && name[i] != '.' && name[i] != '-' && name[i] != '_')
      return FALSE;
  return TRUE;
}

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

void
tool_forward_take (ToolForward *self)
{
  self->n++;
}

/* Whoever waited for room accepts again. */
void
tool_forward_give_back (ToolForward *self)
{
  self->n--;
  if (!self->starved)
    return;
  self->starved = FALSE;
  for (guint i = 0; i < self->outs->len; i++)
    tool_forward_out_resume (g_ptr_array_index (self->outs, i));
}
