/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fake-private.h"

struct _FakeDatagrams
{
  GObject parent_instance;

  Lp2pLoop *loop;
  FakeDatagrams *peer;
  GQueue inbox;
  Lp2pJob job;
  gboolean refused;
  gboolean writable;
};

static void datagrams_init (Lp2pDatagramsInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (FakeDatagrams, fake_datagrams, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (LP2P_TYPE_DATAGRAMS, datagrams_init))

static gsize
get_max_size (Lp2pDatagrams *datagrams)
{
  return FAKE_DATAGRAMS (datagrams)->peer != NULL ? FAKE_DATAGRAM_MAX : 0;
}

static gboolean
datagrams_send (Lp2pDatagrams *datagrams, GBytes *datagram, GError **error)
{
  FakeDatagrams *self = FAKE_DATAGRAMS (datagrams);

  if (self->peer == NULL)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, "The connection is closed");
      return FALSE;
    }
  if (g_bytes_get_size (datagram) > FAKE_DATAGRAM_MAX)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE, "A datagram has at most %d bytes, this one %zu",
                   FAKE_DATAGRAM_MAX, g_bytes_get_size (datagram));
      return FALSE;
    }
  if (self->peer->inbox.length >= FAKE_DATAGRAM_QUEUE)
    {
      self->refused = TRUE;
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK, "The queue is full");
      return FALSE;
    }
  g_queue_push_tail (&self->peer->inbox, g_bytes_ref (datagram));
  lp2p_job_queue (&self->peer->job);
  return TRUE;
}

static void
datagrams_init (Lp2pDatagramsInterface *iface)
{
  iface->get_max_size = get_max_size;
  iface->send = datagrams_send;
}

static void
run_job (Lp2pJob *job)
{
  g_autoptr (FakeDatagrams) self = g_object_ref (
      (FakeDatagrams *) ((char *) job - G_STRUCT_OFFSET (FakeDatagrams, job)));
  GBytes *next;

  while ((next = g_queue_pop_head (&self->inbox)) != NULL)
    {
      g_autoptr (GBytes) datagram = next;

      lp2p_datagrams_received (LP2P_DATAGRAMS (self), datagram);
    }
  if (self->peer != NULL && self->peer->refused)
    {
      self->peer->refused = FALSE;
      self->peer->writable = TRUE;
      lp2p_job_queue (&self->peer->job);
    }
  if (self->writable)
    {
      self->writable = FALSE;
      lp2p_datagrams_writable (LP2P_DATAGRAMS (self));
    }
}

void
fake_datagrams_pair (FakeDatagrams *self, FakeDatagrams *peer)
{
  self->peer = peer;
  peer->peer = self;
}

void
fake_datagrams_end (FakeDatagrams *self)
{
  if (self->peer != NULL)
    self->peer->peer = NULL;
  self->peer = NULL;
}

static void
fake_datagrams_finalize (GObject *object)
{
  FakeDatagrams *self = FAKE_DATAGRAMS (object);

  fake_datagrams_end (self);
  lp2p_job_clear (&self->job);
  g_queue_clear_full (&self->inbox, (GDestroyNotify) g_bytes_unref);
  lp2p_loop_unref (self->loop);
  G_OBJECT_CLASS (fake_datagrams_parent_class)->finalize (object);
}

static void
fake_datagrams_class_init (FakeDatagramsClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = fake_datagrams_finalize;
}

static void
fake_datagrams_init (FakeDatagrams *self)
{
}

FakeDatagrams *
fake_datagrams_new (Lp2pLoop *loop)
{
  FakeDatagrams *self = g_object_new (FAKE_TYPE_DATAGRAMS, NULL);

  self->loop = lp2p_loop_ref (loop);
  lp2p_job_init (&self->job, loop, LP2P_JOB_RUN, run_job);
  return self;
}
