import test from 'ava';
import { deviceOptions } from '../../../cli/init/devices.ts';
import { gpuNode } from '../../builders/wizard.ts';

const gib = 2 ** 30;
const machine = { freeBytes: 20 * gib, cores: 8 };
const options = (nodes: readonly object[]) =>
  deviceOptions({ type: 'Nodes', cluster: 'prod', nodes }, machine);

test('GPUs of a cluster come first, the largest first, counted over all nodes that take pods', (t) => {
  const [first, second, third] = options([
    gpuNode('NVIDIA-L4', 1, 23_034),
    gpuNode('NVIDIA-A100-SXM4-80GB', 8, 81_920),
    gpuNode('NVIDIA-A100-SXM4-80GB', 4, 81_920),
    { ...gpuNode('NVIDIA-H200', 8, 143_771), spec: { unschedulable: true } },
    { metadata: {}, status: { allocatable: { cpu: '4' } } },
  ]);
  t.is(first?.label, '1 of 12 NVIDIA A100 SXM4 80GB in prod');
  t.is(first?.device.memory.bytes, 79 * gib);
  t.is(first?.device.peak?.bfloat16, 312e12);
  t.is(second?.label, '1 of 1 NVIDIA L4 in prod');
  t.is(third?.id, 'processor');
});

test('without the label of the memory the product tells it, and without either nobody knows', (t) => {
  const [known, unknown] = options([gpuNode('NVIDIA-H100-80GB-HBM3', 2), gpuNode('Odd', 1)]);
  t.is(known?.device.memory.bytes, 79 * gib);
  t.is(unknown?.device.memory.bytes, 0);
  t.regex(unknown?.why ?? '', /of unknown memory/);
});

test('without a cluster the processor is recommended, and common GPUs can be planned for', (t) => {
  for (const cluster of [null, { type: 'Unknown', why: 'you may not list nodes' } as const]) {
    const all = deviceOptions(cluster, machine);
    t.is(all[0]?.id, 'processor');
    t.true(all.some(({ label }) => label === 'NVIDIA H100, elsewhere'));
  }
});

test('what is no node does no harm', (t) => {
  t.is(options([{}, { metadata: { labels: 7 } }, gpuNode('X', Number.NaN)])[0]?.id, 'processor');
});
