// The plan of a build: the page as adapted to its profile and platform, the source of each component, and the
// paths of outputs. Planning compiles and writes nothing, so a dry run shows exactly the plan that a build
// carries out.
import { join } from 'node:path';
import type { Context } from '../core/events.ts';
import { nixHost } from '../rootfs/nix/nix-host.ts';
import type { NixHost } from '../rootfs/nix/nix-host.ts';
import { fetchedSources, withNeededSources } from '../sources/fetched-sources.ts';
import type { FetchedSources } from '../sources/fetched-sources.ts';
import { originsFor } from '../sources/fetched-origins.ts';
import type { FetchedOrigin } from '../sources/fetched-origins.ts';
import { onNix } from '../system/nix-profile.ts';
import { imageFileName } from '../system/find-page.ts';
import { imageOf } from '../system/system.ts';
import type { System } from '../system/system.ts';
import type { PlanRequest } from './build-request.ts';
import { projectsOf } from './component-projects.ts';
import type { ComponentProject } from './component-projects.ts';

export interface SystemPlan {
  readonly request: PlanRequest;
  /** The page as adapted to the profile and the platform of the request. */
  readonly system: System;
  /** Present if Nix builds the root file system and the plan is to be carried out. */
  readonly nix: NixHost | undefined;
  /** Fetched sources of a distribution, if the page has such sources. */
  readonly fetched: FetchedSources | undefined;
  /** Fetched sources of upstream's repositories, by component. */
  readonly origins: ReadonlyMap<string, FetchedOrigin> | undefined;
  /** The Cargo project of each component. */
  readonly projects: ReadonlyMap<string, ComponentProject>;
  /** The folder for outputs of components. */
  readonly folder: string;
  readonly imagePath: string;
  readonly manifestPath: string;
}

/**
 * Plans a build. With a context, the plan is meant to be carried out, and the host is checked for the needed
 * tools. Without a context it is only shown. A component without a source is a Failure, and so is a host
 * without Nix if Nix is needed.
 */
export async function planSystem(request: PlanRequest, context?: Context): Promise<SystemPlan> {
  const { profile, outDir, root, base, cacheDir, hostEnv } = request;
  const system = base ? onNix(request.system, profile) : withNeededSources(request.system, profile);
  const nix = base && context && (await nixHost(request.system.name, hostEnv, context));
  const at = { root, cacheDir, env: hostEnv };
  const fetched = await fetchedSources(system, at);
  const origins = await originsFor({ ...request, system }, at);
  const stem = `${system.name}-${profile}${base ? `-${base}` : ''}${request.live ? '-live' : ''}`;
  return {
    request,
    system,
    nix,
    fetched,
    origins,
    projects: projectsOf({ ...request, system, fetched: fetched?.folder, origins }),
    folder: join(outDir, stem),
    imagePath: join(outDir, imageFileName(stem, base ? undefined : imageOf(system, profile))),
    manifestPath: join(outDir, `${stem}.json`),
  };
}
