/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The peer of the interop tests that speaks with this library, behind the
 * command line described in ../README.md. */

#include "lp2p-peer.h"

#include <locale.h>
#include <string.h>

int
peer_fail_usage (const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_printerr ("lp2p-peer: %s\n", message);
  return PEER_EXIT_USAGE;
}

static gboolean
parse (PeerOptions *options, gboolean dial, int *argc, char ***argv, GError **error)
{
  const GOptionEntry common[] = {
    { "transport", 0, 0, G_OPTION_ARG_STRING, &options->transport, "The transport (tcp)",
      "NAME" },
    { "security", 0, 0, G_OPTION_ARG_STRING, &options->security,
      "The security protocols, the preferred one first (noise)", "A,B" },
    { "muxer", 0, 0, G_OPTION_ARG_STRING, &options->muxer, "The muxers, the preferred one first (yamux)", "A,B" },
    { "key-seed", 0, 0, G_OPTION_ARG_STRING, &options->key_seed,
      "Derive the identity from this number", "N" },
    { "set", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->settings,
      "Set an option of the group [host]", "KEY=VALUE" },
    { NULL },
  };
  const GOptionEntry for_listen[] = {
    { "address", 0, 0, G_OPTION_ARG_STRING, &options->address,
      "Where to listen (/ip4/127.0.0.1/tcp/0)", "MULTIADDR" },
    { NULL },
  };
  const GOptionEntry for_dial[] = {
    { "upload-bytes", 0, 0, G_OPTION_ARG_INT64, &options->upload_bytes,
      "Bytes to upload and to download (8388608)", "N" },
    { "streams", 0, 0, G_OPTION_ARG_INT, &options->streams, "Echo streams in total (1000)", "N" },
    { "parallel", 0, 0, G_OPTION_ARG_INT, &options->parallel, "Echo streams open at once (256)",
      "N" },
    { "steps", 0, 0, G_OPTION_ARG_STRING, &options->steps, "Only these steps", "A,B,C" },
    { "abrupt", 0, 0, G_OPTION_ARG_NONE, &options->abrupt, "End with the last step, close nothing",
      NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (dial ? "ADDRESS" : NULL);

  g_option_context_add_main_entries (context, common, NULL);
  g_option_context_add_main_entries (context, dial ? for_dial : for_listen, NULL);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (*argc == (dial ? 2 : 1))
    return TRUE;
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "expected %s, got %d arguments",
               dial ? "one address" : "no arguments", *argc - 1);
  return FALSE;
}

static void
set_default (char **option, const char *value)
{
  if (*option == NULL)
    *option = g_strdup (value);
}

static void
options_clear (PeerOptions *options)
{
  g_free (options->transport);
  g_free (options->security);
  g_free (options->muxer);
  g_free (options->key_seed);
  g_strfreev (options->settings);
  g_free (options->address);
  g_free (options->steps);
}

int
main (int argc, char **argv)
{
  PeerOptions options = { .upload_bytes = 8 * 1024 * 1024, .streams = 1000, .parallel = 256 };
  g_autoptr (GError) error = NULL;
  gboolean dial;
  int status;

  setlocale (LC_ALL, "");
  if (argc < 2)
    return peer_fail_usage ("usage: lp2p-peer listen|dial [options]");
  dial = g_str_equal (argv[1], "dial");
  if (!dial && !g_str_equal (argv[1], "listen"))
    return peer_fail_usage ("unknown command %s, use listen or dial", argv[1]);

  /* The command is not there for what parses the rest. */
  argv[1] = argv[0];
  argv++;
  argc--;
  if (!parse (&options, dial, &argc, &argv, &error))
    {
      options_clear (&options);
      return peer_fail_usage ("%s", error->message);
    }
  set_default (&options.transport, "tcp");
  set_default (&options.security, "noise");
  set_default (&options.muxer, "yamux");
  if (dial)
    options.address = g_strdup (argv[1]);
  set_default (&options.address, "/ip4/127.0.0.1/tcp/0");

  status = dial ? peer_dial (&options) : peer_listen (&options);
  options_clear (&options);
  return status;
}
