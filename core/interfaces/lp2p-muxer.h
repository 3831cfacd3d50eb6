/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-loadable-types.h>
#include <lp2p/net/lp2p-layer.h>
#include <lp2p/types/lp2p-peer-id.h>

G_BEGIN_DECLS

#define LP2P_MUXER_EXTENSION_POINT "lp2p-muxer"

typedef struct _Lp2pMuxerSessionClass Lp2pMuxerSessionClass;
typedef struct _Lp2pMuxerEvents Lp2pMuxerEvents;

/**
 * Lp2pMuxerCaps:
 * @LP2P_MUXER_BACKPRESSURE: a slow reader of one stream stops only that stream
 * @LP2P_MUXER_HALF_CLOSE: each direction ends by itself
 * @LP2P_MUXER_STOP_READING: the reader can tell the writer to stop
 * @LP2P_MUXER_CODES: resets and closes carry a code
 * @LP2P_MUXER_DATAGRAMS: the session has the datagram capability
 * @LP2P_MUXER_MIGRATES: addresses may change while the session lives
 *
 * What a session can do. The contract suites read this.
 */
typedef enum
{
  LP2P_MUXER_BACKPRESSURE = 1 << 0,
  LP2P_MUXER_HALF_CLOSE = 1 << 1,
  LP2P_MUXER_STOP_READING = 1 << 2,
  LP2P_MUXER_CODES = 1 << 3,
  LP2P_MUXER_DATAGRAMS = 1 << 4,
  LP2P_MUXER_MIGRATES = 1 << 5,
} Lp2pMuxerCaps;

/**
 * Lp2pSessionState:
 * @LP2P_SESSION_EARLY: streams can be opened, but the peer is not verified by a
 *   fresh handshake and what is sent may be replayed
 * @LP2P_SESSION_READY: the peer is verified
 * @LP2P_SESSION_CLOSING: no new streams; open ones may finish
 * @LP2P_SESSION_CLOSED: over
 */
typedef enum
{
  LP2P_SESSION_EARLY,
  LP2P_SESSION_READY,
  LP2P_SESSION_CLOSING,
  LP2P_SESSION_CLOSED,
} Lp2pSessionState;

/**
 * Lp2pMuxerStream:
 * @user_data: belongs to whoever drives the session
 *
 * The head of a session's stream. It is freed by the session's `release`.
 */
struct _Lp2pMuxerStream
{
  gpointer user_data;
};

/**
 * Lp2pMuxerEvents:
 * @stream_input: bytes for a stream whose queue is empty, before they are
 *   queued: returns how many a waiting reader took. They may lie where @stream_room
 *   said
 * @stream_room: how many bytes a waiting reader of such a stream takes, and where it
 *   wants them, until the next event: a session that has them put there, and then
 *   tells @stream_input of them, saves a copy
 * @stream_ready: a stream can be read or written again, or has ended or failed
 * @incoming: `accept` yields a stream
 * @withdrawn: a stream that the peer opened is gone before `accept` yielded it: the
 *   peer has reset it
 * @can_open: `open` may be tried again after it said %LP2P_IO_AGAIN
 * @want_pump: there is output to be pumped, or the next timeout changed
 * @early_rejected: what was sent early was refused: its streams are dead, which
 *   they are not told, and only wait to be released; they are opened again when
 *   the session, which goes on, has become ready
 * @ready: the state changed to %LP2P_SESSION_READY
 * @closing: the state changed to %LP2P_SESSION_CLOSING
 * @path_changed: local or remote address changed
 * @closed: the session is over; streams were told before. `get_error` says why
 *
 * What a session tells its driver. What happened before the driver set them is
 * not told: it reads state, error and `accept` when it takes over. All only mark work,
 * but for @stream_input and @stream_room: none runs application code, none may free the
 * session or call it.
 */
