/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * Lp2pNoise: (skip)
 *
 * The Noise handshake of libp2p, on one side, without any I/O.
 *
 * Do what [func@Lp2p.noise_get_state] asks for until it says
 * %LP2P_NOISE_STATE_DONE. Then [func@Lp2p.noise_split] gives the ciphers of the
 * session. A transport that encrypts by other means, and only wants to know who
 * the remote is, does not split.
 *
 * Who is the initiator is independent of who dialed.
 *
 * See noise/README.md in libp2p/specs.
 */

#include "codec/lp2p-noise-payload-private.h"
#include "codec/lp2p-noise-private.h"
#include "codec/lp2p-noise-static-private.h"
#include "codec/lp2p-noise-xx-private.h"
#include "types/lp2p-i18n-private.h"

#include <lp2p/types/lp2p-cursor.h>

struct _Lp2pNoise
{
  Lp2pNoiseXX xx;
  gboolean failed;
  gboolean split;

  Lp2pIdentity *identity;
  GBytes *signature; /* of the static key; NULL until it is needed */
  Lp2pPeerId *expected_peer;
  GStrv stream_muxers;
  GPtrArray *certhashes;

  Lp2pNoiseRemote remote;
};

/**
 * lp2p_noise_new: (skip)
 * @params: what to start with
 * @error: return location for an error
 *
 * Starts a handshake.
 *
 * Fails with %LP2P_CODEC_ERROR_TOO_LARGE if more than 64 muxers or certificate
 * hashes are to be sent, or one of more than 256 bytes, and with
 * %LP2P_CODEC_ERROR_NOISE if no key can be made.
 *
 * Returns: (transfer full): a handshake, to be freed with
 *   [func@Lp2p.noise_free], or %NULL
 *
 * Since: 1.0
 */
Lp2pNoise *
lp2p_noise_new (const Lp2pNoiseParams *params, GError **error)
{
  g_autoptr (Lp2pNoise) self = NULL;

  g_return_val_if_fail (params != NULL, NULL);
  g_return_val_if_fail (LP2P_IS_IDENTITY (params->identity), NULL);
  g_return_val_if_fail (params->prologue != NULL || params->prologue_len == 0, NULL);
  g_return_val_if_fail (
      params->static_key == NULL || params->static_key->identity == params->identity, NULL);

  if (!lp2p_noise_check_extensions (params->stream_muxers, params->webtransport_certhashes, error))
    return NULL;

  self = g_new0 (Lp2pNoise, 1);
  self->identity = g_object_ref (params->identity);
  if (params->expected_peer != NULL)
    self->expected_peer = lp2p_peer_id_ref (params->expected_peer);
  self->stream_muxers = g_strdupv ((GStrv) params->stream_muxers);
  if (params->webtransport_certhashes != NULL)
    self->certhashes = g_ptr_array_ref (params->webtransport_certhashes);

  if (params->static_key != NULL)
    self->signature = g_bytes_ref (params->static_key->signature);
  if (!lp2p_noise_xx_init (&self->xx, params->initiator, params->prologue, params->prologue_len,
                           params->static_key != NULL ? &params->static_key->pair : NULL, error))
    return NULL;
  return g_steal_pointer (&self);
}

/**
 * lp2p_noise_free: (skip)
 * @self: (transfer full) (nullable): a handshake
 *
 * Wipes the keys and frees the handshake. Ciphers that were split off live on.
 *
 * Since: 1.0
 */
void
lp2p_noise_free (Lp2pNoise *self)
{
  if (self == NULL)
    return;

  lp2p_noise_xx_clear (&self->xx);
  lp2p_noise_remote_clear (&self->remote);
  g_clear_object (&self->identity);
  g_clear_pointer (&self->signature, g_bytes_unref);
  g_clear_pointer (&self->expected_peer, lp2p_peer_id_unref);
  g_clear_pointer (&self->stream_muxers, g_strfreev);
  g_clear_pointer (&self->certhashes, g_ptr_array_unref);
  g_free (self);
}

