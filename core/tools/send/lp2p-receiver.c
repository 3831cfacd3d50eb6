/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/send/lp2p-receiver-private.h"

#include "tools/lp2p-output-private.h"
#include "tools/lp2p-session-private.h"
#include "tools/send/lp2p-receive-partial-private.h"
#include "tools/send/lp2p-send-path-private.h"
#include "tools/send/lp2p-send-source-private.h"
#include "types/lp2p-i18n-private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

/* Answers that the peer does not read wait up to so many bytes; then nothing more is
 * read of it. */
#define MAX_OUTPUT (256 * 1024)

/* Chunks smaller than this are read many at once, and then copied. */
#define PLACED_SIZE (256 * 1024)

/* @names: (element-type filename): what was offered; @name is the first of them
 * @items: those that were taken and whose turn has not come
 * @partial: the file that is coming, of the first item */
typedef struct
{
  ReceiveStore *store;
  SendChannel *channel;
  SendReport *report;
  const Lp2p__Send__Offer *offer;
  GHashTable *names;
  const char *name;
  gboolean links;
  GQueue items;
  guint64 n_entries;
  guint64 n_files;
  guint64 size;
  ReceivePartial *partial;
  gboolean finished;
} Receiver;

/* What else there is to do gets its turn while a file is read. */
static gboolean
take_turn (gpointer user_data, GError **error)
{
  g_main_context_iteration (NULL, FALSE);
  if (!tool_is_interrupted ())
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, N_("interrupted"));
  return FALSE;
}

/* Answers */

static void
answer_want (Receiver *self, const ReceiveItem *item, const SendHash *hash)
{
  Lp2p__Send__Want want = LP2P__SEND__WANT__INIT;

  want.entry = item->number;
  want.offset = item->offset;
  if (item->offset > 0)
    want.hash = (ProtobufCBinaryData) { SEND_HASH_SIZE, (guint8 *) hash->bytes };
  send_append (send_channel_get_output (self->channel), SEND_BODY (WANT), &want);
}

static void
answer_compare (Receiver *self, const ReceiveItem *item, const SendHash *hash)
{
  Lp2p__Send__Compare compare = LP2P__SEND__COMPARE__INIT;

  compare.entry = item->number;
  compare.hash = (ProtobufCBinaryData) { SEND_HASH_SIZE, (guint8 *) hash->bytes };
  send_append (send_channel_get_output (self->channel), SEND_BODY (COMPARE), &compare);
}

static void
refuse (Receiver *self, const ReceiveItem *item, const char *why)
{
  send_append_failure (send_channel_get_output (self->channel), SEND_BODY (REFUSE), item->number,
                       why);
  send_report_pass (self->report, item->size);
  send_report_entry (self->report, item->path, item->kind == LP2P__SEND__KIND__FILE, item->size,
                     SEND_OUTCOME_FAILED, why);
}

/* What is done with an entry */

/* Asks for the file from where what is there of it ends. */
static gboolean
want_file (Receiver *self, ReceiveItem *item, GError **error)
{
  SendHash hash;

  if (!receive_partial_verify (self->store, item, take_turn, self, &item->offset, &hash, error))
    return FALSE;
  answer_want (self, item, &hash);
  return TRUE;
}

static gboolean
hash_file (SendSource *source, guint64 size, SendHash *hash, GError **reason, GError **error)
{
  GBytes *chunk;

  while (send_source_get_offset (source) < size)
    {
      if (send_source_read (source, &chunk, hash, reason) < 0)
        return TRUE;
      if (!take_turn (NULL, error))
        return FALSE;
    }
  *hash = send_source_get_hash (source);
  return TRUE;
}

