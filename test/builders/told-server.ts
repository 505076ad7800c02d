// Servers as the command line finds them: with the status that the operator writes of them.
import { sizesOf } from '../../crds/plan/model-sizes.ts';
import { decideServer, type ServerFacts } from '../../operator/server/decide.ts';
import type { Deployment } from '../../operator/server/observed.ts';
import { plannedPod } from '../../operator/server/planned-memory.ts';
import { anAdapter, aServerSpec, claimed, metaFor, writtenServer } from './adapter-server.ts';
import { smol135 } from './facts.ts';

interface ToldOf extends Partial<Omit<ServerFacts, 'server' | 'deployment'>> {
  readonly adapters?: readonly string[];
  /** Adapters that its pods serve; all when absent. */
  readonly served?: readonly string[];
  readonly spec?: Readonly<Record<string, unknown>>;
  /** Its pods that are ready, of those that there should be; all when absent. */
  readonly ready?: number;
  readonly metadata?: object;
}

const model = { source: { huggingFace: { repository: 'HuggingFaceTB/SmolLM2-135M' } } };

/** An object of the API server. */
export function aToldServer(name: string, asked: ToldOf = {}): ReturnType<typeof writtenServer> {
  const { adapters = ['first', 'second'], served = adapters, metadata = {}, ...facts } = asked;
  const spec = { model, adapters: adapters.map((one) => claimed(one)), ...facts.spec };
  const { replicas } = aServerSpec(spec);
  const { ready = replicas } = facts;
  const folderOf = (one: string) => ({ name: one, folder: `/${one}` });
  const { status } = decideServer({
    ...{ planned: undefined, pods: [], tellsLoad: true, refused: undefined, now: 0 },
    places: { listed: adapters.map(folderOf), refused: [], claims: [], buckets: [] },
    told: Array.from({ length: ready }, () => ({ served: served.map(folderOf), refused: [] })),
    ...facts,
    server: {
      ...{ metadata: metaFor(name, metadata), generation: 1, problem: '', status: {} },
      spec: aServerSpec(spec),
    },
    deployment: aDeployment(replicas, ready),
  });
  const written = writtenServer(spec);
  const at = {
    ...written.metadata,
    name,
    creationTimestamp: '2026-01-01T00:00:00Z',
    generation: 1,
  };
  return { ...written, metadata: { ...at, ...metadata }, ...{ status } };
}

function aDeployment(replicas: number, availableReplicas: number): Deployment {
  return {
    metadata: { ...metaFor('answers'), generation: 1 },
    spec: { replicas },
    status: { observedGeneration: 1, replicas, updatedReplicas: replicas, availableReplicas },
  };
}

const waiting = {
  name: 'server',
  state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 5m0s restarting' } },
  lastState: { terminated: { exitCode: 1, message: 'claim results has no folder first\n' } },
};

const adapter = { name: 'lost', reason: 'Adapter gone is not there' };

/** What the operator plans of a base that its pods cannot hold. */
function tooLarge() {
  const base = { digest: 'sha256:1', sizes: sizesOf({ facts: smol135, storedBfloat16: 0 }) };
  const spec = aServerSpec({
    adapters: [{ name: 'first', adapterRef: { name: 'first' } }],
    resources: { limits: { memory: '512Mi' } },
  });
  const find = () => anAdapter('first', 'pvc://results/first', { base });
  return plannedPod(spec, find, { memoryBytes: undefined });
}

/** One of each state, the healthy one first. */
export function oneOfEachState(): readonly object[] {
  const failing = {
    metadata: metaFor('failing-5d-x'),
    status: { containerStatuses: [waiting], conditions: [] },
  };
  const many = Array.from({ length: 256 }, (_, index) => `adapter-${index}`);
  return [
    aToldServer('serving', { spec: { replicas: 2 } }),
    aToldServer('degraded', {
      adapters: ['first', 'lost'],
      places: {
        ...{ listed: [{ name: 'first', folder: '/first' }], claims: [], buckets: [] },
        refused: [adapter],
      },
    }),
    aToldServer('loading', { adapters: many, served: many.slice(0, 200) }),
    aToldServer('updating', { spec: { replicas: 4 }, ready: 3 }),
    aToldServer('starting', { ready: 0 }),
    aToldServer('failing', { ready: 0, pods: [failing] }),
    aToldServer('stopped', { spec: { replicas: 0 }, ready: 0 }),
    aToldServer('refused', { ready: 0, planned: tooLarge() }),
    aToldServer('deleting', { metadata: { deletionTimestamp: '2026-01-01T00:30:00Z' } }),
    { ...aToldServer('pending'), status: undefined },
    { ...aToldServer('unreadable'), status: { conditions: 'none', url: 'http://a' } },
  ];
}
