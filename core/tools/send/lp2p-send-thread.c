/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/send/lp2p-send-thread-private.h"

#include <gio/gio.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/vfs.h>

typedef struct
{
  SendWork work;
  SendWork done;
  gpointer data;
} Errand;

static void
run (GTask *task, gpointer source, gpointer pointer, GCancellable *cancellable)
{
  const Errand *errand = pointer;

  errand->work (errand->data);
  g_task_return_boolean (task, TRUE);
}

static void
on_run (GObject *source, GAsyncResult *result, gpointer pointer)
{
  const Errand *errand = g_task_get_task_data (G_TASK (result));

  errand->done (errand->data);
}

/* Whether a thread has a processor of its own. Where there is but one, what is read or
 * written is best used at once, while the processor has it at hand. GLib counts also those
 * that this process may not use. */
gboolean
send_has_spare_processor (void)
{
  cpu_set_t set;

  return sched_getaffinity (0, sizeof set, &set) != 0 || CPU_COUNT (&set) > 1;
}

/* Whether nothing that is done with the file has to wait for a disk. */
gboolean
send_is_in_memory (int fd)
{
  struct statfs status;

  return fstatfs (fd, &status) == 0 && status.f_type == TMPFS_MAGIC;
}

/**
 * send_run_in_thread:
 * @work: runs in a thread; it has to touch nothing that anybody else does meanwhile
 * @done: runs in the main context behind it
 * @data: for both
 *
 * Has something done while all else goes on.
 */
void
send_run_in_thread (SendWork work, SendWork done, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, on_run, NULL);
  const Errand errand = { work, done, data };

  g_task_set_task_data (task, g_memdup2 (&errand, sizeof errand), g_free);
  g_task_run_in_thread (task, run);
}
