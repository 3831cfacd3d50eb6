/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the host loads: reads the options, makes the sessions. */

#include "lp2p-yamux-session.h"
#include "lp2p-yamux-window.h"

#include <glib/gi18n-lib.h>

#define PROTOCOL "/yamux/1.0.0"
#define MIB      (1024 * 1024)

#define LP2P_TYPE_YAMUX (lp2p_yamux_get_type ())
G_DECLARE_FINAL_TYPE (Lp2pYamux, lp2p_yamux, LP2P, YAMUX, Lp2pExtension)

struct _Lp2pYamux
{
  Lp2pExtension parent_instance;
  Lp2pYamuxOptions options;
};

static void lp2p_yamux_muxer_init (Lp2pMuxerInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (Lp2pYamux,
                               lp2p_yamux,
                               LP2P_TYPE_EXTENSION,
                               G_IMPLEMENT_INTERFACE (LP2P_TYPE_MUXER, lp2p_yamux_muxer_init))

/* What `[plugin yamux]` may hold in a configuration file. Windows below the
 * initial one and backlogs of none cannot work; seconds fit microseconds. */
static const Lp2pOption options[] = {
  { "max-window", "u", "16777216", LP2P_YAMUX_INITIAL_WINDOW, 256 * MIB,
    N_("Bytes that a peer may have under way on one stream") },
  { "max-memory", "t", "67108864", 0, G_MAXINT64,
    N_("Bytes that grown windows and unread data of one connection may take") },
  { "ack-backlog", "u", "256", 1, 65536, N_("Streams of ours that may wait for the peer to acknowledge them") },
  { "keepalive-interval", "u", "30", 0, 86400, N_("Seconds between two pings, 0 for none") },
  { "write-timeout", "u", "30", 1, 86400,
    N_("Seconds after which a peer that answers no ping or takes no bytes is given up") },
};

static gboolean
lp2p_yamux_start (Lp2pExtension *extension, GError **error)
{
  Lp2pYamux *self = LP2P_YAMUX (extension);
  Lp2pContext *context = lp2p_extension_get_context (extension);
  Lp2pConfig *config = lp2p_context_get_config (context);
  g_autofree char *group = g_strdup_printf ("plugin %s", lp2p_extension_get_name (extension));

  if (!lp2p_config_register_group (config, group, options, G_N_ELEMENTS (options), error))
    return FALSE;

  self->options = (Lp2pYamuxOptions) LP2P_YAMUX_OPTIONS_INIT;
  self->options.max_window = lp2p_config_get_uint (config, group, "max-window");
  self->options.budget.max = lp2p_config_get_uint64 (config, group, "max-memory");
  self->options.ack_backlog = lp2p_config_get_uint (config, group, "ack-backlog");
  self->options.keepalive_interval =
      (gint64) lp2p_config_get_uint (config, group, "keepalive-interval") * G_USEC_PER_SEC;
  self->options.write_timeout =
      (gint64) lp2p_config_get_uint (config, group, "write-timeout") * G_USEC_PER_SEC;
  return TRUE;
}

static const char *
lp2p_yamux_get_protocol (Lp2pMuxer *muxer)
{
  return PROTOCOL;
}

static Lp2pMuxerSession *
lp2p_yamux_create_session (Lp2pMuxer *muxer, Lp2pLayer *layer, const Lp2pMuxerParams *params)
{
  Lp2pYamuxOptions session_options = LP2P_YAMUX (muxer)->options;

  if (params->max_streams > 0)
    session_options.max_streams = params->max_streams;
  lp2p_muxer_budget_use_context (&session_options.budget,
                                 lp2p_extension_get_context (LP2P_EXTENSION (muxer)));
  return lp2p_yamux_session_new (layer, params->role, &session_options);
}

static void
lp2p_yamux_muxer_init (Lp2pMuxerInterface *iface)
{
  iface->get_protocol = lp2p_yamux_get_protocol;
  iface->create_session = lp2p_yamux_create_session;
}

static void
lp2p_yamux_class_init (Lp2pYamuxClass *klass)
{
  LP2P_EXTENSION_CLASS (klass)->start = lp2p_yamux_start;
}

static void
lp2p_yamux_init (Lp2pYamux *self)
{
}

LP2P_PLUGIN_DEFINE ({ "yamux", lp2p_yamux_get_type })
