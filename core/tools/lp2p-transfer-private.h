/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The file transfer of the demo. Two protocols; numbers are big-endian.
 *
 * /lp2p/demo-upload/1.0.0
 *   dialer:   8 bytes, the size; the bytes of the file; ends its side
 *   listener: 8 bytes, how many bytes it has stored, as soon as it has all: there
 *             the clock of the dialer stops; then the SHA-256 of what it stored,
 *             32 bytes; ends its side
 *
 * /lp2p/demo-download/1.0.0
 *   dialer:   32 bytes, the SHA-256 of a file it has uploaded; ends its side
 *   listener: 8 bytes, the size; the bytes of the file; ends its side. The dialer
 *             checks the SHA-256 of what it stored, after its clock has stopped.
 *
 * The listener serves one named peer and takes no file above a named size. What it
 * does not serve it resets. */

#include "tools/lp2p-session-private.h"

G_BEGIN_DECLS

#define TOOL_UPLOAD_PROTOCOL   "/lp2p/demo-upload/1.0.0"
#define TOOL_DOWNLOAD_PROTOCOL "/lp2p/demo-download/1.0.0"
#define TOOL_DIGEST_SIZE       32

/* A file with its SHA-256, mapped for sending. */
typedef struct
{
  char *path;
  guint64 size;
  guint8 digest[TOOL_DIGEST_SIZE];
  GMappedFile *map;
} ToolFile;

typedef void (*ToolTransferProgress) (guint64 done, guint64 size, gpointer user_data);

ToolFile *tool_file_new_random (const char *path, guint64 size, GError **error);
void tool_file_free (ToolFile *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ToolFile, tool_file_free)

gboolean tool_write_fd (int fd, const guint8 *data, gsize size);
void tool_digest (const guint8 *data, gsize size, guint8 digest[TOOL_DIGEST_SIZE]);

gboolean tool_transfer_upload (Lp2pConnection *connection,
                               const ToolFile *file,
                               ToolTransferProgress progress,
                               gpointer user_data,
                               double *seconds,
                               GError **error);
gboolean tool_transfer_download (Lp2pConnection *connection,
                                 const ToolFile *file,
                                 const char *path,
                                 ToolTransferProgress progress,
                                 gpointer user_data,
                                 double *seconds,
                                 GError **error);

void tool_transfer_serve (Lp2pHost *host, const char *folder, Lp2pPeerId *peer, guint64 max_size);

G_END_DECLS
