/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One row of the demo: one transport with one security protocol and one muxer,
 * between a process that listens and this one, which dials. */

#include "tools/lp2p-transfer-private.h"
#include "tools/lp2p-transports-private.h"

G_BEGIN_DECLS

/* What all rows share. */
typedef struct
{
  ToolOptions *options;
  Lp2pConfig *config;
  Lp2pIdentity *identity; /* of the dialer */
  char *folder;
  ToolFile *file;
} ToolDemo;

typedef struct
{
  Lp2pDescriptor *descriptor;
  char *transport;
  char *security; /* NULL until connected where the transport has its own */
  char *muxer;
  char *address;
  gboolean ok;
  char *error;
  /* Negative while not measured. */
  double connect_ms;
  double ping_ms;
  double up_mb_s;
  double down_mb_s;
} ToolDemoRow;

ToolDemoRow *tool_demo_row_new (Lp2pDescriptor *transport, const char *security, const char *muxer);
void tool_demo_row_free (ToolDemoRow *self);
void tool_demo_row_run (ToolDemoRow *self, const ToolDemo *demo, guint number);

/* The other side. */
typedef struct _ToolDemoListener ToolDemoListener;

ToolDemoListener *tool_demo_listener_start (const ToolDemo *demo,
                                            const ToolDemoRow *row,
                                            guint number,
                                            GError **error);
Lp2pMultiaddr *tool_demo_listener_get_address (ToolDemoListener *self);
gboolean tool_demo_listener_stop (ToolDemoListener *self, GError **error);
void tool_demo_listener_free (ToolDemoListener *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ToolDemoListener, tool_demo_listener_free)

gboolean tool_demo_make_certificate (const ToolDemo *demo, char **certificate, char **key, GError **error);

Lp2pConfig *tool_demo_make_config (const ToolDemo *demo,
                                   const ToolDemoRow *row,
                                   gboolean listens,
                                   const char *file,
                                   GError **error);

G_END_DECLS
