/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/lp2p-version.h>
#include <lp2p/types/lp2p-config.h>
#include <lp2p/types/lp2p-error.h>

#include <glib/gstdio.h>
#include <string.h>

#include "types/lp2p-config-defaults.h"

static const Lp2pOption quic_options[] = {
  { "idle-timeout", "u", "30", 1, 600, "Seconds without traffic until a connection ends" },
  { "datagrams", "b", "true", 0, 0, "Offer datagrams" },
  { "label", "s", "''", 0, 0, "A text" },
  { "offset", "i", "5", 0, 10, "A number that could be negative" },
  { "gain", "d", "1.5", 1, 2, "A number with a fraction" },
  { "names", "as", "[]", 0, 0, "Some texts" },
  { "table", "a{su}", "{}", 0, 0, "Something else" },
};

static gboolean
load (Lp2pConfig *config, const char *text, GError **error)
{
  return lp2p_config_load_data (config, text, strlen (text), "test.conf", error);
}

static void
assert_strv (char **strv, const char *joined)
{
  g_autofree char *text = g_strjoinv (" ", strv);

  g_assert_cmpstr (text, ==, joined);
  g_strfreev (strv);
}

/* It depends on what is built. */
static void
assert_default_transports (Lp2pConfig *config)
{
  g_autoptr (GVariant) found = lp2p_config_get (config, "host", "transports");
  g_autoptr (GVariant) expected = g_variant_new_parsed (LP2P_DEFAULT_TRANSPORTS);

  g_assert_cmpvariant (found, expected);
}

static void
test_defaults (void)
{
  g_autoptr (Lp2pConfig) config = lp2p_config_new ();
  g_autofree char *agent = lp2p_config_get_string (config, "host", "agent-version");
  g_autofree char *identity = lp2p_config_get_string (config, "host", "identity");
  g_autoptr (GVariant) timeout = lp2p_config_get (config, "host", "handshake-timeout");

  assert_default_transports (config);
  assert_strv (lp2p_config_get_strv (config, "host", "security"), "noise tls");
  assert_strv (lp2p_config_get_strv (config, "host", "muxers"), "yamux mplex");
  assert_strv (lp2p_config_get_strv (config, "host", "services"), "identify ping");
  assert_strv (lp2p_config_get_strv (config, "host", "listen"), "");
  assert_strv (lp2p_config_get_strv (config, "host", "plugin-path"), "");
  g_assert_cmpstr (agent, ==, "lp2p/" LP2P_VERSION_S);
  g_assert_cmpstr (identity, ==, "");
  g_assert_cmpuint (g_variant_get_uint32 (timeout), ==, 15);
  g_assert_cmpuint (lp2p_config_get_uint (config, "host", "max-connections"), ==, 1024);
  g_assert_cmpuint (lp2p_config_get_uint (config, "host", "max-half-open"), ==, 256);
  g_assert_cmpuint (lp2p_config_get_uint (config, "host", "max-streams-per-connection"), ==, 1024);
  g_assert_cmpuint (lp2p_config_get_uint64 (config, "host", "memory-budget"), ==, 268435456);
  g_assert_cmpuint (lp2p_config_get_uint (config, "host", "stream-window-max"), ==, 16777216);
  g_assert_null (lp2p_config_get (config, "host", "no-such"));
  g_assert_null (lp2p_config_get (config, "no-such", "listen"));
  assert_strv (lp2p_config_list_groups (config), "host");
  assert_strv (lp2p_config_get_unknown_groups (config), "");
}

/* A default that its own option refuses could never be set back. */
static void
test_defaults_can_be_set (void)
{
  g_autoptr (Lp2pConfig) config = lp2p_config_new ();
  gsize n;
  g_autofree const Lp2pOption **options = lp2p_config_list_options (config, "host", &n);

  g_assert_cmpuint (n, >, 0);
  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_true (lp2p_config_set_from_string (config, "host", options[i]->name,
                                                  options[i]->default_value, &error));
      g_assert_no_error (error);
      g_assert_cmpuint (strlen (options[i]->description), >, 10);
    }
  g_assert_null (lp2p_config_list_options (config, "no-such", &n));
  g_assert_cmpuint (n, ==, 0);
}

