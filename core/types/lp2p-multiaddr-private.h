/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/types/lp2p-cursor.h>
#include <lp2p/types/lp2p-error.h>
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
gboolean lp2p_protocol_info_check (const Lp2pProtocolInfo *info, const guint8 *value, gsize len);

/* lp2p-peer-id.c */
gboolean lp2p_peer_id_check (const guint8 *data, gsize len, GError **error);

struct _Lp2pMultiaddr
{
  gatomicrefcount ref_count;
  guint16 len;
  guint16 n_components;
  /* Both made on first use and then kept; set atomically, since several threads
   * may be the first. */
  char *text;
  GBytes *bytes;
  guint8 data[];
};

/* A multiaddr being put together. */
typedef struct
{
  GByteArray *data;
  guint n_components;
  gboolean complete; /* a path took the rest of the address: nothing may follow */
} Lp2pMultiaddrBuilder;

/* lp2p-multiaddr-socket.c */
const guint8 *lp2p_multiaddr_get_ip (Lp2pMultiaddr *self, gsize *len);

/* lp2p-multiaddr-builder.c */
void lp2p_multiaddr_builder_init (Lp2pMultiaddrBuilder *builder, Lp2pMultiaddr *start);
void lp2p_multiaddr_builder_clear (Lp2pMultiaddrBuilder *builder);
gboolean lp2p_multiaddr_builder_append (Lp2pMultiaddrBuilder *builder,
                                        const Lp2pProtocolInfo *info,
                                        const guint8 *value,
                                        gsize len,
                                        GError **error);
Lp2pMultiaddr *lp2p_multiaddr_builder_end (Lp2pMultiaddrBuilder *builder);
Lp2pMultiaddr *lp2p_multiaddr_new_trusted (const guint8 *data, gsize len, guint n_components);
gboolean lp2p_multiaddr_read_component (Lp2pCursor *cursor,
                                        guint index,
                                        const Lp2pProtocolInfo **info,
                                        const guint8 **value,
                                        gsize *len,
                                        GError **error);
gboolean lp2p_multiaddr_next_component (Lp2pCursor *cursor,
                                        const Lp2pProtocolInfo **info,
                                        const guint8 **value,
                                        gsize *len);
void lp2p_multiaddr_set_error (GError **error,
                               Lp2pTypesError code,
                               guint index,
                               const char *component,
                               const char *format,
                               ...) G_GNUC_PRINTF (5, 6);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Lp2pMultiaddrBuilder, lp2p_multiaddr_builder_clear)

G_END_DECLS
