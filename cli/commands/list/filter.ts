// Filter and order of `anneal list`.
import { type Phase, phases, UserError } from '../../../crds/index.ts';
import { type Job, methodOf, phaseOf } from '../../jobs/job.ts';

export interface ListFilter {
  readonly phase: readonly string[] | undefined;
  readonly method: string | undefined;
  /** `key=value`, several separated by commas. */
  readonly selector: string | undefined;
  readonly sort: SortField;
}

/** Whether it chooses by what jobs alone have, or wants them as they are stored. */
export function isOfJobs({ phase, method, selector }: ListFilter, format: string): boolean {
  return (
    [phase, method, selector].some((one) => one !== undefined) || ['yaml', 'name'].includes(format)
  );
}

const sortFields = ['age', 'name', 'phase', 'step', 'loss', 'restarts'] as const;

type SortField = (typeof sortFields)[number];

export function listJobs(jobs: readonly Job[], filter: ListFilter): readonly Job[] {
  const asked = filter.phase?.map(phaseNamed);
  const labels = selectorOf(filter.selector);
  return jobs
    .filter((job) => asked === undefined || asked.includes(phaseOf(job)))
    .filter((job) => filter.method === undefined || isMethod(job, filter.method))
    .filter((job) => labels.every(([key, value]) => job.labels[key] === value))
    .toSorted(comparers[filter.sort]);
}

function phaseNamed(word: string): Phase {
  const found = phases.find((phase) => phase.toLowerCase() === word.toLowerCase());
  if (found !== undefined) return found;
  const known = `${phases.slice(0, -1).join(', ')} or ${phases.at(-1)}`;
  throw new UserError({ code: 'E_USAGE', message: `--phase is ${word}; it must be ${known}` });
}

function isMethod(job: Job, word: string): boolean {
  const { name } = methodOf(job);
  const wanted = word.toLowerCase();
  return name === wanted || job.spec.method.preset?.toLowerCase() === wanted;
}

function selectorOf(text: string | undefined): readonly (readonly [string, string])[] {
  if (text === undefined) return [];
  return text.split(',').map((part) => {
    const [, key, value] = /^([^=!]+?)==?(.*)$/.exec(part.trim()) ?? [];
    if (key === undefined || value === undefined) {
      const message = `--selector is ${JSON.stringify(text)}; it must be key=value, several separated by commas`;
      throw new UserError({ code: 'E_USAGE', message });
    }
    return [key, value] as const;
  });
}

type Compare = (a: Job, b: Job) => number;

const byAge: Compare = (a, b) => b.createdAt.localeCompare(a.createdAt);

const byNumber =
  (numberIn: (job: Job) => number): Compare =>
  (a, b) =>
    numberIn(a) - numberIn(b) || byAge(a, b);

const comparers: Readonly<Record<SortField, Compare>> = {
  age: byAge,
  name: (a, b) => a.namespace.localeCompare(b.namespace) || a.name.localeCompare(b.name),
  phase: byNumber((job) => phases.indexOf(phaseOf(job))),
  step: byNumber(({ status }) => -(status.progress?.step ?? -1)),
  loss: byNumber(({ status }) => Number(status.progress?.trainLoss ?? Number.POSITIVE_INFINITY)),
  restarts: byNumber(({ status }) => -(status.restarts?.counted ?? 0)),
};
