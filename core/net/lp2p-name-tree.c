/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Names in addresses. What is found is a tree: an address with a name has beneath
 * it what the name stands for, in the order in which it is to be tried, and its
 * leaves are the result. Answers may so come in any order.
 *
 * Everything here may come from a stranger, so all of it has bounds:
 *
 * - Levels: a domain that names another domain, and so on. go-libp2p follows as
 *   many, so nobody publishes more; a loop ends there at the latest.
 * - Look-ups: the largest public network has a domain with five others in it, each
 *   of which has one host: sixteen. Twice that is what an address is worth, whatever
 *   its records would have us ask. The addresses of one dial share what it has of them.
 * - Addresses: those with names count too. A domain of five hosts with ten
 *   addresses each for either family fits twice. */

#include "net/lp2p-name-tree-private.h"

#include "codec/lp2p-dnsaddr-private.h"
#include "types/lp2p-i18n-private.h"

/* What a message about a failure may list: more does not help. */
#define MAX_REASONS 8

/* Translators: what is asked for: a name follows at once, and then ": " and what came of it */
static const char *const ask_texts[] = {
  [LP2P_ASK_IP6] = N_("IPv6 addresses of "),
  [LP2P_ASK_IP4] = N_("IPv4 addresses of "),
  [LP2P_ASK_TXT] = N_("TXT records of _dnsaddr."),
};

typedef struct _Entry Entry;

/* A place in the tree. */
struct _Entry
{
  Lp2pMultiaddr *address;
  char *host_name; /* whose address it is */
  Entry *parent;
  GPtrArray *children; /* (unowned) */
  guint level;         /* how many domains lead here */
  int name;            /* the component that is a name, -1 in a leaf */
  guint end;           /* the first one behind the way to the first relay, or to the peer */
};

static void add_entry (Lp2pNameTree *self, Entry *parent, Lp2pMultiaddr *address, const char *host_name, guint level);

static void
entry_free (gpointer pointer)
{
  Entry *self = pointer;

  lp2p_multiaddr_unref (self->address);
  g_free (self->host_name);
  g_ptr_array_unref (self->children);
  g_free (self);
}

static void
question_free (gpointer pointer)
{
  Lp2pQuestion *self = pointer;

  g_free (self->name);
  g_ptr_array_unref (self->waiting);
  g_clear_pointer (&self->answer, g_ptr_array_unref);
  g_free (self);
}

/* The first failure decides on the code of the error, if there is to be one. */
static void G_GNUC_PRINTF (4, 5)
note_failure (Lp2pNameTree *self, GQuark domain, int code, const char *format, ...)
{
  g_autofree char *reason = NULL;
  va_list args;

  va_start (args, format);
  reason = g_strdup_vprintf (format, args);
  va_end (args);
  g_debug ("%s", reason);

  if (self->error_domain == 0)
    {
      self->error_domain = domain;
      self->error_code = code;
    }
  if (self->n_reasons++ < MAX_REASONS)
    g_string_append_printf (self->reasons, "%s%s", self->reasons->len > 0 ? "; " : "", reason);
}

/* The address of an entry with something else for the components from its name on
 * to @rest. One that would be too long is left out. */
static void
add_replaced (Lp2pNameTree *self,
              Entry *entry,
              Lp2pMultiaddr *replacement,
              guint rest,
              const char *host_name,
              guint level)
{
  g_autoptr (Lp2pMultiaddr) before = lp2p_multiaddr_slice (entry->address, 0, (guint) entry->name);
  g_autoptr (Lp2pMultiaddr) behind = lp2p_multiaddr_slice (entry->address, rest, G_MAXUINT);
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_ref (replacement);

  if (before != NULL)
    {
      g_autoptr (Lp2pMultiaddr) last = g_steal_pointer (&address);

      address = lp2p_multiaddr_concat (before, last);
    }
  if (behind != NULL && address != NULL)
    {
      g_autoptr (Lp2pMultiaddr) first = g_steal_pointer (&address);

      address = lp2p_multiaddr_concat (first, behind);
    }
  if (address != NULL)
    add_entry (self, entry, address, host_name, level);
  else
    note_failure (self, G_RESOLVER_ERROR, G_RESOLVER_ERROR_NOT_FOUND, _("%s is too long in the place of a name"),
                  lp2p_multiaddr_get_string (replacement));
}

