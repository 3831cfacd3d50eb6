/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* lp2p send: files and folders to one peer. */

#include "tools/lp2p-listening-private.h"
#include "tools/lp2p-output-private.h"
#include "tools/send/lp2p-send-door-private.h"
#include "tools/send/lp2p-send-qr-private.h"
#include "tools/send/lp2p-send-session-private.h"
#include "tools/send/lp2p-sender-private.h"
#include "tools/status/lp2p-control-private.h"
#include "types/lp2p-i18n-private.h"

#include <inttypes.h>
#include <string.h>
#include <sys/random.h>

#define WHAT "send"

/* Nobody guesses it. */
#define CODE_SIZE 16
/* Who gets it wrong more often than this is no friend. So many of them are remembered. */
#define MAX_WRONG    5
#define MAX_STRANGERS 256
/* A QR code with more would be too fine for a terminal. */
#define MAX_ADDRESSES 8

typedef struct
{
  char *to;
  char **listen;
  double minutes;
  double timeout;
  gboolean follow;
  gboolean links;
  gboolean no_qr;
  gboolean json;
} Options;

/* A sender that waits for its receiver.
 * @bound: the peer that the code belongs to since it was shown
 * @wrong: (element-type Lp2pPeerId guint): how many wrong codes came from whom
 * @waiting: it came and is to be served; @current is being served */
typedef struct
{
  const Options *options;
  ToolLine *line;
  SendLoad *load;
  SendReport *report;
  guint8 code[CODE_SIZE];
  gint64 expires;
  Lp2pPeerId *bound;
  GHashTable *wrong;
  SendChannel *waiting;
  SendChannel *current;
} Serve;

static const char description[] =
    N_("Sends files, and folders with all that is in them, to one peer.\n"
       "\n"
       "Without --to it listens and prints a ticket, on a terminal that is large enough also as\n"
       "a QR code: lp2p receive TICKET on the other machine fetches the files. Who has the ticket\n"
       "gets them, so hand it over as you would a password. It works for one receiver, which may\n"
       "come back with it to go on after a cut, until it expires. With --to it dials a peer that\n"
       "runs lp2p receive, which has to allow this peer or to confirm.\n"
       "\n"
       "A transfer that was cut goes on where it ended when both sides do the same again:\n"
       "what is there already is compared by its hash, not sent. Nothing is replaced at the\n"
       "receiver unless it was told to.\n"
       "\n"
       "A PATH that is a symbolic link is followed. Those in folders are left out, with a\n"
       "line that says so, unless --follow sends what they lead to, or --links sends them as\n"
       "links. Sockets, pipes and devices are left out. Permissions and times of change are\n"
       "kept.\n"
       "\n"
       "--json prints objects (type): \"ticket\" (ticket, peer_id, addresses, expires in\n"
       "seconds since 1970), \"begin\" (peer_id, name, files, bytes), \"progress\" (path, done,\n"
       "bytes, rate), \"resume\" (path, offset), \"file\" (path, bytes, state: sent, present,\n"
       "skipped or failed, reason), \"error\" (reason) when a transfer is cut, \"final\" (files,\n"
       "present, skipped, failed, bytes, seconds, mb_s).\n"
       "While nobody reads them, \"progress\" is left out, and the rest waits.\n"
       "\n"
       "Exit status: 0 all was sent or is there, 1 something was not, 3 could not connect, 4\n"
       "another peer answered, 5 timed out or the ticket expired.\n"
       "\n"
       "Examples:\n"
       "  lp2p send holiday.mp4 pictures\n"
       "  lp2p send --to /ip4/192.0.2.7/tcp/4001/p2p/12D3KooW… report.pdf");

static void
options_clear (Options *self)
{
  g_free (self->to);
  g_strfreev (self->listen);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

/* Tickets */

/* Adds up to @most of those that are over UDP, or are not. */
static guint
choose_of_kind (GPtrArray *all, gboolean loopback, gboolean udp, guint most, GPtrArray *chosen)
{
  guint n = 0;

  for (guint i = 0; i < all->len && n < most; i++)
    {
      Lp2pMultiaddr *address = g_ptr_array_index (all, i);

      if (lp2p_multiaddr_is_loopback (address) != loopback ||
          (lp2p_multiaddr_find (address, LP2P_PROTOCOL_UDP, 0) >= 0) != udp)
        continue;
      g_ptr_array_add (chosen, lp2p_multiaddr_ref (address));
      n++;
    }
  return n;
}

/* Those that others reach first; a loopback address only where there is no other. A
 * machine may have so many that those over UDP leave no room, but not every network lets
 * UDP through: half of the room is for the others. */
static GPtrArray *
choose_addresses (Lp2pHost *host)
{
  g_autoptr (GPtrArray) all = lp2p_host_dup_listen_addresses (host);
  GPtrArray *chosen = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);

  for (guint loopback = 0; loopback <= 1 && chosen->len == 0; loopback++)
    {
      g_autoptr (GPtrArray) others = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);
      guint n = choose_of_kind (all, loopback == 1, FALSE, MAX_ADDRESSES, others);

      n = choose_of_kind (all, loopback == 1, TRUE, MAX_ADDRESSES - MIN (n, MAX_ADDRESSES / 2), chosen);
      g_ptr_array_set_size (others, MIN (others->len, MAX_ADDRESSES - n));
      g_ptr_array_extend_and_steal (chosen, g_steal_pointer (&others));
    }
  return chosen;
}

