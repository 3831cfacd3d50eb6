/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "plugin/lp2p-descriptor-private.h"

#include <string.h>

/**
 * Lp2pDescriptor:
 *
 * What a `NAME.plugin` file says of a loadable object, and how loading it went.
 *
 * A descriptor that cannot be used is still an object, so that it can be shown:
 * its [property@Descriptor:error] says why.
 *
 * Since: 1.0
 */
struct _Lp2pDescriptor
{
  GObject parent_instance;

  char *file;
  Lp2pDescriptorFields fields;
  gboolean loaded;
  GError *error;
};

G_DEFINE_FINAL_TYPE (Lp2pDescriptor, lp2p_descriptor, G_TYPE_OBJECT)

enum
{
  PROP_0,
  PROP_FILE,
  PROP_NAME,
  PROP_MODULE,
  PROP_ABI,
  PROP_KIND,
  PROP_PROTOCOLS,
  PROP_ADDRESSES,
  PROP_TRAITS,
  PROP_PRIORITY,
  PROP_SCHEMA,
  PROP_LICENSE,
  PROP_TITLE,
  PROP_DESCRIPTION,
  PROP_LOADED,
  PROP_ERROR,
  N_PROPS,
};

static GParamSpec *properties[N_PROPS];

static void
lp2p_descriptor_finalize (GObject *object)
{
  Lp2pDescriptor *self = LP2P_DESCRIPTOR (object);

  g_clear_pointer (&self->file, g_free);
  lp2p_descriptor_fields_clear (&self->fields);
  g_clear_error (&self->error);
  G_OBJECT_CLASS (lp2p_descriptor_parent_class)->finalize (object);
}

