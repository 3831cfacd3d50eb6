/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-queued-session.h>
#include <lp2p/net/lp2p-vector-cursor.h>

G_BEGIN_DECLS

typedef struct _Lp2pFramedSession Lp2pFramedSession;
typedef struct _Lp2pFramedSessionClass Lp2pFramedSessionClass;

/**
 * LP2P_FRAME_HEADER_MAX: (skip)
 *
 * The longest head that a frame may have.
 */
#define LP2P_FRAME_HEADER_MAX 20

/**
 * Lp2pFramedSession: (skip)
 * @layer: what it works over, which it owns
 * @write_timeout: microseconds after which a peer that takes no bytes is given up
 * @read_timeout: microseconds for which a reader who does not read may hold up a
 *   session that has a `max_queue`; then its stream is reset
 * @replies: (nullable): what answers the peer and belongs to no stream, before it
 *   is written
 * @rtt: round-trip time in microseconds, -1 while it was not measured
 * @heard_at: when the peer last sent anything
 * @body_left: bytes of the payload under way that are still to come. They are those
 *   of the stream that is `receiving`, dropped if there is none
 * @body_ends: the peer's direction ends behind them
 *
 * A session that makes frames of its streams' bytes and sends them over a layer. It
 * reads, pumps, takes turns and ends; the protocol knows how frames look.
 */
struct _Lp2pFramedSession
{
  Lp2pQueuedSession parent;
  Lp2pLayer *layer;
  gint64 write_timeout;
  gint64 read_timeout;

  GArray *replies;
  gint64 rtt;
  gint64 heard_at;
  guint32 body_left;

  /*< private >*/
  guint32 goodbye_code;
  gint64 blocked_at;
  gint64 close_at;
  gsize blocked_room;
  guint8 header[LP2P_FRAME_HEADER_MAX];
  guint8 header_size;
  guint8 wanted;
  guint dirty : 1;
  guint flushing : 1;
  guint readable : 1;
  guint goodbye_wanted : 1;
  guint lingering : 1;
  /*< public >*/
  guint body_ends : 1;
};

/**
 * Lp2pFramedSessionClass: (skip)
 * @header_max: the longest head of a frame, no more than %LP2P_FRAME_HEADER_MAX
 * @reply_size: of an element of `replies`
 * @protocol_error: what a peer is told that broke the protocol
 * @internal_error: what the layer below is told when a peer is given up
 * @parse: handles the head of a frame, if it is there as a whole: returns how many
 *   bytes it has, 0 when more are needed or the session is over. It sets
 *   `receiving`, `body_left` and `body_ends` for a payload that follows
 * @write: makes frames of at most so many bytes of payload, as far as the layer has
 *   room: returns how many, 0 or %LP2P_IO_FAILED
 * @put_pending: writes frames that say what is pending of a stream, no more than two
 *   heads: returns their size
 * @put_reply: (nullable): writes a frame that says an element of `replies`, no more
 *   than a head
 * @put_session: (nullable): writes a frame that the session has to say, if it has any
 * @put_goodbye: (nullable): writes a frame that ends the session
 * @get_next_timeout: (nullable): the protocol's own, -1 for none
 * @timeout: (nullable): time went on; comes for other reasons, too
 * @ready: set once the class is complete
 *
 * What a protocol of frames adds, beside `open`. It leaves `finished` to this session.
 */
struct _Lp2pFramedSessionClass
{
  Lp2pQueuedSessionClass parent;
  guint header_max;
  guint reply_size;
  guint32 protocol_error;
  guint32 internal_error;
  gsize (*parse) (Lp2pFramedSession *self, const guint8 *bytes, gsize size);
  gssize (*write) (Lp2pFramedSession *self, Lp2pQueuedStream *stream, Lp2pVectorCursor *place, gsize max);
  gsize (*put_pending) (Lp2pFramedSession *self, Lp2pQueuedStream *stream, guint8 *out);
  gsize (*put_reply) (Lp2pFramedSession *self, gconstpointer reply, guint8 *out);
  gsize (*put_session) (Lp2pFramedSession *self, guint8 *out);
  gsize (*put_goodbye) (Lp2pFramedSession *self, guint32 code, guint8 *out);
  gint64 (*get_next_timeout) (Lp2pFramedSession *self);
  void (*timeout) (Lp2pFramedSession *self, gint64 now);
  gpointer padding[8];

  /*< private >*/
  gsize ready;
};

LP2P_AVAILABLE_IN_1_0
void lp2p_framed_session_init (Lp2pFramedSession *self,
                               Lp2pFramedSessionClass *klass,
                               Lp2pLayer *layer,
                               const Lp2pMuxerBudget *budget);
LP2P_AVAILABLE_IN_1_0
void lp2p_framed_session_clear (Lp2pFramedSession *self);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_framed_session_writev (Lp2pFramedSession *self,
                                     const GOutputVector *vectors,
                                     guint n_vectors,
                                     gsize size);
LP2P_AVAILABLE_IN_1_0
void lp2p_framed_session_write_pending_before (Lp2pFramedSession *self, Lp2pQueuedStream *stream);
LP2P_AVAILABLE_IN_1_0
void lp2p_framed_session_reply (Lp2pFramedSession *self, gconstpointer reply);
LP2P_AVAILABLE_IN_1_0
void lp2p_framed_session_fail_protocol (Lp2pFramedSession *self, GError *error);
LP2P_AVAILABLE_IN_1_0
void lp2p_framed_session_violation (Lp2pFramedSession *self, const char *format, ...) G_GNUC_PRINTF (2, 3);
LP2P_AVAILABLE_IN_1_0
void lp2p_framed_session_give_up (Lp2pFramedSession *self, const char *what);

G_END_DECLS
