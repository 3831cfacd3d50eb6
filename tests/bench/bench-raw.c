/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The least that moving bytes over a TCP connection can cost: two processes that
 * read and write in a loop, with the ciphers that the security protocols use.
 *
 *   bench-raw listen none|noise|tls [ADDRESS]
 *   bench-raw send none|noise|tls ADDRESS:PORT BYTES [CONGESTION CONTROL]
 *
 * noise: records of the largest size that Noise allows, through libcrypto's
 * ChaCha20-Poly1305. tls: records of 16 KiB, through GnuTLS with AES-128-GCM. Both
 * print a line of JSON with what their side used. The keys are no secret. */

#include <glib.h>

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define NONE_SIZE  (256 * 1024)
#define TAG_SIZE   16
#define LEN_SIZE   2
#define NOISE_SIZE (65535 - TAG_SIZE)
#define TLS_SIZE   (16 * 1024)
#define PRIORITY   "NONE:+VERS-TLS1.3:+AEAD:+AES-128-GCM:+GROUP-X25519:+ECDHE-PSK:+SIGN-ALL:+SHA256"

/* One side of a connection. send() takes a block, receive() gives 0 at the end. */
typedef struct _Raw Raw;
typedef struct
{
  const char *name;
  gsize block;
  void (*begin) (Raw *self, gboolean listener);
  void (*send) (Raw *self, gsize size);
  gsize (*receive) (Raw *self);
} RawClass;

struct _Raw
{
  const RawClass *klass;
  int fd;
  guint8 plain[NONE_SIZE];
  guint8 sealed[NONE_SIZE];
  gsize sealed_size;
  gsize sealed_start;
  EVP_CIPHER_CTX *cipher;
  guint64 nonce;
  gnutls_session_t session;
};

static void G_GNUC_NORETURN
fail (const char *what)
{
  fprintf (stderr, "bench-raw: %s: %s\n", what, strerror (errno));
  exit (1);
}

