/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Names in addresses become addresses. lp2p-name-tree.c knows what to ask; here it
 * is asked. */

#include "net/lp2p-resolver-private.h"

#include "net/lp2p-cancel-private.h"
#include "net/lp2p-name-tree-private.h"
#include "net/lp2p-txt-lookup-private.h"
#include "types/lp2p-i18n-private.h"

typedef struct
{
  grefcount refs; /* of the resolver's list, and of each look-up under way */
  Lp2pResolver *resolver;
  GTask *task;
  GList link;
  Lp2pTimer timer;
  Lp2pJob job;
  GSource *cancel_source;
  Lp2pNameTree tree;
  guint n_running;
  GError *error;
  gboolean done;
} Resolution;

/* A look-up under way. It is never cancelled: its thread would go on, and nobody would
 * know until when. */
typedef struct
{
  Lp2pResolver *resolver;
  Resolution *resolution;
  Lp2pQuestion *question;
} Lookup;

/* What a resolution yields. */
typedef struct
{
  GPtrArray *addresses;
  GPtrArray *host_names;
} Result;

struct _Lp2pResolver
{
  GObject parent_instance;

  Lp2pLoop *loop;
  GQueue running; /* of Resolution, those first who may ask next */
  guint n_lookups;
  gboolean closed;
};

G_DEFINE_FINAL_TYPE (Lp2pResolver, lp2p_resolver, G_TYPE_OBJECT)

#define RESOLUTION_OF(member, pointer) \
  ((Resolution *) ((char *) (pointer) - G_STRUCT_OFFSET (Resolution, member)))

static void
result_free (gpointer pointer)
{
  Result *self = pointer;

  g_clear_pointer (&self->addresses, g_ptr_array_unref);
  g_clear_pointer (&self->host_names, g_ptr_array_unref);
  g_free (self);
}

static void
resolution_unref (Resolution *self)
{
  if (!g_ref_count_dec (&self->refs))
    return;
  lp2p_name_tree_clear (&self->tree);
  g_free (self);
}

/* Runs as application code does. */
static void
resolution_complete (Lp2pJob *job)
{
  Resolution *self = RESOLUTION_OF (job, job);
  g_autoptr (GTask) task = g_steal_pointer (&self->task);
  GError *error = g_steal_pointer (&self->error);
  Result *result = g_new0 (Result, 1);

  if (error == NULL)
    result->addresses = lp2p_name_tree_collect (&self->tree, &result->host_names, &error);
  g_queue_unlink (&self->resolver->running, &self->link);
  resolution_unref (self);

  if (error == NULL)
    {
      g_task_return_pointer (task, result, result_free);
      return;
    }
  result_free (result);
  g_task_return_error (task, error);
}

/* @error: (transfer full) (nullable): why, before it had to end */
static void
resolution_end (Resolution *self, GError *error)
{
  if (self->done)
    {
      g_clear_error (&error);
      return;
    }
  self->done = TRUE;
  self->error = error;
  lp2p_timer_clear (&self->timer);
  g_clear_pointer (&self->cancel_source, lp2p_cancel_drop);
  lp2p_job_queue (&self->job);
}

static gboolean
on_cancelled (GCancellable *cancellable, gpointer data)
{
  GError *error = NULL;

  g_cancellable_set_error_if_cancelled (cancellable, &error);
  resolution_end (data, error);
  return G_SOURCE_REMOVE;
}

/* What was found until now has to do. */
static void
on_timeout (Lp2pTimer *timer)
{
  Resolution *self = RESOLUTION_OF (timer, timer);
  g_autofree char *reason =
      g_strdup_printf (_("no answer within %d seconds"), (int) (LP2P_RESOLVER_TIMEOUT_US / G_USEC_PER_SEC));

  lp2p_name_tree_give_up (&self->tree, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, reason);
  resolution_end (self, NULL);
}

/* Look-ups */

static void start_lookups (Lp2pResolver *self);

static void
check_over (Resolution *self)
{
  if (self->n_running == 0 && !lp2p_name_tree_has_question (&self->tree))
    resolution_end (self, NULL);
}

/* @answer: (transfer full) (nullable)
 * @error: (transfer full) (nullable) */
