# The functions that scripts of recipes may call, and the steps before and after a script. bash reads this file in the sandbox,
# in the folder COOKBOOK_BUILD, before the script of a recipe. finish_stage runs after the script. The names of functions and
# variables are those of Redox's build tool. The implementation belongs to this project.

COOKBOOK_CONFIGURE="${COOKBOOK_SOURCE}/configure"
COOKBOOK_MAKE="make"
COOKBOOK_CONFIGURE_FLAGS=("--host=${GNU_TARGET}" "--prefix=/usr" "--disable-shared" "--enable-static")
COOKBOOK_CMAKE_FLAGS=("-DBUILD_SHARED_LIBS=OFF")
COOKBOOK_MESON_FLAGS=("--default-library=static")
COOKBOOK_CARGO_FLAGS=()
export CPPFLAGS="${CPPFLAGS:-} -I${COOKBOOK_SYSROOT}/usr/include"
export LDFLAGS="${LDFLAGS:-} -L${COOKBOOK_SYSROOT}/usr/lib"
export PKG_CONFIG_LIBDIR="${COOKBOOK_SYSROOT}/usr/lib/pkgconfig:${COOKBOOK_SYSROOT}/usr/share/pkgconfig"
export PKG_CONFIG_SYSROOT_DIR="${COOKBOOK_SYSROOT}"

lacks() {
  echo "lacks: $*" >&2
  exit 69
}

needs() {
  local program
  for program in "$@"; do command -v "${program}" >/dev/null || lacks "${program}"; done
}

# Shared libraries instead of static ones.
DYNAMIC_INIT() {
  COOKBOOK_DYNAMIC=1
  COOKBOOK_CONFIGURE_FLAGS=("--host=${GNU_TARGET}" "--prefix=/usr" "--enable-shared" "--disable-static")
  COOKBOOK_CMAKE_FLAGS=("-DBUILD_SHARED_LIBS=ON")
  COOKBOOK_MESON_FLAGS=("--default-library=shared")
  export LDFLAGS="${LDFLAGS} -Wl,-rpath-link,${COOKBOOK_SYSROOT}/usr/lib"
  export RUSTFLAGS="${RUSTFLAGS:-} -C target-feature=-crt-static"
}

# Both.
DYNAMIC_STATIC_INIT() {
  DYNAMIC_INIT
  COOKBOOK_CONFIGURE_FLAGS=("--host=${GNU_TARGET}" "--prefix=/usr" "--enable-shared" "--enable-static")
  COOKBOOK_MESON_FLAGS=("--default-library=both")
}

# Newer config.sub and config.guess, which know more systems.
GNU_CONFIG_GET() {
  local wanted="${1:-config.sub}" folder
  for folder in /usr/share/misc /usr/share/automake-* /usr/share/libtool/build-aux; do
    if [ -e "${folder}/$(basename "${wanted}")" ]; then
      cp -L "${folder}/$(basename "${wanted}")" "${wanted}"
      chmod u+w "${wanted}"
      return
    fi
  done
  lacks "$(basename "${wanted}") (the package autotools-dev)"
}

autotools_recursive_regenerate() {
  needs autoreconf
  find "${1:-.}" -name configure.ac -o -name configure.in | sort | while read -r file; do
    (cd "$(dirname "${file}")" && autoreconf --force --install)
  done
}

cookbook_configure() {
  needs "${COOKBOOK_MAKE}" cc
  "${COOKBOOK_CONFIGURE}" "${COOKBOOK_CONFIGURE_FLAGS[@]}" "$@"
  "${COOKBOOK_MAKE}" -j"${COOKBOOK_MAKE_JOBS}"
  "${COOKBOOK_MAKE}" install DESTDIR="${COOKBOOK_STAGE}"
}

cookbook_cmake() {
  needs cmake cc
  local generator="Unix Makefiles"
  if command -v ninja >/dev/null; then generator=Ninja; else needs make; fi
  cmake -G "${generator}" \
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=/usr -DCMAKE_INSTALL_LIBDIR=lib \
    "-DCMAKE_PREFIX_PATH=${COOKBOOK_SYSROOT}/usr" "-DCMAKE_C_FLAGS=${CPPFLAGS} ${CFLAGS:-}" "-DCMAKE_CXX_FLAGS=${CPPFLAGS} ${CXXFLAGS:-}" \
    "${COOKBOOK_CMAKE_FLAGS[@]}" "$@" "${COOKBOOK_SOURCE}"
  cmake --build . -j "${COOKBOOK_MAKE_JOBS}"
  DESTDIR="${COOKBOOK_STAGE}" cmake --install .
}

