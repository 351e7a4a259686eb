/* Runs a command and records every path that it and its children open, inspect, execute or write, by user
   notification of seccomp (seccomp_unotify(2), Linux 5.5 or later). Static programs and programs that clear
   their environment are recorded too. Each system call that has a path then continues unchanged.

   tracer LOG [sealed] [quiet] [ends] [waits] [IGNORED...] [+LINKED...] -- PROGRAM [ARGUMENT...]

   LOG is the number of an open file. A record is one letter and the absolute path as the command spelled it,
   and ends with a zero byte. The letters are:
     r  opened for reading, or executed
     l  inspected
     w  written, created, removed or renamed
     u  a path that could not be read
     o  more paths than are kept
   A path in an IGNORED folder is not recorded, unless a link there leads outside. In that case the path without
   links is recorded. A path in a LINKED folder is recorded as it is. If a link there leads outside, the path
   without links is recorded too.

   The exit status is that of the command. 125 means that the kernel refuses the notification. Two ways to
   avoid the notification are closed. io_uring is not implemented (as in Docker), and calls of another
   architecture are recorded as paths that could not be read.

   A "sealed" command cannot connect to a socket that has a path outside of IGNORED folders. A read-only mount
   does not keep it from a server of the host (a database) that listens in the user's folders. It cannot create Unix
   datagram sockets, which need no connection.

   In a "quiet" command, a library (quiet.c) makes those calls that would leave no record from a page of its
   own, and the kernel lets them through without a notification. The rules for sockets and io_uring apply to
   that page, too. Code that wants to hide a read from the tracer can use it, as it can already hide a read
   behind the change of a link or of a path in its memory. The records exist for builds that are not malicious.

   With "ends", the tracer ends all other processes of its namespace after the command, and then writes the exit
   status as a line to the file with the next number after LOG. So the outputs are complete before the kernel has
   removed the namespaces, which takes 5 to 30 ms. Without a namespace of its own it writes nothing.

   With "waits", the command starts when a byte can be read from that file. At its end nothing starts. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#if __has_include(<linux/openat2.h>)
#include <linux/openat2.h>
#endif
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "quiet.h"

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define NATIVE AUDIT_ARCH_RISCV64
#else
#error "this architecture is not known to the tracer"
#endif

/* Of <linux/seccomp.h> since Linux 6.6: SECCOMP_IOCTL_NOTIF_SET_FLAGS and SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP. */
#define NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#define SYNC_WAKE_UP (1UL << 0)

enum { REFUSED = 125, MOST_PATHS = 1 << 20 };

/* The arguments of a system call that are the folder and the path, and how the call uses them. NONE: the
   folder is the working directory. */
enum { NONE = -1 };
enum use { OPEN, OPEN2, LOOK, RUN, WRITE };
struct call { int number, folder, path, flags; enum use use; };
static const struct call calls[] = {
#ifdef SYS_open
  { SYS_open, NONE, 0, 1, OPEN }, { SYS_creat, NONE, 0, NONE, WRITE }, { SYS_stat, NONE, 0, NONE, LOOK }, { SYS_lstat, NONE, 0, NONE, LOOK },
  { SYS_access, NONE, 0, NONE, LOOK }, { SYS_readlink, NONE, 0, NONE, LOOK }, { SYS_mkdir, NONE, 0, NONE, WRITE },
  { SYS_unlink, NONE, 0, NONE, WRITE }, { SYS_rename, NONE, 1, NONE, WRITE }, { SYS_symlink, NONE, 1, NONE, WRITE },
  { SYS_link, NONE, 1, NONE, WRITE }, { SYS_link, NONE, 0, NONE, LOOK },
#endif
#ifdef SYS_renameat
  { SYS_renameat, 2, 3, NONE, WRITE },
#endif
#ifdef SYS_newfstatat
  { SYS_newfstatat, 0, 1, 3, LOOK },
#endif
  { SYS_openat, 0, 1, 2, OPEN }, { SYS_openat2, 0, 1, 2, OPEN2 }, { SYS_statx, 0, 1, 2, LOOK }, { SYS_faccessat, 0, 1, NONE, LOOK },
  { SYS_faccessat2, 0, 1, NONE, LOOK }, { SYS_readlinkat, 0, 1, NONE, LOOK }, { SYS_execve, NONE, 0, NONE, RUN },
  { SYS_execveat, 0, 1, NONE, RUN }, { SYS_mkdirat, 0, 1, NONE, WRITE }, { SYS_unlinkat, 0, 1, NONE, WRITE },
  { SYS_renameat2, 2, 3, NONE, WRITE }, { SYS_symlinkat, 1, 2, NONE, WRITE }, { SYS_linkat, 2, 3, NONE, WRITE },
  { SYS_linkat, 0, 1, NONE, LOOK }, { SYS_chdir, NONE, 0, NONE, LOOK }, { SYS_statfs, NONE, 0, NONE, LOOK },
};
enum { CALLS = sizeof calls / sizeof *calls };