gboolean
lp2p_noise_set_ephemeral_key (Lp2pNoise *self, const guint8 private_key[32], GError **error)
{
  return lp2p_noise_key_pair_load (&self->xx.ephemeral_pair, private_key, error);
}

/**
 * lp2p_noise_get_state: (skip)
 * @self: a handshake
 *
 * Gets what the handshake needs next.
 *
 * Returns: the state
 *
 * Since: 1.0
 */
Lp2pNoiseState
lp2p_noise_get_state (Lp2pNoise *self)
{
  g_return_val_if_fail (self != NULL, LP2P_NOISE_STATE_FAILED);

  if (self->failed)
    return LP2P_NOISE_STATE_FAILED;
  if (self->xx.n_messages == LP2P_NOISE_XX_MESSAGES)
    return LP2P_NOISE_STATE_DONE;
  return lp2p_noise_xx_is_writer (&self->xx) ? LP2P_NOISE_STATE_WRITE : LP2P_NOISE_STATE_READ;
}

static gboolean
check_state (Lp2pNoise *self, Lp2pNoiseState needed, GError **error)
{
  static const char *const names[] = {
    N_("this side must write next"),
    N_("the remote must write next"),
    N_("the handshake is complete"),
    N_("the handshake has failed already"),
  };
  Lp2pNoiseState state = lp2p_noise_get_state (self);

  if (state == needed)
    return TRUE;

  g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_PROTOCOL,
               _("Noise: a message out of turn, %s"), _(names[state]));
  return FALSE;
}

static gboolean
write_frame (Lp2pNoise *self, GByteArray *out, GError **error)
{
  guint start = out->len;
  g_autoptr (GBytes) payload = NULL;
  const guint8 *data = NULL;
  gsize len = 0;

  /* The first message is readable by anybody and carries nothing. */
  if (self->xx.n_messages > 0)
    {
      if (self->signature == NULL)
        self->signature =
            lp2p_noise_payload_sign (self->identity, self->xx.static_pair.public_key, error);
      if (self->signature == NULL)
        return FALSE;
      payload =
          lp2p_noise_payload_build (self->identity, self->signature,
                                    (const char *const *) self->stream_muxers, self->certhashes);
      data = g_bytes_get_data (payload, &len);
    }

  lp2p_append_u16be (out, 0);
  if (!lp2p_noise_xx_write (&self->xx, data, len, out, error))
    return FALSE;

  len = out->len - start - sizeof (guint16);
  out->data[start] = len >> 8;
  out->data[start + 1] = len & 0xff;
  return TRUE;
}

/**
 * lp2p_noise_write_message: (skip)
 * @self: a handshake in %LP2P_NOISE_STATE_WRITE
 * @out: where to append
 * @error: return location for an error
 *
 * Appends the next message, with the two bytes of its length in front.
 *
 * Fails with %LP2P_CODEC_ERROR_PROTOCOL in another state; that leaves the
 * handshake as it is. Any other failure ends it, and appends nothing.
 *
 * Returns: %TRUE on success
 *
 * Since: 1.0
 */
gboolean
lp2p_noise_write_message (Lp2pNoise *self, GByteArray *out, GError **error)
{
  guint start;

  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (out != NULL, FALSE);

  if (!check_state (self, LP2P_NOISE_STATE_WRITE, error))
    return FALSE;

  start = out->len;
  if (!write_frame (self, out, error))
    {
      g_byte_array_set_size (out, start);
      self->failed = TRUE;
      return FALSE;
    }
  return TRUE;
}

static gboolean
check_peer (Lp2pNoise *self, GError **error)
{
  if (self->expected_peer == NULL ||
      lp2p_peer_id_equal (self->expected_peer, self->remote.peer_id))
    return TRUE;

  g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_WRONG_PEER,
               _("Noise: expected peer %s, got %s"), lp2p_peer_id_get_string (self->expected_peer),
               lp2p_peer_id_get_string (self->remote.peer_id));
  return FALSE;
}

