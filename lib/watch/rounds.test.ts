// The order of rounds, with fake work that ends a round when the test decides.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Rounds } from './rounds.ts';
import type { OnBusy, RoundCause } from './rounds.ts';

interface Puppet {
  readonly rounds: Rounds;
  /** Rounds as they began, each with "stopped" when its signal aborted. */
  readonly log: string[];
  readonly late: string[];
  /** Lets the round that runs end. */
  finish(error?: unknown): void;
  readonly ended: Promise<unknown>;
}

const signal = new AbortController().signal;
const change = (...paths: string[]): RoundCause => ({ kind: 'change', paths });
/** Lets everything that is ready run. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function puppet(onBusy: OnBusy, stop: AbortSignal = signal): Puppet {
  const log: string[] = [];
  const late: string[] = [];
  let finish: (error?: unknown) => void = () => undefined;
  const work = ({ kind, paths }: RoundCause, stopped: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      log.push([kind, ...paths].join(' '));
      finish = (error) => (error === undefined ? resolve() : reject(error));
      stopped.addEventListener('abort', () => {
        log.push('stopped');
        reject(stopped.reason);
      });
    });
  const rounds = new Rounds(work, onBusy, ({ paths }, then) => late.push(`${paths.join(' ')}: ${then}`));
  const ended = rounds.run(stop).catch((error: unknown) => error);
  return { rounds, log, late, finish: (error) => finish(error), ended };
}

test('a round begins when one is requested, and rounds run one after another', async () => {
  const { rounds, log, late, finish, ended } = puppet('wait');
  await settle();
  assert.equal([log, rounds.isRunning], [[], false]);
  rounds.ask({ kind: 'start', paths: [] });
  await settle();
  assert.equal([log, rounds.isRunning], [['start'], true]);
  finish();
  await settle();
  rounds.ask(change('a'));
  await settle();
  assert.equal([log, late], [['start', 'change a'], []]);
  rounds.end();
  assert.is(await ended, undefined);
});

test('with wait, all requests during a round are one round after it', async () => {
  const { rounds, log, late, finish } = puppet('wait');
  rounds.ask(change('a'));
  await settle();
  rounds.ask(change('b', 'c'));
  rounds.ask(change('c', 'd'));
  rounds.ask({ kind: 'reboot', paths: [] });
  await settle();
  assert.equal(log, ['change a']);
  finish();
  await settle();
  assert.equal(log, ['change a', 'change b c d']);
  assert.equal(late, ['b c: wait', 'c d: wait', ': wait']);
  finish();
  await settle();
  assert.not(rounds.isRunning);
});

test('with restart, the round is stopped, and the next one is for its changes too', async () => {
  const { rounds, log, late } = puppet('restart');
  rounds.ask(change('a'));
  await settle();
  rounds.ask(change('b'));
  await settle();
  assert.equal([log, late], [['change a', 'stopped', 'change a b'], ['b: restart']]);
});

test('a round that has to be done is not replaced by one that asks for less', async () => {
  const { rounds, log } = puppet('restart');
  rounds.ask({ kind: 'start', paths: [] });
  await settle();
  rounds.ask({ kind: 'reboot', paths: [] });
  await settle();
  assert.equal(log, ['start', 'stopped', 'start']);
});

test('the end stops the round that runs; an interruption too, and it is reported', async () => {
  const quit = puppet('wait');
  quit.rounds.ask(change('a'));
  await settle();
  quit.rounds.end();
  assert.is(await quit.ended, undefined);
  assert.equal(quit.log, ['change a', 'stopped']);

  const abort = new AbortController();
  const cut = puppet('wait', abort.signal);
  cut.rounds.ask(change('a'));
  await settle();
  abort.abort('interrupted');
  assert.is(await cut.ended, 'interrupted');
  const idle = new AbortController();
  const waiting = puppet('wait', idle.signal);
  await settle();
  idle.abort('interrupted');
  assert.is(await waiting.ended, 'interrupted');
});

test('a failure of a round ends the rounds', async () => {
  const { rounds, finish, ended } = puppet('wait');
  rounds.ask(change('a'));
  await settle();
  finish('a bug');
  assert.is(await ended, 'a bug');
});

test.run();
