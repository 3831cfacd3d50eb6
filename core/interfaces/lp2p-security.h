/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-loadable-types.h>
#include <lp2p/net/lp2p-layer.h>
#include <lp2p/types/lp2p-peer-id.h>
#include <lp2p/types/lp2p-public-key.h>

G_BEGIN_DECLS

#define LP2P_SECURITY_EXTENSION_POINT "lp2p-security"

/**
 * Lp2pSecurityParams:
 * @role: who speaks first; independent of who dialed
 * @expected_peer: (nullable): who must answer
 * @muxers: (nullable) (array zero-terminated=1): protocol ids of the muxers that
 *   may be agreed on inside the handshake, preferred first
 *
 * What a security handshake is given.
 */
typedef struct
{
  Lp2pRole role;
  Lp2pPeerId *expected_peer;
  const char *const *muxers;
  /*< private >*/
  gpointer padding[4];
} Lp2pSecurityParams;

/**
 * Lp2pSecurityResult:
 * @layer: (owned): the secured byte stream, which owns the one below
 * @remote_peer: (owned): the verified peer
 * @remote_key: (owned): its public key
 * @muxer: (nullable) (owned): protocol id of the muxer agreed on inside the
 *   handshake
 *
 * What a security handshake yields.
 */
typedef struct
{
  Lp2pLayer *layer;
  Lp2pPeerId *remote_peer;
  Lp2pPublicKey *remote_key;
  char *muxer;
  /*< private >*/
  gpointer padding[4];
} Lp2pSecurityResult;

LP2P_AVAILABLE_IN_1_0
Lp2pSecurityResult *lp2p_security_result_new (Lp2pLayer *layer, Lp2pPeerId *remote_peer, Lp2pPublicKey *remote_key, const char *muxer);
LP2P_AVAILABLE_IN_1_0
void lp2p_security_result_free (Lp2pSecurityResult *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Lp2pSecurityResult, lp2p_security_result_free)

#define LP2P_TYPE_SECURITY (lp2p_security_get_type ())
LP2P_AVAILABLE_IN_1_0
G_DECLARE_INTERFACE (Lp2pSecurity, lp2p_security, LP2P, SECURITY, Lp2pExtension)

/**
 * Lp2pSecurityInterface:
 * @get_protocol: the protocol id, such as `/noise`
 * @secure_async: runs the handshake on @layer, which it owns from then on, even
 *   when it fails; ends when the cancellable is triggered
 * @secure_finish: yields the secured layer and the verified peer; where the other side
 *   has the same role, whoever finds that out fails with %LP2P_ERROR_SAME_ROLE
 *
 * A protocol that authenticates both sides and encrypts what they send.
 */
struct _Lp2pSecurityInterface
{
  GTypeInterface parent_iface;

  const char *(*get_protocol) (Lp2pSecurity *self);
  void (*secure_async) (Lp2pSecurity *self,
                        Lp2pLayer *layer,
                        const Lp2pSecurityParams *params,
                        GCancellable *cancellable,
                        GAsyncReadyCallback callback,
                        gpointer user_data);
  Lp2pSecurityResult *(*secure_finish) (Lp2pSecurity *self, GAsyncResult *result, GError **error);

  /*< private >*/
  gpointer padding[8];
};

LP2P_AVAILABLE_IN_1_0
const char *lp2p_security_get_protocol (Lp2pSecurity *self);
LP2P_AVAILABLE_IN_1_0
void lp2p_security_secure_async (Lp2pSecurity *self,
                                 Lp2pLayer *layer,
                                 const Lp2pSecurityParams *params,
                                 GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer user_data);
LP2P_AVAILABLE_IN_1_0
Lp2pSecurityResult *lp2p_security_secure_finish (Lp2pSecurity *self, GAsyncResult *result, GError **error);

G_END_DECLS
