/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-interfaces-types.h>

G_BEGIN_DECLS

#define LP2P_TYPE_EXTENSION (lp2p_extension_get_type ())
LP2P_AVAILABLE_IN_1_0
G_DECLARE_DERIVABLE_TYPE (Lp2pExtension, lp2p_extension, LP2P, EXTENSION, GObject)

/**
 * Lp2pExtensionClass:
 * @start: called once, before anything else, when the host starts
 * @stop: called once when the host closes: pending operations end with
 *   `G_IO_ERROR_CLOSED`, listeners close, handlers go
 *
 * The class that every loadable object's type derives from; what it does is
 * told by the interface of its kind.
 */
struct _Lp2pExtensionClass
{
  GObjectClass parent_class;

  gboolean (*start) (Lp2pExtension *self, GError **error);
  void (*stop) (Lp2pExtension *self);

  /*< private >*/
  gpointer padding[8];
};

LP2P_AVAILABLE_IN_1_0
const char *lp2p_extension_get_name (Lp2pExtension *self);

G_END_DECLS
