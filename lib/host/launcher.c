// Starts PROGRAM with the dynamic linker LOADER and its own libraries. All of them are in the folder OWN of a
// sysroot. UP is the path from the folder of this launcher to the sysroot. The whole sysroot may be moved.
// The environment is passed on unchanged. A shell would set PWD, and would drop variables whose names it does
// not allow (CARGO_BIN_EXE_my-program).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

static char *text(const char *folder, const char *path) {
  char *joined = malloc(strlen(folder) + strlen(path) + 2);
  if (!joined) exit(127);
  sprintf(joined, "%s/%s", folder, path);
  return joined;
}

int main(int argc, char **argv) {
  static char self[1 << 16];
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  if (length < 0) snprintf(self, sizeof self, "%s", (const char *)getauxval(AT_EXECFN)); // no /proc
  char *folder = strdup(self);
  char *slash = folder ? strrchr(folder, '/') : NULL;
  if (!slash) return 127;
  *slash = 0;
  char *root = text(folder, UP), *own = text(root, OWN);
  char *libraries = malloc(strlen(own) + strlen(root) + 6);
  char **words = calloc(argc + 6, sizeof *words);
  if (!libraries || !words) return 127;
  sprintf(libraries, "%s:%s/lib", own, root);
  // cargo puts its own path into CARGO. It asks the kernel for the path, which would return that of the
  // dynamic linker.
  if (!strcmp(PROGRAM, "cargo")) setenv("CARGO", self, 0);
  char *loader = text(own, LOADER);
  char *first[] = {loader, "--argv0", self, "--library-path", libraries, text(own, PROGRAM)};
  memcpy(words, first, sizeof first);
  memcpy(words + 6, argv + 1, (argc > 0 ? argc - 1 : 0) * sizeof *words);
  execv(loader, words);
  perror(loader);
  return 127;
}