struct _Lp2pMuxerEvents
{
  gsize (*stream_input) (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, const guint8 *data, gsize size, gpointer user_data);
  void (*stream_ready) (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, Lp2pReady ready, gpointer user_data);
  void (*incoming) (Lp2pMuxerSession *session, gpointer user_data);
  void (*can_open) (Lp2pMuxerSession *session, gpointer user_data);
  void (*want_pump) (Lp2pMuxerSession *session, gpointer user_data);
  void (*early_rejected) (Lp2pMuxerSession *session, gpointer user_data);
  void (*ready) (Lp2pMuxerSession *session, gpointer user_data);
  void (*closing) (Lp2pMuxerSession *session, gpointer user_data);
  void (*path_changed) (Lp2pMuxerSession *session, gpointer user_data);
  void (*closed) (Lp2pMuxerSession *session, gpointer user_data);
  void (*withdrawn) (Lp2pMuxerSession *session, gpointer user_data);
  gsize (*stream_room) (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, guint8 **room, gpointer user_data);
  gpointer padding[2];
};

/**
 * Lp2pMuxerSessionClass:
 * @name: for logs and tables: `yamux`, `native`
 * @caps: what it can do
 * @max_streams: most streams that may be open at once, 0 for no limit
 * @input: (nullable): the layer below became readable: reads from it until it
 *   is empty or @budget bytes were handled; returns %TRUE when more is left. What
 *   one look at the layer yields is handled as a whole, but behind @budget bytes
 *   there is no other look
 * @pump_output: (nullable): writes what waits, flushes the layer below
 * @get_next_timeout: (nullable): loop time in microseconds, -1 for none
 * @timeout: (nullable): that time has come
 * @open: opens a stream; returns 0, %LP2P_IO_AGAIN when the peer allows no more
 *   now, or %LP2P_IO_FAILED
 * @accept: (nullable result): the next stream that the peer opened, also when the
 *   session is over since; none that came early in a session which ended before it
 *   was ready
 * @stream_readv: moves bytes out; as a layer's `readv`
 * @stream_writev: takes bytes as far as window and room allow; as a layer's
 *   `writev`
 * @stream_want: which readiness is waited for
 * @stream_shutdown_write: ends our direction
 * @stream_stop_reading: tells the writer to stop; bytes that come are dropped
 * @stream_reset: ends both directions at once
 * @stream_release: the driver is done with the stream; what the peer has not
 *   acknowledged is still delivered, an unfinished direction is reset
 * @stream_get_error: (nullable result): why one direction of the stream failed,
 *   and the code that the peer gave, 0 for none
 * @close: ends the session in order: what streams were given, released ones too, is
 *   delivered first, for some seconds at the most, then the peer is told @code
 * @abort: ends it at once
 * @free: frees session and layer; never called inside one of its functions
 * @get_state: early, ready, closing or closed
 * @get_error: (nullable result): why the session is over, and the code that the
 *   peer gave; %NULL after an orderly close, which has delivered all
 * @get_info: path, round-trip time, limits
 * @get_capability: (nullable): an object that implements an interface of
 *   core/interfaces, such as the datagram one; (transfer none)
 * @get_remote_peer: (nullable): who the peer is, as far as the session knows by
 *   now; for a session that can be early. The driver asks when it is ready: another
 *   one than the transport had named ends it
 * @stream_lend: (nullable): bytes within @bytes, which may be %NULL, that are written from
 *   now on may be held instead of copied
 *
 * The functions of a session: streams over one connection. A session over a
 * layer is driven by its owner through @input and @pump_output; a native one
 * is driven by its transport's socket and may leave both %NULL.
 */
struct _Lp2pMuxerSessionClass
{
  const char *name;
  Lp2pMuxerCaps caps;
  guint max_streams;

  gboolean (*input) (Lp2pMuxerSession *session, gsize budget);
  void (*pump_output) (Lp2pMuxerSession *session);
  gint64 (*get_next_timeout) (Lp2pMuxerSession *session);
  void (*timeout) (Lp2pMuxerSession *session, gint64 now);

