// `anneal submit`: turns job files into objects of the cluster. All problems are reported at once,
// each at its position in the file: first those of the schema, then those of the server, which
// alone knows policies and quotas.
import { isMap, parseAllDocuments } from 'yaml';
import {
  formatProblems,
  incompatibilities,
  type ParsedJob,
  type Problem,
  parseManifest,
  UserError,
} from '../../../crds/index.ts';
import { invalidManifest } from '../../../crds/manifest/manifest.ts';
import { KubeError } from '../../client/kube-error.ts';
import { keysOf, typedValue } from '../../estimate/what-if.ts';
import { type ClusterSource, jobPath } from '../../jobs/cluster-source.ts';
import type { Job } from '../../jobs/job.ts';
import { readJobObject } from '../../jobs/read-job-object.ts';
import type { Assignment } from '../../process/flags.ts';

export interface SubmitOptions {
  readonly set: readonly Assignment[];
  readonly name: string | undefined;
  readonly generateName: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly dryRun: 'none' | 'client' | 'server';
  readonly forceConflicts: boolean;
}

export interface Submitted {
  readonly job: Job;
  readonly change: 'created' | 'changed' | 'unchanged' | 'valid';
}

const manager = 'anneal-cli';

/** As written, with the overrides of the command line. */
export interface WrittenJob {
  readonly object: Readonly<Record<string, unknown>>;
  readonly parsed: ParsedJob;
}

export function readJobs(
  text: string,
  file: string,
  options: SubmitOptions,
): readonly WrittenJob[] {
  const documents = parseAllDocuments(text);
  const changed = 'empty' in documents ? [] : documents.filter(({ contents }) => contents !== null);
  for (const document of changed) {
    if (!isMap(document.contents)) continue; // reported below, in a better sentence
    for (const { path, value } of options.set) {
      document.setIn(keysOf(path), typedValue(path, value));
    }
    if (options.name !== undefined) document.setIn(['metadata', 'name'], options.name);
    if (options.generateName !== undefined) {
      document.setIn(['metadata', 'generateName'], options.generateName);
      document.deleteIn(['metadata', 'name']);
    }
    for (const [key, value] of Object.entries(options.labels)) {
      document.setIn(['metadata', 'labels', key], value);
    }
  }
  // Without overrides the text is unchanged, so that lines and columns match the file.
  const isChanged =
    options.set.length > 0 || options.name !== undefined || options.generateName !== undefined;
  const whole = isChanged ? changed.map(String).join('---\n') : text;
  const manifest = parseManifest(whole, file);
  if (!manifest.ok) throw invalidManifest(manifest.problems);
  const problems = manifest.jobs.flatMap((parsed) => [
    ...incompatibilities(parsed.job.spec, 'cluster').map(({ path, ...found }) =>
      parsed.problemAt(path, found),
    ),
    ...nameless(parsed),
  ]);
  if (problems.length > 0) throw invalidManifest(problems);
  return manifest.jobs.map((parsed, index) => ({
    parsed,
    object: changed[index]?.toJS() as Record<string, unknown>,
  }));
}

function nameless(parsed: ParsedJob): readonly Problem[] {
  const { name, generateName } = parsed.job.metadata;
  if (name !== undefined || generateName !== undefined) return [];
  const message = 'metadata.name is absent; a job of a cluster needs a name';
  const hint = 'write one, or use --name or --generate-name';
  return [parsed.problemAt(['metadata'], { code: 'E_INVALID_SPEC', message, hint })];
}

/** A client dry run: no request. */
export function tryJob({ object }: WrittenJob, home: string): Submitted {
  return { job: readJobObject(inNamespace(home, object)), change: 'valid' };
}

/** In the namespace that the file names, or else that of the command. */
function inNamespace(home: string, object: WrittenJob['object']) {
  const metadata = object['metadata'] as Record<string, unknown>;
  return { ...object, metadata: { ...metadata, namespace: String(metadata['namespace'] ?? home) } };
}

export async function submitJob(
  source: ClusterSource,
  { object, parsed }: WrittenJob,
  options: SubmitOptions,
  signal: AbortSignal,
): Promise<Submitted> {
  const body = inNamespace(source.home, object);
  const { namespace, ...metadata }: Record<string, unknown> & { namespace: string } = body.metadata;
  const name = typeof metadata['name'] === 'string' ? metadata['name'] : undefined;
  const query = {
    fieldManager: manager,
    fieldValidation: 'Strict',
    dryRun: options.dryRun === 'server' ? 'All' : undefined,
  };
  try {
    if (name === undefined) {
      const path = jobPath(namespace);
      const made = await source.kube.send({ verb: 'POST', path, query, body }, signal);
      return { job: readJobObject(made as object), change: dryChange(options, 'created') };
    }
    const before = await versionOf(source, namespace, name, signal);
    const applied = await source.kube.send(
      {
        verb: 'PATCH',
        path: jobPath(namespace, name),
        query: { ...query, force: options.forceConflicts },
        body,
        contentType: 'application/apply-patch+yaml',
      },
      signal,
    );
    const job = readJobObject(applied as object);
    const after = generationOf(applied);
    const change = before === undefined ? 'created' : before === after ? 'unchanged' : 'changed';
    return { job, change: dryChange(options, change) };
  } catch (error) {
    throw inWords(error, parsed, name ?? 'the job');
  }
}

function dryChange({ dryRun }: SubmitOptions, change: Submitted['change']): Submitted['change'] {
  return dryRun === 'server' ? 'valid' : change;
}

function generationOf(object: unknown): number | undefined {
  return (object as { metadata?: { generation?: number } }).metadata?.generation;
}

async function versionOf(
  source: ClusterSource,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<number | undefined> {
  try {
    return generationOf(
      await source.kube.send({ verb: 'GET', path: jobPath(namespace, name) }, signal),
    );
  } catch (error) {
    if (error instanceof KubeError && error.status === 404) return undefined;
    throw error;
  }
}

/** An error of the server, at its position in the file where it names a field. */
function inWords(error: unknown, parsed: ParsedJob, name: string): unknown {
  if (!(error instanceof KubeError)) return error;
  if (error.status === 404) {
    return new UserError({
      code: 'E_NOT_FOUND',
      message: /namespaces? "/.test(error.message)
        ? error.message
        : 'the cluster knows no FineTuneJob: its resource definition is not installed',
      hint: 'helm install anneal charts/anneal installs operator and resource definition',
      cause: error,
    });
  }
  if (error.status === 409) {
    return new UserError({
      code: 'E_CONFLICT',
      message: `${name}: ${error.message}`,
      hint: 'choose another --name, or overwrite the fields with --force-conflicts',
      cause: error,
    });
  }
  if (error.causes.length === 0) return error;
  const problems = error.causes.map(({ field, message }) =>
    parsed.problemAt(keysOf(field, ''), {
      code: 'E_INVALID_SPEC',
      message: `${field}: ${message.replace(/^Invalid value: (?:"(?:object|array)": )?/, '')}`,
    }),
  );
  return new UserError({
    code: 'E_INVALID_SPEC',
    message: formatProblems(problems),
    path: problems[0]?.path,
    cause: error,
  });
}
