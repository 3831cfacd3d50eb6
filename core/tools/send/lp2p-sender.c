/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/send/lp2p-sender-private.h"

#include "tools/lp2p-output-private.h"
#include "tools/lp2p-session-private.h"
#include "tools/send/lp2p-send-source-private.h"
#include "types/lp2p-i18n-private.h"

#include <inttypes.h>
#include <string.h>

/* Chunks smaller than this wait for others, until there are so many bytes. */
#define SMALL_SIZE (64 * 1024)
#define BATCH_SIZE (256 * 1024)

/* So many names of 255 bytes each, and all else of an offer, are less than a frame may have. */
#define NAMES_A_FRAME 50

/* How many entries are measured between two looks at what else there is to do. */
#define MEASURE_TURN 1000

typedef enum
{
  ANSWER_NONE,
  ANSWER_WANT,
  ANSWER_COMPARE,
  ANSWER_REFUSED,
} Answer;

/* An entry that the receiver knows of, and what it said. */
typedef struct
{
  SendItem *item;
  guint64 number;
  Answer answer;
  guint64 offset;
  SendHash hash;
  char *text;
} Announced;

/* @announced: those whose turn has not come, in order; @first is the number of the
 *   first of them
 * @finished: whether the receiver was told that there is no more
 * @result: what it said then */
typedef struct
{
  const SendLoad *load;
  SendChannel *channel;
  SendReport *report;
  SendWalk *walk;
  GQueue announced;
  guint64 n_announced;
  guint64 n_files;
  guint64 n_failed;
  guint64 size;
  gboolean accepted;
  gboolean finished;
  SendFrame *result;
  GError *error;
} Sender;

/* What there is to send */

const char *
send_load_get_name (const SendLoad *self)
{
  return ((const SendRoot *) g_ptr_array_index (self->roots, 0))->name;
}

/* Walks over all once. What changes afterwards is found when its turn comes. */
gboolean
send_load_measure (SendLoad *self, GError **error)
{
  g_autoptr (SendWalk) walk = send_walk_new (self->roots, self->links, NULL, NULL);

  self->entries = self->files = self->size = 0;
  for (;;)
    {
      g_autoptr (SendItem) item = send_walk_next (walk);

      if (item == NULL)
        return TRUE;
      self->entries++;
      self->files += item->kind == LP2P__SEND__KIND__FILE;
      self->size += item->size;
      if (self->entries > SEND_MAX_ENTRIES)
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                       _("there are more than %d files and folders to send: send them in parts"), SEND_MAX_ENTRIES);
          return FALSE;
        }
      if (self->entries % MEASURE_TURN == 0 && !tool_sleep (0))
        {
          g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, N_("interrupted"));
          return FALSE;
        }
    }
}

/* Answers */

static void
announced_free (Announced *self)
{
  send_item_free (self->item);
  g_free (self->text);
  g_free (self);
}

/* The entry that an answer is about. */
static Announced *
find_unanswered (Sender *self, guint64 number, GError **error)
{
  Announced *first = g_queue_peek_head (&self->announced);
  Announced *found = NULL;

  if (first != NULL && number >= first->number && number < self->n_announced)
    found = g_queue_peek_nth (&self->announced, (guint) (number - first->number));
  if (found == NULL || found->answer != ANSWER_NONE)
    {
      send_fail_protocol (error, N_("the peer answered an entry that was not asked about"));
      return NULL;
    }
  return found;
}

static gboolean
take_want (Sender *self, const Lp2p__Send__Want *want, GError **error)
{
  Announced *entry = find_unanswered (self, want->entry, error);

  if (entry == NULL)
    return FALSE;
  if (want->offset > entry->item->size ||
      (want->offset % SEND_CHUNK_SIZE != 0 && want->offset != entry->item->size))
    return send_fail_protocol (error, N_("the peer asked for an offset where no chunk begins"));
  entry->answer = ANSWER_WANT;
  entry->offset = want->offset;
  send_hash_take (&entry->hash, want->hash.data, want->hash.len);
  return TRUE;
}

