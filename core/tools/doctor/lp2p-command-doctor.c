/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* lp2p doctor: what is wrong here, or on the way to a peer. */

#include "tools/doctor/lp2p-doctor-private.h"

#include "tools/lp2p-output-private.h"
#include "tools/lp2p-session-private.h"
#include "types/lp2p-i18n-private.h"

#define WHAT "doctor"

static const char description[] =
    N_("Without an argument, checks this machine: the configuration, the loadable objects, the\n"
       "identity, where it can listen, the network, names, proxies and limits.\n"
       "\n"
       "With one, finds out why a peer cannot be reached: names are resolved, and then each\n"
       "address is dialed on its own. What failed is told with its step: transport (none for\n"
       "the address), filter (it is not dialed), connect, handshake, peer (another one\n"
       "answered), ticket (it has expired). PEER is an address, a ticket of lp2p send, which is\n"
       "not used up by that, or a peer id, whose addresses are those of the peer store.\n"
       "\n"
       "--json prints an object per result (type \"check\"; address, check, verdict, which is\n"
       "\"ok\", \"warning\" or \"failure\", time_ms, detail, advice) and one at the end (type\n"
       "\"final\"; warnings, failures).\n"
       "\n"
       "Exit status: 0 nothing is wrong but for warnings, or the peer was reached; without an\n"
       "argument 1 for a failure; with one 1 the ticket has expired, 3 no address could be\n"
       "reached, 4 another peer answered, 5 timed out.");

static const char *const verdicts[] = { N_("ok"), N_("warning"), N_("failure") };

static void
print_line (const char *address,
            const char *check,
            ToolVerdict verdict,
            double seconds,
            const char *detail,
            const char *advice)
{
  g_autofree char *time = seconds >= 0 ? g_strdup_printf (" (%.1f ms)", seconds * 1000) : g_strdup ("");
  g_autofree char *text = g_strdup_printf ("%s%s%s%s", address != NULL ? address : "",
                                           address != NULL ? ": " : "", detail, time);
  g_autofree char *padded = tool_pad (_(verdicts[verdict]), 9);
  g_autofree char *printable = tool_make_printable (text);
  g_autofree char *printable_advice = advice != NULL ? tool_make_printable (advice) : NULL;

  tool_print ("%s%-15s%s\n", padded, check, printable);
  if (advice != NULL)
    tool_print ("%-24s%s\n", "", printable_advice);
  tool_flush ();
}

void
tool_doctor_tell (ToolDoctor *self,
                  const char *address,
                  const char *check,
                  ToolVerdict verdict,
                  double seconds,
                  const char *detail,
                  const char *advice)
{
  g_autoptr (ToolJson) object = NULL;

  self->n_warnings += verdict == TOOL_VERDICT_WARNING;
  self->n_failures += verdict == TOOL_VERDICT_FAILURE;
  if (!self->json)
    {
      print_line (address, check, verdict, seconds, detail, advice);
      return;
    }
  object = tool_json_new ();
  tool_json_add_string (object, "type", "check");
  tool_json_add_string (object, "address", address);
  tool_json_add_string (object, "check", check);
  tool_json_add_string (object, "verdict", verdicts[verdict]);
  if (seconds >= 0)
    tool_json_add_number (object, "time_ms", seconds * 1000, 3);
  else
    tool_json_add_null (object, "time_ms");
  tool_json_add_string (object, "detail", detail);
  tool_json_add_string (object, "advice", advice);
  tool_json_print (object);
}

static void
print_final (ToolDoctor *self)
{
  g_autoptr (ToolJson) object = NULL;

  if (!self->json)
    {
      tool_print (_("failures: %u, warnings: %u\n"), self->n_failures, self->n_warnings);
      return;
    }
  object = tool_json_new ();
  tool_json_add_string (object, "type", "final");
  tool_json_add_integer (object, "failures", self->n_failures);
  tool_json_add_integer (object, "warnings", self->n_warnings);
  tool_json_print (object);
}

int
tool_command_doctor (ToolLine *line)
{
  g_autofree char *dns_name = NULL;
  ToolDoctor self = { .line = line, .timeout = 10 };
  const GOptionEntry entries[] = {
    { "timeout", 0, 0, G_OPTION_ARG_DOUBLE, &self.timeout,
      N_("Seconds that each step may take; the default is 10"), N_("SECONDS") },
    { "dns-name", 0, 0, G_OPTION_ARG_STRING, &dns_name,
      N_("Look this name up, which asks the name servers; without it nobody is asked"), N_("NAME") },
    { "json", 0, 0, G_OPTION_ARG_NONE, &self.json, N_("Print JSON objects"), NULL },
    { NULL },
  };
  int status = TOOL_EXIT_OK;

  if (!tool_line_parse (line, entries, description, 0, 1))
    return TOOL_EXIT_USAGE;
  if (!(self.timeout > 0 && self.timeout <= 86400))
    return tool_fail (TOOL_EXIT_USAGE, WHAT,
                      _("a timeout of %g s, expected more than 0, at most 86400"), self.timeout);
  self.dns_name = dns_name;

  tool_watch_interrupts ();
  if (line->arguments != NULL)
    {
      status = tool_doctor_reach (&self, line->arguments[0]);
      if (status == TOOL_EXIT_USAGE)
        return status;
    }
  else
    {
      tool_doctor_check_setup (&self);
      status = self.n_failures > 0 ? TOOL_EXIT_FAILURE : TOOL_EXIT_OK;
    }
  print_final (&self);
  return status;
}
