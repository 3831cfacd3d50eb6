/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Messages in the language of the user. Loadable objects have <glib/gi18n-lib.h>
 * instead: the loader calls lp2p_i18n_init() before it opens the first one. */

#include <glib.h>

G_BEGIN_DECLS

void lp2p_i18n_init (void);
const char *lp2p_gettext (const char *text) G_GNUC_FORMAT (1);
const char *lp2p_ngettext (const char *singular, const char *plural, gulong n) G_GNUC_FORMAT (1) G_GNUC_FORMAT (2);

#define _(text) lp2p_gettext (text)
#define N_(text) (text)

G_END_DECLS
