/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-security.h>

G_BEGIN_DECLS

typedef struct _Lp2pSecurityHandshake Lp2pSecurityHandshake;
typedef struct _Lp2pSecurityHandshakeClass Lp2pSecurityHandshakeClass;

/**
 * Lp2pSecurityHandshakeClass: (skip)
 * @name: for errors
 * @pump: the layer can be read or written, or has failed
 * @give_up: fails with an error of %G_IO_ERROR: it was cancelled, or the host closes
 * @clear: frees what the protocol added to the structure
 *
 * What a protocol adds to a handshake.
 */
struct _Lp2pSecurityHandshakeClass
{
  const char *name;
  void (*pump) (Lp2pSecurityHandshake *self);
  void (*give_up) (Lp2pSecurityHandshake *self, int code, const char *reason);
  void (*clear) (Lp2pSecurityHandshake *self);
};

/**
 * Lp2pSecurityHandshake: (skip)
 * @loop: where it works
 * @pump: calls the class' function; events of the layer queue it
 * @layer: (nullable): whose events it hears; %NULL once it has ended
 * @initiator: whether we speak first
 * @expected_peer: (nullable): who must answer
 * @muxers: (nullable): those that may be agreed on
 *
 * A handshake that is the work of a task: it starts, ends, and ends early. The task
 * ends from the run queue, so that whoever waits may do what they like. Protocols put
 * it first into a structure of their own, which g_free() frees.
 */
struct _Lp2pSecurityHandshake
{
  const Lp2pSecurityHandshakeClass *klass;
  Lp2pLoop *loop;
  Lp2pJob pump;
  Lp2pLayer *layer;
  gboolean initiator;
  Lp2pPeerId *expected_peer;
  GStrv muxers;

  /*< private >*/
  GTask *task;
  Lp2pJob done;
  GSource *cancel;
  GSource *close;
  Lp2pSecurityResult *result;
  GError *error;
};

LP2P_AVAILABLE_IN_1_0
void lp2p_security_handshake_init (Lp2pSecurityHandshake *self,
                                   const Lp2pSecurityHandshakeClass *klass,
                                   Lp2pLayer *layer,
                                   const Lp2pSecurityParams *params,
                                   GCancellable *closing,
                                   GTask *task);
LP2P_AVAILABLE_IN_1_0
void lp2p_security_handshake_set_layer (Lp2pSecurityHandshake *self, Lp2pLayer *layer);
LP2P_AVAILABLE_IN_1_0
void lp2p_security_handshake_succeed (Lp2pSecurityHandshake *self,
                                      Lp2pLayer *layer,
                                      Lp2pPeerId *peer,
                                      Lp2pPublicKey *key,
                                      const char *muxer);
LP2P_AVAILABLE_IN_1_0
void lp2p_security_handshake_fail (Lp2pSecurityHandshake *self, GError *error);

G_END_DECLS
