/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-plugin.h>

G_BEGIN_DECLS

/* The messages of a Noise session on the wire: each has two bytes of length in
 * front. */
#define LP2P_NOISE_LENGTH 2

/* What lp2p_noise_frames_next() returns beside 1, 0 at the end of the stream,
 * %LP2P_IO_AGAIN and %LP2P_IO_FAILED: the stream ended inside a frame. */
#define LP2P_NOISE_TRUNCATED (-3)

/* Cuts a layer's bytes into frames. A frame that lies in the layer's own buffer
 * as a whole is lent from there; what is known of one that does not is kept
 * until the rest comes, in no more memory than twice what has come of it. */
typedef struct
{
  guint8 header[LP2P_NOISE_LENGTH];
  guint8 n_header;
  guint16 have;
  guint16 size;
  guint8 *body;
  gsize lent;
} Lp2pNoiseFrames;

int
lp2p_noise_frames_next (Lp2pNoiseFrames *self, Lp2pLayer *lower, const guint8 **frame, gsize *len);
void lp2p_noise_frames_done (Lp2pNoiseFrames *self, Lp2pLayer *lower);
void lp2p_noise_frames_clear (Lp2pNoiseFrames *self);

G_END_DECLS
