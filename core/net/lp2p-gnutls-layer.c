/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/net/lp2p-gnutls-layer.h>

#include <errno.h>
#include <string.h>

#include "net/lp2p-held-private.h"

/* The largest payload of a TLS record, RFC 8446 section 5.1. */
#define MAX_PAYLOAD 16384

/* One scratch buffer: plaintext of the record that is being filled, and behind
 * it records that leave in one write. */
#define BATCH_SIZE (LP2P_SCRATCH_SIZE - MAX_PAYLOAD)

/* What the layer below refuses is kept, at the most a batch and a record; the
 * rest of this is for answers to the peer, which GnuTLS limits. */
#define KEPT_LIMIT (2 * LP2P_SCRATCH_SIZE)

/* A muxer counts on place for the head of a frame where there is any. */
#define MIN_ROOM 64

/* Records in a row that carry no payload, such as session tickets: beyond that
 * others come first. */
#define MAX_CONTROL 32

typedef enum
{
  STATE_OPEN,
  STATE_HANDSHAKE,
} State;

typedef struct
{
  Lp2pLayer parent;
  Lp2pLayer *lower;
  gnutls_session_t session;
  GError *error;
  Lp2pJob job;

  State state;
  Lp2pReady wanted;
  Lp2pReady lower_wanted;
  gssize pulled; /* what the layer below said when it had no bytes */
  guint require_close_notify : 1;
  guint eof : 1;
  guint untold : 1;      /* the end or an error was found behind bytes */
  guint interrupted : 1; /* there may be more, behind records without payload */
  guint starved : 1;     /* the layer above was refused room and waits for it */
  guint flushing : 1;    /* it waits until all has left */
  guint ending : 1;
  guint ended : 1;

  /* Plaintext: a record that is lent, or what was left of one. */
  gnutls_packet_t packet;
  gnutls_datum_t lent;
  Lp2pHeld in;

  /* Scratch memory while something is collected, and what was refused. */
  guint8 *batch;
  gsize n_plain;
  gsize n_cipher;
  Lp2pHeld out;
} GnutlsLayer;

/* Errors */

static int
fail (GnutlsLayer *self, GError *error)
{
  if (self->error == NULL)
    self->error = error;
  else
    g_error_free (error);
  return LP2P_IO_FAILED;
}

static int
fail_lower (GnutlsLayer *self)
{
  const GError *reason = lp2p_layer_get_error (self->lower);

  return fail (self, reason != NULL
                         ? g_error_copy (reason)
                         : g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, "The connection below TLS is closed"));
}

static int
fail_tls (GnutlsLayer *self, int code)
{
  gboolean handshake = self->state == STATE_HANDSHAKE;
  const char *what = handshake ? "TLS handshake failed" : "TLS connection failed";
  int error = handshake ? G_TLS_ERROR_HANDSHAKE : G_TLS_ERROR_MISC;

  if (code == GNUTLS_E_FATAL_ALERT_RECEIVED)
    {
      const char *alert = gnutls_alert_get_name (gnutls_alert_get (self->session));

      return fail (self, g_error_new (G_TLS_ERROR, error, "%s: the peer sent the alert \"%s\"", what,
                                      alert != NULL ? alert : "unknown"));
    }
  if (handshake && (code == GNUTLS_E_UNEXPECTED_PACKET || code == GNUTLS_E_UNEXPECTED_PACKET_LENGTH ||
                    code == GNUTLS_E_UNSUPPORTED_VERSION_PACKET || code == GNUTLS_E_RECORD_OVERFLOW))
    error = G_TLS_ERROR_NOT_TLS;
  return fail (self, g_error_new (G_TLS_ERROR, error, "%s: %s", what, gnutls_strerror (code)));
}

static int
fail_truncated (GnutlsLayer *self)
{
  return fail (self, g_error_new (G_TLS_ERROR, G_TLS_ERROR_EOF, "%s",
                                  self->state == STATE_HANDSHAKE
                                      ? "TLS handshake failed: the peer closed the connection"
                                      : "TLS connection failed: the peer closed it without a close_notify alert"));
}

/* Records on their way down */

