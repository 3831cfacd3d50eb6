/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host-pair.h"

#include "host/lp2p-host-private.h"
#include <lp2p/interfaces/lp2p-context.h>

static gboolean
on_tick (gpointer user_data)
{
  return G_SOURCE_CONTINUE;
}

static void
iterate (HostPair *self)
{
  g_autoptr (GSource) tick = g_timeout_source_new (20);

  g_source_set_callback (tick, on_tick, NULL, NULL);
  g_source_attach (tick, self->context);
  g_main_context_iteration (self->context, TRUE);
  g_source_destroy (tick);
}

void
host_pair_iterate (HostPair *self, gint64 deadline, const char *what, const char *where)
{
  if (g_get_monotonic_time () >= deadline)
    g_error ("%s: waited in vain for %s", where, what);
  iterate (self);
}

void
host_pair_wait (HostPair *self, gint64 us)
{
  gint64 end = g_get_monotonic_time () + us;

  while (g_get_monotonic_time () < end)
    iterate (self);
}

void
host_pair_take_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GAsyncResult **where = user_data;

  *where = g_object_ref (result);
}

static Lp2pHost *
new_host (HostPair *self, const char *const *services, TestWorld *world)
{
  static const char *const listen[] = { "/ip4/127.0.0.1/tcp/0", NULL };
  g_autoptr (Lp2pConfig) config = lp2p_config_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  Lp2pHost *host;

  lp2p_config_set (config, LP2P_CONFIG_GROUP_HOST, "services", g_variant_new_strv (services, -1),
                   &error);
  g_assert_no_error (error);
  lp2p_config_set (config, LP2P_CONFIG_GROUP_HOST, "listen", g_variant_new_strv (listen, -1),
                   &error);
  g_assert_no_error (error);
  host = lp2p_host_new_with_clock (config, NULL, world != NULL ? &world->clock : NULL);
  if (world != NULL)
    g_ptr_array_add (world->loops, lp2p_loop_ref (lp2p_context_get_loop (
                                       LP2P_CONTEXT (lp2p_host_get_swarm (host)))));
  lp2p_host_start_async (host, NULL, host_pair_take_result, &result);
  host_pair_until (self, result != NULL);
  lp2p_host_start_finish (host, result, &error);
  g_assert_no_error (error);
  return host;
}

HostPair *
host_pair_new_in (TestWorld *world, const char *const *services)
{
  HostPair *self = g_new0 (HostPair, 1);

  self->context = world != NULL ? g_main_context_ref (world->context) : g_main_context_new ();
  g_main_context_push_thread_default (self->context);
  for (guint i = 0; i < 2; i++)
    self->hosts[i] = new_host (self, services, world);
  return self;
}

HostPair *
host_pair_new (const char *const *services)
{
  return host_pair_new_in (NULL, services);
}

void
host_pair_free (HostPair *self)
{
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GAsyncResult) result = NULL;

      lp2p_host_close_async (self->hosts[i], NULL, host_pair_take_result, &result);
      host_pair_until (self, result != NULL);
    }
  for (guint i = 0; i < 2; i++)
    {
      g_object_add_weak_pointer (G_OBJECT (self->hosts[i]), (gpointer *) &self->hosts[i]);
      g_object_unref (self->hosts[i]);
      host_pair_until (self, self->hosts[i] == NULL);
    }
  g_main_context_pop_thread_default (self->context);
  g_main_context_unref (self->context);
  g_free (self);
}

Lp2pConnection *
host_pair_connect (HostPair *self)
{
  g_autoptr (GPtrArray) addresses = lp2p_host_dup_listen_addresses (self->hosts[1]);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  Lp2pConnection *connection;

  g_assert_cmpuint (addresses->len, ==, 1);
  lp2p_host_connect_async (self->hosts[0], g_ptr_array_index (addresses, 0), NULL,
                           host_pair_take_result, &result);
  host_pair_until (self, result != NULL);
  connection = lp2p_host_connect_finish (self->hosts[0], result, &error);
  g_assert_no_error (error);
  return connection;
}
