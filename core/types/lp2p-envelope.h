/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/types/lp2p-identity.h>
#include <lp2p/types/lp2p-public-key.h>

G_BEGIN_DECLS

/**
 * LP2P_ENVELOPE_MAX_SIZE:
 *
 * The largest encoded envelope that is accepted, in bytes.
 *
 * Since: 1.0
 */
#define LP2P_ENVELOPE_MAX_SIZE 65536

#define LP2P_TYPE_ENVELOPE (lp2p_envelope_get_type ())

typedef struct _Lp2pEnvelope Lp2pEnvelope;

LP2P_AVAILABLE_IN_1_0
GType lp2p_envelope_get_type (void) G_GNUC_CONST;

LP2P_AVAILABLE_IN_1_0
GBytes *lp2p_envelope_seal (Lp2pIdentity *identity,
                            const char *domain,
                            GBytes *payload_type,
                            GBytes *payload,
                            GError **error);
LP2P_AVAILABLE_IN_1_0
Lp2pEnvelope *lp2p_envelope_open (const guint8 *data,
                                  gsize len,
                                  const char *domain,
                                  GError **error);
LP2P_AVAILABLE_IN_1_0
Lp2pEnvelope *lp2p_envelope_ref (Lp2pEnvelope *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_envelope_unref (Lp2pEnvelope *self);

LP2P_AVAILABLE_IN_1_0
Lp2pPublicKey *lp2p_envelope_get_public_key (Lp2pEnvelope *self);
LP2P_AVAILABLE_IN_1_0
GBytes *lp2p_envelope_get_payload_type (Lp2pEnvelope *self);
LP2P_AVAILABLE_IN_1_0
GBytes *lp2p_envelope_get_payload (Lp2pEnvelope *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pEnvelope, lp2p_envelope_unref)

G_END_DECLS
