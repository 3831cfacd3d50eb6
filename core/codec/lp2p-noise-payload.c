/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The libp2p payload of Noise handshake messages: it binds the static Noise key
 * to the identity, and carries the extensions. */

#include "codec/lp2p-noise-payload-private.h"

#include "codec/noise.pb-c.h"
#include "types/lp2p-i18n-private.h"

#include <string.h>

#define SIGNATURE_PREFIX "noise-libp2p-static-key:"

void
lp2p_noise_remote_clear (Lp2pNoiseRemote *self)
{
  g_clear_pointer (&self->public_key, lp2p_public_key_unref);
  g_clear_pointer (&self->peer_id, lp2p_peer_id_unref);
  g_clear_pointer (&self->stream_muxers, g_strfreev);
  g_clear_pointer (&self->certhashes, g_ptr_array_unref);
}

static gboolean
check_count (const char *what, gsize n, GError **error)
{
  if (n <= LP2P_NOISE_MAX_EXTENSIONS)
    return TRUE;

  g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_TOO_LARGE,
               /* Translators: a number and "stream muxers" or "certificate hashes" */
               _("Noise: %zu %s, the limit is %u"), n, what,
               LP2P_NOISE_MAX_EXTENSIONS);
  return FALSE;
}

static gboolean
check_length (const char *what, gsize len, GError **error)
{
  if (len <= LP2P_NOISE_MAX_EXTENSION_LEN)
    return TRUE;

  g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_TOO_LARGE,
               _("Noise: one of the %s has %zu bytes, the limit is %u"), what, len,
               LP2P_NOISE_MAX_EXTENSION_LEN);
  return FALSE;
}

/* Checks that what is to be sent keeps the limits. */
gboolean
lp2p_noise_check_extensions (const char *const *stream_muxers,
                             GPtrArray *certhashes,
                             GError **error)
{
  guint n_muxers = stream_muxers != NULL ? g_strv_length ((GStrv) stream_muxers) : 0;
  guint n_certhashes = certhashes != NULL ? certhashes->len : 0;

  if (!check_count (_("stream muxers"), n_muxers, error) ||
      !check_count (_("certificate hashes"), n_certhashes, error))
    return FALSE;
  for (guint i = 0; i < n_muxers; i++)
    if (!check_length (_("stream muxers"), strlen (stream_muxers[i]), error))
      return FALSE;
  for (guint i = 0; i < n_certhashes; i++)
    if (!check_length (_("certificate hashes"), g_bytes_get_size (certhashes->pdata[i]), error))
      return FALSE;
  return TRUE;
}

static GByteArray *
signed_bytes (const guint8 static_key[LP2P_NOISE_KEY])
{
  GByteArray *bytes = g_byte_array_new ();

  g_byte_array_append (bytes, (const guint8 *) SIGNATURE_PREFIX, strlen (SIGNATURE_PREFIX));
  g_byte_array_append (bytes, static_key, LP2P_NOISE_KEY);
  return bytes;
}

/* protobuf-c does not write through the pointers of a message that it packs. */
static ProtobufCBinaryData
borrow (GBytes *bytes)
{
  ProtobufCBinaryData data = { 0 };

  data.data = (guint8 *) g_bytes_get_data (bytes, &data.len);
  return data;
}

/* Returns: (transfer full): what vouches for a static key */
GBytes *
lp2p_noise_payload_sign (Lp2pIdentity *identity,
                         const guint8 static_key[LP2P_NOISE_KEY],
                         GError **error)
{
  g_autoptr (GByteArray) to_sign = signed_bytes (static_key);

  return lp2p_identity_sign (identity, to_sign->data, to_sign->len, error);
}

/* The lists must have passed lp2p_noise_check_extensions().
 *
 * Returns: (transfer full): the payload with that signature */
GBytes *
lp2p_noise_payload_build (Lp2pIdentity *identity,
                          GBytes *signature,
                          const char *const *stream_muxers,
                          GPtrArray *certhashes)
{
  Lp2p__Pb__NoiseHandshakePayload payload = LP2P__PB__NOISE_HANDSHAKE_PAYLOAD__INIT;
  Lp2p__Pb__NoiseExtensions extensions = LP2P__PB__NOISE_EXTENSIONS__INIT;
  ProtobufCBinaryData muxer_data[LP2P_NOISE_MAX_EXTENSIONS];
  ProtobufCBinaryData certhash_data[LP2P_NOISE_MAX_EXTENSIONS];
  guint8 *packed;
  gsize len;

  payload.has_identity_key = TRUE;
  payload.identity_key = borrow (lp2p_public_key_get_bytes (lp2p_identity_get_public_key (identity)));
  payload.has_identity_sig = TRUE;
  payload.identity_sig = borrow (signature);

  for (guint i = 0; stream_muxers != NULL && stream_muxers[i] != NULL; i++)
    {
      muxer_data[i].data = (guint8 *) stream_muxers[i];
      muxer_data[i].len = strlen (stream_muxers[i]);
      extensions.n_stream_muxers++;
    }
  for (guint i = 0; certhashes != NULL && i < certhashes->len; i++)
    {
      certhash_data[i] = borrow (certhashes->pdata[i]);
      extensions.n_webtransport_certhashes++;
    }
  extensions.stream_muxers = muxer_data;
  extensions.webtransport_certhashes = certhash_data;
  if (extensions.n_stream_muxers > 0 || extensions.n_webtransport_certhashes > 0)
    payload.extensions = &extensions;

  len = lp2p__pb__noise_handshake_payload__get_packed_size (&payload);
  packed = g_malloc (len);
  lp2p__pb__noise_handshake_payload__pack (&payload, packed);
  return g_bytes_new_take (packed, len);
}

