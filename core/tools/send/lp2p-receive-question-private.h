/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a receiver asks its user about a sender that nobody named. */

#include "tools/send/lp2p-send-channel-private.h"

G_BEGIN_DECLS

gboolean receive_ask (SendChannel *channel,
                      const Lp2p__Send__Offer *offer,
                      const char *into,
                      gboolean *yes,
                      GError **error);

G_END_DECLS
