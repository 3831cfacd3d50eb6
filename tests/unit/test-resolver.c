/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host/lp2p-swarm-private.h"
#include "net/lp2p-name-tree-private.h"
#include "net/lp2p-resolver-private.h"

#include "mock-resolver.h"
#include "test-world.h"

#include <string.h>

#define A "/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN"
#define B "/p2p/QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC"

typedef struct
{
  TestWorld *world;
  MockResolver *mock;
  Lp2pResolver *resolver;
  guint *budget;
} Fixture;

typedef struct
{
  GPtrArray *addresses;
  GPtrArray *host_names;
  GError *error;
  guint n_done;
} Outcome;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->world = test_world_new (FALSE);
  f->mock = mock_resolver_install ();
  f->resolver = lp2p_resolver_new (f->world->loop);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  if (f->resolver != NULL)
    g_object_add_weak_pointer (G_OBJECT (f->resolver), (gpointer *) &f->resolver);
  if (f->resolver != NULL)
    g_object_unref (f->resolver);
  test_world_settle (f->world);
  g_assert_null (f->resolver);
  mock_resolver_remove (f->mock);
  test_world_free (f->world);
}

static void
on_resolved (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Outcome *out = user_data;

  out->n_done++;
  out->addresses =
      lp2p_resolver_resolve_finish (LP2P_RESOLVER (source), result, &out->host_names, &out->error);
  g_assert_true ((out->addresses == NULL) == (out->error != NULL));
}

static void
start (Fixture *f, const char *text, GCancellable *cancellable, Outcome *out)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, &error);

  g_assert_no_error (error);
  *out = (Outcome){ NULL };
  lp2p_resolver_resolve_async (f->resolver, address, f->budget, cancellable, on_resolved, out);
  g_assert_cmpuint (out->n_done, ==, 0);
}

static void
outcome_clear (Outcome *out)
{
  g_assert_cmpuint (out->n_done, ==, 1);
  g_clear_pointer (&out->addresses, g_ptr_array_unref);
  g_clear_pointer (&out->host_names, g_ptr_array_unref);
  g_clear_error (&out->error);
}

static void
resolve (Fixture *f, const char *text, Outcome *out)
{
  start (f, text, NULL, out);
  test_until (f->world, out->n_done > 0);
}

/* @...: the addresses, up to NULL */
static void G_GNUC_NULL_TERMINATED
assert_addresses (Outcome *out, ...)
{
  const char *expected;
  guint i = 0;
  va_list args;

  g_assert_no_error (out->error);
  va_start (args, out);
  for (; (expected = va_arg (args, const char *)) != NULL; i++)
    {
      g_assert_cmpuint (i, <, out->addresses->len);
      g_assert_cmpstr (lp2p_multiaddr_get_string (out->addresses->pdata[i]), ==, expected);
    }
  va_end (args);
  g_assert_cmpuint (out->addresses->len, ==, i);
  g_assert_cmpuint (out->host_names->len, ==, i);
}

static void G_GNUC_NULL_TERMINATED
assert_asked (Fixture *f, ...)
{
  const char *expected;
  guint i = 0;
  va_list args;

  va_start (args, f);
  for (; (expected = va_arg (args, const char *)) != NULL; i++)
    {
      g_assert_cmpuint (i, <, f->mock->asked->len);
      g_assert_cmpstr (f->mock->asked->pdata[i], ==, expected);
    }
  va_end (args);
  g_assert_cmpuint (f->mock->asked->len, ==, i);
}

static void
assert_failed (Outcome *out, GQuark domain, int code, const char *message)
{
  g_assert_error (out->error, domain, code);
  g_assert_cmpstr (out->error->message, ==, message);
}

/* Hosts */

static void
test_no_names (Fixture *f, gconstpointer data)
{
  static const char *const texts[] = {
    "/ip4/192.0.2.1/tcp/1" A,
    "/ip6/2001:db8::1/udp/1/quic-v1",
    "/memory/1",
    "/ip4/192.0.2.1/tcp/443/tls/sni/host.test/ws",
    "/unix/run/dns4/socket",
    A "/p2p-circuit" B,
  };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      Outcome out;

      resolve (f, texts[i], &out);
      assert_addresses (&out, texts[i], NULL);
      g_assert_null (out.host_names->pdata[0]);
      outcome_clear (&out);
    }
  assert_asked (f, NULL);
}

