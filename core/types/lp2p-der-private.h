/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/types/lp2p-cursor.h>

G_BEGIN_DECLS

/* The little of DER (X.690) that keys and certificates need. Strict: definite
 * lengths in their shortest form, tags of one byte, at most 16 MiB. A failed
 * read leaves the cursor failed. */

#define LP2P_DER_BOOLEAN          0x01
#define LP2P_DER_INTEGER          0x02
#define LP2P_DER_BIT_STRING       0x03
#define LP2P_DER_OCTET_STRING     0x04
#define LP2P_DER_NULL             0x05
#define LP2P_DER_OID              0x06
#define LP2P_DER_PRINTABLE_STRING 0x13
#define LP2P_DER_UTC_TIME         0x17
#define LP2P_DER_GENERALIZED_TIME 0x18
#define LP2P_DER_SEQUENCE         0x30
#define LP2P_DER_SET              0x31
#define LP2P_DER_CONTEXT(n)       (0xa0 | (n)) /* constructed, explicitly tagged */

gboolean lp2p_der_read_any (Lp2pCursor *in, guint8 *tag, Lp2pCursor *value);
gboolean lp2p_der_read (Lp2pCursor *in, guint8 tag, Lp2pCursor *value);
gboolean lp2p_der_read_whole (Lp2pCursor *in, guint8 tag, Lp2pCursor *whole, Lp2pCursor *value);
gboolean lp2p_der_read_unsigned (Lp2pCursor *in, const guint8 **number, gsize *len);
gboolean lp2p_der_read_bits (Lp2pCursor *in, Lp2pCursor *value);
gboolean lp2p_der_next_is (const Lp2pCursor *in, guint8 tag);
gboolean lp2p_der_equal (const Lp2pCursor *value, gconstpointer data, gsize len);

void lp2p_der_append (GByteArray *out, guint8 tag, gconstpointer value, gsize len);

G_END_DECLS
