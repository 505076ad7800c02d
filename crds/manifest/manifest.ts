// Parses a job file: YAML text to FineTuneJobs, or a list of all problems, each with line and
// column. Nothing is guessed or ignored: a job with a mistyped key never runs.
import { type FineTuneJob, fineTuneJob } from '../api/job.ts';
import { UserError } from '../failures/errors.ts';
import { apiVersion, group, kind } from '../names/group.ts';
import { editDistance } from '../text/nearest-name.ts';
import { jobSchema } from '../tree/schema-tree.ts';
import { type ProblemAt, problemsIn, readDocument } from './document.ts';
import { byPosition, formatProblems, type Problem, valueInWords } from './problem.ts';
import { maxBytes, readYaml, type YamlDocument } from './yaml-text.ts';

export { formatProblems, type Problem } from './problem.ts';

export interface ParsedJob {
  readonly job: FineTuneJob;
  readonly file: string;
  /** For what a later check finds. */
  readonly problemAt: ProblemAt;
}

export type Manifest =
  | { readonly ok: true; readonly jobs: readonly ParsedJob[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** All jobs of a file, which may have several documents. */
export function parseManifest(text: string, file: string): Manifest {
  const whole = (message: string, hint?: string): Manifest => ({
    ok: false,
    problems: [{ code: 'E_INVALID_SPEC', file, path: '', message: `${file} ${message}`, hint }],
  });
  const bytes = Buffer.byteLength(text);
  if (bytes > maxBytes) return whole(`has ${bytes} bytes; a job file has at most ${maxBytes}`);
  const documents = readYaml(text);
  if (documents === undefined) return whole('has more parts than a job file can have');
  const results = documents
    .filter(({ value, problems }) => value !== undefined || problems.length > 0)
    .map((document) => parseDocument(document, file));
  if (results.length === 0)
    return whole('has no job', `a job begins with apiVersion: ${apiVersion}`);
  const problems = results.flatMap((result) => (Array.isArray(result) ? result : []));
  if (problems.length > 0) return { ok: false, problems: problems.toSorted(byPosition) };
  return {
    ok: true,
    jobs: results.filter((result): result is ParsedJob => !Array.isArray(result)),
  };
}

/** The only job of a file; throws one UserError with all problems. */
export function parseJob(text: string, file: string): ParsedJob {
  const manifest = parseManifest(text, file);
  if (!manifest.ok) throw invalidManifest(manifest.problems);
  const [first, second] = manifest.jobs;
  if (first === undefined || second !== undefined) {
    throw new UserError({
      code: 'E_INVALID_SPEC',
      message: `${file} has ${manifest.jobs.length} jobs; exactly one can be run at a time`,
      hint: 'split the file, or submit it to a cluster',
    });
  }
  return first;
}

export function invalidManifest(problems: readonly Problem[]): UserError {
  const [first] = problems;
  return new UserError({
    code: first?.code ?? 'E_INVALID_SPEC',
    message: formatProblems(problems),
    path: first?.path,
  });
}

function parseDocument(document: YamlDocument, file: string): ParsedJob | readonly Problem[] {
  const problemAt = problemsIn(document, file);
  const foreign = document.problems.length === 0 ? notAJob(document.value) : undefined;
  if (foreign !== undefined) {
    const { path, message, hint } = foreign;
    return [problemAt(path, { code: 'E_INVALID_SPEC', message, hint })];
  }
  const { value, problems } = readDocument(document, file, fineTuneJob, jobSchema());
  return value === undefined || problems.length > 0 ? problems : { job: value, file, problemAt };
}

interface Foreign {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly hint?: string;
}

/** A document of another kind gets one sentence; a misspelt job is validated completely. */
function notAJob(value: unknown): Foreign | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { path: [], message: `the document is ${valueInWords(value)}; it must be a ${kind}` };
  }
  const given: unknown = Reflect.get(value, 'kind');
  const from: unknown = Reflect.get(value, 'apiVersion');
  if (given === undefined || given === kind) return undefined;
  const meant =
    editDistance(String(given), kind) <= 3 || (typeof from === 'string' && from.startsWith(group));
  if (meant) return undefined;
  return {
    path: ['kind'],
    message: `kind is ${valueInWords(given)}; it must be ${kind}`,
    hint: 'other objects are applied with kubectl',
  };
}
