/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The forms of the addresses of transports, as descriptors have them: `/ip` in the
 * beginning stands for the address of an interface. In the header, as the command sees of
 * the library only what it exports. */

#include <glib.h>
#include <string.h>

G_BEGIN_DECLS

static inline gboolean
lp2p_address_form_has_ip (const char *form)
{
  return g_str_has_prefix (form, "/ip/");
}

/* What is behind the place of an address: all of it where there is none. */
static inline const char *
lp2p_address_form_get_rest (const char *form)
{
  return lp2p_address_form_has_ip (form) ? form + strlen ("/ip") : form;
}

G_END_DECLS
