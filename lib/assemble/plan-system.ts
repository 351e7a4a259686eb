// The plan of a build: the page as its profile and base need it, the source of each component, the paths of what is made. Nothing is compiled or written
// for it, so that a dry run shows the very plan that a build carries out.
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
  /** The page as the profile and the base of the request need it. */
  readonly system: System;
  /** Present for the base nix, if the plan is to be carried out. */
  readonly nix: NixHost | undefined;
  /** What was fetched of a distribution, where the page has such sources. */
  readonly fetched: FetchedSources | undefined;
  /** What was fetched of upstream's repositories, by component. */
  readonly origins: ReadonlyMap<string, FetchedOrigin> | undefined;
  /** The Cargo project of each component. */
  readonly projects: ReadonlyMap<string, ComponentProject>;
  /** Holds the outputs of components. */
  readonly folder: string;
  readonly imagePath: string;
  readonly manifestPath: string;
}

/**
 * Plans a build. With a context the plan is to be carried out, and the host is asked for what that takes; without one it is only shown. A component without
 * a source, and a host without Nix for a base that needs it, are Failures.
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
