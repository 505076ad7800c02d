// The policies of a job, enforced on a real node: what pods may ask for names, and that no metadata
// service is reached, whatever else is open. The node has a cache of names on its link-local
// address, as NodeLocal DNSCache has, and answers on the addresses of clouds.
import { spawn } from 'node:child_process';
import type { ExecutionContext } from 'ava';
import { execa } from 'execa';
import { Component, label } from '../../crds/names/labels.ts';
import {
  networkLabels,
  networkPolicies,
  sharedPolicies,
} from '../../operator/objects/network-policy.ts';
import { aBuiltJob, someSettings } from '../builders/built-job.ts';
import type { Changes } from '../builders/job.ts';
import { eventually } from '../doubles/eventually.ts';
import { aNamespace, kubectl } from './access.ts';
import { test } from './our-cluster.ts';
import { loadToyImage, toyImage } from './toy-image.ts';

const node = 'node-1';
const enter = ['--net=/run/netns/anneal-1'];
const cache = '169.254.20.10';
const metadata = ['169.254.169.254', '100.100.100.200', '168.63.129.16'];
/** An address for documentation: anybody on the internet. */
const elsewhere = '203.0.113.7';

/** Answers whoever connects, on any address of the node. */
const answering = `
  const { createServer } = require('node:net');
  // Whoever connects leaves at once, which may come as an error of the connection.
  const answer = (socket) => socket.on('error', () => {}).end('here');
  for (const port of [80, 443]) createServer(answer).listen(port, '0.0.0.0');
`;

const closing: (() => unknown)[] = [];

test.before(async (t) => {
  t.timeout(600_000);
  await loadToyImage();
  const ip = (...args: string[]) => execa('nsenter', [...enter, 'ip', ...args]);
  for (const address of [cache, ...metadata, elsewhere].map((each) => `${each}/32`)) {
    await ip('address', 'add', address, 'dev', 'lo');
    closing.push(() => ip('address', 'del', address, 'dev', 'lo'));
  }
  const server = spawn('nsenter', [...enter, process.execPath, '-e', answering], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  closing.push(() => server.kill());
  const names = ['apply', '-f', '-'];
  await kubectl(names, { input: JSON.stringify(nameCache) });
  closing.push(() =>
    kubectl(['delete', '--wait', '-f', '-'], { input: JSON.stringify(nameCache) }),
  );
});

test.after.always(async () => {
  for (const close of closing.reverse()) await close();
});

const place = { name: 'node-names', namespace: 'kube-system' };

/** As NodeLocal DNSCache: a pod on the network of the node, which asks the names of the cluster. */
const nameCache = {
  apiVersion: 'v1',
  kind: 'List',
  items: [
    {
      ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: place },
      data: { Corefile: '.:53 {\n  errors\n  cache 5\n  forward . 10.96.0.10\n}\n' },
    },
    {
      ...{ apiVersion: 'v1', kind: 'Pod', metadata: place },
      spec: {
        nodeName: node,
        hostNetwork: true,
        containers: [
          {
            ...{ name: 'coredns', image: 'localhost/coredns:1', imagePullPolicy: 'Never' },
            args: ['-conf', '/etc/coredns/Corefile'],
            volumeMounts: [{ name: 'config', mountPath: '/etc/coredns' }],
          },
        ],
        volumes: [{ name: 'config', configMap: { name: place.name } }],
      },
    },
  ],
};

/** Tells again and again, a line of JSON each time, which of its targets it reaches. */
const probing = `
  const { connect } = require('node:net');
  const { Resolver } = require('node:dns/promises');
  const reach = (host, port) => new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1500 });
    const end = (answer) => { socket.destroy(); resolve(answer); };
    socket.on('connect', () => end(true)).on('timeout', () => end(false)).on('error', () => end(false));
  });
  const ask = async (server) => {
    const resolver = new Resolver({ timeout: 1500, tries: 1 });
    resolver.setServers([server]);
    return resolver.resolve4('kubernetes.default.svc.cluster.local').then(() => true, () => false);
  };
  const targets = JSON.parse(process.argv[1]);
  (async () => {
    for (;;) {
      const found = {};
      await Promise.all(targets.map(async (target) => {
        const [host, port] = target.split(' ');
        found[target] = port === 'names' ? await ask(host) : await reach(host, Number(port));
      }));
      console.log(JSON.stringify(found));
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  })();
`;

