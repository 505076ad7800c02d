// The errors that people meet most, as the command prints them: what is wrong, with its value; the
// rule; what to do. Golden: a change of a sentence is read before it is accepted.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { stringify } from 'yaml';
import { aWrittenJob, type Changes, changed } from '../builders/job.ts';
import { messagesOfARun } from '../builders/run-messages.ts';
import { storedRun } from '../builders/stored-run.ts';
import type { Answer, Asked } from '../doubles/kube/server.ts';
import { aCluster, type Told } from './cluster.ts';

type Cluster = Awaited<ReturnType<typeof aCluster>>;
type Case = (cluster: Cluster) => Promise<Told>;

const fileOf = (cluster: Cluster, changes: Changes, name = 'job.yaml') => {
  const job = aWrittenJob();
  return cluster.write(name, stringify({ ...job, spec: changed(job['spec'] as object, changes) }));
};

/** A command about a job file with these changes of its spec. */
const withFile =
  (words: string, changes: Changes): Case =>
  async (cluster) => {
    const [verb = '', ...flags] = words.split(' ');
    return cluster.anneal(verb, await fileOf(cluster, changes), ...flags);
  };

const withText =
  (text: string): Case =>
  async (cluster) =>
    cluster.anneal('submit', await cluster.write('job.yaml', text), '--dry-run', 'client');

/** A command before a server that answers like that. */
const answered =
  (words: string, answer: (asked: Asked) => Answer | undefined): Case =>
  async (cluster) => {
    cluster.put('halo', { status: { phase: 'Running' } });
    cluster.server.intercept = answer;
    return cluster.anneal(...words.split(' '));
  };

const refusing =
  (status: number, message: string, reason = 'Forbidden') =>
  (): Answer => ({
    status,
    body: { kind: 'Status', reason, message },
  });

const local =
  (words: string): Case =>
  async (cluster) => {
    await storedRun(cluster.folder, { number: 1 });
    const failed = { state: 'Failed' as const, code: 'E_DIVERGED' };
    const message = 'the loss was not finite in 6 steps in a row';
    const messages = messagesOfARun().slice(0, 15);
    await storedRun(cluster.folder, { job: 'fit', messages, outcome: { ...failed, message } });
    return cluster.anneal(...words.split(' '), '--local');
  };

const conflictText =
  'Apply failed with 1 conflict: conflict with "kubectl-edit" using anneal.dev/v1alpha1: .spec.training.epochs';
const conflict = {
  ...{ kind: 'Status', reason: 'Conflict', message: conflictText },
  details: {
    causes: [{ field: '.spec.training.epochs', message: 'conflict with "kubectl-edit"' }],
  },
};

const errors: Readonly<Record<string, Case>> = {
  'a mistyped command': (cluster) => cluster.anneal('sumbit', 'job.yaml'),
  'a mistyped flag': (cluster) => cluster.anneal('logs', 'halo', '--folow'),
  'an argument that is missing': (cluster) => cluster.anneal('describe'),
  'an argument too many': (cluster) => cluster.anneal('watch', 'a', 'b'),
  'a job file that is not there': (cluster) => cluster.anneal('submit', 'jobb.yaml'),
  'a mistyped field': withFile('submit --dry-run client', { 'training.learningRat': '1e-4' }),
  'a value outside of its range': withFile('submit --dry-run client', {
    ...{ 'dataset.sequenceLength': 4, 'training.learningRate': '-1' },
    'method.adapter': { type: 'LoRA', lora: { rank: 0 } },
  }),
  'a value of another type': withFile('submit --dry-run client', {
    'training.globalBatchSize': 'many',
  }),
  'two places where one is meant': withFile('submit --dry-run client', {
    'model.source.local': { path: './model' },
  }),
  'YAML that is none': withText('apiVersion: anneal.dev/v1alpha1\nspec:\n\tmodel: x\n'),
  'a file without a job': withText('# nothing yet\n'),
  'a job of another kind': withText('apiVersion: batch/v1\nkind: Job\nmetadata: { name: a }\n'),
  'what does not go together': withFile('run', {
    ...{ method: { preset: 'Full' }, 'output.formats': ['PEFTAdapter'] },
    'worker.devicesPerWorker': 0,
  }),
  'a word that is none of a list': withFile('submit --dry-run client', {
    'dataset.packing': 'pack',
  }),
  'a file that init would overwrite': async (cluster) => {
    await writeFile(join(cluster.folder, 'mine.yaml'), '');
    const file = join(cluster.folder, 'mine.yaml');
    return cluster.anneal('init', '--model', 'a/b', '--data', 'c/d', '--file', file);
  },
  'a job that is not there': local('describe firsst'),
  'a name that two jobs have': local('why fi'),
  'a run that failed': local('watch fit --display quiet'),
  'a context that is not there': (cluster) => cluster.anneal('list', '--context', 'staging'),
  'an API server that does not answer': answered('list', () => ({ type: 'Lost' })),
  'a cluster that knows no jobs': answered('list', () => ({
    status: 404,
    body: { message: '404 page not found' },
  })),
  'a login that ran out': answered('list', refusing(401, 'Unauthorized', 'Unauthorized')),
  'a right that is missing': answered(
    'list',
    refusing(403, 'finetunejobs.anneal.dev is forbidden: User "me" cannot list resource'),
  ),
  'a field that somebody else has set': async (cluster) => {
    cluster.server.intercept = ({ verb }) =>
      verb === 'PATCH' ? { status: 409, body: conflict } : undefined;
    return cluster.anneal('submit', await fileOf(cluster, {}));
  },
  'a save that takes longer than one waits': async (cluster) => {
    cluster.put('halo', { status: { phase: 'Running' } });
    return cluster.anneal('pause', 'halo', '--timeout', '1');
  },
  'a job that goes on and is to be deleted': answered('delete halo', () => undefined),
};

for (const [what, happens] of Object.entries(errors)) {
  test(`${what} is told in a sentence, with what to do`, async (t) => {
    await using cluster = await aCluster();
    const { code, out, err } = await happens(cluster);
    const text = `${out}${err}`.replaceAll(/127\.0\.0\.1:\d+/g, 'ADDRESS');
    t.snapshot(`${text}exit ${code}`);
    t.not(code, 0);
    t.notRegex(text, /\n +at |node:internal|\[object|undefined/);
    for (const line of text.split('\n')) t.notRegex(line, /[!]|^Error|failed to/i, line);
  });
}