static void
release_batch (GnutlsLayer *self)
{
  if (self->batch == NULL)
    return;
  lp2p_loop_give_scratch (self->parent.loop, self->batch);
  self->batch = NULL;
  self->n_plain = self->n_cipher = 0;
}

static guint8 *
get_batch (GnutlsLayer *self)
{
  if (self->batch == NULL)
    self->batch = lp2p_loop_take_scratch (self->parent.loop);
  return self->batch;
}

static gboolean
is_blocked (GnutlsLayer *self)
{
  return lp2p_held_get_size (&self->out) > 0;
}

static gboolean
wants_to_read (GnutlsLayer *self)
{
  return self->state == STATE_HANDSHAKE || (self->wanted & LP2P_READY_READ) != 0;
}

/* Bytes on their way are waited for although nobody wants them. */
static Lp2pReady
get_lower_wanted (GnutlsLayer *self)
{
  Lp2pReady wanted = wants_to_read (self) && !self->eof ? LP2P_READY_READ : LP2P_READY_NONE;

  if (is_blocked (self) || self->flushing || (self->starved && (self->wanted & LP2P_READY_WRITE)))
    wanted |= LP2P_READY_WRITE;
  return wanted;
}

static void
update_lower_wanted (GnutlsLayer *self)
{
  Lp2pReady wanted = get_lower_wanted (self);

  if (wanted == self->lower_wanted)
    return;
  self->lower_wanted = wanted;
  lp2p_layer_want (self->lower, wanted);
}

/* Hands down what was collected. What the layer below refuses of it is kept.
 * Returns: 0 when nothing is kept, %LP2P_IO_AGAIN or %LP2P_IO_FAILED */
static int
send_out (GnutlsLayer *self, Lp2pWriteFlags flags)
{
  gssize n = 0;

  if (is_blocked (self))
    {
      n = lp2p_layer_write (self->lower, lp2p_held_get_data (&self->out), lp2p_held_get_size (&self->out), flags);
      if (n > 0)
        lp2p_held_drop (&self->out, n);
    }
  else if (self->n_cipher > 0)
    {
      GOutputVector vector = { self->batch + MAX_PAYLOAD, self->n_cipher };

      n = lp2p_layer_writev (self->lower, &vector, 1, flags);
      if (n != LP2P_IO_FAILED)
        lp2p_held_append (&self->out, &vector, 1, MAX (n, 0), self->n_cipher - MAX (n, 0));
      self->n_cipher = 0;
    }
  if (self->n_plain == 0)
    release_batch (self);
  if (n == LP2P_IO_FAILED)
    return fail_lower (self);
  update_lower_wanted (self);
  return is_blocked (self) ? LP2P_IO_AGAIN : 0;
}

/* For GnuTLS: takes a record whatever the layer below does. */
static ssize_t
push (gnutls_transport_ptr_t transport, const giovec_t *vectors, int n_vectors)
{
  GnutlsLayer *self = transport;
  const GOutputVector *out = (const GOutputVector *) vectors;
  gsize size = lp2p_output_vectors_get_size (out, n_vectors);

  /* An alert behind the end of our direction. */
  if (self->ended)
    return size;
  if (size > BATCH_SIZE || lp2p_held_get_size (&self->out) + size > KEPT_LIMIT)
    {
      gnutls_transport_set_errno (self->session, ENOBUFS);
      return -1;
    }

  if (self->n_cipher + size > BATCH_SIZE)
    send_out (self, LP2P_WRITE_MORE);
  if (is_blocked (self))
    return lp2p_held_append (&self->out, out, n_vectors, 0, size);
  get_batch (self);
  for (int i = 0; i < n_vectors; i++)
    if (out[i].size > 0)
      {
        memcpy (self->batch + MAX_PAYLOAD + self->n_cipher, out[i].buffer, out[i].size);
        self->n_cipher += out[i].size;
      }
  return size;
}

G_STATIC_ASSERT (sizeof (giovec_t) == sizeof (GOutputVector));
G_STATIC_ASSERT (G_STRUCT_OFFSET (giovec_t, iov_base) == G_STRUCT_OFFSET (GOutputVector, buffer));
G_STATIC_ASSERT (G_STRUCT_OFFSET (giovec_t, iov_len) == G_STRUCT_OFFSET (GOutputVector, size));

