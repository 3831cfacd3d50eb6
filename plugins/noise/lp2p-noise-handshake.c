/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-noise-handshake.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#include "lp2p-noise-frames.h"
#include "lp2p-noise-layer.h"

#define N_MESSAGES 3

/* The first message is a key, and nothing else; the second is longer. */
#define FIRST_MESSAGE_SIZE 32

typedef struct
{
  Lp2pSecurityHandshake parent;
  Lp2pNoise *noise;
  Lp2pNoiseFrames frames;
  GByteArray *out;
  Lp2pReady wanted;
  guint n_done; /* messages */
  gboolean flushing;
} Handshake;

static void
handshake_clear (Lp2pSecurityHandshake *handshake)
{
  Handshake *self = (Handshake *) handshake;

  lp2p_noise_frames_clear (&self->frames);
  g_clear_pointer (&self->noise, lp2p_noise_free);
  g_byte_array_unref (self->out);
}

/* Ending */

/* Takes @error. */
static void
end_with (Handshake *self, GError *error)
{
  lp2p_layer_abort (self->parent.layer, 0);
  lp2p_security_handshake_fail (&self->parent, error);
}

static void
fail (Handshake *self, GQuark domain, int code, const char *reason)
{
  guint message = MIN (self->n_done + 1, N_MESSAGES);

  /* The codec's messages begin so. */
  if (g_str_has_prefix (reason, "Noise: "))
    reason += strlen ("Noise: ");
  end_with (self, g_error_new (domain, code,
                               self->parent.initiator == (message % 2 == 1)
                                   ? _("Noise handshake failed at message %u of %u, ours: %s")
                                   : _("Noise handshake failed at message %u of %u, the peer's: %s"),
                               message, N_MESSAGES, reason));
}

static void
fail_below (Handshake *self)
{
  const GError *error = lp2p_layer_get_error (self->parent.layer);

  if (error != NULL)
    fail (self, error->domain, error->code, error->message);
  else
    fail (self, LP2P_ERROR, LP2P_ERROR_HANDSHAKE, _("the layer below failed without a reason"));
}

static void
fail_codec (Handshake *self, GError *error)
{
  fail (self, LP2P_ERROR, LP2P_ERROR_HANDSHAKE, error->message);
  g_error_free (error);
}

static void
handshake_give_up (Lp2pSecurityHandshake *handshake, int code, const char *reason)
{
  fail ((Handshake *) handshake, G_IO_ERROR, code, reason);
}

/* The result */

/* The first of the initiator's muxers that the responder has too. Where there is
 * none both negotiate one afterwards, as go-libp2p does, although the
 * specification lets the connection fail. */
static const char *
select_muxer (Handshake *self)
{
  const char *const *ours = (const char *const *) self->parent.muxers;
  const char *const *theirs = lp2p_noise_get_remote_stream_muxers (self->noise);

  return self->parent.initiator ? lp2p_noise_select_muxer (ours, theirs)
                         : lp2p_noise_select_muxer (theirs, ours);
}

static void
succeed (Handshake *self)
{
  Lp2pNoiseCipher *send, *receive;
  GError *error = NULL;
  Lp2pLayer *layer;

  if (!lp2p_noise_split (self->noise, &send, &receive, &error))
    {
      fail_codec (self, error);
      return;
    }

  /* What came behind the last message is the session's. */
  lp2p_layer_park (self->parent.layer);
  layer = lp2p_noise_layer_new (g_steal_pointer (&self->parent.layer), send, receive);
  if (self->parent.initiator)
    lp2p_noise_layer_flush_soon (layer);
  lp2p_security_handshake_succeed (&self->parent, layer,
                                   lp2p_noise_get_remote_peer_id (self->noise),
                                   lp2p_noise_get_remote_public_key (self->noise),
                                   select_muxer (self));
}

/* Messages */

static gboolean
check_peer (Handshake *self)
{
  Lp2pPeerId *peer = lp2p_noise_get_remote_peer_id (self->noise);

  if (self->parent.expected_peer == NULL || peer == NULL || lp2p_peer_id_equal (self->parent.expected_peer, peer))
    return TRUE;
  end_with (self, g_error_new (LP2P_ERROR, LP2P_ERROR_WRONG_PEER,
                               _("Noise handshake failed: expected peer %s, got %s"),
                               lp2p_peer_id_get_string (self->parent.expected_peer),
                               lp2p_peer_id_get_string (peer)));
  return FALSE;
}

/* Returns: whether to go on */
static gboolean
make_message (Handshake *self)
{
  GError *error = NULL;

  if (!lp2p_noise_write_message (self->noise, self->out, &error))
    {
      fail_codec (self, error);
      return FALSE;
    }
  return TRUE;
}

