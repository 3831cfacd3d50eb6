/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-context.h>
#include <lp2p/interfaces/lp2p-muxer.h>
#include <lp2p/net/lp2p-byte-queue.h>

G_BEGIN_DECLS

typedef struct _Lp2pQueuedSession Lp2pQueuedSession;
typedef struct _Lp2pQueuedSessionClass Lp2pQueuedSessionClass;
typedef struct _Lp2pQueuedStream Lp2pQueuedStream;

/**
 * LP2P_MUXER_QUANTUM: (skip)
 *
 * What a stream may write before it is another's turn, while several wait.
 */
#define LP2P_MUXER_QUANTUM (64 * 1024)

/**
 * Lp2pMuxerBudget: (skip)
 * @max: the most bytes that one session may hold
 * @reserve: (nullable): asks for memory beyond what the session holds; may refuse
 * @release: (nullable): gives it back
 * @data: passed on
 * @destroy: (nullable): called with @data when the session is freed
 *
 * Memory for bytes that wait to be read, and for what a peer was promised.
 */
typedef struct
{
  gsize max;
  gboolean (*reserve) (gsize held, gsize size, gpointer data);
  void (*release) (gsize size, gpointer data);
  gpointer data;
  GDestroyNotify destroy;
} Lp2pMuxerBudget;

/**
 * Lp2pSessionPhase: (skip)
 * @LP2P_PHASE_OPEN: all works
 * @LP2P_PHASE_PEER_GOING: there are no new streams, those that exist go on
 * @LP2P_PHASE_DRAINING: streams are over, what is to be said last is on its way out
 * @LP2P_PHASE_OVER: nothing is read or written any more
 *
 * How far a session has come; it never goes back.
 */
typedef enum
{
  LP2P_PHASE_OPEN,
  LP2P_PHASE_PEER_GOING,
  LP2P_PHASE_DRAINING,
  LP2P_PHASE_OVER,
} Lp2pSessionPhase;

/**
 * Lp2pStreamSide: (skip)
 * @LP2P_SIDE_OPEN: bytes may come or go
 * @LP2P_SIDE_ENDED: it has ended in order
 * @LP2P_SIDE_RESET: it was given up by either peer, or with the session
 *
 * What has become of one direction of a stream.
 */
typedef enum
{
  LP2P_SIDE_OPEN,
  LP2P_SIDE_ENDED,
  LP2P_SIDE_RESET,
} Lp2pStreamSide;

/**
 * Lp2pStreamPending: (skip)
 * @LP2P_PENDING_OPEN: that it exists
 * @LP2P_PENDING_ACCEPT: that it was accepted
 * @LP2P_PENDING_CREDIT: that more may be sent
 * @LP2P_PENDING_END: that our direction ends
 * @LP2P_PENDING_RESET: that it is reset, with the stream's code
 *
 * What the peer is still to be told of a stream, in this order.
 */
typedef enum
{
  LP2P_PENDING_OPEN = 1 << 0,
  LP2P_PENDING_ACCEPT = 1 << 1,
  LP2P_PENDING_CREDIT = 1 << 2,
  LP2P_PENDING_END = 1 << 3,
  LP2P_PENDING_RESET = 1 << 4,
} Lp2pStreamPending;

/**
 * Lp2pQueuedStream: (skip)
 * @id: its key among the streams of the session
 * @send_window: how many bytes the peer still allows; the session's protocol counts
 * @queue: what the peer sent and nobody read yet
 * @reserved: memory that was reserved for it
 * @error: (nullable): why a side is reset, %NULL if because of the session
 * @control_link: in the list of streams of which something is to be told
 * @turn_link: in the line of those that wait to write, or first of those that wait
 *   to be accepted
 * @promised: bytes that the peer may send at any time, as far as they count
 * @quantum: bytes that may be written while others wait for their turn
 * @code: the reason that we give for a reset
 * @remote_code: what the peer gave as the reason of its reset
 * @discarded: bytes that were dropped since nobody reads
 * @pending: what the peer is to be told
 * @want: which readiness the driver waits for
 * @read_side: of what comes
 * @write_side: of what goes
 * @inbound: the peer opened it
 * @accepted: the driver has it
 * @blocked: a write was cut short since it was last announced that it can write
 * @discard: what comes is dropped
 * @released: the driver is done with it
 * @forgotten: nothing more is said or expected of it
 *
 * A stream whose bytes wait in a queue. Sessions put it first into a structure of
 * their own, which g_free() frees.
 */
struct _Lp2pQueuedStream
{
  Lp2pMuxerStream parent;
  gint64 id;
  guint64 send_window;
  Lp2pByteQueue queue;
  gsize reserved;
  GError *error;
  GList control_link;
  GList turn_link;
  guint32 promised;
  guint32 quantum;
  guint32 code;
  guint32 remote_code;
  guint32 discarded;

  guint8 pending;
  guint8 want;
  guint read_side : 2;
  guint write_side : 2;
  guint inbound : 1;
  guint accepted : 1;
  guint blocked : 1;
  guint discard : 1;
  guint released : 1;
  guint forgotten : 1;
};

