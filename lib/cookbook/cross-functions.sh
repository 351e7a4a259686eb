# What scripts of recipes get in addition where they build for another triple than the host's. Sourced by bash after script-functions.sh.

# finish_stage takes the symbols out of programs.
strip() {
  command "${STRIP}" "$@"
}

made="$(realpath "${COOKBOOK_BUILD}")/.cross"
mkdir -p "${made}"
cat >"${made}/toolchain.cmake" <<END
set(CMAKE_SYSTEM_NAME UnixPaths)
set(CMAKE_SYSTEM_PROCESSOR ${TARGET%%-*})
set(CMAKE_C_COMPILER ${CC})
set(CMAKE_CXX_COMPILER ${CXX})
set(CMAKE_AR ${AR} CACHE FILEPATH "")
set(CMAKE_RANLIB ${RANLIB} CACHE FILEPATH "")
set(CMAKE_FIND_ROOT_PATH ${COOKBOOK_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
END
export CMAKE_TOOLCHAIN_FILE="${made}/toolchain.cmake"

cat >"${made}/cross.meson" <<END
[binaries]
c = '${CC}'
cpp = '${CXX}'
ar = '${AR}'
strip = '${STRIP}'
pkg-config = 'pkg-config'
[host_machine]
system = '${TARGET##*-}'
cpu_family = '${TARGET%%-*}'
cpu = '${TARGET%%-*}'
endian = 'little'
END
meson() {
  if [ "$1" != setup ]; then
    command meson "$@"
  else
    shift
    command meson setup --cross-file="${made}/cross.meson" "$@"
  fi
}

# The flags that programs are linked by.
mkdir -p "${CARGO_HOME}"
cp "${cross}/cargo.toml" "${CARGO_HOME}/config.toml"
