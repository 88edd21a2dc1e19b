/* Writes down, in order, everything that a program does to the files below a folder, so that a test can work out
 * what a power cut would have left of them. Loaded with LD_PRELOAD; `power_loss.rs` says how, `power_journal.rs`
 * reads what is written here.
 *
 * A record is a `struct head`, a path and some bytes. It is written after the act, so that what is not in the
 * journal had not been answered either; of a sync the beginning is written down too, because only what was
 * written before it is covered.
 *
 * What a file was given through stdio or before this program started is unknown here: its whole content is
 * written down at its first sync. Memory maps are not seen (SQLite maps its -shm file, which no power cut keeps).
 *
 * POWER_LOSS_FOLDER    absolute path without links; what is not below it is left alone
 * POWER_LOSS_JOURNAL   the file to write to
 * POWER_LOSS_KILL_AT   kill the process at this event, counted from 0
 * POWER_LOSS_KILL_ON   which acts have events, as letters of their records; each has two, before and after
 * POWER_LOSS_SYNC_MS   a sync takes this much longer */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct head {
    char act;            /* C create, W write, T truncate, K whole content, B begin of sync, S sync, U unlink, R rename */
    char mark[7];
    uint64_t nanos;      /* CLOCK_MONOTONIC */
    uint64_t number;     /* W: offset, T: length, K B S: number of the sync */
    uint64_t path_bytes;
    uint64_t more_bytes; /* W K: content, R: new path */
};

#define PATH_BYTES 4096
#define KNOWN_MAX 256

static char folder[PATH_BYTES];
static size_t folder_bytes;
static int journal = -1;
static long kill_at = -1, events, sync_ms;
static char kill_on[16];
static uint64_t syncs;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Files whose every byte since their beginning, or since they were first written here, is in the journal. */
static struct { dev_t dev; ino_t ino; } known[KNOWN_MAX];
static int known_count;

static void take(void) { pthread_mutex_lock(&lock); }
static void give(void) { pthread_mutex_unlock(&lock); }

__attribute__((constructor)) static void begin(void) {
    const char *below = getenv("POWER_LOSS_FOLDER"), *path = getenv("POWER_LOSS_JOURNAL");
    if (!below || !path) return;
    folder_bytes = strlen(below);
    if (folder_bytes >= sizeof folder) abort();
    strcpy(folder, below);
    const char *at = getenv("POWER_LOSS_KILL_AT"), *on = getenv("POWER_LOSS_KILL_ON"), *ms = getenv("POWER_LOSS_SYNC_MS");
    if (at) kill_at = atol(at);
    if (on) strncpy(kill_on, on, sizeof kill_on - 1);
    if (ms) sync_ms = atol(ms);
    journal = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (journal < 0) abort();
    pthread_atfork(take, give, give);
}

/* The path of an open file if it lies below the folder. */
static int ours(int fd, char *path) {
    char link[64];
    if (journal < 0 || fd < 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t bytes = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_BYTES - 1);
    if (bytes < 0) return 0;
    path[bytes] = 0;
    if (strncmp(path, folder, folder_bytes) || (path[folder_bytes] != '/' && path[folder_bytes])) return 0;
    return !strstr(path, " (deleted)");
}

/* A path by name, as an open handle that reads nothing. */
static int handle(int at, const char *name) {
    return journal < 0 ? -1 : (int)syscall(SYS_openat, at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
}

static void event(char act) {
    if (kill_at < 0 || !strchr(kill_on, act)) return;
    if (__atomic_fetch_add(&events, 1, __ATOMIC_SEQ_CST) == kill_at) {
        syscall(SYS_kill, getpid(), SIGKILL);
        for (;;) pause();
    }
}

/* The lock is held. */
static void record(char act, uint64_t number, const char *path, const void *more, size_t more_bytes) {
    struct head head = {.act = act, .mark = "power:", .number = number, .more_bytes = more_bytes};
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    head.nanos = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    head.path_bytes = strlen(path);
    struct iovec parts[3] = {{&head, sizeof head}, {(void *)path, head.path_bytes}, {(void *)more, more_bytes}};
    ssize_t whole = (ssize_t)(sizeof head + head.path_bytes + more_bytes);
    if (syscall(SYS_writev, journal, parts, 3) != whole) abort();
}

static void note(char act, uint64_t number, const char *path, const void *more, size_t more_bytes) {
    int saved = errno;
    take();
    record(act, number, path, more, more_bytes);
    give();
    event(act);
    errno = saved;
}

/* The lock is held. */
static int is_known(const struct stat *file) {
    for (int i = 0; i < known_count; i++)
        if (known[i].dev == file->st_dev && known[i].ino == file->st_ino) return 1;
    return 0;
}

static void learn(int fd) {
    struct stat file;
    if (fstat(fd, &file)) return;
    take();
    if (!is_known(&file)) {
        if (known_count == KNOWN_MAX) abort();
        known[known_count].dev = file.st_dev;
        known[known_count++].ino = file.st_ino;
    }
    give();
}

static void forget(int fd) {
    struct stat file;
    if (fstat(fd, &file)) return;
    take();
    for (int i = 0; i < known_count; i++)
        if (known[i].dev == file.st_dev && known[i].ino == file.st_ino) known[i--] = known[--known_count];
    give();
}

/* The lock is held. */
static void whole_content(int fd, uint64_t number, const char *path, const struct stat *file) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int reading = (int)syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC, 0);
    if (reading < 0) abort();
    char *content = malloc((size_t)file->st_size + 1);
    ssize_t bytes = content ? pread(reading, content, (size_t)file->st_size, 0) : -1;
    if (bytes < 0) abort();
    record('K', number, path, content, (size_t)bytes);
    free(content);
    close(reading);
}

