/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Many sockets behind one source of the main context, which otherwise asks the
 * kernel about each of them whenever it wakes up. */

#include <glib.h>

G_BEGIN_DECLS

typedef struct _ToolPoll ToolPoll;
typedef struct _ToolWatch ToolWatch;

/* @events: of <sys/epoll.h>. Told once for each change, so what is there is taken
 * until there is no more. */
typedef void (*ToolWatchFunc) (ToolWatch *watch, guint32 events);

struct _ToolWatch
{
  ToolPoll *poll;
  int fd;
  ToolWatchFunc func;
};

ToolPoll *tool_poll_new (GError **error);
void tool_poll_free (ToolPoll *self);

/* Watches the file descriptor in both directions until it is removed, also from
 * within its function; it must be removed before it is closed. */
gboolean tool_watch_add (ToolWatch *self, ToolPoll *poll, int fd, ToolWatchFunc func, GError **error);
void tool_watch_remove (ToolWatch *self);
/* Tells again what is there, after the others had their turn. */
void tool_watch_again (ToolWatch *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ToolPoll, tool_poll_free)

G_END_DECLS
