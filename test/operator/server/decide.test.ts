import test from 'ava';
import { decideServer, type ServerFacts } from '../../../operator/server/decide.ts';
import type { Deployment, ServingPod } from '../../../operator/server/observed.ts';
import { aPod, aServerSpec, claimed, metaFor, vllm } from '../../builders/adapter-server.ts';

const adapters = ['first', 'second'].map((name) => claimed(name));
const listed = ['first', 'second'].map((name) => ({ name, folder: `/${name}` }));
const places = { listed, refused: [], claims: [], buckets: [] };

const tells = (...names: readonly string[]) => ({
  served: listed.filter(({ name }) => names.includes(name)),
  refused: [],
});

function aDeployment(changes: Partial<Deployment['status']> = {}): Deployment {
  const counts = { replicas: 1, updatedReplicas: 1, availableReplicas: 1 };
  return {
    metadata: { ...metaFor('answers'), generation: 3 },
    spec: { replicas: 1 },
    status: { observedGeneration: 3, ...counts, ...changes },
  };
}

function facts(changes: Partial<ServerFacts> = {}, spec: object = {}): ServerFacts {
  return {
    server: {
      metadata: metaFor('answers'),
      generation: 2,
      spec: aServerSpec({ adapters, ...spec }),
      ...{ problem: '', status: {} },
    },
    ...{
      places,
      planned: undefined,
      deployment: aDeployment(),
      pods: [aPod('a')],
      tellsLoad: true,
      refused: undefined,
      now: 0,
    },
    told: [tells('first', 'second')],
    ...changes,
  };
}

/** A pod of which the first adapter was asked something. */
const asked = (open: number, answers: number, tokens: number) => ({
  served: listed.map((one) => ({
    ...one,
    load: one.name === 'first' ? { open, answers, tokens } : { open: 0, answers: 0, tokens: 0 },
  })),
  refused: [],
});

const said = (of: ServerFacts, type: string) => {
  const found = decideServer(of).status.conditions?.find((one) => one.type === type);
  return found && [found.status, found.reason, found.message];
};

test('a server whose pods answer with all adapters is ready, and needs no look soon', (t) => {
  const { status, isSettled } = decideServer(facts());
  t.true(isSettled);
  t.like(status, {
    ...{ observedGeneration: 2, replicas: 1, readyReplicas: 1, summary: '2/2' },
    url: 'http://answers.team.svc:8000/v1',
    selector: 'anneal.dev/server-uid=uid-answers,anneal.dev/component=server',
  });
  t.deepEqual(said(facts(), 'Ready'), ['True', 'Ready', '1 pod answers']);
});

test('an adapter is loaded when every ready pod serves it', (t) => {
  const states = (told: ServerFacts['told']) =>
    decideServer(facts({ told })).status.adapters?.map(({ state }) => state);
  const whole = tells('first', 'second');
  const half = tells('first');
  t.deepEqual(states([whole, half]), ['Loaded', 'Loading']);
  t.deepEqual(states([whole, undefined]), ['Loading', 'Loading']);
  t.deepEqual(states([]), ['Loading', 'Loading']);
  const old = { ...whole, served: [...half.served, { name: 'second', folder: '/elsewhere' }] };
  t.deepEqual(states([old]), ['Loaded', 'Loading']);
});

test('an adapter in a bucket is where the list says, and of vLLM where its container put it', (t) => {
  const s3 = { uri: 's3://results/second' };
  const inBucket = {
    ...places,
    listed: [listed[0] ?? { name: '', folder: '' }, { name: 'second', s3 }],
  };
  const states = (folder: string, spec = {}) => {
    const served = [...tells('first').served, { name: 'second', folder }];
    const of = facts({ places: inBucket, told: [{ served, refused: [] }] }, spec);
    return decideServer(of).status.adapters?.map(({ state }) => state);
  };
  t.deepEqual(states(s3.uri), ['Loaded', 'Loaded']);
  t.deepEqual(states('s3://results/other'), ['Loaded', 'Loading']);
  t.deepEqual(states('/cache/x', { engine: vllm, devicesPerReplica: 1 }), ['Loaded', 'Loaded']);
});

test('what a pod or the spec refuses is refused, with the sentence', (t) => {
  const told = [{ ...tells('first'), refused: [{ name: 'second', reason: 'is of another base' }] }];
  const refused = [{ name: 'first', reason: 'Adapter first is not there' }];
  const of = facts({ told, places: { ...places, refused } });
  t.deepEqual(decideServer(of).status.adapters, [
    { name: 'first', state: 'Refused', message: 'Adapter first is not there' },
    { name: 'second', state: 'Refused', message: 'is of another base' },
  ]);
  t.deepEqual(said(of, 'AdaptersLoaded'), [
    'False',
    'Refused',
    'first: Adapter first is not there',
  ]);
  t.false(decideServer(of).isSettled);
});

const notReady: readonly (readonly [string, Partial<Deployment['status']>])[] = [
  ['its Deployment was not looked at', { observedGeneration: 2 }],
  ['an old pod is there beside the new one', { replicas: 2 }],
  ['the new pod does not answer yet', { availableReplicas: 0 }],
  ['the pods are old ones', { updatedReplicas: 0 }],
];