/* For GnuTLS. The end of the layer below and its errors are kept from it: it
 * would take the session for broken, and our direction may well go on. */
static ssize_t
pull (gnutls_transport_ptr_t transport, void *buffer, size_t size)
{
  GnutlsLayer *self = transport;
  const guint8 *data;
  gssize n = lp2p_layer_peek (self->lower, &data);

  if (n > 0)
    {
      n = MIN ((gsize) n, size);
      memcpy (buffer, data, n);
      lp2p_layer_consume (self->lower, n);
      return n;
    }

  self->pulled = n;
  gnutls_transport_set_errno (self->session, EAGAIN);
  return -1;
}

static int
pull_timeout (gnutls_transport_ptr_t transport, unsigned int milliseconds)
{
  const guint8 *data;

  return lp2p_layer_peek (((GnutlsLayer *) transport)->lower, &data) != LP2P_IO_AGAIN;
}

static gboolean
is_transient (gssize code)
{
  return code == GNUTLS_E_AGAIN || code == GNUTLS_E_INTERRUPTED;
}

/* Makes records. One is never refused; see push(). */
static int
encrypt (GnutlsLayer *self, const guint8 *data, gsize size)
{
  while (size > 0)
    {
      gssize n = gnutls_record_send (self->session, data, size);

      if (n < 0 && n != GNUTLS_E_INTERRUPTED)
        return fail_tls (self, n);
      if (self->error != NULL)
        return LP2P_IO_FAILED;
      if (n > 0)
        {
          data += n;
          size -= n;
        }
    }
  return 0;
}

static int
encrypt_plain (GnutlsLayer *self)
{
  /* Until that is done, the memory is not given back. */
  int result = self->n_plain > 0 ? encrypt (self, self->batch, self->n_plain) : 0;

  self->n_plain = 0;
  return result;
}

static gsize
get_overhead (GnutlsLayer *self)
{
  return gnutls_record_overhead_size (self->session);
}

static gsize
get_payload (GnutlsLayer *self)
{
  return MIN (gnutls_record_get_max_size (self->session), MAX_PAYLOAD);
}

/* The most plaintext whose records need @room bytes at the most. */
static gsize
get_capacity (GnutlsLayer *self, gsize room)
{
  gsize payload = get_payload (self);
  gsize overhead = get_overhead (self);
  gsize last = room % (payload + overhead);

  return room / (payload + overhead) * payload + (last > overhead ? last - overhead : 0);
}

/* A record is taken in any case as long as the layer below has room for a part
 * of it, so that little room cannot be mistaken for none. */
static gsize
get_room (GnutlsLayer *self)
{
  gsize room;

  if (self->error != NULL || self->ending || self->state == STATE_HANDSHAKE || is_blocked (self))
    return 0;
  room = lp2p_layer_write_room (self->lower);
  if (room <= self->n_cipher)
    return 0;

  room = get_capacity (self, MIN (room, BATCH_SIZE) - self->n_cipher);
  room = room > self->n_plain ? room - self->n_plain : 0;
  room = MAX (room, MAX_PAYLOAD - self->n_plain);
  return room >= MIN_ROOM ? room : 0;
}

/* What the layer above is told */

static gboolean
is_readable (GnutlsLayer *self)
{
  return self->packet != NULL || lp2p_held_get_size (&self->in) > 0 || self->untold || self->interrupted ||
         (self->error == NULL && !self->eof && gnutls_record_check_pending (self->session) > 0);
}

static Lp2pReady
get_due (GnutlsLayer *self)
{
  Lp2pReady due = LP2P_READY_NONE;

  if (wants_to_read (self) && is_readable (self))
    due |= LP2P_READY_READ;
  if ((self->wanted & LP2P_READY_WRITE) && self->starved && get_room (self) > 0)
    due |= LP2P_READY_WRITE;
  return due;
}

static void
queue_announcement (GnutlsLayer *self)
{
  if (get_due (self) != LP2P_READY_NONE)
    lp2p_job_queue (&self->job);
}

