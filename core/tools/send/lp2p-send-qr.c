/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/send/lp2p-send-qr-private.h"

#include <qrencode.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The white border that a reader needs, in modules. */
#define BORDER 2

/* Two rows of modules are one line of text: its colours are those of the upper and
 * the lower half. */
static const char *const halves[] = { " ", "\u2584", "\u2580", "\u2588" };

static gboolean
is_white (const QRcode *code, int x, int y)
{
  x -= BORDER;
  y -= BORDER;
  return x < 0 || y < 0 || x >= code->width || y >= code->width ||
         (code->data[y * code->width + x] & 1) == 0;
}

SendQr *
send_qr_new (const char *text)
{
  QRcode *code = QRcode_encodeData ((int) strlen (text), (const unsigned char *) text, 0,
                                    QR_ECLEVEL_L);
  SendQr *self;
  GString *lines;
  int size;

  if (code == NULL)
    return NULL;
  lines = g_string_new (NULL);
  size = code->width + 2 * BORDER;
  for (int y = 0; y < size; y += 2)
    {
      /* Black and white whatever the colours of the terminal are. */
      g_string_append (lines, "\033[97;40m");
      for (int x = 0; x < size; x++)
        g_string_append (lines, halves[(is_white (code, x, y) ? 2 : 0) +
                                       (is_white (code, x, y + 1) ? 1 : 0)]);
      g_string_append (lines, "\033[0m\n");
    }
  QRcode_free (code);
  self = g_new0 (SendQr, 1);
  self->text = g_string_free (lines, FALSE);
  self->columns = (guint) size;
  self->lines = (guint) (size + 1) / 2;
  return self;
}

void
send_qr_free (SendQr *self)
{
  g_free (self->text);
  g_free (self);
}

/* How large the terminal is; one that does not tell is as they were built once. */
void
send_qr_measure_terminal (guint *columns, guint *lines)
{
  struct winsize size = { 0 };

  if (ioctl (STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0)
    size = (struct winsize){ .ws_col = 80, .ws_row = 24 };
  *columns = size.ws_col;
  *lines = size.ws_row;
}

/* Only on a terminal that knows the characters. */
gboolean
send_qr_is_shown (void)
{
  const char *term = g_getenv ("TERM");

  return isatty (STDOUT_FILENO) && g_strcmp0 (term, "dumb") != 0 && g_get_charset (NULL);
}
