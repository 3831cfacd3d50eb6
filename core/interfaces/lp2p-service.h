/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-loadable-types.h>

G_BEGIN_DECLS

#define LP2P_SERVICE_EXTENSION_POINT "lp2p-service"

#define LP2P_TYPE_SERVICE (lp2p_service_get_type ())
LP2P_AVAILABLE_IN_1_0
G_DECLARE_INTERFACE (Lp2pService, lp2p_service, LP2P, SERVICE, Lp2pExtension)

/**
 * Lp2pServiceInterface:
 *
 * A protocol on top of connections. It has no functions of its own: what a
 * service does, it does from [vfunc@Extension.start] on through the context.
 */
struct _Lp2pServiceInterface
{
  GTypeInterface parent_iface;

  /*< private >*/
  gpointer padding[8];
};

G_END_DECLS