static double
cpu_seconds (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
         (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void
report (gint64 began, double cpu)
{
  printf ("{\"seconds\":%.6f,\"cpuSeconds\":%.6f}\n", (g_get_monotonic_time () - began) / 1e6,
          cpu_seconds () - cpu);
  fflush (stdout);
}

static void
write_all (int fd, const guint8 *data, gsize size)
{
  while (size > 0)
    {
      gssize n = write (fd, data, size);

      if (n <= 0)
        fail ("cannot write");
      data += n;
      size -= n;
    }
}

static gsize
read_some (int fd, guint8 *data, gsize size)
{
  gssize n = read (fd, data, size);

  if (n < 0)
    fail ("cannot read");
  return n;
}

/* Records leave together, as many as fit, and come together: a call of the system
 * for each would be what is measured. */
static void
flush (Raw *self)
{
  write_all (self->fd, self->sealed, self->sealed_size);
  self->sealed_size = 0;
}

/* none */

static void
none_begin (Raw *self, gboolean listener)
{
}

static void
none_send (Raw *self, gsize size)
{
  write_all (self->fd, self->plain, size);
}

static gsize
none_receive (Raw *self)
{
  return read_some (self->fd, self->plain, sizeof self->plain);
}

/* noise */

static void
noise_begin (Raw *self, gboolean listener)
{
  self->cipher = EVP_CIPHER_CTX_new ();
  if (!EVP_CipherInit_ex (self->cipher, EVP_chacha20_poly1305 (), NULL, NULL, NULL, !listener))
    fail ("no ChaCha20-Poly1305");
}

static void
noise_init (Raw *self, int encrypt)
{
  static const guint8 key[32] = "this key is no secret to anyone";
  const guint32 nonce[] = { 0, self->nonce, self->nonce >> 32 };

  self->nonce++;
  if (!EVP_CipherInit_ex (self->cipher, NULL, NULL, key, (const guint8 *) nonce, encrypt))
    fail ("cannot set a nonce");
}

static void
noise_send (Raw *self, gsize size)
{
  guint8 *record = self->sealed + self->sealed_size;
  guint8 *out = record + LEN_SIZE;
  gsize len = size + TAG_SIZE;
  int n;

  noise_init (self, 1);
  record[0] = len >> 8;
  record[1] = len & 0xff;
  if (!EVP_EncryptUpdate (self->cipher, out, &n, self->plain, size) ||
      !EVP_EncryptFinal_ex (self->cipher, out + size, &n) ||
      !EVP_CIPHER_CTX_ctrl (self->cipher, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, out + size))
    fail ("cannot encrypt");
  self->sealed_size += LEN_SIZE + len;
  if (sizeof self->sealed - self->sealed_size < LEN_SIZE + TAG_SIZE + NOISE_SIZE)
    flush (self);
}

/* Returns: whether so many bytes are there */
static gboolean
noise_fill (Raw *self, gsize wanted)
{
  while (self->sealed_size - self->sealed_start < wanted)
    {
      gsize n;

      if (self->sealed_start > 0)
        {
          self->sealed_size -= self->sealed_start;
          memmove (self->sealed, self->sealed + self->sealed_start, self->sealed_size);
          self->sealed_start = 0;
        }
      n = read_some (self->fd, self->sealed + self->sealed_size,
                     sizeof self->sealed - self->sealed_size);
      if (n == 0)
        return FALSE;
      self->sealed_size += n;
    }
  return TRUE;
}

static gsize
noise_receive (Raw *self)
{
  guint8 *in;
  gsize len, size;
  int n;

  if (!noise_fill (self, LEN_SIZE))
    return 0;
  in = self->sealed + self->sealed_start;
  len = in[0] << 8 | in[1];
  if (len < TAG_SIZE || !noise_fill (self, LEN_SIZE + len))
    fail ("a record is cut");
  in = self->sealed + self->sealed_start + LEN_SIZE;
  size = len - TAG_SIZE;
  noise_init (self, 0);
  if (!EVP_CIPHER_CTX_ctrl (self->cipher, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, in + size) ||
      !EVP_DecryptUpdate (self->cipher, self->plain, &n, in, size) ||
      !EVP_DecryptFinal_ex (self->cipher, self->plain + size, &n))
    fail ("cannot decrypt");
  self->sealed_start += LEN_SIZE + len;
  return size;
}

/* tls */

static ssize_t
tls_push (gnutls_transport_ptr_t transport, const void *data, size_t size)
{
  Raw *self = transport;

  if (self->sealed_size + size > sizeof self->sealed)
    flush (self);
  memcpy (self->sealed + self->sealed_size, data, size);
  self->sealed_size += size;
  return size;
}

static ssize_t
tls_pull (gnutls_transport_ptr_t transport, void *buffer, size_t size)
{
  Raw *self = transport;

  if (self->sealed_start == self->sealed_size)
    {
      self->sealed_start = 0;
      self->sealed_size = read_some (self->fd, self->sealed, sizeof self->sealed);
    }
  size = MIN (size, self->sealed_size - self->sealed_start);
  memcpy (buffer, self->sealed + self->sealed_start, size);
  self->sealed_start += size;
  return size;
}

static int
give_key (gnutls_session_t session, const char *name, gnutls_datum_t *key)
{
  key->data = gnutls_malloc (16);
  key->size = 16;
  memset (key->data, 'k', 16);
  return 0;
}

static void
set_credentials (gnutls_session_t session, gboolean listener)
{
  static guint8 bytes[16];
  const gnutls_datum_t key = { bytes, sizeof bytes };
  gnutls_psk_server_credentials_t server;
  gnutls_psk_client_credentials_t client;

  memset (bytes, 'k', sizeof bytes);
  if (listener)
    {
      gnutls_psk_allocate_server_credentials (&server);
      gnutls_psk_set_server_credentials_function (server, give_key);
      gnutls_credentials_set (session, GNUTLS_CRD_PSK, server);
    }
  else
    {
      gnutls_psk_allocate_client_credentials (&client);
      gnutls_psk_set_client_credentials (client, "bench", &key, GNUTLS_PSK_KEY_RAW);
      gnutls_credentials_set (session, GNUTLS_CRD_PSK, client);
    }
}

static void
tls_begin (Raw *self, gboolean listener)
{
  int result;

  gnutls_init (&self->session, listener ? GNUTLS_SERVER : GNUTLS_CLIENT);
  result = gnutls_priority_set_direct (self->session, PRIORITY, NULL);
  if (result == 0)
    {
      set_credentials (self->session, listener);
      gnutls_transport_set_int (self->session, self->fd);
      result = gnutls_handshake (self->session);
      gnutls_transport_set_ptr (self->session, self);
      if (listener)
        gnutls_transport_set_pull_function (self->session, tls_pull);
      else
        gnutls_transport_set_push_function (self->session, tls_push);
    }
  if (result != 0)
    {
      fprintf (stderr, "bench-raw: %s\n", gnutls_strerror (result));
      exit (1);
    }
}

static void
tls_send (Raw *self, gsize size)
{
  if (gnutls_record_send (self->session, self->plain, size) != (gssize) size)
    fail ("GnuTLS took less");
}

static gsize
tls_receive (Raw *self)
{
  gssize n = gnutls_record_recv (self->session, self->plain, sizeof self->plain);

  return n == GNUTLS_E_PREMATURE_TERMINATION ? 0 : MAX (n, 0);
}

static const RawClass classes[] = {
  { "none", NONE_SIZE, none_begin, none_send, none_receive },
  { "noise", NOISE_SIZE, noise_begin, noise_send, noise_receive },
  { "tls", TLS_SIZE, tls_begin, tls_send, tls_receive },
};

/* The program */

static void
set_address (struct sockaddr_in *address, const char *text)
{
  g_auto (GStrv) parts = g_strsplit (text, ":", 2);

  memset (address, 0, sizeof *address);
  address->sin_family = AF_INET;
  if (inet_pton (AF_INET, parts[0], &address->sin_addr) != 1)
    fail (text);
  address->sin_port = htons (parts[1] != NULL ? strtoul (parts[1], NULL, 10) : 0);
}

/* The answer of one byte tells that all has arrived. */
static void
listen_once (Raw *self, const char *text)
{
  struct sockaddr_in address;
  socklen_t size = sizeof address;
  int listener = socket (AF_INET, SOCK_STREAM, 0);
  gint64 began;
  double cpu;

  set_address (&address, text);
  if (bind (listener, (struct sockaddr *) &address, size) != 0 || listen (listener, 1) != 0 ||
      getsockname (listener, (struct sockaddr *) &address, &size) != 0)
    fail ("cannot listen");
  printf ("%s:%u\n", inet_ntoa (address.sin_addr), ntohs (address.sin_port));
  fflush (stdout);

  self->fd = accept (listener, NULL, NULL);
  if (self->fd < 0)
    fail ("cannot accept");
  self->klass->begin (self, TRUE);
  began = g_get_monotonic_time ();
  cpu = cpu_seconds ();
  while (self->klass->receive (self) > 0)
    ;
  write_all (self->fd, self->plain, 1);
  report (began, cpu);
}

static void
send_bytes (Raw *self, const char *text, guint64 bytes, const char *congestion)
{
  struct sockaddr_in address;
  gint64 began;
  double cpu;

  set_address (&address, text);
  self->fd = socket (AF_INET, SOCK_STREAM, 0);
  if (congestion != NULL &&
      setsockopt (self->fd, IPPROTO_TCP, TCP_CONGESTION, congestion, strlen (congestion)) != 0)
    fail (congestion);
  if (connect (self->fd, (struct sockaddr *) &address, sizeof address) != 0)
    fail ("cannot connect");
  self->klass->begin (self, FALSE);
  began = g_get_monotonic_time ();
  cpu = cpu_seconds ();
  for (guint64 left = bytes; left > 0; left -= MIN (left, self->klass->block))
    self->klass->send (self, MIN (left, self->klass->block));
  flush (self);
  if (shutdown (self->fd, SHUT_WR) != 0 || read_some (self->fd, self->plain, 1) != 1)
    fail ("the transfer was not answered");
  report (began, cpu);
}

int
main (int argc, char **argv)
{
  static Raw raw;

  for (guint i = 0; argc > 2 && i < G_N_ELEMENTS (classes); i++)
    if (g_str_equal (argv[2], classes[i].name))
      raw.klass = &classes[i];

  if (raw.klass != NULL && argc <= 4 && g_str_equal (argv[1], "listen"))
    listen_once (&raw, argc == 4 ? argv[3] : "127.0.0.1");
  else if (raw.klass != NULL && (argc == 5 || argc == 6) && g_str_equal (argv[1], "send"))
    send_bytes (&raw, argv[3], g_ascii_strtoull (argv[4], NULL, 10), argv[5]);
  else
    {
      fprintf (stderr, "usage: bench-raw listen CIPHER [ADDRESS] | send CIPHER ADDRESS BYTES [CC]\n");
      return 2;
    }
  return 0;
}
