/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/forward/lp2p-forward-poll-private.h"

#include <errno.h>
#include <gio/gio.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Told in one turn; whoever comes later has the next one. */
#define BATCH 64

#define BOTH_DIRECTIONS (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)

/* A GSource.
 * @events: those of the turn that runs, from @next on not told yet */
struct _ToolPoll
{
  GSource source;
  int fd;
  struct epoll_event events[BATCH];
  int n_events;
  int next;
};

static gboolean
dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  ToolPoll *self = (ToolPoll *) source;

  self->n_events = epoll_wait (self->fd, self->events, BATCH, 0);
  self->next = 0;
  while (self->next < self->n_events)
    {
      const struct epoll_event *event = &self->events[self->next++];
      ToolWatch *watch = event->data.ptr;

      if (watch != NULL)
        watch->func (watch, event->events);
    }
  self->n_events = 0;
  return G_SOURCE_CONTINUE;
}

static void
finalize (GSource *source)
{
  close (((ToolPoll *) source)->fd);
}

static GSourceFuncs poll_funcs = { .dispatch = dispatch, .finalize = finalize };

/**
 * tool_poll_new:
 * @error: return location for an error
 *
 * Returns: (transfer full): sockets of the default main context
 */
ToolPoll *
tool_poll_new (GError **error)
{
  int fd = epoll_create1 (EPOLL_CLOEXEC);
  ToolPoll *self;

  if (fd < 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "epoll: %s", g_strerror (errno));
      return NULL;
    }
  self = (ToolPoll *) g_source_new (&poll_funcs, sizeof *self);
  self->fd = fd;
  self->n_events = 0;
  self->next = 0;
  g_source_set_static_name (&self->source, "lp2p forward");
  g_source_add_unix_fd (&self->source, fd, G_IO_IN);
  g_source_attach (&self->source, NULL);
  return self;
}

void
tool_poll_free (ToolPoll *self)
{
  g_source_destroy (&self->source);
  g_source_unref (&self->source);
}

gboolean
tool_watch_add (ToolWatch *self, ToolPoll *poll, int fd, ToolWatchFunc func, GError **error)
{
  struct epoll_event event = { .events = BOTH_DIRECTIONS, .data.ptr = self };

  if (epoll_ctl (poll->fd, EPOLL_CTL_ADD, fd, &event) != 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "epoll: %s", g_strerror (errno));
      return FALSE;
    }
  self->poll = poll;
  self->fd = fd;
  self->func = func;
  return TRUE;
}

void
tool_watch_remove (ToolWatch *self)
{
  ToolPoll *poll = g_steal_pointer (&self->poll);

  if (poll == NULL)
    return;
  epoll_ctl (poll->fd, EPOLL_CTL_DEL, self->fd, NULL);
  for (int i = poll->next; i < poll->n_events; i++)
    if (poll->events[i].data.ptr == self)
      poll->events[i].data.ptr = NULL;
}

void
tool_watch_again (ToolWatch *self)
{
  struct epoll_event event = { .events = BOTH_DIRECTIONS, .data.ptr = self };

  epoll_ctl (self->poll->fd, EPOLL_CTL_MOD, self->fd, &event);
}
