/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "loader-fixture.h"

#include <glib/gstdio.h>
#include <sys/stat.h>

static char *folder;

static void
test_good (void)
{
  const char *fixtures = g_getenv ("LP2P_FIXTURE_PLUGINS");
  g_autofree char *file = g_build_filename (fixtures, "good.plugin", NULL);
  g_autofree char *expected_module = g_build_filename (fixtures, "fixture-good.so", NULL);
  g_autoptr (Lp2pDescriptor) descriptor = NULL;
  g_autofree char *module = NULL;
  g_autofree char *name = NULL;
  g_auto (GStrv) protocols = NULL;
  g_autoptr (GError) error = NULL;
  gboolean loaded;
  int priority;

  g_setenv ("LANGUAGE", "C", TRUE);
  descriptor = lp2p_descriptor_new (file);
  g_assert_null (lp2p_descriptor_get_error (descriptor));
  g_assert_cmpstr (lp2p_descriptor_get_file (descriptor), ==, file);
  g_assert_cmpstr (lp2p_descriptor_get_name (descriptor), ==, "good");
  g_assert_cmpstr (lp2p_descriptor_get_module (descriptor), ==, "fixture-good.so");
  module = lp2p_descriptor_dup_module_file (descriptor);
  g_assert_cmpstr (module, ==, expected_module);
  g_assert_cmpuint (lp2p_descriptor_get_abi (descriptor), ==, LP2P_PLUGIN_ABI);
  g_assert_cmpstr (lp2p_descriptor_get_kind (descriptor), ==, LP2P_KIND_SERVICE);
  g_assert_cmpstr (lp2p_descriptor_get_protocols (descriptor)[0], ==, "/lp2p/good/1.0.0");
  g_assert_cmpstr (lp2p_descriptor_get_protocols (descriptor)[1], ==, "/lp2p/good/2.0.0");
  g_assert_null (lp2p_descriptor_get_protocols (descriptor)[2]);
  g_assert_cmpint (lp2p_descriptor_get_priority (descriptor), ==, -7);
  g_assert_cmpstr (lp2p_descriptor_get_schema (descriptor), ==, "org.lp2p.plugin.good");
  g_assert_cmpstr (lp2p_descriptor_get_license (descriptor), ==, "LGPL-2.1-or-later");
  g_assert_cmpstr (lp2p_descriptor_get_title (descriptor), ==, "Good");
  g_assert_cmpstr (lp2p_descriptor_get_description (descriptor), ==, "Works");
  g_assert_false (lp2p_descriptor_get_loaded (descriptor));

  g_object_get (descriptor, "name", &name, "protocols", &protocols, "priority", &priority, "loaded",
                &loaded, "error", &error, NULL);
  g_assert_cmpstr (name, ==, "good");
  g_assert_cmpuint (g_strv_length (protocols), ==, 2);
  g_assert_cmpint (priority, ==, -7);
  g_assert_false (loaded);
  g_assert_no_error (error);
}

static void
test_translated (void)
{
  g_autofree char *file = g_build_filename (g_getenv ("LP2P_FIXTURE_PLUGINS"), "good.plugin", NULL);
  g_autoptr (Lp2pDescriptor) descriptor = NULL;

  g_setenv ("LC_ALL", "de_DE.UTF-8", TRUE);
  g_setenv ("LANGUAGE", "de", TRUE);
  descriptor = lp2p_descriptor_new (file);
  g_assert_cmpstr (lp2p_descriptor_get_title (descriptor), ==, "Gut");
  g_assert_cmpstr (lp2p_descriptor_get_description (descriptor), ==, "Geht");
  g_unsetenv ("LC_ALL");
  g_unsetenv ("LANGUAGE");
}

#define HEAD   "[Plugin]\n"
#define NAME   "Name=x\n"
#define KIND   "Kind=service\n"
#define TEXTS  "Title=t\nDescription=d\nLicense=MIT\n"
#define MODULE "Module=x.so\n"
#define ABI    "Abi=" G_STRINGIFY (LP2P_PLUGIN_ABI) "\n"
#define GOOD   HEAD NAME KIND TEXTS MODULE ABI
#define TRANSPORT HEAD NAME "Kind=transport\n" TEXTS MODULE ABI

