/* What `switchyard.h` declares, and the hooks an author leaves out: weak, so that his own win. */

#include "switchyard.h"

#define WEAK __attribute__((weak))
#define HOOK(name) exports_switchyard_filter_handler_##name

/* Room for one more element, zeroed; traps when there is no memory. */
#define PUSH(list) \
  (((list)->ptr = realloc((list)->ptr, ((list)->len + 1) * sizeof *(list)->ptr)) ? (void)0 : abort(), \
   (void)memset(&(list)->ptr[(list)->len], 0, sizeof *(list)->ptr), &(list)->ptr[(list)->len++])

sy_bytes sy_bytes_of(const void *bytes, size_t size) {
  sy_bytes copy = {NULL, size};
  if (size > 0) {
    copy.ptr = malloc(size);
    if (!copy.ptr)
      abort();
    memcpy(copy.ptr, bytes, size);
  }
  return copy;
}

sy_text sy_text_of(const char *text) {
  sy_bytes copy = sy_bytes_of(text, strlen(text));
  return (sy_text){copy.ptr, copy.len};
}

const sy_bytes *sy_find(const sy_headers *headers, const char *name) {
  size_t length = strlen(name);
  for (size_t i = 0; i < headers->len; i++) {
    const sy_header *header = &headers->ptr[i];
    if (header->name.len == length && memcmp(header->name.ptr, name, length) == 0)
      return &header->value;
  }
  return NULL;
}

void sy_want(sy_wanted *wanted, const char *name) {
  wanted->tag = SWITCHYARD_FILTER_TYPES_WANTED_NAMED;
  *PUSH(&wanted->val.named) = sy_text_of(name);
}

void sy_phase(sy_phases *phases, switchyard_filter_types_phase_t phase) { *PUSH(phases) = phase; }

void sy_set(sy_edits *edits, const char *name, const void *value, size_t size) {
  switchyard_filter_types_edit_t *edit = PUSH(edits);
  edit->tag = SWITCHYARD_FILTER_TYPES_EDIT_SET;
  edit->val.set.name = sy_text_of(name);
  edit->val.set.value = sy_bytes_of(value, size);
}

void sy_remove(sy_edits *edits, const char *name) {
  switchyard_filter_types_edit_t *edit = PUSH(edits);
  edit->tag = SWITCHYARD_FILTER_TYPES_EDIT_REMOVE;
  edit->val.remove = sy_text_of(name);
}

void sy_reply_header(sy_headers *headers, const char *name, const char *value) {
  sy_header *header = PUSH(headers);
  header->name = sy_text_of(name);
  header->value = sy_bytes_of(value, strlen(value));
}

/* A filter without configuration that sees nothing but the request line's hook. */
WEAK bool HOOK(configure)(sy_text *config, sy_configured *ret, sy_text *err) {
  (void)err;
  http_filter_string_free(config);
  memset(ret, 0, sizeof *ret);
  return true;
}

WEAK bool HOOK(health)(sy_text *err) {
  (void)err;
  return true;
}

WEAK void HOOK(start)(sy_bytes *prepared) { http_filter_list_u8_free(prepared); }

WEAK bool HOOK(on_request)(uint64_t exchange, sy_request *head, bool end, sy_request_decision *ret, sy_error *err) {
  (void)exchange, (void)end, (void)err;
  switchyard_filter_types_request_head_free(head);
  memset(ret, 0, sizeof *ret);
  return true;
}

WEAK bool HOOK(on_response)(uint64_t exchange, sy_response *head, bool end, sy_response_decision *ret, sy_error *err) {
  (void)exchange, (void)end, (void)err;
  switchyard_filter_types_response_head_free(head);
  memset(ret, 0, sizeof *ret);
  return true;
}

#define CHUNK(name) \
  WEAK bool HOOK(name)(uint64_t exchange, sy_bytes *chunk, bool end, switchyard_filter_types_chunk_decision_t *ret, \
                       sy_error *err) { \
    (void)exchange, (void)end, (void)err; \
    http_filter_list_u8_free(chunk); \
    memset(ret, 0, sizeof *ret); \
    return true; \
  }
CHUNK(on_request_chunk)
CHUNK(on_response_chunk)

#define WHOLE(name) \
  WEAK bool HOOK(name)(uint64_t exchange, sy_bytes *body, switchyard_filter_types_whole_decision_t *ret, sy_error *err) { \
    (void)exchange, (void)err; \
    http_filter_list_u8_free(body); \
    memset(ret, 0, sizeof *ret); \
    return true; \
  }
WHOLE(on_request_whole)
WHOLE(on_response_whole)

WEAK void HOOK(on_trailers)(uint64_t exchange, exports_switchyard_filter_handler_list_header_t *trailers) {
  (void)exchange;
  exports_switchyard_filter_handler_list_header_free(trailers);
}

WEAK void HOOK(on_finished)(uint64_t exchange, switchyard_filter_types_finished_t *outcome) {
  (void)exchange, (void)outcome;
}

WEAK void HOOK(close)(uint64_t exchange) { (void)exchange; }
