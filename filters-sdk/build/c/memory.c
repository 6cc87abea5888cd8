/* Memory for C filters, made for fresh instances: blocks are bumped off a static arena, so that no
 * ordinary request grows the memory, and all are freed at once when the last one goes. What does
 * not fit is bumped off grown memory, which is used again in the same way. */

#include "switchyard.h"
#include <stdint.h>

#define ARENA_BYTES (48u << 10)
#define PAGE_BYTES (64u << 10)
#define ALIGN 16u

/* In front of every block; as long as the alignment, so that blocks stay aligned. */
typedef struct {
  size_t size;
} __attribute__((aligned(16))) block_head;

typedef struct {
  uintptr_t start, next, end;
} region;

static uint8_t arena[ARENA_BYTES] __attribute__((aligned(16)));
static region fixed, grown;
static size_t live;

static block_head *head_of(void *block) { return (block_head *)block - 1; }

static void begin(void) {
  if (fixed.end == 0) {
    fixed.start = fixed.next = (uintptr_t)arena;
    fixed.end = fixed.start + ARENA_BYTES;
  }
}

static void *bump(region *from, size_t size) {
  if (from->end - from->next < sizeof(block_head) || from->end - from->next - sizeof(block_head) < size)
    return NULL;
  block_head *head = (block_head *)from->next;
  head->size = size;
  from->next += sizeof(block_head) + size;
  live++;
  return head + 1;
}

/* Nobody else grows the memory, so grown pages follow each other. */
static bool grow(size_t size) {
  size_t pages = (size + sizeof(block_head)) / PAGE_BYTES + 1;
  size_t before = __builtin_wasm_memory_grow(0, pages);
  if (before == SIZE_MAX)
    return false;
  if (grown.start == 0)
    grown.start = grown.next = before * PAGE_BYTES;
  grown.end = (before + pages) * PAGE_BYTES;
  return true;
}

void *malloc(size_t size) {
  if (size > SIZE_MAX / 2)
    return NULL;
  begin();
  size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
  void *block = bump(&fixed, size);
  if (!block)
    block = bump(&grown, size);
  if (!block && grow(size))
    block = bump(&grown, size);
  return block;
}

void free(void *block) {
  /* Blocks in front of a region's start are kept. */
  if (!block || (uintptr_t)block < fixed.start)
    return;
  if ((uintptr_t)block >= fixed.end && (uintptr_t)block < grown.start)
    return;
  if (live > 0 && --live == 0) {
    fixed.next = fixed.start;
    grown.next = grown.start;
  }
}

void *calloc(size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes))
    return NULL;
  void *block = malloc(bytes);
  return block ? memset(block, 0, bytes) : NULL;
}

void *realloc(void *block, size_t size) {
  if (!block)
    return malloc(size);
  size_t old = head_of(block)->size;
  if (size <= old)
    return block;
  void *moved = malloc(size);
  if (moved) {
    memcpy(moved, block, old);
    free(block);
  }
  return moved;
}

void switchyard_keep(void) {
  begin();
  fixed.start = fixed.next;
  grown.start = grown.next;
  live = 0;
}

_Noreturn void abort(void) { __builtin_trap(); }

/* With bulk memory these builtins are one instruction each. */
void *memcpy(void *restrict to, const void *restrict from, size_t size) { return __builtin_memcpy(to, from, size); }
void *memmove(void *to, const void *from, size_t size) { return __builtin_memmove(to, from, size); }
void *memset(void *to, int byte, size_t size) { return __builtin_memset(to, byte, size); }

int memcmp(const void *a, const void *b, size_t size) {
  const uint8_t *x = a, *y = b;
  for (size_t i = 0; i < size; i++)
    if (x[i] != y[i])
      return x[i] - y[i];
  return 0;
}

size_t strlen(const char *text) {
  size_t length = 0;
  while (text[length])
    length++;
  return length;
}