static void
lp2p_descriptor_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  Lp2pDescriptor *self = LP2P_DESCRIPTOR (object);

  switch (id)
    {
    case PROP_FILE:
      g_value_set_string (value, self->file);
      break;
    case PROP_NAME:
      g_value_set_string (value, self->fields.name);
      break;
    case PROP_MODULE:
      g_value_set_string (value, self->fields.module);
      break;
    case PROP_ABI:
      g_value_set_uint (value, self->fields.abi);
      break;
    case PROP_KIND:
      g_value_set_string (value, self->fields.kind);
      break;
    case PROP_PROTOCOLS:
      g_value_set_boxed (value, lp2p_descriptor_get_protocols (self));
      break;
    case PROP_ADDRESSES:
      g_value_set_boxed (value, lp2p_descriptor_get_addresses (self));
      break;
    case PROP_TRAITS:
      g_value_set_boxed (value, lp2p_descriptor_get_traits (self));
      break;
    case PROP_PRIORITY:
      g_value_set_int (value, self->fields.priority);
      break;
    case PROP_SCHEMA:
      g_value_set_string (value, self->fields.schema);
      break;
    case PROP_LICENSE:
      g_value_set_string (value, self->fields.license);
      break;
    case PROP_TITLE:
      g_value_set_string (value, self->fields.title);
      break;
    case PROP_DESCRIPTION:
      g_value_set_string (value, self->fields.description);
      break;
    case PROP_LOADED:
      g_value_set_boolean (value, self->loaded);
      break;
    case PROP_ERROR:
      g_value_set_boxed (value, self->error);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

#define READABLE (G_PARAM_READABLE | G_PARAM_STATIC_STRINGS)

static void
lp2p_descriptor_class_init (Lp2pDescriptorClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = lp2p_descriptor_finalize;
  object_class->get_property = lp2p_descriptor_get_property;

  /**
   * Lp2pDescriptor:file: (getter get_file)
   *
   * Path of the descriptor itself.
   */
  properties[PROP_FILE] = g_param_spec_string ("file", NULL, NULL, NULL, READABLE);
  /**
   * Lp2pDescriptor:name: (getter get_name)
   *
   * The name in configuration files.
   */
  properties[PROP_NAME] = g_param_spec_string ("name", NULL, NULL, NULL, READABLE);
  /**
   * Lp2pDescriptor:module: (getter get_module)
   *
   * File name of the loadable object, in the folder of the descriptor.
   */
  properties[PROP_MODULE] = g_param_spec_string ("module", NULL, NULL, NULL, READABLE);
  /**
   * Lp2pDescriptor:abi: (getter get_abi)
   *
   * The plugin ABI that the object was built for.
   */
  properties[PROP_ABI] = g_param_spec_uint ("abi", NULL, NULL, 0, G_MAXUINT, 0, READABLE);
  /**
   * Lp2pDescriptor:kind: (getter get_kind)
   *
   * Which interface the object implements, such as %LP2P_KIND_TRANSPORT.
   */
  properties[PROP_KIND] = g_param_spec_string ("kind", NULL, NULL, NULL, READABLE);
  /**
   * Lp2pDescriptor:protocols: (getter get_protocols)
   *
   * The protocols it speaks, as text to show.
   */
  properties[PROP_PROTOCOLS] = g_param_spec_boxed ("protocols", NULL, NULL, G_TYPE_STRV, READABLE);
  /**
   * Lp2pDescriptor:addresses: (getter get_addresses)
   *
   * Which forms the addresses of a transport have.
   */
  properties[PROP_ADDRESSES] = g_param_spec_boxed ("addresses", NULL, NULL, G_TYPE_STRV, READABLE);
  /**
   * Lp2pDescriptor:traits: (getter get_traits)
   *
   * What is special about a transport, such as %LP2P_TRAIT_NATIVE.
   */
  properties[PROP_TRAITS] = g_param_spec_boxed ("traits", NULL, NULL, G_TYPE_STRV, READABLE);
  /**
   * Lp2pDescriptor:priority: (getter get_priority)
   *
   * Its rank among its kind, higher first, where the configuration gives none.
   */
  properties[PROP_PRIORITY] =
      g_param_spec_int ("priority", NULL, NULL, G_MININT, G_MAXINT, 0, READABLE);
  /**
   * Lp2pDescriptor:schema: (getter get_schema)
   *
   * Id of the settings schema with its options.
   */
  properties[PROP_SCHEMA] = g_param_spec_string ("schema", NULL, NULL, NULL, READABLE);
  /**
   * Lp2pDescriptor:license: (getter get_license)
   *
   * Its licence, as an SPDX expression.
   */
  properties[PROP_LICENSE] = g_param_spec_string ("license", NULL, NULL, NULL, READABLE);
  /**
   * Lp2pDescriptor:title: (getter get_title)
   *
   * A name for people, in the user's language.
   */
  properties[PROP_TITLE] = g_param_spec_string ("title", NULL, NULL, NULL, READABLE);
  /**
   * Lp2pDescriptor:description: (getter get_description)
   *
   * What it is for, in the user's language.
   */
  properties[PROP_DESCRIPTION] = g_param_spec_string ("description", NULL, NULL, NULL, READABLE);
  /**
   * Lp2pDescriptor:loaded: (getter get_loaded)
   *
   * Whether the loadable object was loaded through this descriptor.
   */
  properties[PROP_LOADED] = g_param_spec_boolean ("loaded", NULL, NULL, FALSE, READABLE);
  /**
   * Lp2pDescriptor:error: (getter get_error)
   *
   * Why it cannot be used.
   */
  properties[PROP_ERROR] = g_param_spec_boxed ("error", NULL, NULL, G_TYPE_ERROR, READABLE);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
lp2p_descriptor_init (Lp2pDescriptor *self)
{
}

/*
 * lp2p_descriptor_new_for_data:
 * @file: the path that the descriptor is said to have
 * @data: what is in it
 * @len: how many bytes
 *
 * Returns: (transfer full): a descriptor, with an error when it is wrong
 */
Lp2pDescriptor *
lp2p_descriptor_new_for_data (const char *file, const char *data, gsize len)
{
  Lp2pDescriptor *self = g_object_new (LP2P_TYPE_DESCRIPTOR, NULL);

  self->file = g_strdup (file);
  lp2p_descriptor_parse (&self->fields, file, data, len, &self->error);
  return self;
}

/**
 * lp2p_descriptor_new:
 * @file: path of a `NAME.plugin` file
 *
 * Reads a descriptor. One that cannot be used has an error from the start, see
 * [method@Descriptor.get_error].
 *
 * Returns: (transfer full): the descriptor
 *
 * Since: 1.0
 */
Lp2pDescriptor *
lp2p_descriptor_new (const char *file)
{
  g_autofree char *data = NULL;
  GError *error = NULL;
  Lp2pDescriptor *self;
  gsize len;

  g_return_val_if_fail (file != NULL, NULL);

  data = lp2p_descriptor_read_file (file, &len, &error);
  if (data != NULL)
    return lp2p_descriptor_new_for_data (file, data, len);

  self = g_object_new (LP2P_TYPE_DESCRIPTOR, NULL);
  self->file = g_strdup (file);
  self->error = error;
  return self;
}

/*
 * lp2p_descriptor_set_loaded:
 * @self: a descriptor without error
 *
 * Notes that its object was loaded.
 */
void
lp2p_descriptor_set_loaded (Lp2pDescriptor *self)
{
  if (self->loaded)
    return;
  self->loaded = TRUE;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_LOADED]);
}

/*
 * lp2p_descriptor_set_error:
 * @self: a descriptor
 * @error: why it cannot be used
 *
 * Keeps an error. The first one stays: what comes after it follows from it.
 */
