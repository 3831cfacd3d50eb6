/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* lp2p receive: files and folders from one peer. */

#include "tools/lp2p-listening-private.h"
#include "tools/lp2p-output-private.h"
#include "tools/send/lp2p-receive-question-private.h"
#include "tools/send/lp2p-receiver-private.h"
#include "tools/send/lp2p-send-door-private.h"
#include "tools/send/lp2p-send-session-private.h"
#include "tools/status/lp2p-control-private.h"
#include "types/lp2p-i18n-private.h"

#include <unistd.h>

#define WHAT "receive"

#define NOT_WANTED N_("the user does not want it")

typedef struct
{
  char *into;
  char **allow;
  char **listen;
  double timeout;
  gboolean overwrite;
  gboolean links;
  gboolean json;
} Options;

/* So many of those whom the user did not want are remembered. */
#define MAX_REFUSED 256

/* A receiver.
 * @peers: who may send without being asked about; empty for nobody
 * @refused: (element-type Lp2pPeerId): whom the user did not want
 * @waiting, @offer: who came with what; @current is being served */
typedef struct
{
  const Options *options;
  ToolLine *line;
  ReceiveStore *store;
  SendReport *report;
  GPtrArray *peers;
  GHashTable *refused;
  SendChannel *waiting;
  SendFrame *offer;
  SendChannel *current;
} Receive;

static const char description[] =
    N_("With a TICKET, which lp2p send prints on the other machine, it fetches what that has\n"
       "to send. Without one it listens, prints its addresses, and waits for lp2p send --to:\n"
       "from the peers of --allow it takes what they send; without --allow it asks on the\n"
       "terminal. Nobody else is served. It ends when it has received something.\n"
       "\n"
       "A transfer that was cut goes on where it ended when both sides do the same again, with\n"
       "the same target folder. What is not complete is kept in .lp2p-receive in there, which\n"
       "goes when it is empty; a file appears under its name when all of it is on the disk.\n"
       "\n"
       "A file that is there already is compared by its hash. Another one of the same name is\n"
       "left alone, which is a failure for that file, unless --overwrite is given. Names lead\n"
       "nowhere but below the target folder, and through no symbolic link. Symbolic links are\n"
       "taken with --links, if they lead to something in the target folder. Permissions (as\n"
       "far as the umask allows them) and times of change are those at the sender, also of\n"
       "folders.\n"
       "\n"
       "--json prints objects (type): \"listening\" (peer_id, addresses), \"begin\" (peer_id,\n"
       "name, files, bytes), \"progress\" (path, done, bytes, rate), \"resume\" (path, offset),\n"
       "\"file\" (path, bytes, state: received, present or failed, reason), \"error\" (reason) when\n"
       "a transfer is cut, \"final\" (files, present, skipped, failed, bytes, seconds, mb_s).\n"
       "While nobody reads them, \"progress\" is left out, and the rest waits.\n"
       "\n"
       "Exit status: 0 all was received or is there, 1 something was not, 3 could not connect,\n"
       "4 another peer answered, 5 timed out.\n"
       "\n"
       "Examples:\n"
       "  lp2p receive lp2p:u… --into Downloads\n"
       "  lp2p receive --allow 12D3KooW… --listen /ip4/0.0.0.0/tcp/4001");

static void
options_clear (Options *self)
{
  g_free (self->into);
  g_strfreev (self->allow);
  g_strfreev (self->listen);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

static int
take_all (Receive *self, SendChannel *channel, const Lp2p__Send__Offer *offer)
{
  g_autoptr (GError) error = NULL;
  gboolean good = receive_all (self->store, channel, offer, self->options->links, self->report,
                               &error);

  if (good)
    receive_store_clean (self->store);
  return send_end (self->line, channel, self->report, good, error);
}

/* With a ticket */

static void
request (SendChannel *channel, Lp2pTicket *ticket)
{
  Lp2p__Send__Request message = LP2P__SEND__REQUEST__INIT;

  message.code.data = (guint8 *) g_bytes_get_data (lp2p_ticket_get_code (ticket), &message.code.len);
  send_append (send_channel_get_output (channel), SEND_BODY (REQUEST), &message);
  send_channel_push (channel);
}

/* Waits for one frame; the one that is expected, or what else the peer says. */
static SendFrame *
wait_frame (SendChannel *channel, Lp2p__Send__Frame__BodyCase kind, GError **error)
{
  for (;;)
    {
      g_autoptr (SendFrame) frame = NULL;
      SendEvent event;
      SendInput found = send_channel_poll (channel, &event, error);

      frame = event.frame;
      if (found == SEND_INPUT_FAILED ||
          (found == SEND_INPUT_MORE && !send_channel_wait (channel, error)))
        return NULL;
      if (found == SEND_INPUT_MORE)
        continue;
      if (found == SEND_INPUT_FRAME && frame->body_case == kind)
        return g_steal_pointer (&frame);
      if (found == SEND_INPUT_FRAME && frame->body_case == SEND_BODY (DECLINE))
        send_fail_said (error, _("the peer declined: %s"), frame->decline->text);
      else if (found == SEND_INPUT_FRAME && frame->body_case == SEND_BODY (ABORT))
        send_fail_said (error, _("the peer gave up: %s"), frame->abort->text);
      else
        g_set_error_literal (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL,
                             N_("the peer sent another frame than an offer"));
      return NULL;
    }
}

static int
fetch_from (Receive *self, Lp2pHost *host, Lp2pTicket *ticket)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SendFrame) offer = NULL;
  g_autoptr (SendChannel) channel =
      send_open_channel (host, lp2p_ticket_get_peer_id (ticket),
                         lp2p_ticket_get_addresses (ticket), self->options->timeout, &error);

  if (channel == NULL)
    return tool_fail_error (WHAT, error);
  request (channel, ticket);
  offer = wait_frame (channel, SEND_BODY (OFFER), &error);
  if (offer == NULL)
    return send_end (self->line, channel, self->report, FALSE, error);
  return take_all (self, channel, offer->offer);
}