static void
test_load (void)
{
  g_autoptr (Lp2pConfig) config = lp2p_config_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *identity = NULL;

  g_assert_true (load (config,
                       "# comment\r\n"
                       "\n"
                       "  [host]  \n"
                       "transports=['tcp', 'quic-v1']\n"
                       "  listen = [ '/ip4/0.0.0.0/tcp/4001', '/ip6/::/udp/4001/quic-v1' ]  \n"
                       "identity='/tmp/a=b[c]#d'\n"
                       "[plugin quic-v1]\n"
                       "[host]\n"
                       "memory-budget=1048576",
                       &error));
  g_assert_no_error (error);
  assert_strv (lp2p_config_get_strv (config, "host", "transports"), "tcp quic-v1");
  assert_strv (lp2p_config_get_strv (config, "host", "listen"),
               "/ip4/0.0.0.0/tcp/4001 /ip6/::/udp/4001/quic-v1");
  identity = lp2p_config_get_string (config, "host", "identity");
  g_assert_cmpstr (identity, ==, "/tmp/a=b[c]#d");
  g_assert_cmpuint (lp2p_config_get_uint64 (config, "host", "memory-budget"), ==, 1048576);
  assert_strv (lp2p_config_get_unknown_groups (config), "plugin quic-v1");

  /* A second file changes only what it names. */
  g_assert_true (load (config, "[host]\ntransports=[]\n", &error));
  assert_strv (lp2p_config_get_strv (config, "host", "transports"), "");
  g_assert_cmpuint (lp2p_config_get_uint64 (config, "host", "memory-budget"), ==, 1048576);
  g_assert_true (load (config, "", &error));
  g_assert_true (lp2p_config_load_data (config, NULL, 0, "nothing", &error));
}

