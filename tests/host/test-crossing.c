/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Two hosts dial each other from the ports that they listen on, and their SYNs cross:
 * TCP makes one connection of the two (RFC 9293, section 3.5, figure 7). */

#include "test-context.h"
#include "test-host.h"

#include <linux/filter.h>
#include <sys/socket.h>

typedef struct
{
  TestWorld *world;
  TestHost *a;
  TestHost *b;
} Fixture;

typedef struct
{
  const char *transport;
  const char *suffix; /* of its addresses */
  const char *security;
} Stack;

static TestHost *
new_host (Fixture *self, const Stack *stack, const char *first, const char *second)
{
  g_autofree char *certificate = g_test_build_filename (G_TEST_DIST, "..", "fixtures", "tls", "localhost.pem", NULL);
  g_autofree char *key = g_test_build_filename (G_TEST_DIST, "..", "fixtures", "tls", "localhost-key.pem", NULL);
  g_autofree char *tls = g_strdup_printf ("[plugin wss]\ncertificate='%s'\nprivate-key='%s'\nca-file='%s'\n",
                                          certificate, key, certificate);
  g_autofree char *config = g_strdup_printf ("[host]\ntransports=['%s']\nsecurity=['%s','%s']\nmuxers=['yamux']\n"
                                             "services=[]\nlisten=['/ip4/127.0.0.1/tcp/0%s']\n%s",
                                             stack->transport, first, second, stack->suffix,
                                             g_str_equal (stack->transport, "wss") ? tls : "");

  return test_host_new (self->world, config);
}

static const char *
get_other (const char *security)
{
  return g_str_equal (security, "noise") ? "tls" : "noise";
}

static void
setup (Fixture *self, gconstpointer data)
{
  const Stack *stack = data;

  self->world = test_world_new (TRUE);
  self->a = new_host (self, stack, stack->security, get_other (stack->security));
  self->b = new_host (self, stack, stack->security, get_other (stack->security));
}

/* What one of them proposes first is what the other one does second. */
static void
setup_different (Fixture *self, gconstpointer data)
{
  const Stack *stack = data;

  self->world = test_world_new (TRUE);
  self->a = new_host (self, stack, stack->security, get_other (stack->security));
  self->b = new_host (self, stack, get_other (stack->security), stack->security);
}

static void
teardown (Fixture *self, gconstpointer data)
{
  test_host_close (self->a);
  test_host_free (self->a);
  test_host_close (self->b);
  test_host_free (self->b);
  test_world_free (self->world);
}

/* While they are deaf, the sockets that listen lose each SYN, as a NAT loses it that has
 * no mapping yet. The kernel repeats it after a second. */