/* What stands before a ticket, on its line and on those above it. */
#define TICKET_INDENT "  lp2p receive "
#define TICKET_HEADING_LINES 2

/* The code and the ticket have to be seen at once: what scrolls away is of no use. */
static void
print_code (const char *ticket)
{
  g_autoptr (SendQr) code = send_qr_new (ticket);
  guint columns, lines, needed;

  if (code == NULL)
    return;
  send_qr_measure_terminal (&columns, &lines);
  /* The ticket wraps, and the cursor is below it. */
  needed = code->lines + TICKET_HEADING_LINES +
           (guint) (strlen (TICKET_INDENT) + strlen (ticket) + columns - 1) / columns + 1;
  if (code->columns <= columns && needed <= lines)
    tool_print ("%s", code->text);
  else
    tool_print (_("A terminal with %u columns and %u lines shows the ticket as a QR code, too.\n"),
                MAX (columns, code->columns), MAX (lines, needed));
}

static void
print_ticket_object (Serve *self, const char *peer, const char *text, GPtrArray *addresses)
{
  g_autoptr (ToolJson) object = tool_json_new ();
  g_auto (GStrv) texts = tool_list_addresses (addresses);

  tool_json_add_string (object, "type", "ticket");
  tool_json_add_string (object, "ticket", text);
  tool_json_add_string (object, "peer_id", peer);
  tool_json_add_strings (object, "addresses", (const char *const *) texts);
  tool_json_add_integer (object, "expires", self->expires);
  tool_json_print (object);
}

/* The ticket comes last, where it is found and copied. */
static void
print_ticket (Serve *self, const char *text)
{
  g_autofree char *size = g_format_size (self->load->size);

  if (!self->options->no_qr && send_qr_is_shown ())
    print_code (text);
  /* Translators: a number of files, their size */
  tool_print (lp2p_ngettext ("%" PRIu64 " file, %s. On the other machine:\n",
                             "%" PRIu64 " files, %s. On the other machine:\n",
                             self->load->files),
              self->load->files, size);
  tool_print ("\n" TICKET_INDENT "%s\n", text);
  tool_flush ();
}

/* In a ticket the peer is named once, not behind each address. */
static GPtrArray *
without_peer (GPtrArray *addresses)
{
  GPtrArray *shorter = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);

  for (guint i = 0; i < addresses->len; i++)
    {
      Lp2pMultiaddr *address = g_ptr_array_index (addresses, i);
      guint n = lp2p_multiaddr_get_n_components (address);

      g_ptr_array_add (shorter, lp2p_multiaddr_slice (address, 0, n > 1 ? n - 1 : n));
    }
  return shorter;
}

static gboolean
make_ticket (Serve *self, Lp2pHost *host, GError **error)
{
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  g_autoptr (GPtrArray) addresses = choose_addresses (host);
  g_autoptr (GPtrArray) shorter = without_peer (addresses);
  g_autoptr (Lp2pTicket) ticket = NULL;
  g_autoptr (GBytes) code = NULL;
  g_autofree char *text = NULL;

  if (getrandom (self->code, sizeof self->code, 0) != sizeof self->code)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                           N_("the system has no random numbers"));
      return FALSE;
    }
  self->expires = now + (gint64) (self->options->minutes * 60 + 0.5);
  code = g_bytes_new (self->code, sizeof self->code);
  ticket = lp2p_ticket_new (lp2p_host_get_peer_id (host), shorter, code, now, self->expires);
  text = lp2p_ticket_seal (ticket, lp2p_host_get_identity (host), error);
  if (text == NULL)
    return FALSE;
  if (self->options->json)
    print_ticket_object (self, lp2p_peer_id_get_string (lp2p_host_get_peer_id (host)), text, addresses);
  else
    print_ticket (self, text);
  return TRUE;
}

/* Visitors */

/* In the same time for each wrong code. */
static gboolean
check_code (const Serve *self, const ProtobufCBinaryData *code)
{
  guint8 difference = 0;

  if (code->len != CODE_SIZE)
    return FALSE;
  for (gsize i = 0; i < CODE_SIZE; i++)
    difference |= self->code[i] ^ code->data[i];
  return difference == 0;
}

