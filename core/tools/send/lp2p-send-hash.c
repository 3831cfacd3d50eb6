/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/send/lp2p-send-hash-private.h"

#include <lp2p/lp2p-plugin.h>
#include <string.h>

#ifdef LP2P_XXH_DISPATCH
#include <xxh_x86dispatch.h>
#else
#include <xxhash.h>
#endif

G_STATIC_ASSERT (sizeof (XXH128_canonical_t) == SEND_HASH_SIZE);

struct _SendHasher
{
  XXH3_state_t *state;
};

/* Big-endian, as the text form of the hash has it. */
static SendHash
to_bytes (XXH128_hash_t value)
{
  SendHash hash;

  XXH128_canonicalFromHash ((XXH128_canonical_t *) hash.bytes, value);
  return hash;
}

SendHasher *
send_hasher_new (void)
{
  SendHasher *self = g_new0 (SendHasher, 1);

  self->state = XXH3_createState ();
  g_assert (self->state != NULL);
  send_hasher_reset (self);
  return self;
}

void
send_hasher_free (SendHasher *self)
{
  XXH3_freeState (self->state);
  g_free (self);
}

void
send_hasher_reset (SendHasher *self)
{
  XXH3_128bits_reset (self->state);
}

void
send_hasher_add (SendHasher *self, const void *data, gsize size)
{
  XXH3_128bits_update (self->state, data, size);
}

/* Of all so far; more may follow. */
SendHash
send_hasher_get (SendHasher *self)
{
  return to_bytes (XXH3_128bits_digest (self->state));
}

SendHash
send_hash (const void *data, gsize size)
{
  return to_bytes (XXH3_128bits (data, size));
}

gboolean
send_hash_equal (const SendHash *a, const SendHash *b)
{
  return memcmp (a->bytes, b->bytes, SEND_HASH_SIZE) == 0;
}

gboolean
send_hash_equal_bytes (const SendHash *hash, const void *data, gsize size)
{
  return size == SEND_HASH_SIZE && memcmp (hash->bytes, data, SEND_HASH_SIZE) == 0;
}

/* Of another length it is that of nothing at all. */
void
send_hash_take (SendHash *hash, const guint8 *data, gsize size)
{
  Lp2pCursor cursor = LP2P_CURSOR_INIT (data, size);

  if (!lp2p_cursor_copy (&cursor, hash->bytes, SEND_HASH_SIZE))
    *hash = (SendHash) { { 0 } };
}

char *
send_hash_to_string (const SendHash *hash)
{
  GString *text = g_string_sized_new (2 * SEND_HASH_SIZE);

  for (gsize i = 0; i < SEND_HASH_SIZE; i++)
    g_string_append_printf (text, "%02x", hash->bytes[i]);
  return g_string_free (text, FALSE);
}
