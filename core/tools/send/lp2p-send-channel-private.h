/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The stream of a transfer. Both directions go on in the background; the caller goes
 * step by step, and runs the main context where it has to wait.
 *
 * A side that has nothing else to say says so now and then: a peer that is silent for
 * a minute is gone. */

#include "tools/send/lp2p-send-wire-private.h"

G_BEGIN_DECLS

typedef struct _SendChannel SendChannel;

/* Something came, or the channel failed. */
typedef void (*SendNotify) (SendChannel *channel, gpointer user_data);

SendChannel *send_channel_new (Lp2pStream *stream);
void send_channel_free (SendChannel *self);
Lp2pPeerId *send_channel_get_peer (SendChannel *self);
void send_channel_set_notify (SendChannel *self, SendNotify notify, gpointer user_data);

GByteArray *send_channel_get_output (SendChannel *self);
void send_channel_push (SendChannel *self);
gboolean send_channel_write (SendChannel *self, GBytes *bytes, GError **error);
void send_channel_part (SendChannel *self, Lp2p__Send__Frame__BodyCase kind, const char *text);

SendInput send_channel_poll (SendChannel *self, SendEvent *event, GError **error);
void send_channel_place (SendChannel *self, GBytes *place);
gboolean send_channel_wait (SendChannel *self, GError **error);
gboolean send_channel_is_over (SendChannel *self);
gboolean send_fail_said (GError **error, const char *format, const char *text);
void send_channel_fail (SendChannel *self, GError *error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SendChannel, send_channel_free)

G_END_DECLS