void
lp2p_descriptor_set_error (Lp2pDescriptor *self, const GError *error)
{
  if (self->error != NULL)
    return;
  self->error = g_error_copy (error);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_ERROR]);
}

/**
 * lp2p_descriptor_get_file: (get-property file)
 * @self: a descriptor
 *
 * Gets the file that the descriptor was read from.
 *
 * Returns: (transfer none): path of the descriptor itself
 *
 * Since: 1.0
 */
const char *
lp2p_descriptor_get_file (Lp2pDescriptor *self)
{
  g_return_val_if_fail (LP2P_IS_DESCRIPTOR (self), NULL);
  return self->file;
}

/**
 * lp2p_descriptor_get_name: (get-property name)
 * @self: a descriptor
 *
 * Gets the name by which the configuration enables the object.
 *
 * Returns: (transfer none) (nullable): the name in configuration files, %NULL
 *   when the descriptor has none that is valid
 *
 * Since: 1.0
 */
const char *
lp2p_descriptor_get_name (Lp2pDescriptor *self)
{
  g_return_val_if_fail (LP2P_IS_DESCRIPTOR (self), NULL);
  return self->fields.name;
}

/**
 * lp2p_descriptor_get_module: (get-property module)
 * @self: a descriptor
 *
 * Gets the name of the shared object, without folder.
 *
 * Returns: (transfer none) (nullable): file name of the loadable object, %NULL
 *   when the descriptor is wrong
 *
 * Since: 1.0
 */
const char *
lp2p_descriptor_get_module (Lp2pDescriptor *self)
{
  g_return_val_if_fail (LP2P_IS_DESCRIPTOR (self), NULL);
  return self->fields.module;
}

/**
 * lp2p_descriptor_dup_module_file:
 * @self: a descriptor
 *
 * Gets the file of the shared object, which lies beside the descriptor.
 *
 * Returns: (transfer full) (nullable): path of the loadable object, %NULL when
 *   the descriptor is wrong
 *
 * Since: 1.0
 */
char *
lp2p_descriptor_dup_module_file (Lp2pDescriptor *self)
{
  g_autofree char *folder = NULL;

  g_return_val_if_fail (LP2P_IS_DESCRIPTOR (self), NULL);

  if (self->fields.module == NULL)
    return NULL;
  folder = g_path_get_dirname (self->file);
  return g_build_filename (folder, self->fields.module, NULL);
}

/**
 * lp2p_descriptor_get_abi: (get-property abi)
 * @self: a descriptor
 *
 * Gets the plugin ABI that the object was built for.
 *
 * Returns: the plugin ABI that the object was built for
 *
 * Since: 1.0
 */
guint
lp2p_descriptor_get_abi (Lp2pDescriptor *self)
{
  g_return_val_if_fail (LP2P_IS_DESCRIPTOR (self), 0);
  return self->fields.abi;
}

/**
 * lp2p_descriptor_get_kind: (get-property kind)
 * @self: a descriptor
 *
 * Gets what the object is, such as %LP2P_KIND_TRANSPORT.
 *
 * Returns: (transfer none) (nullable): which interface the object implements,
 *   such as %LP2P_KIND_TRANSPORT; %NULL when the descriptor is wrong
 *
 * Since: 1.0
 */
const char *
lp2p_descriptor_get_kind (Lp2pDescriptor *self)
{
  g_return_val_if_fail (LP2P_IS_DESCRIPTOR (self), NULL);
  return self->fields.kind;
}

static const char *const *
get_list (char **list)
{
  static const char *const none[] = { NULL };

  return list != NULL ? (const char *const *) list : none;
}

/**
 * lp2p_descriptor_get_protocols: (get-property protocols)
 * @self: a descriptor
 *
 * Gets what the object speaks, for users to read.
 *
 * Returns: (transfer none) (array zero-terminated=1): the protocols it speaks, as
 *   text to show
 *
 * Since: 1.0
 */
const char *const *
lp2p_descriptor_get_protocols (Lp2pDescriptor *self)
{
  g_return_val_if_fail (LP2P_IS_DESCRIPTOR (self), NULL);
  return get_list (self->fields.protocols);
}

/**
 * lp2p_descriptor_get_addresses: (get-property addresses)
 * @self: a descriptor
 *
 * Gets the forms of the addresses of a transport, such as `/ip/udp/0/quic-v1`, where
 * `/ip` in the beginning stands for an IP address. The first one, with that of an
 * interface, is what can be listened on where nobody has named an address.
 *
 * Returns: (transfer none) (array zero-terminated=1): the forms
 *
 * Since: 1.0
 */
const char *const *
lp2p_descriptor_get_addresses (Lp2pDescriptor *self)
{
  g_return_val_if_fail (LP2P_IS_DESCRIPTOR (self), NULL);
  return get_list (self->fields.addresses);
}

