#!/usr/bin/env bash
# A tool for another triple. Its name selects the tool: TRIPLE-gcc, TRIPLE-ar and so on. It runs clang, lld or LLVM's tools.
# clang has no linker for the triples of small systems. A command that links is therefore split: the sources are compiled
# first, then clang links the objects for Linux, which has the same object format, with only the files of the sysroot.
set -eu
name="${0##*/}"
tool="${name##*-}"
triple="${name%-*}"

start() {
  command -v "$1" >/dev/null || {
    echo "lacks: $1" >&2
    exit 69
  }
  exec "$@"
}

case "${tool}" in
  ar | nm | objcopy | ranlib | readelf | strip) start "llvm-${tool}" "$@" ;;
  ld) start ld.lld "$@" ;;
  as) tool=gcc && set -- -c "$@" ;;
esac

driver=clang
case "${tool}" in *++) driver=clang++ ;; esac
command -v "${driver}" >/dev/null || start "${driver}"
compiling=("--target=${triple}" "-D__${triple##*-}__" -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=0 -fno-stack-protector
  "--sysroot=${COOKBOOK_SYSROOT}" -nostdlibinc -isystem "${COOKBOOK_SYSROOT}/usr/include" -Wno-unused-command-line-argument)

links=1
inputs=0
shared=
for word in "$@"; do
  case "${word}" in
    -c | -S | -E | -M | -MM | -fsyntax-only | -dump* | -print* | --print* | --version | -###) links= ;;
    -shared) shared=1 ;;
    -*) ;;
    *) inputs=1 ;;
  esac
done
if [ -z "${links}" ] || [ "${inputs}" = 0 ]; then exec "${driver}" "${compiling[@]}" "$@"; fi

objects="$(mktemp -d)"
trap 'rm -rf "${objects}"' EXIT
flags=()
linked=()
value=
number=0
for word in "$@"; do
  if [ -n "${value}" ]; then
    # The word before takes this one: -o FILE, -I FOLDER.
    if [ "${value}" = both ]; then flags+=("${word}"); else linked+=("${word}"); fi
    value=
    continue
  fi
  case "${word}" in
    -o | -L | -l | -u | -z | -T | -Xlinker) linked+=("${word}") && value=linker ;;
    -I | -D | -U | -include | -isystem | -idirafter | -iquote | -x | -MF | -MT | -MQ) flags+=("${word}") && value=both ;;
    -[Ll]* | -Wl,* | -shared | -static | -r | -s | -rdynamic | -nostdlib | -nostartfiles | -nodefaultlibs | *.o | *.a | *.so | *.so.*)
      linked+=("${word}")
      ;;
    -*) flags+=("${word}") ;;
    *) linked+=("${objects}/$((number += 1)).o") ;;
  esac
done
number=0
skip=
for word in "$@"; do
  if [ -n "${skip}" ]; then skip= && continue; fi
  case "${word}" in
    -o | -L | -l | -u | -z | -T | -Xlinker | -I | -D | -U | -include | -isystem | -idirafter | -iquote | -x | -MF | -MT | -MQ) skip=1 ;;
    -* | *.o | *.a | *.so | *.so.*) ;;
    *) "${driver}" "${compiling[@]}" "${flags[@]}" -c "${word}" -o "${objects}/$((number += 1)).o" ;;
  esac
done

lib="${COOKBOOK_SYSROOT}/lib"
before=(-static "${lib}/crt0.o" "${lib}/crti.o")
if [ -n "${shared}" ]; then before=(); fi
after=(-lc)
case " ${linked[*]} " in *' -nostdlib '*) before=() after=() ;; esac
command -v ld.lld >/dev/null || start ld.lld
if [ "${#after[@]}" -gt 0 ]; then after+=("${lib}/crtn.o"); fi
"${driver}" "--target=${triple%%-*}-unknown-linux-gnu" -fuse-ld=lld -no-pie -nostdlib -Wl,--allow-multiple-definition "-L${lib}" \
  "${before[@]}" "${linked[@]}" "${after[@]}"
