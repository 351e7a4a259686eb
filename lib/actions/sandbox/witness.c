/* Preloaded into a command that failed, when it runs once more to find out what the sandbox refused. For
   every refused call of the C library it writes a line "ACT ERRNO WHAT" to the file that BLOOMERY_WITNESS
   names. The command sees no change. Static programs are not covered. witness.ts decides which refusals
   matter. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void tell(const char *act, int error, const char *folder, const char *what) {
  const char *log = getenv("BLOOMERY_WITNESS");
  char line[2 * PATH_MAX + 64];
  if (!log || strlen(what) >= PATH_MAX || strchr(what, '\n')) return;
  int length = snprintf(line, sizeof line, "%s %d %s%s%s\n", act, error, folder, *folder ? "/" : "", what);
  long file = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return;
  syscall(SYS_write, file, line, (size_t)length);
  syscall(SYS_close, file);
}

/* `at` is the file descriptor of a folder, or AT_FDCWD. */
static void refused(const char *act, int at, const char *path) {
  char folder[PATH_MAX] = "", link[64];
  int error = errno;
  if (path && (error == ENOENT || error == EACCES || error == EPERM || error == EROFS)) {
    if (*path != '/' && at == AT_FDCWD && !getcwd(folder, sizeof folder)) folder[0] = 0;
    if (*path != '/' && at != AT_FDCWD) {
      snprintf(link, sizeof link, "/proc/self/fd/%d", at);
      ssize_t length = readlink(link, folder, sizeof folder - 1);
      folder[length < 0 ? 0 : length] = 0;
    }
    tell(act, error, folder, path);
  }
  errno = error;
}

static void reached(int failed, const struct sockaddr *to) {
  int error = errno;
  char host[INET6_ADDRSTRLEN] = "", what[INET6_ADDRSTRLEN + 32];
  int port = 0;
  if (failed && to && to->sa_family == AF_INET) {
    const struct sockaddr_in *address = (const void *)to;
    inet_ntop(AF_INET, &address->sin_addr, host, sizeof host);
    port = ntohs(address->sin_port);
  } else if (failed && to && to->sa_family == AF_INET6) {
    const struct sockaddr_in6 *address = (const void *)to;
    inet_ntop(AF_INET6, &address->sin6_addr, host, sizeof host);
    port = ntohs(address->sin6_port);
  }
  if (*host) {
    snprintf(what, sizeof what, "%s port %d", host, port);
    tell("connect", error, "", what);
  }
  errno = error;
}

#define REAL(type, name, ...) type (*real)(__VA_ARGS__) = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)
#define ACT(flags) ((flags) & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC) ? "write" : "read")

#define OPEN(name)                                                     \
  int name(const char *path, int flags, ...) {                         \
    va_list rest;                                                      \
    va_start(rest, flags);                                             \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
    va_end(rest);                                                      \
    REAL(int, name, const char *, int, ...);                           \
    int result = real(path, flags, mode);                              \
    if (result < 0) refused(ACT(flags), AT_FDCWD, path);               \
    return result;                                                     \
  }
#define OPENAT(name)                                                   \
  int name(int at, const char *path, int flags, ...) {                 \
    va_list rest;                                                      \
    va_start(rest, flags);                                             \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
    va_end(rest);                                                      \
    REAL(int, name, int, const char *, int, ...);                      \
    int result = real(at, path, flags, mode);                          \
    if (result < 0) refused(ACT(flags), at, path);                     \
    return result;                                                     \
  }
#define FOPEN(name)                                                    \
  FILE *name(const char *restrict path, const char *restrict mode) {   \
    REAL(FILE *, name, const char *, const char *);                    \
    FILE *result = real(path, mode);                                   \
    if (!result) refused(strpbrk(mode, "wa+") ? "write" : "read", AT_FDCWD, path); \
    return result;                                                     \
  }
#define STAT(name, buffer)                                             \
  int name(const char *restrict path, struct buffer *restrict to) {    \
    REAL(int, name, const char *, struct buffer *);                    \
    int result = real(path, to);                                       \
    if (result < 0) refused("read", AT_FDCWD, path);                   \
    return result;                                                     \
  }
#define CHANGE(name, parameters, types, words, at, path)               \
  int name parameters {                                                \
    REAL(int, name, types);                                            \
    int result = real words;                                           \
    if (result < 0) refused("write", at, path);                        \
    return result;                                                     \
  }
#define TYPES(...) __VA_ARGS__

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
FOPEN(fopen)
FOPEN(fopen64)
STAT(stat, stat)
STAT(stat64, stat64)
STAT(lstat, stat)
STAT(lstat64, stat64)
CHANGE(creat, (const char *path, mode_t mode), TYPES(const char *, mode_t), (path, mode), AT_FDCWD, path)
CHANGE(mkdir, (const char *path, mode_t mode), TYPES(const char *, mode_t), (path, mode), AT_FDCWD, path)
CHANGE(unlink, (const char *path), TYPES(const char *), (path), AT_FDCWD, path)
CHANGE(unlinkat, (int at, const char *path, int flags), TYPES(int, const char *, int), (at, path, flags), at, path)
CHANGE(rmdir, (const char *path), TYPES(const char *), (path), AT_FDCWD, path)
CHANGE(rename, (const char *from, const char *to), TYPES(const char *, const char *), (from, to), AT_FDCWD, to)
CHANGE(link, (const char *from, const char *to), TYPES(const char *, const char *), (from, to), AT_FDCWD, to)
CHANGE(symlink, (const char *from, const char *to), TYPES(const char *, const char *), (from, to), AT_FDCWD, to)
CHANGE(chmod, (const char *path, mode_t mode), TYPES(const char *, mode_t), (path, mode), AT_FDCWD, path)

int statx(int at, const char *restrict path, int flags, unsigned mask, struct statx *restrict to) {
  REAL(int, statx, int, const char *, int, unsigned, struct statx *);
  int result = real(at, path, flags, mask, to);
  if (result < 0) refused("read", at, path);
  return result;
}

int access(const char *path, int mode) {
  REAL(int, access, const char *, int);
  int result = real(path, mode);
  if (result < 0) refused("read", AT_FDCWD, path);
  return result;
}

struct dirent;
void *opendir(const char *path) {
  REAL(void *, opendir, const char *);
  void *result = real(path);
  if (!result) refused("read", AT_FDCWD, path);
  return result;
}

int connect(int file, const struct sockaddr *to, socklen_t length) {
  REAL(int, connect, int, const struct sockaddr *, socklen_t);
  int result = real(file, to, length);
  reached(result < 0, to);
  return result;
}

/* Sending a datagram to an unreachable address returns no error. */
ssize_t sendto(int file, const void *bytes, size_t size, int flags, const struct sockaddr *to, socklen_t length) {
  REAL(ssize_t, sendto, int, const void *, size_t, int, const struct sockaddr *, socklen_t);
  ssize_t result = real(file, bytes, size, flags, to, length);
  reached(1, to);
  return result;
}

int getaddrinfo(const char *restrict name, const char *restrict service, const struct addrinfo *restrict hints,
                struct addrinfo **restrict found) {
  REAL(int, getaddrinfo, const char *, const char *, const struct addrinfo *, struct addrinfo **);
  int result = real(name, service, hints, found), error = errno;
  if (result != 0 && name) tell("resolve", 0, "", name);
  errno = error;
  return result;
}