static void
test_either_family (Fixture *f, gconstpointer data)
{
  Outcome out;

  mock_resolver_add_address (f->mock, "host.test", "192.0.2.1");
  mock_resolver_add_address (f->mock, "host.test", "192.0.2.2");
  mock_resolver_add_address (f->mock, "host.test", "2001:db8::1");
  mock_resolver_add_address (f->mock, "host.test", "2001:db8::2");
  resolve (f, "/dns/host.test/tcp/443/tls/sni/other.test/ws" A, &out);
  assert_addresses (&out, "/ip6/2001:db8::1/tcp/443/tls/sni/other.test/ws" A,
                    "/ip6/2001:db8::2/tcp/443/tls/sni/other.test/ws" A,
                    "/ip4/192.0.2.1/tcp/443/tls/sni/other.test/ws" A,
                    "/ip4/192.0.2.2/tcp/443/tls/sni/other.test/ws" A, NULL);
  for (guint i = 0; i < 4; i++)
    g_assert_cmpstr (out.host_names->pdata[i], ==, "host.test");
  assert_asked (f, "AAAA host.test", "A host.test", NULL);
  outcome_clear (&out);
}

static void
test_one_family (Fixture *f, gconstpointer data)
{
  Outcome out;

  mock_resolver_add_address (f->mock, "host.test", "192.0.2.1");
  mock_resolver_add_address (f->mock, "host.test", "2001:db8::1");
  resolve (f, "/dns4/host.test/tcp/1", &out);
  assert_addresses (&out, "/ip4/192.0.2.1/tcp/1", NULL);
  outcome_clear (&out);
  resolve (f, "/dns6/host.test/udp/1/quic-v1", &out);
  assert_addresses (&out, "/ip6/2001:db8::1/udp/1/quic-v1", NULL);
  outcome_clear (&out);
  assert_asked (f, "A host.test", "AAAA host.test", NULL);
}

/* One that fails does not matter where the other works. */
static void
test_other_family (Fixture *f, gconstpointer data)
{
  Outcome out;

  mock_resolver_fail (f->mock, "AAAA host.test", G_RESOLVER_ERROR_TEMPORARY_FAILURE, "not now");
  mock_resolver_add_address (f->mock, "host.test", "192.0.2.1");
  resolve (f, "/dns/host.test/tcp/1", &out);
  assert_addresses (&out, "/ip4/192.0.2.1/tcp/1", NULL);
  outcome_clear (&out);
}

static void
test_literal (Fixture *f, gconstpointer data)
{
  Outcome out;

  resolve (f, "/dns4/192.0.2.1/tcp/1", &out);
  assert_addresses (&out, "/ip4/192.0.2.1/tcp/1", NULL);
  outcome_clear (&out);
  resolve (f, "/dns6/192.0.2.1/tcp/1", &out);
  assert_failed (&out, G_RESOLVER_ERROR, G_RESOLVER_ERROR_NOT_FOUND,
                 "Cannot resolve /dns6/192.0.2.1/tcp/1: IPv6 addresses of 192.0.2.1: there are none");
  outcome_clear (&out);
}

static void
test_international (Fixture *f, gconstpointer data)
{
  Outcome out;

  mock_resolver_add_address (f->mock, "xn--bcher-kva.test", "192.0.2.1");
  mock_resolver_add_txt (f->mock, "_dnsaddr.xn--bcher-kva.test", "dnsaddr=/dns4/bücher.test/tcp/1", NULL);
  resolve (f, "/dnsaddr/bücher.test", &out);
  assert_addresses (&out, "/ip4/192.0.2.1/tcp/1", NULL);
  outcome_clear (&out);
}

/* What is behind the first relay is for that to resolve. */
static void
test_relay (Fixture *f, gconstpointer data)
{
  Outcome out;

  mock_resolver_add_address (f->mock, "relay.test", "192.0.2.1");
  mock_resolver_add_txt (f->mock, "_dnsaddr.relay.test", "dnsaddr=/dns4/relay.test/tcp/1" A, NULL);
  mock_resolver_add_txt (f->mock, "_dnsaddr.relay.test", "dnsaddr=/ip4/192.0.2.9/tcp/1" B, NULL);
  resolve (f, "/dnsaddr/relay.test" A "/p2p-circuit/dns4/behind.test/tcp/2" B, &out);
  assert_addresses (&out, "/ip4/192.0.2.1/tcp/1" A "/p2p-circuit/dns4/behind.test/tcp/2" B, NULL);
  g_assert_cmpstr (out.host_names->pdata[0], ==, "relay.test");
  outcome_clear (&out);

  resolve (f, A "/p2p-circuit/dns4/behind.test/tcp/2" B, &out);
  assert_addresses (&out, A "/p2p-circuit/dns4/behind.test/tcp/2" B, NULL);
  outcome_clear (&out);
  assert_asked (f, "TXT _dnsaddr.relay.test", "A relay.test", NULL);
}

