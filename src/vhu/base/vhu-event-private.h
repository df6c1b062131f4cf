/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* VhuEvent: a kick, call or error descriptor that the other side gave us.
 *
 * The other side shares the open file description, so the O_NONBLOCK flag is
 * *its* property: we never change it and never rely on it. An eventfd is read
 * with preadv2(RWF_NOWAIT) and polled before it is written; a pipe is opened anew
 * through /proc/self/fd, which gives us a description, and an O_NONBLOCK flag, of
 * our own; a Unix socket (user-mode Linux gives one for calls) is told with each
 * message not to wait.
 *
 * Reference counted with atomic counts; signal and drain may be called from any
 * thread. */
typedef struct _VhuEvent VhuEvent;

/* What the descriptor will be used for: pipes have only one direction. */
typedef enum
{
  VHU_EVENT_READ,
  VHU_EVENT_WRITE
} VhuEventUse;

/* Takes @fd also on failure. Anything but an eventfd or a pipe, or a Unix socket
 * to write to, is refused. */
VhuEvent *vhu_event_new_take (int            fd,
                              VhuEventUse    use,
                              GError       **error);
/* An eventfd of our own. */
VhuEvent *vhu_event_new      (GError       **error);
VhuEvent *vhu_event_ref      (VhuEvent      *self);
void      vhu_event_unref    (VhuEvent      *self);

/* For poll and epoll only. */
int       vhu_event_get_fd   (VhuEvent      *self);

/* Wakes the other side. Never blocks; a full counter or pipe means that the
 * other side has a wake-up waiting already, which is success. */
void      vhu_event_signal   (VhuEvent      *self);

/* Takes what is there. Never blocks. Returns FALSE when the descriptor is dead
 * (end of file or an error other than EAGAIN) and must no longer be watched. */
gboolean  vhu_event_drain    (VhuEvent      *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VhuEvent, vhu_event_unref)

G_END_DECLS