/* Requests a notification for the calls above. A call that inspects an open file by its number (fstat:
   AT_EMPTY_PATH) names no path and is left out. In a "quiet" command, so are calls from the library's page,
   except those that execute a program or change the folder. Only calls of the table read the place of the
   call: the kernel remembers which calls are always allowed (Linux 5.11), but not if that depends on more
   than the number. */
static int listener_of_this_process(int sealed, int quiet) {
  struct sock_filter program[16 + 5 * CALLS + 9], *next = program;
  *next++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
  *next++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 1, 0);
  *next++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
  *next++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  *next++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1);
  *next++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
  if (sealed) {
    *next++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_connect, 0, 1);
    *next++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    *next++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 1, 0);
    *next++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socketpair, 0, 7);
    *next++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args));
    *next++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 0, 4);
    *next++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args) + 8);
    *next++ = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xf);
    *next++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SOCK_DGRAM, 0, 1);
    *next++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES);
    *next++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  }
  for (int at = 0; at < CALLS; at++) {
    int byNumber = calls[at].use == LOOK && calls[at].flags != NONE;
    int always = !quiet || calls[at].use == RUN || calls[at].number == SYS_chdir;
    *next++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[at].number, 0, byNumber ? 4 : 1);
    if (byNumber) {
      *next++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args) + 8 * calls[at].flags);
      *next++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, AT_EMPTY_PATH, 1, 0);
    }
    if (always) *next++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    else *next++ = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 0); /* to the end of the table, see below */
    if (byNumber) *next++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  }
  *next++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  for (struct sock_filter *jump = program; jump < next; jump++)
    if (jump->code == (BPF_JMP | BPF_JA)) jump->k = (__u32)(next - jump - 1);
  *next++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer) + 4);
  *next++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3);
  *next++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer));
  *next++ = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, (__u32)-QUIET_SIZE);
  *next++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, QUIET_PAGE, 1, 0);
  *next++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
  *next++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog filter = { .len = (unsigned short)(next - program), .filter = program };
  return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter);
}

static void send_file(int socket, int file) {
  char byte = 0;
  union { char bytes[CMSG_SPACE(sizeof(int))]; struct cmsghdr header; } control = { 0 };
  struct iovec part = { &byte, 1 };
  struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
  if (file >= 0) {
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &file, sizeof file);
  }
  while (sendmsg(socket, &message, 0) < 0 && errno == EINTR) {}
}

static int received_file(int socket) {
  char byte;
  union { char bytes[CMSG_SPACE(sizeof(int))]; struct cmsghdr header; } control = { 0 };
  struct iovec part = { &byte, 1 };
  struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes };
  int file = -1;
  while (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) < 0)
    if (errno != EINTR) return -1;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header && header->cmsg_type == SCM_RIGHTS) memcpy(&file, CMSG_DATA(header), sizeof file);
  return file;
}

static char **ignored;
static int ignoredCount, logFile;
static char buffer[1 << 16];
static size_t buffered;

static void flush(void) {
  for (size_t at = 0; at < buffered;) {
    ssize_t written = write(logFile, buffer + at, buffered - at);
    if (written < 0 && errno != EINTR) break;
    if (written > 0) at += (size_t)written;
  }
  buffered = 0;
}