static void
test_messages (void)
{
  static const struct
  {
    const char *text;
    const char *message;
  } bad[] = {
    { "[host]\nhandshake-timeout='abc'\n",
      "test.conf:2: [host] handshake-timeout: got \"'abc'\" of type s, expected a whole number from"
      " 1 to 3600 (type u)" },
    { "[host]\n\nhandshake-timeout=0\n",
      "test.conf:3: [host] handshake-timeout: got \"0\" of type u, expected a whole number from 1"
      " to 3600 (type u)" },
    { "[host]\nhandshake-timeout=3601\n",
      "test.conf:2: [host] handshake-timeout: got \"3601\" of type u, expected a whole number from"
      " 1 to 3600 (type u)" },
    { "[host]\nhandshake-timeout=-1\n",
      "test.conf:2: [host] handshake-timeout: got \"-1\" of type i, expected a whole number from 1"
      " to 3600 (type u)" },
    { "[host]\nhandshake-timeout=15s\n", "(invalid character in number), expected" },
    { "[host]\nhandshake-timeout=99999999999\n", "(number out of range for type" },
    { "[host]\nhandshake-timeout=\n", "got \"\" (" },
    { "[host]\nidentity=/home/key\n", "expected a string in quotes, such as 'text' (type s)" },
    { "[host]\ntransports='tcp'\n",
      "test.conf:2: [host] transports: got \"'tcp'\" of type s, expected a list of strings, such as"
      " ['one', 'two'] (type as)" },
    { "[host]\ntransports=['TCP']\n",
      "test.conf:2: [host] transports: got \"TCP\", expected names of lower-case letters, digits"
      " and hyphens" },
    { "[host]\ntransports=['']\n", "[host] transports: got \"\", expected names" },
    { "[host]\ntransports=['../evil']\n", "[host] transports: got \"../evil\"" },
    { "[host]\nmuxers=['yamux','yamux']\n",
      "test.conf:2: [host] muxers: got \"yamux\" twice, expected each name once" },
    { "[host]\nlisten=['/ip4/0.0.0.0/tcp/70000']\n",
      "test.conf:2: [host] listen: got \"/ip4/0.0.0.0/tcp/70000\", expected multiaddrs: Component 2"
      " (\"/tcp/70000\") of multiaddr: expected a port number from 0 to 65535" },
    { "[host]\nproxy='socks5://127.0.0.1'\n",
      "test.conf:2: [host] proxy: got \"socks5://127.0.0.1\", expected 'none' or 'system'" },
    { "[host]\nplugin-path=['here']\n",
      "test.conf:2: [host] plugin-path: got \"here\", expected absolute paths of directories" },
    { "[host]\nlissen=[]\n",
      "test.conf:2: [host] lissen: unknown key, expected one of: transports, security, muxers," },
    { "[hots]\n", "test.conf:1: [hots]: unknown group, expected [host] or [plugin NAME]" },
    { "[plugin ]\n", "test.conf:1: [plugin ]: unknown group" },
    { "listen=[]\n", "test.conf:1: \"listen\" stands before the first group, expected [host]" },
    { "[host]\nlisten\n", "test.conf:2: \"listen\" is not a setting, expected key=value" },
    { "[host]\n=1\n", "test.conf:2: \"=1\" is not a setting, expected key=value" },
    { "[host\n", "test.conf:1: \"[host\" is not a group, expected [name]" },
    { "[]\n", "test.conf:1: \"[]\" is not a group, expected [name]" },
    { "[ho]st]\n", "is not a group" },
    { "[host] x\n", "is not a group" },
    { "[host]\nlisten=[]\n[plugin x]\nlisten=[]\n[host]\nlisten=[]\n",
      "test.conf:6: key \"listen\" of group \"host\" is set twice, first in line 2" },
    { "[host]\n\xff=1\n", "test.conf:2: line is not UTF-8" },
    { "[h\x1b[31m]\n", "test.conf:1: \"[h\\x1b[31m]\" is not a group" },
    { "[h\x1b]\n", "test.conf:1: [h\\033]: unknown group" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (Lp2pConfig) config = lp2p_config_new ();
      g_autoptr (GError) error = NULL;

      g_assert_false (load (config, bad[i].text, &error));
      g_assert_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_CONFIG);
      if (strstr (error->message, bad[i].message) == NULL)
        g_error ("got '%s', expected '%s'", error->message, bad[i].message);
    }
}

static void
test_nul_and_long (void)
{
  static const char nul[] = "[host]\nagent-version='a\0b'\n";
  g_autofree char *long_text = g_strnfill (70000, 'x');
  g_autofree char *long_line = g_strconcat ("[host]\n", long_text, "\n", NULL);
  g_autofree char *huge = g_strnfill (1024 * 1024 + 1, '\n');
  g_autofree char *agent = g_strdup_printf ("'%.*s'", 129, long_text);
  g_autoptr (Lp2pConfig) config = lp2p_config_new ();
  g_autoptr (GError) error = NULL;

  g_assert_false (lp2p_config_load_data (config, nul, sizeof nul - 1, "nul", &error));
  g_assert_cmpstr (error->message, ==, "nul:2: line is not UTF-8");
  g_clear_error (&error);
  g_assert_false (load (config, long_line, &error));
  g_assert_cmpstr (error->message, ==, "test.conf:2: line has 70000 bytes, expected at most 65536");
  g_clear_error (&error);
  g_assert_false (load (config, huge, &error));
  g_assert_cmpstr (error->message, ==, "test.conf: file is larger than 1 MiB");
  g_clear_error (&error);
  g_assert_false (lp2p_config_set_from_string (config, "host", "agent-version", agent, &error));
  g_assert_cmpstr (error->message, ==,
                   "[host] agent-version: got a text of 129 bytes, expected at most 128");
}

static void
count (Lp2pConfig *config, const char *group, const char *key, gpointer data)
{
  g_string_append_printf (data, "%s:%s ", group, key);
}

