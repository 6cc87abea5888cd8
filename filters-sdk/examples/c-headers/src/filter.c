/* A filter in C. Its configuration is a JSON string, such as "hello": that text goes into the header
 * `x-c-filter` of every request and response. A request with the header `x-block` is refused. The
 * contract is WIT, so nothing here is Rust's. */

#include "switchyard.h"

#define MARK "x-c-filter"
#define MARK_BYTES_MAX 256

/* What every instance starts from. */
static sy_bytes mark;

/* The inside of a JSON string without escapes, or no text at all. */
static bool inside(const sy_text *json, sy_bytes *text) {
  if (json->len < 2 || json->len - 2 > MARK_BYTES_MAX || json->ptr[0] != '"' || json->ptr[json->len - 1] != '"')
    return false;
  for (size_t i = 1; i < json->len - 1; i++)
    if (json->ptr[i] < ' ' || json->ptr[i] > '~' || json->ptr[i] == '"' || json->ptr[i] == '\\')
      return false;
  *text = sy_bytes_of(json->ptr + 1, json->len - 2);
  return true;
}

bool exports_switchyard_filter_handler_configure(sy_text *config, sy_configured *ret, sy_text *err) {
  memset(ret, 0, sizeof *ret);
  bool is_text = inside(config, &ret->prepared);
  http_filter_string_free(config);
  if (!is_text) {
    *err = sy_text_of("the configuration must be a JSON string of at most 256 printable characters");
    return false;
  }
  sy_want(&ret->plan.request_headers, "x-block");
  sy_phase(&ret->plan.phases, SWITCHYARD_FILTER_TYPES_PHASE_RESPONSE_HEADERS);
  return true;
}

void exports_switchyard_filter_handler_start(sy_bytes *prepared) {
  mark = *prepared;
  switchyard_keep();
}

static void refuse(sy_reply *reply) {
  static const char why[] = "{\"error\":\"blocked\"}";
  reply->status = 403;
  sy_reply_header(&reply->headers, "content-type", "application/json");
  reply->body = sy_bytes_of(why, sizeof why - 1);
}

bool exports_switchyard_filter_handler_on_request(uint64_t exchange, sy_request *head, bool end,
                                                  sy_request_decision *ret, sy_error *err) {
  (void)exchange, (void)end, (void)err;
  memset(ret, 0, sizeof *ret);
  if (sy_find(&head->headers, "x-block")) {
    ret->tag = SWITCHYARD_FILTER_TYPES_REQUEST_DECISION_REPLY;
    refuse(&ret->val.reply);
  } else {
    ret->tag = SWITCHYARD_FILTER_TYPES_REQUEST_DECISION_PASS;
    sy_set(&ret->val.pass.headers, MARK, mark.ptr, mark.len);
    sy_remove(&ret->val.pass.headers, "cookie");
  }
  switchyard_filter_types_request_head_free(head);
  return true;
}

bool exports_switchyard_filter_handler_on_response(uint64_t exchange, sy_response *head, bool end,
                                                   sy_response_decision *ret, sy_error *err) {
  (void)exchange, (void)end, (void)err;
  memset(ret, 0, sizeof *ret);
  ret->tag = SWITCHYARD_FILTER_TYPES_RESPONSE_DECISION_PASS;
  sy_set(&ret->val.pass.headers, MARK, mark.ptr, mark.len);
  sy_set(&ret->val.pass.headers, "x-c-version", SWITCHYARD_FILTER_VERSION, strlen(SWITCHYARD_FILTER_VERSION));
  switchyard_filter_types_response_head_free(head);
  return true;
}