/* Counted for each peer, so that nobody ends what is somebody else's. */
static guint
count_wrong (Serve *self, Lp2pPeerId *peer, guint more)
{
  guint n = GPOINTER_TO_UINT (g_hash_table_lookup (self->wrong, peer)) + more;

  if (more == 0)
    return n;
  if (g_hash_table_size (self->wrong) >= MAX_STRANGERS)
    g_hash_table_remove_all (self->wrong);
  g_hash_table_insert (self->wrong, lp2p_peer_id_ref (peer), GUINT_TO_POINTER (n));
  return n;
}

static gboolean
is_expired (const Serve *self)
{
  return g_get_real_time () / G_USEC_PER_SEC >= self->expires;
}

/* The receiver that comes back is served instead of what is left of its last visit,
 * which may not have noticed yet that it is over. */
static char *
admit (SendChannel *channel, SendFrame **frame, gpointer user_data)
{
  Serve *self = user_data;
  Lp2pPeerId *peer = send_channel_get_peer (channel);

  if ((*frame)->body_case != SEND_BODY (REQUEST))
    return g_strdup (N_("this is a sender, which serves who has its ticket"));
  if (count_wrong (self, peer, 0) >= MAX_WRONG)
    return g_strdup (N_("too many wrong codes were tried"));
  if (!check_code (self, &(*frame)->request->code))
    {
      count_wrong (self, peer, 1);
      return g_strdup (N_("the code of the ticket is wrong"));
    }
  if (is_expired (self))
    return g_strdup (N_("the ticket has expired"));
  if (self->bound != NULL && !lp2p_peer_id_equal (self->bound, peer))
    return g_strdup (N_("the ticket was used by another receiver already"));
  if (self->bound == NULL)
    self->bound = lp2p_peer_id_ref (peer);
  if (self->current != NULL)
    send_channel_fail (self->current, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED,
                                                           N_("the receiver began anew")));
  g_clear_pointer (&self->waiting, send_channel_free);
  self->waiting = channel;
  send_channel_set_notify (channel, NULL, NULL);
  return NULL;
}

static gboolean
on_expired (gpointer user_data)
{
  return G_SOURCE_CONTINUE;
}

/* Waits for a receiver. */
static gboolean
wait_visitor (Serve *self, GError **error)
{
  /* Looks at the clock of the wall, which may be set and jumps after a sleep. */
  guint timer = g_timeout_add_seconds (1, on_expired, NULL);

  while (self->waiting == NULL && !tool_is_interrupted () && !is_expired (self))
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (timer);
  if (tool_is_interrupted ())
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, N_("interrupted"));
  else if (self->waiting == NULL)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                         N_("the ticket expired before all was sent"));
  return self->waiting != NULL && !tool_is_interrupted ();
}

/* One visit. Returns whether there is to be no other one. */
static gboolean
serve_visitor (Serve *self, int *status)
{
  g_autoptr (GError) error = NULL;
  gboolean good;

  self->current = g_steal_pointer (&self->waiting);
  good = send_load_measure (self->load, &error) &&
         send_load_send (self->load, self->current, self->report, &error);
  *status = send_end (self->line, self->current, self->report, good, error);
  g_clear_pointer (&self->current, send_channel_free);
  if (!good && !tool_is_interrupted ())
    tool_fail (TOOL_EXIT_FAILURE, WHAT, _("the receiver may come back with the same ticket"));
  return good || tool_is_interrupted ();
}

static int
serve (Serve *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pHost) host = NULL;
  g_autoptr (SendDoor) door = NULL;
  g_autoptr (ToolControl) control = NULL;
  int status = TOOL_EXIT_FAILURE;
  gboolean over = FALSE;

  host = send_start_listener (self->line, self->options->listen, &error);
  if (host == NULL)
    return tool_fail_error (WHAT, error);
  control = tool_control_new (self->line, host, send_report_append_status, self->report);
  self->wrong = g_hash_table_new_full (lp2p_peer_id_hash, lp2p_peer_id_equal, (GDestroyNotify) lp2p_peer_id_unref, NULL);
  door = send_door_new (host, admit, self);
  if (make_ticket (self, host, &error))
    while (!over && wait_visitor (self, &error))
      over = serve_visitor (self, &status);
  if (!over)
    status = tool_fail_error (WHAT, error);
  g_clear_pointer (&door, send_door_free);
  g_clear_pointer (&self->waiting, send_channel_free);
  g_clear_pointer (&self->bound, lp2p_peer_id_unref);
  g_clear_pointer (&self->wrong, g_hash_table_unref);
  g_clear_pointer (&control, tool_control_free);
  tool_host_close (host);
  return status;
}

