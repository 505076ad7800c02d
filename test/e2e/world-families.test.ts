// Models of families that no other test of several workers has, on two workers: the curve of one,
// and the same bits when a worker is lost.
import test from 'ava';
import { float32, lisaOfOne, nf4 } from '../methods/axis-values.ts';
import type { ToyJobOptions } from '../toy/toy-job.ts';
import { startHosts } from '../warm/hosts.ts';
import { trainsInAWorld } from './trains-in-a-world.ts';

const galore = { type: 'GaLore', galore: { rank: 4, refreshSteps: 3 } };

const jobs: Readonly<Record<string, Omit<ToyJobOptions, 'name'>>> = {
  'pictures that are made, by LISA': {
    family: 'dit',
    method: { preset: 'LISA', selection: lisaOfOne, precision: float32 },
  },
  'pictures that are restored, by QLoRA': {
    ...{ family: 'srvgg', sizes: { num_feat: 32 } },
    method: { preset: 'QLoRA', base: nf4, precision: float32 },
  },
  'objects in films, by GaLore': {
    family: 'lorat',
    method: { preset: 'GaLore', optimizer: galore, precision: float32 },
  },
};

const hosts = await startHosts();
test.after.always(() => hosts[Symbol.dispose]());
for (const [name, job] of Object.entries(jobs)) {
  test.serial(`${name}: two workers train as one does, also when one of them is lost`, (t) =>
    trainsInAWorld(t, { name: 'family', ...job }, { workers: 2, variables: hosts.variables }),
  );
}
