/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/types/lp2p-multiaddr.h>

G_BEGIN_DECLS

/* What a value's length is in the binary form, where it is no fixed number of
 * bytes: a varint in front of the value tells it. */
#define LP2P_PROTOCOL_VARIABLE (-1)

typedef struct
{
  Lp2pProtocol code;
  const char *name;
  int size;             /* of the value in bytes, or LP2P_PROTOCOL_VARIABLE */
  gboolean path;        /* the value is all the rest of the address, slashes included */
  const char *expected; /* what a right value is, to end the sentence "expected ..." */

  /* Appends the binary value of a text to @value. */
  gboolean (*parse) (const char *text, GByteArray *value);
  /* Checks a binary value; nothing to check beyond the size if NULL. */
  gboolean (*check) (const guint8 *value, gsize len);
  /* Appends the canonical text of a checked binary value to @text. */
  void (*format) (const guint8 *value, gsize len, GString *text);
} Lp2pProtocolInfo;

const Lp2pProtocolInfo *lp2p_protocol_info_from_code (guint64 code);
const Lp2pProtocolInfo *lp2p_protocol_info_from_name (const char *name, gsize len);

G_END_DECLS
