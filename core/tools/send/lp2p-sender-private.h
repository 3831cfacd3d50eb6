/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The sending side of a transfer. */

#include "tools/send/lp2p-send-channel-private.h"
#include "tools/send/lp2p-send-report-private.h"
#include "tools/send/lp2p-send-walk-private.h"

G_BEGIN_DECLS

/* What is to be sent, and how much that is. */
typedef struct
{
  GPtrArray *roots;
  SendLinks links;
  guint64 entries;
  guint64 files;
  guint64 size;
} SendLoad;

gboolean send_load_measure (SendLoad *self, GError **error);
const char *send_load_get_name (const SendLoad *self);

gboolean
send_load_send (const SendLoad *self, SendChannel *channel, SendReport *report, GError **error);

G_END_DECLS