static int
fetch (Receive *self, Lp2pTicket *ticket)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pIdentity) identity = receive_store_load_identity (self->store, &error);
  g_autoptr (Lp2pHost) host = NULL;
  g_autoptr (ToolControl) control = NULL;
  int status;

  if (identity != NULL)
    host = send_start_dialer (self->line, identity, &error);
  if (host == NULL)
    return tool_fail_error (WHAT, error);
  control = tool_control_new (self->line, host, send_report_append_status, self->report);
  status = fetch_from (self, host, ticket);
  g_clear_pointer (&control, tool_control_free);
  tool_host_close (host);
  return status;
}

/* Listening */

static gboolean
is_allowed (const Receive *self, Lp2pPeerId *peer)
{
  for (guint i = 0; i < self->peers->len; i++)
    if (lp2p_peer_id_equal (g_ptr_array_index (self->peers, i), peer))
      return TRUE;
  return FALSE;
}

/* The sender that comes back is served instead of what is left of its last visit. */
static char *
admit (SendChannel *channel, SendFrame **frame, gpointer user_data)
{
  Receive *self = user_data;
  Lp2pPeerId *peer = send_channel_get_peer (channel);
  SendChannel *other = self->waiting != NULL ? self->waiting : self->current;

  if ((*frame)->body_case != SEND_BODY (OFFER))
    return g_strdup (N_("this is a receiver, which takes what is offered"));
  if (self->peers->len > 0 && !is_allowed (self, peer))
    return g_strdup (N_("this receiver does not serve you"));
  if (g_hash_table_contains (self->refused, peer))
    return g_strdup (NOT_WANTED);
  if (other != NULL && !lp2p_peer_id_equal (send_channel_get_peer (other), peer))
    return g_strdup (N_("this receiver is busy with another sender"));
  if (self->current != NULL)
    send_channel_fail (self->current, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED,
                                                           N_("the sender began anew")));
  g_clear_pointer (&self->waiting, send_channel_free);
  g_clear_pointer (&self->offer, send_frame_free);
  self->waiting = channel;
  self->offer = g_steal_pointer (frame);
  send_channel_set_notify (channel, NULL, NULL);
  return NULL;
}

static void
print_listening (Receive *self, Lp2pHost *host)
{
  const char *peer = lp2p_peer_id_get_string (lp2p_host_get_peer_id (host));
  g_autoptr (GPtrArray) addresses = lp2p_host_dup_listen_addresses (host);
  g_auto (GStrv) texts = tool_list_addresses (addresses);

  if (self->options->json)
    {
      g_autoptr (ToolJson) object = tool_json_new ();

      tool_json_add_string (object, "type", "listening");
      tool_json_add_string (object, "peer_id", peer);
      tool_json_add_strings (object, "addresses", (const char *const *) texts);
      tool_json_print (object);
      return;
    }
  tool_print_field (_("peer id"), peer);
  for (gsize i = 0; texts[i] != NULL; i++)
    tool_print_field (_("address"), texts[i]);
  tool_flush ();
}

/* Who got a no is not asked about again. */
static void
refuse (Receive *self, SendChannel *channel)
{
  if (g_hash_table_size (self->refused) >= MAX_REFUSED)
    g_hash_table_remove_all (self->refused);
  g_hash_table_add (self->refused, lp2p_peer_id_ref (send_channel_get_peer (channel)));
  send_channel_part (channel, SEND_BODY (DECLINE), NOT_WANTED);
}

/* Whether what is offered is to be taken; else the sender was told. */
static gboolean
confirm (Receive *self, SendChannel *channel, const Lp2p__Send__Offer *offer)
{
  g_autoptr (GError) error = NULL;
  gboolean yes = self->peers->len > 0;

  if (yes)
    return TRUE;
  if (!receive_ask (channel, offer, self->options->into, &yes, &error))
    {
      tool_fail_error (WHAT, error);
      send_channel_part (channel, SEND_BODY (DECLINE), error->message);
      return FALSE;
    }
  if (!yes)
    refuse (self, channel);
  return yes;
}