cookbook_meson() {
  needs meson ninja cc
  meson setup --prefix=/usr --libdir=lib --buildtype=release --wrap-mode=nodownload "${COOKBOOK_MESON_FLAGS[@]}" "$@" . "${COOKBOOK_SOURCE}"
  meson compile -j "${COOKBOOK_MAKE_JOBS}"
  DESTDIR="${COOKBOOK_STAGE}" meson install --no-rebuild
}

# The flags that every call of cargo gets: nothing is downloaded, and a lock that is there holds.
cargo_words() {
  local manifest="$1"
  printf '%s\n' --release --offline --target "${TARGET}" --manifest-path "${manifest}"
  if [ -e "$(dirname "${manifest}")/Cargo.lock" ] || [ -e "${COOKBOOK_SOURCE}/Cargo.lock" ]; then echo --locked; fi
}

# "cookbook_cargo [FLAG...]": the programs of the package at COOKBOOK_SOURCE (or below it, at PACKAGE_PATH) go to usr/bin.
cookbook_cargo() {
  needs "${COOKBOOK_CARGO}"
  local words
  mapfile -t words < <(cargo_words "${COOKBOOK_SOURCE}/${PACKAGE_PATH:-.}/Cargo.toml")
  "${COOKBOOK_CARGO}" build "${words[@]}" --bins "${COOKBOOK_CARGO_FLAGS[@]}" "$@"
  install_programs "${CARGO_TARGET_DIR}/${TARGET}/release"
}

# "cookbook_cargo_packages NAME...": programs of members of the workspace.
cookbook_cargo_packages() {
  needs "${COOKBOOK_CARGO}"
  local words name
  mapfile -t words < <(cargo_words "${COOKBOOK_SOURCE}/Cargo.toml")
  for name in "$@"; do
    "${COOKBOOK_CARGO}" build "${words[@]}" --package "${name}" --bins "${COOKBOOK_CARGO_FLAGS[@]}"
  done
  install_programs "${CARGO_TARGET_DIR}/${TARGET}/release"
}

# "cookbook_cargo_examples NAME...": examples of the package, named <recipe>_<example>.
cookbook_cargo_examples() {
  needs "${COOKBOOK_CARGO}"
  local words name
  mapfile -t words < <(cargo_words "${COOKBOOK_SOURCE}/${PACKAGE_PATH:-.}/Cargo.toml")
  mkdir -p "${COOKBOOK_STAGE}/usr/bin"
  for name in "$@"; do
    "${COOKBOOK_CARGO}" build "${words[@]}" --example "${name}" "${COOKBOOK_CARGO_FLAGS[@]}"
    cp "${CARGO_TARGET_DIR}/${TARGET}/release/examples/${name}" "${COOKBOOK_STAGE}/usr/bin/${COOKBOOK_NAME}_${name}"
  done
}

install_programs() {
  mkdir -p "${COOKBOOK_STAGE}/usr/bin"
  find "$1" -maxdepth 1 -type f -executable ! -name '*.so' -exec cp {} "${COOKBOOK_STAGE}/usr/bin/" ';'
}

# After the script: programs without symbols, and nothing that only libtool or cargo reads.
finish_stage() {
  local folder file
  find "${COOKBOOK_STAGE}" -name '*.la' -delete
  rm -f "${COOKBOOK_STAGE}"/usr/.crates.toml "${COOKBOOK_STAGE}"/usr/.crates2.json
  if [ -n "${COOKBOOK_NOSTRIP:-}" ]; then return; fi
  for folder in bin usr/bin usr/libexec; do
    if [ ! -d "${COOKBOOK_STAGE}/${folder}" ]; then continue; fi
    find "${COOKBOOK_STAGE}/${folder}" -type f | while read -r file; do
      if [ "$(head -c 4 "${file}" | tail -c 3)" = ELF ]; then strip "${file}"; fi
    done
  done
}