/* There is a file of that name and size: is it the same? */
static gboolean
compare_file (Receiver *self, ReceiveItem *item, GError **reason, GError **error)
{
  int fd = send_folder_open_file (receive_store_get_folder (self->store), item->path, reason);
  g_autoptr (SendSource) source = fd >= 0 ? send_source_new (fd, item->size) : NULL;
  SendHash hash;

  if (source == NULL)
    return TRUE;
  if (!hash_file (source, item->size, &hash, reason, error))
    return FALSE;
  if (*reason != NULL)
    return TRUE;
  item->comparing = TRUE;
  answer_compare (self, item, &hash);
  return TRUE;
}

static gboolean
set_exists (GError **reason, const char *what)
{
  g_set_error (reason, G_IO_ERROR, G_IO_ERROR_EXISTS, "%s", what);
  return TRUE;
}

/* Returns FALSE when the transfer is over; @reason is why only this entry is not
 * taken. */
static gboolean
decide_file (
    Receiver *self, ReceiveItem *item, const struct stat *found, GError **reason, GError **error)
{
  if (found == NULL)
    return want_file (self, item, error);
  if (!S_ISREG (found->st_mode))
    return set_exists (reason, N_("something that is no file has that name"));
  if ((guint64) found->st_size == item->size)
    return compare_file (self, item, reason, error);
  if (receive_store_get_overwrite (self->store))
    return want_file (self, item, error);
  return set_exists (reason, N_("another file has that name; --overwrite replaces it"));
}

static gboolean
decide_link (
    Receiver *self, ReceiveItem *item, const struct stat *found, GError **reason)
{
  if (!self->links)
    return set_exists (reason, N_("symbolic links are not taken without --links"));
  if (!send_link_check (item->path, (const guint8 *) item->target, strlen (item->target), reason))
    return TRUE;
  if (found != NULL && !S_ISLNK (found->st_mode) && !receive_store_get_overwrite (self->store))
    return set_exists (reason, N_("something that is no symbolic link has that name"));
  answer_want (self, item, NULL);
  return TRUE;
}

static gboolean
decide_folder (
    Receiver *self, ReceiveItem *item, const struct stat *found, GError **reason)
{
  if (found != NULL && !S_ISDIR (found->st_mode))
    return set_exists (reason, N_("something that is no folder has that name"));
  answer_want (self, item, NULL);
  return TRUE;
}

