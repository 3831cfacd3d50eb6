/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* TXT records of a name, by way of GIO's resolver where that is safe.
 *
 * The one that GLib brings makes a GVariant of each string without a look at it: one
 * that is not UTF-8 is a critical warning there, and yields a value whose reader
 * crashes (seen with 2.74.6). Anybody who can make us resolve a name could send one. So in its place the system's resolver is asked, as it does itself,
 * and the answer is read here. A resolver that a program put in its place is used. */

#include "codec/lp2p-dnsaddr-private.h"
#include "net/lp2p-txt-lookup-private.h"
#include "types/lp2p-i18n-private.h"

#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>

/* The type is private, so only the name is known. */
#define GLIB_RESOLVER "GThreadedResolver"

/* The largest message over TCP. */
#define MAX_ANSWER 65535

static void
free_records (gpointer records)
{
  g_ptr_array_unref (records);
}

static GError *
new_query_error (const char *name, int code)
{
  switch (code)
    {
    case HOST_NOT_FOUND:
      return g_error_new (G_RESOLVER_ERROR, G_RESOLVER_ERROR_NOT_FOUND, _("%s does not exist"), name);
    case NO_DATA:
      return g_error_new (G_RESOLVER_ERROR, G_RESOLVER_ERROR_NOT_FOUND, _("%s has none"), name);
    case TRY_AGAIN:
      return g_error_new (G_RESOLVER_ERROR, G_RESOLVER_ERROR_TEMPORARY_FAILURE,
                          _("no name server answers for %s at the moment"), name);
    default:
      return g_error_new (G_RESOLVER_ERROR, G_RESOLVER_ERROR_INTERNAL,
                          _("the name servers refuse to answer for %s"), name);
    }
}

/* Runs in a thread of GIO's, as the look-ups of its resolver do. */
static void
query_in_thread (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  const char *name = task_data;
  g_autofree guint8 *answer = g_malloc (MAX_ANSWER);
  g_autoptr (GError) malformed = NULL;
  struct __res_state state = { 0 };
  GPtrArray *records = NULL;
  int size;

  if (res_ninit (&state) != 0)
    {
      g_task_return_new_error (task, G_RESOLVER_ERROR, G_RESOLVER_ERROR_INTERNAL,
                               _("the system's resolver cannot be set up"));
      return;
    }
  size = res_nquery (&state, name, C_IN, T_TXT, answer, MAX_ANSWER);
  if (size >= 0)
    records = lp2p_dns_read_txt (answer, (gsize) MIN (size, MAX_ANSWER), &malformed);
  if (records != NULL)
    g_task_return_pointer (task, records, free_records);
  else if (malformed != NULL)
    g_task_return_new_error (task, G_RESOLVER_ERROR, G_RESOLVER_ERROR_INTERNAL, "%s", malformed->message);
  else
    g_task_return_error (task, new_query_error (name, state.res_h_errno));
  res_nclose (&state);
}

/* @record: of type (as)
 *
 * Returns: (transfer full) (nullable): its strings put together */
static char *
join_strings (GVariant *record)
{
  g_autoptr (GVariant) strings = NULL;
  g_autofree const char **strv = NULL;

  if (!g_variant_is_of_type (record, G_VARIANT_TYPE ("(as)")))
    return NULL;
  strings = g_variant_get_child_value (record, 0);
  strv = g_variant_get_strv (strings, NULL);
  return g_strjoinv (NULL, (char **) strv);
}

static void
on_records (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GPtrArray *records;
  GError *error = NULL;
  GList *variants = g_resolver_lookup_records_finish (G_RESOLVER (source), result, &error);

  if (error != NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  records = g_ptr_array_new_with_free_func (g_free);
  for (GList *l = variants; l != NULL; l = l->next)
    {
      char *text = join_strings (l->data);

      if (text != NULL)
        g_ptr_array_add (records, text);
    }
  g_list_free_full (variants, (GDestroyNotify) g_variant_unref);
  g_task_return_pointer (task, records, free_records);
}

/*
 * lp2p_txt_lookup_async:
 * @name: a domain name in ASCII
 * @cancellable: (nullable): ends it at once
 * @callback: called in the thread-default context
 * @user_data: for @callback
 *
 * Asks for the TXT records of a name.
 */
void
lp2p_txt_lookup_async (const char *name, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  g_autoptr (GResolver) resolver = g_resolver_get_default ();

  g_task_set_source_tag (task, lp2p_txt_lookup_async);
  if (g_strcmp0 (G_OBJECT_TYPE_NAME (resolver), GLIB_RESOLVER) != 0)
    {
      g_resolver_lookup_records_async (resolver, name, G_RESOLVER_RECORD_TXT, cancellable, on_records,
                                       g_steal_pointer (&task));
      return;
    }
  g_task_set_task_data (task, g_strdup (name), g_free);
  g_task_set_return_on_cancel (task, TRUE);
  g_task_run_in_thread (task, query_in_thread);
}

/* Returns: (transfer container) (element-type utf8): each record as one text */
GPtrArray *
lp2p_txt_lookup_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
