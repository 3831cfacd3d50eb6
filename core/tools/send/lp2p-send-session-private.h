/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What lp2p send and lp2p receive share: hosts, dialing, and the end of a transfer. */

#include "tools/lp2p-session-private.h"
#include "tools/send/lp2p-send-channel-private.h"
#include "tools/send/lp2p-send-report-private.h"

G_BEGIN_DECLS

#define SEND_TIMEOUT_HELP N_("Seconds that connecting may take; the default is 30")

Lp2pHost *send_start_listener (ToolLine *line, char **addresses, GError **error);
Lp2pHost *send_start_dialer (ToolLine *line, Lp2pIdentity *identity, GError **error);
SendChannel *send_open_channel (Lp2pHost *host,
                                Lp2pPeerId *peer,
                                GPtrArray *addresses,
                                double seconds,
                                GError **error);
int send_end (ToolLine *line, SendChannel *channel, SendReport *report, gboolean good, GError *error);
gboolean send_check_timeout (ToolLine *line, double timeout);

G_END_DECLS
