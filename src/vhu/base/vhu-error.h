/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

#include "vhu-version-macros.h"

G_BEGIN_DECLS

/**
 * VHU_ERROR:
 *
 * The error domain of everything in this library.
 *
 * Since: 0.1
 */
#define VHU_ERROR (vhu_error_quark ())

/**
 * VhuError:
 * @VHU_ERROR_FAILED: none of the others; the message says what happened
 * @VHU_ERROR_BAD_MESSAGE: the byte stream is no vhost-user message, or carries
 *   the wrong descriptors; the connection cannot go on
 * @VHU_ERROR_BAD_VALUE: a well-formed message holds a value that is not
 *   allowed; it is refused and the connection goes on
 * @VHU_ERROR_BAD_QUEUE: there is no queue of that number
 * @VHU_ERROR_BAD_MEMORY: a guest or user address lies outside shared memory, or
 *   a region cannot be mapped
 * @VHU_ERROR_BAD_RING: the driver's ring is corrupt; the queue is broken until
 *   it is set up again
 * @VHU_ERROR_BAD_STATE: the call or message is not allowed now
 * @VHU_ERROR_NOT_SUPPORTED: not offered, not negotiated, or not built in
 * @VHU_ERROR_REVOKED: the chain's handle is dead: its queue was stopped, or the
 *   chain was already completed
 * @VHU_ERROR_CLOSED: the other side closed the connection
 * @VHU_ERROR_REFUSED: the other side answered that it failed
 * @VHU_ERROR_TIMED_OUT: the other side did not answer in time
 * @VHU_ERROR_LIMIT: a limit of this library was reached
 *
 * What went wrong, by what a caller can do about it.
 *
 * Since: 0.1
 */
typedef enum
{
  VHU_ERROR_FAILED,
  VHU_ERROR_BAD_MESSAGE,
  VHU_ERROR_BAD_VALUE,
  VHU_ERROR_BAD_QUEUE,
  VHU_ERROR_BAD_MEMORY,
  VHU_ERROR_BAD_RING,
  VHU_ERROR_BAD_STATE,
  VHU_ERROR_NOT_SUPPORTED,
  VHU_ERROR_REVOKED,
  VHU_ERROR_CLOSED,
  VHU_ERROR_REFUSED,
  VHU_ERROR_TIMED_OUT,
  VHU_ERROR_LIMIT
} VhuError;

VHU_AVAILABLE_IN_ALL
GQuark   vhu_error_quark        (void);
VHU_AVAILABLE_IN_ALL
gboolean vhu_error_is_transient (const GError *error);

G_END_DECLS
