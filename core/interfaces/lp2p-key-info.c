/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/interfaces/lp2p-key-info.h>

struct _Lp2pKeyInfo
{
  gatomicrefcount refs;
  char *name;
  Lp2pPeerId *peer_id;
};

G_DEFINE_BOXED_TYPE (Lp2pKeyInfo, lp2p_key_info, lp2p_key_info_ref, lp2p_key_info_unref)

/**
 * lp2p_key_info_new:
 * @name: the name that the key was saved under
 * @peer_id: (nullable): the peer id that follows from it, %NULL if it is not known
 *
 * Describes a key, for those who make a key store.
 *
 * Returns: (transfer full): what is known of a key
 *
 * Since: 1.0
 */
Lp2pKeyInfo *
lp2p_key_info_new (const char *name, Lp2pPeerId *peer_id)
{
  Lp2pKeyInfo *self;

  g_return_val_if_fail (name != NULL, NULL);

  self = g_new0 (Lp2pKeyInfo, 1);
  g_atomic_ref_count_init (&self->refs);
  self->name = g_strdup (name);
  self->peer_id = peer_id != NULL ? lp2p_peer_id_ref (peer_id) : NULL;
  return self;
}

/**
 * lp2p_key_info_ref:
 * @self: what is known of a key
 *
 * Takes a reference.
 *
 * Returns: (transfer full): a new reference
 *
 * Since: 1.0
 */
Lp2pKeyInfo *
lp2p_key_info_ref (Lp2pKeyInfo *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->refs);
  return self;
}

/**
 * lp2p_key_info_unref:
 * @self: (transfer full): what is known of a key
 *
 * Gives a reference back.
 *
 * Since: 1.0
 */
void
lp2p_key_info_unref (Lp2pKeyInfo *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->refs))
    return;
  g_free (self->name);
  g_clear_pointer (&self->peer_id, lp2p_peer_id_unref);
  g_free (self);
}

/**
 * lp2p_key_info_get_name:
 * @self: what is known of a key
 *
 * Gets the name of the key in its store.
 *
 * Returns: the name that the key was saved under
 *
 * Since: 1.0
 */
const char *
lp2p_key_info_get_name (Lp2pKeyInfo *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  return self->name;
}

/**
 * lp2p_key_info_get_peer_id:
 * @self: what is known of a key
 *
 * Tells the peer id that follows from the key, as far as the store knows it: it is
 * not known of a key that is damaged.
 *
 * Returns: (transfer none) (nullable): the peer id
 *
 * Since: 1.0
 */
Lp2pPeerId *
lp2p_key_info_get_peer_id (Lp2pKeyInfo *self)
{
  g_return_val_if_fail (self != NULL, NULL);
  return self->peer_id;
}