/* Each different record is written once. */
static int is_new(char use, const char *path) {
  static char **known;
  static size_t size, used;
  if (2 * used >= size) {
    size_t before = size;
    char **old = known;
    size = size ? 2 * size : 1 << 12;
    if (size > MOST_PATHS || !(known = calloc(size, sizeof *known))) return -1;
    for (size_t at = 0; at < before; at++)
      if (old[at]) {
        uint64_t hash = 1469598103934665603u;
        for (const char *byte = old[at]; *byte; byte++) hash = (hash ^ (unsigned char)*byte) * 1099511628211u;
        size_t place = hash & (size - 1);
        while (known[place]) place = (place + 1) & (size - 1);
        known[place] = old[at];
      }
    free(old);
  }
  uint64_t hash = (1469598103934665603u ^ (unsigned char)use) * 1099511628211u;
  for (const char *byte = path; *byte; byte++) hash = (hash ^ (unsigned char)*byte) * 1099511628211u;
  size_t place = hash & (size - 1);
  for (; known[place]; place = (place + 1) & (size - 1))
    if (known[place][0] == use && strcmp(known[place] + 1, path) == 0) return 0;
  size_t length = strlen(path);
  char *record = malloc(length + 2);
  if (!record) return -1;
  record[0] = use;
  memcpy(record + 1, path, length + 1);
  known[place] = record;
  used++;
  return 1;
}

static void put(char use, const char *path) {
  size_t length = strlen(path) + 1;
  if (buffered + 1 + length > sizeof buffer) flush();
  buffer[buffered++] = use;
  memcpy(buffer + buffered, path, length);
  buffered += length;
}

static int is_ignored(const char *path) {
  for (int at = 0; at < ignoredCount; at++)
    if (is_below(path, ignored[at])) return 1;
  return 0;
}

static int is_linked(const char *path) {
  for (int at = 0; at < ignoredCount; at++)
    if (*ignored[at] == '+' && is_below(path, ignored[at] + 1)) return 1;
  return 0;
}

static void record(char use, const char *path) {
  static int full;
  int fresh = full ? -1 : is_new(use, path);
  if (fresh > 0) put(use, path);
  if (fresh < 0 && !full) {
    full = 1;
    put('o', "");
  }
}

/* Whether it is certain that a path contains no link. One call of openat2(2) (Linux 5.6) replaces a check
   of each folder. */
static int has_no_link(const char *path) {
#ifdef RESOLVE_NO_SYMLINKS
  struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS };
  size_t length = strlen(path);
  if (strstr(path, "/../") || (length >= 3 && strcmp(path + length - 3, "/..") == 0)) return 0;
  int file = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
  if (file >= 0) close(file);
  return file >= 0;
#else
  (void)path;
  return 0; /* headers before Linux 5.6 */
#endif
}

/* Resolves the links of a path in an ignored or linked folder. The last name of a written path is not
   resolved, because the link itself is replaced. Returns false if the path does not leave these folders.
   Also false in the host's own folders. */
static int leads_out(pid_t process, char use, const char *path, char *real) {
  char own[2 * PATH_MAX + 64], last[PATH_MAX + 1] = "";
  if (is_plain(path)) return 0;
  if (strncmp(path, "/proc/self/", 11) == 0) snprintf(own, sizeof own, "/proc/%d/%s", process, path + 11);
  else if (strncmp(path, "/dev/fd/", 8) == 0) snprintf(own, sizeof own, "/proc/%d/fd/%s", process, path + 8);
  else snprintf(own, sizeof own, "%s", path);
  if (use != 'w' && (is_ignored(own) || is_linked(own)) && has_no_link(own)) return 0;
  if (use == 'w' || !realpath(own, real)) {
    char *slash = strrchr(own, '/');
    if (!slash || slash == own || strlen(slash) > PATH_MAX) return 0;
    strcpy(last, slash);
    *slash = 0;
    if ((is_ignored(own) || is_linked(own)) && has_no_link(own)) return 0;
    if (!realpath(own, real) || strlen(real) + strlen(last) >= 2 * PATH_MAX) return 0;
    strcat(real, last);
  }
  return !is_ignored(real) && !is_linked(real);
}

/* Reads a text of another process, from at most two pages, because the second need not be mapped. Returns
   false if it cannot be read. */
static int text_of(pid_t process, uint64_t address, char *text, size_t size) {
  size_t page = 4096, first = page - (address & (page - 1));
  if (first > size) first = size;
  struct iovec here = { text, size };
  struct iovec there[2] = { { (void *)(uintptr_t)address, first }, { (void *)(uintptr_t)(address + first), size - first } };
  ssize_t length = process_vm_readv(process, &here, 1, there, 2, 0);
  return length > 0 && memchr(text, 0, (size_t)length) != NULL;
}

static void record_of(pid_t process, char use, const char *path) {
  char real[2 * PATH_MAX + 2];
  int ignore = is_ignored(path);
  if (!ignore) record(use, path);
  if ((ignore || is_linked(path)) && leads_out(process, use, path, real)) record(use, real);
}