static gboolean
take_compare (Sender *self, const Lp2p__Send__Compare *compare, GError **error)
{
  Announced *entry = find_unanswered (self, compare->entry, error);

  if (entry == NULL)
    return FALSE;
  if (entry->item->kind != LP2P__SEND__KIND__FILE)
    return send_fail_protocol (error, N_("the peer has a hash of what is no file"));
  entry->answer = ANSWER_COMPARE;
  send_hash_take (&entry->hash, compare->hash.data, compare->hash.len);
  return TRUE;
}

static gboolean
take_refusal (Sender *self, const Lp2p__Send__Failure *refusal, GError **error)
{
  Announced *entry = find_unanswered (self, refusal->entry, error);

  if (entry == NULL)
    return FALSE;
  entry->answer = ANSWER_REFUSED;
  entry->text = g_strdup (refusal->text);
  return TRUE;
}

static gboolean
take_frame (Sender *self, SendFrame *frame, GError **error)
{
  switch (frame->body_case)
    {
    case SEND_BODY (ACCEPT):
      self->accepted = TRUE;
      return TRUE;
    case SEND_BODY (DECLINE):
      return send_fail_said (error, _("the peer declined: %s"), frame->decline->text);
    case SEND_BODY (ABORT):
      return send_fail_said (error, _("the peer gave up: %s"), frame->abort->text);
    case SEND_BODY (WANT):
      return take_want (self, frame->want, error);
    case SEND_BODY (COMPARE):
      return take_compare (self, frame->compare, error);
    case SEND_BODY (REFUSE):
      return take_refusal (self, frame->refuse, error);
    default:
      return send_fail_protocol (error, N_("the peer sent a frame that a receiver does not send"));
    }
}

/* Answers are taken as they come, also while something is being sent. */
static void
on_input (SendChannel *channel, gpointer user_data)
{
  Sender *self = user_data;

  while (self->error == NULL && self->result == NULL)
    {
      g_autoptr (SendFrame) frame = NULL;
      SendEvent event;
      SendInput found = send_channel_poll (channel, &event, &self->error);

      frame = event.frame;
      if (found == SEND_INPUT_MORE || found == SEND_INPUT_FAILED)
        return;
      if (found == SEND_INPUT_DATA || frame->body_case == SEND_BODY (CHUNK))
        send_fail_protocol (&self->error, N_("the peer sent data, which only a sender does"));
      else if (frame->body_case == SEND_BODY (RESULT) && !self->finished)
        send_fail_protocol (&self->error, N_("the peer sent a result before all was sent"));
      else if (frame->body_case == SEND_BODY (RESULT))
        self->result = g_steal_pointer (&frame);
      else
        take_frame (self, frame, &self->error);
    }
}

/* Lets something happen. */
static gboolean
wait_input (Sender *self, GError **error)
{
  gboolean good;

  send_channel_push (self->channel);
  good = self->error != NULL || send_channel_wait (self->channel, error);
  if (self->error == NULL)
    return good;
  /* What the peer said tells more than that the stream is over. */
  g_clear_error (error);
  g_propagate_error (error, g_error_copy (self->error));
  return FALSE;
}

/* Sending */

static gboolean
write_out (Sender *self, GBytes *bytes, GError **error)
{
  if (send_channel_write (self->channel, bytes, error) && self->error == NULL)
    return TRUE;
  if (self->error != NULL)
    {
      g_clear_error (error);
      g_propagate_error (error, g_error_copy (self->error));
    }
  return FALSE;
}

static gboolean
write_batch (Sender *self, GError **error)
{
  return send_channel_get_output (self->channel)->len < BATCH_SIZE ||
         write_out (self, NULL, error);
}

/* The names take as many frames as they need. */
static void
append_offer (GByteArray *out, const SendLoad *load)
{
  Lp2p__Send__Offer offer = LP2P__SEND__OFFER__INIT;
  g_autofree char *name = g_utf8_make_valid (send_load_get_name (load), -1);
  ProtobufCBinaryData names[NAMES_A_FRAME];

  offer.entries = load->entries;
  offer.files = load->files;
  offer.size = load->size;
  offer.name = name;
  offer.names = names;
  for (guint i = 0; i < load->roots->len; i++)
    {
      const SendRoot *root = g_ptr_array_index (load->roots, i);

      names[offer.n_names++] = (ProtobufCBinaryData) { strlen (root->name), (guint8 *) root->name };
      offer.more = i + 1 < load->roots->len;
      if (offer.n_names < NAMES_A_FRAME && offer.more)
        continue;
      send_append (out, SEND_BODY (OFFER), &offer);
      offer.n_names = 0;
    }
}

