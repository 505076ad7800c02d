// An object of the cluster as a job. What cannot be read of it, because another version wrote it or
// because the schema of the API server cannot say every rule of ours, is left out and told in a
// sentence: one such object must not hide the others, and must not escape the commands that stop or
// remove it.

import * as z from 'zod';
import { fineTuneJobSpec } from '../../crds/api/job.ts';
import { status } from '../../crds/api/status.ts';
import { pathInWords } from '../../crds/manifest/problem.ts';
import { sentenceOf } from '../../crds/manifest/sentences.ts';
import { splitKnown } from '../../crds/manifest/unknown-keys.ts';
import { nodeAt } from '../../crds/tree/schema-tree.ts';
import { valueAt } from '../../crds/tree/value-at.ts';
import type { Job, Unread } from './job.ts';

/** The API server has judged it; a dot in a name is not ours to refuse here. */
const metadata = z.looseObject({
  namespace: z.string().default(''),
  name: z.string().default(''),
  uid: z.string().default(''),
  creationTimestamp: z.string().default(''),
  deletionTimestamp: z.string().optional(),
  labels: z.record(z.string(), z.string()).default({}),
});
const stored = z.looseObject({ metadata: metadata.catch(metadata.parse({})) });

type Path = readonly PropertyKey[];

interface Part<T> {
  readonly value: T;
  readonly unread: readonly { readonly path: Path; readonly message: string }[];
}

/** Fields of a newer version are left out without a word, as the API server does with them. */
export function readJobObject(object: object): Job {
  const { metadata: meta } = stored.parse(object);
  const spec = readPart('spec', fineTuneJobSpec, Reflect.get(object, 'spec'), blankSpec);
  const now = readPart('status', status, Reflect.get(object, 'status') ?? {}, () => ({}));
  const unread = unreadOf([...spec.unread, ...now.unread]);
  return {
    ...{ namespace: meta.namespace, name: meta.name, uid: meta.uid },
    ...{ createdAt: meta.creationTimestamp, deleting: meta.deletionTimestamp !== undefined },
    ...{ labels: meta.labels, spec: spec.value, status: now.value, object },
    ...(unread === undefined ? {} : { unread }),
  };
}

function unreadOf(found: Part<unknown>['unread']): Unread | undefined {
  const [first] = found;
  if (first === undefined) return undefined;
  const more = found.length === 1 ? '' : `, and ${found.length - 1} more of its fields`;
  const paths = found.map(({ path }) => pathInWords(path));
  return { message: `${first.message}${more}`, paths };
}

/** Values that were removed can uncover rules between the others; each round removes more. */
const mostRounds = 8;

function readPart<S extends z.ZodType>(
  name: 'spec' | 'status',
  schema: S,
  written: unknown,
  blank: () => z.input<S>,
): Part<z.output<S>> {
  const unread: { path: Path; message: string }[] = [];
  let value = splitKnown(written, nodeAt([name]) ?? {}).value;
  for (let round = 0; round < mostRounds; round++) {
    const parsed = schema.safeParse(value);
    if (parsed.success) return { value: parsed.data, unread };
    const { issues } = parsed.error;
    for (const issue of issues) {
      const path = [name, ...issue.path];
      if (round > 0 && unread.some((known) => isWithin(path, known.path))) continue;
      const observed = { value: valueAt(value, issue.path), source: undefined };
      unread.push({ path, message: sentenceOf({ ...issue, path }, observed).message });
    }
    // From the last: of a list the indices of those before stay what they are.
    value = issues.reduceRight((kept, { path }) => without(kept, path, blank()), value);
  }
  return { value: schema.parse(blank()), unread };
}

/** A removed value that is then missing is no second problem. */
function isWithin(path: Path, other: Path): boolean {
  return path.every((key, index) => other[index] === key);
}

/**
 * Without the value at the path; where that is missing, without what it is missing from; of a
 * member that is needed, the blank one.
 */
function without(value: unknown, path: Path, blank: unknown): unknown {
  const [key] = path;
  if (key === undefined || typeof value !== 'object' || value === null) return blank;
  let at: Path = path;
  while (at.length > 1 && valueAt(value, at) === undefined) at = at.slice(0, -1);
  const isGone = at.length === 1 && valueAt(value, at) === undefined;
  if (isGone) {
    const instead: unknown = Reflect.get(blank as object, key);
    return instead === undefined ? blank : { ...value, [key]: instead };
  }
  return removed(value, at);
}

function removed(value: unknown, path: Path): unknown {
  const [key, ...rest] = path;
  if (typeof value !== 'object' || value === null || key === undefined) return value;
  if (Array.isArray(value)) {
    const index = Number(key);
    if (rest.length === 0) return value.filter((_, each) => each !== index);
    return value.map((item, each) => (each === index ? removed(item, rest) : item));
  }
  const entries = Object.entries(value).flatMap(([name, child]): [string, unknown][] => {
    if (name !== key) return [[name, child]];
    return rest.length === 0 ? [] : [[name, removed(child, rest)]];
  });
  return Object.fromEntries(entries);
}

/**
 * Stands for members that every job has, where those of an object are not to be read; nobody is
 * shown its values.
 */
function blankSpec(): z.input<typeof fineTuneJobSpec> {
  const location = { local: { path: '/unread' } };
  return {
    model: { source: location },
    dataset: { train: location, sequenceLength: 1024 },
    method: { preset: 'LoRA' },
    training: { epochs: '1', globalBatchSize: 1, learningRate: '1e-4' },
    output: { destination: location },
  };
}
