/* Switchyard filters in C: include this, write the hooks you want, leave out the others.
 * The types are those of filter.wit, in http_filter.h. What a hook is given it must free
 * (`..._free`); what it returns the host frees. */
#ifndef SWITCHYARD_H
#define SWITCHYARD_H

#include "http_filter.h"
#include <stdlib.h>
#include <string.h>

typedef http_filter_string_t sy_text;
typedef http_filter_list_u8_t sy_bytes;
typedef switchyard_filter_types_header_t sy_header;
typedef switchyard_filter_types_list_header_t sy_headers;
typedef switchyard_filter_types_list_edit_t sy_edits;
typedef switchyard_filter_types_list_phase_t sy_phases;
typedef switchyard_filter_types_wanted_t sy_wanted;
typedef switchyard_filter_types_configured_t sy_configured;
typedef switchyard_filter_types_request_head_t sy_request;
typedef switchyard_filter_types_response_head_t sy_response;
typedef switchyard_filter_types_request_decision_t sy_request_decision;
typedef switchyard_filter_types_response_decision_t sy_response_decision;
typedef switchyard_filter_types_reply_t sy_reply;
typedef switchyard_filter_types_error_t sy_error;

/* Keeps every block that is allocated now for the life of the instance. Call it at the end of
 * `start`, or memory is never found empty again. */
void switchyard_keep(void);

/* Copies of their own, ready to be returned. */
sy_text sy_text_of(const char *text);
sy_bytes sy_bytes_of(const void *bytes, size_t size);

/* The first header of a lower-case name, or NULL. */
const sy_bytes *sy_find(const sy_headers *headers, const char *name);

void sy_want(sy_wanted *wanted, const char *name);
void sy_phase(sy_phases *phases, switchyard_filter_types_phase_t phase);
void sy_set(sy_edits *edits, const char *name, const void *value, size_t size);
void sy_remove(sy_edits *edits, const char *name);
void sy_reply_header(sy_headers *headers, const char *name, const char *value);

#endif
