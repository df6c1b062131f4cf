/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/* Shared by the files of VhuSession; nobody else includes this. */

#include "vhu-session-private.h"

#include "vhu-backend-private.h"
#include "vhu-error.h"
#include "vhu-fd-private.h"
#include "vhu-frontend-channel-private.h"

G_BEGIN_DECLS

/* What the messages said about one queue, kept in the control context until the
 * ring can be armed. */
typedef struct
{
  VhuQueue *queue;
  VhuVringSetup setup;
  VhuEvent *kick;
  gboolean has_size;
  gboolean has_addresses;
  gboolean has_kick; /* also when it says that there is no descriptor */
  gboolean enabled;
  gboolean armed;
} VhuQueueState;

/* The message at hand. There is one at a time: the next is read when this one is
 * answered, which for some is when the last ring has done its part. */
typedef struct _VhuCall VhuCall;
typedef void (*VhuCallFinishFunc) (VhuSession *self,
                                   VhuCall    *call);

struct _VhuCall
{
  gboolean active;
  VhuMessage message;
  VhuMessage reply;    /* of a request that has an answer of its own */
  VhuTransaction *transaction; /* only while the request runs */
  VhuTransaction *closing;     /* the session's, if it was closed meanwhile */
  VhuCallFinishFunc finish; /* rings have answered: the last step, or NULL */
  guint queue;         /* for @finish */
  guint32 base;
  GError *error;
};

typedef enum
{
  VHU_SESSION_CANDIDATE, /* connected, no message yet */
  VHU_SESSION_OPEN,
  VHU_SESSION_CLOSING,   /* the connection is gone, rings drain */
  VHU_SESSION_CLOSED
} VhuSessionPhase;

typedef enum
{
  VHU_SESSION_WATCH_INPUT,
  VHU_SESSION_WATCH_HANG_UP /* while no message is to be read */
} VhuSessionWatch;

struct _VhuSession
{
  GObject parent_instance;

  VhuBackend *backend;
  VhuSessionSettings settings;
  const VhuSessionOwner *owner;
  gpointer owner_data;

  GMainContext *context;
  VhuStream *stream;
  GSource *input;
  VhuSessionWatch watch; /* what @input is for */
  GSource *output;
  VhuSessionPhase phase;
  VhuCall call;
  VhuLogGate log_gate;

  guint64 offered;
  guint64 features;
  guint64 offered_protocol;
  guint64 protocol_features;
  gboolean has_features;
  gboolean has_owner;
  gboolean may_start;

  VhuMemory *memory;
  VhuEvent *fault_event;  /* a region's file was truncated under us */
  GSource *fault_source;
  VhuQueueState *queues;
  guint n_queues;

  VhuFrontendChannel *channel;
  gboolean config_message_sent;
  gboolean config_message_due;
};

#define VHU_CONFIG_CHANGE_TIMEOUT_MS 10000

/* vhu-session-requests.c: runs the message in self->call. FALSE with an error,
 * or TRUE: done, or taken over by the call's transaction. */
gboolean       vhu_session_run_request      (VhuSession            *self,
                                             GError               **error);
/* Does the request have an answer of its own? Then *@error_reply says what
 * stands for failure: -1 none, else the payload size of zeros. */
gboolean       vhu_session_request_replies  (guint32                request,
                                             gboolean              *fails_empty);

/* vhu-session-rings.c */
void           vhu_session_create_queues    (VhuSession            *self);
void           vhu_session_try_arm          (VhuSession            *self,
                                             guint                  index);
void           vhu_session_try_arm_all      (VhuSession            *self);
/* With @forget, parked chains are forgotten. */
void           vhu_session_stop_all         (VhuSession            *self,
                                             gboolean               forget,
                                             VhuTransaction        *transaction);
void           vhu_session_close_queues     (VhuSession            *self,
                                             VhuTransaction        *transaction);
void           vhu_session_enable_all       (VhuSession            *self,
                                             gboolean               enabled);
gboolean       vhu_session_any_armed        (VhuSession            *self);
gboolean       vhu_session_set_vring_num    (VhuSession            *self,
                                             VhuCall               *call,
                                             GError               **error);
gboolean       vhu_session_set_vring_addr   (VhuSession            *self,
                                             VhuCall               *call,
                                             GError               **error);
gboolean       vhu_session_set_vring_base   (VhuSession            *self,
                                             VhuCall               *call,
                                             GError               **error);
gboolean       vhu_session_get_vring_base   (VhuSession            *self,
                                             VhuCall               *call,
                                             GError               **error);
gboolean       vhu_session_set_vring_kick   (VhuSession            *self,
                                             VhuCall               *call,
                                             GError               **error);
gboolean       vhu_session_set_vring_call   (VhuSession            *self,
                                             VhuCall               *call,
                                             GError               **error);
gboolean       vhu_session_set_vring_err    (VhuSession            *self,
                                             VhuCall               *call,
                                             GError               **error);
gboolean       vhu_session_set_vring_enable (VhuSession            *self,
                                             VhuCall               *call,
                                             GError               **error);
gboolean       vhu_session_reset_owner      (VhuSession            *self,
                                             VhuCall               *call,
                                             GError               **error);
gboolean       vhu_session_reset_device     (VhuSession            *self,
                                             VhuCall               *call,
                                             GError               **error);

/* vhu-session-memory.c */
void           vhu_session_watch_faults     (VhuSession            *self);
void           vhu_session_forget_faults    (VhuSession            *self);
gboolean       vhu_session_set_mem_table    (VhuSession            *self,
                                             VhuCall               *call,
                                             GError               **error);
gboolean       vhu_session_add_mem_reg      (VhuSession            *self,
                                             VhuCall               *call,
                                             GError               **error);
gboolean       vhu_session_rem_mem_reg      (VhuSession            *self,
                                             VhuCall               *call,
                                             GError               **error);

static inline gboolean
vhu_session_negotiated (VhuSession *self,
                        guint       protocol_bit)
{
  return (self->protocol_features & VHU_BIT (protocol_bit)) != 0;
}

G_END_DECLS