static gboolean
send_offer (Sender *self, GError **error)
{
  append_offer (send_channel_get_output (self->channel), self->load);
  while (!self->accepted)
    if (!wait_input (self, error))
      return FALSE;
  return TRUE;
}

static void
append_entry (GByteArray *out, const SendItem *item)
{
  Lp2p__Send__Entry entry = LP2P__SEND__ENTRY__INIT;
  g_auto (GStrv) names = g_strsplit (item->path, "/", -1);
  gsize n = g_strv_length (names);
  g_autofree ProtobufCBinaryData *path = g_new0 (ProtobufCBinaryData, n);

  for (gsize i = 0; i < n; i++)
    path[i] = (ProtobufCBinaryData) { strlen (names[i]), (guint8 *) names[i] };
  entry.kind = item->kind;
  entry.n_path = n;
  entry.path = path;
  entry.size = item->size;
  entry.mode = item->mode;
  entry.mtime = item->mtime;
  if (item->target != NULL)
    entry.target = (ProtobufCBinaryData) { strlen (item->target), (guint8 *) item->target };
  send_append (out, SEND_BODY (ENTRY), &entry);
}

static void
report (Sender *self, const SendItem *item, SendOutcome outcome, const char *why)
{
  send_report_entry (self->report, item->path, item->kind == LP2P__SEND__KIND__FILE, item->size,
                     outcome, why);
}

static void
on_skipped (const char *path, const char *why, gboolean failed, gpointer user_data)
{
  Sender *self = user_data;

  send_report_entry (self->report, path, FALSE, 0,
                     failed ? SEND_OUTCOME_FAILED : SEND_OUTCOME_SKIPPED, why);
}

/* Tells the receiver of entries, far ahead of their content. It takes no more than
 * was offered. */
static void
announce (Sender *self)
{
  while (self->walk != NULL && self->announced.length < SEND_MAX_ANNOUNCED &&
         send_channel_get_output (self->channel)->len < BATCH_SIZE)
    {
      SendItem *item = send_walk_next (self->walk);
      Announced *entry;
      guint is_file;

      if (item == NULL)
        {
          g_clear_pointer (&self->walk, send_walk_free);
          return;
        }
      is_file = item->kind == LP2P__SEND__KIND__FILE;
      if (self->n_announced + 1 > self->load->entries ||
          self->n_files + is_file > self->load->files || item->size > self->load->size - self->size)
        {
          report (self, item, SEND_OUTCOME_FAILED, N_("it is new or has grown since it was offered"));
          send_item_free (item);
          continue;
        }
      entry = g_new0 (Announced, 1);
      entry->item = item;
      entry->number = self->n_announced++;
      self->n_files += is_file;
      self->size += item->size;
      append_entry (send_channel_get_output (self->channel), item);
      g_queue_push_tail (&self->announced, entry);
    }
}

static void
fail_entry (Sender *self, const Announced *entry, const GError *reason)
{
  send_append_failure (send_channel_get_output (self->channel), SEND_BODY (FAIL), entry->number,
                       reason->message);
  self->n_failed++;
  report (self, entry->item, SEND_OUTCOME_FAILED, reason->message);
}

/* Returns FALSE when the transfer is over; @reason is why only the file is. */
static gboolean
send_chunks (
    Sender *self, const Announced *entry, SendSource *source, GError **reason, GError **error)
{
  const SendItem *item = entry->item;
  GByteArray *out;

  while (send_source_get_offset (source) < item->size)
    {
      GBytes *chunk;
      SendHash hash;
      gssize n = send_source_read (source, &chunk, &hash, reason);
      gboolean sent;

      if (n < 0)
        return TRUE;
      out = send_channel_get_output (self->channel);
      send_append_chunk (out, (gsize) n, &hash);
      if (n <= SMALL_SIZE)
        {
          g_byte_array_append (out, g_bytes_get_data (chunk, NULL), (guint) n);
          sent = write_batch (self, error);
        }
      else
        {
          sent = write_out (self, chunk, error);
        }
      if (!sent)
        return FALSE;
      send_report_move (self->report, item->path, (guint64) n);
    }
  return TRUE;
}

