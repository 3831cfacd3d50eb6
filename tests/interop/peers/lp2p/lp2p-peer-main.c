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

typedef enum
{
  COMMAND_LISTEN,
  COMMAND_DIAL,
  COMMAND_BENCH,
} CommandKind;

static const struct
{
  const char *name;
  CommandKind kind;
} commands[] = {
  { "listen", COMMAND_LISTEN },
  { "dial", COMMAND_DIAL },
  { "perf", COMMAND_BENCH },
  { "connect-loop", COMMAND_BENCH },
  { "idle", COMMAND_BENCH },
};

static gboolean
parse (PeerOptions *options, CommandKind kind, int *argc, char ***argv, GError **error)
{
  gboolean dial = kind != COMMAND_LISTEN;
  const GOptionEntry common[] = {
    { "transport", 0, 0, G_OPTION_ARG_STRING, &options->transport, "The transports (tcp)",
      "A,B" },
    { "security", 0, 0, G_OPTION_ARG_STRING, &options->security,
      "The security protocols, the preferred one first (noise)", "A,B" },
    { "muxer", 0, 0, G_OPTION_ARG_STRING, &options->muxer, "The muxers, the preferred one first (yamux)", "A,B" },
    { "key-seed", 0, 0, G_OPTION_ARG_STRING, &options->key_seed,
      "Derive the identity from this number", "N" },
    { "tls-certificate", 0, 0, G_OPTION_ARG_FILENAME, &options->tls_certificate,
      "What a listener of wss shows, a PEM file", "FILE" },
    { "tls-key", 0, 0, G_OPTION_ARG_FILENAME, &options->tls_key, "The private key of it, a PEM file", "FILE" },
    { "tls-trust", 0, 0, G_OPTION_ARG_FILENAME, &options->tls_trust, "What a dialer of wss trusts, a PEM file",
      "FILE" },
    { "set", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->settings,
      "Set an option of the group [host], or of another one", "[GROUP.]KEY=VALUE" },
    { "quiet", 0, 0, G_OPTION_ARG_INT, &options->quiet,
      "Seconds that the step quiet waits, and a listener before it answers an upload (0)", "N" },
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
  const GOptionEntry for_bench[] = {
    { "upload", 0, 0, G_OPTION_ARG_INT64, &options->upload, "perf: bytes to send (0)", "N" },
    { "download", 0, 0, G_OPTION_ARG_INT64, &options->download, "perf: bytes to ask for (0)", "N" },
    { "count", 0, 0, G_OPTION_ARG_INT, &options->count, "Connections in total (100)", "N" },
    { "parallel", 0, 0, G_OPTION_ARG_INT, &options->parallel,
      "connect-loop: connections at once (1)", "N" },
    { NULL },
  };
  const GOptionEntry *entries[] = { for_listen, for_dial, for_bench };
  g_autoptr (GOptionContext) context = g_option_context_new (dial ? "ADDRESS" : NULL);

  g_option_context_add_main_entries (context, common, NULL);
  g_option_context_add_main_entries (context, entries[kind], NULL);
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
  g_free (options->tls_certificate);
  g_free (options->tls_key);
  g_free (options->tls_trust);
  g_strfreev (options->settings);
  g_free (options->address);
  g_free (options->steps);
}

int
main (int argc, char **argv)
{
  PeerOptions options = { .upload_bytes = 8 * 1024 * 1024, .streams = 1000, .count = 100 };
  g_autoptr (GError) error = NULL;
  const char *command;
  CommandKind kind;
  guint i = 0;
  int status;

  setlocale (LC_ALL, "");
  /* Standard output has what the contract says, and nothing else. */
  g_log_writer_default_set_use_stderr (TRUE);
  if (argc < 2)
    return peer_fail_usage ("usage: lp2p-peer listen|dial|perf|connect-loop|idle [options]");
  command = argv[1];
  while (i < G_N_ELEMENTS (commands) && !g_str_equal (command, commands[i].name))
    i++;
  if (i == G_N_ELEMENTS (commands))
    return peer_fail_usage ("unknown command %s, use listen, dial, perf, connect-loop or idle",
                            command);
  kind = commands[i].kind;
  options.parallel = kind == COMMAND_BENCH ? 1 : 256;

  /* The command is not there for what parses the rest. */
  argv[1] = argv[0];
  argv++;
  argc--;
  if (!parse (&options, kind, &argc, &argv, &error))
    {
      options_clear (&options);
      return peer_fail_usage ("%s", error->message);
    }
  set_default (&options.transport, "tcp");
  set_default (&options.security, "noise");
  set_default (&options.muxer, "yamux");
  if (kind != COMMAND_LISTEN)
    options.address = g_strdup (argv[1]);
  set_default (&options.address, "/ip4/127.0.0.1/tcp/0");

  if (kind == COMMAND_LISTEN)
    status = peer_listen (&options);
  else if (kind == COMMAND_DIAL)
    status = peer_dial (&options);
  else
    status = peer_bench (command, &options);
  options_clear (&options);
  return status;
}
