/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a client keeps of a session in order to resume it: one byte of version, the
 * parts, each behind two bytes of length, and a mark (HMAC-SHA-256) of this host over
 * all of that and over whom it is good for. GnuTLS so parses nothing but what it has
 * written itself. */

#include "lp2p-quic-ticket.h"

#include <gnutls/crypto.h>
#include <string.h>

#define VERSION 1

/* Longer ones are of nobody: a certificate of libp2p has some hundred bytes. */
#define MAX_PART (16 * 1024)

#define EXTENSION_EARLY_DATA 42
/* RFC 8446 section 4.6.1. */
#define MAX_LIFETIME (7 * 24 * 3600)

typedef struct
{
  gsize size;
  guint8 bytes[];
} Wiped;

static void
wiped_free (gpointer data)
{
  Wiped *self = data;

  gnutls_memset (self->bytes, 0, self->size);
  g_free (self);
}

/* The names end with their zero, so that none can pass for the end of another. */
static gboolean
make_mac (const Lp2pQuicTicketOwner *owner, const guint8 *body, gsize size, guint8 *mac)
{
  const char *names[] = { owner->own_peer, owner->remote_peer, owner->alpn, owner->kind };
  gnutls_hmac_hd_t hmac;

  if (gnutls_hmac_init (&hmac, GNUTLS_MAC_SHA256, owner->secret, owner->secret_size) < 0)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (names) && names[i] != NULL; i++)
    gnutls_hmac (hmac, names[i], strlen (names[i]) + 1);
  gnutls_hmac (hmac, body, size);
  gnutls_hmac_deinit (hmac, mac);
  return TRUE;
}

static void
append_part (GByteArray *array, const gnutls_datum_t *part)
{
  guint8 length[] = { part->size >> 8, part->size & 0xff };

  g_byte_array_append (array, length, sizeof length);
  g_byte_array_append (array, part->data, part->size);
}

GBytes *
lp2p_quic_ticket_encode (const Lp2pQuicTicketOwner *owner, const gnutls_datum_t *parts)
{
  gsize size = 1;
  guint8 version = VERSION;
  GByteArray *array;
  Wiped *wiped;

  for (guint i = 0; i < LP2P_QUIC_TICKET_N_PARTS; i++)
    {
      if (parts[i].size > MAX_PART)
        return NULL;
      size += 2 + parts[i].size;
    }
  /* It never grows, which would leave copies behind. */
  array = g_byte_array_sized_new (sizeof *wiped + size + LP2P_QUIC_TICKET_MAC_SIZE);
  g_byte_array_set_size (array, sizeof *wiped);
  g_byte_array_append (array, &version, 1);
  for (guint i = 0; i < LP2P_QUIC_TICKET_N_PARTS; i++)
    append_part (array, &parts[i]);
  g_byte_array_set_size (array, sizeof *wiped + size + LP2P_QUIC_TICKET_MAC_SIZE);
  wiped = (Wiped *) g_byte_array_free (array, FALSE);
  wiped->size = size + LP2P_QUIC_TICKET_MAC_SIZE;
  if (make_mac (owner, wiped->bytes, size, wiped->bytes + size))
    return g_bytes_new_with_free_func (wiped->bytes, wiped->size, wiped_free, wiped);
  wiped_free (wiped);
  return NULL;
}

static gboolean
read_part (Lp2pCursor *cursor, gnutls_datum_t *part)
{
  guint16 size;
  const guint8 *data;

  if (!lp2p_cursor_read_u16be (cursor, &size) || !lp2p_cursor_read_bytes (cursor, size, &data))
    return FALSE;
  *part = (gnutls_datum_t){ (guint8 *) data, size };
  return size <= MAX_PART;
}

gboolean
lp2p_quic_ticket_decode (const guint8 *data, gsize size, Lp2pQuicTicket *ticket)
{
  Lp2pCursor cursor = LP2P_CURSOR_INIT (data, size);
  guint8 version;

  if (!lp2p_cursor_read_u8 (&cursor, &version) || version != VERSION)
    return FALSE;
  for (guint i = 0; i < LP2P_QUIC_TICKET_N_PARTS; i++)
    if (!read_part (&cursor, &ticket->parts[i]))
      return FALSE;
  ticket->body = (gnutls_datum_t){ (guint8 *) data, size - lp2p_cursor_left (&cursor) };
  return lp2p_cursor_read_bytes (&cursor, LP2P_QUIC_TICKET_MAC_SIZE, &ticket->mac) && lp2p_cursor_at_end (&cursor);
}

gboolean
lp2p_quic_ticket_is_at (const Lp2pQuicTicket *ticket, const char *address)
{
  const gnutls_datum_t *kept = &ticket->parts[LP2P_QUIC_TICKET_ADDRESS];

  return kept->size == strlen (address) && memcmp (kept->data, address, kept->size) == 0;
}

gboolean
lp2p_quic_ticket_belongs_to (const Lp2pQuicTicket *ticket, const Lp2pQuicTicketOwner *owner)
{
  guint8 mac[LP2P_QUIC_TICKET_MAC_SIZE];

  return make_mac (owner, ticket->body.data, ticket->body.size, mac) &&
         gnutls_memcmp (mac, ticket->mac, sizeof mac) == 0;
}

/* The server's message */

static gboolean
read_u16_prefixed (Lp2pCursor *cursor, Lp2pCursor *part)
{
  guint16 size;
  const guint8 *data;

  if (!lp2p_cursor_read_u16be (cursor, &size) || !lp2p_cursor_read_bytes (cursor, size, &data))
    return FALSE;
  lp2p_cursor_init (part, data, size);
  return TRUE;
}

static gboolean
allows_early_data (Lp2pCursor *extensions)
{
  gboolean allowed = FALSE;

  while (!lp2p_cursor_at_end (extensions))
    {
      Lp2pCursor body;
      guint16 type;
      guint32 max;

      if (!lp2p_cursor_read_u16be (extensions, &type) || !read_u16_prefixed (extensions, &body))
        return FALSE;
      if (type != EXTENSION_EARLY_DATA)
        continue;
      if (!lp2p_cursor_read_u32be (&body, &max) || !lp2p_cursor_at_end (&body))
        return FALSE;
      allowed = max == LP2P_QUIC_MAX_EARLY_DATA;
    }
  return allowed;
}

gboolean
lp2p_quic_ticket_parse_message (const guint8 *data, gsize size, guint32 *lifetime)
{
  Lp2pCursor cursor = LP2P_CURSOR_INIT (data, size);
  Lp2pCursor part;
  guint8 nonce_size;
  guint32 age_add;

  if (!lp2p_cursor_read_u32be (&cursor, lifetime) || !lp2p_cursor_read_u32be (&cursor, &age_add) ||
      !lp2p_cursor_read_u8 (&cursor, &nonce_size) || !lp2p_cursor_skip (&cursor, nonce_size) ||
      !read_u16_prefixed (&cursor, &part) || part.left == 0 || !read_u16_prefixed (&cursor, &part) ||
      !lp2p_cursor_at_end (&cursor))
    return FALSE;
  *lifetime = MIN (*lifetime, MAX_LIFETIME);
  return *lifetime > 0 && allows_early_data (&part);
}