type Found = Readonly<Record<string, boolean>>;

/** A pod that looks like one of the job's, and what it reaches now. */
async function aProbe(t: ExecutionContext, changes: Changes, targets: readonly string[]) {
  const namespace = await aNamespace(t);
  const job = { ...aBuiltJob(changes), namespace };
  const network = networkLabels(job, Component.Worker, someSettings);
  const pod = {
    ...{ apiVersion: 'v1', kind: 'Pod' },
    metadata: {
      ...{ name: 'probe', namespace },
      labels: { [label.jobUid]: job.uid, [label.component]: 'worker', ...network },
    },
    spec: {
      ...{ nodeName: node, restartPolicy: 'Never', terminationGracePeriodSeconds: 0 },
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          ...{ name: 'probe', image: toyImage, imagePullPolicy: 'Never' },
          command: ['node', '-e', probing, JSON.stringify(targets)],
          securityContext: {
            allowPrivilegeEscalation: false,
            capabilities: { drop: ['ALL'] },
          },
        },
      ],
    },
  };
  await kubectl(['apply', '-f', '-'], { input: JSON.stringify(pod) });
  const tells = async (): Promise<Found> => {
    const args = ['-n', namespace, 'logs', 'probe', '--tail', '1'];
    const { stdout } = await kubectl(args, { mayFail: true });
    return stdout.startsWith('{') ? (JSON.parse(stdout) as Found) : {};
  };
  const becomes = async (wanted: Found, sentence: string) => {
    let last: Found = {};
    const holds = async () => {
      last = await tells();
      return targets.every((target) => last[target] === wanted[target]);
    };
    try {
      await eventually(sentence, holds, { withinMs: 90_000, everyMs: 500 });
      t.pass();
    } catch {
      t.fail(`${sentence}: no, ${JSON.stringify(last)}`);
    }
  };
  /** The policies as the operator makes them; owned by nobody here. */
  const enforce = async () => {
    const policies = [...networkPolicies(job, someSettings), ...sharedPolicies(job, someSettings)];
    for (const { metadata, spec } of policies) {
      const { ownerReferences: _, ...own } = metadata as { ownerReferences?: unknown };
      const policy = { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', spec };
      const input = JSON.stringify({ ...policy, metadata: { ...own, namespace } });
      await kubectl(['apply', '--validate=strict', '-f', '-'], { input });
    }
  };
  return { becomes, enforce };
}

const all = (targets: readonly string[], reached: boolean): Found =>
  Object.fromEntries(targets.map((target) => [target, reached]));

test('a worker asks the cache of its node and the servers of the cluster for names, and reaches nothing else there', async (t) => {
  t.timeout(300_000);
  const [names, others] = [
    [`${cache} names`, '10.96.0.10 names'],
    [`${cache} 443`, `${cache} 80`, `${elsewhere} 443`, ...metadata.map((each) => `${each} 80`)],
  ];
  const probe = await aProbe(t, {}, [...names, ...others]);
  await probe.becomes({ ...all(names, true), ...all(others, true) }, 'everything answers');
  await probe.enforce();
  await probe.becomes({ ...all(names, true), ...all(others, false) }, 'names alone answer');
});

test('a job that may reach the web, or every network, reaches no metadata service', async (t) => {
  t.timeout(300_000);
  const open = [`${elsewhere} 443`, `${elsewhere} 80`];
  const closed = metadata.flatMap((each) => [`${each} 443`, `${each} 80`]);
  const probe = await aProbe(t, { 'network.egressCIDRs': ['0.0.0.0/0', '::/0'] }, [
    ...open,
    ...closed,
  ]);
  await probe.becomes({ ...all(open, true), ...all(closed, true) }, 'everything answers');
  await probe.enforce();
  await probe.becomes({ ...all(open, true), ...all(closed, false) }, 'clouds do not answer');
});

test('a job that asks for the metadata service reaches it', async (t) => {
  t.timeout(300_000);
  const changes = {
    'network.egressCIDRs': ['169.254.169.254/32'],
    'network.allowMetadataService': 'Allow',
  };
  const [open, closed] = [['169.254.169.254 80'], ['168.63.129.16 80', `${elsewhere} 80`]];
  const probe = await aProbe(t, changes, [...open, ...closed]);
  await probe.enforce();
  await probe.becomes({ ...all(open, true), ...all(closed, false) }, 'one cloud answers');
});
