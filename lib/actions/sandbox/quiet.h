/* The parts that the tracer (tracer.c) and its library (quiet.c) have in common: where the library makes
   system calls, and which paths are never recorded. */
#include <string.h>

/* Only system calls from this page are let through without a notification. The page is below 2 GiB, where
   the kernel places neither libraries nor the stack, and above the code of programs with fixed addresses. It
   is aligned for kernels whose pages have 64 KiB. */
enum { QUIET_PAGE = 0x6fff0000, QUIET_SIZE = 4096 };

static int is_below(const char *path, const char *folder) {
  size_t length = strlen(folder);
  return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == 0);
}

/* Whether the names of a relative path never lead above its start. Links are not followed. */
static int stays_below(const char *path) {
  int depth = 0;
  while (*path) {
    path += strspn(path, "/");
    size_t length = strcspn(path, "/");
    if (length == 2 && path[0] == '.' && path[1] == '.') {
      if (--depth < 0) return 0;
    } else if (length > 1 || (length == 1 && *path != '.')) depth++;
    path += length;
  }
  return 1;
}

/* Whether a path is in one of the host's own folders. These have too many files to resolve their links. */
static int is_plain(const char *path) {
  static const char *const plain[] = { "/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/nix/store", "/sys" };
  for (size_t at = 0; at < sizeof plain / sizeof *plain; at++)
    if (is_below(path, plain[at])) return stays_below(path + strlen(plain[at]));
  return 0;
}
