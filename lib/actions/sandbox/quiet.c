/* Preloaded into the programs of a traced compilation (tracer.c). Nine of ten of their calls use paths in
   ignored folders. The tracer records nothing for them, but a notification costs more than the call itself.
   The library replaces functions of the C library. It makes a call that would leave no record from the page
   that the tracer lets through, and every other call in the usual way. It records nothing itself, so the
   tracer sees the calls of static programs, of other C libraries and of the dynamic linker as without it.

   The rules are those of `record_of` and `leads_out` in tracer.c. A call leaves no record if its path is
   absolute, is in an ignored folder, has no ".." and contains no link. openat2(2) refuses links
   (RESOLVE_NO_SYMLINKS, Linux 5.6). The file that it opened is then used in place of the path, so that no
   process can put a link there after the check. For a path to be written, that file is the folder, because
   the last name is not resolved. `linkat` uses its old path after the check, and every function uses its path
   after it was compared with the folders. A thread that changes the path or creates a link in that moment
   hides the call. The tracer has both gaps for all calls. As in the tracer, a process with another root
   (chroot) is not considered.

   A function has the effects and errors that it has in the C library, except that `open` is not a
   cancellation point. If anything is missing, for example the list of ignored folders, all calls are made in
   the usual way. No function allocates memory, except `realpath` for its result. The functions may be called
   in signal handlers and after vfork. */
#define _GNU_SOURCE
#undef _FORTIFY_SOURCE
#include <sys/cdefs.h>
/* The C library declares that paths are not null, so the compiler would remove the checks of this file. */
#undef __nonnull
#define __nonnull(parameters)
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "quiet.h"

/* The list of ignored folders. Each ends with a zero byte. execute.ts mounts it. */
#define LIST "/bloomery/quiet.folders"

/* A function for the page: long call(long number, long a, long b, long c, long d, long e). It returns a
   negative error number if the call fails. */
__asm__(".text\nquiet_start:\n"
#if defined(__x86_64__)
  "endbr64\nmov %rdi, %rax\nmov %rsi, %rdi\nmov %rdx, %rsi\nmov %rcx, %rdx\nmov %r8, %r10\nmov %r9, %r8\nsyscall\nret\n"
#elif defined(__aarch64__)
  "mov x8, x0\nmov x0, x1\nmov x1, x2\nmov x2, x3\nmov x3, x4\nmov x4, x5\nsvc #0\nret\n"
#elif defined(__riscv) && __riscv_xlen == 64
  "mv a7, a0\nmv a0, a1\nmv a1, a2\nmv a2, a3\nmv a3, a4\nmv a4, a5\necall\nret\n"
#else
#error "this architecture is not known to the tracer"
#endif
  "quiet_end:\n");
#define OF_CODE(name) __asm__(name) __attribute__((visibility("hidden")))
extern const char start_of_code[] OF_CODE("quiet_start"), end_of_code[] OF_CODE("quiet_end");

/* The longest path that is copied, so that the functions need little stack. */
enum { LONGEST = 1024 };

static const char *folders, *foldersEnd;
static volatile int ready;

static long quietly5(long number, long a, const void *b, const void *c, long d, const void *e) {
  return ((long (*)(long, long, long, long, long, long))QUIET_PAGE)(number, a, (long)b, (long)c, d, (long)e);
}

static long quietly(long number, long a, const void *b, const void *c, long d) {
  return quietly5(number, a, b, c, d, NULL);
}

static const void *word(unsigned long value) {
  return (const void *)value;
}

