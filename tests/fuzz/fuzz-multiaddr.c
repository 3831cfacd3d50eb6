/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads the input once as the binary form and once as the text of a multiaddr.
 * Whatever is accepted must survive the way through both forms. */

#include <lp2p/types/lp2p-multiaddr.h>
#include <lp2p/types/lp2p-peer-id.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static void
check (Lp2pMultiaddr *address)
{
  const char *text = lp2p_multiaddr_get_string (address);
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pMultiaddr) from_text = lp2p_multiaddr_new_from_string (text, &error);
  g_autoptr (Lp2pMultiaddr) from_bytes = NULL;
  g_autoptr (GSocketAddress) socket = NULL;
  gsize len;
  const guint8 *data = lp2p_multiaddr_get_data (address, &len);

  g_assert_no_error (error);
  g_assert_true (lp2p_multiaddr_equal (address, from_text));
  g_assert_cmpstr (lp2p_multiaddr_get_string (from_text), ==, text);
  from_bytes = lp2p_multiaddr_new_from_bytes (data, len, &error);
  g_assert_no_error (error);
  g_assert_true (lp2p_multiaddr_equal (address, from_bytes));

  for (guint i = 0; i < lp2p_multiaddr_get_n_components (address); i++)
    {
      g_autofree char *value = lp2p_multiaddr_get_component_string (address, i);
      g_autoptr (Lp2pMultiaddr) rest = lp2p_multiaddr_slice (address, i, G_MAXUINT);
      g_autoptr (Lp2pPeerId) peer = NULL;
      Lp2pProtocol protocol;
      const guint8 *bytes;
      gsize size;

      g_assert_nonnull (rest);
      g_assert_true (lp2p_multiaddr_get_component (address, i, &protocol, &bytes, &size));
      peer = protocol == LP2P_PROTOCOL_P2P ? lp2p_peer_id_new_from_bytes (bytes, size, NULL) : NULL;
      g_assert_true ((peer != NULL) == (protocol == LP2P_PROTOCOL_P2P));
      g_assert_true (value == NULL || value[0] != '\0');
    }
  socket = lp2p_multiaddr_get_socket_address (address, NULL);
  (void) lp2p_multiaddr_is_loopback (address);
  (void) lp2p_multiaddr_is_private (address);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pMultiaddr) binary = lp2p_multiaddr_new_from_bytes (data, size, &error);
  g_autoptr (Lp2pMultiaddr) parsed = NULL;

  g_assert_true ((binary == NULL) == (error != NULL));
  if (binary != NULL)
    check (binary);

  g_clear_error (&error);
  parsed = lp2p_multiaddr_new_from_string (text, &error);
  g_assert_true ((parsed == NULL) == (error != NULL));
  if (parsed != NULL)
    check (parsed);
  else
    g_assert_true (g_utf8_validate (error->message, -1, NULL));
  return 0;
}