static ssize_t written(int fd, ssize_t done, int64_t offset, const char *path, const void *bytes) {
    if (done < 0) return done;
    learn(fd);
    /* An appending write ends where the file position is now. */
    if (offset < 0) offset = syscall(SYS_lseek, fd, 0, SEEK_CUR) - done;
    note('W', (uint64_t)offset, path, bytes, (size_t)done);
    return done;
}

ssize_t write(int fd, const void *bytes, size_t count) {
    char path[PATH_BYTES];
    if (!ours(fd, path)) return syscall(SYS_write, fd, bytes, count);
    event('W');
    return written(fd, syscall(SYS_write, fd, bytes, count), -1, path, bytes);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
    char path[PATH_BYTES];
    if (!ours(fd, path)) return syscall(SYS_pwrite64, fd, bytes, count, offset);
    event('W');
    return written(fd, syscall(SYS_pwrite64, fd, bytes, count, offset), offset, path, bytes);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) { return pwrite(fd, bytes, count, offset); }

ssize_t writev(int fd, const struct iovec *parts, int count) {
    char path[PATH_BYTES];
    if (!ours(fd, path)) return syscall(SYS_writev, fd, parts, count);
    ssize_t all = 0;
    for (int i = 0; i < count; i++) {
        ssize_t done = write(fd, parts[i].iov_base, parts[i].iov_len);
        if (done < 0) return all ? all : done;
        all += done;
        if ((size_t)done < parts[i].iov_len) break;
    }
    return all;
}

int ftruncate(int fd, off_t length) {
    char path[PATH_BYTES];
    if (!ours(fd, path)) return (int)syscall(SYS_ftruncate, fd, length);
    event('T');
    int result = (int)syscall(SYS_ftruncate, fd, length);
    if (!result) note('T', (uint64_t)length, path, "", 0);
    return result;
}

int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }

static int synced(long call, int fd) {
    char path[PATH_BYTES];
    struct stat file;
    if (!ours(fd, path) || fstat(fd, &file)) return (int)syscall(call, fd);
    event('S');
    take();
    uint64_t number = ((uint64_t)getpid() << 32) | syncs++;
    if (S_ISREG(file.st_mode) && !is_known(&file)) whole_content(fd, number, path, &file);
    record('B', number, path, "", 0);
    give();
    if (sync_ms) {
        struct timespec longer = {sync_ms / 1000, sync_ms % 1000 * 1000000};
        nanosleep(&longer, NULL);
    }
    int result = (int)syscall(call, fd);
    if (!result) note('S', number, path, "", 0);
    return result;
}

int fsync(int fd) { return synced(SYS_fsync, fd); }
int fdatasync(int fd) { return synced(SYS_fdatasync, fd); }

static int opened(int at, const char *name, int flags, mode_t mode) {
    struct stat before;
    int there = fstatat(at, name, &before, 0) == 0;
    int fd = (int)syscall(SYS_openat, at, name, flags, mode);
    char path[PATH_BYTES];
    if (fd < 0 || (flags & O_PATH) || !(flags & (O_CREAT | O_TRUNC)) || !ours(fd, path)) return fd;
    if (!there) {
        learn(fd);
        note('C', 0, path, "", 0);
    } else if (flags & O_TRUNC) {
        learn(fd);
        note('T', 0, path, "", 0);
    }
    return fd;
}

static mode_t mode_of(int flags, va_list rest) { return flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; }

#define OPEN(name, parameters, at)                      \
    int name parameters {                               \
        va_list rest;                                   \
        va_start(rest, flags);                          \
        mode_t mode = mode_of(flags, rest);             \
        va_end(rest);                                   \
        return opened(at, path, flags, mode);           \
    }
OPEN(open, (const char *path, int flags, ...), AT_FDCWD)
OPEN(open64, (const char *path, int flags, ...), AT_FDCWD)
OPEN(openat, (int at, const char *path, int flags, ...), at)
OPEN(openat64, (int at, const char *path, int flags, ...), at)

int unlinkat(int at, const char *name, int flags) {
    char path[PATH_BYTES];
    int fd = handle(at, name), is_ours = ours(fd, path);
    if (is_ours) event('U');
    int result = (int)syscall(SYS_unlinkat, at, name, flags), saved = errno;
    if (is_ours && !result) {
        forget(fd);
        note('U', 0, path, "", 0);
    }
    if (fd >= 0) close(fd);
    errno = saved;
    return result;
}

int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }

int rename(const char *from, const char *to) {
    char path[PATH_BYTES], new_path[PATH_BYTES];
    int fd = handle(AT_FDCWD, from), is_ours = ours(fd, path);
    if (is_ours) event('R');
    int result = (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0), saved = errno;
    if (is_ours && !result && ours(fd, new_path)) note('R', 0, path, new_path, strlen(new_path));
    if (fd >= 0) close(fd);
    errno = saved;
    return result;
}
