/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include <openssl/evp.h>

#define PEER_HASH_SIZE 32

/* SHA-256 of what passes. */
typedef EVP_MD_CTX PeerHash;
PeerHash *peer_hash_new (void);
void peer_hash_update (PeerHash *hash, const guint8 *data, gsize size);
void peer_hash_finish (PeerHash *hash, guint8 digest[PEER_HASH_SIZE]);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PeerHash, EVP_MD_CTX_free)

/* The test pattern: byte i depends on i alone. */
void peer_pattern_fill (guint64 offset, guint8 *buffer, gsize size);

/* Writes `size` bytes of the pattern; the digest is theirs. */
void peer_send_pattern_async (GOutputStream *output,
                              guint64 size,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer user_data);
gboolean peer_send_pattern_finish (GOutputStream *output,
                                   GAsyncResult *result,
                                   guint8 digest[PEER_HASH_SIZE],
                                   GError **error);

/* Reads to the end; the function looks at each piece and may refuse it. */
typedef gboolean (*PeerPieceFunc) (const guint8 *data,
                                   gsize size,
                                   gpointer user_data,
                                   GError **error);
void peer_read_pieces_async (GInputStream *input,
                             gsize buffer_size,
                             PeerPieceFunc func,
                             gpointer func_data,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer user_data);
gboolean peer_read_pieces_finish (GInputStream *input, GAsyncResult *result, GError **error);