static void note_call(const struct seccomp_notif *request, const struct call *call) {
  char path[2 * PATH_MAX + 2], given[PATH_MAX], link[64];
  const __u64 *words = request->data.args;
  pid_t process = (pid_t)request->pid;
  if (!text_of(process, words[call->path], given, sizeof given)) {
    if (words[call->path] != 0) put('u', "");
    return;
  }
  if (!*given) return;
  size_t length = 0;
  if (*given != '/') {
    int folder = call->folder == NONE ? AT_FDCWD : (int)words[call->folder];
    if (folder == AT_FDCWD) snprintf(link, sizeof link, "/proc/%d/cwd", process);
    else snprintf(link, sizeof link, "/proc/%d/fd/%d", process, folder);
    ssize_t read = readlink(link, path, PATH_MAX);
    if (read <= 0 || path[0] != '/') {
      put('u', "");
      return;
    }
    length = (size_t)read;
    if (length > 1) path[length++] = '/';
  }
  strcpy(path + length, given);
  uint64_t flags = call->flags == NONE ? 0 : words[call->flags];
  if (call->use == OPEN2) {
    struct iovec here = { &flags, sizeof flags }, there = { (void *)(uintptr_t)flags, sizeof flags };
    if (process_vm_readv(process, &here, 1, &there, 1, 0) != sizeof flags) flags = 0;
  }
  if (call->use == OPEN || call->use == OPEN2) {
    if (flags & O_PATH) record_of(process, 'l', path);
    else {
      if ((flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC)) record_of(process, 'w', path);
      if ((flags & O_ACCMODE) != O_WRONLY && !(flags & O_TRUNC)) record_of(process, 'r', path);
    }
  } else record_of(process, call->use == LOOK ? 'l' : call->use == RUN ? 'r' : 'w', path);
}

static void note(const struct seccomp_notif *request) {
  static int foreign;
  if (request->data.arch != NATIVE) {
    if (!foreign++) put('u', "");
    return;
  }
  for (const struct call *call = calls; call < calls + CALLS; call++)
    if (call->number == request->data.nr) note_call(request, call);
}

/* Creates the connection that the request asks for, in place of the command. The command could change an
   address in its own memory after the check. Returns 0 or a negative error number. */
static int connected(const struct seccomp_notif *request) {
  char path[PATH_MAX], line[64];
  struct sockaddr_storage address = { 0 };
  struct sockaddr_un *named = (struct sockaddr_un *)&address;
  size_t size = request->data.args[2];
  int leader = 0;
  if (size > sizeof address) return -EINVAL;
  struct iovec here = { &address, size }, there = { (void *)(uintptr_t)request->data.args[1], size };
  if (process_vm_readv((pid_t)request->pid, &here, 1, &there, 1, 0) != (ssize_t)size) return -EFAULT;
  snprintf(path, sizeof path, "/proc/%d/status", (int)request->pid);
  FILE *status = fopen(path, "re");
  while (status && fgets(line, sizeof line, status) && sscanf(line, "Tgid: %d", &leader) != 1) {}
  int process = (int)syscall(SYS_pidfd_open, leader, 0);
  int file = process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, (int)request->data.args[0], 0);
  if (file < 0) return errno == EBADF ? -EBADF : -EACCES;
  if (address.ss_family == AF_UNIX && size > offsetof(struct sockaddr_un, sun_path) && *named->sun_path) {
    snprintf(path, sizeof path, "/proc/%d/cwd", (int)request->pid);
    if (chdir(path) < 0) return -EACCES;
    char name[sizeof named->sun_path + 1] = "";
    memcpy(name, named->sun_path, size - offsetof(struct sockaddr_un, sun_path) < sizeof name ? size - offsetof(struct sockaddr_un, sun_path) : sizeof name - 1);
    int socket = open(name, O_PATH | O_CLOEXEC);
    if (socket < 0) return -errno;
    snprintf(line, sizeof line, "/proc/self/fd/%d", socket);
    ssize_t length = readlink(line, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    if (!is_ignored(path)) return -EACCES;
    memset(named->sun_path, 0, sizeof named->sun_path);
    strcpy(named->sun_path, line);
    size = sizeof *named;
  }
  return connect(file, (struct sockaddr *)&address, (socklen_t)size) < 0 ? -errno : 0;
}

