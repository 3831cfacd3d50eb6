/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/interfaces/lp2p-context.h>
#include <lp2p/interfaces/lp2p-extension.h>

/**
 * Lp2pExtension:
 *
 * What every loadable object's type derives from. The host makes one instance
 * of each enabled extension, starts it, and stops it when it closes. A key store is
 * neither started nor stopped.
 *
 * Since: 1.0
 */
typedef struct
{
  Lp2pContext *context;
  char *name;
  gboolean started;
} Lp2pExtensionPrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (Lp2pExtension, lp2p_extension, G_TYPE_OBJECT)

enum
{
  PROP_0,
  PROP_CONTEXT,
  PROP_NAME,
  N_PROPS,
};

static GParamSpec *properties[N_PROPS];

static void
lp2p_extension_finalize (GObject *object)
{
  Lp2pExtensionPrivate *priv = lp2p_extension_get_instance_private (LP2P_EXTENSION (object));

  g_clear_object (&priv->context);
  g_clear_pointer (&priv->name, g_free);
  G_OBJECT_CLASS (lp2p_extension_parent_class)->finalize (object);
}

static void
lp2p_extension_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  Lp2pExtension *self = LP2P_EXTENSION (object);

  switch (id)
    {
    case PROP_CONTEXT:
      g_value_set_object (value, lp2p_extension_get_context (self));
      break;
    case PROP_NAME:
      g_value_set_string (value, lp2p_extension_get_name (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
lp2p_extension_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  Lp2pExtensionPrivate *priv = lp2p_extension_get_instance_private (LP2P_EXTENSION (object));

  switch (id)
    {
    case PROP_CONTEXT:
      priv->context = g_value_dup_object (value);
      break;
    case PROP_NAME:
      priv->name = g_value_dup_string (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

/**
 * Lp2pExtensionClass::start:
 * @self: an extension
 *
 * Called once, before anything else, when the host starts.
 *
 * Returns: whether it can be used
 */
/**
 * Lp2pExtensionClass::stop:
 * @self: an extension
 *
 * Called once when the host closes: pending operations end with `G_IO_ERROR_CLOSED`,
 * listeners close, handlers go.
 */

static void
lp2p_extension_class_init (Lp2pExtensionClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = lp2p_extension_finalize;
  object_class->get_property = lp2p_extension_get_property;
  object_class->set_property = lp2p_extension_set_property;

  /**
   * Lp2pExtension:context: (skip)
   *
   * What the host offers, for those that are made by one.
   */
  properties[PROP_CONTEXT] = g_param_spec_object (
      "context", NULL, NULL, LP2P_TYPE_CONTEXT,
      G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  /**
   * Lp2pExtension:name:
   *
   * The name in the descriptor, which is the name in configuration files.
   */
  properties[PROP_NAME] = g_param_spec_string (
      "name", NULL, NULL, NULL,
      G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
lp2p_extension_init (Lp2pExtension *self)
{
}

/**
 * lp2p_extension_get_context:
 * @self: an extension
 *
 * Returns: (transfer none): what the host offers
 */
Lp2pContext *
lp2p_extension_get_context (Lp2pExtension *self)
{
  Lp2pExtensionPrivate *priv = lp2p_extension_get_instance_private (self);

  g_return_val_if_fail (LP2P_IS_EXTENSION (self), NULL);
  return priv->context;
}

/**
 * lp2p_extension_get_name:
 * @self: an extension
 *
 * Gets what it is called in configuration files.
 *
 * Returns: (transfer none): the name in its descriptor
 *
 * Since: 1.0
 */
const char *
lp2p_extension_get_name (Lp2pExtension *self)
{
  Lp2pExtensionPrivate *priv = lp2p_extension_get_instance_private (self);

  g_return_val_if_fail (LP2P_IS_EXTENSION (self), NULL);
  return priv->name;
}

/**
 * lp2p_extension_start:
 * @self: an extension
 * @error: where to put the error
 *
 * Starts the extension; called by the host.
 *
 * Returns: whether it can be used
 */
gboolean
lp2p_extension_start (Lp2pExtension *self, GError **error)
{
  Lp2pExtensionPrivate *priv = lp2p_extension_get_instance_private (self);
  Lp2pExtensionClass *klass = LP2P_EXTENSION_GET_CLASS (self);

  g_return_val_if_fail (!priv->started, FALSE);

  if (klass->start != NULL && !klass->start (self, error))
    return FALSE;
  priv->started = TRUE;
  return TRUE;
}

/**
 * lp2p_extension_stop:
 * @self: an extension
 *
 * Stops the extension; called by the host. Harmless when it was not started.
 */
void
lp2p_extension_stop (Lp2pExtension *self)
{
  Lp2pExtensionPrivate *priv = lp2p_extension_get_instance_private (self);
  Lp2pExtensionClass *klass = LP2P_EXTENSION_GET_CLASS (self);

  if (!priv->started)
    return;
  priv->started = FALSE;
  if (klass->stop != NULL)
    klass->stop (self);
}
