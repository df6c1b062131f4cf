/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-frontend-channel-private.h"

G_BEGIN_DECLS

/* Longer than anything here takes: only to end a test that hangs. */
#define LONG_TIMEOUT_MS 50000

/* More requests than a socket holds. */
#define MORE_THAN_ENOUGH 100000

/* The front-end's end of the channel, which a test reads and writes as it
 * likes, and the channel. */
typedef struct
{
  GMainContext *context;
  VhuFrontendChannel *channel;
  int peer_fd;
} TestChannel;

/* The answer to one request. */
typedef struct
{
  TestChannel *test;
  gboolean done;
  gboolean succeeded;
  GError *error;
  guint order; /* which of all the answers it was */
  gboolean drop_channel;
  gboolean send_again;
} Answer;

typedef struct
{
  guint32 request;
  guint32 flags;
  guint32 size;
} Header;

/* How many messages about the front-end were logged in this test. */
extern guint test_channel_n_messages;

/* Counts messages instead of showing them; for main(). */
void  test_channel_catch_messages  (void);

/* @reply_ack: not NULL if acknowledgements are negotiated. */
void  test_channel_set_up          (TestChannel   *test,
                                    gconstpointer  reply_ack);
void  test_channel_tear_down       (TestChannel   *test,
                                    gconstpointer  unused);

void  test_channel_send            (TestChannel   *test,
                                    Answer        *answer,
                                    guint          timeout_ms,
                                    GCancellable  *cancellable);
/* Fills the way to the front-end, as one that never reads does. Returns the
 * number of the first request that waits. */
guint test_channel_fill            (TestChannel   *test,
                                    Answer        *answers,
                                    guint          n);
void  test_channel_iterate         (TestChannel   *test);
void  test_channel_wait            (TestChannel   *test,
                                    Answer        *answer);

void  test_channel_expect_request  (TestChannel   *test,
                                    gboolean       needs_reply);
void  test_channel_expect_silence  (TestChannel   *test);
void  test_channel_write           (TestChannel   *test,
                                    gconstpointer  bytes,
                                    gsize          size);
void  test_channel_reply           (TestChannel   *test,
                                    guint64        value);

void  answer_clear                 (Answer        *answer);
void  answer_assert_failed         (Answer        *answer,
                                    GQuark         domain,
                                    int            code);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Answer, answer_clear)

#define ADD_TEST(path, acks, func) \
  g_test_add ("/channel/" path, TestChannel, GINT_TO_POINTER (acks), \
              test_channel_set_up, func, test_channel_tear_down)

G_END_DECLS
