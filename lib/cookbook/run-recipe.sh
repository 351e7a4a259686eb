# Builds one recipe in the sandbox: a copy of the source that may be written to, patches, the source's script, the build's script, the stage. What is
# left in the output folder afterwards is the stage alone.
# Arguments: the folders of the source, of the patches (either may be absent) and of the scripts.
set -eu
tree="$1"
patches="$2"
scripts="$3"
mkdir -p "${COOKBOOK_SOURCE}" "${COOKBOOK_BUILD}" "${COOKBOOK_STAGE}"
# Crates that were fetched: every cargo of the build finds them by the configuration of its home. The path is relative to the folder of .cargo.
crates="$(dirname "${tree}")/crates"
if [ -f "${crates}/.cargo/config.toml" ]; then
  mkdir -p "${CARGO_HOME}"
  while IFS= read -r line; do
    if [ "${line}" = 'directory = "vendor"' ]; then line="directory = \"${crates}/vendor\""; fi
    printf '%s\n' "${line}"
  done <"${crates}/.cargo/config.toml" >"${CARGO_HOME}/config.toml"
fi

if [ -d "${tree}" ]; then
  find "${tree}" -mindepth 1 -maxdepth 1 ! -name .git -exec cp -R --preserve=mode,links --reflink=auto {} "${COOKBOOK_SOURCE}/" ';'
  chmod -R u+w "${COOKBOOK_SOURCE}"
fi
if [ -d "${patches}" ]; then
  for patch in "${patches}"/*; do
    # The number before the name orders them.
    echo "applying ${patch##*/[0-9][0-9][0-9]-}"
    patch --directory="${COOKBOOK_SOURCE}" -p1 --forward --no-backup-if-mismatch --reject-file=- <"${patch}" || {
      echo "lacks: a patch that applies: ${patch##*/[0-9][0-9][0-9]-}" >&2
      exit 1
    }
  done
fi
# All files get the same time: make and autotools compare times, and archives must not depend on the time of the run.
find "${COOKBOOK_SOURCE}" -exec touch --no-dereference --date="@${SOURCE_DATE_EPOCH}" {} +

if [ -s "${scripts}/source.sh" ]; then
  (cd "${COOKBOOK_SOURCE}" && bash -e "${scripts}/source.sh")
fi
(
  cd "${COOKBOOK_BUILD}"
  set +u
  # shellcheck source=/dev/null
  . "${scripts}/functions.sh"
  . "${scripts}/build.sh"
  finish_stage
)
# Folders without permissions cannot be emptied; the script may have removed them itself.
for folder in "${COOKBOOK_SOURCE}" "${COOKBOOK_BUILD}"; do
  if [ -d "${folder}" ]; then chmod -R u+w "${folder}"; fi
done
rm -rf "${COOKBOOK_SOURCE}" "${COOKBOOK_BUILD}"
