/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The private key as a text, and in a file of its own. */

#include <lp2p/types/lp2p-identity.h>

#include "types/lp2p-i18n-private.h"
#include "types/lp2p-private-key-private.h"

#include <lp2p/types/lp2p-cursor.h>
#include <lp2p/types/lp2p-error.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/pem.h>

/* An RSA key of 8192 bits has some 6,400 bytes in PEM. */
#define FILE_MAX 65536

#define PEM_START "-----BEGIN "

/* The first byte of a binary PrivateKey message, which no text starts with. */
#define PROTOBUF_TYPE_TAG 0x08

static gboolean
set_file_error (GError **error, int code, const char *path, const char *what)
{
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code), "%s: %s: %s", path, what,
               g_strerror (code));
  return FALSE;
}

static gboolean
check_file (int fd, const char *path, Lp2pIdentityFileFlags flags, gsize *size, GError **error)
{
  struct stat info;

  if (fstat (fd, &info) != 0)
    return set_file_error (error, errno, path, _("cannot look at the key file"));
  if (!S_ISREG (info.st_mode))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_REGULAR_FILE,
                   _("%s: not a regular file, expected a key file"), path);
      return FALSE;
    }
  if ((info.st_mode & 077) != 0 && (flags & LP2P_IDENTITY_FILE_ALLOW_SHARED) == 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                   _("%s: the private key is open to other users (mode %04o), expected mode 0600"),
                   path, (guint) info.st_mode & 07777);
      return FALSE;
    }
  if (info.st_size <= 0 || info.st_size > FILE_MAX)
    {
      g_set_error (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_KEY,
                   _("%s: %" PRId64 " bytes, expected a private key of 1 to %d bytes"), path,
                   (goffset) info.st_size, FILE_MAX);
      return FALSE;
    }
  *size = (gsize) info.st_size;
  return TRUE;
}

/* Fills @buffer as far as the file goes; a negative number is an errno. */
static gssize
read_all (int fd, guint8 *buffer, gsize size)
{
  gsize done = 0;

  while (done < size)
    {
      gssize n = read (fd, buffer + done, size - done);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return -errno;
      if (n == 0)
        break;
      done += (gsize) n;
    }
  return (gssize) done;
}

static GBytes *
read_file (const char *path, Lp2pIdentityFileFlags flags, GError **error)
{
  /* Without O_NONBLOCK, opening a named pipe would wait for a writer. */
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  guint8 *buffer;
  gsize size;
  gssize n;
  GBytes *contents = NULL;

  if (fd < 0)
    {
      set_file_error (error, errno, path, _("cannot open the key file"));
      return NULL;
    }
  if (!check_file (fd, path, flags, &size, error))
    {
      close (fd);
      return NULL;
    }

  buffer = g_malloc (size);
  n = read_all (fd, buffer, size);
  if (n < 0)
    set_file_error (error, (int) -n, path, _("cannot read the key file"));
  else
    contents = lp2p_secret_bytes_new (buffer, (gsize) n);
  OPENSSL_cleanse (buffer, size);
  g_free (buffer);
  close (fd);
  return contents;
}

/* Instead of libcrypto's own function, which would ask on the terminal. */
static int
refuse_passphrase (char *buffer, int size, int writing, void *data)
{
  *(gboolean *) data = TRUE;
  return -1;
}

static Lp2pIdentity *
read_pem (const guint8 *data, gsize len, GError **error)
{
  BIO *bio = BIO_new_mem_buf (data, (int) len);
  gboolean encrypted = FALSE;
  g_autoptr (EVP_PKEY) key = NULL;

  if (bio != NULL)
    key = PEM_read_bio_PrivateKey (bio, NULL, refuse_passphrase, &encrypted);
  BIO_free (bio);
  ERR_clear_error ();

  if (encrypted)
    {
      g_set_error_literal (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_UNSUPPORTED,
                           _("the PEM private key is encrypted, expected one without a passphrase"));
      return NULL;
    }
  if (key == NULL)
    {
      g_set_error_literal (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_KEY,
                           _("malformed PEM, expected an unencrypted private key (PKCS #8)"));
      return NULL;
    }
  return lp2p_identity_new_from_key (key, error);
}