static void
set_starved (GnutlsLayer *self)
{
  self->starved = TRUE;
  update_lower_wanted (self);
}

/* Reading */

static void
drop_packet (GnutlsLayer *self)
{
  if (self->packet != NULL)
    gnutls_packet_deinit (self->packet);
  self->packet = NULL;
  self->lent = (gnutls_datum_t){ NULL, 0 };
}

/* Why there are no bytes: returns as `readv`. */
static gssize
explain_pull (GnutlsLayer *self)
{
  if (self->pulled == LP2P_IO_FAILED)
    return fail_lower (self);
  if (self->pulled < 0)
    return LP2P_IO_AGAIN;
  if (self->require_close_notify || self->state == STATE_HANDSHAKE)
    return fail_truncated (self);
  self->eof = TRUE;
  return 0;
}

/* The peer is told why, as far as it still listens. */
static int
fail_with_alert (GnutlsLayer *self, int code)
{
  fail_tls (self, code);
  if (code != GNUTLS_E_FATAL_ALERT_RECEIVED)
    gnutls_alert_send_appropriate (self->session, code);
  send_out (self, LP2P_WRITE_NONE);
  return LP2P_IO_FAILED;
}

/* One record, or what is left of it, to @buffer or to @packet. GnuTLS decrypts in
 * memory of its own: a packet is without another copy, and so is a buffer but
 * for that one. */
