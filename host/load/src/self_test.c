/* The library of the ledger's self-test: it leaves what plugins leave. */
#include <pthread.h>
#include <unistd.h>

extern int __cxa_thread_atexit_impl(void (*)(void *), void *, void *);
extern void *__dso_handle __attribute__((visibility("hidden")));

static pthread_key_t key;
static pthread_t thread;

static void ended(void *count) { ++*(int *)count; }

static void *wait_for_byte(void *fd) {
  char byte;
  return (void *)(long)read((int)(long)fd, &byte, 1);
}

/* Leaves a thread-local and a key's value on this thread, and a thread that ends when `fd` has a byte. */
int probe_leave(int *thread_locals_ended, int *keys_ended, int fd) {
  if (__cxa_thread_atexit_impl(ended, thread_locals_ended, &__dso_handle)) return 1;
  if (pthread_key_create(&key, ended)) return 2;
  if (pthread_setspecific(key, keys_ended)) return 3;
  return pthread_create(&thread, 0, wait_for_byte, (void *)(long)fd) ? 4 : 0;
}

void probe_join(void) { pthread_join(thread, 0); }