static gboolean
decide (Receiver *self, ReceiveItem *item, GError **reason, GError **error)
{
  struct stat status;
  const struct stat *found = NULL;
  const char *name;
  int parent = send_folder_reach (receive_store_get_folder (self->store), item->path, FALSE, &name,
                                  reason);

  /* Nothing is made for what may not come. */
  if (parent < 0 && g_error_matches (*reason, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    g_clear_error (reason);
  else if (parent < 0)
    return TRUE;
  else if (fstatat (parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
    found = &status;
  else if (errno != ENOENT)
    {
      send_set_errno (reason, NULL, errno);
      return TRUE;
    }
  switch (item->kind)
    {
    case LP2P__SEND__KIND__FOLDER:
      return decide_folder (self, item, found, reason);
    case LP2P__SEND__KIND__LINK:
      return decide_link (self, item, found, reason);
    default:
      return decide_file (self, item, found, reason, error);
    }
}

static gboolean
count_entry (Receiver *self, const Lp2p__Send__Entry *entry, GError **error)
{
  self->n_entries++;
  self->n_files += entry->kind == LP2P__SEND__KIND__FILE;
  if (self->n_entries > self->offer->entries || self->n_files > self->offer->files ||
      entry->size > self->offer->size - self->size)
    return send_fail_protocol (error, N_("the peer sends more than it offered"));
  self->size += entry->size;
  if (self->items.length >= SEND_MAX_ANNOUNCED)
    return send_fail_protocol (error, N_("the peer announces more than 1024 entries ahead"));
  return TRUE;
}

static ReceiveItem *
make_item (Receiver *self, const Lp2p__Send__Entry *entry, GError **reason)
{
  ReceiveItem *item = g_new0 (ReceiveItem, 1);

  item->number = self->n_entries - 1;
  item->kind = entry->kind;
  item->size = entry->size;
  item->mode = entry->mode;
  item->mtime = entry->mtime;
  item->path = send_path_new (entry->path, entry->n_path, reason);
  if (item->path == NULL)
    item->path = g_strdup ("?");
  item->target = entry->target.len > 0
                     ? g_strndup ((const char *) entry->target.data, entry->target.len)
                     : g_strdup ("");
  item->key = receive_partial_make_key (item->path);
  return item;
}

/* What the user agreed to is in the names that were offered. */
static gboolean
check_offered (Receiver *self, const char *path, GError **reason)
{
  g_autofree char *top = g_strndup (path, strcspn (path, "/"));

  if (g_hash_table_contains (self->names, top))
    return TRUE;
  g_set_error_literal (reason, LP2P_ERROR, LP2P_ERROR_PROTOCOL, N_("the path begins with a name that was not offered"));
  return FALSE;
}

static gboolean
take_entry (Receiver *self, const Lp2p__Send__Entry *entry, GError **error)
{
  g_autoptr (ReceiveItem) item = NULL;
  g_autoptr (GError) reason = NULL;

  if (!count_entry (self, entry, error))
    return FALSE;
  item = make_item (self, entry, &reason);
  if (reason == NULL && check_offered (self, item->path, &reason) && !decide (self, item, &reason, error))
    return FALSE;
  if (reason != NULL)
    refuse (self, item, reason->message);
  else
    g_queue_push_tail (&self->items, g_steal_pointer (&item));
  return TRUE;
}

/* What comes of an entry */

/* The first item, which is the one that the peer has to go on with. */
static ReceiveItem *
find_current (Receiver *self, guint64 number, GError **error)
{
  ReceiveItem *item = g_queue_peek_head (&self->items);

  if (item != NULL && item->number == number)
    return item;
  send_fail_protocol (error, N_("the peer goes on with another entry than the next one"));
  return NULL;
}

static gboolean
take_begin (Receiver *self, const Lp2p__Send__Begin *begin, GError **error)
{
  ReceiveItem *item = find_current (self, begin->entry, error);

  if (item == NULL)
    return FALSE;
  if (self->partial != NULL || item->kind != LP2P__SEND__KIND__FILE || item->comparing)
    return send_fail_protocol (error, N_("the peer begins an entry that cannot begin"));
  if (begin->offset != 0 && begin->offset != item->offset)
    return send_fail_protocol (error, N_("the peer begins a file where it was not asked to"));
  if (receive_store_is_pending (self->store, item))
    return send_fail_protocol (error, N_("the peer sends a file twice"));
  self->partial = receive_partial_new (self->store, item, begin->offset, error);
  send_report_resume (self->report, item->path, begin->offset);
  return self->partial != NULL;
}

/* A disk that is slower than the peer holds it up. */
static gboolean
take_chunk (Receiver *self, const Lp2p__Send__Chunk *chunk, GError **error)
{
  if (self->partial == NULL)
    return send_fail_protocol (error, N_("the peer sent a chunk of no file"));
  while (!receive_partial_has_room (self->partial))
    if (!send_channel_wait (self->channel, error))
      return FALSE;
  if (!receive_partial_begin_chunk (self->partial, chunk, error))
    return FALSE;
  if (chunk->size >= PLACED_SIZE)
    send_channel_place (self->channel, receive_partial_get_place (self->partial));
  return TRUE;
}

static gboolean
take_data (Receiver *self, const guint8 *data, gsize size, GError **error)
{
  const ReceiveItem *item = g_queue_peek_head (&self->items);

  if (!receive_partial_write (self->partial, data, size, error))
    return FALSE;
  send_report_move (self->report, item->path, size);
  return TRUE;
}

static gboolean
wait_for_room (Receiver *self, GError **error)
{
  while (receive_store_get_pending (self->store) >= RECEIVE_MAX_PENDING)
    if (!send_channel_wait (self->channel, error))
      return FALSE;
  return TRUE;
}

static gboolean
take_end (Receiver *self, const Lp2p__Send__End *end, GError **error)
{
  ReceiveItem *item = find_current (self, end->entry, error);
  int fd;

  if (item == NULL || !wait_for_room (self, error))
    return FALSE;
  if (item->kind != LP2P__SEND__KIND__FILE)
    {
      receive_store_complete_rest (self->store, g_queue_pop_head (&self->items));
      return TRUE;
    }
  if (self->partial == NULL)
    return send_fail_protocol (error, N_("the peer ended a file that it did not begin"));
  receive_partial_flush (self->partial);
  while (!receive_partial_is_idle (self->partial))
    if (!send_channel_wait (self->channel, error))
      return FALSE;
  if (!receive_partial_is_good (self->partial, error))
    return FALSE;
  if (!receive_partial_check (self->partial, end, error))
    {
      receive_partial_remove (self->store, item);
      return FALSE;
    }
  fd = receive_partial_steal_fd (self->partial, error);
  if (fd < 0)
    return FALSE;
  receive_store_complete_file (self->store, g_queue_pop_head (&self->items), fd);
  g_clear_pointer (&self->partial, receive_partial_free);
  return TRUE;
}

/* The file that is there is the same one or not. */
static gboolean
take_verdict (Receiver *self, const Lp2p__Send__Verdict *verdict, GError **error)
{
  ReceiveItem *item = find_current (self, verdict->entry, error);

  if (item == NULL)
    return FALSE;
  if (!item->comparing)
    return send_fail_protocol (error, N_("the peer compared a file that it was not asked about"));
  item->comparing = FALSE;
  if (!verdict->same && receive_store_get_overwrite (self->store))
    return want_file (self, item, error);
  g_queue_pop_head (&self->items);
  if (verdict->same)
    {
      receive_partial_remove (self->store, item);
      send_report_pass (self->report, item->size);
      send_report_entry (self->report, item->path, TRUE, item->size, SEND_OUTCOME_PRESENT, NULL);
    }
  else
    {
      refuse (self, item, N_("another file has that name; --overwrite replaces it"));
    }
  receive_item_free (item);
  return TRUE;
}

/* The sender cannot go on with it; what came of it is of no use. */
static gboolean
take_failure (Receiver *self, const Lp2p__Send__Failure *failure, GError **error)
{
  ReceiveItem *item = find_current (self, failure->entry, error);
  g_autofree char *reason = NULL;
  g_autofree char *why = NULL;

  if (item == NULL)
    return FALSE;
  if (self->partial != NULL)
    {
      /* Which still writes, until it is freed. */
      g_clear_pointer (&self->partial, receive_partial_free);
      receive_partial_remove (self->store, item);
    }
  reason = tool_translate_reason (failure->text);
  why = g_strdup_printf (_("the sender says: %s"), reason);
  send_report_entry (self->report, item->path, TRUE, item->size, SEND_OUTCOME_FAILED, why);
  receive_item_free (g_queue_pop_head (&self->items));
  return TRUE;
}

static gboolean
take_frame (Receiver *self, const SendFrame *frame, GError **error)
{
  switch (frame->body_case)
    {
    case SEND_BODY (ENTRY):
      return take_entry (self, frame->entry, error);
    case SEND_BODY (BEGIN):
      return take_begin (self, frame->begin, error);
    case SEND_BODY (CHUNK):
      return take_chunk (self, frame->chunk, error);
    case SEND_BODY (END):
      return take_end (self, frame->end, error);
    case SEND_BODY (VERDICT):
      return take_verdict (self, frame->verdict, error);
    case SEND_BODY (FAIL):
      return take_failure (self, frame->fail, error);
    case SEND_BODY (ABORT):
      return send_fail_said (error, _("the peer gave up: %s"), frame->abort->text);
    case SEND_BODY (FINISH):
      self->finished = self->items.length == 0;
      return self->finished || send_fail_protocol (error, N_("the peer finished with entries left out"));
    default:
      return send_fail_protocol (error, N_("the peer sent a frame that a sender does not send"));
    }
}

static gboolean
wait_input (Receiver *self, GError **error)
{
  send_channel_push (self->channel);
  do
    {
      if (!send_channel_wait (self->channel, error))
        return FALSE;
    }
  while (send_channel_get_output (self->channel)->len > MAX_OUTPUT &&
         !send_channel_is_over (self->channel));
  return TRUE;
}

static gboolean
receive_entries (Receiver *self, GError **error)
{
  while (!self->finished)
    {
      g_autoptr (SendFrame) frame = NULL;
      SendEvent event;
      SendInput found = send_channel_poll (self->channel, &event, error);
      gboolean good;

      frame = event.frame;
      if (found == SEND_INPUT_FRAME)
        good = take_frame (self, frame, error);
      else if (found == SEND_INPUT_DATA)
        good = take_data (self, event.data, event.size, error);
      else
        good = found == SEND_INPUT_MORE && wait_input (self, error);
      if (!good)
        return FALSE;
    }
  return TRUE;
}

/* The sender may have found less than it had offered. */
static void
check_complete (Receiver *self)
{
  guint64 missing = self->offer->files - self->n_files;
  g_autofree char *why = NULL;

  if (missing == 0)
    return;
  why = g_strdup_printf (lp2p_ngettext ("%" PRIu64 " of the files that were offered did not come; the sender tells why",
                                        "%" PRIu64 " of the files that were offered did not come; the sender tells why",
                                        missing),
                         missing);
  send_report_entry (self->report, self->name, TRUE, 0, SEND_OUTCOME_FAILED, why);
}

/* All is on the disk before the sender is told so. */
static gboolean
finish (Receiver *self, GError **error)
{
  Lp2p__Send__Result result = LP2P__SEND__RESULT__INIT;

  while (receive_store_get_pending (self->store) > 0)
    g_main_context_iteration (NULL, TRUE);
  if (!receive_store_sync (self->store, error))
    return FALSE;
  result.stored = send_report_get_count (self->report, SEND_OUTCOME_DONE);
  result.present = send_report_get_count (self->report, SEND_OUTCOME_PRESENT);
  result.failed = send_report_get_count (self->report, SEND_OUTCOME_FAILED);
  send_append (send_channel_get_output (self->channel), SEND_BODY (RESULT), &result);
  check_complete (self);
  return send_channel_write (self->channel, NULL, error);
}

/**
 * receive_all:
 * @store: where to put what comes
 * @channel: a channel to a sender
 * @offer: what it offered
 * @links: whether symbolic links are taken
 * @report: who tells the user
 * @error: return location for an error
 *
 * Accepts an offer and takes what comes.
 *
 * Returns: whether the transfer came to its end; single files may have failed, which
 *   the report knows
 */
gboolean
receive_all (ReceiveStore *store,
             SendChannel *channel,
             const Lp2p__Send__Offer *offer,
             gboolean links,
             SendReport *report,
             GError **error)
{
  g_autoptr (GPtrArray) names = send_offer_list_names (offer);
  Receiver self = {
    .store = store,
    .channel = channel,
    .report = report,
    .offer = offer,
    .names = g_hash_table_new (g_str_hash, g_str_equal),
    .name = g_ptr_array_index (names, 0),
    .links = links,
  };
  gboolean good;

  for (guint i = 0; i < names->len; i++)
    g_hash_table_add (self.names, g_ptr_array_index (names, i));
  g_queue_init (&self.items);
  send_report_begin (report, lp2p_peer_id_get_string (send_channel_get_peer (channel)),
                     self.name, offer->files, offer->size);
  send_append_nothing (send_channel_get_output (channel), SEND_BODY (ACCEPT));
  send_channel_push (channel);
  good = receive_entries (&self, error) && finish (&self, error);
  g_clear_pointer (&self.partial, receive_partial_free);
  g_queue_clear_full (&self.items, (GDestroyNotify) receive_item_free);
  g_hash_table_unref (self.names);
  return good;
}
