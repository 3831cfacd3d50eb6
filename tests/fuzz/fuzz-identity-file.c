/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/types/lp2p-identity.h>

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  int fd = memfd_create ("key", MFD_CLOEXEC);
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pIdentity) identity = NULL;

  if (fd < 0 || write (fd, data, size) != (gssize) size)
    g_error ("cannot make a file in memory");
  identity = lp2p_identity_load_file (path, LP2P_IDENTITY_FILE_ALLOW_SHARED, &error);
  g_assert ((identity == NULL) == (error != NULL));
  close (fd);
  return 0;
}
