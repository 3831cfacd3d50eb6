/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* lp2p forward: local sockets and the services of peers.
 *
 * The protocol is written down in data/docs/forward.md. */

#include "tools/forward/lp2p-forward-request-private.h"
#include "tools/forward/lp2p-forward-splice-private.h"
#include "tools/lp2p-local-private.h"
#include "tools/lp2p-tool-private.h"

G_BEGIN_DECLS

#define TOOL_FORWARD_PROTOCOL "/lp2p/forward/1.0.0"

/* How long a request may take, and the local connection that it asks for. */
#define TOOL_FORWARD_SECONDS 15

/* What the listener answers. */
typedef enum
{
  TOOL_FORWARD_CONNECTED = 0,
  TOOL_FORWARD_REFUSED = 1,
  TOOL_FORWARD_UNREACHABLE = 2,
  TOOL_FORWARD_BUSY = 3,
} ToolForwardAnswer;

const char *tool_forward_describe (guint8 answer);

/* What both directions share.
 * @outs: (element-type ToolForwardOut): those that accept local connections
 * @max: how many connections at a time
 * @n: how many there are
 * @starved: whether somebody waits for one of them to end
 * @retry: the timer of those who do not know what they wait for, or 0 */
typedef struct
{
  Lp2pHost *host;
  ToolPoll *poll;
  ToolOptions *options;
  GPtrArray *outs;
  guint max;
  guint n;
  gboolean starved;
  guint retry;
} ToolForward;

void tool_forward_take (ToolForward *self);
void tool_forward_give_back (ToolForward *self);
void tool_forward_retry (ToolForward *self);
void tool_forward_stop (ToolForward *self);

/* What came through a service, or went to it.
 * @failed: those that broke off, or did not come about
 * @error: (nullable): why the last one of them did not
 * @sent: bytes to the peer
 * @received: bytes from the peer */
typedef struct
{
  guint open;
  guint64 total;
  guint64 failed;
  char *error;
  guint64 sent;
  guint64 received;
} ToolForwardCounts;

/* A connection to @service did not come about: told when it is for another reason than
 * the last time. */
void tool_forward_counts_fail (ToolForwardCounts *self, const char *service, const char *reason);

/* A connection is over: adds what came through it. That it broke off may be how it ends, so
 * only a failure for want of memory is told. Returns whether it failed otherwise. */
gboolean tool_forward_counts_end (ToolForwardCounts *self,
                                  const char *service,
                                  ToolSplice *splice,
                                  const GError *error);

/* Local connections to a service of a peer. */
typedef struct _ToolForwardOut ToolForwardOut;

ToolForwardOut *tool_forward_out_new (const char *from, const char *to, GError **error);
void tool_forward_out_free (ToolForwardOut *self);
Lp2pPeerId *tool_forward_out_get_peer (ToolForwardOut *self);
/* One more address of the peer. */
void tool_forward_out_add_address (ToolForwardOut *self, Lp2pMultiaddr *address);
/* The peer that is kept connected; %NULL before the start. */
Lp2pKeptPeer *tool_forward_out_get_kept (ToolForwardOut *self);
const char *tool_forward_out_get_local (ToolForwardOut *self);
const char *tool_forward_out_get_service (ToolForwardOut *self);
const ToolForwardCounts *tool_forward_out_get_counts (ToolForwardOut *self);
gboolean tool_forward_out_start (ToolForwardOut *self, ToolForward *forward, GError **error);
/* Tries to accept again. */
void tool_forward_out_resume (ToolForwardOut *self);
/* Accepts no more, and breaks off what there is. */
void tool_forward_out_stop (ToolForwardOut *self);

/* Services for named peers. */
typedef struct _ToolForwardIn ToolForwardIn;

ToolForwardIn *tool_forward_in_new (void);
void tool_forward_in_free (ToolForwardIn *self);
gboolean tool_forward_in_add (ToolForwardIn *self, const char *text, GError **error);
/* Whom to serve instead of those before: PEER, or NAME=PEER for one service only. After
 * an error, nothing has changed. */
gboolean tool_forward_in_set_allowed (ToolForwardIn *self, const char *const *texts, GError **error);
guint tool_forward_in_get_n_services (ToolForwardIn *self);
const char *tool_forward_in_get_name (ToolForwardIn *self, guint i);
const char *tool_forward_in_get_local (ToolForwardIn *self, guint i);
const ToolForwardCounts *tool_forward_in_get_counts (ToolForwardIn *self, guint i);
void tool_forward_in_start (ToolForwardIn *self, ToolForward *forward);
void tool_forward_in_stop (ToolForwardIn *self);
/* Whether nothing that was begun is left. */
gboolean tool_forward_in_is_idle (ToolForwardIn *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ToolForwardOut, tool_forward_out_free)

G_END_DECLS
