// Whether the tests on the emulated device would notice: a barrier, a bound or a part of a sum is
// taken out of a kernel, that kernel alone is compiled again, and its own test must fail, by a
// wrong value or by what the emulator says.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { thisSetup } from '../../../cli/setup/setup.ts';
import { deviceConfig, emulatorVariable, ensureEmulator } from '../../setup/emulator.ts';
import { deviceTests, inEachOrder, orders, orderVariable } from '../device-tests.ts';

const checkout = join(import.meta.dirname, '../../..');
const kernels = join(checkout, 'worker/native/kernels');
const setup = thisSetup(new AbortController().signal);

interface Damage {
  readonly kernel: keyof typeof deviceTests;
  /** From worker/native/kernels; by default the kernel's own .cu. */
  readonly file?: string;
  /** What stands there once, and what stands there instead. */
  readonly from: string;
  readonly to: string;
  /** Tests that suffice to notice it. */
  readonly match: string;
}

const barrier = '__syncthreads();';
const damages: Readonly<Record<string, Damage>> = {
  'the maximum over the lanes of a warp': {
    kernel: 'adamw8bit',
    from: 'most = warp_max(most); // behind it every lane has read the old one',
    to: '',
    match: '*',
  },
  'the barrier behind the maps of codes': {
    kernel: 'adamw8bit',
    from: `v_map[threadIdx.x] = map_unsigned[threadIdx.x];\n  ${barrier}`,
    to: 'v_map[threadIdx.x] = map_unsigned[threadIdx.x];',
    match: '*',
  },
  'the barrier between the parts of a sum and their total': {
    kernel: 'rms_norm',
    file: 'device.cuh',
    from: `= value;\n  ${barrier}\n  S total = 0;`,
    to: '= value;\n  S total = 0;',
    match: '*[37, 7]*',
  },
  'the barrier before the parts of an earlier sum are overwritten': {
    kernel: 'rms_norm',
    file: 'device.cuh',
    from: '  __syncthreads(); // an earlier sum may still be read\n',
    to: '',
    match: '*backward: [1030, 160], float32, offset 0',
  },
  'the barrier between the stages of a rotation': {
    kernel: 'hadamard',
    file: 'hadamard/hadamard_device.cuh',
    from: `int pitch) {\n  ${barrier}`,
    to: 'int pitch) {',
    match: 'codes and scales*',
  },
  'the barrier between the parts of a softmax': {
    kernel: 'head',
    from: `sum[threadIdx.x / kWarp] = mine.sum;\n  }\n  ${barrier}`,
    to: 'sum[threadIdx.x / kWarp] = mine.sum;\n  }',
    match: '*any size and option',
  },
  "the barrier before a label's logit is overwritten": {
    kernel: 'head',
    from: "    __syncthreads(); // the label's logit is read by all before it is overwritten\n",
    to: '',
    match: '*any size and option',
  },
  'the barrier behind a tile of keys and values': {
    kernel: 'attention',
    file: 'attention/attention_forward.cuh',
    from: `v, shared.ld);\n    ${barrier}`,
    to: 'v, shared.ld);',
    match: '*three documents*float32',
  },
  'the barrier before a tile is overwritten': {
    kernel: 'attention',
    file: 'attention/attention_forward.cuh',
    from: `tile += kWarp) {\n    ${barrier}`,
    to: 'tile += kWarp) {',
    match: '*three documents*float32',
  },
  'the bound of the pairs of a row': {
    kernel: 'rope',
    from: 'index < count * pieces.all;',
    to: 'index < count * pieces.all + 1;',
    match: '*[33, 3, 64]*float32',
  },
  'the bound of elements behind the last whole pack': {
    kernel: 'sample_round',
    file: 'vector.cuh',
    from: 'if (i < left) to[i] = pack.at[i];',
    to: 'to[i] = pack.at[i];',
    match: '*',
  },
  'the bound of the values of a codebook': {
    kernel: 'codebook',
    from: 'j < w.size.groups && lane < g;',
    to: 'j < w.size.groups;',
    match: 'gradients*',
  },
};

for (const [title, damage] of Object.entries(damages)) {
  test.serial(`it is noticed that ${damage.kernel} lacks ${title}`, async (t) => {
    t.timeout(15 * 60_000);
    const unit = `${damage.kernel}/${damage.kernel}_cuda.cu`;
    const path = damage.file ?? unit;
    const text = await readFile(join(kernels, path), 'utf8');
    t.is(text.split(damage.from).length, 2, `${path} has it once`);
    const changed = { path, text: text.replace(damage.from, damage.to), unit };
    const library = await ensureEmulator(setup, changed);
    // Which order of threads shows it depends on the barrier. Other files go through all by
    // themselves.
    const each = inEachOrder.includes(deviceTests[damage.kernel]) ? Object.values(orders) : [0];
    const noticed = [];
    for (const order of each) {
      const ran = await execa(process.execPath, argumentsOf(damage), {
        ...{ cwd: checkout, reject: false, all: true },
        env: { [emulatorVariable]: library, [orderVariable]: String(order), NODE_OPTIONS: '' },
      });
      t.notRegex(ran.all, /^1\.\.0$/m, 'a test ran');
      if (ran.exitCode !== 0 && /^not ok /m.test(ran.all)) noticed.push(order);
    }
    t.not(noticed.length, 0);
  });
}

function argumentsOf({ kernel, match }: Damage): readonly string[] {
  const ava = ['node_modules/ava/entrypoints/cli.mjs', '--tap', '--fail-fast', '--timeout=10m'];
  return [...ava, `--config=${deviceConfig}`, `--match=${match}`, deviceTests[kernel]];
}
