/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "types/lp2p-i18n-private.h"

#include <libintl.h>
#include <stdlib.h>

/*
 * lp2p_i18n_init:
 *
 * Tells gettext where the translations are, once. An application that wants them has
 * called `setlocale()`; a library does not.
 *
 * `LP2P_LOCALE_DIR` names another folder, as the build tree is one, unless the
 * process has rights that its caller does not have.
 */
void
lp2p_i18n_init (void)
{
  static gsize done;

  if (g_once_init_enter (&done))
    {
      const char *folder = secure_getenv ("LP2P_LOCALE_DIR");

      bindtextdomain (GETTEXT_PACKAGE, folder != NULL ? folder : LP2P_LOCALEDIR);
      bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
      g_once_init_leave (&done, 1);
    }
}

const char *
lp2p_gettext (const char *text)
{
  lp2p_i18n_init ();
  return g_dgettext (GETTEXT_PACKAGE, text);
}

const char *
lp2p_ngettext (const char *singular, const char *plural, gulong n)
{
  lp2p_i18n_init ();
  return g_dngettext (GETTEXT_PACKAGE, singular, plural, n);
}
