import test from 'ava';
import { isDeviceName } from '../../../crds/names/device-name.ts';

const names = ['cpu', 'cuda:0', 'cuda:7', 'cuda:15'];
const others = ['', 'cuda', 'cuda:', 'cuda:-1', 'cuda:01', 'cuda:100', 'cuda:0 ', 'CPU', 'gpu', 0];

test('a device is cpu or a number of CUDA', (t) => {
  for (const name of names) t.true(isDeviceName(name), name);
  for (const name of others) t.false(isDeviceName(name), `${name}`);
});