static void
lookup_done (Lookup *lookup, GPtrArray *answer, GError *error)
{
  g_autoptr (Lp2pResolver) resolver = lookup->resolver;
  Resolution *self = lookup->resolution;

  resolver->n_lookups--;
  self->n_running--;
  if (!self->done)
    {
      lp2p_name_tree_answer (&self->tree, lookup->question, answer, error);
      check_over (self);
    }
  start_lookups (resolver);
  g_clear_pointer (&answer, g_ptr_array_unref);
  g_clear_error (&error);
  g_free (lookup);
  resolution_unref (self);
}

static void
on_txt (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GError *error = NULL;
  GPtrArray *records = lp2p_txt_lookup_finish (result, &error);

  lookup_done (user_data, records, error);
}

/* A name that is an address itself yields that one, whatever was asked for. */
static void
on_addresses (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Lookup *lookup = user_data;
  GSocketFamily family = lookup->question->ask == LP2P_ASK_IP6 ? G_SOCKET_FAMILY_IPV6 : G_SOCKET_FAMILY_IPV4;
  GPtrArray *answer = g_ptr_array_new_with_free_func (g_object_unref);
  GError *error = NULL;
  GList *addresses = g_resolver_lookup_by_name_with_flags_finish (G_RESOLVER (source), result, &error);

  for (GList *l = addresses; l != NULL; l = l->next)
    if (g_inet_address_get_family (l->data) == family)
      g_ptr_array_add (answer, g_object_ref (l->data));
  g_resolver_free_addresses (addresses);
  if (error == NULL && answer->len == 0)
    error = g_error_new (G_RESOLVER_ERROR, G_RESOLVER_ERROR_NOT_FOUND, _("there are none"));
  lookup_done (lookup, answer, error);
}

/* A name that has no form in ASCII is refused by whoever is asked for it. */
static void
look_up_txt (Lookup *lookup)
{
  const char *name = lookup->question->name;
  g_autofree char *ascii = g_hostname_to_ascii (name);
  g_autofree char *domain = g_strconcat ("_dnsaddr.", ascii != NULL ? ascii : name, NULL);

  lp2p_txt_lookup_async (domain, NULL, on_txt, lookup);
}

static void
look_up_addresses (Lookup *lookup)
{
  g_autoptr (GResolver) resolver = g_resolver_get_default ();
  GResolverNameLookupFlags flags = lookup->question->ask == LP2P_ASK_IP6
                                       ? G_RESOLVER_NAME_LOOKUP_FLAGS_IPV6_ONLY
                                       : G_RESOLVER_NAME_LOOKUP_FLAGS_IPV4_ONLY;

  g_resolver_lookup_by_name_with_flags_async (resolver, lookup->question->name, flags, NULL, on_addresses, lookup);
}

static void
start_lookup (Resolution *self, Lp2pQuestion *question)
{
  Lookup *lookup = g_new0 (Lookup, 1);

  self->resolver->n_lookups++;
  self->n_running++;
  g_ref_count_inc (&self->refs);
  lookup->resolver = g_object_ref (self->resolver);
  lookup->resolution = self;
  lookup->question = question;
  if (question->ask == LP2P_ASK_TXT)
    look_up_txt (lookup);
  else
    look_up_addresses (lookup);
}

static gboolean
may_ask (Resolution *self)
{
  return !self->done && self->n_running < LP2P_RESOLVER_MAX_PARALLEL && lp2p_name_tree_has_question (&self->tree);
}

/* One after the other, so that an address with many names does not keep others waiting.
 *
 * GIO answers in the context that is thread-default now, which need not be that of
 * the loop while its owner is in the middle of something. */
static void
start_lookups (Lp2pResolver *self)
{
  GMainContext *context = lp2p_loop_get_context (self->loop);

  g_main_context_push_thread_default (context);
  for (guint n_idle = 0; n_idle < self->running.length && self->n_lookups < LP2P_RESOLVER_MAX_LOOKUPS;)
    {
      GList *link = g_queue_pop_head_link (&self->running);
      Resolution *first = link->data;

      g_queue_push_tail_link (&self->running, link);
      if (may_ask (first))
        {
          start_lookup (first, lp2p_name_tree_ask (&first->tree));
          n_idle = 0;
        }
      else
        n_idle++;
    }
  g_main_context_pop_thread_default (context);
}

