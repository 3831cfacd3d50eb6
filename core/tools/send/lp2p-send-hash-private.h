/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The hashes of the transfer: XXH3-128 of a chunk, and of a file the XXH3-128 of the
 * hashes of its chunks. They find what a disk, a cut or an error of resuming did to
 * a file; that nobody on the way changed it is the channel's affair. */

#include <glib.h>

G_BEGIN_DECLS

#define SEND_HASH_SIZE 16

/* All chunks of a file but the last one have this size. */
#define SEND_CHUNK_SIZE (1024 * 1024)

typedef struct
{
  guint8 bytes[SEND_HASH_SIZE];
} SendHash;

/* Of bytes that come in pieces. */
typedef struct _SendHasher SendHasher;

SendHasher *send_hasher_new (void);
void send_hasher_free (SendHasher *self);
void send_hasher_reset (SendHasher *self);
void send_hasher_add (SendHasher *self, const void *data, gsize size);
SendHash send_hasher_get (SendHasher *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SendHasher, send_hasher_free)

SendHash send_hash (const void *data, gsize size);
gboolean send_hash_equal (const SendHash *a, const SendHash *b);
gboolean send_hash_equal_bytes (const SendHash *hash, const void *data, gsize size);
void send_hash_take (SendHash *hash, const guint8 *data, gsize size);
char *send_hash_to_string (const SendHash *hash);

G_END_DECLS