/* Dialing */

static int
dial (Serve *self, Lp2pMultiaddr *address)
{
  g_autoptr (GPtrArray) addresses = g_ptr_array_new ();
  g_autoptr (Lp2pPeerId) peer = lp2p_peer_id_from_multiaddr (address);
  g_autoptr (Lp2pHost) host = NULL;
  g_autoptr (ToolControl) control = NULL;
  g_autoptr (SendChannel) channel = NULL;
  g_autoptr (GError) error = NULL;
  int status;

  g_ptr_array_add (addresses, address);
  host = send_start_dialer (self->line, NULL, &error);
  if (host == NULL)
    return tool_fail_error (WHAT, error);
  control = tool_control_new (self->line, host, send_report_append_status, self->report);
  channel = send_open_channel (host, peer, addresses, self->options->timeout, &error);
  if (channel == NULL)
    {
      status = tool_fail_error (WHAT, error);
    }
  else
    {
      gboolean good = send_load_send (self->load, channel, self->report, &error);

      status = send_end (self->line, channel, self->report, good, error);
    }
  g_clear_pointer (&channel, send_channel_free);
  g_clear_pointer (&control, tool_control_free);
  tool_host_close (host);
  return status;
}

static gboolean
check_options (const Options *options, ToolLine *line)
{
  if (options->follow && options->links)
    tool_fail (TOOL_EXIT_USAGE, WHAT, _("--follow and --links exclude each other"));
  else if (options->to != NULL && options->listen != NULL)
    tool_fail (TOOL_EXIT_USAGE, WHAT, _("--to dials, so --listen makes no sense"));
  else if (!(options->minutes > 0 && options->minutes <= 60 * 24 * 365))
    tool_fail (TOOL_EXIT_USAGE, WHAT,
               _("a ticket that expires after %g minutes, expected more than 0, at most 525600"),
               options->minutes);
  else
    return send_check_timeout (line, options->timeout);
  return FALSE;
}

static int
run (const Options *options, ToolLine *line)
{
  SendLoad load = { NULL };
  g_autoptr (GPtrArray) roots = NULL;
  g_autoptr (Lp2pMultiaddr) address = NULL;
  g_autoptr (SendReport) report = send_report_new (line, TRUE, options->json);
  g_autoptr (GError) error = NULL;
  Serve self = { .options = options, .line = line, .load = &load, .report = report };

  if (options->to != NULL)
    {
      address = lp2p_multiaddr_new_from_string (options->to, &error);
      if (address == NULL)
        return tool_fail (TOOL_EXIT_USAGE, WHAT, "%s", error->message);
    }
  load.links = options->follow ? SEND_LINKS_FOLLOW
               : options->links ? SEND_LINKS_KEEP
                                : SEND_LINKS_SKIP;
  tool_watch_interrupts ();
  roots = send_roots_new (line->arguments, load.links, &error);
  if (roots == NULL)
    return tool_fail_error (WHAT, error);
  load.roots = roots;
  if (!send_load_measure (&load, &error))
    return tool_fail_error (WHAT, error);
  send_report_expect (report, send_load_get_name (&load), load.files, load.size);
  return address != NULL ? dial (&self, address) : serve (&self);
}

int
tool_command_send (ToolLine *line)
{
  g_auto (Options) options = { .minutes = 60, .timeout = 30 };
  const GOptionEntry entries[] = {
    { "to", 0, 0, G_OPTION_ARG_STRING, &options.to,
      N_("Dial this peer, which runs lp2p receive, instead of printing a ticket"), N_("ADDRESS") },
    { "listen", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.listen,
      N_("Listen there, such as /ip4/0.0.0.0/tcp/4001; may be given several times"), N_("ADDRESS") },
    { "expire", 0, 0, G_OPTION_ARG_DOUBLE, &options.minutes,
      N_("Minutes that the ticket is valid; the default is 60"), N_("MINUTES") },
    { "no-qr", 0, 0, G_OPTION_ARG_NONE, &options.no_qr, N_("Print no QR code"), NULL },
    { "follow", 0, 0, G_OPTION_ARG_NONE, &options.follow,
      N_("Send what symbolic links lead to"), NULL },
    { "links", 0, 0, G_OPTION_ARG_NONE, &options.links, N_("Send symbolic links as such"), NULL },
    { "timeout", 0, 0, G_OPTION_ARG_DOUBLE, &options.timeout, SEND_TIMEOUT_HELP, N_("SECONDS") },
    { "json", 0, 0, G_OPTION_ARG_NONE, &options.json, N_("Print JSON objects"), NULL },
    { NULL },
  };

  if (!tool_line_parse (line, entries, description, 1, G_MAXUINT) || !check_options (&options, line))
    return TOOL_EXIT_USAGE;
  return run (&options, line);
}