static gssize
receive (GnutlsLayer *self, void *buffer, gsize size, gnutls_packet_t *packet)
{
  self->interrupted = FALSE;
  self->untold = FALSE;
  if (self->error != NULL)
    return LP2P_IO_FAILED;
  if (self->eof)
    return 0;
  if (self->state == STATE_HANDSHAKE)
    return LP2P_IO_AGAIN;

  for (guint i = 0; i < MAX_CONTROL; i++)
    {
      gssize n;

      self->pulled = 1;
      n = packet != NULL ? gnutls_record_recv_packet (self->session, packet)
                         : gnutls_record_recv (self->session, buffer, size);
      /* An answer to what was received. */
      if (self->n_cipher > 0 && self->n_plain == 0 && send_out (self, LP2P_WRITE_NONE) == LP2P_IO_FAILED)
        return LP2P_IO_FAILED;
      if (n > 0)
        return n;
      if (n == 0)
        {
          self->eof = TRUE;
          return 0;
        }
      if (is_transient (n) && self->pulled <= 0)
        return explain_pull (self);
      if (n == GNUTLS_E_REHANDSHAKE)
        gnutls_alert_send (self->session, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
      else if (!is_transient (n) && n != GNUTLS_E_WARNING_ALERT_RECEIVED)
        return fail_with_alert (self, n);
    }
  self->interrupted = TRUE;
  queue_announcement (self);
  return LP2P_IO_AGAIN;
}

static gssize
gnutls_layer_peek (Lp2pLayer *layer, const guint8 **data)
{
  GnutlsLayer *self = (GnutlsLayer *) layer;

  if (lp2p_held_get_size (&self->in) > 0)
    {
      *data = lp2p_held_get_data (&self->in);
      return lp2p_held_get_size (&self->in);
    }
  if (self->packet == NULL)
    {
      gssize n = receive (self, NULL, 0, &self->packet);

      if (n <= 0)
        {
          drop_packet (self);
          return n;
        }
      gnutls_packet_get (self->packet, &self->lent, NULL);
    }
  *data = self->lent.data;
  return self->lent.size;
}

static void
gnutls_layer_consume (Lp2pLayer *layer, gsize size)
{
  GnutlsLayer *self = (GnutlsLayer *) layer;

  if (lp2p_held_get_size (&self->in) > 0)
    lp2p_held_drop (&self->in, size);
  else
    {
      g_return_if_fail (size <= self->lent.size);
      self->lent.data += size;
      self->lent.size -= size;
      if (self->lent.size == 0)
        drop_packet (self);
    }
  if (size > 0)
    queue_announcement (self);
}

static void
gnutls_layer_park (Lp2pLayer *layer)
{
  GnutlsLayer *self = (GnutlsLayer *) layer;

  if (self->packet != NULL)
    {
      GOutputVector rest = { self->lent.data, self->lent.size };

      lp2p_held_append (&self->in, &rest, 1, 0, rest.size);
      drop_packet (self);
    }
  lp2p_layer_park (self->lower);
}

/* Takes what was lent, or receives. */
static gssize
read_some (GnutlsLayer *self, guint8 *buffer, gsize size)
{
  GInputVector vector = { buffer, size };

  if (lp2p_held_get_size (&self->in) > 0)
    return lp2p_held_take (&self->in, &vector, 1);
  if (self->packet == NULL)
    return receive (self, buffer, size, NULL);

  size = MIN (size, self->lent.size);
  memcpy (buffer, self->lent.data, size);
  gnutls_layer_consume (&self->parent, size);
  return size;
}

static gssize
gnutls_layer_readv (Lp2pLayer *layer, const GInputVector *vectors, guint n_vectors)
{
  GnutlsLayer *self = (GnutlsLayer *) layer;
  gsize total = 0;

  g_return_val_if_fail (lp2p_input_vectors_get_size (vectors, n_vectors) > 0, LP2P_IO_AGAIN);

  for (guint i = 0; i < n_vectors; i++)
    for (gsize done = 0; done < vectors[i].size;)
      {
        gssize n = read_some (self, (guint8 *) vectors[i].buffer + done, vectors[i].size - done);

        if (n <= 0 && total == 0)
          return n;
        if (n <= 0)
          {
            self->untold = n != LP2P_IO_AGAIN;
            queue_announcement (self);
            return total;
          }
        done += n;
        total += n;
      }
  queue_announcement (self);
  return total;
}

/* Writing */

/* Collects a record, or makes one straight from the caller's memory if that
 * fills it. Returns how many bytes it took, or %LP2P_IO_FAILED. */
static gssize
take_plain (GnutlsLayer *self, const guint8 *data, gsize size)
{
  gsize payload = get_payload (self);

  if (self->n_plain == 0 && size >= payload)
    return encrypt (self, data, payload) == 0 ? (gssize) payload : LP2P_IO_FAILED;

  size = MIN (size, payload - self->n_plain);
  memcpy (get_batch (self) + self->n_plain, data, size);
  self->n_plain += size;
  if (self->n_plain == payload && encrypt_plain (self) == LP2P_IO_FAILED)
    return LP2P_IO_FAILED;
  return size;
}

static gssize
gnutls_layer_writev (Lp2pLayer *layer, const GOutputVector *vectors, guint n_vectors, Lp2pWriteFlags flags)
{
  GnutlsLayer *self = (GnutlsLayer *) layer;
  gsize total = lp2p_output_vectors_get_size (vectors, n_vectors);
  gsize taken = 0;

  if (self->error != NULL)
    return LP2P_IO_FAILED;
  g_return_val_if_fail (!self->ending, LP2P_IO_FAILED);
  if (total == 0)
    return 0;
  if (self->state == STATE_HANDSHAKE || (is_blocked (self) && send_out (self, flags) != 0))
    {
      set_starved (self);
      return self->error != NULL ? LP2P_IO_FAILED : LP2P_IO_AGAIN;
    }

  for (guint i = 0; i < n_vectors && !is_blocked (self); i++)
    for (gsize done = 0; done < vectors[i].size && !is_blocked (self);)
      {
        gssize n = take_plain (self, (const guint8 *) vectors[i].buffer + done, vectors[i].size - done);

        if (n < 0)
          return LP2P_IO_FAILED;
        done += n;
        taken += n;
      }

  if ((flags & LP2P_WRITE_MORE) == 0 &&
      (encrypt_plain (self) == LP2P_IO_FAILED || send_out (self, LP2P_WRITE_NONE) == LP2P_IO_FAILED))
    return LP2P_IO_FAILED;
  if (taken < total)
    set_starved (self);
  return taken;
}

/* Returns: as `flush` */
static int
finish_output (GnutlsLayer *self)
{
  int result = send_out (self, LP2P_WRITE_NONE);

  if (result == 0)
    {
      self->ended = self->ending;
      result = self->ending ? lp2p_layer_shutdown_write (self->lower) : lp2p_layer_flush (self->lower);
      if (result == LP2P_IO_FAILED)
        fail_lower (self);
    }
  self->flushing = result == LP2P_IO_AGAIN;
  update_lower_wanted (self);
  return result;
}

static int
gnutls_layer_flush (Lp2pLayer *layer)
{
  GnutlsLayer *self = (GnutlsLayer *) layer;

  if (self->error != NULL || encrypt_plain (self) == LP2P_IO_FAILED)
    return LP2P_IO_FAILED;
  return finish_output (self);
}

static gsize
gnutls_layer_write_room (Lp2pLayer *layer)
{
  GnutlsLayer *self = (GnutlsLayer *) layer;
  gsize room = get_room (self);

  if (room == 0)
    set_starved (self);
  return room;
}

static int
gnutls_layer_shutdown_write (Lp2pLayer *layer)
{
  GnutlsLayer *self = (GnutlsLayer *) layer;
  int code = 0;

  if (self->error != NULL || encrypt_plain (self) == LP2P_IO_FAILED)
    return LP2P_IO_FAILED;
  if (!self->ending)
    {
      self->ending = TRUE;
      code = gnutls_bye (self->session, GNUTLS_SHUT_WR);
    }
  if (code < 0)
    return fail_tls (self, code);
  return finish_output (self);
}

/* Both */

static void
run_job (Lp2pJob *job)
{
  GnutlsLayer *self = (GnutlsLayer *) ((guint8 *) job - G_STRUCT_OFFSET (GnutlsLayer, job));
  gboolean failed = self->error != NULL;
  Lp2pReady due = LP2P_READY_NONE;

  /* The alert that tells of an error leaves all the same. */
  if (is_blocked (self))
    send_out (self, LP2P_WRITE_NONE);
  if (failed)
    return;
  if (self->flushing && !is_blocked (self) && self->error == NULL && finish_output (self) == 0)
    due |= LP2P_READY_WRITE;
  if (self->error != NULL)
    {
      lp2p_layer_announce_failed (&self->parent, self->error);
      return;
    }

  due |= get_due (self);
  if (due & LP2P_READY_WRITE)
    self->starved = FALSE;
  update_lower_wanted (self);
  if (due != LP2P_READY_NONE)
    lp2p_layer_announce (&self->parent, due);
}

static void
lower_ready (Lp2pLayer *lower, Lp2pReady ready, gpointer data)
{
  GnutlsLayer *self = data;

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
  GnutlsLayer *self = (GnutlsLayer *) layer;

  self->wanted = ready & (LP2P_READY_READ | LP2P_READY_WRITE);
  /* Also when that is nothing new: the layer below says what it still holds. */
  self->lower_wanted = get_lower_wanted (self);
  lp2p_layer_want (self->lower, self->lower_wanted);
  queue_announcement (self);
}

static void
drop_all (GnutlsLayer *self)
{
  lp2p_job_clear (&self->job);
  drop_packet (self);
  release_batch (self);
  lp2p_held_clear (&self->in);
  lp2p_held_clear (&self->out);
}

static void
gnutls_layer_abort (Lp2pLayer *layer, guint32 code)
{
  GnutlsLayer *self = (GnutlsLayer *) layer;

  drop_all (self);
  if (self->error == NULL)
    self->error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, "The connection was given up here");
  lp2p_layer_abort (self->lower, code);
}

