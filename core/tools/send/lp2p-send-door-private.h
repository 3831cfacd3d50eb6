/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Who comes to a side that listens. A visitor says in its first frame what it wants,
 * and is let in or told why not, also while somebody else is being served. */

#include "tools/send/lp2p-send-channel-private.h"

G_BEGIN_DECLS

/* Takes @channel, and @frame out of its place, and returns NULL; or returns why not. */
typedef char *(*SendAdmit) (SendChannel *channel, SendFrame **frame, gpointer user_data);

typedef struct _SendDoor SendDoor;

SendDoor *send_door_new (Lp2pHost *host, SendAdmit admit, gpointer user_data);
void send_door_free (SendDoor *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SendDoor, send_door_free)

G_END_DECLS
