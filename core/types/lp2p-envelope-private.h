/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/types/lp2p-envelope.h>

G_BEGIN_DECLS

/* The two halves of lp2p_envelope_open(), for who knows the domain only from
 * the payload type. Nothing else may be believed before the check. */

Lp2pEnvelope *lp2p_envelope_parse (const guint8 *data, gsize len, GError **error);
gboolean lp2p_envelope_check (Lp2pEnvelope *self, const char *domain, GError **error);

G_END_DECLS