  int (*open) (Lp2pMuxerSession *session, Lp2pMuxerStream **stream);
  Lp2pMuxerStream *(*accept) (Lp2pMuxerSession *session);
  gssize (*stream_readv) (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, const GInputVector *vectors, guint n_vectors);
  gssize (*stream_writev) (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, const GOutputVector *vectors, guint n_vectors);
  void (*stream_want) (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, Lp2pReady ready);
  int (*stream_shutdown_write) (Lp2pMuxerSession *session, Lp2pMuxerStream *stream);
  void (*stream_stop_reading) (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, guint32 code);
  void (*stream_reset) (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, guint32 code);
  void (*stream_release) (Lp2pMuxerSession *session, Lp2pMuxerStream *stream);
  const GError *(*stream_get_error) (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, Lp2pReady side, guint32 *code);

  void (*close) (Lp2pMuxerSession *session, guint32 code, const char *reason);
  void (*abort) (Lp2pMuxerSession *session, guint32 code);
  void (*free) (Lp2pMuxerSession *session);
  Lp2pSessionState (*get_state) (Lp2pMuxerSession *session);
  const GError *(*get_error) (Lp2pMuxerSession *session, guint32 *code);
  void (*get_info) (Lp2pMuxerSession *session, Lp2pLayerInfo *info);
  GObject *(*get_capability) (Lp2pMuxerSession *session, GType interface_type);
  Lp2pPeerId *(*get_remote_peer) (Lp2pMuxerSession *session);
  void (*stream_lend) (Lp2pMuxerSession *session, Lp2pMuxerStream *stream, GBytes *bytes);

  gpointer padding[7];
};

/**
 * Lp2pMuxerSession:
 *
 * The head that each implementation of a session begins with.
 */
struct _Lp2pMuxerSession
{
  const Lp2pMuxerSessionClass *klass;
  Lp2pLoop *loop;
  const Lp2pMuxerEvents *events;
  gpointer events_data;
};

LP2P_AVAILABLE_IN_1_0
void lp2p_muxer_session_init (Lp2pMuxerSession *self, const Lp2pMuxerSessionClass *klass, Lp2pLoop *loop);
LP2P_AVAILABLE_IN_1_0
void lp2p_muxer_session_clear (Lp2pMuxerSession *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_muxer_session_set_events (Lp2pMuxerSession *self, const Lp2pMuxerEvents *events, gpointer user_data);
LP2P_AVAILABLE_IN_1_0
void lp2p_muxer_session_free (Lp2pMuxerSession *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pMuxerSession, lp2p_muxer_session_free)

#define LP2P_TYPE_MUXER (lp2p_muxer_get_type ())
LP2P_AVAILABLE_IN_1_0
G_DECLARE_INTERFACE (Lp2pMuxer, lp2p_muxer, LP2P, MUXER, Lp2pExtension)

/**
 * Lp2pMuxerParams:
 * @role: which parity of stream ids is ours
 * @remote_peer: who is on the other side
 * @max_streams: how many streams the peer may have open at once
 *
 * What a session is given.
 */
typedef struct
{
  Lp2pRole role;
  Lp2pPeerId *remote_peer;
  guint max_streams;
  /*< private >*/
  gpointer padding[4];
} Lp2pMuxerParams;

/**
 * Lp2pMuxerInterface:
 * @get_protocol: the protocol id, such as `/yamux/1.0.0`
 * @create_session: starts a session over @layer, which it owns from then on. It
 *   may wait with a frame's head until it fits: the layer's write room is either
 *   nothing or at least 64 bytes
 *
 * A protocol that carries many streams over one byte stream.
 */
struct _Lp2pMuxerInterface
{
  GTypeInterface parent_iface;

  const char *(*get_protocol) (Lp2pMuxer *self);
  Lp2pMuxerSession *(*create_session) (Lp2pMuxer *self, Lp2pLayer *layer, const Lp2pMuxerParams *params);

  /*< private >*/
  gpointer padding[8];
};

LP2P_AVAILABLE_IN_1_0
const char *lp2p_muxer_get_protocol (Lp2pMuxer *self);
LP2P_AVAILABLE_IN_1_0
Lp2pMuxerSession *lp2p_muxer_create_session (Lp2pMuxer *self, Lp2pLayer *layer, const Lp2pMuxerParams *params);

G_END_DECLS
