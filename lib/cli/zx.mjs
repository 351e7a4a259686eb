#!/usr/bin/env node
// node_modules/.bin/zx of this checkout is a link to this file (the script "dependencies" of package.json). It
// runs a task without zx's command line, whose modules take longer to load than most tasks take. Other
// scripts and options are passed on to zx. This file is plain JavaScript, because the first TypeScript that
// Node reads without a compile cache loads the type stripper, which takes 30 ms. It runs on Node 18 too.
import module from 'node:module';

const require = module.createRequire(import.meta.url);
// An import of node:fs would also load all streams.
const { accessSync, constants, existsSync, readFileSync, realpathSync, statSync } = require('node:fs');
const { dirname, join, relative, resolve } = require('node:path');
const { fileURLToPath, pathToFileURL } = require('node:url');

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
/** The names that zx puts on the global object. The test compares them with the installed zx. */
const globals = `$ Fail ProcessOutput ProcessPromise VERSION YAML argv bus cd chalk defaults dotenv echo expBackoff fetch fs
  glob globby kill log minimist nothrow os parseArgv path ps question quiet quote quotePowerShell resolveDefaults retry sleep
  spinner stdin syncProcessCwd tempdir tempfile tmpdir tmpfile updateArgv useBash usePowerShell usePwsh version versions
  which within`.split(/\s+/);

const [, , script, ...words] = process.argv;
if (isTask()) runTask();
else {
  process.argv[1] = require.resolve('zx/cli'); // zx runs a script only if it is the program itself
  require('zx/cli');
}

/** Whether this Node reads TypeScript, and the first word is a task of this checkout. */
function isTask() {
  if (!process.features.typescript || !module.registerHooks) return false;
  // Variables such as ZX_ENV are options of zx.
  if (Object.keys(process.env).some((name) => name.startsWith('ZX_'))) return false;
  if (script === undefined || script.startsWith('-') || !script.endsWith('.ts')) return false;
  try {
    const path = realpathSync(script);
    return path.endsWith('.ts') && [root, join(root, 'tasks')].includes(dirname(path));
  } catch {
    return false; // zx reports it
  }
}

function runTask() {
  module.enableCompileCache(join(root, 'node_modules/.cache/node')); // the folder of compile-cache.ts
  const path = resolve(script);
  Object.assign(globalThis, { __filename: path, __dirname: dirname(path), require: module.createRequire(path) });
  defineGlobals();
  // Without await, so that a promise that never settles ends the process as under zx.
  import(pathToFileURL(bundleOf(realpathSync(path)) ?? path).href).catch((error) => {
    if (error instanceof require('zx/core').ProcessOutput) console.error('Error:', error.message);
    else console.error(error);
    process.exitCode = 1;
  });
}

/**
 * Returns the bundle of a task (bundle.ts), if its sources are still those from which it was made. Otherwise a new one
 * is made when the task has succeeded.
 */
function bundleOf(path) {
  const folder = join(root, 'node_modules/.cache/bundle');
  try {
    const bundle = join(folder, relative(root, path).replaceAll('/', '-').slice(0, -3));
    const sources = JSON.parse(readFileSync(`${bundle}.json`, 'utf8'));
    if (sources.every(isUnchanged) && existsSync(`${bundle}.mjs`)) return `${bundle}.mjs`;
    accessSync(folder, constants.W_OK);
    process.on('exit', (code) => {
      if (code === 0) require('node:child_process').spawnSync(process.execPath, [join(root, 'lib/cli/bundle.ts')], { stdio: 'ignore' });
    });
  } catch {
    // it has no bundle
  }
  return undefined;
}

function isUnchanged([name, stamp]) {
  const stats = statSync(join(root, name), { throwIfNoEntry: false });
  return stats !== undefined && `${stats.size} ${stats.ctimeMs} ${stats.ino}` === stamp;
}

/** Defines zx's globals. zx is loaded when the first one is read, or when a module imports zx. */
function defineGlobals() {
  const { fetch } = globalThis; // zx wraps it
  const cwd = process.cwd();
  const lib = pathToFileURL(join(root, 'lib/')).href;
  const define = (name, more) => Object.defineProperty(globalThis, name, { enumerable: true, configurable: true, ...more });
  const set = (name, value) => define(name, { value, writable: true });
  for (const name of globals) define(name, { get: () => load()[name], set: (value) => set(name, value) });
  const hooks = module.registerHooks({
    resolve(specifier, context, next) {
      // Modules of lib name each other by their paths. Node's own search takes 0.1 ms for each of them.
      const url = specifier.startsWith('.') && specifier.endsWith('.ts') ? new URL(specifier, context.parentURL).href : '';
      if (url.startsWith(lib)) return { url, format: 'module-typescript', shortCircuit: true };
      if (specifier === 'zx' || specifier === 'zx/globals') load();
      return next(specifier, context);
    },
  });
  function load() {
    hooks.deregister();
    const unread = globals.filter((name) => Object.getOwnPropertyDescriptor(globalThis, name)?.get); // and not written
    for (const name of unread) set(name, name === 'fetch' ? fetch : undefined);
    const now = process.cwd();
    process.chdir(cwd); // commands run where the process was started, even if the script has changed its folder
    const zx = require('zx');
    process.chdir(now);
    const end = words.indexOf('--');
    zx.updateArgv(end === -1 ? words : words.toSpliced(end, 1)); // zx drops the first "--"
    for (const name of unread) set(name, zx[name]);
    return zx;
  }
}