static void
test_all_or_nothing (void)
{
  g_autoptr (Lp2pConfig) config = lp2p_config_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GString) seen = g_string_new (NULL);

  g_signal_connect (config, "changed", G_CALLBACK (count), seen);
  g_assert_false (load (config,
                        "[host]\ntransports=['ws']\n[plugin x]\na=1\n[host]\nmax-connections='x'\n",
                        &error));
  g_assert_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_CONFIG);
  assert_default_transports (config);
  assert_strv (lp2p_config_get_unknown_groups (config), "");
  g_assert_cmpstr (seen->str, ==, "");
}

static void
check_both_stored (Lp2pConfig *config, const char *group, const char *key, gpointer data)
{
  g_assert_cmpuint (lp2p_config_get_uint (config, "host", "max-connections"), ==, 7);
  g_assert_cmpuint (lp2p_config_get_uint (config, "host", "max-half-open"), ==, 3);
}

static void
test_changed (void)
{
  g_autoptr (Lp2pConfig) config = lp2p_config_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GString) all = g_string_new (NULL);
  g_autoptr (GString) one = g_string_new (NULL);
  gulong id;

  g_signal_connect (config, "changed", G_CALLBACK (count), all);
  g_signal_connect (config, "changed::host:max-half-open", G_CALLBACK (count), one);
  id = g_signal_connect (config, "changed", G_CALLBACK (check_both_stored), NULL);
  g_assert_true (load (config,
                       "[host]\nmax-connections=7\nmax-half-open=3\nhandshake-timeout=15\n",
                       &error));
  g_assert_cmpstr (all->str, ==, "host:max-connections host:max-half-open ");
  g_assert_cmpstr (one->str, ==, "host:max-half-open ");
  g_signal_handler_disconnect (config, id);

  g_string_truncate (all, 0);
  g_assert_true (lp2p_config_set (config, "host", "max-half-open", g_variant_new_uint32 (3),
                                  &error));
  g_assert_cmpstr (all->str, ==, "");
  g_assert_true (lp2p_config_set (config, "host", "max-half-open", g_variant_new_uint32 (4),
                                  &error));
  g_assert_cmpstr (all->str, ==, "host:max-half-open ");
  g_assert_cmpstr (one->str, ==, "host:max-half-open host:max-half-open ");
  g_assert_true (lp2p_config_set_from_string (config, "host", "max-half-open", "5", &error));
  g_assert_cmpuint (lp2p_config_get_uint (config, "host", "max-half-open"), ==, 5);
  g_assert_cmpstr (all->str, ==, "host:max-half-open host:max-half-open ");
}

static void
drop (Lp2pConfig *config, const char *group, const char *key, gpointer data)
{
  Lp2pConfig **owned = data;

  g_clear_object (owned);
}

/* A handler may drop the last reference while a file is applied. */
static void
test_dropped_in_handler (void)
{
  Lp2pConfig *config = lp2p_config_new ();
  GError *error = NULL;

  g_signal_connect (config, "changed", G_CALLBACK (drop), &config);
  g_assert_true (load (config, "[host]\nmax-connections=7\nmax-half-open=3\n", &error));
  g_assert_no_error (error);
  g_assert_null (config);
}

static void
test_set_bad (void)
{
  g_autoptr (Lp2pConfig) config = lp2p_config_new ();
  g_autoptr (GError) error = NULL;

  g_assert_false (lp2p_config_set (config, "host", "max-half-open", g_variant_new_uint64 (3),
                                   &error));
  g_assert_cmpstr (error->message, ==,
                   "[host] max-half-open: got \"3\" of type t, expected a whole number from 1 to"
                   " 1000000 (type u)");
  g_clear_error (&error);
  g_assert_false (lp2p_config_set (config, "host", "no-such", g_variant_new_uint64 (3), &error));
  g_assert_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_CONFIG);
  g_clear_error (&error);
  g_assert_false (lp2p_config_set (config, "plugin x", "y", g_variant_new_uint64 (3), &error));
  g_assert_cmpstr (error->message, ==, "[plugin x] y: unknown group");
  g_clear_error (&error);
  g_assert_false (lp2p_config_set_from_string (config, "host", "listen", "[", &error));
  g_assert_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_CONFIG);
}

