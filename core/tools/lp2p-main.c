/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The lp2p command: finds out which of its commands is meant and runs it. */

#include "tools/lp2p-output-private.h"
#include "tools/lp2p-tool-private.h"
#include "types/lp2p-i18n-private.h"

#include <libintl.h>
#include <locale.h>
#include <malloc.h>

/* What the heap keeps at its end. Buffers of a transfer come and go there, and to have
 * the system take back what is free and fill it with zeros again takes a fifth of the
 * processor. */
#define KEPT_HEAP (16 * 1024 * 1024)

/* What is larger is no such buffer, and does not come from there. */
#define HEAP_BLOCK (4 * 1024 * 1024)

static const ToolCommand commands[] = {
  { "config", N_("[NAME…]"), N_("Shows every option with its value, and checks the configuration."),
    tool_command_config },
  { "demo", NULL, N_("Tries every enabled way to connect, and shows how fast each is."),
    tool_command_demo },
  { "doctor", N_("[PEER]"), N_("Finds out what is wrong here, or why a peer cannot be reached."),
    tool_command_doctor },
  { "forward", NULL, N_("Connects local sockets to services of peers, and the other way round."),
    tool_command_forward },
  { "id", NULL, N_("Makes, shows, moves, imports and exports the private keys behind peer ids."),
    tool_command_id },
  { "identify", N_("ADDRESS"), N_("Shows what a peer says of itself."), tool_command_identify },
  { "inspect", N_("[NAME]"), N_("Shows what can be loaded, what is enabled, and what is wrong with it."),
    tool_command_inspect },
  { "listen", N_("[ADDRESS…]"), N_("Listens until it is interrupted."), tool_command_listen },
  { "perf", N_("ADDRESS"), N_("Measures how fast a peer takes and sends data."), tool_command_perf },
  { "ping", N_("ADDRESS"), N_("Measures how long a message takes to a peer and back."), tool_command_ping },
  { "receive", N_("[TICKET]"), N_("Receives files and folders from a peer."), tool_command_receive },
  { "send", N_("PATH…"), N_("Sends files and folders to a peer."), tool_command_send },
  { "status", N_("[PID]"), N_("Shows what the hosts that run are doing."), tool_command_status },
};

static const char exit_codes[] =
    N_("Exit status:\n"
       "  0  success\n"
       "  1  failure\n"
       "  2  wrong usage\n"
       "  3  could not connect: refused, unreachable, or no transport for the address\n"
       "  4  another peer answered than the one in the address\n"
       "  5  timed out");

static const ToolCommand *
find_command (const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    if (g_str_equal (commands[i].name, name))
      return &commands[i];
  return NULL;
}

static char *
describe_commands (void)
{
  GString *text = g_string_new (_("Commands:\n"));

  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    g_string_append_printf (text, "  %-10s%s\n", commands[i].name, _(commands[i].summary));
  g_string_append_printf (text, _("\nlp2p COMMAND --help tells more about each.\n\n%s"), _(exit_codes));
  return g_string_free (text, FALSE);
}

static int
fail_unknown (const char *name)
{
  const char *names[G_N_ELEMENTS (commands) + 1] = { NULL };
  const char *nearest;

  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    names[i] = commands[i].name;
  nearest = tool_find_nearest (name, names);
  if (nearest != NULL)
    return tool_fail (TOOL_EXIT_USAGE, name, _("unknown command, did you mean \"%s\"?"), nearest);
  return tool_fail (TOOL_EXIT_USAGE, name, _("unknown command, try lp2p --help"));
}

static int
run_command (ToolOptions *options, char **argv)
{
  /* `lp2p help ping` is `lp2p ping --help`. */
  gboolean help = g_str_equal (argv[0], "help");
  const ToolCommand *command;
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) own_argv = NULL;
  ToolLine line = { NULL };
  int status;

  if (help && argv[1] != NULL)
    argv++;
  command = find_command (argv[0]);
  if (command == NULL)
    return fail_unknown (argv[0]);

  if (help)
    g_strv_builder_add_many (builder, argv[0], "--help", NULL);
  else
    g_strv_builder_addv (builder, (const char **) argv);
  line.command = command;
  line.options = options;
  /* The parser takes out of the array what it has understood, and frees it. */
  line.argv = g_strv_builder_end (builder);
  status = command->run (&line);
  g_strfreev (line.argv);
  g_strfreev (line.arguments);
  return status;
}

static int
run (ToolOptions *options, char **argv)
{
  gboolean version = FALSE;
  const GOptionEntry entries[] = {
    { "version", 0, 0, G_OPTION_ARG_NONE, &version, N_("Show the version"), NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (_("COMMAND [ARGUMENTS…]"));
  g_autoptr (GError) error = NULL;
  g_autofree char *description = describe_commands ();
  g_auto (GStrv) rest = g_strdupv (argv);

  g_option_context_set_summary (
      context, _("Connects programs, whatever stands between them: libp2p from the command line."));
  g_option_context_set_description (context, description);
  tool_options_add (options, context);
  g_option_context_add_main_entries (context, entries, NULL);
  /* The options behind the command are the command's. */
  g_option_context_set_strict_posix (context, TRUE);

  if (!g_option_context_parse_strv (context, &rest, &error))
    return tool_fail (TOOL_EXIT_USAGE, _("options"), _("%s, try lp2p --help"), error->message);
  if (version)
    {
      tool_print ("lp2p %s\n", LP2P_VERSION_S);
      return TOOL_EXIT_OK;
    }
  if (rest[0] == NULL || rest[1] == NULL)
    return tool_fail (TOOL_EXIT_USAGE, _("command"), _("missing, try lp2p --help"));
  if (g_str_equal (rest[1], "help") && rest[2] == NULL)
    {
      g_autofree char *help = g_option_context_get_help (context, TRUE, NULL);
      tool_print ("%s", help);
      return TOOL_EXIT_OK;
    }
  return run_command (options, rest + 1);
}

int
main (int argc, char **argv)
{
  ToolOptions options = { NULL };
  int status;

#ifdef M_TRIM_THRESHOLD
  mallopt (M_TRIM_THRESHOLD, KEPT_HEAP);
  mallopt (M_MMAP_THRESHOLD, HEAP_BLOCK);
#endif
  setlocale (LC_ALL, "");
  textdomain (GETTEXT_PACKAGE);
  lp2p_i18n_init ();
  g_set_prgname ("lp2p");
  tool_options_listen_to_logs (&options);

  status = run (&options, argv);
  tool_progress_clear ();
  if (!tool_flush () && status == TOOL_EXIT_OK)
    status = tool_fail (TOOL_EXIT_FAILURE, _("output"), _("cannot be written"));
  tool_options_clear (&options);
  return status;
}