static void
append_begin (Sender *self, const Announced *entry, guint64 offset)
{
  Lp2p__Send__Begin begin = LP2P__SEND__BEGIN__INIT;

  begin.entry = entry->number;
  begin.offset = offset;
  send_append (send_channel_get_output (self->channel), SEND_BODY (BEGIN), &begin);
}

/* Reads what the receiver says it has. Meanwhile all else goes on. */
static gboolean
read_prefix (
    Sender *self, SendSource *source, guint64 size, GError **reason, GError **error)
{
  while (send_source_get_offset (source) < size)
    {
      GBytes *chunk;
      SendHash hash;

      if (send_source_read (source, &chunk, &hash, reason) < 0)
        return TRUE;
      g_main_context_iteration (NULL, FALSE);
      if (tool_is_interrupted () || self->error != NULL)
        return wait_input (self, error);
    }
  return TRUE;
}

/* The file, if it still is what was announced. */
static SendSource *
open_source (const SendItem *item, GError **error)
{
  g_autofree char *path = send_item_dup_local_path (item);
  int fd = send_folder_open_file (item->root->folder, path, error);
  g_autoptr (SendSource) source = fd >= 0 ? send_source_new (fd, item->size) : NULL;

  if (source == NULL || !send_source_check (source, item->mtime, error))
    return NULL;
  return g_steal_pointer (&source);
}

static gboolean
send_file (Sender *self, const Announced *entry, GError **error)
{
  g_autoptr (GError) reason = NULL;
  g_autoptr (SendSource) source = open_source (entry->item, &reason);
  SendHash hash;
  guint64 offset = entry->offset;

  if (source != NULL && !read_prefix (self, source, offset, &reason, error))
    return FALSE;
  if (reason == NULL && offset > 0)
    {
      hash = send_source_get_hash (source);
      if (!send_hash_equal (&hash, &entry->hash))
        offset = 0;
    }
  if (reason == NULL)
    {
      if (offset == 0)
        send_source_rewind (source);
      send_report_resume (self->report, entry->item->path, offset);
      append_begin (self, entry, offset);
      if (!send_chunks (self, entry, source, &reason, error))
        return FALSE;
    }
  if (reason == NULL)
    send_source_check (source, entry->item->mtime, &reason);
  if (reason != NULL)
    {
      fail_entry (self, entry, reason);
      return TRUE;
    }
  hash = send_source_get_hash (source);
  send_append_end (send_channel_get_output (self->channel), entry->number, &hash);
  report (self, entry->item, SEND_OUTCOME_DONE, NULL);
  return TRUE;
}

static void
append_verdict (Sender *self, const Announced *entry, gboolean same)
{
  Lp2p__Send__Verdict verdict = LP2P__SEND__VERDICT__INIT;

  verdict.entry = entry->number;
  verdict.same = same;
  send_append (send_channel_get_output (self->channel), SEND_BODY (VERDICT), &verdict);
}

/* The receiver has a file of that name. Sets @over unless it is another one: then
 * there is another answer. */
static gboolean
compare_file (Sender *self, Announced *entry, gboolean *over, GError **error)
{
  g_autoptr (GError) reason = NULL;
  g_autoptr (SendSource) source = open_source (entry->item, &reason);
  SendHash hash;
  gboolean same;

  if (source != NULL && !read_prefix (self, source, entry->item->size, &reason, error))
    return FALSE;
  *over = TRUE;
  if (reason != NULL || !send_source_check (source, entry->item->mtime, &reason))
    {
      fail_entry (self, entry, reason);
      return TRUE;
    }
  hash = send_source_get_hash (source);
  same = send_hash_equal (&hash, &entry->hash);
  append_verdict (self, entry, same);
  if (same)
    {
      send_report_pass (self->report, entry->item->size);
      report (self, entry->item, SEND_OUTCOME_PRESENT, NULL);
    }
  entry->answer = ANSWER_NONE;
  *over = same;
  return TRUE;
}