static void
test_register_then_load (void)
{
  g_autoptr (Lp2pConfig) config = lp2p_config_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *label = NULL;

  g_assert_true (lp2p_config_register_group (config, "plugin quic-v1", quic_options,
                                             G_N_ELEMENTS (quic_options), &error));
  g_assert_no_error (error);
  g_assert_true (lp2p_config_get_boolean (config, "plugin quic-v1", "datagrams"));
  g_assert_true (load (config,
                       "[plugin quic-v1]\ndatagrams=false\nlabel=\"a b\"\noffset=10\ngain=2.0\n"
                       "names=[]\ntable={'a': 1}\n",
                       &error));
  g_assert_no_error (error);
  g_assert_false (lp2p_config_get_boolean (config, "plugin quic-v1", "datagrams"));
  label = lp2p_config_get_string (config, "plugin quic-v1", "label");
  g_assert_cmpstr (label, ==, "a b");
  assert_strv (lp2p_config_list_groups (config), "host plugin quic-v1");

  for (guint i = 0; i < 3; i++)
    {
      static const char *const bad[] = { "offset=-1", "gain=2.5", "idle-timeout=601" };
      g_autofree char *text = g_strconcat ("[plugin quic-v1]\n", bad[i], NULL);

      g_assert_false (load (config, text, &error));
      g_assert_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_CONFIG);
      g_clear_error (&error);
    }
}

static void
test_load_then_register (void)
{
  g_autoptr (Lp2pConfig) config = lp2p_config_new ();
  g_autoptr (GError) error = NULL;

  g_assert_true (load (config,
                       "[plugin quic-v1]\nidle-timeout=50\ndatagrams=false\nnames=[]\n"
                       "[plugin gone]\nx=[]\n",
                       &error));
  g_assert_null (lp2p_config_get (config, "plugin quic-v1", "idle-timeout"));
  g_assert_true (load (config, "[plugin quic-v1]\nidle-timeout=60\n", &error));
  assert_strv (lp2p_config_get_unknown_groups (config), "plugin gone plugin quic-v1");
  g_assert_true (lp2p_config_validate (config, &error));
  g_assert_true (lp2p_config_register_group (config, "plugin quic-v1", quic_options,
                                             G_N_ELEMENTS (quic_options), &error));
  g_assert_no_error (error);
  g_assert_cmpuint (lp2p_config_get_uint (config, "plugin quic-v1", "idle-timeout"), ==, 60);
  g_assert_false (lp2p_config_get_boolean (config, "plugin quic-v1", "datagrams"));
  assert_strv (lp2p_config_get_unknown_groups (config), "plugin gone");
}