/* The initiator's last message does not leave alone: what the application writes
 * first goes with it. */
static gboolean
send_message (Handshake *self)
{
  gboolean last = lp2p_noise_get_state (self->noise) == LP2P_NOISE_STATE_DONE;
  gssize n = lp2p_layer_write (self->parent.layer, self->out->data, self->out->len,
                               last ? LP2P_WRITE_MORE : LP2P_WRITE_NONE);

  if (n == LP2P_IO_FAILED)
    {
      fail_below (self);
      return FALSE;
    }
  if (n > 0)
    g_byte_array_remove_range (self->out, 0, n);
  if (self->out->len > 0)
    return FALSE;
  self->n_done++;
  self->flushing = !last;
  return TRUE;
}

static gboolean
flush_message (Handshake *self)
{
  int result = lp2p_layer_flush (self->parent.layer);

  if (result == LP2P_IO_FAILED)
    {
      fail_below (self);
      return FALSE;
    }
  self->flushing = result == LP2P_IO_AGAIN;
  return TRUE;
}

static gboolean
read_message (Handshake *self)
{
  GError *error = NULL;
  const guint8 *frame;
  gsize len;
  gboolean ok;

  switch (lp2p_noise_frames_next (&self->frames, self->parent.layer, &frame, &len))
    {
    case 1:
      ok = lp2p_noise_read_message (self->noise, frame, len, &error);
      lp2p_noise_frames_done (&self->frames, self->parent.layer);
      if (ok)
        self->n_done++;
      else if (self->parent.initiator && self->n_done == 1 && len == FIRST_MESSAGE_SIZE)
        {
          g_clear_error (&error);
          fail (self, LP2P_ERROR, LP2P_ERROR_SAME_ROLE, _("it began a handshake as well"));
        }
      else
        fail_codec (self, error);
      return ok;
    case LP2P_IO_AGAIN:
      return FALSE;
    case LP2P_IO_FAILED:
      fail_below (self);
      return FALSE;
    default:
      fail (self, LP2P_ERROR, LP2P_ERROR_HANDSHAKE,
            self->frames.n_header > 0 ? _("the connection ended inside it")
                                      : _("the connection ended before it"));
      return FALSE;
    }
}

static void
want (Handshake *self, Lp2pReady ready)
{
  if (ready == self->wanted)
    return;
  self->wanted = ready;
  lp2p_layer_want (self->parent.layer, ready);
}

/* Does what can be done now.
 *
 * Returns: whether there is more to do at once */
static gboolean
step (Handshake *self)
{
  Lp2pNoiseState state = lp2p_noise_get_state (self->noise);

  if (self->out->len > 0)
    return send_message (self);
  if (self->flushing && !flush_message (self))
    return FALSE;
  if (state == LP2P_NOISE_STATE_WRITE)
    return make_message (self) && check_peer (self);
  if (state == LP2P_NOISE_STATE_READ)
    return read_message (self);
  if (check_peer (self))
    succeed (self);
  return FALSE;
}

static void
handshake_pump (Lp2pSecurityHandshake *handshake)
{
  Handshake *self = (Handshake *) handshake;

  while (step (self))
    ;
  if (handshake->layer == NULL)
    return;
  lp2p_layer_park (handshake->layer);
  want (self, self->out->len > 0 || self->flushing ? LP2P_READY_READ | LP2P_READY_WRITE
                                                   : LP2P_READY_READ);
}

static const Lp2pSecurityHandshakeClass handshake_class = {
  .name = "Noise",
  .pump = handshake_pump,
  .give_up = handshake_give_up,
  .clear = handshake_clear,
};

void
lp2p_noise_handshake_start (Lp2pLayer *layer,
                            Lp2pIdentity *identity,
                            Lp2pNoiseStatic *static_key,
                            const Lp2pSecurityParams *params,
                            GCancellable *closing,
                            GTask *task)
{
  Handshake *self = g_new0 (Handshake, 1);
  /* The expected peer is compared here, to tell it from other failures. */
  Lp2pNoiseParams noise_params = {
    .initiator = params->role == LP2P_ROLE_INITIATOR,
    .identity = identity,
    .stream_muxers = params->muxers,
    .static_key = static_key,
  };
  GError *error = NULL;

  lp2p_security_handshake_init (&self->parent, &handshake_class, layer, params, closing, task);
  self->out = g_byte_array_new ();
  self->noise = lp2p_noise_new (&noise_params, &error);
  if (self->noise == NULL)
    {
      fail_codec (self, error);
      return;
    }
  lp2p_job_queue (&self->parent.pump);
}
