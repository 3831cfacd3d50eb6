/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a recording of Sysprof has of a host: this program stands in for the recorder,
 * which a recorded process asks for a ring buffer over a socket, and reads that. */

#include "test-host.h"

#include <lp2p/lp2p.h>

#include <string.h>
#include <sys/socket.h>
#include <sysprof-capture.h>
#include <unistd.h>

#define PEER_CONFIG(more) "[host]\ntransports=['memory']\nsecurity=['noise']\nmuxers=['yamux']\n" more

/* Where the recorded process finds the socket. */
#define TARGET_FD 7

#define RING_REQUEST "CreatRing"
#define RING_SIZE    (1024 * 1024)

/* Not in the headers of the library, only in the archive: the recorder's half. */
typedef struct _MappedRingBuffer MappedRingBuffer;

MappedRingBuffer *mapped_ring_buffer_new_reader (size_t size);
int mapped_ring_buffer_get_fd (MappedRingBuffer *self);
bool mapped_ring_buffer_drain (MappedRingBuffer *self, bool (*callback) (const void *, size_t *, void *), void *data);
void mapped_ring_buffer_unref (MappedRingBuffer *self);

static const char *program;

/* One dial that leads somewhere, with a stream, and one that does not. */
static void
run_hosts (void)
{
  TestWorld *world = test_world_new (FALSE);
  TestHost *listener = test_host_new (world, PEER_CONFIG ("listen=['/memory/4300']\n"));
  TestHost *dialer = test_host_new (world, PEER_CONFIG (""));
  g_autoptr (Lp2pConnection) connection = test_host_connect (dialer, listener);
  g_autoptr (Lp2pStream) ours = test_host_open (dialer, connection);
  g_autoptr (Lp2pStream) theirs = NULL;
  g_autoptr (Lp2pMultiaddr) nobody = lp2p_multiaddr_new_from_string ("/memory/4301", NULL);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  test_stream_write (world, ours, 100, 0);
  theirs = test_host_accept (listener);
  lp2p_host_connect_async (dialer->host, nobody, NULL, test_take_result, &result);
  test_wait (world, result);
  g_assert_null (lp2p_host_connect_finish (dialer->host, result, &error));

  g_clear_object (&result);
  test_stream_close (world, ours);
  test_stream_close (world, theirs);
  g_clear_object (&ours);
  g_clear_object (&theirs);
  g_clear_object (&connection);
  test_host_close (dialer);
  test_host_close (listener);
  test_host_free (dialer);
  test_host_free (listener);
  test_world_free (world);
}

/* Keeps the marks of the group `lp2p`: name and message. */
static bool
take_frame (const void *data, size_t *length, void *marks)
{
  const SysprofCaptureFrame *frame = data;
  const SysprofCaptureMark *mark = data;

  g_assert_cmpuint (frame->len, <=, *length);
  *length = frame->len;
  if (frame->type != SYSPROF_CAPTURE_FRAME_MARK || !g_str_equal (mark->group, "lp2p"))
    return true;
  g_assert_cmpint (frame->time, >, 0);
  g_assert_cmpint (mark->duration, >=, 0);
  g_hash_table_add (marks, g_strdup_printf ("%s: %s", mark->name, mark->message));
  return true;
}

static gboolean
has_prefix (GHashTable *marks, const char *prefix)
{
  GHashTableIter iter;
  gpointer text;

  g_hash_table_iter_init (&iter, marks);
  while (g_hash_table_iter_next (&iter, &text, NULL))
    if (g_str_has_prefix (text, prefix))
      return TRUE;
  return FALSE;
}

static void
send_ring (int fd, MappedRingBuffer *ring)
{
  union
  {
    struct cmsghdr header;
    char bytes[CMSG_SPACE (sizeof (int))];
  } control = { 0 };
  char byte = 0;
  struct iovec vector = { &byte, 1 };
  struct msghdr message = {
    .msg_iov = &vector,
    .msg_iovlen = 1,
    .msg_control = &control,
    .msg_controllen = sizeof control,
  };
  struct cmsghdr *header = CMSG_FIRSTHDR (&message);

  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN (sizeof (int));
  *(int *) (void *) CMSG_DATA (header) = mapped_ring_buffer_get_fd (ring);
  g_assert_cmpint (sendmsg (fd, &message, 0), ==, 1);
}

/* Hands a ring buffer to whoever in the process asks for one, until it ends: beside this
 * library, GLib does so where it was built to. */
static void
serve_rings (int fd, GPtrArray *rings)
{
  char request[sizeof RING_REQUEST] = "";

  while (recv (fd, request, sizeof request, MSG_WAITALL) == sizeof request)
    {
      g_assert_cmpstr (request, ==, RING_REQUEST);
      g_ptr_array_add (rings, mapped_ring_buffer_new_reader (RING_SIZE));
      send_ring (fd, rings->pdata[rings->len - 1]);
    }
}

/* Runs the hosts in a process that is recorded. */
static void
record (GPtrArray *rings)
{
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_SILENCE);
  g_autofree char *number = g_strdup_printf ("%d", TARGET_FD);
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GError) error = NULL;
  int ends[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
  g_subprocess_launcher_setenv (launcher, "SYSPROF_CONTROL_FD", number, TRUE);
  g_subprocess_launcher_take_fd (launcher, ends[1], TARGET_FD);
  process = g_subprocess_launcher_spawn (launcher, &error, program, "-p", "/trace/nothing", NULL);
  g_assert_no_error (error);
  /* So that its end is seen here. */
  g_subprocess_launcher_close (launcher);
  serve_rings (ends[0], rings);
  g_subprocess_wait_check (process, NULL, &error);
  g_assert_no_error (error);
  close (ends[0]);
}

static void
test_marks (void)
{
  g_autoptr (GPtrArray) rings = g_ptr_array_new ();
  g_autoptr (GHashTable) marks = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  record (rings);
  for (guint i = 0; i < rings->len; i++)
    {
      mapped_ring_buffer_drain (rings->pdata[i], take_frame, marks);
      mapped_ring_buffer_unref (rings->pdata[i]);
    }
  g_assert_true (g_hash_table_contains (marks, "dial: connected"));
  g_assert_true (has_prefix (marks, "dial: Cannot connect: /memory/4301"));
  g_assert_true (g_hash_table_contains (marks, "handshake: yamux"));
  g_assert_true (g_hash_table_contains (marks, "stream: " TEST_PROTOCOL));
}

/* Nobody records, unless the other case is calling: nothing happens. */
static void
test_nothing (void)
{
  run_hosts ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  program = argv[0];
  g_test_add_func ("/trace/marks", test_marks);
  g_test_add_func ("/trace/nothing", test_nothing);
  return g_test_run ();
}
