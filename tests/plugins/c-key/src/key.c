/* Two keys for each copy of this library, as C libraries have them that are meant to stay. */

#include <pthread.h>
#include <stdlib.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t with_destructor, without_destructor;
static int code;

static void make(void) {
    code = pthread_key_create(&with_destructor, free);
    if (code == 0)
        code = pthread_key_create(&without_destructor, NULL);
}

/* What a library's last function leaves on the thread that closes it. */
__attribute__((destructor)) static void last(void) {
    pthread_key_t key;
    if (pthread_key_create(&key, free) == 0)
        pthread_setspecific(key, malloc(64));
}

/* Sets both on this thread. Returns 1 when they were not set there, 0 when they were, -1 when that fails. */
int c_key_touch(void) {
    if (pthread_once(&once, make) != 0 || code != 0)
        return -1;
    if (pthread_getspecific(with_destructor) != NULL)
        return 0;
    if (pthread_setspecific(without_destructor, &once) != 0)
        return -1;
    return pthread_setspecific(with_destructor, malloc(64)) == 0 ? 1 : -1;
}