static gboolean
read_identity (const Lp2p__Pb__NoiseHandshakePayload *payload,
               const guint8 static_key[LP2P_NOISE_KEY],
               Lp2pNoiseRemote *remote,
               GError **error)
{
  g_autoptr (GByteArray) was_signed = signed_bytes (static_key);
  gboolean has_key = payload->has_identity_key && payload->identity_key.len > 0;
  gboolean has_signature = payload->has_identity_sig && payload->identity_sig.len > 0;

  if (!has_key || !has_signature)
    {
      g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_NOISE,
                   "%s", has_key ? _("Noise: the handshake payload has no signature")
                                 : _("Noise: the handshake payload has no identity key"));
      return FALSE;
    }

  remote->public_key = lp2p_public_key_new_from_bytes (payload->identity_key.data,
                                                       payload->identity_key.len, error);
  if (remote->public_key == NULL)
    {
      g_prefix_error (error, _("Noise: the identity key in the handshake payload: "));
      return FALSE;
    }
  if (!lp2p_public_key_verify (remote->public_key, was_signed->data, was_signed->len,
                               payload->identity_sig.data, payload->identity_sig.len))
    {
      g_set_error_literal (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_NOISE,
                           _("Noise: the identity's signature of the static key is wrong"));
      return FALSE;
    }
  remote->peer_id = lp2p_peer_id_new_from_public_key (remote->public_key);
  return TRUE;
}

static gboolean
read_muxers (const Lp2p__Pb__NoiseExtensions *extensions, Lp2pNoiseRemote *remote, GError **error)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  if (!check_count (_("stream muxers"), extensions->n_stream_muxers, error))
    return FALSE;

  for (gsize i = 0; i < extensions->n_stream_muxers; i++)
    {
      const ProtobufCBinaryData *name = &extensions->stream_muxers[i];
      g_autofree char *text = NULL;

      if (!check_length (_("stream muxers"), name->len, error))
        return FALSE;
      /* Also refuses a NUL inside. */
      if (name->len == 0 || !g_utf8_validate_len ((const char *) name->data, name->len, NULL))
        {
          g_set_error_literal (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_NOISE,
                               _("Noise: the name of a stream muxer is not text"));
          return FALSE;
        }
      text = g_strndup ((const char *) name->data, name->len);
      g_strv_builder_add (builder, text);
    }

  if (extensions->n_stream_muxers > 0)
    remote->stream_muxers = g_strv_builder_end (builder);
  return TRUE;
}

static gboolean
read_certhashes (const Lp2p__Pb__NoiseExtensions *extensions,
                 Lp2pNoiseRemote *remote,
                 GError **error)
{
  gsize n = extensions->n_webtransport_certhashes;

  if (!check_count (_("certificate hashes"), n, error))
    return FALSE;
  if (n == 0)
    return TRUE;

  remote->certhashes = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  for (gsize i = 0; i < n; i++)
    {
      const ProtobufCBinaryData *hash = &extensions->webtransport_certhashes[i];

      if (!check_length (_("certificate hashes"), hash->len, error))
        return FALSE;
      g_ptr_array_add (remote->certhashes, g_bytes_new (hash->data, hash->len));
    }
  return TRUE;
}

/* @remote: an empty one, to be filled; on failure it may be filled in part. */
gboolean
lp2p_noise_payload_parse (const guint8 *data,
                          gsize len,
                          const guint8 static_key[LP2P_NOISE_KEY],
                          Lp2pNoiseRemote *remote,
                          GError **error)
{
  Lp2p__Pb__NoiseHandshakePayload *payload;
  gboolean ok;

  payload = lp2p__pb__noise_handshake_payload__unpack (NULL, len, data);
  if (payload == NULL)
    {
      g_set_error (error, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_NOISE,
                   _("Noise: the handshake payload of %zu bytes is not a NoiseHandshakePayload message"),
                   len);
      return FALSE;
    }

  /* What is not signed for is not even looked at. */
  ok = read_identity (payload, static_key, remote, error) &&
       (payload->extensions == NULL || (read_muxers (payload->extensions, remote, error) &&
                                        read_certhashes (payload->extensions, remote, error)));
  lp2p__pb__noise_handshake_payload__free_unpacked (payload, NULL);
  return ok;
}
