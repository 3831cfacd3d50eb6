/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which extensions run: those that the configuration enables, also when it
 * changes. */

#include <string.h>

#include <lp2p/types/lp2p-error.h>

#include "host/lp2p-swarm-private.h"
#include "plugin/lp2p-descriptor-private.h"

typedef struct
{
  const char *kind;
  gsize offset; /* of the array in Lp2pSwarm */
  /* Whether connections may need it after it was disabled. */
  gboolean outlives;
} Kind;

/* In the order of starting: a service may use a transport. */
static const Kind kinds[] = {
  { LP2P_KIND_SECURITY, G_STRUCT_OFFSET (Lp2pSwarm, securities), TRUE },
  { LP2P_KIND_MUXER, G_STRUCT_OFFSET (Lp2pSwarm, muxers), TRUE },
  { LP2P_KIND_TRANSPORT, G_STRUCT_OFFSET (Lp2pSwarm, transports), TRUE },
  { LP2P_KIND_DISCOVERY, G_STRUCT_OFFSET (Lp2pSwarm, discovery), FALSE },
  { LP2P_KIND_SERVICE, G_STRUCT_OFFSET (Lp2pSwarm, services), FALSE },
};

static GPtrArray **
get_running (Lp2pSwarm *self, const Kind *kind)
{
  return &G_STRUCT_MEMBER (GPtrArray *, self, kind->offset);
}

/* A wrong value in the configuration is the user's to mend, so it is told in
 * @config_error; an extension that fails for reasons of its own is left out. */
static gboolean
start_extension (Lp2pSwarm *self, Lp2pExtension *extension, GError **config_error)
{
  const char *name = lp2p_extension_get_name (extension);
  Lp2pDescriptor *descriptor = lp2p_registry_find (self->registry, name);
  g_autoptr (GError) error = NULL;

  if (lp2p_extension_start (extension, &error))
    return TRUE;
  g_message ("Cannot start %s: %s", name, error->message);
  if (descriptor != NULL)
    lp2p_descriptor_set_error (descriptor, error);
  if (*config_error == NULL && g_error_matches (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_CONFIG))
    *config_error = g_steal_pointer (&error);
  return FALSE;
}

static void
retire (Lp2pSwarm *self, const Kind *kind, Lp2pExtension *extension)
{
  g_debug ("%s is disabled", lp2p_extension_get_name (extension));
  if (LP2P_IS_TRANSPORT (extension))
    lp2p_swarm_close_transport (self, lp2p_extension_get_name (extension));
  if (kind->outlives)
    g_ptr_array_add (self->retired, g_object_ref (extension));
  else
    lp2p_extension_stop (extension);
}

/* The array is another one afterwards: an upgrade under way goes on with what it
 * began with. */
static void
sync_kind (Lp2pSwarm *self, const Kind *kind, GError **config_error)
{
  g_autoptr (GPtrArray) before = g_ptr_array_ref (*get_running (self, kind));
  g_autoptr (GPtrArray) known = g_ptr_array_new ();
  g_autoptr (GPtrArray) wanted = NULL;
  GPtrArray *after = g_ptr_array_new_with_free_func (g_object_unref);

  g_ptr_array_extend (known, before, NULL, NULL);
  g_ptr_array_extend (known, self->retired, NULL, NULL);
  wanted = lp2p_registry_create (self->registry, kind->kind, known, LP2P_CONTEXT (self));
  for (guint i = 0; i < wanted->len; i++)
    {
      Lp2pExtension *extension = g_ptr_array_index (wanted, i);

      if (g_ptr_array_find (known, extension, NULL) || start_extension (self, extension, config_error))
        g_ptr_array_add (after, g_object_ref (extension));
      g_ptr_array_remove (self->retired, extension);
    }
  g_ptr_array_unref (*get_running (self, kind));
  *get_running (self, kind) = after;
  for (guint i = 0; i < before->len; i++)
    if (!g_ptr_array_find (after, g_ptr_array_index (before, i), NULL))
      retire (self, kind, g_ptr_array_index (before, i));
}

static void
tell_unknown_groups (Lp2pSwarm *self)
{
  g_auto (GStrv) groups = lp2p_config_get_unknown_groups (self->config);

  for (guint i = 0; groups[i] != NULL; i++)
    if (lp2p_registry_find (self->registry, groups[i] + strlen ("plugin ")) == NULL)
      g_message ("The configuration has a group [%s], but no such object is installed", groups[i]);
}

gboolean
lp2p_swarm_sync_extensions (Lp2pSwarm *self, GError **error)
{
  GError *config_error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    sync_kind (self, &kinds[i], &config_error);
  tell_unknown_groups (self);
  if (config_error == NULL)
    return TRUE;
  g_propagate_error (error, config_error);
  return FALSE;
}

static void
stop_all (GPtrArray *extensions)
{
  for (guint i = extensions->len; i > 0; i--)
    lp2p_extension_stop (g_ptr_array_index (extensions, i - 1));
  g_ptr_array_set_size (extensions, 0);
}

void
lp2p_swarm_stop_extensions (Lp2pSwarm *self)
{
  for (guint i = G_N_ELEMENTS (kinds); i > 0; i--)
    stop_all (*get_running (self, &kinds[i - 1]));
  stop_all (self->retired);
}

/* Following the configuration */

void
lp2p_swarm_run_config_job (Lp2pJob *job)
{
  Lp2pSwarm *swarm = (Lp2pSwarm *) ((guint8 *) job - G_STRUCT_OFFSET (Lp2pSwarm, config_job));
  g_autoptr (Lp2pSwarm) self = g_object_ref (swarm);
  g_autoptr (GError) error = NULL;

  if (self->closed)
    return;
  lp2p_swarm_set_proxy (self);
  lp2p_registry_scan (self->registry);
  /* What is wrong was logged, and concerns nobody but that extension. */
  lp2p_swarm_sync_extensions (self, NULL);
  if (!lp2p_swarm_listen_configured (self, &error))
    g_message ("%s", error->message);
}

/* Several changes at once are one: a file was loaded. */
static void
on_config_changed (Lp2pSwarm *self, const char *group, const char *key)
{
  if (g_str_equal (group, LP2P_CONFIG_GROUP_HOST))
    lp2p_job_queue (&self->config_job);
}

void
lp2p_swarm_follow_config (Lp2pSwarm *self)
{
  g_signal_connect_object (self->config, "changed", G_CALLBACK (on_config_changed), self, G_CONNECT_SWAPPED);
}
