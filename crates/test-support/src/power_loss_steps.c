/* Does to files what its arguments say, so that the power-loss journal can be checked against known acts. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fail(const char *step) {
    perror(step);
    return 1;
}

int main(int count, char **words) {
    for (int i = 1; i + 1 < count;) {
        const char *step = words[i], *path = words[i + 1];
        if (!strcmp(step, "sync")) {
            int fd = open(path, O_RDONLY);
            if (fd < 0 || fsync(fd) || close(fd)) return fail(step);
            i += 2;
        } else if (!strcmp(step, "unlink")) {
            if (unlink(path)) return fail(step);
            i += 2;
        } else if (!strcmp(step, "rename")) {
            if (rename(path, words[i + 2])) return fail(step);
            i += 3;
        } else if (!strcmp(step, "truncate")) {
            int fd = open(path, O_WRONLY);
            if (fd < 0 || ftruncate(fd, atol(words[i + 2])) || close(fd)) return fail(step);
            i += 3;
        } else if (!strcmp(step, "append")) {
            int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
            ssize_t bytes = (ssize_t)strlen(words[i + 2]);
            if (fd < 0 || write(fd, words[i + 2], (size_t)bytes) != bytes || close(fd)) return fail(step);
            i += 3;
        } else if (!strcmp(step, "print")) { /* through stdio, and synced */
            FILE *file = fopen(path, "w");
            if (!file || fputs(words[i + 2], file) < 0 || fflush(file) || fsync(fileno(file)) || fclose(file))
                return fail(step);
            i += 3;
        } else if (!strcmp(step, "put")) { /* put FILE OFFSET TEXT */
            int fd = open(path, O_WRONLY | O_CREAT, 0600);
            ssize_t bytes = (ssize_t)strlen(words[i + 3]);
            if (fd < 0 || pwrite(fd, words[i + 3], (size_t)bytes, atol(words[i + 2])) != bytes || close(fd))
                return fail(step);
            i += 4;
        } else {
            return fail(step);
        }
    }
    return 0;
}