/**
 * Lp2pQueuedSession: (skip)
 * @budget: for memory
 * @max_queue: most bytes that wait to be read on one stream, for a protocol that has
 *   no windows
 * @streams: the ids of all that exist, those that the peer has forgotten too
 * @accepts: streams of the peer, before they are accepted
 * @control: streams of which the peer is to be told something
 * @turns: streams that wait to be told that they can write, in order
 * @recent: (nullable): that was looked up last; a peer often goes on with the same
 * @receiving: (nullable): of which something is coming in
 * @stalled_at: since when @receiving has no place for what comes, -1 while it has
 * @reserved: memory that was reserved by all streams
 * @max_zombies: how many streams may be released while the peer still sends; beyond
 *   that they are reset
 * @n_zombies: how many are
 * @n_live: how many streams are not forgotten, these included
 * @n_inbound: how many streams of the peer exist
 * @error: (nullable): why it ended; kept for streams even when that was in order
 * @phase: how far it has come
 * @remote_code: what the peer gave as the reason for its end
 * @orderly: it ended in order, or will
 * @pump_wanted: the driver was told so
 *
 * A session of such streams: what those over a layer and native ones have in common.
 * It does no input and no output.
 */
struct _Lp2pQueuedSession
{
  Lp2pMuxerSession parent;
  Lp2pMuxerBudget budget;
  gsize max_queue;

  GHashTable *streams;
  GQueue accepts;
  GQueue control;
  GQueue turns;
  Lp2pQueuedStream *recent;
  Lp2pQueuedStream *receiving;
  gint64 stalled_at;
  gsize reserved;
  guint max_zombies;
  guint n_zombies;
  guint n_live;
  guint n_inbound;

  GError *error;
  Lp2pSessionPhase phase;
  guint32 remote_code;
  guint orderly : 1;
  guint pump_wanted : 1;
};

/**
 * Lp2pQueuedSessionClass: (skip)
 * @stream_taken: (nullable): the application took bytes of a stream, or they were
 *   dropped: credit may be due
 * @stream_accepted: (nullable): the driver took it over
 * @stream_forgotten: (nullable): nothing more will be said of it; it may be freed next
 * @finished: (nullable): the session is over, and its streams are about to hear it
 *
 * What a protocol adds, beside `open`, `stream_writev` and how bytes come and go. The
 * other functions of @parent are filled in where they are %NULL.
 */
struct _Lp2pQueuedSessionClass
{
  Lp2pMuxerSessionClass parent;
  void (*stream_taken) (Lp2pQueuedSession *self, Lp2pQueuedStream *stream);
  void (*stream_accepted) (Lp2pQueuedSession *self, Lp2pQueuedStream *stream);
  void (*stream_forgotten) (Lp2pQueuedSession *self, Lp2pQueuedStream *stream);
  void (*finished) (Lp2pQueuedSession *self);
  gpointer padding[4];
};

LP2P_AVAILABLE_IN_1_0
void lp2p_muxer_budget_use_context (Lp2pMuxerBudget *self, Lp2pContext *context);

LP2P_AVAILABLE_IN_1_0
void lp2p_queued_session_class_init (Lp2pQueuedSessionClass *klass);
LP2P_AVAILABLE_IN_1_0
void lp2p_queued_session_init (Lp2pQueuedSession *self,
                               const Lp2pQueuedSessionClass *klass,
                               Lp2pLoop *loop,
                               const Lp2pMuxerBudget *budget);
LP2P_AVAILABLE_IN_1_0
void lp2p_queued_session_clear (Lp2pQueuedSession *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_queued_session_want_pump (Lp2pQueuedSession *self);
LP2P_AVAILABLE_IN_1_0
Lp2pQueuedStream *lp2p_queued_session_lookup (Lp2pQueuedSession *self, gint64 id);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_queued_session_give_turn (Lp2pQueuedSession *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_queued_session_peer_goes (Lp2pQueuedSession *self);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_queued_session_drain (Lp2pQueuedSession *self, GError *error, gboolean keep_pending);
LP2P_AVAILABLE_IN_1_0
void lp2p_queued_session_finish (Lp2pQueuedSession *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_queued_session_fail (Lp2pQueuedSession *self, GError *error);

LP2P_AVAILABLE_IN_1_0
void lp2p_queued_stream_init (Lp2pQueuedStream *self, Lp2pQueuedSession *session, gint64 id, gboolean inbound);
LP2P_AVAILABLE_IN_1_0
void lp2p_queued_stream_add_pending (Lp2pQueuedStream *self, Lp2pQueuedSession *session, Lp2pStreamPending pending);
LP2P_AVAILABLE_IN_1_0
void lp2p_queued_stream_sent (Lp2pQueuedStream *self, Lp2pQueuedSession *session);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_queued_stream_promise (Lp2pQueuedStream *self, Lp2pQueuedSession *session, guint32 size);
LP2P_AVAILABLE_IN_1_0
void lp2p_queued_stream_allowed (Lp2pQueuedStream *self, Lp2pQueuedSession *session);
LP2P_AVAILABLE_IN_1_0
gsize lp2p_queued_stream_get_limit (Lp2pQueuedStream *self, Lp2pQueuedSession *session);
LP2P_AVAILABLE_IN_1_0
void lp2p_queued_stream_wrote (Lp2pQueuedStream *self, Lp2pQueuedSession *session, gsize written, gboolean all);
LP2P_AVAILABLE_IN_1_0
gsize lp2p_queued_stream_deliver (Lp2pQueuedStream *self, Lp2pQueuedSession *session, const guint8 *data, gsize size);
LP2P_AVAILABLE_IN_1_0
void lp2p_queued_stream_ended (Lp2pQueuedStream *self, Lp2pQueuedSession *session);
LP2P_AVAILABLE_IN_1_0
void lp2p_queued_stream_was_reset (Lp2pQueuedStream *self, Lp2pQueuedSession *session, guint32 code);
LP2P_AVAILABLE_IN_1_0
void lp2p_queued_stream_fail (Lp2pQueuedStream *self, Lp2pQueuedSession *session, guint32 code, GError *error);

G_END_DECLS