__attribute__((constructor)) static void start(void) {
  int error = errno;
  struct stat about;
  void *page = mmap((void *)QUIET_PAGE, QUIET_SIZE, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (page == (void *)QUIET_PAGE) {
    memcpy(page, start_of_code, (size_t)(end_of_code - start_of_code));
    __builtin___clear_cache(page, (char *)page + QUIET_SIZE);
    long file = mprotect(page, QUIET_SIZE, PROT_READ | PROT_EXEC) < 0
      ? -1 : quietly(SYS_openat, AT_FDCWD, LIST, word(O_RDONLY | O_CLOEXEC), 0);
    if (file >= 0) {
      if (quietly(SYS_newfstatat, file, "", &about, AT_EMPTY_PATH) == 0 && about.st_size > 0) {
        folders = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, (int)file, 0);
        foldersEnd = folders + about.st_size;
        ready = folders != MAP_FAILED && foldersEnd[-1] == 0;
      }
      quietly(SYS_close, file, NULL, NULL, 0);
    }
  } else if (page != MAP_FAILED) munmap(page, QUIET_SIZE);
  errno = error;
}

/* A program that restricts its own system calls may forbid openat2. */
int prctl(int option, ...) {
  va_list rest;
  va_start(rest, option);
  unsigned long words[4];
  for (int at = 0; at < 4; at++) words[at] = va_arg(rest, unsigned long);
  va_end(rest);
  if (option == PR_SET_SECCOMP || option == PR_SET_NO_NEW_PRIVS) ready = 0;
  return (int)syscall(SYS_prctl, option, words[0], words[1], words[2], words[3]);
}

static int is_ignored(const char *path) {
  for (const char *folder = folders; folder < foldersEnd; folder += strlen(folder) + 1)
    if (is_below(path, folder)) return 1;
  return 0;
}

static int has_dots(const char *path) {
  for (const char *dot = path; (dot = strstr(dot, "/.")); dot++)
    if (dot[2] == '/' || dot[2] == 0 || (dot[2] == '.' && (dot[3] == '/' || dot[3] == 0))) return 1;
  return 0;
}

/* How a call uses a path that is not notified. PLAIN: in a folder of the host, of which no path is recorded.
   CHECKED: if it contains no link. */
enum kind { NOTIFIED, PLAIN, CHECKED };
static enum kind kind_of(const char *path) {
  if (!ready || !path || *path != '/' || !is_ignored(path)) return NOTIFIED;
  return is_plain(path) ? PLAIN : has_dots(path) ? NOTIFIED : CHECKED;
}

static int result(long value) {
  if (value >= 0) return (int)value;
  errno = (int)-value;
  return -1;
}

/* Whether an answer is about the file. Otherwise the kernel or a container does not know the call, or another
   thread has closed all files. */
static int is_answer(long answer) {
  return answer != -ENOSYS && answer != -EPERM && answer != -EBADF;
}

static void done(long file) {
  quietly(SYS_close, file, NULL, NULL, 0);
}

/* Opens a path that contains no link. Returns the file, or a negative error number that the call would give
   without this restriction, or UNKNOWN if the call has to be notified. The errors are those of a walk that
   ended at a name before which there was no link, and of a pipe whose opening was interrupted. */