/* Domains */

static void
add_record (Fixture *f, const char *name, const char *text)
{
  mock_resolver_add_txt (f->mock, name, text, NULL);
}

/* The mock yields records the last one first, as GIO does. */
static void
test_records (Fixture *f, gconstpointer data)
{
  Outcome out;

  add_record (f, "_dnsaddr.test", "dnsaddr=/ip4/192.0.2.4/tcp/1" A);
  add_record (f, "_dnsaddr.test", "dnsaddr=/dns4/host.test/tcp/1" B);
  mock_resolver_add_txt (f->mock, "_dnsaddr.test", "dnsa", "ddr=/ip4/192.0.", "2.2/tcp/1", A, NULL);
  add_record (f, "_dnsaddr.test", "dnsaddr=/ip4/192.0.2.1/tcp/1");
  mock_resolver_add_address (f->mock, "host.test", "192.0.2.3");

  resolve (f, "/dnsaddr/test", &out);
  assert_addresses (&out, "/ip4/192.0.2.1/tcp/1", "/ip4/192.0.2.2/tcp/1" A, "/ip4/192.0.2.3/tcp/1" B,
                    "/ip4/192.0.2.4/tcp/1" A, NULL);
  g_assert_null (out.host_names->pdata[0]);
  g_assert_cmpstr (out.host_names->pdata[2], ==, "host.test");
  outcome_clear (&out);
}

/* Whatever does not lead to the peer is no address of it. */
static void
test_lies (Fixture *f, gconstpointer data)
{
  Outcome out;

  add_record (f, "_dnsaddr.test", "dnsaddr=/ip4/192.0.2.1/tcp/1" A);
  add_record (f, "_dnsaddr.test", "dnsaddr=/ip4/192.0.2.2/tcp/1" B);
  add_record (f, "_dnsaddr.test", "dnsaddr=/ip4/192.0.2.3/tcp/1");
  add_record (f, "_dnsaddr.test", "dnsaddr=/dnsaddr/other.test");
  add_record (f, "_dnsaddr.test", "dnsaddr=/dnsaddr/other.test" B);
  add_record (f, "_dnsaddr.test", "dnsaddr=/ip4/192.0.2.4/tcp/1" A "/tcp/1");
  add_record (f, "_dnsaddr.test", "dnsaddr=" A);
  add_record (f, "_dnsaddr.test", "dnsaddr=nothing");
  add_record (f, "_dnsaddr.test", "dnsaddr=/ip4/192.0.2.5\r\n/tcp/1" A);
  add_record (f, "_dnsaddr.test", "dnsaddr=/dns4/\x1b[2Jhost.test/tcp/1" A);
  add_record (f, "_dnsaddr.test", "v=spf1 -all");
  add_record (f, "_dnsaddr.test", "dnsaddr=/memory/1" A);
  resolve (f, "/dnsaddr/test" A, &out);
  assert_addresses (&out, "/ip4/192.0.2.1/tcp/1" A, NULL);
  assert_asked (f, "TXT _dnsaddr.test", NULL);
  outcome_clear (&out);
}

static void
test_nothing_usable (Fixture *f, gconstpointer data)
{
  Outcome out;

  add_record (f, "_dnsaddr.test", "dnsaddr=/ip4/192.0.2.2/tcp/1" B);
  resolve (f, "/dnsaddr/test" A, &out);
  assert_failed (&out, G_RESOLVER_ERROR, G_RESOLVER_ERROR_NOT_FOUND,
                 "Cannot resolve /dnsaddr/test" A ": TXT records of _dnsaddr.test: none is an address that ends with "
                 A);
  outcome_clear (&out);
}

/* The places are those of the records, whichever answer comes first. */
static void
test_order (Fixture *f, gconstpointer data)
{
  Outcome out;

  add_record (f, "_dnsaddr.test", "dnsaddr=/dns/three.test/tcp/1");
  add_record (f, "_dnsaddr.test", "dnsaddr=/dnsaddr/two.test");
  add_record (f, "_dnsaddr.test", "dnsaddr=/dns4/one.test/tcp/1");
  add_record (f, "_dnsaddr.two.test", "dnsaddr=/ip4/192.0.2.2/tcp/1");
  mock_resolver_add_address (f->mock, "one.test", "192.0.2.1");
  mock_resolver_add_address (f->mock, "three.test", "192.0.2.3");
  mock_resolver_add_address (f->mock, "three.test", "2001:db8::3");
  f->mock->hold = TRUE;
  start (f, "/dnsaddr/test", NULL, &out);
  while (out.n_done == 0)
    {
      g_assert_cmpuint (f->mock->held.length, >, 0);
      mock_resolver_release (f->mock);
      test_world_settle (f->world);
    }
  assert_addresses (&out, "/ip4/192.0.2.1/tcp/1", "/ip4/192.0.2.2/tcp/1", "/ip6/2001:db8::3/tcp/1",
                    "/ip4/192.0.2.3/tcp/1", NULL);
  outcome_clear (&out);
}