static void
set_deaf (gboolean deaf)
{
  struct sock_filter drop[] = { BPF_STMT (BPF_RET | BPF_K, 0) };
  struct sock_fprog program = { G_N_ELEMENTS (drop), drop };
  guint n = 0;

  for (int fd = 0; fd < 1024; fd++)
    {
      int type = 0;
      int listens = 0;
      socklen_t size = sizeof listens;

      if (getsockopt (fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_STREAM ||
          getsockopt (fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0 || !listens)
        continue;
      n++;
      if (deaf)
        g_assert_cmpint (setsockopt (fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), ==, 0);
      else
        g_assert_cmpint (setsockopt (fd, SOL_SOCKET, SO_DETACH_FILTER, &listens, sizeof listens), ==, 0);
    }
  g_assert_cmpuint (n, ==, 2);
}

static void
dial (TestHost *from, TestHost *to, Lp2pRole role, GAsyncResult **result)
{
  Lp2pDialOptions options = LP2P_DIAL_OPTIONS_INIT;
  g_autoptr (GPtrArray) addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);

  options.security_role = options.muxer_role = role;
  g_ptr_array_add (addresses, test_host_dup_address (to));
  lp2p_context_connect_async (from->context, lp2p_host_get_peer_id (to->host), addresses, &options, NULL,
                              test_take_result, result);
}

static void
cross (Fixture *self, Lp2pRole role_a, Lp2pRole role_b, Lp2pConnection **ab, Lp2pConnection **ba)
{
  g_autoptr (GAsyncResult) result_a = NULL;
  g_autoptr (GAsyncResult) result_b = NULL;
  g_autoptr (GError) error = NULL;

  set_deaf (TRUE);
  dial (self->a, self->b, role_a, &result_a);
  test_world_settle (self->world);
  dial (self->b, self->a, role_b, &result_b);
  set_deaf (FALSE);
  test_wait (self->world, result_a);
  test_wait (self->world, result_b);
  *ab = lp2p_context_connect_finish (self->a->context, result_a, &error);
  g_assert_no_error (error);
  *ba = lp2p_context_connect_finish (self->b->context, result_b, &error);
  g_assert_no_error (error);
}

static void
check_stream (Fixture *self, TestHost *from, TestHost *to, Lp2pConnection *connection)
{
  g_autoptr (Lp2pStream) opened = test_host_open (from, connection);
  g_autoptr (Lp2pStream) accepted = NULL;

  test_stream_write (self->world, opened, 1000, 0);
  accepted = test_host_accept (to);
  test_stream_expect (self->world, accepted, 1000, 0);
}

static gboolean
is_one (Lp2pConnection *one, Lp2pConnection *other)
{
  return lp2p_multiaddr_equal (lp2p_connection_get_local_address (one), lp2p_connection_get_remote_address (other)) &&
         lp2p_multiaddr_equal (lp2p_connection_get_remote_address (one), lp2p_connection_get_local_address (other));
}

/* As a hole punch does it: the roles were settled before. */
static void
test_roles (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pConnection) ab = NULL;
  g_autoptr (Lp2pConnection) ba = NULL;

  cross (self, LP2P_ROLE_RESPONDER, LP2P_ROLE_INITIATOR, &ab, &ba);
  g_assert_true (is_one (ab, ba));
  g_assert_cmpint (lp2p_connection_get_direction (ab), ==, LP2P_ROLE_INITIATOR);
  g_assert_cmpint (lp2p_connection_get_direction (ba), ==, LP2P_ROLE_INITIATOR);
  check_stream (self, self->a, self->b, ab);
  check_stream (self, self->b, self->a, ba);
  g_assert_cmpuint (self->a->n_added, ==, 1);
  g_assert_cmpuint (self->b->n_added, ==, 1);
}

/* Nobody answers on it, so each of them dials again from another port. */
static void
test_no_roles (Fixture *self, gconstpointer data)
{
  g_autoptr (Lp2pConnection) ab = NULL;
  g_autoptr (Lp2pConnection) ba = NULL;

  cross (self, LP2P_ROLE_UNSET, LP2P_ROLE_UNSET, &ab, &ba);
  g_assert_false (is_one (ab, ba));
  check_stream (self, self->a, self->b, ab);
  check_stream (self, self->b, self->a, ba);
}

int
main (int argc, char **argv)
{
  static const Stack tcp[] = { { "tcp", "", "noise" }, { "tcp", "", "tls" } };
  /* In front of the security handshake they have another one, with roles of its own. */
  static const Stack web[] = { { "ws", "/ws", "noise" }, { "wss", "/tls/ws", "noise" } };
  g_auto (GStrv) transports = NULL;

  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tcp); i++)
    {
      g_autofree char *roles = g_strdup_printf ("/crossing/roles/%s", tcp[i].security);
      g_autofree char *different = g_strdup_printf ("/crossing/different/%s", tcp[i].security);
      g_autofree char *no_roles = g_strdup_printf ("/crossing/no-roles/%s", tcp[i].security);

      g_test_add (roles, Fixture, &tcp[i], setup, test_roles, teardown);
      g_test_add (no_roles, Fixture, &tcp[i], setup, test_no_roles, teardown);
      g_test_add (different, Fixture, &tcp[i], setup_different, test_no_roles, teardown);
    }
  transports = test_list_plugins ("transport");
  for (guint i = 0; i < G_N_ELEMENTS (web); i++)
    {
      g_autofree char *no_roles = g_strdup_printf ("/crossing/no-roles/%s", web[i].transport);

      if (g_strv_contains ((const char *const *) transports, web[i].transport))
        g_test_add (no_roles, Fixture, &web[i], setup, test_no_roles, teardown);
    }
  return g_test_run ();
}