static void
expand_records (Lp2pNameTree *self, Entry *entry, Lp2pQuestion *question)
{
  g_autoptr (Lp2pMultiaddr) suffix = lp2p_multiaddr_slice (entry->address, (guint) entry->name + 1, entry->end);
  guint n_usable = 0;

  for (guint i = 0; i < question->answer->len && !self->full; i++)
    {
      Lp2pMultiaddr *address = question->answer->pdata[i];

      if (!lp2p_dnsaddr_matches (address, suffix))
        continue;
      n_usable++;
      add_replaced (self, entry, address, entry->end, NULL, entry->level + 1);
    }
  if (n_usable > 0 || self->full)
    return;
  if (suffix != NULL)
    note_failure (self, G_RESOLVER_ERROR, G_RESOLVER_ERROR_NOT_FOUND, _("%s%s: none is an address that ends with %s"),
                  _(ask_texts[LP2P_ASK_TXT]), question->name, lp2p_multiaddr_get_string (suffix));
  else
    note_failure (self, G_RESOLVER_ERROR, G_RESOLVER_ERROR_NOT_FOUND, _("%s%s: none is an address"),
                  _(ask_texts[LP2P_ASK_TXT]), question->name);
}

static void
expand_addresses (Lp2pNameTree *self, Entry *entry, Lp2pQuestion *question)
{
  Lp2pProtocol protocol = question->ask == LP2P_ASK_IP6 ? LP2P_PROTOCOL_IP6 : LP2P_PROTOCOL_IP4;

  for (guint i = 0; i < question->answer->len && !self->full; i++)
    {
      GInetAddress *address = question->answer->pdata[i];
      g_autoptr (Lp2pMultiaddr) component =
          lp2p_multiaddr_append (NULL, protocol, g_inet_address_to_bytes (address),
                                 g_inet_address_get_native_size (address), NULL);

      add_replaced (self, entry, component, (guint) entry->name + 1, question->name, entry->level);
    }
}

static void
expand (Lp2pNameTree *self, Entry *entry, Lp2pQuestion *question)
{
  if (question->answer == NULL)
    return;
  if (question->ask == LP2P_ASK_TXT)
    expand_records (self, entry, question);
  else
    expand_addresses (self, entry, question);
}

static Lp2pQuestion *
find_question (Lp2pNameTree *self, Lp2pAsk ask, const char *name)
{
  for (guint i = 0; i < self->questions->len; i++)
    {
      Lp2pQuestion *question = self->questions->pdata[i];

      if (question->ask == ask && g_ascii_strcasecmp (question->name, name) == 0)
        return question;
    }
  return NULL;
}

static gboolean
take_lookup (Lp2pNameTree *self, Lp2pAsk ask, const char *name)
{
  if (self->questions->len == LP2P_NAMES_MAX_LOOKUPS)
    {
      note_failure (self, G_RESOLVER_ERROR, G_RESOLVER_ERROR_NOT_FOUND, _("%s%s: more than %d look-ups"),
                    _(ask_texts[ask]), name, LP2P_NAMES_MAX_LOOKUPS);
      return FALSE;
    }
  if (self->budget != NULL && *self->budget == 0)
    {
      note_failure (self, G_RESOLVER_ERROR, G_RESOLVER_ERROR_NOT_FOUND,
                    _("%s%s: all look-ups are used up by other addresses of the peer"), _(ask_texts[ask]), name);
      return FALSE;
    }
  if (self->budget != NULL)
    --*self->budget;
  return TRUE;
}

static void
look_up (Lp2pNameTree *self, Entry *entry, Lp2pAsk ask)
{
  g_autofree char *name = lp2p_multiaddr_get_component_string (entry->address, (guint) entry->name);
  Lp2pQuestion *question = find_question (self, ask, name);

  if (question == NULL)
    {
      if (!take_lookup (self, ask, name))
        return;
      question = g_new0 (Lp2pQuestion, 1);
      question->ask = ask;
      question->name = g_steal_pointer (&name);
      question->waiting = g_ptr_array_new ();
      g_ptr_array_add (self->questions, question);
    }
  if (question->answered)
    expand (self, entry, question);
  else
    g_ptr_array_add (question->waiting, entry);
}

