/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/net/lp2p-loop.h>
#include <lp2p/types/lp2p-multiaddr.h>

G_BEGIN_DECLS

typedef struct _Lp2pLayer Lp2pLayer;
typedef struct _Lp2pLayerClass Lp2pLayerClass;
typedef struct _Lp2pLayerEvents Lp2pLayerEvents;
typedef struct _Lp2pLayerInfo Lp2pLayerInfo;

/**
 * LP2P_IO_AGAIN:
 *
 * Nothing could be moved now; the layer announces readiness later.
 */
#define LP2P_IO_AGAIN (-1)
/**
 * LP2P_IO_FAILED:
 *
 * The layer has failed for good; [func@layer_get_error] says why.
 */
#define LP2P_IO_FAILED (-2)

/**
 * Lp2pWriteFlags:
 * @LP2P_WRITE_MORE: more follows in this wake-up; the layer may hold the bytes
 *   back until [func@layer_flush]
 */
typedef enum
{
  LP2P_WRITE_NONE = 0,
  LP2P_WRITE_MORE = 1 << 0,
} Lp2pWriteFlags;

/**
 * Lp2pLayerInfo:
 * @record_size: the payload that fills one record or segment best, 0 for any
 * @overhead: bytes that the layers add to a record
 * @rtt: smoothed round-trip time in microseconds, -1 while unknown
 * @limited: the path is metered by a relay
 * @limit_bytes: bytes that may still be sent, if @limited; 0 for no such limit
 * @limit_expires: loop time in microseconds at which the path ends, if
 *   @limited; 0 for no such limit
 * @bytes_read: bytes that came in since the connection was made
 * @bytes_written: bytes that went out
 * @local_address: (nullable): borrowed
 * @remote_address: (nullable): borrowed
 *
 * What a layer tells about itself and those below it.
 */
struct _Lp2pLayerInfo
{
  gsize record_size;
  gsize overhead;
  gint64 rtt;
  gboolean limited;
  guint64 limit_bytes;
  gint64 limit_expires;
  guint64 bytes_read;
  guint64 bytes_written;
  Lp2pMultiaddr *local_address;
  Lp2pMultiaddr *remote_address;
  /*< private >*/
  gpointer padding[8];
};

/**
 * Lp2pLayerEvents:
 * @ready: the layer can be read from or written to again. Who reads then may find
 *   nothing only where the layer is made of records and a part of one has come: it
 *   announces again when more has
 * @failed: the layer failed while nobody was calling it
 *
 * What a layer tells the one above it. Both only mark work to be done: neither
 * may call back into the layer, free it, or run application code.
 */
struct _Lp2pLayerEvents
{
  void (*ready) (Lp2pLayer *layer, Lp2pReady ready, gpointer data);
  void (*failed) (Lp2pLayer *layer, const GError *error, gpointer data);
};

/**
 * Lp2pLayerClass:
 * @name: for logs
 * @readv: moves bytes out; returns their number, 0 at the end of the stream,
 *   %LP2P_IO_AGAIN or %LP2P_IO_FAILED
 * @peek: borrows the bytes that come next, without copying where the layer can;
 *   returns as @readv. The bytes stay valid until @consume, @park or another
 *   read
 * @consume: drops bytes that @peek lent
 * @park: the reader pauses: whatever the layer still holds in a shared scratch
 *   buffer moves to memory of its own, right-sized
 * @writev: takes bytes; returns how many, %LP2P_IO_AGAIN or %LP2P_IO_FAILED.
 *   Readiness to write is announced only after %LP2P_IO_AGAIN or a short write
 * @flush: sends what %LP2P_WRITE_MORE held back; returns 0 when all has left,
 *   %LP2P_IO_AGAIN (and announces when done) or %LP2P_IO_FAILED
 * @write_room: how many bytes @writev would take for certain
 * @want: which readiness the upper layer waits for. A layer that still holds
 *   undelivered bytes announces %LP2P_READY_READ again without an event of the
 *   descriptor
 * @shutdown_write: flushes, then ends the sending direction; returns as @flush
 * @abort: gives the connection up at once; the peer sees a reset with @code
 *   where the protocol has one
 * @free: frees the layer and those below it; never called inside one of its
 *   own functions
 * @get_error: why the layer failed, %NULL if it did not
 * @get_info: fills in what the layer knows
 * @event: an event of the layer below, for a layer that stacks on another
 *
 * The functions of a layer: a byte stream on its way between a socket and a
 * muxer.
 */
