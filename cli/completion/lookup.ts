// Names for completion. Job names come from the cluster, which takes a second, so they are cached
// for five seconds: a shell must not wait long for a tab.
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { now } from '../process/clock.ts';
import type { CliConfig } from '../process/config.ts';
import type { Lookup, Suggestion } from './suggest.ts';

const freshMs = 5_000;
const longestMs = 2_000;

export function lookupIn(config: CliConfig): Lookup {
  return async (what) => {
    switch (what) {
      case 'job':
        return jobs(config);
      case 'metric': {
        const { metricNames } = await import('../metrics/history.ts');
        return metricNames.map((value) => ({ value }));
      }
      case 'field': {
        const { fieldDocs } = await import('../../crds/explain/explain.ts');
        return [...fieldDocs().values()]
          .filter(({ path, fields }) => path.startsWith('spec.') && fields.length === 0)
          .map(({ path, description }) => ({
            value: path.slice('spec.'.length),
            about: description,
          }));
      }
      case 'explain': {
        const { explain } = await import('../commands/explain/run.ts');
        const { methods = [], failures = [], fields = [] } = explain(undefined).names ?? {};
        return [...methods, ...fields, ...failures].map((value) => ({ value }));
      }
    }
  };
}

async function jobs(config: CliConfig): Promise<readonly Suggestion[]> {
  const file = join(config.cache, 'completion', 'jobs.json');
  const known = await stat(file).catch(() => undefined);
  if (known !== undefined && now().getTime() - known.mtimeMs < freshMs) {
    return JSON.parse(await readFile(file, 'utf8')) as Suggestion[]; // written below
  }
  const { openSource } = await import('../jobs/open-source.ts');
  const { phaseOf } = await import('../jobs/job.ts');
  try {
    await using source = await openSource({}, config);
    const found = await source.list(AbortSignal.timeout(longestMs));
    const list = found.map((job) => ({ value: job.name, about: phaseOf(job) }));
    await mkdir(join(config.cache, 'completion'), { recursive: true });
    await writeFile(`${file}.${process.pid}`, JSON.stringify(list));
    await rename(`${file}.${process.pid}`, file);
    return list;
  } catch {
    return []; // completion must not print errors
  }
}
