/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "net/lp2p-gnutls-private.h"

#include "types/lp2p-i18n-private.h"

/* Errors */

int
lp2p_gnutls_fail (Lp2pGnutlsLayer *self, GError *error)
{
  if (self->error == NULL)
    self->error = error;
  else
    g_error_free (error);
  return LP2P_IO_FAILED;
}

int
lp2p_gnutls_fail_lower (Lp2pGnutlsLayer *self)
{
  const GError *reason = lp2p_layer_get_error (self->lower);

  return lp2p_gnutls_fail (self, reason != NULL
                                     ? g_error_copy (reason)
                                     : g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED,
                                                            _("The connection below TLS is closed")));
}

/* The peer sent an alert. A client is done before the server has seen its
 * certificate: the first word of the server decides. */
int
lp2p_gnutls_fail_refused (Lp2pGnutlsLayer *self, guint8 alert)
{
  gboolean handshake = self->handshake || !self->heard;
  const char *name = gnutls_alert_get_name (alert);

  return lp2p_gnutls_fail (
      self, g_error_new (G_TLS_ERROR, handshake ? G_TLS_ERROR_HANDSHAKE : G_TLS_ERROR_MISC,
                         handshake ? _("TLS handshake failed: the peer sent the alert \"%s\"")
                                   : _("TLS connection failed: the peer sent the alert \"%s\""),
                         name != NULL ? name : _("unknown")));
}

/* What is waited for, and what the layer above is told */

static gboolean
wants_to_read (Lp2pGnutlsLayer *self)
{
  return self->handshake || (self->wanted & LP2P_READY_READ) != 0;
}

/* Bytes on their way are waited for although nobody wants them. */
static Lp2pReady
get_lower_wanted (Lp2pGnutlsLayer *self)
{
  Lp2pReady wanted = wants_to_read (self) && !self->eof ? LP2P_READY_READ : LP2P_READY_NONE;

  if (lp2p_gnutls_is_blocked (self) || self->flushing ||
      (self->starved && (self->wanted & LP2P_READY_WRITE)))
    wanted |= LP2P_READY_WRITE;
  return wanted;
}

void
lp2p_gnutls_update_lower_wanted (Lp2pGnutlsLayer *self)
{
  Lp2pReady wanted = get_lower_wanted (self);

  if (wanted == self->lower_wanted)
    return;
  self->lower_wanted = wanted;
  lp2p_layer_want (self->lower, wanted);
}

static Lp2pReady
get_due (Lp2pGnutlsLayer *self)
{
  Lp2pReady due = LP2P_READY_NONE;

  if (wants_to_read (self) && lp2p_gnutls_is_readable (self))
    due |= LP2P_READY_READ;
  if ((self->wanted & LP2P_READY_WRITE) && self->starved && lp2p_gnutls_get_room (self) > 0)
    due |= LP2P_READY_WRITE;
  return due;
}

void
lp2p_gnutls_queue_announcement (Lp2pGnutlsLayer *self)
{
  if (get_due (self) != LP2P_READY_NONE)
    lp2p_job_queue (&self->job);
}

/* The layer */

static void
run_job (Lp2pJob *job)
{
  Lp2pGnutlsLayer *self =
      (Lp2pGnutlsLayer *) ((guint8 *) job - G_STRUCT_OFFSET (Lp2pGnutlsLayer, job));
  gboolean failed = self->error != NULL;
  Lp2pReady due = LP2P_READY_NONE;

  /* The alert that tells of an error leaves all the same. */
  if (lp2p_gnutls_is_blocked (self))
    lp2p_gnutls_send_out (self, LP2P_WRITE_NONE);
  if (failed)
    return;
  if (self->flushing && !lp2p_gnutls_is_blocked (self) && self->error == NULL &&
      lp2p_gnutls_finish_output (self) == 0)
    due |= LP2P_READY_WRITE;
  if (self->error != NULL)
    {
      lp2p_layer_announce_failed (&self->parent, self->error);
      return;
    }

  due |= get_due (self);
  if (due & LP2P_READY_WRITE)
    self->starved = FALSE;
  lp2p_gnutls_update_lower_wanted (self);
  if (due != LP2P_READY_NONE)
    lp2p_layer_announce (&self->parent, due);
}

