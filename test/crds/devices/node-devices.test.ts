import test from 'ava';
import { deviceKinds, devicesOfNode } from '../../../crds/devices/node-devices.ts';

const gpu = 'nvidia.com/gpu';
const node = (count: string, labels: Readonly<Record<string, string>> = {}, resource = gpu) => ({
  labels: Object.fromEntries(
    Object.entries(labels).map(([key, value]) => [`${resource}.${key}`, value]),
  ),
  allocatable: { cpu: '8', [resource]: count },
});
const mib = 2 ** 20;

test('devices are told apart by product and memory, the largest first', (t) => {
  const l4 = node('1', { product: 'NVIDIA-L4', memory: '23034' });
  const h100 = node('8', { product: 'NVIDIA-H100-80GB-HBM3', memory: '81559' });
  t.deepEqual(deviceKinds([l4, h100, node('2'), h100, node('0')], gpu), [
    { product: 'NVIDIA H100 80GB HBM3', bytes: 81_559 * mib, nodes: 2, devices: 16 },
    { product: 'NVIDIA L4', bytes: 23_034 * mib, nodes: 1, devices: 1 },
    { product: undefined, bytes: undefined, nodes: 1, devices: 2 },
  ]);
});

test('instances of divided devices have labels of their own', (t) => {
  const resource = 'nvidia.com/mig-1g.10gb';
  const product = 'NVIDIA-H100-80GB-HBM3-MIG-1g.10gb';
  const mixed = node('7', { product, memory: '9856' }, resource);
  t.like(devicesOfNode(mixed, resource), { bytes: 9856 * mib, devices: 7 });
  t.is(devicesOfNode(mixed, gpu), undefined);
});

test('a label that cannot be the memory of a device counts as absent', (t) => {
  for (const memory of ['', 'much', '-81559', '0', '81559.5', '1e9', '999999999999', '99999999']) {
    t.is(devicesOfNode(node('1', { memory }), gpu)?.bytes, undefined, memory);
  }
});

test('an amount that is none is no device', (t) => {
  for (const count of ['', '0', '-1', 'all', '1.5', '99999999', '4k']) {
    t.is(devicesOfNode(node(count), gpu), undefined, count);
  }
});

test('a node without the label of memory has that of its like, where there is one like', (t) => {
  const a100 = { product: 'NVIDIA-A100' };
  const [only, ...others] = deviceKinds(
    [node('4', a100), node('8', { ...a100, memory: '81920' })],
    gpu,
  );
  t.like(only, { bytes: 81_920 * mib, devices: 12, nodes: 2 });
  t.deepEqual(others, []);
  const both = ['40960', '81920'].map((memory) => node('8', { ...a100, memory }));
  t.is(deviceKinds([...both, node('4', a100)], gpu).length, 3, 'which one is not known');
});
