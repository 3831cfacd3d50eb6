/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Connections on a shared port that wait until their first bytes tell whose
 * they are. */

#include "net/lp2p-tcp-hub-private.h"
#include "net/lp2p-tcp-socket-private.h"

#include <errno.h>

/* A client that says nothing for so long is no client. */
#define DEADLINE_US (10 * G_USEC_PER_SEC)

/* More than a busy host has in one round trip; beyond it the one that has been
 * silent longest goes, so that silent clients cannot keep others out. */
#define MAX_WAITING 256

typedef struct
{
  Lp2pWatch watch;
  Lp2pTcpListener *listener;
  Lp2pMultiaddr *remote_address;
  int fd;
  void (*end_place) (gpointer place);
  gpointer place; /* NULL where nobody counts */
  gint64 deadline;
  GList link;
} Waiting;

#define WAITING_OF(member, pointer) \
  ((Waiting *) ((char *) (pointer) - G_STRUCT_OFFSET (Waiting, member)))

/* Leaves the descriptor to the caller. */
static int
waiting_free (Waiting *self)
{
  int fd = self->fd;

  lp2p_watch_stop (&self->watch);
  g_queue_unlink (&self->listener->waiting, &self->link);
  if (self->listener->waiting.length == 0)
    lp2p_timer_clear (&self->listener->waiting_timer);
  lp2p_multiaddr_unref (self->remote_address);
  if (self->place != NULL)
    self->end_place (self->place);
  g_free (self);
  return fd;
}

static void
waiting_drop (Waiting *self, const char *why)
{
  g_debug ("Connection from %s on %s dropped: %s", lp2p_multiaddr_get_string (self->remote_address),
           self->listener->socket_id, why);
  lp2p_tcp_socket_reset (waiting_free (self));
}

static void
waiting_give_up (gpointer waiting)
{
  waiting_drop (waiting, "it makes room for another one");
}

/* Returns: whether it may wait */
static gboolean
begin_place (Waiting *self, GError **error)
{
  const Lp2pTcpPlaces *places = &self->listener->hub->places;

  if (places->begin == NULL)
    return TRUE;
  self->end_place = places->end;
  self->place = places->begin (self->remote_address, waiting_give_up, self, places->user_data, error);
  return self->place != NULL;
}

/* @last: no more bytes will come, or no more than these count
 *
 * Returns: whether it is decided; with @binding %NULL, that nobody wants it */
static gboolean
choose (Lp2pTcpListener *listener,
        const guint8 *data,
        gsize size,
        gboolean last,
        Lp2pTcpBinding **binding)
{
  gboolean decided = TRUE;
  Lp2pTcpBinding *fallback = NULL;

  *binding = NULL;
  for (guint i = 0; i < listener->bindings->len; i++)
    {
      Lp2pTcpBinding *candidate = g_ptr_array_index (listener->bindings, i);
      Lp2pSniffResult result;

      if (candidate->acceptor.sniff == NULL)
        {
          fallback = candidate;
          continue;
        }
      result = candidate->acceptor.sniff (data, size, candidate->user_data);
      if (result == LP2P_SNIFF_YES)
        {
          *binding = candidate;
          return TRUE;
        }
      if (result == LP2P_SNIFF_MORE && !last)
        decided = FALSE;
    }
  if (decided)
    *binding = fallback;
  return decided;
}

static void
decide (Waiting *self, const guint8 *data, gsize size, gboolean last)
{
  g_autoptr (Lp2pTcpListener) listener = lp2p_tcp_listener_ref (self->listener);
  g_autoptr (Lp2pMultiaddr) remote_address = NULL;
  Lp2pTcpBinding *binding;

  if (!choose (listener, data, size, last, &binding))
    return;
  if (binding == NULL)
    {
      waiting_drop (self, "none of the transports on this port speaks its protocol");
      return;
    }
  remote_address = lp2p_multiaddr_ref (self->remote_address);
  lp2p_tcp_listener_deliver (listener, binding, waiting_free (self), remote_address);
}

static void
look (Waiting *self, gboolean last)
{
  guint8 data[LP2P_SNIFF_SIZE];
  gssize size;

  do
    size = recv (self->fd, data, sizeof data, MSG_PEEK | MSG_DONTWAIT);
  while (size < 0 && errno == EINTR);

  if (size > 0)
    decide (self, data, size, last || size == sizeof data);
  else if (size == 0)
    waiting_drop (self, "it ended before its first byte");
  else if (errno != EAGAIN)
    waiting_drop (self, g_strerror (errno));
  else if (last)
    waiting_drop (self, "it said nothing");
}

static gboolean
waiting_ready (Lp2pWatch *watch, Lp2pReady ready)
{
  if (ready & LP2P_READY_READ)
    look (WAITING_OF (watch, watch), (ready & LP2P_READY_HANGUP) != 0);
  return FALSE;
}

/* All wait for the same time: the first is the next. */
static void
deadline_reached (Lp2pTimer *timer)
{
  g_autoptr (Lp2pTcpListener) listener = lp2p_tcp_listener_ref (
      (Lp2pTcpListener *) ((char *) timer - G_STRUCT_OFFSET (Lp2pTcpListener, waiting_timer)));
  gint64 now = lp2p_loop_now (listener->loop);
  Waiting *first;

  while ((first = g_queue_peek_head (&listener->waiting)) != NULL && first->deadline <= now)
    look (first, TRUE);
  if (first != NULL)
    lp2p_timer_set (timer, first->deadline);
}

void
lp2p_tcp_sniff_init (Lp2pTcpListener *listener)
{
  g_queue_init (&listener->waiting);
  lp2p_timer_init (&listener->waiting_timer, listener->loop, deadline_reached);
}

void
lp2p_tcp_sniff_clear (Lp2pTcpListener *listener)
{
  while (listener->waiting.head != NULL)
    waiting_drop (listener->waiting.head->data, "the port is closed");
  lp2p_timer_clear (&listener->waiting_timer);
}

/* @fd: (transfer full) */
void
lp2p_tcp_sniff_add (Lp2pTcpListener *listener, int fd, Lp2pMultiaddr *remote_address)
{
  Waiting *self = g_new0 (Waiting, 1);
  g_autoptr (GError) error = NULL;

  self->listener = listener;
  self->remote_address = lp2p_multiaddr_ref (remote_address);
  self->fd = fd;
  self->deadline = lp2p_loop_now (listener->loop) + DEADLINE_US;
  self->link.data = self;
  g_queue_push_tail_link (&listener->waiting, &self->link);

  if (!begin_place (self, &error))
    {
      waiting_drop (self, error->message);
      return;
    }
  if (listener->waiting.length > MAX_WAITING)
    waiting_drop (listener->waiting.head->data, "too many connections wait on this port");
  if (!lp2p_watch_start (&self->watch, listener->loop, fd, waiting_ready, &error))
    {
      waiting_drop (self, error->message);
      return;
    }
  if (!lp2p_timer_is_set (&listener->waiting_timer))
    lp2p_timer_set (&listener->waiting_timer, self->deadline);
  look (self, FALSE);
}
