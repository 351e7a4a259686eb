// Shell scripts that SysV init lacks: a supervisor that restarts a service within its limit, and the actions
// of an init script. POSIX shell, with start-stop-daemon (dpkg), setsid and setpriv (util-linux). The text is
// the same for every service. /etc/services/NAME has the facts.
import type { FileFacts } from '../../system/image-facts.ts';
import { givenVariables, shellWord } from '../services/service-backend.ts';
import type { Account, FullService } from '../../system/services.ts';

/** The states of services are in /run/services/NAME. NAME.ready there means that the service was ready once. */
const supervise = `#!/bin/sh
# Runs the service $1 of /etc/services in a process group of its own, and again when it ends, as its facts say. SIGTERM stops it.
. "/etc/services/$1"
place=/run/services/$NAME
restarts=
child=
stopping=

state() { echo "$*" >"$place.new"; mv "$place.new" "$place"; }
tell() { echo "<3>service $NAME $*" >/dev/kmsg; }
fail() { tell "failed: $*"; state failed "$*"; exit 1; }
seconds() { read -r up _ </proc/uptime; echo "\${up%%.*}"; }
# A child that has ended, and that nobody has waited for yet, has no program.
runs() { [ -e "/proc/$child/exe" ]; }
stop() {
  stopping=1
  [ -n "$child" ] && kill -s TERM -- "-$child" 2>/dev/null
}
trap stop TERM

while :; do
  [ -z "$READY_FILE" ] || rm -f "$READY_FILE"
  since=$(seconds)
  setsid /usr/lib/services/run "$NAME" </dev/null >>"$LOG" 2>&1 &
  child=$!
  state starting "$child"
  [ -z "$stopping" ] || stop
  case $READY in
  started) state running "$child"; : >"$place.ready" ;;
  *)
    while runs; do
      if [ "$READY" = file ] && [ -e "$READY_FILE" ]; then state running "$child"; : >"$place.ready"; break; fi
      if [ $(($(seconds) - since)) -ge "$READY_WITHIN" ]; then tell "is not ready in time"; kill -s KILL -- "-$child"; break; fi
      [ -z "$stopping" ] || break
      sleep 0.1
    done
    ;;
  esac
  # SIGTERM ends a wait; what is stopped has its time.
  while :; do
    if [ -n "$stopping" ]; then
      tries=$((STOP_WITHIN * 10))
      while runs && [ "$tries" -gt 0 ]; do sleep 0.1; tries=$((tries - 1)); done
      ! runs || tell "does not stop: it is killed"
      kill -s KILL -- "-$child" 2>/dev/null
    fi
    wait "$child"
    status=$?
    runs || break
  done
  kill -s KILL -- "-$child" 2>/dev/null
  [ -z "$stopping" ] || { state stopped; exit 0; }
  if [ "$status" = 0 ]; then
    [ "$READY" = exits ] && : >"$place.ready"
    [ -e "$place.ready" ] || fail "it ended before it was ready"
    [ "$RESTART" = always ] || { state ended; exit 0; }
  fi
  if [ "$status" -gt 128 ]; then how="was ended by signal $((status - 128))"; else how="ended with status $status"; fi
  [ "$RESTART" != never ] || fail "$how"
  now=$(seconds)
  recent=
  count=0
  for at in $restarts; do [ $((now - at)) -ge "$WITHIN" ] || { recent="$recent $at"; count=$((count + 1)); }; done
  [ "$count" -lt "$LIMIT" ] || fail "$how, restarted too often"
  restarts="$recent $now"
  tell "$how: it is started again"
  state restarting
  sleep "$DELAY"
  [ -z "$stopping" ] || { state stopped; exit 0; }
done
`;

const run = `#!/bin/sh
# Becomes the program of the service $1.
. "/etc/services/$1"
program
`;

