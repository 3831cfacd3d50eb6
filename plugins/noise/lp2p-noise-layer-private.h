/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "lp2p-noise-frames.h"
#include "lp2p-noise-layer.h"

G_BEGIN_DECLS

/* What a record is longer than its plaintext. */
#define LP2P_NOISE_OVERHEAD (LP2P_NOISE_LENGTH + LP2P_NOISE_TAG)

/* The plaintext of the largest record that this side makes. It is one byte less
 * than Noise allows, so that four records fill a scratch buffer to the brim. */
#define LP2P_NOISE_PLAIN_MAX (LP2P_SCRATCH_SIZE / 4 - LP2P_NOISE_OVERHEAD)
G_STATIC_ASSERT (LP2P_NOISE_PLAIN_MAX + LP2P_NOISE_TAG <= LP2P_NOISE_MAX_FRAME);

/*
 * Input: ciphertext is borrowed from the layer below and decrypted into scratch
 * memory, from `plain_start` to `plain_end`, or straight into the reader's.
 *
 * Output: what is written with %LP2P_WRITE_MORE is gathered as plaintext; a
 * record is sealed into scratch memory that is given back before the call ends.
 * What the layer below does not take stays in `sealed`.
 *
 * All memory but the ciphers' is gone when the layer has nothing to do.
 */
typedef struct
{
  Lp2pLayer parent;
  Lp2pLayer *lower;
  Lp2pNoiseCipher *send;
  Lp2pNoiseCipher *receive;
  Lp2pJob job;
  Lp2pFlushHold hold;
  GError *error;

  Lp2pNoiseFrames frames;
  guint64 n_records;
  guint8 *plain;
  gsize plain_start;
  gsize plain_end;

  guint8 *gathered;
  gsize n_gathered;
  gsize gathered_size;
  guint8 *sealed;
  gsize sealed_start;
  gsize sealed_end;
  /* What write_room() said last, less what was written since. */
  gsize promised;

  Lp2pReady wanted;
  Lp2pReady lower_wanted;
  guint plain_owned : 1; /* `plain` is right-sized memory, not scratch */
  guint eof : 1;
  guint told_end : 1;   /* the layer above knows of the end or the error */
  guint more_input : 1; /* the layer below is not known to be empty */
  guint can_write : 1;  /* the layer below can be written to again */
  guint owed : 1;       /* what was gathered leaves without a flush */
  guint starved : 1;    /* the layer above was refused room */
  guint flushing : 1;   /* it waits until all has left */
  guint ending : 1;     /* our direction ends behind what is left */
  guint ended : 1;
} Lp2pNoiseLayer;

void lp2p_noise_layer_fail (Lp2pNoiseLayer *self, const char *format, ...) G_GNUC_PRINTF (2, 3);
void lp2p_noise_layer_fail_below (Lp2pNoiseLayer *self, const char *what);
void lp2p_noise_layer_update_want (Lp2pNoiseLayer *self);

gssize lp2p_noise_layer_readv (Lp2pLayer *layer, const GInputVector *vectors, guint n_vectors);
gssize lp2p_noise_layer_peek (Lp2pLayer *layer, const guint8 **data);
void lp2p_noise_layer_consume (Lp2pLayer *layer, gsize size);
void lp2p_noise_layer_park (Lp2pLayer *layer);
gboolean lp2p_noise_layer_is_readable (Lp2pNoiseLayer *self);
void lp2p_noise_layer_drop_input (Lp2pNoiseLayer *self);

gssize lp2p_noise_layer_writev (Lp2pLayer *layer,
                                const GOutputVector *vectors,
                                guint n_vectors,
                                Lp2pWriteFlags flags);
gsize lp2p_noise_layer_write_room (Lp2pLayer *layer);
int lp2p_noise_layer_flush (Lp2pLayer *layer);
int lp2p_noise_layer_shutdown_write (Lp2pLayer *layer);
int lp2p_noise_layer_drain (Lp2pNoiseLayer *self);
void lp2p_noise_layer_check_room (Lp2pNoiseLayer *self);
gsize lp2p_noise_layer_get_room (Lp2pNoiseLayer *self);
void lp2p_noise_layer_drop_output (Lp2pNoiseLayer *self);

G_END_DECLS