/* A host with several ports is asked for once, an address is yielded once. */
static void
test_duplicates (Fixture *f, gconstpointer data)
{
  Outcome out;

  add_record (f, "_dnsaddr.test", "dnsaddr=/ip4/192.0.2.1/tcp/1");
  add_record (f, "_dnsaddr.test", "dnsaddr=/dnsaddr/alias.test");
  add_record (f, "_dnsaddr.test", "dnsaddr=/dns4/HOST.test/tcp/2");
  add_record (f, "_dnsaddr.test", "dnsaddr=/dns4/host.test/tcp/1");
  add_record (f, "_dnsaddr.test", "dnsaddr=/dns4/host.test/tcp/1");
  add_record (f, "_dnsaddr.alias.test", "dnsaddr=/dns4/host.test/tcp/2");
  mock_resolver_add_address (f->mock, "host.test", "192.0.2.1");
  resolve (f, "/dnsaddr/test", &out);
  assert_addresses (&out, "/ip4/192.0.2.1/tcp/1", "/ip4/192.0.2.1/tcp/2", NULL);
  assert_asked (f, "TXT _dnsaddr.test", "A host.test", "TXT _dnsaddr.alias.test", NULL);
  outcome_clear (&out);
}

static void
test_some_fail (Fixture *f, gconstpointer data)
{
  Outcome out;

  add_record (f, "_dnsaddr.test", "dnsaddr=/dnsaddr/broken.test");
  add_record (f, "_dnsaddr.test", "dnsaddr=/dns4/host.test/tcp/1");
  add_record (f, "_dnsaddr.test", "dnsaddr=/dns4/missing.test/tcp/1");
  mock_resolver_add_address (f->mock, "host.test", "192.0.2.1");
  mock_resolver_fail (f->mock, "TXT _dnsaddr.broken.test", G_RESOLVER_ERROR_INTERNAL, "it is broken");
  resolve (f, "/dnsaddr/test", &out);
  assert_addresses (&out, "/ip4/192.0.2.1/tcp/1", NULL);
  outcome_clear (&out);
}

static void
test_all_fail (Fixture *f, gconstpointer data)
{
  Outcome out;

  add_record (f, "_dnsaddr.test", "dnsaddr=/dns6/missing.test/tcp/1");
  add_record (f, "_dnsaddr.test", "dnsaddr=/dnsaddr/broken.test");
  mock_resolver_fail (f->mock, "TXT _dnsaddr.broken.test", G_RESOLVER_ERROR_INTERNAL, "it is broken");
  resolve (f, "/dnsaddr/test", &out);
  assert_failed (&out, G_RESOLVER_ERROR, G_RESOLVER_ERROR_INTERNAL,
                 "Cannot resolve /dnsaddr/test: TXT records of _dnsaddr.broken.test: it is broken; "
                 "IPv6 addresses of missing.test: it does not exist");
  outcome_clear (&out);
}

/* Bounds */

/* Domain 1 names domain 2, and so on; the last one has an address. */
static void
add_chain (Fixture *f, guint length)
{
  for (guint i = 1; i <= length; i++)
    {
      g_autofree char *name = g_strdup_printf ("_dnsaddr.%u.test", i);
      g_autofree char *record = i < length ? g_strdup_printf ("dnsaddr=/dnsaddr/%u.test", i + 1)
                                           : g_strdup ("dnsaddr=/ip4/192.0.2.1/tcp/1");

      add_record (f, name, record);
    }
}

static void
test_levels (Fixture *f, gconstpointer data)
{
  Outcome out;

  add_chain (f, LP2P_NAMES_MAX_LEVELS + 1);
  resolve (f, "/dnsaddr/2.test", &out);
  assert_addresses (&out, "/ip4/192.0.2.1/tcp/1", NULL);
  outcome_clear (&out);

  resolve (f, "/dnsaddr/1.test", &out);
  assert_failed (&out, G_RESOLVER_ERROR, G_RESOLVER_ERROR_NOT_FOUND,
                 "Cannot resolve /dnsaddr/1.test: /dnsaddr/5.test: more than 4 domains lead to it");
  outcome_clear (&out);
}

