/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* lp2p doctor: one look after the other, each with its result and what to do. */

#include "tools/lp2p-tool-private.h"

G_BEGIN_DECLS

typedef enum
{
  TOOL_VERDICT_OK,
  TOOL_VERDICT_WARNING,
  TOOL_VERDICT_FAILURE,
} ToolVerdict;

/* @timeout: for each step, in seconds
 * @dns_name: what is looked up to see whether names are */
typedef struct
{
  ToolLine *line;
  gboolean json;
  double timeout;
  const char *dns_name;
  guint n_warnings;
  guint n_failures;
} ToolDoctor;

/* One result.
 * @address: (nullable): what it is about, %NULL for this machine
 * @seconds: how long it took, negative where that says nothing
 * @detail: what was found
 * @advice: (nullable): what to do about it */
void tool_doctor_tell (ToolDoctor *self,
                       const char *address,
                       const char *check,
                       ToolVerdict verdict,
                       double seconds,
                       const char *detail,
                       const char *advice);

/* The own set-up. */
void tool_doctor_check_setup (ToolDoctor *self);
void tool_doctor_check_system (ToolDoctor *self, Lp2pConfig *config);

/* A peer. Returns what the command is to end with. */
int tool_doctor_reach (ToolDoctor *self, const char *target);

/* Why and what then: the reasons of one dialed address.
 * @check: which step failed
 * @advice: (nullable) */
typedef struct
{
  const char *check;
  char *advice;
} ToolDiagnosis;

void tool_diagnose (const GError *error, Lp2pConfig *config, Lp2pMultiaddr *address, ToolDiagnosis *diagnosis);
void tool_diagnosis_clear (ToolDiagnosis *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (ToolDiagnosis, tool_diagnosis_clear)

G_END_DECLS