/* A separate process waits for the other end. */
static void answer_connect(int listener, const struct seccomp_notif *request) {
  pid_t helper = fork();
  if (helper > 0) return;
  struct seccomp_notif_resp response = { .id = request->id, .error = helper < 0 ? -EAGAIN : connected(request) };
  ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
  if (helper == 0) _exit(0);
}

static void answer(int listener) {
  struct seccomp_notif request = { 0 };
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) < 0) return;
  if (request.data.arch == NATIVE && request.data.nr == SYS_connect) {
    answer_connect(listener, &request);
    return;
  }
  note(&request);
  struct seccomp_notif_resp response = { .id = request.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
  ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

/* Collects ended processes. Returns true, with the status of the command, if the command is among them. */
static int has_ended(pid_t command, int *status) {
  int one, found = 0;
  for (pid_t process; (process = waitpid(-1, &one, WNOHANG)) > 0;)
    if (process == command) *status = one, found = 1;
  return found;
}

/* Ends all other processes of the namespace, of which this is the first one, and writes the exit status. */
static void tell_end(int file, int code) {
  char text[16];
  kill(-1, SIGKILL);
  while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) {}
  int length = snprintf(text, sizeof text, "%d\n", code);
  while (write(file, text, (size_t)length) < 0 && errno == EINTR) {}
}

/* Waits for a byte. Returns false at the end of the file. */
static int has_come(int file) {
  char byte;
  ssize_t got;
  while ((got = read(file, &byte, 1)) < 0 && errno == EINTR) {}
  return got == 1;
}

int main(int count, char **words) {
  int at = 2, sealed = count > 2 && strcmp(words[2], "sealed") == 0;
  int quiet = count > 2 + sealed && strcmp(words[2 + sealed], "quiet") == 0;
  int ends = count > 2 + sealed + quiet && strcmp(words[2 + sealed + quiet], "ends") == 0;
  int waits = ends && count > 5 && strcmp(words[2 + sealed + quiet + ends], "waits") == 0;
  while (at < count && strcmp(words[at], "--") != 0) at++;
  if (count < 4 || at + 1 >= count) return REFUSED;
  logFile = atoi(words[1]);
  ignored = words + 2;
  ignoredCount = at - 2;
  fcntl(logFile, F_SETFD, FD_CLOEXEC);
  if (ends) fcntl(logFile + 1, F_SETFD, FD_CLOEXEC);
  if (waits && !has_come(logFile + 1)) return REFUSED;
  int sockets[2];
  sigset_t child, every;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigfillset(&every);
  sigprocmask(SIG_BLOCK, &every, NULL);
  int deaths = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  if (deaths < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0) return REFUSED;
  pid_t command = fork();
  if (command < 0) return REFUSED;
  if (command == 0) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    int listener = listener_of_this_process(sealed, quiet);
    send_file(sockets[1], listener);
    if (listener < 0) _exit(REFUSED);
    close(listener);
    execvp(words[at + 1], words + at + 1);
    _exit(errno == ENOENT ? 127 : 126);
  }
  close(sockets[1]);
  prctl(PR_SET_DUMPABLE, 0); /* no other process can open the log through /proc */
  int listener = received_file(sockets[0]), status = 0;
  if (listener < 0) {
    waitpid(command, &status, 0);
    return REFUSED;
  }
  /* The command and the tracer run alternately, so the kernel may wake each on the processor of the other
     (Linux 6.6). An older kernel refuses this, which changes only the speed. */
  ioctl(listener, NOTIF_SET_FLAGS, (__u64)SYNC_WAKE_UP);
  struct pollfd events[2] = { { listener, POLLIN, 0 }, { deaths, POLLIN, 0 } };
  for (;;) {
    if (poll(events, 2, -1) < 0) continue;
    if (events[0].revents & POLLIN) answer(listener);
    if (!(events[1].revents & POLLIN)) continue;
    struct signalfd_siginfo about;
    while (read(deaths, &about, sizeof about) > 0) {}
    if (has_ended(command, &status)) break;
  }
  flush();
  int signal = WIFEXITED(status) ? 0 : WTERMSIG(status), code = signal ? 128 + signal : WEXITSTATUS(status);
  if (ends && getpid() == 1) tell_end(logFile + 1, code);
  if (!signal) return code;
  sigprocmask(SIG_UNBLOCK, &every, NULL);
  kill(getpid(), signal); /* has no effect on the first process of a namespace */
  return code;
}
