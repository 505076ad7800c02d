// A node of the real cluster is gone: its kubelet says nothing any more. In a file of its own,
// because it takes half of the cluster with it.
import { join } from 'node:path';
import { onThisMachine, statusOf, untilComplete } from '../cluster/a-real-job.ts';
import { aNamespace, installCrd, kubectl } from '../cluster/access.ts';
import { partOf } from '../cluster/control-plane.ts';
import { installAnneal, loadImages } from '../cluster/installed.ts';
import { test } from '../cluster/our-cluster.ts';
import { aJobOfSeveral } from '../cluster/several.ts';
import { eventually } from '../doubles/eventually.ts';
import { digestsBelow } from '../e2e/killed-run.ts';

test.before(async () => {
  await installCrd();
  await loadImages();
});

test('workers of a node that is gone are replaced, and what still runs there spoils nothing', async (t) => {
  const namespace = await aNamespace(t);
  const { namespace: release } = await installAnneal(t, namespace, {
    features: { forceReplace: true },
  });
  const job = await aJobOfSeveral(t, namespace, {
    ...{ workers: 2, intervalSteps: 20 },
    checkpoint: { destination: { persistentVolumeClaim: { claimName: 'toy', path: 'saved' } } },
    failurePolicy: { nodeLostPolicy: 'ForceReplace', nodeLostGraceSeconds: 5 },
    spread: 'ScheduleAnyway',
  });
  await job.told.untilStep(20);
  const { stdout: busNode } = await kubectl([
    ...['-n', release, 'get', 'pods', '-l', 'app.kubernetes.io/component=nats'],
    ...['-o', 'jsonpath={.items[0].spec.nodeName}'],
  ]);
  const lost = (await job.pods()).find(({ node }) => node !== busNode);
  if (lost === undefined) return t.fail(`all workers are on ${busNode}, where the bus is`);
  const kubelet = await partOf(`${lost.node}-kubelet`);
  const { round } = job.told.last;
  const began = Date.now();
  kubelet.kill();
  try {
    const next = await job.told.firstAfter(round);
    t.log(`node ${lost.node} gone: next world after ${((next.at - began) / 1000).toFixed(1)} s`);
    const nodes = (await job.pods()).filter(({ uid }) => uid !== lost.uid).map(({ node }) => node);
    t.false(nodes.includes(lost.node), `the replacement is on ${nodes}`);
    await job.suspend();
    await job.resumeFor(10);
    await untilComplete(t, job.namespace, 'toy');
  } finally {
    await kubelet.restart();
    await eventually(
      'the node is back',
      async () => {
        const path = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}';
        return (await kubectl(['get', 'node', lost.node, '-o', path])).stdout === 'True';
      },
      { withinMs: 120_000, everyMs: 1000 },
    );
  }
  t.deepEqual(digestsBelow(join(job.folder, 'out')), await onThisMachine(t, job.folder, 2));
  t.is((await statusOf(job.namespace, 'toy')).restarts?.counted ?? 0, 0);
});
