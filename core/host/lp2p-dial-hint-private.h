/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-context.h>

/**
 * Lp2pDialHint:
 * @security: (nullable) (owned): the name of the security protocol
 * @muxer: (nullable) (owned): the name of the muxer
 * @address: (nullable) (owned): where it answered
 * @waits: it takes no bytes before it has agreed to what they belong to
 * @asks_muxer: so this time with the muxer; not remembered
 *
 * How a peer was reached last, so that the next dial guesses right.
 */
typedef struct
{
  char *security;
  char *muxer;
  char *address;
  gboolean waits;
  gboolean asks_muxer;
} Lp2pDialHint;

void lp2p_dial_hint_clear (Lp2pDialHint *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Lp2pDialHint, lp2p_dial_hint_clear)

/* What is stored. What cannot be read is empty. */
void lp2p_dial_hint_decode (Lp2pDialHint *self, GBytes *bytes);
GBytes *lp2p_dial_hint_encode (const Lp2pDialHint *self);

/* Empty where nothing is known. */
void lp2p_dial_hint_load (Lp2pDialHint *self, Lp2pContext *context, Lp2pPeerId *peer);
void lp2p_dial_hint_store (const Lp2pDialHint *self, Lp2pContext *context, Lp2pPeerId *peer);
/* What was known may be wrong. */
void lp2p_dial_hint_forget (Lp2pContext *context, Lp2pPeerId *peer);