static gboolean
is_base64_digit (guint8 c)
{
  return g_ascii_isalnum (c) || c == '+' || c == '/';
}

/* Decodes standard base64 with its padding and nothing else, since GLib's
 * decoder passes over what it does not know. */
static Lp2pIdentity *
read_base64 (const guint8 *data, gsize len, GError **error)
{
  g_autofree char *text = NULL;
  Lp2pIdentity *self = NULL;
  gsize digits = 0;
  gsize size = 0;

  while (digits < len && is_base64_digit (data[digits]))
    digits++;
  for (gsize i = digits; i < len; i++)
    if (data[i] != '=')
      digits = 0;

  if (digits == 0 || len % 4 != 0 || len - digits > 2)
    {
      g_set_error_literal (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_INVALID_KEY,
                           _("expected one line of base64, a binary protobuf PrivateKey, or PEM"));
      return NULL;
    }

  text = g_strndup ((const char *) data, len);
  g_base64_decode_inplace (text, &size);
  self = lp2p_identity_new_from_bytes ((const guint8 *) text, size, error);
  OPENSSL_cleanse (text, len);
  return self;
}

/**
 * lp2p_identity_new_from_text:
 * @text: (array length=len) (element-type guint8): a private key
 * @len: how many bytes it has
 * @error: return location for an error
 *
 * Reads a private key from a text: the protobuf `PrivateKey` in base64, as
 * [method@Lp2p.Identity.to_text] writes it, or unencrypted PEM, with white space
 * around it or not. Accepted is also the protobuf itself.
 *
 * Returns: (transfer full): the identity, or %NULL with
 *   %LP2P_TYPES_ERROR_INVALID_KEY or %LP2P_TYPES_ERROR_UNSUPPORTED
 *
 * Since: 1.0
 */