static void
lower_ready (Lp2pLayer *lower, Lp2pReady ready, gpointer data)
{
  Lp2pGnutlsLayer *self = data;

  if (ready & LP2P_READY_WRITE)
    lp2p_job_queue (&self->job);
  if ((ready & LP2P_READY_READ) && wants_to_read (self) && !self->eof)
    lp2p_layer_announce (&self->parent, LP2P_READY_READ);
}

/* Who reads on still gets what came before. */
static void
lower_failed (Lp2pLayer *lower, const GError *error, gpointer data)
{
  lp2p_layer_announce_failed (data, error);
}

static const Lp2pLayerEvents lower_events = {
  .ready = lower_ready,
  .failed = lower_failed,
};

static void
gnutls_layer_want (Lp2pLayer *layer, Lp2pReady ready)
{
  Lp2pGnutlsLayer *self = (Lp2pGnutlsLayer *) layer;

  self->wanted = ready & (LP2P_READY_READ | LP2P_READY_WRITE);
  /* Also when that is nothing new: the layer below says what it still holds. */
  self->lower_wanted = get_lower_wanted (self);
  lp2p_layer_want (self->lower, self->lower_wanted);
  lp2p_gnutls_queue_announcement (self);
}

static void
drop_all (Lp2pGnutlsLayer *self)
{
  lp2p_job_clear (&self->job);
  lp2p_gnutls_release_batch (self);
  lp2p_held_clear (&self->record);
  lp2p_held_clear (&self->in);
  lp2p_held_clear (&self->out);
}

static void
gnutls_layer_abort (Lp2pLayer *layer, guint32 code)
{
  Lp2pGnutlsLayer *self = (Lp2pGnutlsLayer *) layer;

  drop_all (self);
  if (self->error == NULL)
    self->error =
        g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, _("The connection was given up here"));
  lp2p_layer_abort (self->lower, code);
}

static void
gnutls_layer_free (Lp2pLayer *layer)
{
  Lp2pGnutlsLayer *self = (Lp2pGnutlsLayer *) layer;

  drop_all (self);
  g_clear_pointer (&self->session, gnutls_deinit);
  lp2p_tls_keys_clear (&self->receive);
  lp2p_tls_keys_clear (&self->send);
  lp2p_layer_free (self->lower);
  g_clear_error (&self->error);
  lp2p_layer_clear (layer);
  g_free (self);
}

static const GError *
gnutls_layer_get_error (Lp2pLayer *layer)
{
  Lp2pGnutlsLayer *self = (Lp2pGnutlsLayer *) layer;

  return self->error != NULL ? self->error : lp2p_layer_get_error (self->lower);
}

static void
gnutls_layer_get_info (Lp2pLayer *layer, Lp2pLayerInfo *info)
{
  Lp2pGnutlsLayer *self = (Lp2pGnutlsLayer *) layer;

  lp2p_layer_get_info (self->lower, info);
  info->record_size = self->max_payload;
  info->overhead += LP2P_TLS_OVERHEAD;
}

static const Lp2pLayerClass gnutls_layer_class = {
  .name = "TLS",
  .readv = lp2p_gnutls_readv,
  .peek = lp2p_gnutls_peek,
  .consume = lp2p_gnutls_consume,
  .park = lp2p_gnutls_park,
  .writev = lp2p_gnutls_writev,
  .flush = lp2p_gnutls_flush,
  .write_room = lp2p_gnutls_write_room,
  .want = gnutls_layer_want,
  .shutdown_write = lp2p_gnutls_shutdown_write,
  .abort = gnutls_layer_abort,
  .free = gnutls_layer_free,
  .get_error = gnutls_layer_get_error,
  .get_info = gnutls_layer_get_info,
};

/**
 * lp2p_gnutls_layer_new: (skip)
 * @lower: (transfer full): the layer below
 * @session: (transfer full): a configured session of TLS 1.3, made with
 *   `GNUTLS_NONBLOCK`; its transport and secret functions are set here
 *
 * Encrypts a layer with TLS 1.3: GnuTLS makes the handshake, and the records behind
 * it are our own. Whoever configured the session calls
 * [func@gnutls_layer_handshake] until that is done; then the layer can be read
 * and written. Records of one wake-up leave in one write, small writes with
 * %LP2P_WRITE_MORE share a record.
 *
 * Returns: (transfer full): the layer
 */
