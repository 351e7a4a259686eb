// The work of test-boot.ts with --ktest: builds the kernel of a checkout with its tests, boots it, and
// reports each test.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { here } from '../../actions/place.ts';
import { openCache } from '../../cache/cache.ts';
import { cannot, cannotBecause, exitCodes } from '../../core/errors.ts';
import type { Context, Outcome } from '../../core/events.ts';
import { plural } from '../../core/sizes.ts';
import { bootTarget, namedSystem, ownFolder } from '../../boot/boot-target.ts';
import { buildSystem } from '../../assemble/build-system.ts';
import { namedAddresses } from '../../boot/evidence.ts';
import { withKernelCheckout } from '../../system/kernel-checkout.ts';
import { runKernelTests } from '../../boot/kernel-tests.ts';
import type { KernelTestResult } from '../../boot/kernel-tests.ts';
import type { TestChoice } from '../../osdk/base-crate.ts';
import { loadSystem } from '../../system/load.ts';
import { kernelPath, systemWord } from '../../system/find-page.ts';
import { defaultProfile, profileOf } from '../../system/system.ts';
import { acceleratorChoice, machineOfCheckout } from '../flags/boot-flags.ts';
import { sourcesOf } from '../flags/chosen-sources.ts';
import { watchBuild } from '../../report/build-recorder.ts';
import { kernelWishes } from '../flags/checkout-flags.ts';
import { compilerOptions } from '../flags/compiler-flags.ts';
import { cacheDirOf } from '../task.ts';
import { testSuiteXml } from '../../report/junit.ts';
import { changedMachine } from '../flags/machine-flags.ts';
import type { Task } from '../task.ts';
import { pathOf } from '../../core/paths.ts';

const defaultSilenceMs = 10_000;

export async function testKernel(task: Task, root: string): Promise<Outcome> {
  const { args, host, path, print, report, signal } = task;
  const word = systemWord(namedSystem(args.words[0], args.text('system')), task);
  const loaded = await loadSystem(root, word);
  const { name } = loaded;
  if (!loaded.checkout) throw cannot(`run the tests of the kernel of ${name}`, 'its page names no checkout', { blame: 'usage' });
  const given = await sourcesOf(task, loaded);
  if (!(loaded.checkout.source in given.local)) {
    throw cannot(`run the tests of the kernel of ${name}`, 'no checkout is named', {
      blame: 'usage',
      hint: `add --source ${loaded.checkout.source}=DIR; the bundled kernel has no tests`,
    });
  }
  const only = args.text('ktest') || undefined;
  const { system, sources } = await withKernelCheckout({ system: loaded, sources: given }, kernelWishes(task), testChoice(only));
  const profile = args.text('profile') ?? defaultProfile(system);
  if (!profileOf(system, profile).kernel)
    throw cannot('run the tests of the kernel', `the profile ${profile} does not start it directly`, { blame: 'usage' });
  const outDir = join(loaded.outDir, 'ktest');
  const watch = watchBuild(task);
  const cache = await openCache(cacheDirOf(task), process.pid, watch.report);
  let image: string;
  try {
    const compile = { cache, ...compilerOptions(task) };
    const request = { system, profile, sources, root: loaded.folder, outDir, env: {}, compile };
    image = (await buildSystem(request, { report: watch.report, signal })).imagePath;
  } finally {
    watch.stop();
    await cache.close();
  }
  const target = await bootTarget({ root, system: word, profile, image });
  const { machine: own } = target.system;
  const machine = args.has('osdk-machine') ? await machineOfCheckout(task, own, given.local[loaded.checkout.source], 'test') : own;
  const order = {
    machine: changedMachine(machine, args, path),
    image,
    accelerator: acceleratorChoice(args),
    cacheDir: cacheDirOf(task),
    env: host.env,
  };
  const silenceMs = args.seconds('silence') ?? defaultSilenceMs;
  const onLine = (line: string): void => (args.has('quiet') ? undefined : report({ kind: 'console', line }));
  const {
    results: raw,
    notRun,
    boots,
  } = await runKernelTests({ order, silenceMs, onTest: (result) => print(resultLine(result)), onLine }, { signal, report });
  if (only !== undefined && raw.length === 0) {
    throw cannot(`run the tests "${only}"`, 'the kernel has no such tests', { blame: 'usage', hint: '--ktest alone runs all' });
  }
  const checkout = given.local[loaded.checkout.source] ?? '';
  const named = await Promise.all(raw.map((result) => withNames(result, target.symbols, pathOf(host.env), { signal, report })));
  const results = named.map((result) => ({ ...result, output: result.output.map((line) => withOwnPaths(line, checkout)) }));
  for (const failed of results.filter(({ result }) => result !== 'passed')) for (const line of failureLines(failed)) print(line);
  const passed = results.filter(({ result }) => result === 'passed').length;
  const rest = notRun > 0 ? `, ${notRun} not run` : '';
  print(`${plural(results.length, 'test')}: ${passed} passed, ${results.length - passed} failed${rest}; ${plural(boots, 'boot')}`);
  const junit = args.text('junit');
  if (junit !== undefined) {
    await writeFile(path(junit), testSuiteXml(`${name} kernel`, results)).catch((error: unknown) => {
      throw cannotBecause(`write the report "${junit}"`, error, 'choose another file with --junit FILE');
    });
  }
  const good = passed === results.length && notRun === 0 && results.length > 0;
  const rows = results.map(({ path: test, result, ms, output }) => ({ test, result, ms, output: [...output] }));
  const json = {
    system: name,
    kernel: kernelPath(outDir, name, profile),
    passed,
    failed: results.length - passed,
    notRun,
    boots,
    tests: rows,
  };
  return { exitCode: good ? exitCodes.done : exitCodes.failed, json };
}

/** Parses CRATE, or CRATE::NAME with the end of a path. */
function testChoice(only: string | undefined): TestChoice {
  const [crate, ...names] = only?.split('::') ?? [];
  return { crate, name: names.length > 0 ? names.join('::') : undefined };
}

/**
 * Returns the line with the user's folder instead of the place in the sandbox. It is the repository of the
 * checkout, or the checkout.
 */
function withOwnPaths(line: string, checkout: string): string {
  return line.replaceAll(`${here}/`, `${ownFolder(checkout)}/`);
}

/** Returns the result with names for the addresses that a failed test printed, as in a stack trace. */
async function withNames(result: KernelTestResult, elf: string | undefined, path: string, context: Context): Promise<KernelTestResult> {
  if (result.result === 'passed' || elf === undefined) return result;
  return { ...result, output: [...result.output, ...(await namedAddresses(elf, result.output, path, context))] };
}

function resultLine({ path, result, ms }: KernelTestResult): string {
  return `${{ passed: 'PASS', failed: 'FAIL', 'timed out': 'TIME' }[result]} [${(ms / 1000).toFixed(3).padStart(8)}s] ${path}`;
}

function failureLines({ path, result, output }: KernelTestResult): readonly string[] {
  return [`--- ${result}: ${path}`, ...output.map((line) => `    ${line}`)];
}