enum { UNKNOWN = -4096 };
static long opened(const char *path, int flags, mode_t mode) {
  struct open_how how = { .flags = (unsigned)flags, .mode = mode & 07777, .resolve = RESOLVE_NO_SYMLINKS };
  long file = quietly(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
  int known = file >= 0 || file == -ENOENT || file == -ENOTDIR || file == -EACCES || file == -EINTR;
  return known ? file : UNKNOWN;
}

/* Opens a CHECKED path for the calls that inspect it by the number of a file. */
static long found(const char *path) {
  return opened(path, O_PATH | O_CLOEXEC, 0);
}

/* Opens the folder of a CHECKED path that is written, and finds the last name. */
static long folder_of(const char *path, const char **name) {
  char folder[LONGEST];
  const char *slash = strrchr(path, '/');
  size_t length = (size_t)(slash - path);
  if (length == 0 || length >= sizeof folder || !slash[1]) return UNKNOWN;
  memcpy(folder, path, length);
  folder[length] = 0;
  *name = slash + 1;
  return is_ignored(folder) ? found(folder) : UNKNOWN;
}

static int open_any(int folder, const char *path, int flags, mode_t mode) {
  enum kind kind = kind_of(path);
  if (kind == PLAIN) return result(quietly(SYS_openat, AT_FDCWD, path, word((unsigned)flags), mode));
  /* With both flags, openat2 opens a link itself. */
  if (kind == CHECKED && (flags & (O_PATH | O_NOFOLLOW)) != (O_PATH | O_NOFOLLOW)) {
    long file = opened(path, flags, mode);
    if (file != UNKNOWN) return result(file);
  }
  return (int)syscall(SYS_openat, folder, path, flags, mode);
}

#define MODE(flags, mode)                                                             \
  mode_t mode = 0;                                                                    \
  if ((flags) & O_CREAT || ((flags) & O_TMPFILE) == O_TMPFILE) {                      \
    va_list rest;                                                                     \
    va_start(rest, flags);                                                            \
    mode = va_arg(rest, mode_t);                                                      \
    va_end(rest);                                                                     \
  }

int open(const char *path, int flags, ...) {
  MODE(flags, mode)
  return open_any(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  MODE(flags, mode)
  return open_any(AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...) {
  MODE(flags, mode)
  return open_any(folder, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...) {
  MODE(flags, mode)
  return open_any(folder, path, flags, mode);
}

int creat(const char *path, mode_t mode) {
  return open_any(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

int creat64(const char *path, mode_t mode) {
  return open_any(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

/* The file of a CHECKED path is no link, so it does not matter whether links are followed. */
static int stat_any(int folder, const char *path, void *about, int flags) {
  enum kind kind = flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) ? NOTIFIED : kind_of(path);
  if (kind == PLAIN) return result(quietly(SYS_newfstatat, folder, path, about, flags));
  if (kind == CHECKED) {
    long file = found(path), answer = file;
    if (file >= 0) {
      answer = quietly(SYS_newfstatat, file, "", about, AT_EMPTY_PATH);
      done(file);
    }
    if (file != UNKNOWN && is_answer(answer)) return result(answer);
  }
  return (int)syscall(SYS_newfstatat, folder, path, about, flags);
}

int stat(const char *path, struct stat *about) {
  return stat_any(AT_FDCWD, path, about, 0);
}

int stat64(const char *path, struct stat64 *about) {
  return stat_any(AT_FDCWD, path, about, 0);
}

int lstat(const char *path, struct stat *about) {
  return stat_any(AT_FDCWD, path, about, AT_SYMLINK_NOFOLLOW);
}

int lstat64(const char *path, struct stat64 *about) {
  return stat_any(AT_FDCWD, path, about, AT_SYMLINK_NOFOLLOW);
}

int fstatat(int folder, const char *path, struct stat *about, int flags) {
  return stat_any(folder, path, about, flags);
}

int fstatat64(int folder, const char *path, struct stat64 *about, int flags) {
  return stat_any(folder, path, about, flags);
}

/* Names of these functions before glibc 2.33. `version` is that of the structure. */
static int old_stat(int version, int folder, const char *path, void *about, int flags) {
#ifdef __x86_64__
  if (version == 1) version = 0;
#endif
  return version == 0 ? stat_any(folder, path, about, flags) : result(-EINVAL);
}

int __xstat(int version, const char *path, struct stat *about) {
  return old_stat(version, AT_FDCWD, path, about, 0);
}

int __xstat64(int version, const char *path, struct stat64 *about) {
  return old_stat(version, AT_FDCWD, path, about, 0);
}

int __lxstat(int version, const char *path, struct stat *about) {
  return old_stat(version, AT_FDCWD, path, about, AT_SYMLINK_NOFOLLOW);
}

int __lxstat64(int version, const char *path, struct stat64 *about) {
  return old_stat(version, AT_FDCWD, path, about, AT_SYMLINK_NOFOLLOW);
}

int __fxstatat(int version, int folder, const char *path, struct stat *about, int flags) {
  return old_stat(version, folder, path, about, flags);
}

int __fxstatat64(int version, int folder, const char *path, struct stat64 *about, int flags) {
  return old_stat(version, folder, path, about, flags);
}

int statx(int folder, const char *path, int flags, unsigned mask, struct statx *about) {
  enum kind kind = flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_SYNC_TYPE) ? NOTIFIED : kind_of(path);
  long file = kind == CHECKED ? found(path) : UNKNOWN, answer = file;
  if (kind == PLAIN) answer = quietly5(SYS_statx, folder, path, word((unsigned)flags), mask, about);
  if (file >= 0) {
    answer = quietly5(SYS_statx, file, "", word((unsigned)flags | AT_EMPTY_PATH), mask, about);
    done(file);
  }
  if (answer != UNKNOWN && is_answer(answer)) return result(answer);
  return (int)syscall(SYS_statx, folder, path, flags, mask, about);
}

int access(const char *path, int mode) {
  enum kind kind = kind_of(path);
  if (kind == PLAIN) return result(quietly(SYS_faccessat, AT_FDCWD, path, word((unsigned)mode), 0));
  if (kind == CHECKED) {
    long file = found(path), answer = file;
    if (file >= 0) {
      answer = quietly(SYS_faccessat2, file, "", word((unsigned)mode), AT_EMPTY_PATH); /* Linux 5.8 */
      done(file);
    }
    if (file != UNKNOWN && is_answer(answer)) return result(answer);
  }
  return (int)syscall(SYS_faccessat, AT_FDCWD, path, mode);
}

/* A CHECKED path that can be opened is no link. */
ssize_t readlink(const char *path, char *text, size_t size) {
  enum kind kind = size == 0 || size > INT_MAX ? NOTIFIED : kind_of(path);
  if (kind == PLAIN) return result(quietly(SYS_readlinkat, AT_FDCWD, path, text, (long)size));
  if (kind == CHECKED) {
    long file = found(path);
    if (file >= 0) done(file);
    if (file != UNKNOWN) return result(file >= 0 ? -EINVAL : file);
  }
  return syscall(SYS_readlinkat, AT_FDCWD, path, text, size);
}

/* `flags` is 0 or AT_REMOVEDIR. */
static int unlink_any(int folder, const char *path, int flags) {
  const char *name;
  enum kind kind = kind_of(path);
  if (kind == PLAIN) return result(quietly(SYS_unlinkat, AT_FDCWD, path, word((unsigned)flags), 0));
  if (kind == CHECKED) {
    long parent = folder_of(path, &name), answer = parent;
    if (parent >= 0) {
      answer = quietly(SYS_unlinkat, parent, name, word((unsigned)flags), 0);
      done(parent);
    }
    if (parent != UNKNOWN) return result(answer);
  }
  return (int)syscall(SYS_unlinkat, folder, path, flags);
}

int unlink(const char *path) {
  return unlink_any(AT_FDCWD, path, 0);
}

static int is_name(const char *path) {
  return path && *path && !strchr(path, '/') && strcmp(path, "..") != 0;
}

/* Whether an open folder is in an ignored folder. */
static int is_ignored_file(int folder) {
  char link[64] = "/proc/thread-self/fd/", path[LONGEST], digits[12], *digit = digits + sizeof digits;
  size_t length = strlen(link);
  if (!ready || folder < 0) return 0;
  *--digit = 0;
  do *--digit = (char)('0' + folder % 10);
  while ((folder /= 10) > 0);
  memcpy(link + length, digit, strlen(digit) + 1);
  long read = quietly(SYS_readlinkat, AT_FDCWD, link, path, sizeof path);
  if (read <= 0 || read >= LONGEST) return 0;
  path[read] = 0;
  return *path == '/' && is_ignored(path);
}

/* Programs remove a whole folder by the names in it. */
int unlinkat(int folder, const char *path, int flags) {
  if (is_name(path) && is_ignored_file(folder)) return result(quietly(SYS_unlinkat, folder, path, word((unsigned)flags), 0));
  return unlink_any(folder, path, flags);
}

int mkdir(const char *path, mode_t mode) {
  const char *name;
  long parent = kind_of(path) == CHECKED ? folder_of(path, &name) : UNKNOWN, answer = parent;
  if (parent >= 0) {
    answer = quietly(SYS_mkdirat, parent, name, word(mode), 0);
    done(parent);
  }
  return parent != UNKNOWN ? result(answer) : (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

/* The tracer records the old path of a link as inspected, and that of a renamed file not at all. */
int linkat(int oldFolder, const char *old, int folder, const char *path, int flags) {
  const char *name;
  long parent = UNKNOWN;
  if (flags == 0 && kind_of(old) == CHECKED && kind_of(path) == CHECKED) {
    long file = found(old);
    if (file >= 0) {
      done(file);
      parent = folder_of(path, &name);
    }
  }
  if (parent < 0) return (int)syscall(SYS_linkat, oldFolder, old, folder, path, flags);
  long answer = quietly(SYS_linkat, AT_FDCWD, old, word((unsigned long)parent), (long)name);
  done(parent);
  return result(answer);
}

int link(const char *old, const char *path) {
  return linkat(AT_FDCWD, old, AT_FDCWD, path, 0);
}

int rename(const char *old, const char *path) {
  const char *name;
  long parent = kind_of(old) == CHECKED && kind_of(path) == CHECKED ? folder_of(path, &name) : UNKNOWN;
  if (parent < 0) return (int)syscall(SYS_renameat2, AT_FDCWD, old, AT_FDCWD, path, 0);
  long answer = quietly(SYS_renameat2, AT_FDCWD, old, word((unsigned long)parent), (long)name);
  done(parent);
  return result(answer);
}

/* Copies a path without doubled slashes. */
static char *copied(const char *path, char *text) {
  char *end = text;
  for (; *path; path++)
    if (*path != '/' || (path[1] != '/' && path[1] != 0)) *end++ = *path;
  *end = 0;
  return text;
}

/* Finds the real path of a path that contains no link: the path itself. An absent last name is an error, and
   the text then has the path, too. The C library also inspects the folders above. No folder of the user is
   above an ignored folder without being ignored. Returns false if the function of the C library has to answer. */
static int is_real(const char *path, char *real, char **answer) {
  const char *name;
  if (kind_of(path) == NOTIFIED || has_dots(path)) return 0;
  long file = found(path);
  int absent = file == -ENOENT;
  if (absent) file = folder_of(path, &name);
  if (file < 0) return 0;
  done(file);
  *answer = NULL;
  if (!absent && !real && !(real = malloc(strlen(path) + 1))) return 1;
  if (real) copied(path, real);
  if (absent) errno = ENOENT;
  else *answer = real;
  return 1;
}

char *realpath(const char *restrict path, char *restrict real) {
  char *answer;
  if (is_real(path, real, &answer)) return answer;
  char *(*next)(const char *, char *) = (char *(*)(const char *, char *))dlsym(RTLD_NEXT, "realpath");
  return next(path, real);
}

char *canonicalize_file_name(const char *path) {
  return realpath(path, NULL);
}

/* The function of the C library ends a program whose text is shorter than PATH_MAX. */
char *__realpath_chk(const char *path, char *real, size_t size) {
  char *answer;
  if (size >= PATH_MAX && is_real(path, real, &answer)) return answer;
  char *(*next)(const char *, char *, size_t) = (char *(*)(const char *, char *, size_t))dlsym(RTLD_NEXT, "__realpath_chk");
  return next(path, real, size);
}