/* A host with addresses of either family is two hosts with one of them each. */
static void
split_families (Lp2pNameTree *self, Entry *entry)
{
  static const Lp2pProtocol families[] = { LP2P_PROTOCOL_DNS6, LP2P_PROTOCOL_DNS4 };
  const guint8 *value;
  gsize len;

  lp2p_multiaddr_get_component (entry->address, (guint) entry->name, NULL, &value, &len);
  for (guint i = 0; i < G_N_ELEMENTS (families); i++)
    {
      g_autoptr (Lp2pMultiaddr) component = lp2p_multiaddr_append (NULL, families[i], value, len, NULL);

      add_replaced (self, entry, component, (guint) entry->name + 1, entry->host_name, entry->level);
    }
}

static void
find_name (Entry *entry)
{
  int circuit = lp2p_multiaddr_find (entry->address, LP2P_PROTOCOL_P2P_CIRCUIT, 0);
  Lp2pProtocol protocol;

  entry->end = circuit >= 0 ? (guint) circuit : lp2p_multiaddr_get_n_components (entry->address);
  for (guint i = 0; i < entry->end; i++)
    {
      lp2p_multiaddr_get_component (entry->address, i, &protocol, NULL, NULL);
      if (protocol == LP2P_PROTOCOL_DNS || protocol == LP2P_PROTOCOL_DNS4 || protocol == LP2P_PROTOCOL_DNS6 ||
          protocol == LP2P_PROTOCOL_DNSADDR)
        {
          entry->name = (int) i;
          return;
        }
    }
  entry->name = -1;
}

static void
begin_entry (Lp2pNameTree *self, Entry *entry)
{
  Lp2pProtocol protocol;

  lp2p_multiaddr_get_component (entry->address, (guint) entry->name, &protocol, NULL, NULL);
  if (protocol == LP2P_PROTOCOL_DNS)
    split_families (self, entry);
  else if (protocol == LP2P_PROTOCOL_DNS6)
    look_up (self, entry, LP2P_ASK_IP6);
  else if (protocol == LP2P_PROTOCOL_DNS4)
    look_up (self, entry, LP2P_ASK_IP4);
  else if (entry->level < LP2P_NAMES_MAX_LEVELS)
    look_up (self, entry, LP2P_ASK_TXT);
  else
    note_failure (self, G_RESOLVER_ERROR, G_RESOLVER_ERROR_NOT_FOUND, _("%s: more than %d domains lead to it"),
                  lp2p_multiaddr_get_string (entry->address), LP2P_NAMES_MAX_LEVELS);
}

static gboolean
leads_back (Entry *parent, Lp2pMultiaddr *address)
{
  for (; parent != NULL; parent = parent->parent)
    if (lp2p_multiaddr_equal (parent->address, address))
      return TRUE;
  return FALSE;
}

/* Adds an address, and what can be said at once of names in it. */
static void
add_entry (Lp2pNameTree *self, Entry *parent, Lp2pMultiaddr *address, const char *host_name, guint level)
{
  Entry *entry;

  if (self->entries->len == LP2P_NAMES_MAX_ADDRESSES)
    {
      self->full = TRUE;
      note_failure (self, G_RESOLVER_ERROR, G_RESOLVER_ERROR_NOT_FOUND, _("%s: more than %d addresses"),
                    lp2p_multiaddr_get_string (address), LP2P_NAMES_MAX_ADDRESSES);
      return;
    }
  if (leads_back (parent, address))
    {
      note_failure (self, G_RESOLVER_ERROR, G_RESOLVER_ERROR_NOT_FOUND, _("%s leads back to itself"),
                    lp2p_multiaddr_get_string (address));
      return;
    }

  entry = g_new0 (Entry, 1);
  entry->address = lp2p_multiaddr_ref (address);
  entry->host_name = g_strdup (host_name);
  entry->parent = parent;
  entry->children = g_ptr_array_new ();
  entry->level = level;
  find_name (entry);
  g_ptr_array_add (self->entries, entry);
  if (parent != NULL)
    g_ptr_array_add (parent->children, entry);
  if (entry->name >= 0)
    begin_entry (self, entry);
}