/**
 * lp2p_descriptor_fill_address:
 * @form: the form of an address, of [method@Descriptor.get_addresses]
 * @ip: (nullable): the address of an interface, such as `/ip4/127.0.0.1`, %NULL for none
 *
 * Makes an address from its form, in which @ip takes the place of `/ip`. Where the form has
 * no such place, @ip is not used.
 *
 * Returns: (transfer full): the address; without @ip what comes behind its place
 *
 * Since: 1.0
 */
char *
lp2p_descriptor_fill_address (const char *form, const char *ip)
{
  g_return_val_if_fail (form != NULL, NULL);

  if (!g_str_has_prefix (form, LP2P_ADDRESS_FORM_IP))
    return g_strdup (form);
  return g_strconcat (ip != NULL ? ip : "", form + strlen (LP2P_ADDRESS_FORM_IP) - 1, NULL);
}

/**
 * lp2p_descriptor_get_traits: (get-property traits)
 * @self: a descriptor
 *
 * Gets what those have to know of a transport who have not loaded it.
 *
 * Returns: (transfer none) (array zero-terminated=1): what is special about it, such
 *   as %LP2P_TRAIT_NATIVE
 *
 * Since: 1.0
 */
const char *const *
lp2p_descriptor_get_traits (Lp2pDescriptor *self)
{
  g_return_val_if_fail (LP2P_IS_DESCRIPTOR (self), NULL);
  return get_list (self->fields.traits);
}

/**
 * lp2p_descriptor_get_priority: (get-property priority)
 * @self: a descriptor
 *
 * Gets which object comes first among those of a kind.
 *
 * Returns: its rank among its kind, higher first, where the configuration gives
 *   none
 *
 * Since: 1.0
 */
int
lp2p_descriptor_get_priority (Lp2pDescriptor *self)
{
  g_return_val_if_fail (LP2P_IS_DESCRIPTOR (self), 0);
  return self->fields.priority;
}

/**
 * lp2p_descriptor_get_schema: (get-property schema)
 * @self: a descriptor
 *
 * Gets the settings schema of the options of the object.
 *
 * Returns: (transfer none) (nullable): id of the settings schema with its options
 *
 * Since: 1.0
 */
const char *
lp2p_descriptor_get_schema (Lp2pDescriptor *self)
{
  g_return_val_if_fail (LP2P_IS_DESCRIPTOR (self), NULL);
  return self->fields.schema;
}

/**
 * lp2p_descriptor_get_license: (get-property license)
 * @self: a descriptor
 *
 * Gets the licence of the object.
 *
 * Returns: (transfer none) (nullable): its licence, as an SPDX expression
 *
 * Since: 1.0
 */
const char *
lp2p_descriptor_get_license (Lp2pDescriptor *self)
{
  g_return_val_if_fail (LP2P_IS_DESCRIPTOR (self), NULL);
  return self->fields.license;
}

/**
 * lp2p_descriptor_get_title: (get-property title)
 * @self: a descriptor
 *
 * Gets the name of the object for users.
 *
 * Returns: (transfer none) (nullable): a name for people, in the user's language
 *
 * Since: 1.0
 */
const char *
lp2p_descriptor_get_title (Lp2pDescriptor *self)
{
  g_return_val_if_fail (LP2P_IS_DESCRIPTOR (self), NULL);
  return self->fields.title;
}

/**
 * lp2p_descriptor_get_description: (get-property description)
 * @self: a descriptor
 *
 * Gets what the object does, in one sentence for users.
 *
 * Returns: (transfer none) (nullable): what it is for, in the user's language
 *
 * Since: 1.0
 */
const char *
lp2p_descriptor_get_description (Lp2pDescriptor *self)
{
  g_return_val_if_fail (LP2P_IS_DESCRIPTOR (self), NULL);
  return self->fields.description;
}

/**
 * lp2p_descriptor_get_loaded: (get-property loaded)
 * @self: a descriptor
 *
 * Tells whether the object is in memory. Once loaded, it stays.
 *
 * Returns: whether the loadable object was loaded through this descriptor
 *
 * Since: 1.0
 */
gboolean
lp2p_descriptor_get_loaded (Lp2pDescriptor *self)
{
  g_return_val_if_fail (LP2P_IS_DESCRIPTOR (self), FALSE);
  return self->loaded;
}

/**
 * lp2p_descriptor_get_error: (get-property error)
 * @self: a descriptor
 *
 * Gets why the object cannot be used.
 *
 * Returns: (transfer none) (nullable): why it cannot be used, %NULL when nothing
 *   speaks against it so far
 *
 * Since: 1.0
 */
const GError *
lp2p_descriptor_get_error (Lp2pDescriptor *self)
{
  g_return_val_if_fail (LP2P_IS_DESCRIPTOR (self), NULL);
  return self->error;
}