static const struct
{
  const char *text;
  const char *message; /* NULL: nothing is wrong */
} cases[] = {
  { GOOD, NULL },
  { GOOD "Protocols=/a;/b\n", NULL },
  { GOOD "X-Anything=goes\nTitle[fr]=t\n", NULL },
  { TRANSPORT "Addresses=/ip/udp/0/quic-v1;/memory/0\nTraits=native;local\n", NULL },
  { "", "group [Plugin] is missing" },
  { "Name=x\n", "not a key file" },
  { "[Plugin\n", "not a key file" },
  { "[Other]\n" NAME, "group [Plugin] is missing" },
  { GOOD "[Other]\n", "group \"Other\" is unknown, expected only [Plugin] and groups in X-" },
  { GOOD "Modul=x.so\n", "key \"Modul\" is unknown, expected Name, Module, Abi" },
  { GOOD "Name[de]=x\n", "key \"Name[de]\" is unknown" },
  { HEAD KIND TEXTS MODULE ABI, "key Name: got nothing, expected a name" },
  { HEAD "Name=\n", "key Name: got \"\", expected a name" },
  { HEAD "Name=Upper\n", "key Name: got \"Upper\", expected a name" },
  { HEAD "Name=a/b\n", "key Name: got \"a/b\"" },
  { HEAD "Name=0123456789\n", "key Name: got \"0123456789\"" },
  { HEAD "Name=abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"
         "abcdefghijklmnopqrstuvwxyz\n",
    "expected a name of at most 64" },
  { HEAD "Name=\xff\n", "key Name: got \"\\xff\"" },
  { HEAD NAME TEXTS MODULE ABI,
    "key Kind: got nothing, expected one of transport, security, muxer, service, discovery, "
    "key-store" },
  { HEAD NAME "Kind=mixer\n" TEXTS MODULE ABI, "key Kind: got \"mixer\", expected one of" },
  { HEAD NAME KIND "Description=d\nLicense=MIT\n" MODULE ABI,
    "key Title: got nothing, expected a text" },
  { HEAD NAME KIND "Title[de]=t\nDescription=d\nLicense=MIT\n" MODULE ABI,
    "key Title: got nothing" },
  { HEAD NAME KIND "Title=t\nLicense=MIT\n" MODULE ABI, "key Description: got nothing" },
  { HEAD NAME KIND "Title=t\\\nDescription=d\nLicense=MIT\n" MODULE ABI, "key Title: got \"t" },
  { HEAD NAME KIND "Title=t\nDescription=d\n" MODULE ABI,
    "key License: got nothing, expected an SPDX expression" },
  { GOOD "Protocols=\n", "key Protocols: got \"\", expected protocol names" },
  { GOOD "Protocols=;\n", "key Protocols: got \";\", expected protocol names" },
  { GOOD "Protocols=/a;;/b\n", "key Protocols: got \"/a;;/b\"" },
  { TRANSPORT "Addresses=\n", "key Addresses: got \"\", expected addresses such as /ip/tcp/0" },
  { TRANSPORT "Addresses=/ip/tcp/0;/ip/nonsense\n", "key Addresses: got \"/ip/tcp/0;/ip/nonsense\"" },
  { TRANSPORT "Addresses=/ip/ip/tcp/0\n", "key Addresses: got \"/ip/ip/tcp/0\"" },
  { TRANSPORT "Addresses=/ip/\n", "key Addresses: got \"/ip/\"" },
  { TRANSPORT "Addresses=%s/tcp/0\n", "key Addresses: got \"%s/tcp/0\"" },
  { TRANSPORT "Traits=lokal\n", "key Traits: got \"lokal\", expected some of native, local, certificate" },
  { GOOD "Addresses=/ip/tcp/0\n", "key Addresses: got \"/ip/tcp/0\", expected no such key: only transports" },
  { GOOD "Traits=local\n", "key Traits: got \"local\", expected no such key: only transports" },
  { GOOD "Priority=high\n", "key Priority: got \"high\", expected a whole number" },
  { GOOD "Priority=99999999999\n", "key Priority: got \"99999999999\"" },
  { GOOD "Priority=1;2\n", "key Priority: got \"1;2\"" },
  { GOOD "Schema=/org/lp2p\n", "key Schema: got \"/org/lp2p\", expected the id of a settings" },
  { HEAD NAME KIND TEXTS ABI, "key Module: got nothing, expected the bare name of a file" },
  { HEAD NAME KIND TEXTS ABI "Module=../x.so\n", "key Module: got \"../x.so\"" },
  { HEAD NAME KIND TEXTS ABI "Module=/tmp/x.so\n", "key Module: got \"/tmp/x.so\"" },
  { HEAD NAME KIND TEXTS ABI "Module=sub/x.so\n", "key Module: got \"sub/x.so\"" },
  { HEAD NAME KIND TEXTS ABI "Module=..\n", "key Module: got \"..\"" },
  { HEAD NAME KIND TEXTS ABI "Module=.x.so\n", "key Module: got \".x.so\"" },
  { HEAD NAME KIND TEXTS MODULE, "key Abi: got nothing, expected the number " },
  { HEAD NAME KIND TEXTS MODULE "Abi=one\n", "key Abi: got \"one\", expected the number " },
  { HEAD NAME KIND TEXTS MODULE "Abi=-1\n", "key Abi: got \"-1\"" },
  { HEAD NAME KIND TEXTS MODULE "Abi=999\n",
    "key Abi: got \"999\", expected the number " G_STRINGIFY (LP2P_PLUGIN_ABI) },
};