static gboolean
read_frame (Lp2pNoise *self, const guint8 *frame, gsize len, GError **error)
{
  gboolean first = self->xx.n_messages == 0;
  g_autoptr (GByteArray) payload = g_byte_array_new ();

  if (len > LP2P_NOISE_MAX_FRAME)
    {
      g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_TOO_LARGE,
                   _("Noise: a handshake message of %zu bytes, the limit is %u"),
                   len, LP2P_NOISE_MAX_FRAME);
      return FALSE;
    }
  if (!lp2p_noise_xx_read (&self->xx, frame, len, payload, error))
    return FALSE;

  /* A payload in the first message is not secret and not authenticated. It is
   * part of the handshake hash, but what it says is ignored. */
  if (first)
    return TRUE;
  return lp2p_noise_payload_parse (payload->data, payload->len, self->xx.remote_static,
                                   &self->remote, error) &&
         check_peer (self, error);
}

/**
 * lp2p_noise_read_message: (skip)
 * @self: a handshake
 * @frame: (array length=len): a message, without its length prefix
 * @len: its length
 * @error: return location for an error
 *
 * Takes the next message. The identity of the remote is verified here.
 *
 * Any failure before %LP2P_NOISE_STATE_DONE ends the handshake:
 * %LP2P_CODEC_ERROR_PROTOCOL for a message when none is due,
 * %LP2P_CODEC_ERROR_TOO_LARGE for one that exceeds a limit,
 * %LP2P_CODEC_ERROR_NOISE for one that is not what it should be or comes from
 * another peer than expected, and those of `LP2P_TYPES_ERROR` for an identity
 * key that cannot be used.
 *
 * Returns: %TRUE on success
 *
 * Since: 1.0
 */
gboolean
lp2p_noise_read_message (Lp2pNoise *self, const guint8 *frame, gsize len, GError **error)
{
  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (frame != NULL || len == 0, FALSE);

  if (!check_state (self, LP2P_NOISE_STATE_READ, error))
    {
      /* In XX nobody sends twice in a row. */
      if (lp2p_noise_get_state (self) == LP2P_NOISE_STATE_WRITE)
        self->failed = TRUE;
      return FALSE;
    }
  if (!read_frame (self, frame, len, error))
    {
      self->failed = TRUE;
      return FALSE;
    }
  return TRUE;
}

/**
 * lp2p_noise_split: (skip)
 * @self: a handshake in %LP2P_NOISE_STATE_DONE
 * @send: (out) (transfer full): the cipher for what this side sends
 * @receive: (out) (transfer full): the cipher for what it receives
 * @error: return location for an error
 *
 * Makes the two ciphers of the session. This can be done once, because a second
 * pair would use the same nonces again. The handshake may be freed afterwards.
 *
 * Fails with %LP2P_CODEC_ERROR_PROTOCOL when the handshake is not done or was
 * split before.
 *
 * Returns: %TRUE on success
 *
 * Since: 1.0
 */
gboolean
lp2p_noise_split (Lp2pNoise *self,
                  Lp2pNoiseCipher **send,
                  Lp2pNoiseCipher **receive,
                  GError **error)
{
  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (send != NULL && receive != NULL, FALSE);

  *send = NULL;
  *receive = NULL;
  if (lp2p_noise_get_state (self) != LP2P_NOISE_STATE_DONE || self->split)
    {
      g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_PROTOCOL,
                   "%s", self->split ? _("Noise: the handshake was split before")
                                     : _("Noise: the handshake is not complete"));
      return FALSE;
    }

  self->split = TRUE;
  if (self->xx.initiator)
    return lp2p_noise_symmetric_split (&self->xx.symmetric, send, receive, error);
  return lp2p_noise_symmetric_split (&self->xx.symmetric, receive, send, error);
}

/* The remote's words count only when the whole handshake has succeeded. */
static const Lp2pNoiseRemote *
get_remote (Lp2pNoise *self)
{
  static const Lp2pNoiseRemote nobody = { NULL };

  return lp2p_noise_get_state (self) == LP2P_NOISE_STATE_DONE ? &self->remote : &nobody;
}