const control = `#!/bin/sh
# What an init script does: control NAME start|stop|restart|status. A start ends when the service is ready or has failed.
. "/etc/services/$1"
place=/run/services/$NAME
read_state() { state=; rest=; [ ! -e "$place" ] || read -r state rest <"$place"; }

case $2 in
start)
  mkdir -p /run/services
  for need in $NEEDS; do
    if [ ! -e "/run/services/$need.ready" ]; then
      echo "<3>service $NAME failed: it needs $need, which has failed" >/dev/kmsg
      echo "failed it needs $need, which has failed" >"$place"
      exit 1
    fi
  done
  rm -f "$place" "$place.ready"
  start-stop-daemon --start --quiet --background --make-pidfile --pidfile "$place.pid" --startas /usr/lib/services/supervise -- "$NAME" || exit 1
  while :; do
    read_state
    [ ! -e "$place.ready" ] || exit 0
    [ "$state" != failed ] || exit 1
    [ "$state" != stopped ] || exit 1
    sleep 0.1
  done
  ;;
stop)
  read_state
  case $state in starting | running | restarting) ;; *) exit 0 ;; esac
  start-stop-daemon --stop --quiet --oknodo --pidfile "$place.pid" --remove-pidfile --retry "TERM/$((STOP_WITHIN + 5))/KILL/5"
  ;;
restart | force-reload) "$0" "$1" stop && "$0" "$1" start ;;
status)
  read_state
  echo "$NAME \${state:-waiting} $rest"
  case $state in running | ended) ;; *) exit 3 ;; esac
  ;;
*) echo "usage: $NAME start|stop|restart|status" >&2; exit 2 ;;
esac
`;

const services = `#!/bin/sh
# Lists the services of the description with their states, or the names of those that failed.
case "$1" in
failed) for place in /etc/services/*; do ! grep -qs "^failed" "/run/services/\${place##*/}" || echo "\${place##*/}"; done ;;
list) for place in /etc/services/*; do /usr/lib/services/control "\${place##*/}" status; done; true ;;
*) echo "usage: services list | services failed" >&2; exit 2 ;;
esac
`;

export const scriptFiles: FileFacts = Object.fromEntries(
  Object.entries({
    'usr/lib/services/supervise': supervise,
    'usr/lib/services/run': run,
    'usr/lib/services/control': control,
    'usr/sbin/services': services,
  }).map(([path, text]) => [path, { text, mode: 0o755 }]),
);

/**
 * Returns the text of /etc/services/NAME, which the scripts read: facts as variables, and `program`, which
 * becomes the service.
 */
export function serviceFacts(service: FullService, account: Account, furtherGroups: readonly string[]): string {
  const { ready, restart, user } = service;
  const limits = restart === 'never' ? { when: 'never', limit: 0, withinSec: 1, delaySec: 0 } : restart;
  const facts: Readonly<Record<string, string>> = {
    NAME: service.name,
    NEEDS: service.needs.join(' '),
    READY: typeof ready === 'object' ? 'file' : ready,
    READY_FILE: typeof ready === 'object' ? ready.file : '',
    READY_WITHIN: String(service.readyWithinSec),
    RESTART: limits.when,
    LIMIT: String(limits.limit),
    WITHIN: String(limits.withinSec),
    DELAY: String(limits.delaySec),
    STOP_WITHIN: String(service.stopWithinSec),
    LOG: service.log,
  };
  const variables = { ...givenVariables(user, account), ...service.environment };
  const group = service.group ?? account.group;
  const groups = [group, ...furtherGroups.filter((name) => name !== group)];
  const program = [
    ...['exec', 'env', '-i', ...Object.entries(variables).map(([name, value]) => `${name}=${value}`)],
    ...['setpriv', `--reuid=${user}`, `--regid=${group}`, `--groups=${groups.join(',')}`, '--', ...service.command],
  ];
  return [
    ...Object.entries(facts).map(([name, value]) => `${name}=${shellWord(value)}`),
    `program() { cd ${shellWord(service.directory)} && ${program.map(shellWord).join(' ')}; }`,
    '',
  ].join('\n');
}
