/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p.h>
#include <lp2p/plugin/lp2p-loader.h>
#include <lp2p/plugin/lp2p-registry.h>

G_BEGIN_DECLS

#define assert_contains(text, part) loader_fixture_assert_contains (G_STRLOC, (text), (part))
#define assert_plugin_error(descriptor, part)                            \
  G_STMT_START                                                           \
  {                                                                      \
    const GError *error_ = lp2p_descriptor_get_error (descriptor);       \
    g_assert_nonnull (error_);                                           \
    g_assert_true (g_error_matches (error_, LP2P_ERROR, LP2P_ERROR_PLUGIN)); \
    assert_contains (error_->message, lp2p_descriptor_get_file (descriptor)); \
    assert_contains (error_->message, (part));                           \
  }                                                                      \
  G_STMT_END

void loader_fixture_assert_contains (const char *where, const char *text, const char *part);
char *loader_fixture_write (const char *folder, const char *name, const char *text);
void loader_fixture_remove (const char *folder);
void loader_fixture_set_list (Lp2pConfig *config, const char *key, const char *value);
Lp2pRegistry *loader_fixture_scan (const char *folder,
                                   const char *services,
                                   const char *transports,
                                   const char *discovery);

G_END_DECLS
