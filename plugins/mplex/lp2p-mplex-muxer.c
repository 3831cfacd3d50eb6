/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the host loads: reads the options, makes the sessions. */

#include "lp2p-mplex-session.h"

#include <glib/gi18n-lib.h>

#define PROTOCOL "/mplex/6.7.0"
#define KIB      1024
#define MIB      (1024 * 1024)

#define LP2P_TYPE_MPLEX (lp2p_mplex_get_type ())
G_DECLARE_FINAL_TYPE (Lp2pMplex, lp2p_mplex, LP2P, MPLEX, Lp2pExtension)

struct _Lp2pMplex
{
  Lp2pExtension parent_instance;
  Lp2pMplexOptions options;
};

static void lp2p_mplex_muxer_init (Lp2pMuxerInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (Lp2pMplex,
                               lp2p_mplex,
                               LP2P_TYPE_EXTENSION,
                               G_IMPLEMENT_INTERFACE (LP2P_TYPE_MUXER, lp2p_mplex_muxer_init))

/* What `[plugin mplex]` may hold in a configuration file. A peer's usual message
 * fits the smallest buffer; seconds fit microseconds. */
static const Lp2pOption options[] = {
  { "max-buffer", "u", "4194304", 64 * KIB, 256 * MIB,
    N_("Bytes that may wait to be read on one stream") },
  { "max-memory", "t", "16777216", 0, G_MAXINT64, N_("Bytes that unread data of one connection may take") },
  { "read-timeout", "u", "5", 1, 86400,
    N_("Seconds for which a stream that is not read may hold up all others") },
  { "write-timeout", "u", "30", 1, 86400,
    N_("Seconds after which a peer that takes no bytes is given up") },
};

static gboolean
lp2p_mplex_start (Lp2pExtension *extension, GError **error)
{
  Lp2pMplex *self = LP2P_MPLEX (extension);
  Lp2pContext *context = lp2p_extension_get_context (extension);
  Lp2pConfig *config = lp2p_context_get_config (context);
  g_autofree char *group = g_strdup_printf ("plugin %s", lp2p_extension_get_name (extension));

  if (!lp2p_config_register_group (config, group, options, G_N_ELEMENTS (options), error))
    return FALSE;

  self->options = (Lp2pMplexOptions) LP2P_MPLEX_OPTIONS_INIT;
  self->options.max_buffer = lp2p_config_get_uint (config, group, "max-buffer");
  self->options.budget.max = lp2p_config_get_uint64 (config, group, "max-memory");
  self->options.read_timeout =
      (gint64) lp2p_config_get_uint (config, group, "read-timeout") * G_USEC_PER_SEC;
  self->options.write_timeout =
      (gint64) lp2p_config_get_uint (config, group, "write-timeout") * G_USEC_PER_SEC;
  return TRUE;
}

static const char *
lp2p_mplex_get_protocol (Lp2pMuxer *muxer)
{
  return PROTOCOL;
}

static Lp2pMuxerSession *
lp2p_mplex_create_session (Lp2pMuxer *muxer, Lp2pLayer *layer, const Lp2pMuxerParams *params)
{
  Lp2pMplexOptions session_options = LP2P_MPLEX (muxer)->options;

  if (params->max_streams > 0)
    session_options.max_streams = params->max_streams;
  lp2p_muxer_budget_use_context (&session_options.budget,
                                 lp2p_extension_get_context (LP2P_EXTENSION (muxer)));
  return lp2p_mplex_session_new (layer, params->role, &session_options);
}

static void
lp2p_mplex_muxer_init (Lp2pMuxerInterface *iface)
{
  iface->get_protocol = lp2p_mplex_get_protocol;
  iface->create_session = lp2p_mplex_create_session;
}

static void
lp2p_mplex_class_init (Lp2pMplexClass *klass)
{
  LP2P_EXTENSION_CLASS (klass)->start = lp2p_mplex_start;
}

static void
lp2p_mplex_init (Lp2pMplex *self)
{
}

LP2P_PLUGIN_DEFINE ({ "mplex", lp2p_mplex_get_type })
