/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/send/lp2p-receive-question-private.h"

#include "tools/lp2p-output-private.h"
#include "types/lp2p-i18n-private.h"

#include <errno.h>
#include <glib-unix.h>
#include <termios.h>
#include <unistd.h>

/* So many names are shown; of those that begin with a dot, also so many. */
#define MAX_SHOWN 10

typedef struct
{
  gboolean answered;
  gboolean yes;
} Question;

static gboolean
on_stdin (int fd, GIOCondition condition, gpointer user_data)
{
  Question *question = user_data;
  char answer[64];
  gssize n = read (fd, answer, sizeof answer - 1);

  if (n < 0 && (errno == EINTR || errno == EAGAIN))
    return G_SOURCE_CONTINUE;
  question->answered = TRUE;
  answer[n > 0 ? n : 0] = '\0';
  question->yes = tool_is_yes (answer);
  return G_SOURCE_CONTINUE;
}

/* Those that begin with a dot, or the others. */
static void
show_names (GPtrArray *names, gboolean dot)
{
  guint n = 0;

  for (guint i = 0; i < names->len; i++)
    {
      const char *name = g_ptr_array_index (names, i);
      g_autofree char *printable = NULL;

      if ((name[0] == '.') != dot || n++ >= MAX_SHOWN)
        continue;
      printable = tool_make_printable (name);
      g_printerr ("  \"%s\"\n", printable);
    }
  if (n > MAX_SHOWN)
    g_printerr (lp2p_ngettext ("  and %u more\n", "  and %u more\n", n - MAX_SHOWN), n - MAX_SHOWN);
}

static gboolean
has_dot (GPtrArray *names)
{
  for (guint i = 0; i < names->len; i++)
    if (((const char *) g_ptr_array_index (names, i))[0] == '.')
      return TRUE;
  return FALSE;
}

/* What is agreed to is what is shown: nothing comes that has another name at the top, and
 * not more of it. */
static void
show_question (SendChannel *channel, const Lp2p__Send__Offer *offer, const char *into)
{
  g_autoptr (GPtrArray) names = send_offer_list_names (offer);
  g_autofree char *size = g_format_size (offer->size);
  g_autofree char *folder = tool_make_printable (into);
  guint n_files = (guint) offer->files;
  guint n_others = (guint) (offer->entries - offer->files);

  tool_progress_clear ();
  /* Translators: a peer, a number of files, their size, a folder; the names follow */
  g_printerr (lp2p_ngettext ("%s\nwants to send %u file, %s, into %s\n",
                             "%s\nwants to send %u files, %s, into %s\n", n_files),
              lp2p_peer_id_get_string (send_channel_get_peer (channel)), n_files, size, folder);
  show_names (names, FALSE);
  if (n_others > 0)
    g_printerr (lp2p_ngettext ("with %u folder or symbolic link\n",
                               "with %u folders or symbolic links\n", n_others),
                n_others);
  if (has_dot (names))
    {
      g_printerr ("%s", _("Programs may obey what is in these, which begin with a dot:\n"));
      show_names (names, TRUE);
    }
  g_printerr ("%s", _("Take them? [y/N] "));
}

/**
 * receive_ask:
 * @channel: a channel to a sender
 * @offer: what it offers
 * @into: where that would be put
 * @yes: (out): whether the user wants it
 * @error: return location for an error
 *
 * Asks on the terminal. The sender may go, or change its mind, before there is an answer.
 *
 * Returns: whether there is an answer
 */
gboolean
receive_ask (SendChannel *channel,
             const Lp2p__Send__Offer *offer,
             const char *into,
             gboolean *yes,
             GError **error)
{
  Question question = { FALSE };
  guint watch = g_unix_fd_add (STDIN_FILENO, G_IO_IN | G_IO_HUP | G_IO_ERR, on_stdin, &question);
  gboolean good = TRUE;

  /* What was typed before is no answer. */
  tcflush (STDIN_FILENO, TCIFLUSH);
  show_question (channel, offer, into);
  while (good && !question.answered)
    {
      g_autoptr (SendFrame) frame = NULL;
      SendEvent event;
      SendInput found = send_channel_poll (channel, &event, error);

      frame = event.frame;
      if (found == SEND_INPUT_FRAME || found == SEND_INPUT_DATA)
        g_set_error_literal (error, LP2P_ERROR, LP2P_ERROR_FAILED, N_("the peer took the offer back"));
      good = found == SEND_INPUT_MORE && send_channel_wait (channel, error);
    }
  g_source_remove (watch);
  if (!question.answered)
    g_printerr ("\n");
  *yes = question.yes;
  return good;
}
