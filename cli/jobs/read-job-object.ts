// An object of the cluster as a job. A field that cannot be read, because another version wrote it
// or because the CRD schema cannot express every rule of ours, is left out and reported in a
// sentence. One such object must not hide the others, and the commands that stop or delete it must
// still reach it.
import * as z from 'zod';
import { fineTuneJobSpec } from '../../crds/api/job.ts';
import { status } from '../../crds/api/status.ts';
import { pathInWords } from '../../crds/manifest/problem.ts';
import { sentenceOf } from '../../crds/manifest/sentences.ts';
import { splitKnown } from '../../crds/manifest/unknown-keys.ts';
import { nodeAt } from '../../crds/tree/schema-tree.ts';
import { valueAt } from '../../crds/tree/value-at.ts';
import type { Job, Unread } from './job.ts';

/** The API server has validated it; a dot in a name is not refused here. */
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

/** Unknown fields of a newer version are dropped silently, as the API server does. */
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

/**
 * A removed value can expose a violation of a rule between other fields; each round removes more.
 */
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
    // From the last to the first, so that indices of a list stay valid.
    value = issues.reduceRight((kept, { path }) => without(kept, path, blank()), value);
  }
  return { value: schema.parse(blank()), unread };
}

/** A removed value that is then reported as missing is not a second problem. */
function isWithin(path: Path, other: Path): boolean {
  return path.every((key, index) => other[index] === key);
}

/**
 * Removes the value at the path; where that is missing, its parent; a required member is replaced
 * by the blank one.
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

/** Replaces required members that cannot be read; its values are never shown. */
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