/* The resolver */

/*
 * lp2p_resolver_resolve_async:
 * @self: a resolver
 * @address: an address, with names or without
 * @budget: (nullable): how many look-ups there may be, which goes down with each; valid until
 *   @callback is called
 * @cancellable: (nullable): stops it
 * @callback: called when done
 * @user_data: for @callback
 *
 * Looks up the names in an address, up to the first relay: what is behind
 * `/p2p-circuit` is for that to resolve. Of a domain that `/dnsaddr` names only those
 * records count that end with what stands behind it, a peer id as a rule.
 */
void
lp2p_resolver_resolve_async (Lp2pResolver *self,
                             Lp2pMultiaddr *address,
                             guint *budget,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer user_data)
{
  Resolution *resolution = g_new0 (Resolution, 1);
  GError *error = NULL;

  g_ref_count_init (&resolution->refs);
  resolution->resolver = self;
  resolution->task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (resolution->task, lp2p_resolver_resolve_async);
  resolution->link.data = resolution;
  lp2p_name_tree_init (&resolution->tree, address, budget);
  lp2p_timer_init (&resolution->timer, self->loop, on_timeout);
  lp2p_job_init (&resolution->job, self->loop, LP2P_JOB_RUN, resolution_complete);
  g_queue_push_tail_link (&self->running, &resolution->link);

  if (g_cancellable_set_error_if_cancelled (cancellable, &error))
    resolution_end (resolution, error);
  else if (self->closed)
    resolution_end (resolution, g_error_new (G_IO_ERROR, G_IO_ERROR_CLOSED, _("The host is closed")));
  else
    {
      resolution->cancel_source = lp2p_cancel_watch (self->loop, cancellable, on_cancelled, resolution);
      lp2p_timer_set (&resolution->timer, lp2p_loop_now (self->loop) + LP2P_RESOLVER_TIMEOUT_US);
      start_lookups (self);
      check_over (resolution);
    }
}

/*
 * lp2p_resolver_resolve_finish:
 * @self: a resolver
 * @result: what the callback was given
 * @host_names: (out) (optional) (transfer container) (element-type utf8): for each address
 *   the name of the host that it is of, as HTTP and TLS want to know it; %NULL where
 *   the address was given as one
 * @error: return location for the error, which says what was asked and why it failed
 *
 * Returns: (transfer container) (element-type Lp2pMultiaddr): at least one address without
 *   names up to its first relay, each once, those of IPv6 before those of IPv4
 */
GPtrArray *
lp2p_resolver_resolve_finish (Lp2pResolver *self, GAsyncResult *result, GPtrArray **host_names, GError **error)
{
  Result *found = g_task_propagate_pointer (G_TASK (result), error);
  GPtrArray *addresses;

  if (found == NULL)
    return NULL;
  addresses = g_ptr_array_ref (found->addresses);
  if (host_names != NULL)
    *host_names = g_ptr_array_ref (found->host_names);
  result_free (found);
  return addresses;
}

/* Ends everything that is under way; each still completes in its turn. */
void
lp2p_resolver_close (Lp2pResolver *self)
{
  self->closed = TRUE;
  for (GList *l = self->running.head; l != NULL; l = l->next)
    resolution_end (l->data, g_error_new (G_IO_ERROR, G_IO_ERROR_CLOSED, _("The host is closed")));
}

static void
lp2p_resolver_finalize (GObject *object)
{
  lp2p_loop_unref (LP2P_RESOLVER (object)->loop);
  G_OBJECT_CLASS (lp2p_resolver_parent_class)->finalize (object);
}

static void
lp2p_resolver_class_init (Lp2pResolverClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = lp2p_resolver_finalize;
}

static void
lp2p_resolver_init (Lp2pResolver *self)
{
}

Lp2pResolver *
lp2p_resolver_new (Lp2pLoop *loop)
{
  Lp2pResolver *self = g_object_new (LP2P_TYPE_RESOLVER, NULL);

  self->loop = lp2p_loop_ref (loop);
  return self;
}
