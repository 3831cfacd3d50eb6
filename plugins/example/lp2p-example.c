/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A service that sends a greeting on each stream a peer opens, and ends it. */

#include <lp2p/lp2p-plugin.h>

#include <string.h>

#define PROTOCOL "/lp2p/example/1.0.0"

/* A process has one name space of types: choose a prefix of your own. */
#define EXAMPLE_TYPE_GREETER (example_greeter_get_type ())
G_DECLARE_FINAL_TYPE (ExampleGreeter, example_greeter, EXAMPLE, GREETER, Lp2pExtension)

struct _ExampleGreeter
{
  Lp2pExtension parent_instance;

  char *group;               /* of the configuration: "plugin NAME" */
  GCancellable *cancellable; /* triggered when the host closes */
};

/* The interface of its kind. That of services has no functions. */
G_DEFINE_FINAL_TYPE_WITH_CODE (ExampleGreeter,
                               example_greeter,
                               LP2P_TYPE_EXTENSION,
                               G_IMPLEMENT_INTERFACE (LP2P_TYPE_SERVICE, NULL))

/* What `[plugin example]` may hold in a configuration file. */
static const Lp2pOption options[] = {
  { "greeting", "s", "'hello'", 0, 0, "What peers are greeted with" },
};

/* A greeting on its way. */
typedef struct
{
  Lp2pStream *stream;
  char *text;
} Greeting;

static void
greeting_free (Greeting *greeting)
{
  g_object_unref (greeting->stream);
  g_free (greeting->text);
  g_free (greeting);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Greeting, greeting_free)

static void
on_written (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Greeting) greeting = user_data;
  g_autoptr (GError) error = NULL;

  if (!g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, &error))
    {
      lp2p_log_connection (G_LOG_LEVEL_DEBUG, lp2p_stream_get_connection (greeting->stream),
                           "The greeting was not sent: %s", error->message);
      lp2p_stream_reset (greeting->stream, LP2P_CODE_NONE);
      return;
    }
  g_io_stream_close_async (G_IO_STREAM (greeting->stream), G_PRIORITY_DEFAULT, NULL, NULL, NULL);
}

/* Called for each stream, with the protocol agreed on. It must not block. */
static void
on_stream (Lp2pStream *stream, gpointer user_data)
{
  ExampleGreeter *self = EXAMPLE_GREETER (user_data);
  Lp2pConfig *config = lp2p_context_get_config (lp2p_extension_get_context (LP2P_EXTENSION (self)));
  g_autofree char *text = lp2p_config_get_string (config, self->group, "greeting");
  Greeting *greeting = g_new0 (Greeting, 1);

  greeting->stream = g_object_ref (stream);
  greeting->text = g_strconcat (text, "\n", NULL);
  g_output_stream_write_all_async (g_io_stream_get_output_stream (G_IO_STREAM (stream)),
                                   greeting->text, strlen (greeting->text), G_PRIORITY_DEFAULT,
                                   self->cancellable, on_written, greeting);
}

static gboolean
example_greeter_start (Lp2pExtension *extension, GError **error)
{
  ExampleGreeter *self = EXAMPLE_GREETER (extension);
  Lp2pContext *context = lp2p_extension_get_context (extension);

  self->group = g_strdup_printf ("plugin %s", lp2p_extension_get_name (extension));
  if (!lp2p_config_register_group (lp2p_context_get_config (context), self->group, options,
                                   G_N_ELEMENTS (options), error))
    return FALSE;
  lp2p_context_set_stream_handler (context, PROTOCOL, LP2P_HANDLER_NONE, on_stream, self, NULL);
  return TRUE;
}

static void
example_greeter_stop (Lp2pExtension *extension)
{
  ExampleGreeter *self = EXAMPLE_GREETER (extension);

  lp2p_context_remove_stream_handler (lp2p_extension_get_context (extension), PROTOCOL);
  g_cancellable_cancel (self->cancellable);
}

static void
example_greeter_finalize (GObject *object)
{
  ExampleGreeter *self = EXAMPLE_GREETER (object);

  g_clear_object (&self->cancellable);
  g_clear_pointer (&self->group, g_free);
  G_OBJECT_CLASS (example_greeter_parent_class)->finalize (object);
}

static void
example_greeter_class_init (ExampleGreeterClass *klass)
{
  Lp2pExtensionClass *extension_class = LP2P_EXTENSION_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = example_greeter_finalize;
  extension_class->start = example_greeter_start;
  extension_class->stop = example_greeter_stop;
}

static void
example_greeter_init (ExampleGreeter *self)
{
  self->cancellable = g_cancellable_new ();
}

/* What the loader looks for: the names in the descriptors, and their types. */
LP2P_PLUGIN_DEFINE ({ "example", example_greeter_get_type })
