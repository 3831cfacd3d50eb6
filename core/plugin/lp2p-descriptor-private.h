/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/plugin/lp2p-descriptor.h>

G_BEGIN_DECLS

Lp2pDescriptor *
lp2p_descriptor_new_for_data (const char *file, const char *data, gsize len);
void lp2p_descriptor_set_loaded (Lp2pDescriptor *self);
void lp2p_descriptor_set_error (Lp2pDescriptor *self, const GError *error);

/* lp2p-descriptor-file.c */

/* What a key file said. Members stay NULL behind the first key that is wrong. */
typedef struct
{
  char *name;
  char *module;
  guint abi;
  char *kind;
  char **protocols;
  char **addresses;
  char **traits;
  int priority;
  char *schema;
  char *license;
  char *title;
  char *description;
} Lp2pDescriptorFields;

char *lp2p_descriptor_read_file (const char *file, gsize *len, GError **error);
gboolean lp2p_descriptor_parse (Lp2pDescriptorFields *fields,
                                const char *file,
                                const char *data,
                                gsize len,
                                GError **error);
void lp2p_descriptor_fields_clear (Lp2pDescriptorFields *fields);

G_END_DECLS