for (const [what, status] of notReady) {
  test(`a server is not ready while ${what}`, (t) => {
    t.is(said(facts({ deployment: aDeployment(status) }), 'Ready')?.[0], 'False');
  });
}

test('a pod that cannot start says why in the condition', (t) => {
  const pods = [
    aPod('a', {
      ready: false,
      containerStatuses: [
        {
          name: 'server',
          state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off' } },
          lastState: {
            terminated: { exitCode: 65, message: 'x\nno folder has config.json\nhint: name one' },
          },
        },
      ],
    }),
  ];
  const of = facts({ pods, told: [], deployment: aDeployment({ availableReplicas: 0 }) });
  t.deepEqual(said(of, 'Ready'), [
    ...['False', 'PodsFail'],
    'pods that answer: 0 of 1; up to date: 1; pod a: CrashLoopBackOff: no folder has config.json hint: name one',
  ]);
});

test('what was refused in front of vLLM is refused, before it answers and after', (t) => {
  const refused = [{ name: 'second', reason: 'adapter second is of another base' }];
  const handedOver = (message: string, exitCode = 0) =>
    aPod('a', {
      ready: false,
      initContainerStatuses: [
        { name: 'handover', state: { terminated: { exitCode, message } }, lastState: {} },
      ],
    });
  const states = (pod: ServingPod, told: ServerFacts['told'] = []) =>
    decideServer(facts({ pods: [pod], told }, { engine: vllm, devicesPerReplica: 1 })).status
      .adapters;
  const pod = handedOver(JSON.stringify({ refused }));
  const second = { name: 'second', state: 'Refused', message: refused[0]?.reason };
  t.deepEqual(states(pod), [{ name: 'first', state: 'Loading' }, second]);
  t.deepEqual(states(pod, [tells('first')]), [{ name: 'first', state: 'Loaded' }, second]);
  for (const other of [
    handedOver('{"refused":[{"na'),
    handedOver(JSON.stringify({ refused }), 1),
  ]) {
    t.deepEqual(
      states(other)?.map(({ state }) => state),
      ['Loading', 'Loading'],
    );
  }
});

test('a base that cannot be handed over is said in the condition', (t) => {
  const pods = [
    aPod('a', {
      ready: false,
      initContainerStatuses: [
        {
          name: 'handover',
          state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off' } },
          lastState: { terminated: { exitCode: 65, message: 'the base is a GGUF file' } },
        },
      ],
    }),
  ];
  const of = facts({ pods, told: [], deployment: aDeployment({ availableReplicas: 0 }) });
  t.regex(said(of, 'Ready')?.[2] ?? '', /CrashLoopBackOff: the base is a GGUF file$/);
});

test('what the cluster refuses is a condition, until it is granted', (t) => {
  const refused = { reason: 'NameConflict', message: 'Service answers belongs to someone else' };
  t.deepEqual(said(facts({ refused }), 'Accepted'), ['False', refused.reason, refused.message]);
  t.is(said(facts(), 'Accepted')?.[0], 'True');
});

test('a spec that cannot be read builds nothing and is said', (t) => {
  const server = { ...facts().server, spec: undefined, problem: 'spec.model is missing' };
  const { built, status } = decideServer(facts({ server }));
  t.is(built, undefined);
  t.like(status.conditions?.[0], { type: 'Accepted', status: 'False', reason: 'InvalidSpec' });
});

test('without pods that are asked for nothing is under way', (t) => {
  const deployment = aDeployment({ replicas: 0, updatedReplicas: 0, availableReplicas: 0 });
  const of = facts({ deployment, pods: [], told: [] }, { replicas: 0 });
  t.deepEqual(said(of, 'Ready'), ['False', 'NoReplicas', 'spec.replicas is 0']);
  t.true(decideServer(of).isSettled);
});

test('what adapters were asked is the sum over the pods, and those that answer are looked at soon', (t) => {
  const { status, isBusy } = decideServer(facts({ told: [asked(2, 5, 90), asked(1, 1, 7)] }));
  t.true(isBusy);
  t.deepEqual(
    status.adapters?.map(({ name, load }) => [name, load]),
    [
      ['first', { open: 3, answers: 6, tokens: 97 }],
      ['second', { open: 0, answers: 0, tokens: 0 }],
    ],
  );
  t.false(decideServer(facts({ told: [asked(0, 6, 97)] })).isBusy);
  const unsaid = decideServer(facts({ told: [tells('first', 'second')] }));
  t.deepEqual(unsaid.status.adapters?.[0], { name: 'first', state: 'Loaded' });
});

test('until it is told anew, status keeps what it has of the load', (t) => {
  const { server } = facts();
  const before = decideServer(facts({ told: [asked(2, 5, 90)] })).status;
  const later = facts({
    server: { ...server, status: before },
    told: [asked(0, 7, 130)],
    tellsLoad: false,
  });
  t.deepEqual(decideServer(later).status.adapters, before.adapters);
});
