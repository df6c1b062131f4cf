/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#define VHU_INSIDE

#include "vhu-backend-locked.h"
#include "vhu-backend.h"
#include "vhu-chain.h"
#include "vhu-device-state.h"
#include "vhu-driver-queue.h"
#include "vhu-enum-types.h"
#include "vhu-enums.h"
#include "vhu-error.h"
#include "vhu-frontend-channel.h"
#include "vhu-frontend.h"
#include "vhu-memory-region.h"
#include "vhu-memory.h"
#include "vhu-server.h"
#include "vhu-session.h"
#include "vhu-sigbus-guard.h"
#include "vhu-version-info.h"
#include "vhu-version-macros.h"
#include "vhu-version.h"
#include "vhu-vring.h"
#include "vhu-worker.h"

#undef VHU_INSIDE