/* Folders and symbolic links have no content. */
static void
send_rest (Sender *self, const Announced *entry)
{
  SendHash hash = send_hash (NULL, 0);

  send_append_end (send_channel_get_output (self->channel), entry->number, &hash);
  report (self, entry->item, SEND_OUTCOME_DONE, NULL);
}

static gboolean
send_entry (Sender *self, Announced *entry, gboolean *over, GError **error)
{
  *over = TRUE;
  if (entry->answer == ANSWER_COMPARE)
    return compare_file (self, entry, over, error);
  if (entry->answer == ANSWER_WANT && entry->item->kind == LP2P__SEND__KIND__FILE)
    return send_file (self, entry, error);
  if (entry->answer == ANSWER_WANT)
    {
      send_rest (self, entry);
      return TRUE;
    }
  self->n_failed++;
  send_report_pass (self->report, entry->item->size);
  report (self, entry->item, SEND_OUTCOME_FAILED, entry->text);
  return TRUE;
}

static gboolean
send_entries (Sender *self, GError **error)
{
  for (;;)
    {
      Announced *entry;
      gboolean over;

      announce (self);
      entry = g_queue_peek_head (&self->announced);
      if (entry == NULL && self->walk == NULL)
        return TRUE;
      if (entry == NULL || entry->answer == ANSWER_NONE)
        {
          if (!wait_input (self, error))
            return FALSE;
          continue;
        }
      if (!send_entry (self, entry, &over, error) || !write_batch (self, error))
        return FALSE;
      if (over)
        announced_free (g_queue_pop_head (&self->announced));
    }
}

/* What did not get its place at the receiver was reported as sent. */
static void
check_stored (Sender *self)
{
  guint64 failed = self->result->result->failed;
  g_autofree char *why = NULL;

  if (failed <= self->n_failed)
    return;
  failed -= self->n_failed;
  why = g_strdup_printf (lp2p_ngettext ("%" PRIu64 " file could not be stored by the receiver, which tells why",
                                        "%" PRIu64 " files could not be stored by the receiver, which tells why",
                                        failed),
                         failed);
  send_report_entry (self->report, send_load_get_name (self->load), TRUE, 0, SEND_OUTCOME_FAILED, why);
}

/* The receiver has it all on its disk when it says so. */
static gboolean
finish (Sender *self, GError **error)
{
  send_append_nothing (send_channel_get_output (self->channel), SEND_BODY (FINISH));
  self->finished = TRUE;
  while (self->result == NULL)
    if (!wait_input (self, error))
      return FALSE;
  check_stored (self);
  return TRUE;
}

/**
 * send_load_send:
 * @self: what to send
 * @channel: a channel to a receiver
 * @report: who tells the user
 * @error: return location for an error
 *
 * Offers all that there is to send, and sends it.
 *
 * Returns: whether the transfer came to its end; single files may have failed, which
 *   the report knows
 */
gboolean
send_load_send (const SendLoad *self, SendChannel *channel, SendReport *report, GError **error)
{
  Sender sender = { .load = self, .channel = channel, .report = report };
  gboolean good;

  g_queue_init (&sender.announced);
  sender.walk = send_walk_new (self->roots, self->links, on_skipped, &sender);
  send_channel_set_notify (channel, on_input, &sender);
  on_input (channel, &sender);
  good = send_offer (&sender, error);
  if (good)
    {
      send_report_begin (report, lp2p_peer_id_get_string (send_channel_get_peer (channel)),
                         send_load_get_name (self), self->files, self->size);
      good = send_entries (&sender, error) && finish (&sender, error);
    }
  send_channel_set_notify (channel, NULL, NULL);

  g_clear_pointer (&sender.walk, send_walk_free);
  g_queue_clear_full (&sender.announced, (GDestroyNotify) announced_free);
  g_clear_pointer (&sender.result, send_frame_free);
  g_clear_error (&sender.error);
  return good;
}