Lp2pLayer *
lp2p_gnutls_layer_new (Lp2pLayer *lower, gnutls_session_t session)
{
  Lp2pGnutlsLayer *self;

  g_return_val_if_fail (lower != NULL, NULL);
  g_return_val_if_fail (session != NULL, NULL);

  self = g_new0 (Lp2pGnutlsLayer, 1);
  lp2p_layer_init (&self->parent, &gnutls_layer_class, lower->loop);
  lp2p_job_init (&self->job, lower->loop, LP2P_JOB_PUMP, run_job);
  self->lower = lower;
  self->max_payload = LP2P_TLS_MAX_PAYLOAD;
  lp2p_gnutls_set_session (self, session);
  lp2p_layer_set_events (lower, &lower_events, self);
  return &self->parent;
}

/**
 * lp2p_gnutls_layer_set_require_close_notify: (skip)
 * @layer: a TLS layer
 * @require: whether a connection that ends without a close_notify alert failed
 *
 * RFC 8446 section 6.1 wants the alert, so that nobody can cut a stream short.
 * Many programs do not send it, and protocols that know where their messages
 * end do not need it: unless this is set, such an end is taken as any other.
 */
void
lp2p_gnutls_layer_set_require_close_notify (Lp2pLayer *layer, gboolean require)
{
  g_return_if_fail (layer != NULL && layer->klass == &gnutls_layer_class);
  ((Lp2pGnutlsLayer *) layer)->require_close_notify = require != FALSE;
}

/**
 * lp2p_gnutls_layer_handshake: (skip)
 * @layer: a TLS layer
 *
 * Takes the handshake as far as possible. After %LP2P_IO_AGAIN the layer
 * announces %LP2P_READY_READ when this is to be called again, without being
 * asked by [func@layer_want]. The deadline is the caller's.
 *
 * What is written right after the end of the handshake leaves together with its
 * last message. A client has not heard by then whether the server accepts it: if
 * the first that comes is an alert, the layer fails with
 * %G_TLS_ERROR_HANDSHAKE.
 *
 * Returns: 0 when the handshake is complete, %LP2P_IO_AGAIN or
 *   %LP2P_IO_FAILED: a `G_TLS_ERROR`, or the error of the layer below
 */
int
lp2p_gnutls_layer_handshake (Lp2pLayer *layer)
{
  Lp2pGnutlsLayer *self = (Lp2pGnutlsLayer *) layer;

  g_return_val_if_fail (layer != NULL && layer->klass == &gnutls_layer_class, LP2P_IO_FAILED);

  if (self->error != NULL)
    return LP2P_IO_FAILED;
  return self->handshake ? lp2p_gnutls_handshake (self) : 0;
}

/**
 * lp2p_gnutls_layer_get_same_role: (skip)
 * @layer: a TLS layer
 *
 * Tells why a handshake failed: two that dial each other at once may find that
 * they are the clients of one connection.
 *
 * Returns: whether both sides are clients, as far as the failure tells
 */
gboolean
lp2p_gnutls_layer_get_same_role (Lp2pLayer *layer)
{
  g_return_val_if_fail (layer != NULL && layer->klass == &gnutls_layer_class, FALSE);
  return ((Lp2pGnutlsLayer *) layer)->same_role;
}

/**
 * lp2p_gnutls_layer_steal_session: (skip)
 * @layer: a TLS layer whose handshake is complete
 *
 * Takes the session back, which the layer needs no more: it is only good for asking
 * what was agreed on. Else it is freed with the layer, and costs memory until then.
 *
 * Returns: (transfer full): the session
 */
gnutls_session_t
lp2p_gnutls_layer_steal_session (Lp2pLayer *layer)
{
  Lp2pGnutlsLayer *self = (Lp2pGnutlsLayer *) layer;

  g_return_val_if_fail (layer != NULL && layer->klass == &gnutls_layer_class, NULL);
  g_return_val_if_fail (!self->handshake, NULL);
  return g_steal_pointer (&self->session);
}
