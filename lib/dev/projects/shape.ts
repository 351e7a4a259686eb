// The folders of a project's packages, and the workspaces that they belong to. Folders are relative to the
// top of a checkout.
import type { Role } from './feature.ts';

export interface Workspace {
  /** The folder of its manifest, which may be that of a package. */
  readonly folder: string;
  readonly roles: readonly Role[];
  /** How its packages become members: listed by paths, by a glob, or as path dependencies below the folder. */
  readonly members: 'paths' | 'dependencies' | { readonly glob: string };
}

export interface Shape {
  readonly name: string;
  /** The folder in which the build is started. */
  readonly build: string;
  readonly folders: Readonly<Record<Role, string>>;
  readonly workspaces: readonly Workspace[];
  /** A member that an edit adds: its folder, and the text of `members` with it if a glob does not find it. */
  readonly extra?: string;
}

const crates = { app: 'project/crates/app', util: 'project/crates/util', base: 'project/crates/base', macros: 'project/crates/macros' };
const all: readonly Role[] = ['app', 'util', 'base', 'macros'];

export const shapes: readonly Shape[] = [
  {
    name: 'nested',
    build: 'project',
    folders: { app: 'project', util: 'project/util', base: 'project/util/base', macros: 'project/macros' },
    workspaces: [{ folder: 'project', roles: all, members: 'dependencies' }],
  },
  {
    name: 'virtual',
    build: 'project',
    folders: crates,
    workspaces: [{ folder: 'project', roles: all, members: { glob: 'crates/*' } }],
    extra: 'project/crates/extra',
  },
  {
    name: 'member',
    build: 'project/crates/app',
    folders: crates,
    workspaces: [{ folder: 'project', roles: all, members: { glob: 'crates/*' } }],
  },
  {
    name: 'rooted',
    build: 'project',
    folders: { ...crates, app: 'project' },
    workspaces: [{ folder: 'project', roles: all, members: 'paths' }],
  },
  {
    name: 'root-elsewhere',
    build: 'project/app',
    folders: { app: 'project/app', util: 'project/util', base: 'project/base', macros: 'project/macros' },
    workspaces: [{ folder: 'project/ws', roles: all, members: 'paths' }],
  },
  {
    name: 'partly-outside',
    build: 'project/rust',
    folders: { app: 'project/rust/app', util: 'project/rust/util', base: 'project/shared/base', macros: 'project/rust/macros' },
    workspaces: [
      { folder: 'project/rust', roles: ['app', 'util', 'macros'], members: 'paths' },
      { folder: 'project/shared/base', roles: ['base'], members: 'dependencies' },
    ],
  },
  {
    name: 'outside',
    build: 'project/app',
    folders: { app: 'project/app', util: 'other/util', base: 'other/base', macros: 'other/macros' },
    workspaces: [
      { folder: 'project/app', roles: ['app'], members: 'dependencies' },
      { folder: 'other', roles: ['util', 'base', 'macros'], members: 'paths' },
    ],
  },
];

export function shapeOf(name: string): Shape {
  const shape = shapes.find((one) => one.name === name);
  if (!shape) throw new RangeError(`no shape "${name}"`);
  return shape;
}
