// Edits that are possible for any project, whatever its features are.
import { posix } from 'node:path';
import type { Operation, Step } from './operation.ts';
import type { Plan } from './plan.ts';
import type { Project } from './project.ts';
import type { Random } from './random.ts';
import { shapeOf } from './shape.ts';

interface GeneralEdit {
  readonly name: string;
  /** Returns the operations for this project. The list is empty if the edit does not fit. */
  readonly operations: (project: Project, random: Random, plan: Plan) => readonly Operation[];
  readonly overlooked?: true;
  /** Whether no unit may be built afterwards. */
  readonly idle?: (project: Project, plan: Plan) => boolean;
}

const always = (): boolean => true;
const unlessSilent = ({ silent }: Project): boolean => !silent;

export const generalEdits: readonly GeneralEdit[] = [
  { name: 'nothing', operations: () => [], idle: always },
  { name: 'undo', operations: () => [{ op: 'undo' }], idle: always },
  { name: 'undo', operations: () => [{ op: 'undo' }], idle: always },
  { name: 'touch', operations: (project, random) => [{ op: 'touch', path: anyFile(project, random) }], idle: always },
  {
    name: 'touch everything',
    operations: ({ files }) => [...files.keys()].map((path) => ({ op: 'touch', path })),
    idle: always,
  },
  {
    name: 'comment in a source',
    operations: (project, random) => onePath(project, random, /\.rs$/, (path) => [{ op: 'append', path, text: '// comment\n' }]),
  },
  {
    name: 'comment in TOML',
    operations: (project, random) => onePath(project, random, /\.toml$/, (path) => [{ op: 'append', path, text: '\n# comment\n' }]),
    idle: unlessSilent,
  },
  {
    name: 'a file that nothing reads',
    operations: ({ build }) => [{ op: 'write', path: posix.join(build, 'notes/README'), text: 'nothing reads this\n' }],
    idle: unlessSilent,
  },
  {
    name: 'rename a file',
    operations: (project, random) => [anyFile(project, random)].map((path) => ({ op: 'move', path, to: `${path}.old` })),
    overlooked: true,
  },
  { name: 'remove a file', operations: (project, random) => [{ op: 'remove', path: anyFile(project, random) }], overlooked: true },
  {
    name: 'replace a file by a link to it',
    operations: (project, random) =>
      [anyFile(project, random)].flatMap((path) => [
        { op: 'move', path, to: `${path}.moved` },
        { op: 'write', path, text: '' },
        { op: 'link', path, target: `${posix.basename(path)}.moved` },
      ]),
    overlooked: true,
  },
  {
    name: 'replace a folder of sources by a link to it',
    operations: (project, random) =>
      onePath(project, random, /\/src\/(main|lib)\.rs$/, (path) => {
        const folder = posix.dirname(path);
        return [
          { op: 'move', path: folder, to: `${folder}-moved` },
          { op: 'write', path: folder, text: '' },
          { op: 'link', path: folder, target: 'src-moved' },
        ];
      }),
    overlooked: true,
  },
  {
    name: 'chmod',
    operations: (project, random) => [{ op: 'mode', path: anyFile(project, random), mode: random.pick([0o600, 0o755, 0o444]) }],
    overlooked: true,
  },
  {
    name: 'second checkout',
    operations: () => [{ op: 'copy' }],
    idle: (_project, { parts }) => parts.some(({ feature }) => feature === 'shared-state'),
  },
  { name: 'release', operations: () => [{ op: 'flags', flags: ['--release'] }] },
  { name: 'one program', operations: () => [{ op: 'flags', flags: ['--bin', 'app'] }] },
  { name: 'one package', operations: () => [{ op: 'flags', flags: ['--package', 'app'] }] },
  { name: 'dev', operations: () => [{ op: 'flags', flags: [] }] },
  {
    name: 'a new member',
    operations: (_project, _random, plan) => {
      const { extra } = shapeOf(plan.shape);
      if (extra === undefined) return [];
      return [
        { op: 'write', path: posix.join(extra, 'Cargo.toml'), text: '[package]\nname = "extra"\nversion = "0.1.0"\nedition = "2021"\n' },
        { op: 'write', path: posix.join(extra, 'src/main.rs'), text: 'fn main() { println!("extra"); }\n' },
      ];
    },
  },
  { name: 'a workspace above', operations: () => [{ op: 'write', path: 'Cargo.toml', text: '[workspace]\nmembers = []\n' }] },
  {
    name: 'a configuration above',
    operations: (_project, _random, { config }) =>
      config === '.'
        ? []
        : [{ op: 'write', path: '.cargo/config.toml', text: '[profile.dev]\noverflow-checks = false\ndebug-assertions = false\n' }],
  },
  {
    name: 'remove Cargo.lock',
    operations: (_project, _random, plan) =>
      shapeOf(plan.shape).workspaces.map(({ folder }) => ({ op: 'remove', path: posix.join(folder, 'Cargo.lock') })),
    idle: unlessSilent,
  },
  {
    name: 'another edition',
    operations: (project, random) =>
      onePath(project, random, /Cargo\.toml$/, (path) => [{ op: 'swap', path, from: 'edition = "2021"', to: 'edition = "2024"' }]),
  },
  {
    name: 'another package name',
    operations: (_project, _random, { shape }) => [
      { op: 'swap', path: posix.join(shapeOf(shape).folders.app, 'Cargo.toml'), from: 'name = "app"', to: 'name = "app-2"' },
    ],
  },
  {
    name: 'move the package util',
    operations: ({ files }, _random, plan) => {
      const { app, util } = shapeOf(plan.shape).folders;
      const path = posix.join(app, 'Cargo.toml');
      if (!files.has(posix.join(util, 'Cargo.toml')) || !shapeOf(plan.shape).workspaces.some(({ members }) => members !== 'paths'))
        return [];
      const from = posix.relative(app, util);
      return [
        { op: 'move', path: util, to: `${util}-moved` },
        { op: 'swap', path, from: `path = "${from}"`, to: `path = "${from}-moved"` },
      ];
    },
  },
  {
    name: 'the repository disappears',
    operations: (_project, _random, { git }) =>
      git === undefined ? [] : [{ op: 'move', path: posix.join(git, '.git'), to: posix.join(git, 'git-off') }],
    overlooked: true,
  },
  { name: 'an unread variable', operations: () => [{ op: 'variable', name: 'NOBODY_READS', value: 'it' }] },
];

/** Returns the edit as a step for this project, or undefined if it does not fit. */
export function generalStep(project: Project, plan: Plan, random: Random): Step | undefined {
  const { name, operations, overlooked, idle } = random.pick(generalEdits);
  const chosen = operations(project, random, plan);
  if (chosen.length === 0 && name !== 'nothing') return undefined;
  const subject = chosen.length > 0 && chosen[0] && 'path' in chosen[0] ? ` ${chosen[0].path}` : '';
  return {
    name: `${name}${subject}`,
    operations: chosen,
    reference: overlooked ? 'fresh' : 'incremental',
    idle: (idle?.(project, plan) ?? false) && !project.always,
  };
}

function anyFile({ files }: Project, random: Random): string {
  return random.pick([...files.keys()]);
}

function onePath(
  { files }: Project,
  random: Random,
  pattern: RegExp,
  operations: (path: string) => readonly Operation[],
): readonly Operation[] {
  const paths = [...files.keys()].filter((path) => pattern.test(path));
  return paths.length === 0 ? [] : operations(random.pick(paths));
}
