/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* When nobody can be accepted. */

#include <sys/resource.h>
#include <sys/syscall.h>

#include "tcp-hub-fixture.h"

/* What accept4() says next, 0 for what it has to say. */
static const int *accept_script;
static guint n_accepts;

int
accept4 (int fd, __SOCKADDR_ARG address, socklen_t *restrict size, int flags)
{
  n_accepts++;
  if (accept_script != NULL && *accept_script >= 0)
    {
      errno = *accept_script++;
      if (errno != 0)
        return -1;
    }
  return (int) syscall (SYS_accept4, fd, address.__sockaddr__, size, flags);
}

static void
pass_time (Fixture *f, gint64 us)
{
  f->now += us;
  lp2p_loop_advance (f->loop);
  settle (f);
}

/* What will be the same the next time is not tried again at once. */
static void
test_accept_errors (Fixture *f, gconstpointer data)
{
  static const int forbidden[] = { EPERM, EACCES, EPERM, -1 };
  static const int broken[] = { ECONNABORTED, EPROTO, EINTR, EHOSTUNREACH, -1 };
  Acceptor acceptor;
  int fds[2];

  start_listening (&acceptor, f, "/ip4/127.0.0.1/tcp/0", NULL);
  settle (f);
  accept_script = forbidden;
  n_accepts = 0;
  fds[0] = raw_connect (get_port (&acceptor), "x");
  settle (f);
  g_assert_cmpuint (n_accepts, ==, 1);
  pass_time (f, 100 * 1000);
  g_assert_cmpuint (n_accepts, ==, 2);
  pass_time (f, 100 * 1000);
  g_assert_cmpuint (n_accepts, ==, 2);
  pass_time (f, 100 * 1000);
  g_assert_cmpuint (n_accepts, ==, 3);
  pass_time (f, G_USEC_PER_SEC);
  g_assert_cmpuint (acceptor.layers->len, ==, 1);

  accept_script = broken;
  n_accepts = 0;
  fds[1] = raw_connect (get_port (&acceptor), "x");
  settle (f);
  g_assert_cmpuint (acceptor.layers->len, ==, 2);
  g_assert_cmpuint (n_accepts, ==, 6);
  accept_script = NULL;
  close (fds[0]);
  close (fds[1]);
  stop_listening (&acceptor);
}

static guint n_messages;

static GLogWriterOutput
count_messages (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  for (gsize i = 0; i < n_fields; i++)
    n_messages += g_str_equal (fields[i].key, "MESSAGE") && strstr (fields[i].value, "Not accepting on") != NULL;
  return g_log_writer_default (level, fields, n_fields, data);
}

/* At the edge it is said once, however often it comes and goes. */
static void
test_edge (Fixture *f, gconstpointer data)
{
  static const int edge[] = { EMFILE, 0, EMFILE, 0, EMFILE, 0, -1 };
  Acceptor acceptor;
  int fds[3];

  start_listening (&acceptor, f, "/ip4/127.0.0.1/tcp/0", NULL);
  settle (f);
  accept_script = edge;
  n_messages = 0;
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    fds[i] = raw_connect (get_port (&acceptor), "x");
  for (guint i = 0; i < 4; i++)
    pass_time (f, 4 * G_USEC_PER_SEC);
  g_assert_cmpuint (acceptor.layers->len, ==, 3);
  g_assert_cmpuint (n_messages, ==, 1);
  accept_script = NULL;
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
  stop_listening (&acceptor);
}

/* Strangers do not get the last descriptors, of which there are four here. */
static void
test_reserve (Fixture *f, gconstpointer data)
{
  struct rlimit old, low;
  Acceptor acceptor;
  int fds[3], fillers[64];
  guint n_fillers = 0;

  start_listening (&acceptor, f, "/ip4/127.0.0.1/tcp/0", NULL);
  settle (f);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    fds[i] = raw_connect (get_port (&acceptor), "x");
  do
    fillers[n_fillers++] = dup (fds[0]);
  while (fillers[n_fillers - 1] < 63);
  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &old), ==, 0);
  low = old;
  low.rlim_cur = 68;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &low), ==, 0);
  n_messages = 0;
  settle (f);
  for (guint i = 0; i < 3; i++)
    pass_time (f, 4 * G_USEC_PER_SEC);
  /* The one that showed it. */
  g_assert_cmpuint (acceptor.layers->len, ==, 1);
  g_assert_cmpuint (n_messages, ==, 1);

  while (n_fillers > 0)
    close (fillers[--n_fillers]);
  pass_time (f, 4 * G_USEC_PER_SEC);
  g_assert_cmpuint (acceptor.layers->len, ==, 3);
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &old), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
  stop_listening (&acceptor);
}

#define ADD(path, func) g_test_add ("/tcp-accept/" path, Fixture, "virtual", set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_log_set_writer_func (count_messages, NULL, NULL);

  ADD ("errors", test_accept_errors);
  ADD ("edge", test_edge);
  ADD ("reserve", test_reserve);

  return g_test_run ();
}