static void
test_register_bad_values (void)
{
  static const struct
  {
    const char *line;
    const char *message;
  } bad[] = {
    { "idle-timeout='x'",
      "test.conf:2: [plugin quic-v1] idle-timeout: got \"'x'\" of type s, expected a whole number"
      " from 1 to 600 (type u)" },
    { "idle-tiemout=1",
      "test.conf:2: [plugin quic-v1] idle-tiemout: unknown key, expected one of: idle-timeout,"
      " datagrams, label, offset, gain, names, table" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (Lp2pConfig) config = lp2p_config_new ();
      g_autoptr (GError) error = NULL;
      g_autofree char *text = g_strconcat ("[plugin quic-v1]\n", bad[i].line, NULL);

      g_assert_true (load (config, text, &error));
      g_assert_false (lp2p_config_register_group (config, "plugin quic-v1", quic_options,
                                                  G_N_ELEMENTS (quic_options), &error));
      g_assert_cmpstr (error->message, ==, bad[i].message);
      g_assert_null (lp2p_config_get (config, "plugin quic-v1", "datagrams"));
      assert_strv (lp2p_config_get_unknown_groups (config), "plugin quic-v1");
    }
}

static void
test_validate (void)
{
  g_autoptr (Lp2pConfig) config = lp2p_config_new ();
  g_autoptr (GError) error = NULL;

  g_assert_true (load (config, "[plugin x]\na=[]\nb={}\nc=1\nd='e'\n", &error));
  g_assert_true (lp2p_config_validate (config, &error));
  g_assert_no_error (error);
  g_assert_true (load (config, "[plugin x]\nc=plain text\n", &error));
  g_assert_false (lp2p_config_validate (config, &error));
  g_assert_true (g_str_has_prefix (error->message,
                                   "test.conf:2: [plugin x] c: got \"plain text\" ("));
}

static void
test_register_bad_table (void)
{
  static const Lp2pOption bad[] = {
    { NULL, "u", "1", 0, 0, "No name" },
    { "Name", "u", "1", 0, 0, "Upper case" },
    { "a:b", "u", "1", 0, 0, "Colon" },
    { "a", NULL, "1", 0, 0, "No type" },
    { "a", "?", "1", 0, 0, "Indefinite type" },
    { "a", "uu", "1", 0, 0, "Two types" },
    { "a", "u", NULL, 0, 0, "No default" },
    { "a", "u", "'x'", 0, 0, "Default of another type" },
    { "a", "u", "5", 6, 7, "Default out of range" },
    { "a", "u", "5", 6, 5, "Empty range" },
  };
  static const Lp2pOption twice[] = {
    { "a", "u", "1", 0, 0, "One" },
    { "a", "u", "1", 0, 0, "Two" },
  };
  g_autoptr (Lp2pConfig) config = lp2p_config_new ();

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      g_test_message ("%s", bad[i].description);
      g_assert_false (lp2p_config_register_group (config, "plugin x", &bad[i], 1, &error));
      g_assert_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_CONFIG);
    }
  g_assert_false (lp2p_config_register_group (config, "plugin x", twice, 2, NULL));
  g_assert_true (lp2p_config_register_group (config, "plugin x", NULL, 0, NULL));
}

static void
test_register_again (void)
{
  g_autoptr (Lp2pConfig) config = lp2p_config_new ();
  g_autoptr (GError) error = NULL;

  g_assert_true (lp2p_config_register_group (config, "plugin x", quic_options, 3, &error));
  g_assert_true (lp2p_config_set_from_string (config, "plugin x", "idle-timeout", "9", &error));
  g_assert_true (lp2p_config_register_group (config, "plugin x", quic_options, 3, &error));
  g_assert_cmpuint (lp2p_config_get_uint (config, "plugin x", "idle-timeout"), ==, 9);
  g_assert_false (lp2p_config_register_group (config, "plugin x", quic_options, 2, &error));
  g_assert_cmpstr (error->message, ==, "[plugin x]: the group is registered with other options");
  g_clear_error (&error);
  g_assert_false (lp2p_config_register_group (config, "plugin x", quic_options + 1, 3, &error));
  g_assert_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_CONFIG);
}