Lp2pIdentity *
lp2p_identity_new_from_text (const char *text, gsize len, GError **error)
{
  g_return_val_if_fail (text != NULL || len == 0, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (len > 0 && text[0] == PROTOBUF_TYPE_TAG)
    return lp2p_identity_new_from_bytes ((const guint8 *) text, len, error);

  while (len > 0 && g_ascii_isspace (text[len - 1]))
    len--;
  while (len > 0 && g_ascii_isspace (*text))
    {
      text++;
      len--;
    }
  if (len > strlen (PEM_START) && memcmp (text, PEM_START, strlen (PEM_START)) == 0)
    return read_pem ((const guint8 *) text, len, error);
  return read_base64 ((const guint8 *) text, len, error);
}

/**
 * lp2p_identity_to_text:
 * @self: an identity
 * @error: return location for an error
 *
 * Writes the private key as a text: the protobuf `PrivateKey` in base64, the form in
 * which other implementations export keys, without a zero byte at the end.
 *
 * The bytes are secret. They are overwritten when their last reference is
 * given back; copies of them must be overwritten by whoever makes them.
 *
 * Returns: (transfer full): the text, or %NULL with
 *   %LP2P_TYPES_ERROR_UNSUPPORTED when the cryptographic library refuses
 *
 * Since: 1.0
 */
GBytes *
lp2p_identity_to_text (Lp2pIdentity *self, GError **error)
{
  g_autoptr (GBytes) bytes = NULL;
  GBytes *secret;
  char *text;

  g_return_val_if_fail (LP2P_IS_IDENTITY (self), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  bytes = lp2p_identity_to_bytes (self, error);
  if (bytes == NULL)
    return NULL;
  text = g_base64_encode (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  secret = lp2p_secret_bytes_new ((const guint8 *) text, strlen (text));
  OPENSSL_cleanse (text, strlen (text));
  g_free (text);
  return secret;
}

/**
 * lp2p_identity_load_file:
 * @path: (type filename): where the key is
 * @flags: %LP2P_IDENTITY_FILE_ALLOW_SHARED to accept a file that other users
 *   may read or write
 * @error: return location for an error
 *
 * Reads a private key from a file, as [method@Lp2p.Identity.save_file] writes
 * it: the protobuf `PrivateKey` in base64. Accepted are also the protobuf
 * itself, as other implementations store it, and unencrypted PEM.
 *
 * Returns: (transfer full): the identity, or %NULL with a `G_IO_ERROR`, of
 *   which %G_IO_ERROR_PERMISSION_DENIED also means that the file is open to
 *   others; or with %LP2P_TYPES_ERROR_INVALID_KEY or
 *   %LP2P_TYPES_ERROR_UNSUPPORTED
 *
 * Since: 1.0
 */
Lp2pIdentity *
lp2p_identity_load_file (const char *path, Lp2pIdentityFileFlags flags, GError **error)
{
  g_autoptr (GBytes) contents = NULL;
  Lp2pIdentity *self;

  g_return_val_if_fail (path != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  contents = read_file (path, flags, error);
  if (contents == NULL)
    return NULL;
  self = lp2p_identity_new_from_text (g_bytes_get_data (contents, NULL), g_bytes_get_size (contents),
                                      error);
  if (self == NULL)
    g_prefix_error (error, "%s: ", path);
  return self;
}

static gboolean
write_all (int fd, const char *data, gsize len)
{
  while (len > 0)
    {
      gssize n = write (fd, data, len);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return FALSE;
      data += n;
      len -= (gsize) n;
    }
  return TRUE;
}

/* Writes a line to a new file of mode 0600, whose name replaces the pattern in
 * @temporary; returns 0 or an errno. */
static int
write_beside (GBytes *line, char *temporary)
{
  int fd = g_mkstemp_full (temporary, O_RDWR | O_CLOEXEC, 0600);
  int code = 0;

  if (fd < 0)
    return errno;
  if (!write_all (fd, g_bytes_get_data (line, NULL), g_bytes_get_size (line)) ||
      !write_all (fd, "\n", 1) || fsync (fd) != 0)
    code = errno;
  if (close (fd) != 0 && code == 0)
    code = errno;
  if (code != 0)
    unlink (temporary);
  return code;
}

/* Gives the finished file its name; returns 0 or an errno. */
static int
put_in_place (const char *temporary, const char *path, gboolean replace)
{
  int code = 0;

  if (replace)
    {
      if (rename (temporary, path) != 0)
        code = errno;
    }
  else if (renameat2 (AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) != 0)
    {
      code = errno;
      /* Not every file system has that; a hard link never replaces either. */
      if (code == EINVAL || code == ENOSYS)
        {
          code = link (temporary, path) == 0 ? 0 : errno;
          unlink (temporary);
          return code;
        }
    }
  if (code != 0)
    unlink (temporary);
  return code;
}

/* So that the name, too, outlives a loss of power. */
static void
sync_folder (const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path);
  int fd = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (fd < 0)
    return;
  fsync (fd);
  close (fd);
}

/**
 * lp2p_identity_save_file:
 * @self: an identity
 * @path: (type filename): where to put the key
 * @flags: %LP2P_IDENTITY_FILE_REPLACE to replace a file that exists
 * @error: return location for an error
 *
 * Writes the private key to a file that only its owner may read (mode 0600):
 * one line with the protobuf `PrivateKey` in base64, the form in which other
 * implementations export keys.
 *
 * The file appears complete or not at all. Without
 * %LP2P_IDENTITY_FILE_REPLACE, a file that exists is left alone, also when two
 * processes try at once.
 *
 * Returns: whether the key was written; else @error is a `G_IO_ERROR`, of which
 *   %G_IO_ERROR_EXISTS means that there was a file
 *
 * Since: 1.0
 */
gboolean
lp2p_identity_save_file (Lp2pIdentity *self,
                         const char *path,
                         Lp2pIdentityFileFlags flags,
                         GError **error)
{
  g_autofree char *temporary = NULL;
  g_autoptr (GBytes) text = NULL;
  int code;

  g_return_val_if_fail (LP2P_IS_IDENTITY (self), FALSE);
  g_return_val_if_fail (path != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  text = lp2p_identity_to_text (self, error);
  if (text == NULL)
    return FALSE;

  temporary = g_strconcat (path, ".XXXXXX", NULL);
  code = write_beside (text, temporary);
  if (code == 0)
    code = put_in_place (temporary, path, (flags & LP2P_IDENTITY_FILE_REPLACE) != 0);
  if (code != 0)
    return set_file_error (error, code, path, _("cannot write the key file"));

  sync_folder (path);
  return TRUE;
}