/* One visit. Returns whether something was received. */
static gboolean
serve_visitor (Receive *self, int *status)
{
  g_autoptr (SendFrame) offer = g_steal_pointer (&self->offer);
  gboolean over = FALSE;

  self->current = g_steal_pointer (&self->waiting);
  if (confirm (self, self->current, offer->offer))
    {
      *status = take_all (self, self->current, offer->offer);
      over = send_report_is_finished (self->report);
    }
  g_clear_pointer (&self->current, send_channel_free);
  return over;
}

static int
listen_for_senders (Receive *self)
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
  self->refused = g_hash_table_new_full (lp2p_peer_id_hash, lp2p_peer_id_equal, (GDestroyNotify) lp2p_peer_id_unref, NULL);
  door = send_door_new (host, admit, self);
  print_listening (self, host);
  while (!over && !tool_is_interrupted ())
    {
      if (self->waiting == NULL)
        g_main_context_iteration (NULL, TRUE);
      else
        over = serve_visitor (self, &status);
    }
  g_clear_pointer (&door, send_door_free);
  g_clear_pointer (&self->waiting, send_channel_free);
  g_clear_pointer (&self->offer, send_frame_free);
  g_clear_pointer (&self->refused, g_hash_table_unref);
  g_clear_pointer (&control, tool_control_free);
  tool_host_close (host);
  return status;
}

static GPtrArray *
parse_peers (char **texts, GError **error)
{
  g_autoptr (GPtrArray) peers = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_peer_id_unref);

  for (gsize i = 0; texts != NULL && texts[i] != NULL; i++)
    {
      Lp2pPeerId *peer = lp2p_peer_id_new_from_string (texts[i], error);

      if (peer == NULL)
        return NULL;
      g_ptr_array_add (peers, peer);
    }
  return g_steal_pointer (&peers);
}

static gboolean
check_options (const Options *options, ToolLine *line)
{
  gboolean ticket = line->arguments != NULL && line->arguments[0] != NULL;

  if (ticket && (options->allow != NULL || options->listen != NULL))
    tool_fail (TOOL_EXIT_USAGE, WHAT, _("a ticket is dialed, so --allow and --listen make no sense"));
  else if (!ticket && options->allow == NULL && !isatty (STDIN_FILENO))
    tool_fail (TOOL_EXIT_USAGE, WHAT,
               _("nobody would be served: give a ticket, name who may send with --allow, or run it "
                 "on a terminal to be asked"));
  else
    return send_check_timeout (line, options->timeout);
  return FALSE;
}

static int
run (Receive *self, const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pTicket) ticket = NULL;

  if (text != NULL)
    {
      ticket = lp2p_ticket_open (text, g_get_real_time () / G_USEC_PER_SEC, &error);
      if (g_error_matches (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_TICKET))
        return tool_fail (TOOL_EXIT_USAGE, WHAT, "%s", error->message);
      if (ticket == NULL)
        return tool_fail_error (WHAT, error);
    }
  tool_watch_interrupts ();
  self->store = receive_store_new (self->options->into, self->options->overwrite, self->report,
                                   &error);
  if (self->store == NULL)
    return tool_fail_error (WHAT, error);
  return ticket != NULL ? fetch (self, ticket) : listen_for_senders (self);
}

int
tool_command_receive (ToolLine *line)
{
  g_auto (Options) options = { .timeout = 30 };
  const GOptionEntry entries[] = {
    { "into", 0, 0, G_OPTION_ARG_FILENAME, &options.into,
      N_("The target folder, which is made if it is missing; the default is the current one"), N_("DIR") },
    { "allow", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.allow,
      N_("Take what this peer sends; may be given several times"), N_("PEER") },
    { "listen", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.listen,
      N_("Listen there, such as /ip4/0.0.0.0/tcp/4001; may be given several times"), N_("ADDRESS") },
    { "overwrite", 0, 0, G_OPTION_ARG_NONE, &options.overwrite,
      N_("Replace files that are there"), NULL },
    { "links", 0, 0, G_OPTION_ARG_NONE, &options.links,
      N_("Take symbolic links that stay in the target folder"), NULL },
    { "timeout", 0, 0, G_OPTION_ARG_DOUBLE, &options.timeout, SEND_TIMEOUT_HELP, N_("SECONDS") },
    { "json", 0, 0, G_OPTION_ARG_NONE, &options.json, N_("Print JSON objects"), NULL },
    { NULL },
  };
  Receive self = { .options = &options, .line = line };
  g_autoptr (SendReport) report = NULL;
  g_autoptr (GPtrArray) peers = NULL;
  g_autoptr (GError) error = NULL;
  int status;

  if (!tool_line_parse (line, entries, description, 0, 1) || !check_options (&options, line))
    return TOOL_EXIT_USAGE;
  peers = parse_peers (options.allow, &error);
  if (peers == NULL)
    return tool_fail (TOOL_EXIT_USAGE, WHAT, "%s", error->message);
  if (options.into == NULL)
    options.into = g_strdup (".");
  report = send_report_new (line, FALSE, options.json);
  self.peers = peers;
  self.report = report;
  status = run (&self, line->arguments != NULL ? line->arguments[0] : NULL);
  g_clear_pointer (&self.store, receive_store_free);
  return status;
}