static void
gnutls_layer_free (Lp2pLayer *layer)
{
  GnutlsLayer *self = (GnutlsLayer *) layer;

  drop_all (self);
  gnutls_deinit (self->session);
  lp2p_layer_free (self->lower);
  g_clear_error (&self->error);
  lp2p_layer_clear (layer);
  g_free (self);
}

static const GError *
gnutls_layer_get_error (Lp2pLayer *layer)
{
  GnutlsLayer *self = (GnutlsLayer *) layer;

  return self->error != NULL ? self->error : lp2p_layer_get_error (self->lower);
}

static void
gnutls_layer_get_info (Lp2pLayer *layer, Lp2pLayerInfo *info)
{
  GnutlsLayer *self = (GnutlsLayer *) layer;

  lp2p_layer_get_info (self->lower, info);
  info->record_size = get_payload (self);
  info->overhead += get_overhead (self);
}

static const Lp2pLayerClass gnutls_layer_class = {
  .name = "TLS",
  .readv = gnutls_layer_readv,
  .peek = gnutls_layer_peek,
  .consume = gnutls_layer_consume,
  .park = gnutls_layer_park,
  .writev = gnutls_layer_writev,
  .flush = gnutls_layer_flush,
  .write_room = gnutls_layer_write_room,
  .want = gnutls_layer_want,
  .shutdown_write = gnutls_layer_shutdown_write,
  .abort = gnutls_layer_abort,
  .free = gnutls_layer_free,
  .get_error = gnutls_layer_get_error,
  .get_info = gnutls_layer_get_info,
};