static void
test_loop (Fixture *f, gconstpointer data)
{
  Outcome out;

  add_record (f, "_dnsaddr.one.test", "dnsaddr=/dnsaddr/one.test");
  resolve (f, "/dnsaddr/one.test", &out);
  assert_failed (&out, G_RESOLVER_ERROR, G_RESOLVER_ERROR_NOT_FOUND,
                 "Cannot resolve /dnsaddr/one.test: /dnsaddr/one.test leads back to itself");
  outcome_clear (&out);

  add_record (f, "_dnsaddr.two.test", "dnsaddr=/dnsaddr/three.test");
  add_record (f, "_dnsaddr.three.test", "dnsaddr=/dnsaddr/two.test");
  add_record (f, "_dnsaddr.three.test", "dnsaddr=/ip4/192.0.2.1/tcp/1");
  resolve (f, "/dnsaddr/two.test", &out);
  assert_addresses (&out, "/ip4/192.0.2.1/tcp/1", NULL);
  assert_asked (f, "TXT _dnsaddr.one.test", "TXT _dnsaddr.two.test", "TXT _dnsaddr.three.test", NULL);
  outcome_clear (&out);
}

static void
test_many_addresses (Fixture *f, gconstpointer data)
{
  Outcome out;

  for (guint i = 1; i <= 5000; i++)
    {
      g_autofree char *record = g_strdup_printf ("dnsaddr=/ip4/192.0.2.1/tcp/%u", i);

      add_record (f, "_dnsaddr.test", record);
    }
  resolve (f, "/dnsaddr/test", &out);
  g_assert_no_error (out.error);
  /* The domain is one of them. */
  g_assert_cmpuint (out.addresses->len, ==, LP2P_NAMES_MAX_ADDRESSES - 1);
  outcome_clear (&out);
}

/* Each record is another way to write the domain, and so leads to all of them once
 * more. */
static void
test_explosion (Fixture *f, gconstpointer data)
{
  Outcome out;

  for (guint i = 1; i < 128; i++)
    {
      g_autofree char *record = g_strdup ("dnsaddr=/dnsaddr/abcdefg");
      char *letters = strstr (record, "abc");

      for (guint bit = 0; bit < 7; bit++)
        if (i & 1 << bit)
          letters[bit] = g_ascii_toupper (letters[bit]);
      add_record (f, "_dnsaddr.abcdefg", record);
    }
  resolve (f, "/dnsaddr/abcdefg", &out);
  g_assert_error (out.error, G_RESOLVER_ERROR, G_RESOLVER_ERROR_NOT_FOUND);
  g_assert_cmpuint (strlen (out.error->message), <, 2000);
  assert_asked (f, "TXT _dnsaddr.abcdefg", NULL);
  outcome_clear (&out);
}

/* What one takes of a budget the other has no more. */
static void
test_budget (Fixture *f, gconstpointer data)
{
  guint budget = 3;
  Outcome out;

  f->budget = &budget;
  add_record (f, "_dnsaddr.test", "dnsaddr=/dns4/one.test/tcp/1");
  add_record (f, "_dnsaddr.test", "dnsaddr=/dns4/two.test/tcp/1");
  mock_resolver_add_address (f->mock, "one.test", "192.0.2.1");
  mock_resolver_add_address (f->mock, "two.test", "192.0.2.2");
  resolve (f, "/dnsaddr/test", &out);
  g_assert_no_error (out.error);
  g_assert_cmpuint (out.addresses->len, ==, 2);
  outcome_clear (&out);
  g_assert_cmpuint (budget, ==, 0);
  resolve (f, "/dns4/one.test/tcp/1", &out);
  assert_failed (&out, G_RESOLVER_ERROR, G_RESOLVER_ERROR_NOT_FOUND,
                 "Cannot resolve /dns4/one.test/tcp/1: IPv4 addresses of one.test: all look-ups are used up by other"
                 " addresses of the peer");
  outcome_clear (&out);
  g_assert_cmpuint (f->mock->asked->len, ==, 3);
  f->budget = NULL;
}

