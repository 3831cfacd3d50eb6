/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The receiving side of a transfer. */

#include "tools/send/lp2p-receive-store-private.h"
#include "tools/send/lp2p-send-channel-private.h"

G_BEGIN_DECLS

/* @links: whether symbolic links are taken */
gboolean receive_all (ReceiveStore *store,
                      SendChannel *channel,
                      const Lp2p__Send__Offer *offer,
                      gboolean links,
                      SendReport *report,
                      GError **error);

G_END_DECLS
