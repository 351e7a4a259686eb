# Builds one recipe in the sandbox: a copy of the source that may be written to, patches, the source's script, the build's script, the stage. What is
# left in the output folder afterwards is the stage alone.
set -eu
places="$1"
mkdir -p "${COOKBOOK_SOURCE}" "${COOKBOOK_BUILD}" "${COOKBOOK_STAGE}"

if [ -d "${places}/tree" ]; then
  find "${places}/tree" -mindepth 1 -maxdepth 1 ! -name .git -exec cp -R --preserve=mode,links --reflink=auto {} "${COOKBOOK_SOURCE}/" ';'
  chmod -R u+w "${COOKBOOK_SOURCE}"
fi
if [ -d "${places}/patches" ]; then
  for patch in "${places}"/patches/*; do
    # The number before the name orders them.
    echo "applying ${patch##*/[0-9][0-9][0-9]-}"
    patch --directory="${COOKBOOK_SOURCE}" -p1 --forward --no-backup-if-mismatch --reject-file=- <"${patch}" || {
      echo "lacks: a patch that applies: ${patch##*/[0-9][0-9][0-9]-}" >&2
      exit 1
    }
  done
fi
# One time for all files: make and autotools compare them, and no archive has the time of this run.
find "${COOKBOOK_SOURCE}" -exec touch --no-dereference --date="@${SOURCE_DATE_EPOCH}" {} +

if [ -s "${places}/script/source.sh" ]; then
  (cd "${COOKBOOK_SOURCE}" && bash -e "${places}/script/source.sh")
fi
(
  cd "${COOKBOOK_BUILD}"
  set +u
  # shellcheck source=/dev/null
  . "${places}/script/functions.sh"
  . "${places}/script/build.sh"
  finish_stage
)
# Folders without permissions cannot be emptied; the script may have removed them itself.
for folder in "${COOKBOOK_SOURCE}" "${COOKBOOK_BUILD}"; do
  if [ -d "${folder}" ]; then chmod -R u+w "${folder}"; fi
done
rm -rf "${COOKBOOK_SOURCE}" "${COOKBOOK_BUILD}"