static void
test_files (void)
{
  g_autoptr (Lp2pConfig) config = lp2p_config_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_build_filename (g_get_user_config_dir (), "lp2p", NULL);
  g_autofree char *path = g_build_filename (folder, "lp2p.conf", NULL);
  g_autofree char *before = lp2p_config_find_default_file ();
  g_autofree char *after = NULL;
  g_autofree char *message = NULL;

  g_assert_cmpstr (before, !=, path);
  g_assert_false (lp2p_config_load_file (config, path, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, path));
  g_clear_error (&error);

  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  g_assert_false (lp2p_config_load_file (config, folder, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_IS_DIRECTORY);
  g_clear_error (&error);

  g_assert_true (g_file_set_contents (path, "[host]\nmax-connections=5\n", -1, NULL));
  after = lp2p_config_find_default_file ();
  g_assert_cmpstr (after, ==, path);
  g_assert_true (lp2p_config_load_file (config, after, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (lp2p_config_get_uint (config, "host", "max-connections"), ==, 5);

  g_assert_true (g_file_set_contents (path, "[host]\nmax-connections=true\n", -1, NULL));
  g_assert_false (lp2p_config_load_file (config, path, &error));
  message = g_strdup_printf ("%s:2: [host] max-connections: got \"true\" of type b, expected a"
                             " whole number from 1 to 1000000 (type u)",
                             path);
  g_assert_cmpstr (error->message, ==, message);
  g_clear_error (&error);

  g_assert_false (lp2p_config_load_file (config, "/dev/zero", &error));
  g_assert_cmpstr (error->message, ==, "/dev/zero: file is larger than 1 MiB");
}

static void
count_changes (Lp2pConfig *config, const char *group, const char *key, gpointer n)
{
  (*(guint *) n)++;
}

/* What the new file does not name is as if nobody had ever set it. */
static void
test_replace (void)
{
  g_autoptr (Lp2pConfig) config = lp2p_config_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (g_get_user_data_dir (), "replace.conf", NULL);
  guint n_changes = 0;

  g_assert_cmpint (g_mkdir_with_parents (g_get_user_data_dir (), 0700), ==, 0);
  g_assert_true (load (config, "[host]\nmax-connections=5\nmax-half-open=6\n[plugin quic-v1]\nx=1\n", NULL));
  g_signal_connect (config, "changed", G_CALLBACK (count_changes), &n_changes);

  g_assert_true (g_file_set_contents (path, "[host]\nmax-half-open=0\n", -1, NULL));
  g_assert_false (lp2p_config_replace_file (config, path, &error));
  g_assert_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_CONFIG);
  g_assert_cmpuint (lp2p_config_get_uint (config, "host", "max-connections"), ==, 5);
  g_assert_cmpuint (n_changes, ==, 0);
  g_clear_error (&error);

  g_assert_true (g_file_set_contents (path, "[host]\nmax-half-open=6\nhandshake-timeout=7\n", -1, NULL));
  g_assert_true (lp2p_config_replace_file (config, path, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (lp2p_config_get_uint (config, "host", "max-connections"), ==, 1024);
  g_assert_cmpuint (lp2p_config_get_uint (config, "host", "max-half-open"), ==, 6);
  g_assert_cmpuint (lp2p_config_get_uint (config, "host", "handshake-timeout"), ==, 7);
  /* The one that is back at its default, and the new one. */
  g_assert_cmpuint (n_changes, ==, 2);

  /* The values that waited for the plugin were of the old file. */
  g_assert_true (lp2p_config_register_group (config, "plugin quic-v1", quic_options, G_N_ELEMENTS (quic_options), &error));
  g_assert_no_error (error);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/config/defaults", test_defaults);
  g_test_add_func ("/config/defaults-can-be-set", test_defaults_can_be_set);
  g_test_add_func ("/config/load", test_load);
  g_test_add_func ("/config/messages", test_messages);
  g_test_add_func ("/config/nul-and-long", test_nul_and_long);
  g_test_add_func ("/config/all-or-nothing", test_all_or_nothing);
  g_test_add_func ("/config/changed", test_changed);
  g_test_add_func ("/config/dropped-in-handler", test_dropped_in_handler);
  g_test_add_func ("/config/set-bad", test_set_bad);
  g_test_add_func ("/config/register-then-load", test_register_then_load);
  g_test_add_func ("/config/load-then-register", test_load_then_register);
  g_test_add_func ("/config/register-bad-values", test_register_bad_values);
  g_test_add_func ("/config/validate", test_validate);
  g_test_add_func ("/config/register-bad-table", test_register_bad_table);
  g_test_add_func ("/config/register-again", test_register_again);
  g_test_add_func ("/config/files", test_files);
  g_test_add_func ("/config/replace", test_replace);

  return g_test_run ();
}