/**
 * lp2p_gnutls_layer_new: (skip)
 * @lower: (transfer full): the layer below
 * @session: (transfer full): a configured session, made with `GNUTLS_NONBLOCK`;
 *   its transport functions are set here
 *
 * Encrypts a layer with TLS. Whoever configured the session calls
 * [func@gnutls_layer_handshake] until that is done; then the layer can be read
 * and written. Records of one wake-up leave in one write, small writes with
 * %LP2P_WRITE_MORE share a record.
 *
 * Returns: (transfer full): the layer
 */
Lp2pLayer *
lp2p_gnutls_layer_new (Lp2pLayer *lower, gnutls_session_t session)
{
  GnutlsLayer *self;

  g_return_val_if_fail (lower != NULL, NULL);
  g_return_val_if_fail (session != NULL, NULL);

  self = g_new0 (GnutlsLayer, 1);
  lp2p_layer_init (&self->parent, &gnutls_layer_class, lower->loop);
  lp2p_job_init (&self->job, lower->loop, LP2P_JOB_PUMP, run_job);
  self->lower = lower;
  self->session = session;
  gnutls_transport_set_ptr (session, self);
  gnutls_transport_set_pull_function (session, pull);
  gnutls_transport_set_pull_timeout_function (session, pull_timeout);
  gnutls_transport_set_vec_push_function (session, push);
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
  ((GnutlsLayer *) layer)->require_close_notify = require != FALSE;
}

/**
 * lp2p_gnutls_layer_handshake: (skip)
 * @layer: a TLS layer
 *
 * Takes the handshake as far as possible. After %LP2P_IO_AGAIN the layer
 * announces %LP2P_READY_READ when this is to be called again, without being
 * asked by [func@layer_want]. The deadline is the caller's.
 *
 * Returns: 0 when the handshake is complete, %LP2P_IO_AGAIN or
 *   %LP2P_IO_FAILED: a `G_TLS_ERROR`, or the error of the layer below
 */
int
lp2p_gnutls_layer_handshake (Lp2pLayer *layer)
{
  GnutlsLayer *self = (GnutlsLayer *) layer;
  int result = GNUTLS_E_AGAIN;

  g_return_val_if_fail (layer != NULL && layer->klass == &gnutls_layer_class, LP2P_IO_FAILED);

  if (self->error != NULL)
    return LP2P_IO_FAILED;
  self->state = STATE_HANDSHAKE;
  self->interrupted = FALSE;
  self->pulled = 1;
  for (guint i = 0; i < MAX_CONTROL && is_transient (result) && self->pulled > 0; i++)
    {
      result = gnutls_handshake (self->session);
      if (send_out (self, LP2P_WRITE_NONE) == LP2P_IO_FAILED)
        return LP2P_IO_FAILED;
      if (result == GNUTLS_E_WARNING_ALERT_RECEIVED)
        result = GNUTLS_E_AGAIN;
    }

  lp2p_layer_park (self->lower);
  if (result < 0 && !is_transient (result))
    return fail_with_alert (self, result);
  if (result == 0)
    self->state = STATE_OPEN;
  update_lower_wanted (self);
  if (result == 0)
    return 0;
  if (self->pulled <= 0)
    return explain_pull (self);
  self->interrupted = TRUE;
  queue_announcement (self);
  return LP2P_IO_AGAIN;
}