/**
 * lp2p_noise_get_remote_public_key: (skip)
 * @self: a handshake
 *
 * Gets the identity key of the remote.
 *
 * Returns: (transfer none) (nullable): the key, or %NULL before
 *   %LP2P_NOISE_STATE_DONE
 *
 * Since: 1.0
 */
Lp2pPublicKey *
lp2p_noise_get_remote_public_key (Lp2pNoise *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return get_remote (self)->public_key;
}

/**
 * lp2p_noise_get_remote_peer_id: (skip)
 * @self: a handshake
 *
 * Gets who the remote is.
 *
 * Returns: (transfer none) (nullable): the peer id, or %NULL before
 *   %LP2P_NOISE_STATE_DONE
 *
 * Since: 1.0
 */
Lp2pPeerId *
lp2p_noise_get_remote_peer_id (Lp2pNoise *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return get_remote (self)->peer_id;
}

/**
 * lp2p_noise_get_remote_stream_muxers: (skip)
 * @self: a handshake
 *
 * Gets the stream muxers that the remote offered inside the handshake, its best
 * first; at most 64.
 *
 * Returns: (transfer none) (array zero-terminated=1) (nullable): the muxers, or
 *   %NULL if it offered none and before %LP2P_NOISE_STATE_DONE
 *
 * Since: 1.0
 */
const char *const *
lp2p_noise_get_remote_stream_muxers (Lp2pNoise *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return (const char *const *) get_remote (self)->stream_muxers;
}

/**
 * lp2p_noise_get_remote_certhashes: (skip)
 * @self: a handshake
 *
 * Gets the WebTransport certificate hashes that the remote sent, at most 64, as
 * it sent them. They should be multihashes, which is for the caller to check.
 *
 * Returns: (transfer none) (element-type GBytes) (nullable): the hashes, or
 *   %NULL if it sent none and before %LP2P_NOISE_STATE_DONE
 *
 * Since: 1.0
 */
GPtrArray *
lp2p_noise_get_remote_certhashes (Lp2pNoise *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return get_remote (self)->certhashes;
}

/**
 * lp2p_noise_get_handshake_hash: (skip)
 * @self: a handshake
 * @len: (out) (optional): its length, 32
 *
 * Gets the hash of the whole handshake. It is the same on both sides and
 * different in every session, so other protocols can bind themselves to it.
 *
 * Returns: (transfer none) (array length=len) (nullable): the hash, or %NULL
 *   before %LP2P_NOISE_STATE_DONE
 *
 * Since: 1.0
 */
const guint8 *
lp2p_noise_get_handshake_hash (Lp2pNoise *self, gsize *len)
{
  gboolean done;

  g_return_val_if_fail (self != NULL, NULL);

  done = lp2p_noise_get_state (self) == LP2P_NOISE_STATE_DONE;
  if (len != NULL)
    *len = done ? LP2P_NOISE_HASH : 0;
  return done ? self->xx.symmetric.hash : NULL;
}

/**
 * lp2p_noise_select_muxer:
 * @initiator: (array zero-terminated=1) (nullable): what the Noise initiator
 *   offered, best first
 * @responder: (array zero-terminated=1) (nullable): what the responder offered
 *
 * Chooses the stream muxer that both sides of a handshake arrive at: the first
 * of the initiator's that the responder offered too.
 *
 * When one side offered none, the muxer is negotiated after the handshake. When
 * both did and none is common, the connection must fail. See
 * connections/inlined-muxer-negotiation.md in libp2p/specs.
 *
 * Returns: (transfer none) (nullable): an element of @initiator, or %NULL
 *
 * Since: 1.0
 */
const char *
lp2p_noise_select_muxer (const char *const *initiator, const char *const *responder)
{
  if (initiator == NULL || responder == NULL)
    return NULL;

  for (; *initiator != NULL; initiator++)
    if (g_strv_contains (responder, *initiator))
      return *initiator;
  return NULL;
}