static void
test_strict (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *file = loader_fixture_write (folder, "x.plugin", cases[i].text);
      g_autoptr (Lp2pDescriptor) descriptor = lp2p_descriptor_new (file);

      g_test_message ("case %" G_GSIZE_FORMAT, i);
      if (cases[i].message != NULL)
        assert_plugin_error (descriptor, cases[i].message);
      else
        g_assert_null (lp2p_descriptor_get_error (descriptor));
      g_assert_nonnull (lp2p_descriptor_get_protocols (descriptor));
      g_assert_false (lp2p_descriptor_get_loaded (descriptor));
    }
}

static void
test_transport (void)
{
  g_autofree char *file = loader_fixture_write (
      folder, "x.plugin", TRANSPORT "Addresses=/ip/tcp/0/tls/ws;/ip/tcp/0/wss;\nTraits=local;\n");
  g_autoptr (Lp2pDescriptor) descriptor = lp2p_descriptor_new (file);
  g_auto (GStrv) addresses = NULL;
  g_auto (GStrv) traits = NULL;

  g_assert_null (lp2p_descriptor_get_error (descriptor));
  g_assert_cmpstr (lp2p_descriptor_get_addresses (descriptor)[0], ==, "/ip/tcp/0/tls/ws");
  g_assert_cmpstr (lp2p_descriptor_get_addresses (descriptor)[1], ==, "/ip/tcp/0/wss");
  g_assert_null (lp2p_descriptor_get_addresses (descriptor)[2]);
  g_assert_cmpstr (lp2p_descriptor_get_traits (descriptor)[0], ==, LP2P_TRAIT_LOCAL);
  g_assert_null (lp2p_descriptor_get_traits (descriptor)[1]);
  g_object_get (descriptor, "addresses", &addresses, "traits", &traits, NULL);
  g_assert_cmpuint (g_strv_length (addresses), ==, 2);
  g_assert_cmpuint (g_strv_length (traits), ==, 1);
}

static void
test_fill_address (void)
{
  static const struct
  {
    const char *form;
    const char *ip;
    const char *expected;
  } cases[] = {
    { "/ip/tcp/0/ws", "/ip6/::1", "/ip6/::1/tcp/0/ws" },
    { "/ip/tcp/0", NULL, "/tcp/0" },
    { "/memory/0", "/ip4/127.0.0.1", "/memory/0" },
    { "/ip4/127.0.0.1/tcp/0", "/ip6/::1", "/ip4/127.0.0.1/tcp/0" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *address = lp2p_descriptor_fill_address (cases[i].form, cases[i].ip);

      g_assert_cmpstr (address, ==, cases[i].expected);
    }
}

/* What is wrong with one key does not hide the others. */
static void
test_partial (void)
{
  g_autofree char *file =
      loader_fixture_write (folder, "x.plugin", HEAD NAME KIND TEXTS MODULE "Abi=999\n");
  g_autoptr (Lp2pDescriptor) descriptor = lp2p_descriptor_new (file);

  assert_plugin_error (descriptor, "key Abi");
  g_assert_cmpstr (lp2p_descriptor_get_name (descriptor), ==, "x");
  g_assert_cmpstr (lp2p_descriptor_get_title (descriptor), ==, "t");
  g_assert_cmpuint (lp2p_descriptor_get_abi (descriptor), ==, 999);
}

static void
test_not_a_file (void)
{
  g_autofree char *missing = g_build_filename (folder, "missing.plugin", NULL);
  g_autofree char *fifo = g_build_filename (folder, "fifo.plugin", NULL);
  g_autofree char *large_text = g_strnfill (300 * 1024, '\n');
  g_autofree char *large = loader_fixture_write (folder, "large.plugin", large_text);
  g_autoptr (Lp2pDescriptor) descriptor = NULL;

  descriptor = lp2p_descriptor_new (missing);
  assert_plugin_error (descriptor, "cannot be read: No such file");
  g_clear_object (&descriptor);

  descriptor = lp2p_descriptor_new (folder);
  assert_plugin_error (descriptor, "not a regular file");
  g_clear_object (&descriptor);

  g_assert_no_errno (mkfifo (fifo, 0600));
  descriptor = lp2p_descriptor_new (fifo);
  assert_plugin_error (descriptor, "not a regular file");
  g_clear_object (&descriptor);

  descriptor = lp2p_descriptor_new (large);
  assert_plugin_error (descriptor, "got a file of 307200 bytes, expected at most");
  g_assert_null (lp2p_descriptor_get_name (descriptor));
  g_assert_null (lp2p_descriptor_dup_module_file (descriptor));
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  folder = g_dir_make_tmp ("lp2p-descriptor-XXXXXX", NULL);
  g_test_add_func ("/descriptor/good", test_good);
  g_test_add_func ("/descriptor/translated", test_translated);
  g_test_add_func ("/descriptor/strict", test_strict);
  g_test_add_func ("/descriptor/transport", test_transport);
  g_test_add_func ("/descriptor/fill-address", test_fill_address);
  g_test_add_func ("/descriptor/partial", test_partial);
  g_test_add_func ("/descriptor/not-a-file", test_not_a_file);
  status = g_test_run ();
  loader_fixture_remove (folder);
  g_free (folder);
  return status;
}
