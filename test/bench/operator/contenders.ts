// Whose controllers are measured, and what each of them is given: one object for one training pod.
// Kubeflow Trainer twice, because its smallest job begins to train at once, where ours first puts
// model and data in place; with an initializer it does the same.
import { aWrittenJob, type Changes, changed, preparingAlone } from '../../builders/job.ts';

export interface Contender {
  readonly name: string;
  readonly namespace: string;
  readonly plural: string;
  readonly group: string;
  readonly body: (name: string) => object;
  /** One job of it, not measured, has prepared before. */
  readonly isPrepared?: true;
  /**
   * Name of the object that a job of the batch API stands for, and whether workers run in that job.
   */
  readonly ownerOf: (
    job: string,
  ) => { readonly owner: string; readonly trains: boolean } | undefined;
  readonly isProcess: (commandLine: string) => boolean;
}

/** `pattern` captures the name of the object; `trains` tells the Job of its workers from others. */
function ownerBy(pattern: RegExp, trains: RegExp): Contender['ownerOf'] {
  return (job) => {
    const owner = pattern.exec(job)?.[1];
    return owner === undefined ? undefined : { owner, trains: trains.test(job) };
  };
}

function anneal(about: string, changes: (name: string) => Changes): Contender {
  return {
    ...{ name: `Anneal, ${about}`, namespace: 'bench-ours', plural: 'finetunejobs' },
    group: 'anneal.dev/v1alpha1',
    body: (name) => {
      const of = Object.entries(changes(name)).map(([path, value]) => [`spec.${path}`, value]);
      const onProcessor = { 'spec.worker.devicesPerWorker': 0 };
      const written = changed(aWrittenJob(), { ...onProcessor, ...Object.fromEntries(of) });
      return { ...written, metadata: { name } };
    },
    ownerOf: ownerBy(/^(b\d+-\d+)-(?:init-1|w1)$/, /-w1$/),
    isProcess: (line) => /operator\/main\.(js|ts)/.test(line),
  };
}

/** Data of its own, so that nobody prepares for another. */
const ownData = (name: string) => ({
  'dataset.train': { persistentVolumeClaim: { claimName: 'notes', path: `${name}.jsonl` } },
});

/**
 * What is fetched, and by whom: by each in a pod before its worker; by none, in the pod of its
 * worker; by one, for all others that ask for the same.
 */
export const ours = anneal('prepares in a pod of its own', ownData);
export const oursInWorker = anneal('prepares in the pod of its worker', (name) => ({
  ...ownData(name),
  ...preparingAlone,
}));
export const oursWaiting = anneal('a sibling prepares meanwhile', () => ({}));
/** By name of content: what a job of before has put in place is taken. */
const pinned = { huggingFace: { repository: 'owner/name', revision: 'a'.repeat(40) } };
export const oursReusing: Contender = {
  ...anneal('a sibling has prepared', () => ({ 'model.source': pinned, 'dataset.train': pinned })),
  isPrepared: true,
};
export const allOfOurs: readonly Contender[] = [ours, oursInWorker, oursWaiting, oursReusing];

const trainer = {
  ...{ plural: 'trainjobs', group: 'trainer.kubeflow.org/v1alpha1' },
  ownerOf: ownerBy(/^(b\d+-\d+)-(?:dataset-initializer|node)-0$/, /-node-0$/),
  // Trainer and JobSet, each in a pod; their namespaces are seen from here.
  isProcess: (line: string) => line.startsWith('/manager '),
};

function trainJobOf(runtime: string) {
  return (name: string) => ({
    ...{ apiVersion: trainer.group, kind: 'TrainJob', metadata: { name } },
    spec: { runtimeRef: { name: runtime } },
  });
}

const alone = 'bench';
const prepared = 'bench-prepared';

export const peers: readonly Contender[] = [
  {
    ...trainer,
    ...{ name: 'Trainer, nothing to prepare', namespace: 'bench-peer', body: trainJobOf(alone) },
  },
  {
    ...trainer,
    ...{ name: 'Trainer, with an initializer', namespace: 'bench-peer-prepared' },
    body: trainJobOf(prepared),
  },
];

const step = 'trainer.kubeflow.org/trainjob-ancestor-step';

function replicated(name: string, role: string, annotations: Readonly<Record<string, string>>) {
  return {
    name,
    template: {
      metadata: { labels: { [step]: role } },
      spec: {
        template: {
          metadata: { annotations },
          spec: { containers: [{ name, image: 'none' }] },
        },
      },
    },
  };
}

/**
 * One pod with one container, as our worker Job has; and the same behind a pod that ends at once.
 */
export const runtimes: readonly object[] = [
  runtime(alone, [replicated('node', 'trainer', {})]),
  runtime(prepared, [
    replicated('dataset-initializer', 'dataset-initializer', { 'fake.test/run': '0s' }),
    {
      ...replicated('node', 'trainer', {}),
      dependsOn: [{ name: 'dataset-initializer', status: 'Complete' }],
    },
  ]),
];

function runtime(name: string, replicatedJobs: readonly object[]) {
  return {
    ...{ apiVersion: trainer.group, kind: 'ClusterTrainingRuntime' },
    metadata: { name, labels: { 'trainer.kubeflow.org/framework': 'plainml' } },
    spec: { mlPolicy: { numNodes: 1 }, template: { spec: { replicatedJobs } } },
  };
}