static void
test_many_lookups (Fixture *f, gconstpointer data)
{
  Outcome out;

  for (guint i = 1; i <= 100; i++)
    {
      g_autofree char *record = g_strdup_printf ("dnsaddr=/dns/%u.test/tcp/1", i);

      add_record (f, "_dnsaddr.test", record);
    }
  f->mock->hold = TRUE;
  start (f, "/dnsaddr/test", NULL, &out);
  while (out.n_done == 0)
    {
      g_assert_cmpuint (f->mock->held.length, >, 0);
      mock_resolver_release (f->mock);
      test_world_settle (f->world);
    }
  g_assert_cmpuint (f->mock->asked->len, ==, LP2P_NAMES_MAX_LOOKUPS);
  g_assert_cmpuint (f->mock->most_held, ==, LP2P_RESOLVER_MAX_PARALLEL);
  g_assert_error (out.error, G_RESOLVER_ERROR, G_RESOLVER_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (out.error->message, "; and so on"));
  outcome_clear (&out);
}

/* A record in the place of a name may make an address too long. */
static void
test_too_long (Fixture *f, gconstpointer data)
{
  g_autofree char *path = g_strnfill (1200, 'a');
  g_autofree char *record = g_strconcat ("dnsaddr=/ip4/192.0.2.1/tcp/1/http/http-path/", path, A, NULL);
  g_autofree char *text = g_strconcat ("/dnsaddr/test" A "/p2p-circuit/http/http-path/", path, NULL);
  Outcome out;

  add_record (f, "_dnsaddr.test", record);
  resolve (f, text, &out);
  g_assert_error (out.error, G_RESOLVER_ERROR, G_RESOLVER_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (out.error->message, "is too long in the place of a name"));
  outcome_clear (&out);
}

/* Ends before the end */

static void
add_two_steps (Fixture *f)
{
  add_record (f, "_dnsaddr.test", "dnsaddr=/dns/host.test/tcp/1");
  mock_resolver_add_address (f->mock, "host.test", "192.0.2.1");
  f->mock->hold = TRUE;
}

