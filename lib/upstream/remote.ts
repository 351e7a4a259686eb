// Asks a repository which revision a branch or a tag has now (git-ls-remote(1)). Downloads no objects.
import { cannot, nearest } from '../core/errors.ts';
import type { Context } from '../core/events.ts';
import { checkUrl, git, gitFailure, mayPass } from './git.ts';
import type { DownloadHost } from './git.ts';
import { retried } from './retry.ts';
import { refWords } from './source.ts';
import type { GitSource } from './source.ts';

/** 40 hexadecimal digits. */
export const revisionShape = /^[0-9a-f]{40}$/;

/** Returns the revision. Throws a Failure that names the nearest branch or tag for one that does not exist. */
export async function resolveRevision(name: string, source: GitSource, host: DownloadHost, context: Context): Promise<string> {
  const what = `resolve the ${refWords(source)} of ${name}, ${source.git}`;
  checkUrl(what, source.git);
  if (source.rev !== undefined) {
    if (revisionShape.test(source.rev)) return source.rev;
    throw cannot(what, `"${source.rev}" is not a full revision of 40 hexadecimal digits`);
  }
  const references = await retried(name, () => remoteReferences(what, source.git, host, context.signal), { mayPass }, context);
  for (const reference of referencesOf(source)) {
    const revision = references.get(reference);
    if (revision !== undefined) return revision;
  }
  const prefix = source.tag === undefined ? 'refs/heads/' : 'refs/tags/';
  const names = [...references.keys()].flatMap((one) => (one.startsWith(prefix) ? [one.slice(prefix.length)] : []));
  const near = nearest(source.tag ?? source.branch ?? '', names);
  throw cannot(what, 'the repository does not have it', { hint: near === undefined ? undefined : `did you mean ${near}?` });
}

/** Returns the names of a source on the server, the best first. The suffix ^{} is the commit of an annotated tag. */
function referencesOf({ branch, tag }: GitSource): readonly string[] {
  if (tag !== undefined) return [`refs/tags/${tag}^{}`, `refs/tags/${tag}`];
  return [branch === undefined ? 'HEAD' : `refs/heads/${branch}`];
}

async function remoteReferences(what: string, url: string, host: DownloadHost, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const { exitCode, stdout, stderr } = await git(['ls-remote', '--', url], { cwd: '/', host, signal });
  if (exitCode !== 0) throw gitFailure(what, stderr);
  return new Map(
    stdout.split('\n').flatMap((line): [string, string][] => {
      const [revision, reference] = line.split('\t');
      return revision !== undefined && reference !== undefined && revisionShape.test(revision) ? [[reference, revision]] : [];
    }),
  );
}
