/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-stream-private.h"

/* A stream, and the other end of its socket as a mere descriptor, so that every
 * byte and every descriptor can be sent in whatever portions. */
typedef struct
{
  guint n_fds; /* before the test */
  int peer;
  VhuStream *stream;
  VhuMessage message;
} StreamTest;

VhuStream *stream_test_open      (int              fd,
                                  VhuStreamExpect  expect);
/* @expect is a VhuStreamExpect. */
void       stream_test_set_up    (StreamTest      *test,
                                  gconstpointer    expect);
void       stream_test_tear_down (StreamTest      *test,
                                  gconstpointer    expect);