struct _Lp2pLayerClass
{
  const char *name;
  gssize (*readv) (Lp2pLayer *layer, const GInputVector *vectors, guint n_vectors);
  gssize (*peek) (Lp2pLayer *layer, const guint8 **data);
  void (*consume) (Lp2pLayer *layer, gsize size);
  void (*park) (Lp2pLayer *layer);
  gssize (*writev) (Lp2pLayer *layer, const GOutputVector *vectors, guint n_vectors, Lp2pWriteFlags flags);
  int (*flush) (Lp2pLayer *layer);
  gsize (*write_room) (Lp2pLayer *layer);
  void (*want) (Lp2pLayer *layer, Lp2pReady ready);
  int (*shutdown_write) (Lp2pLayer *layer);
  void (*abort) (Lp2pLayer *layer, guint32 code);
  void (*free) (Lp2pLayer *layer);
  const GError *(*get_error) (Lp2pLayer *layer);
  void (*get_info) (Lp2pLayer *layer, Lp2pLayerInfo *info);
  gpointer padding[4];
};

/**
 * Lp2pLayer:
 *
 * The head that each implementation of a layer begins with.
 */
struct _Lp2pLayer
{
  const Lp2pLayerClass *klass;
  Lp2pLoop *loop;
  const Lp2pLayerEvents *events;
  gpointer events_data;
};

LP2P_AVAILABLE_IN_1_0
void lp2p_layer_init (Lp2pLayer *self, const Lp2pLayerClass *klass, Lp2pLoop *loop);
LP2P_AVAILABLE_IN_1_0
void lp2p_layer_clear (Lp2pLayer *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_layer_set_events (Lp2pLayer *self, const Lp2pLayerEvents *events, gpointer data);
LP2P_AVAILABLE_IN_1_0
void lp2p_layer_announce (Lp2pLayer *self, Lp2pReady ready);
LP2P_AVAILABLE_IN_1_0
void lp2p_layer_announce_failed (Lp2pLayer *self, const GError *error);

LP2P_AVAILABLE_IN_1_0
gssize lp2p_layer_readv (Lp2pLayer *self, const GInputVector *vectors, guint n_vectors);
LP2P_AVAILABLE_IN_1_0
gssize lp2p_layer_read (Lp2pLayer *self, gpointer buffer, gsize size);
LP2P_AVAILABLE_IN_1_0
gssize lp2p_layer_peek (Lp2pLayer *self, const guint8 **data);
LP2P_AVAILABLE_IN_1_0
void lp2p_layer_consume (Lp2pLayer *self, gsize size);
LP2P_AVAILABLE_IN_1_0
void lp2p_layer_park (Lp2pLayer *self);
LP2P_AVAILABLE_IN_1_0
gssize lp2p_layer_writev (Lp2pLayer *self, const GOutputVector *vectors, guint n_vectors, Lp2pWriteFlags flags);
LP2P_AVAILABLE_IN_1_0
gssize lp2p_layer_write (Lp2pLayer *self, gconstpointer data, gsize size, Lp2pWriteFlags flags);
LP2P_AVAILABLE_IN_1_0
int lp2p_layer_flush (Lp2pLayer *self);
LP2P_AVAILABLE_IN_1_0
gsize lp2p_layer_write_room (Lp2pLayer *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_layer_want (Lp2pLayer *self, Lp2pReady ready);
LP2P_AVAILABLE_IN_1_0
int lp2p_layer_shutdown_write (Lp2pLayer *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_layer_abort (Lp2pLayer *self, guint32 code);
LP2P_AVAILABLE_IN_1_0
void lp2p_layer_free (Lp2pLayer *self);
LP2P_AVAILABLE_IN_1_0
const GError *lp2p_layer_get_error (Lp2pLayer *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_layer_get_info (Lp2pLayer *self, Lp2pLayerInfo *info);
LP2P_AVAILABLE_IN_1_0
gsize lp2p_output_vectors_get_size (const GOutputVector *vectors, guint n_vectors);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pLayer, lp2p_layer_free)

G_END_DECLS
