/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A host as the command line wants it. */

#include "lp2p-peer.h"

#include <openssl/evp.h>
#include <string.h>

#define AGENT "lp2p-peer-lp2p lp2p/" LP2P_VERSION_S

/* Every peer program derives the same key from the same seed. */
Lp2pIdentity *
peer_identity_new (const char *key_seed, GError **error)
{
  /* PrivateKey: Type Ed25519, Data of 64 bytes. */
  guint8 encoded[4 + 64] = { 0x08, 0x01, 0x12, 0x40 };
  g_autofree char *text = NULL;
  EVP_PKEY *key;
  gsize size = 32;

  if (key_seed == NULL)
    return lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, error);

  text = g_strdup_printf ("lp2p-peer-key-seed:%s", key_seed);
  EVP_Digest (text, strlen (text), encoded + 4, NULL, EVP_sha256 (), NULL);
  key = EVP_PKEY_new_raw_private_key (EVP_PKEY_ED25519, NULL, encoded + 4, 32);
  EVP_PKEY_get_raw_public_key (key, encoded + 4 + 32, &size);
  EVP_PKEY_free (key);
  return lp2p_identity_new_from_bytes (encoded, sizeof encoded, error);
}

/* The names are separated by commas, the preferred one first. */
static gboolean
set_names (Lp2pConfig *config, const char *key, const char *names, GError **error)
{
  g_auto (GStrv) list = g_strsplit (names, ",", -1);

  return lp2p_config_set (config, LP2P_CONFIG_GROUP_HOST, key,
                          g_variant_new_strv ((const char *const *) list, -1), error);
}

/* Of a plugin that is not loaded yet. */
static gboolean
set_later (Lp2pConfig *config, const char *group, const char *key, const char *value, GError **error)
{
  g_autofree char *text = g_strdup_printf ("[%s]\n%s=%s\n", group, key, value);

  return lp2p_config_load_data (config, text, strlen (text), "--set", error);
}

static gboolean
set_file (Lp2pConfig *config, const char *key, const char *file, GError **error)
{
  g_autoptr (GVariant) value = file != NULL ? g_variant_ref_sink (g_variant_new_string (file)) : NULL;
  g_autofree char *text = value != NULL ? g_variant_print (value, FALSE) : NULL;

  return text == NULL || set_later (config, "plugin wss", key, text, error);
}

static gboolean
set_setting (Lp2pConfig *config, const char *setting, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (setting, "=", 2);
  char *dot = g_strv_length (parts) == 2 ? strrchr (parts[0], '.') : NULL;

  if (dot != NULL)
    {
      *dot = '\0';
      return set_later (config, parts[0], dot + 1, parts[1], error);
    }
  if (g_strv_length (parts) == 2)
    return lp2p_config_set_from_string (config, LP2P_CONFIG_GROUP_HOST, parts[0], parts[1], error);
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "expected --set [GROUP.]KEY=VALUE, got %s",
               setting);
  return FALSE;
}

Lp2pHost *
peer_host_new (const PeerOptions *options, GError **error)
{
  g_autoptr (Lp2pConfig) config = lp2p_config_new ();
  g_autoptr (Lp2pIdentity) identity = peer_identity_new (options->key_seed, error);

  if (identity == NULL || !set_names (config, "transports", options->transport, error) ||
      !set_names (config, "security", options->security, error) ||
      !set_names (config, "muxers", options->muxer, error) ||
      !lp2p_config_set (config, LP2P_CONFIG_GROUP_HOST, "agent-version",
                        g_variant_new_string (AGENT), error) ||
      !set_file (config, "certificate", options->tls_certificate, error) ||
      !set_file (config, "private-key", options->tls_key, error) ||
      !set_file (config, "ca-file", options->tls_trust, error))
    return NULL;
  for (guint i = 0; options->settings != NULL && options->settings[i] != NULL; i++)
    if (!set_setting (config, options->settings[i], error))
      return NULL;
  return lp2p_host_new (config, identity);
}

static gboolean
check_loaded (Lp2pHost *host, const char *kind, const char *name, GError **error)
{
  GListModel *plugins = lp2p_host_get_plugins (host);
  const GError *reason = NULL;

  for (guint i = 0; i < g_list_model_get_n_items (plugins); i++)
    {
      g_autoptr (Lp2pDescriptor) descriptor = g_list_model_get_item (plugins, i);

      if (g_strcmp0 (lp2p_descriptor_get_name (descriptor), name) != 0 ||
          g_strcmp0 (lp2p_descriptor_get_kind (descriptor), kind) != 0)
        continue;
      reason = lp2p_descriptor_get_error (descriptor);
      if (reason == NULL && lp2p_descriptor_get_loaded (descriptor))
        return TRUE;
    }
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s \"%s\" is not supported%s%s",
               kind, name, reason != NULL ? ": " : "", reason != NULL ? reason->message : "");
  return FALSE;
}

static gboolean
check_all_loaded (Lp2pHost *host, const char *kind, const char *names, GError **error)
{
  g_auto (GStrv) list = g_strsplit (names, ",", -1);

  for (guint i = 0; list[i] != NULL; i++)
    if (!check_loaded (host, kind, list[i], error))
      return FALSE;
  return TRUE;
}

/* QUIC has security and streams built in. */
static gboolean
is_built_in (const PeerOptions *options)
{
  return g_str_equal (options->transport, "quic-v1");
}

/* A host starts without what it cannot load; a peer must not. */
gboolean
peer_host_check_stack (Lp2pHost *host, const PeerOptions *options, GError **error)
{
  return check_all_loaded (host, LP2P_KIND_TRANSPORT, options->transport, error) &&
         (is_built_in (options) ||
          (check_all_loaded (host, LP2P_KIND_SECURITY, options->security, error) &&
           check_all_loaded (host, LP2P_KIND_MUXER, options->muxer, error)));
}
