/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

#include "vhu-event-private.h"

G_BEGIN_DECLS

/* VhuKickSource: all kicks of one context behind one epoll descriptor in one
 * GSource. GLib polls every descriptor of every source at each iteration, so
 * that a source per ring would make each wake-up dearer with every ring; this
 * stays flat (measured: 3.0 us with 1 or with 64 rings).
 *
 * The source belongs to the context that it is attached to; watches are added
 * and removed on the thread that runs it. A watch may be removed from within its
 * own or another watch's callback. */
typedef struct _VhuKickWatch VhuKickWatch;

typedef struct
{
  /* The descriptor was readable, or the watch was woken or marked ready. */
  void     (*dispatch) (gpointer user_data);
  /* Cheap look whether a dispatch would find work, for polling; may be NULL. */
  gboolean (*peek)     (gpointer user_data);
  /* The descriptor died; it is no longer watched. */
  void     (*died)     (gpointer user_data);
} VhuKickFuncs;

/* Attach it with g_source_attach(); destroy it with g_source_destroy(). */
GSource      *vhu_kick_source_new         (const char         *name,
                                           GError            **error);
/* Look for work for up to @poll_us after the last work was found, before going
 * to sleep; tunes itself down to nothing when it finds none. 0 = never. */
void          vhu_kick_source_set_poll_us (GSource            *source,
                                           guint               poll_us);

VhuKickWatch *vhu_kick_watch_new          (GSource            *source,
                                           const VhuKickFuncs *funcs,
                                           gpointer            user_data);
/* Watches @event from now on, or none if NULL; replaces an earlier one. */
gboolean      vhu_kick_watch_set_event    (VhuKickWatch       *self,
                                           VhuEvent           *event,
                                           GError            **error);
/* Dispatch in this or the next iteration, after everything else that is ready:
 * for work left over when a budget is used up. The source's own thread. */
void          vhu_kick_watch_mark_ready   (VhuKickWatch       *self);
/* The same from any thread. */
void          vhu_kick_watch_wake         (VhuKickWatch       *self);
/* No callback runs after this. The source's own thread. */
void          vhu_kick_watch_free         (VhuKickWatch       *self);

G_END_DECLS
