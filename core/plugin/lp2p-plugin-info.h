/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-version.h>
#include <lp2p/interfaces/lp2p-loadable-types.h>

G_BEGIN_DECLS

/**
 * Lp2pPluginEntry:
 * @name: the name in the descriptor
 * @get_type: registers and returns the type, which derives from
 *   [class@Extension] and implements the interface of its kind
 *
 * One extension of a loadable object. An object that has several comes with one
 * descriptor for each.
 */
typedef struct
{
  const char *name;
  GType (*get_type) (void);
} Lp2pPluginEntry;

/**
 * Lp2pPluginInfo:
 * @abi: %LP2P_PLUGIN_ABI of the headers it was built with
 * @entries: (array length=n_entries): what it has
 * @n_entries: how many
 *
 * The one symbol that a loadable object exports.
 */
typedef struct
{
  guint32 abi;
  guint32 n_entries;
  const Lp2pPluginEntry *entries;
  gpointer padding[5];
} Lp2pPluginInfo;

#define LP2P_PLUGIN_SYMBOL "lp2p_plugin_info"

/**
 * LP2P_PLUGIN_DEFINE:
 * @...: one or more `{ "name", type_get_type }`
 *
 * Defines the symbol by which the loader knows the object.
 */
#define LP2P_PLUGIN_DEFINE(...)                                                          \
  static const Lp2pPluginEntry lp2p_plugin_entries[] = { __VA_ARGS__ };                  \
  __attribute__ ((visibility ("default"))) extern const Lp2pPluginInfo lp2p_plugin_info; \
  const Lp2pPluginInfo lp2p_plugin_info = {                                              \
    .abi = LP2P_PLUGIN_ABI,                                                              \
    .n_entries = G_N_ELEMENTS (lp2p_plugin_entries),                                     \
    .entries = lp2p_plugin_entries,                                                      \
  };

G_END_DECLS