void
lp2p_name_tree_init (Lp2pNameTree *self, Lp2pMultiaddr *address, guint *budget)
{
  *self = (Lp2pNameTree){
    .entries = g_ptr_array_new_with_free_func (entry_free),
    .questions = g_ptr_array_new_with_free_func (question_free),
    .reasons = g_string_new (NULL),
    .budget = budget,
  };
  add_entry (self, NULL, address, NULL, 0);
}

void
lp2p_name_tree_clear (Lp2pNameTree *self)
{
  g_ptr_array_unref (self->entries);
  g_ptr_array_unref (self->questions);
  g_string_free (self->reasons, TRUE);
}

gboolean
lp2p_name_tree_has_question (const Lp2pNameTree *self)
{
  return self->n_asked < self->questions->len;
}

/* Returns: (transfer none) (nullable): the next question, valid as long as @self;
 *   %NULL for none, or none before there are more answers */
Lp2pQuestion *
lp2p_name_tree_ask (Lp2pNameTree *self)
{
  return lp2p_name_tree_has_question (self) ? self->questions->pdata[self->n_asked++] : NULL;
}

/* Returns: (transfer full): the records that are addresses */
static GPtrArray *
parse_records (Lp2pQuestion *question, GPtrArray *records)
{
  GPtrArray *addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);

  for (guint i = 0; i < records->len; i++)
    {
      g_autoptr (GError) error = NULL;
      Lp2pMultiaddr *address = lp2p_dnsaddr_parse (records->pdata[i], &error);

      if (address != NULL)
        g_ptr_array_add (addresses, address);
      else
        g_debug ("A TXT record of _dnsaddr.%s is ignored: %s", question->name, error->message);
    }
  return addresses;
}

/* @answer: (nullable): GInetAddress of the right family, or the text of records
 * @error: (nullable): why there is no answer */
void
lp2p_name_tree_answer (Lp2pNameTree *self, Lp2pQuestion *question, GPtrArray *answer, const GError *error)
{
  question->answered = TRUE;
  if (error != NULL)
    {
      note_failure (self, error->domain, error->code, "%s%s: %s", _(ask_texts[question->ask]), question->name,
                    error->message);
      return;
    }
  question->answer = question->ask == LP2P_ASK_TXT ? parse_records (question, answer) : g_ptr_array_ref (answer);
  for (guint i = 0; i < question->waiting->len; i++)
    expand (self, question->waiting->pdata[i], question);
}

/* There will be no more answers: if there is no address, this is the error. */
void
lp2p_name_tree_give_up (Lp2pNameTree *self, GQuark domain, int code, const char *reason)
{
  for (guint i = 0; i < self->questions->len; i++)
    {
      Lp2pQuestion *question = self->questions->pdata[i];

      if (!question->answered)
        note_failure (self, domain, code, "%s%s: %s", _(ask_texts[question->ask]), question->name, reason);
    }
  self->error_domain = domain;
  self->error_code = code;
}

static void
collect (Entry *entry, GHashTable *seen, GPtrArray *addresses, GPtrArray *host_names)
{
  if (entry->name < 0 && g_hash_table_add (seen, entry->address))
    {
      g_ptr_array_add (addresses, lp2p_multiaddr_ref (entry->address));
      g_ptr_array_add (host_names, g_strdup (entry->host_name));
    }
  for (guint i = 0; i < entry->children->len; i++)
    collect (entry->children->pdata[i], seen, addresses, host_names);
}

/* Returns: (transfer container) (element-type Lp2pMultiaddr): the leaves, each once */
GPtrArray *
lp2p_name_tree_collect (Lp2pNameTree *self, GPtrArray **host_names, GError **error)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (lp2p_multiaddr_hash, lp2p_multiaddr_equal);
  g_autoptr (GPtrArray) addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  Entry *root = self->entries->pdata[0];

  collect (root, seen, addresses, names);
  if (addresses->len == 0)
    {
      g_set_error (error, self->error_domain, self->error_code, _("Cannot resolve %s: %s%s"),
                   lp2p_multiaddr_get_string (root->address), self->reasons->str,
                   self->n_reasons > MAX_REASONS ? _("; and so on") : "");
      return NULL;
    }
  *host_names = g_steal_pointer (&names);
  return g_steal_pointer (&addresses);
}
