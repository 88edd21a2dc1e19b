/* Loaded into a program (LD_PRELOAD): its wall clock is ahead by the milliseconds that a file says, at any moment.
 *
 * The file holds one 64-bit number and is mapped, so that setting it takes effect at the next look. Only the wall
 * clock: what counts elapsed time is left alone. Not libfaketime, which hangs in a redis-server: its first look at
 * the clock allocates, and jemalloc's first allocation looks at the clock. Here nothing allocates. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *ahead_ms;

__attribute__((constructor)) static void open_offset(void)
{
    const char *path = getenv("WALL_CLOCK_OFFSET");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) abort();
    void *mapped = mmap(NULL, sizeof *ahead_ms, PROT_READ, MAP_SHARED, file, 0);
    if (mapped == MAP_FAILED) abort();
    ahead_ms = mapped;
    close(file);
}

static void move(struct timespec *time)
{
    int64_t ms = ahead_ms ? *ahead_ms : 0;
    int64_t ns = time->tv_nsec + (ms % 1000) * 1000000;
    time->tv_sec += ms / 1000;
    if (ns < 0) { ns += 1000000000; time->tv_sec -= 1; }
    if (ns >= 1000000000) { ns -= 1000000000; time->tv_sec += 1; }
    time->tv_nsec = ns;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    int failed = (int)syscall(SYS_clock_gettime, clock, time);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) move(time);
    return failed;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *to)
{
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
    if (to) *to = now.tv_sec;
    return now.tv_sec;
}
