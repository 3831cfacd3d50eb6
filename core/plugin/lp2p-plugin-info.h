/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-version.h>
#include <lp2p/interfaces/lp2p-extension.h>

G_BEGIN_DECLS

/**
 * Lp2pPluginInfo:
 * @abi: %LP2P_PLUGIN_ABI of the headers it was built with
 * @name: the name in its descriptor
 * @get_type: registers and returns the type, which derives from
 *   [class@Extension] and implements the interface of its kind
 *
 * The one symbol that a loadable object exports.
 */
typedef struct
{
  guint32 abi;
  const char *name;
  GType (*get_type) (void);
  gpointer padding[5];
} Lp2pPluginInfo;

#define LP2P_PLUGIN_SYMBOL "lp2p_plugin_info"

/**
 * LP2P_PLUGIN_DEFINE:
 * @NAME: the name, a string
 * @get_type_func: the type's `_get_type()` function
 *
 * Defines the symbol by which the loader knows the object.
 */
#define LP2P_PLUGIN_DEFINE(NAME, get_type_func)                             \
  __attribute__ ((visibility ("default"))) extern const Lp2pPluginInfo lp2p_plugin_info; \
  const Lp2pPluginInfo lp2p_plugin_info = {                                 \
    .abi = LP2P_PLUGIN_ABI, .name = (NAME), .get_type = (get_type_func)     \
  };

G_END_DECLS
