/* Part of quiet.test.ts. Reads lines "FUNCTION NUMBER PATH [PATH]" and calls the function. NUMBER are its
   flags or its mode. Prints the result, the error, and what the function wrote. The path "-" is a null pointer
   and "@" is empty. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
static int is(const char *name, const char *list) { const char *at = strstr(list, name); return at && at[strlen(name)] == ' ' && at[-1] == ' '; }
int main(void) {
  char line[3 * PATH_MAX], name[64], one[3 * PATH_MAX], two[PATH_MAX], text[PATH_MAX];
  while (fgets(line, sizeof line, stdin)) {
    int number = 0, at, folder = open("/bloomery/out", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct stat about;
    struct statx wide;
    *two = 0;
    memset(text, 0, sizeof text); memset(&about, 0, sizeof about); memset(&wide, 0, sizeof wide);
    sscanf(line, "%63s %i %s %s", name, &number, one, two);
    const char *path = strcmp(one, "-") == 0 ? NULL : strcmp(one, "@") == 0 ? "" : one;
    long (*call)(long, ...) = (long (*)(long, ...))dlsym(RTLD_DEFAULT, name);
    if (!call) { printf("%s absent\n", name); close(folder); continue; }
    long p = (long)path, result;
    char *found = NULL;
    errno = 0;
    if (is(name, " open open64 ")) result = (int)call(p, number, 0640);
    else if (is(name, " openat openat64 ")) result = (int)call(AT_FDCWD, p, number, 0640);
    else if (is(name, " creat creat64 mkdir access ")) result = (int)call(p, number);
    else if (is(name, " stat stat64 lstat lstat64 ")) result = (int)call(p, &about);
    else if (is(name, " __xstat __xstat64 __lxstat __lxstat64 ")) result = (int)call(number, p, &about);
    else if (is(name, " fstatat fstatat64 ")) result = (int)call(AT_FDCWD, p, &about, number);
    else if (is(name, " __fxstatat __fxstatat64 ")) result = (int)call(0, AT_FDCWD, p, &about, number);
    else if (is(name, " statx ")) result = (int)call(AT_FDCWD, p, number, STATX_BASIC_STATS, &wide);
    else if (is(name, " readlink ")) result = call(p, text, number);
    else if (is(name, " unlink rmdir ")) result = (int)call(p);
    else if (is(name, " unlinkat ")) result = (int)call(*one == '/' ? AT_FDCWD : folder, p, number);
    else if (is(name, " link rename symlink ")) result = (int)call(p, two);
    else if (is(name, " linkat ")) result = (int)call(AT_FDCWD, p, AT_FDCWD, two, number);
    else if (is(name, " canonicalize_file_name ")) result = (found = (char *)call(p)) != NULL;
    else if (is(name, " realpath ")) result = (found = (char *)call(p, number ? text : NULL)) != NULL;
    else if (is(name, " __realpath_chk ")) result = (found = (char *)call(p, number ? text : NULL, (long)sizeof text)) != NULL;
    else return 3;
    printf("%s %s %s: %ld %d", name, one, two, result, result < 0 || !result ? errno : 0);
    if (is(name, " open open64 openat openat64 creat creat64 ") && result >= 0) {
      fstat(result, &about);
      at = fcntl(result, F_GETFL);
      printf(" flags %x %x", at, fcntl(result, F_GETFD));
      close(result);
    }
    printf(" %x %ld %ld %x %s %s\n", about.st_mode, (long)about.st_size, (long)about.st_nlink, wide.stx_mode, text, found ? found : "");
    if (found != text) free(found);
    close(folder);
  }
  return 0;
}