static void
test_cancel (Fixture *f, gconstpointer data)
{
  add_two_steps (f);
  for (guint step = 0; step <= 2; step++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      Outcome out;

      /* Step 0 is before the call. */
      if (step == 0)
        g_cancellable_cancel (cancellable);
      start (f, "/dnsaddr/test", cancellable, &out);
      for (guint i = 1; i < step; i++)
        {
          mock_resolver_release (f->mock);
          test_world_settle (f->world);
        }
      g_assert_cmpuint (f->mock->held.length, ==, step);
      g_cancellable_cancel (cancellable);
      g_assert_cmpuint (out.n_done, ==, 0);
      test_world_settle (f->world);
      g_assert_cmpuint (out.n_done, ==, 1);
      g_assert_error (out.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_assert_cmpuint (f->mock->held.length, ==, step);

      /* What comes too late is dropped and asks for nothing more. */
      mock_resolver_release (f->mock);
      test_world_settle (f->world);
      g_assert_cmpuint (f->mock->held.length, ==, 0);
      outcome_clear (&out);
    }
}

/* Cancelled between the last answer and the callback: one of the two, once. */
static void
test_cancel_late (Fixture *f, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Outcome out;

  mock_resolver_add_address (f->mock, "host.test", "192.0.2.1");
  f->mock->hold = TRUE;
  start (f, "/dns4/host.test/tcp/1", cancellable, &out);
  mock_resolver_release (f->mock);
  g_cancellable_cancel (cancellable);
  test_world_settle (f->world);
  g_assert_error (out.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  outcome_clear (&out);
}

static void
test_timeout (Fixture *f, gconstpointer data)
{
  Outcome out;

  add_two_steps (f);
  start (f, "/dnsaddr/test", NULL, &out);
  test_world_advance (f->world, LP2P_RESOLVER_TIMEOUT_US - 1);
  g_assert_cmpuint (out.n_done, ==, 0);
  test_world_advance (f->world, 1);
  assert_failed (&out, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                 "Cannot resolve /dnsaddr/test: TXT records of _dnsaddr.test: no answer within 10 seconds");
  outcome_clear (&out);
  g_assert_cmpuint (f->mock->held.length, ==, 1);
  mock_resolver_release (f->mock);

  /* The time is that of all steps. */
  start (f, "/dnsaddr/test", NULL, &out);
  test_world_advance (f->world, LP2P_RESOLVER_TIMEOUT_US / 2);
  mock_resolver_release (f->mock);
  test_world_advance (f->world, LP2P_RESOLVER_TIMEOUT_US / 2);
  assert_failed (&out, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                 "Cannot resolve /dnsaddr/test: IPv6 addresses of host.test: no answer within 10 seconds; "
                 "IPv4 addresses of host.test: no answer within 10 seconds");
  outcome_clear (&out);
  mock_resolver_release (f->mock);
}

/* What is known by then will do. */
static void
test_timeout_partial (Fixture *f, gconstpointer data)
{
  Outcome out;

  add_record (f, "_dnsaddr.test", "dnsaddr=/dns4/silent.test/tcp/1");
  add_record (f, "_dnsaddr.test", "dnsaddr=/ip4/192.0.2.1/tcp/1");
  f->mock->hold = TRUE;
  start (f, "/dnsaddr/test", NULL, &out);
  mock_resolver_release (f->mock);
  test_world_advance (f->world, LP2P_RESOLVER_TIMEOUT_US);
  assert_addresses (&out, "/ip4/192.0.2.1/tcp/1", NULL);
  outcome_clear (&out);
  mock_resolver_release (f->mock);
}

/* A silent name server does not get more threads of the process than the host may have,
 * whoever gives up: a thread is busy until it says so itself. */
static void
test_many_resolutions (Fixture *f, gconstpointer data)
{
  Outcome outs[8];

  f->mock->hold = TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (outs); i++)
    {
      g_autofree char *text = g_strdup_printf ("/dns/%u.test/tcp/1", i);

      start (f, text, NULL, &outs[i]);
    }
  g_assert_cmpuint (f->mock->held.length, ==, LP2P_RESOLVER_MAX_LOOKUPS);
  test_world_advance (f->world, LP2P_RESOLVER_TIMEOUT_US);
  for (guint i = 0; i < G_N_ELEMENTS (outs); i++)
    {
      g_assert_error (outs[i].error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
      outcome_clear (&outs[i]);
    }
  start (f, "/dns/later.test/tcp/1", NULL, &outs[0]);
  g_assert_cmpuint (f->mock->asked->len, ==, LP2P_RESOLVER_MAX_LOOKUPS);

  mock_resolver_release (f->mock);
  test_world_settle (f->world);
  g_assert_cmpuint (f->mock->held.length, ==, 2);
  mock_resolver_release (f->mock);
  test_world_settle (f->world);
  g_assert_error (outs[0].error, G_RESOLVER_ERROR, G_RESOLVER_ERROR_NOT_FOUND);
  outcome_clear (&outs[0]);
  g_assert_cmpuint (f->mock->most_held, ==, LP2P_RESOLVER_MAX_LOOKUPS);
}

/* One that has many names does not keep others waiting. */
static void
test_turns (Fixture *f, gconstpointer data)
{
  Outcome many[3], one;

  for (guint i = 0; i < 20; i++)
    {
      g_autofree char *record = g_strdup_printf ("dnsaddr=/dns4/%u.test/tcp/1", i);

      add_record (f, "_dnsaddr.test", record);
    }
  for (guint i = 0; i < G_N_ELEMENTS (many); i++)
    start (f, "/dnsaddr/test", NULL, &many[i]);
  f->mock->hold = TRUE;
  test_world_settle (f->world);
  g_assert_cmpuint (f->mock->held.length, ==, LP2P_RESOLVER_MAX_LOOKUPS);
  start (f, "/dns4/one.test/tcp/1", NULL, &one);
  for (guint i = 0; i < 2; i++)
    {
      mock_resolver_release (f->mock);
      test_world_settle (f->world);
    }
  g_assert_cmpuint (one.n_done, ==, 1);
  outcome_clear (&one);
  for (guint i = 0; i < G_N_ELEMENTS (many); i++)
    {
      while (many[i].n_done == 0)
        {
          mock_resolver_release (f->mock);
          test_world_settle (f->world);
        }
      outcome_clear (&many[i]);
    }
}

static void
test_close (Fixture *f, gconstpointer data)
{
  Outcome first, second, third;

  add_two_steps (f);
  start (f, "/dnsaddr/test", NULL, &first);
  start (f, "/ip4/192.0.2.1/tcp/1", NULL, &second);
  test_world_settle (f->world);
  lp2p_resolver_close (f->resolver);
  g_assert_cmpuint (first.n_done, ==, 0);
  start (f, "/dnsaddr/test", NULL, &third);
  test_world_settle (f->world);
  assert_failed (&first, G_IO_ERROR, G_IO_ERROR_CLOSED, "The host is closed");
  assert_addresses (&second, "/ip4/192.0.2.1/tcp/1", NULL);
  assert_failed (&third, G_IO_ERROR, G_IO_ERROR_CLOSED, "The host is closed");
  assert_asked (f, "TXT _dnsaddr.test", NULL);
  g_assert_cmpuint (f->mock->held.length, ==, 1);
  mock_resolver_release (f->mock);
  outcome_clear (&first);
  outcome_clear (&second);
  outcome_clear (&third);
}

/* What is under way keeps it. */
static void
test_drop (Fixture *f, gconstpointer data)
{
  Outcome out;

  add_two_steps (f);
  f->mock->hold = FALSE;
  start (f, "/dnsaddr/test", NULL, &out);
  g_object_add_weak_pointer (G_OBJECT (f->resolver), (gpointer *) &f->resolver);
  g_object_unref (f->resolver);
  test_until (f->world, out.n_done > 0);
  assert_addresses (&out, "/ip4/192.0.2.1/tcp/1", NULL);
  outcome_clear (&out);
  test_until (f->world, f->resolver == NULL);
}

/* Answers come in the context of the loop, whichever one is pushed at the moment. */
static void
test_other_context (Fixture *f, gconstpointer data)
{
  g_autoptr (GMainContext) other = g_main_context_new ();
  Outcome out;

  add_two_steps (f);
  f->mock->hold = FALSE;
  g_main_context_push_thread_default (other);
  start (f, "/dnsaddr/test", NULL, &out);
  g_main_context_pop_thread_default (other);
  test_world_settle (f->world);
  g_assert_cmpuint (f->mock->asked->len, ==, 3);
  /* The callback is for those who pushed it. */
  g_assert_cmpuint (out.n_done, ==, 0);
  while (g_main_context_iteration (other, FALSE))
    ;
  assert_addresses (&out, "/ip4/192.0.2.1/tcp/1", NULL);
  outcome_clear (&out);
}

/* What extensions see of it. */

typedef struct
{
  GPtrArray *addresses;
  GError *error;
} ContextOutcome;

static void
on_context_resolved (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ContextOutcome *out = user_data;

  g_assert_true (out->addresses == NULL && out->error == NULL);
  out->addresses = lp2p_context_resolve_finish (LP2P_CONTEXT (source), result, &out->error);
}

static void
test_context (Fixture *f, gconstpointer data)
{
  g_autoptr (Lp2pConfig) config = lp2p_config_new ();
  g_autoptr (Lp2pIdentity) identity = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, NULL);
  g_autoptr (Lp2pSwarm) swarm = lp2p_swarm_new (config, identity, &f->world->clock);
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string ("/dns4/host.test/tcp/1", NULL);
  ContextOutcome out = { NULL };

  mock_resolver_add_address (f->mock, "host.test", "192.0.2.1");
  lp2p_context_resolve_async (LP2P_CONTEXT (swarm), address, NULL, on_context_resolved, &out);
  test_until (f->world, out.addresses != NULL);
  g_assert_cmpuint (out.addresses->len, ==, 1);
  g_assert_cmpstr (lp2p_multiaddr_get_string (out.addresses->pdata[0]), ==, "/ip4/192.0.2.1/tcp/1");
  g_clear_pointer (&out.addresses, g_ptr_array_unref);

  f->mock->hold = TRUE;
  lp2p_context_resolve_async (LP2P_CONTEXT (swarm), address, NULL, on_context_resolved, &out);
  lp2p_swarm_abandon (swarm);
  g_assert_null (out.error);
  test_until (f->world, out.error != NULL);
  g_assert_error (out.error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  g_clear_error (&out.error);
  mock_resolver_release (f->mock);
}

#define ADD(path, func) g_test_add ("/resolver/" path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  ADD ("no-names", test_no_names);
  ADD ("either-family", test_either_family);
  ADD ("one-family", test_one_family);
  ADD ("other-family", test_other_family);
  ADD ("literal", test_literal);
  ADD ("international", test_international);
  ADD ("relay", test_relay);
  ADD ("records", test_records);
  ADD ("lies", test_lies);
  ADD ("nothing-usable", test_nothing_usable);
  ADD ("order", test_order);
  ADD ("duplicates", test_duplicates);
  ADD ("some-fail", test_some_fail);
  ADD ("all-fail", test_all_fail);
  ADD ("levels", test_levels);
  ADD ("loop", test_loop);
  ADD ("many-addresses", test_many_addresses);
  ADD ("explosion", test_explosion);
  ADD ("many-lookups", test_many_lookups);
  ADD ("budget", test_budget);
  ADD ("too-long", test_too_long);
  ADD ("many-resolutions", test_many_resolutions);
  ADD ("turns", test_turns);
  ADD ("cancel", test_cancel);
  ADD ("cancel-late", test_cancel_late);
  ADD ("timeout", test_timeout);
  ADD ("timeout-partial", test_timeout_partial);
  ADD ("close", test_close);
  ADD ("drop", test_drop);
  ADD ("other-context", test_other_context);
  ADD ("context", test_context);

  return g_test_run ();
}
