import test from 'ava';
import { findDevices } from '../../../cli/devices/find-devices.ts';
import { gpusHere, knownAs, knownDevices } from '../../../cli/estimate/devices.ts';
import { deviceOptions } from '../../../cli/init/devices.ts';
import { usableBytes } from '../../../crds/devices/node-devices.ts';
import { gpuNode } from '../../builders/wizard.ts';
import { aMachine, says } from '../../doubles/machine.ts';
import { cardLine } from '../../doubles/nvidia-smi.ts';

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
  t.is(known?.device.memory.bytes, usableBytes(81_559 * 2 ** 20));
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

test('GPUs of this machine come before all, as large as nvidia-smi and node labels say alike', async (t) => {
  const lines = [cardLine(), cardLine({ index: 1, mig: 'Enabled' })];
  const nvidia = () => says(`${lines.join('\n')}\n`);
  const devices = await findDevices(aMachine({ programs: { 'nvidia-smi': nvidia } }), '/');
  const nodes = [gpuNode('NVIDIA-H100-80GB-HBM3', 8, 81_559)];
  const all = deviceOptions({ type: 'Nodes', cluster: 'prod', nodes }, { ...machine, devices });
  const [local, divided, cluster] = all;
  t.is(local?.label, 'cuda:0 of this machine, NVIDIA H100 80GB HBM3');
  t.regex(local?.why ?? '', /with 78\.6 GiB\. This installation has no CUDA kernels yet/);
  t.regex(divided?.why ?? '', /of unknown memory/);
  t.is(cluster?.device.memory.bytes, local?.device.memory.bytes);
  t.is(cluster?.device.peak, local?.device.peak);
  t.is(gpusHere(devices)[0]?.name, 'cuda:0 here, NVIDIA H100 80GB HBM3');
});

test('products are known by the words of their names', (t) => {
  for (const known of knownDevices) t.is(knownAs(known.name), known);
  t.is(knownAs('NVIDIA A100-SXM4-80GB')?.name, 'NVIDIA A100 80GB');
  t.is(knownAs('NVIDIA GeForce RTX 4090')?.name, 'NVIDIA RTX 4090');
  t.is(knownAs('NVIDIA A100-SXM4-40GB'), undefined);
  t.is(knownAs('NVIDIA L40S'), undefined);
});
